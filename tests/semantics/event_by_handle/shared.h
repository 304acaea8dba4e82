// SPDX-License-Identifier: MIT
// What the driver and the application of this test agree on.
#ifndef EVENT_BY_HANDLE_SHARED_H
#define EVENT_BY_HANDLE_SHARED_H

#define EVTEST_ECHO   CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define EVTEST_ARM    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_WRITE_ACCESS)
#define EVTEST_DISARM CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS)

// EVTEST_ARM: set Event from a timer DPC after Milliseconds (one-shot).
typedef struct EVTEST_REQUEST
{
    UINT64 Event;
    UINT32 Milliseconds;
    UINT32 Reserved;
} EVTEST_REQUEST;

#endif
