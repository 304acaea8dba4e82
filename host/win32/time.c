// SPDX-License-Identifier: MIT
// Time and the system.

#include "win32/k32.h"

#include <string.h>

#include "os/os.h"

// 100 ns units since 1601 at 1970-01-01.
#define K32_UNIX_EPOCH 116444736000000000ull

// The performance counter is the executive's KeQueryPerformanceCounter: the monotonic clock in 100 ns
// units, so a driver's timestamps and an application's compare.
BOOL WINAPI
QueryPerformanceCounter(LARGE_INTEGER *Counter)
{
    Counter->QuadPart = (LONGLONG)(OsMonotonicNs() / 100);
    return TRUE;
}

BOOL WINAPI
QueryPerformanceFrequency(LARGE_INTEGER *Frequency)
{
    Frequency->QuadPart = 10000000;
    return TRUE;
}

ULONGLONG WINAPI
GetTickCount64(void)
{
    return OsMonotonicNs() / 1000000;
}

DWORD WINAPI
GetTickCount(void)
{
    return (DWORD)GetTickCount64();
}

void WINAPI
GetSystemTimeAsFileTime(LPFILETIME Time)
{
    uint64_t Now = OsRealtimeNs() / 100 + K32_UNIX_EPOCH;
    Time->dwLowDateTime = (DWORD)Now;
    Time->dwHighDateTime = (DWORD)(Now >> 32);
}

void WINAPI
GetSystemTimePreciseAsFileTime(LPFILETIME Time)
{
    GetSystemTimeAsFileTime(Time);
}

void WINAPI
GetSystemInfo(LPSYSTEM_INFO Information)
{
    memset(Information, 0, sizeof(*Information));
    Information->wProcessorArchitecture = PROCESSOR_ARCHITECTURE_AMD64;
    Information->dwPageSize = 4096;
    Information->dwAllocationGranularity = 65536;
    Information->lpMinimumApplicationAddress = (LPVOID)0x10000;
    Information->lpMaximumApplicationAddress = (LPVOID)0x7FFFFFFEFFFFull;
    Information->dwNumberOfProcessors = OsProcessorCount();
    Information->dwActiveProcessorMask =
        OsProcessorCount() >= 64 ? ~(DWORD_PTR)0 : ((DWORD_PTR)1 << OsProcessorCount()) - 1;
    Information->dwProcessorType = PROCESSOR_AMD_X8664;
}
