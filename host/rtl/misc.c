// SPDX-License-Identifier: MIT
// System version, random numbers, calendar, stack capture.
#include "rtl/rtlp.h"

#include "os/os.h"

#define TICKS_PER_MILLISECOND 10000
#define MILLISECONDS_PER_DAY  86400000

// Windows 10 22H2.
#define MAJOR_VERSION 10
#define MINOR_VERSION 0
#define BUILD_NUMBER  19045

NTSTATUS NTAPI
RtlGetVersion(RTL_OSVERSIONINFOEXW *VersionInformation)
{
    VersionInformation->dwMajorVersion = MAJOR_VERSION;
    VersionInformation->dwMinorVersion = MINOR_VERSION;
    VersionInformation->dwBuildNumber = BUILD_NUMBER;
    VersionInformation->dwPlatformId = VER_PLATFORM_WIN32_NT;
    VersionInformation->szCSDVersion[0] = 0;
    // The size says which of the two structures it is.
    if (VersionInformation->dwOSVersionInfoSize == sizeof(RTL_OSVERSIONINFOEXW))
    {
        VersionInformation->wServicePackMajor = 0;
        VersionInformation->wServicePackMinor = 0;
        VersionInformation->wSuiteMask = 0;
        VersionInformation->wProductType = VER_NT_WORKSTATION;
        VersionInformation->wReserved = 0;
    }
    return STATUS_SUCCESS;
}

// Uniform over 0 .. MAXLONG - 1, from the seed alone: a minimal standard generator (Park and Miller).
ULONG
RtlRandomEx(PULONG Seed)
{
    ULONG Value = *Seed % MAXLONG;

    if (Value == 0)
    {
        Value = 1;  // the generator would stay at zero
    }
    Value = (ULONG)((ULONGLONG)Value * 48271 % MAXLONG);
    *Seed = Value;
    return Value;
}

ULONG
RtlRandom(PULONG Seed)
{
    return RtlRandomEx(Seed);
}

// Days since 1601-01-01 to a date, by eras of 400 years counted from a March (so that a leap day is
// the last of its year).
VOID
RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    ULONGLONG Milliseconds = (ULONGLONG)Time->QuadPart / TICKS_PER_MILLISECOND;
    ULONGLONG Days = Milliseconds / MILLISECONDS_PER_DAY;
    ULONG OfDay = (ULONG)(Milliseconds % MILLISECONDS_PER_DAY);
    ULONGLONG Shifted = Days + 306;  // since 1600-03-01
    ULONG Era = (ULONG)(Shifted / 146097);
    ULONG OfEra = (ULONG)(Shifted % 146097);
    ULONG YearOfEra = (OfEra - OfEra / 1460 + OfEra / 36524 - OfEra / 146096) / 365;
    ULONG OfYear = OfEra - (365 * YearOfEra + YearOfEra / 4 - YearOfEra / 100);
    ULONG Shift = (5 * OfYear + 2) / 153;  // months since March
    ULONG Month = Shift < 10 ? Shift + 3 : Shift - 9;

    TimeFields->Year = (CSHORT)(1600 + Era * 400 + YearOfEra + (Month <= 2));
    TimeFields->Month = (CSHORT)Month;
    TimeFields->Day = (CSHORT)(OfYear - (153 * Shift + 2) / 5 + 1);
    TimeFields->Hour = (CSHORT)(OfDay / 3600000);
    TimeFields->Minute = (CSHORT)(OfDay / 60000 % 60);
    TimeFields->Second = (CSHORT)(OfDay / 1000 % 60);
    TimeFields->Milliseconds = (CSHORT)(OfDay % 1000);
    TimeFields->Weekday = (CSHORT)((Days + 1) % 7);  // 1601-01-01 was a Monday; 0 is Sunday
}

USHORT
RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace,
                         PULONG BackTraceHash)
{
    ULONG Count = OsStackCapture(BackTrace, min(FramesToCapture, MAXUSHORT), FramesToSkip);
    ULONG Hash = 0;

    for (ULONG Index = 0; Index < Count; Index++)
    {
        Hash += (ULONG)(ULONG_PTR)BackTrace[Index];
    }
    if (BackTraceHash != NULL)
    {
        *BackTraceHash = Hash;
    }
    return (USHORT)Count;
}
