// SPDX-License-Identifier: MIT
// What the driver and the application of the call and wake measures agree on.
#ifndef BENCH_CALLS_SHARED_H
#define BENCH_CALLS_SHARED_H

// Buffered: copies its input to its output.
#define BENCH_ECHO CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
// In: the handle of an event as a UINT64; it is set from now on. One at a time.
#define BENCH_TAKE_EVENT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_WRITE_ACCESS)
// In: 100 ns units as a UINT64. A timer's DPC stamps the performance counter and sets the event.
#define BENCH_ARM CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS)
// Out: the last stamp, a UINT64.
#define BENCH_STAMP CTL_CODE(FILE_DEVICE_UNKNOWN, 0x803, METHOD_BUFFERED, FILE_ANY_ACCESS)
// Gives the event back.
#define BENCH_DROP_EVENT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x804, METHOD_BUFFERED, FILE_WRITE_ACCESS)

#endif
