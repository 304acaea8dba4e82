// SPDX-License-Identifier: MIT
// What the driver and the application of the notify measure agree on.
#ifndef BENCH_NOTIFY_SHARED_H
#define BENCH_NOTIFY_SHARED_H

#define BENCH_NOTIFY_BYTES 64u

// In: how many records as a UINT64. Publishes that many of BENCH_NOTIFY_BYTES at DISPATCH_LEVEL, one
// UpcallNotify each. Out: how long that took, in performance counter units, a UINT64.
#define BENCH_PUBLISH     CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_READ_ACCESS)
#define BENCH_MAX_PUBLISH 4096u

#endif
