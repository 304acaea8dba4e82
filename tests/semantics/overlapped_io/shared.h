// SPDX-License-Identifier: MIT
// What the driver and the application of this test agree on.
#ifndef OVERLAPPED_IO_SHARED_H
#define OVERLAPPED_IO_SHARED_H

// Pends until OVTEST_RELEASE; output: the UINT64 that the release carried.
#define OVTEST_WAIT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
// Input: OVTEST_RELEASE_REQUEST. Completes the oldest waiters; output: UINT32, how many there were.
#define OVTEST_RELEASE CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)
// Output: UINT32, how many wait.
#define OVTEST_COUNT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_ANY_ACCESS)
// Output: the bytes 0, 1, 2 ... 250, 0 ... Input: UINT32, 1: pend it until OVTEST_RELEASE.
#define OVTEST_FILL CTL_CODE(FILE_DEVICE_UNKNOWN, 0x803, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)
// Input: room for a UINT32; completes with the sum of the "output" buffer's bytes as Information.
#define OVTEST_SUM CTL_CODE(FILE_DEVICE_UNKNOWN, 0x804, METHOD_IN_DIRECT, FILE_ANY_ACCESS)

typedef struct OVTEST_RELEASE_REQUEST
{
    UINT32 Count;
    UINT32 FromDpc;  // 1: complete at DISPATCH_LEVEL, in a DPC
    UINT32 Status;   // NTSTATUS to complete with
    UINT32 Reserved;
    UINT64 Value;  // the first gets it, the next one more, ...
} OVTEST_RELEASE_REQUEST;

#endif
