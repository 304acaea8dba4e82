// SPDX-License-Identifier: MIT
// Time: interrupt time, system time, ticks, the performance counter, stalling.
//
// One clock behind all but system time: CLOCK_MONOTONIC, in 100 ns units. The performance counter is
// that count at a frequency of 10,000,000 Hz (Windows 10's), so that a driver and an application that
// read it compare like with like; the application side computes it in the same way. System time is
// CLOCK_REALTIME. Absolute due times are converted when a wait or a timer begins: setting the clock
// afterwards does not move them.
#include "ke/ki.h"

#define KI_UNIX_EPOCH 116444736000000000ll  // 1970-01-01 in 100 ns units since 1601

LONGLONG
KiInterruptTime(void)
{
    return (LONGLONG)(OsMonotonicNs() / 100);
}

LONGLONG
KiSystemTime(void)
{
    return KI_UNIX_EPOCH + (LONGLONG)(OsRealtimeNs() / 100);
}

ULONGLONG
KiDueTime(LONGLONG Timeout, ULONGLONG Now)
{
    ULONGLONG Delay;
    ULONGLONG Due;

    if (Timeout == 0)
    {
        return 0;
    }
    if (Timeout < 0)
    {
        // One more, because Now was rounded down: a wait must not end early.
        Delay = 0 - (ULONGLONG)Timeout + 1;
    }
    else
    {
        LONGLONG System = KiSystemTime();

        if (Timeout <= System)
        {
            return 0;
        }
        Delay = (ULONGLONG)(Timeout - System);
    }
    return __builtin_add_overflow(Now, Delay, &Due) ? UINT64_MAX : Due;
}

uint64_t
KiDeadline(const LARGE_INTEGER *Timeout)
{
    ULONGLONG Due;

    if (Timeout == NULL)
    {
        return OS_FOREVER;
    }
    Due = KiDueTime(Timeout->QuadPart, (ULONGLONG)KiInterruptTime());
    return Due >= UINT64_MAX / 100 ? OS_FOREVER : Due * 100;
}

VOID
KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = KiSystemTime();
}

VOID
KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = KiSystemTime();
}

VOID
KeQueryTickCount(PLARGE_INTEGER CurrentCount)
{
    CurrentCount->QuadPart = KiInterruptTime() / KI_TIME_INCREMENT;
}

ULONG
KeQueryTimeIncrement(VOID)
{
    return KI_TIME_INCREMENT;
}

ULONGLONG
KeQueryInterruptTime(VOID)
{
    return (ULONGLONG)KiInterruptTime();
}

ULONGLONG
KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    ULONGLONG Now = (ULONGLONG)KiInterruptTime();

    *QpcTimeStamp = Now;
    return Now;
}

// CLOCK_MONOTONIC does not count suspended time, so there is no bias to take off.
ULONGLONG
KeQueryUnbiasedInterruptTime(VOID)
{
    return (ULONGLONG)KiInterruptTime();
}

LARGE_INTEGER
KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER Counter;

    if (PerformanceFrequency != NULL)
    {
        PerformanceFrequency->QuadPart = KI_COUNTER_FREQUENCY;
    }
    Counter.QuadPart = KiInterruptTime();
    return Counter;
}

VOID
KeStallExecutionProcessor(ULONG MicroSeconds)
{
    uint64_t End = OsMonotonicNs() + (uint64_t)MicroSeconds * 1000;

    while (OsMonotonicNs() < End)
    {
        OsPause();
    }
}
