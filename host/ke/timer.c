// SPDX-License-Identifier: MIT
// Timers: the KeXxxTimer routines, expiry, and the thread that sleeps until the next due time.
//
// Everything about a timer is guarded by KiDispatcherLock; the wheel that holds the inserted ones is in
// wheel.c. The timer thread sleeps on KiTimerWord until KiTimerSleepUntil. Whoever inserts an earlier
// due time lowers KiTimerSleepUntil and increments the word under the lock, and wakes the thread after
// dropping it. The thread read the word under the lock, after it had looked at the wheel: so either it
// saw the timer, or OsWaitWord finds the word changed. Cancelling wakes nobody: the thread may wake
// once too often.
//
// A DPC of an expiring timer is put into a processor's queue before KiDispatcherLock is dropped, by a
// thread that owns that processor. So once KeCancelTimer returned FALSE, KeFlushQueuedDpcs (which must
// own each processor in turn) finds the DPC queued or waits for it to return, and afterwards the
// driver may free it.
//
// A periodic timer is due at its first due time plus multiples of its period, however late the thread
// was; periods that passed altogether are skipped, as their DPCs would have been one.
#include "ke/kiwheel.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define KI_EXPIRE_BATCH 64u
#define KI_PERIOD_UNITS 10000u  // 100 ns units in a millisecond

static ULONGLONG KiTimerSleepUntil;  // guarded by KiDispatcherLock; 0 while the thread is awake
static BOOLEAN KiTimerStopping;      // guarded by KiDispatcherLock
static uint32_t KiTimerWord;         // atomic futex word, incremented under KiDispatcherLock

void
KiWakeTimerThread(void)
{
    OsWakeWord(&KiTimerWord, 1, false);
}

void
KiResetTimers(void)
{
    KiWheelReset((ULONGLONG)KiInterruptTime());
    KiTimerSleepUntil = 0;
    KiTimerStopping = FALSE;
    KiTimerWord = 0;
}

BOOLEAN
KiTimerInserted(const KTIMER *Timer)
{
    return Timer->Header.TimerMiscFlags != 0;
}

void
KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime, KI_WAKE *Wake)
{
    KiWheelInsert(Timer, DueTime);
    if (DueTime < KiTimerSleepUntil)
    {
        KiTimerSleepUntil = DueTime;
        // Relaxed: the lock orders it for the timer thread.
        (void)__atomic_fetch_add(&KiTimerWord, 1, __ATOMIC_RELAXED);
        Wake->WakeTimers = TRUE;
    }
}

BOOLEAN
KiRemoveTimer(PKTIMER Timer)
{
    if (!KiTimerInserted(Timer))
    {
        return FALSE;
    }
    KiWheelRemove(Timer);
    return TRUE;
}

// The timer is not inserted. The caller owns a processor if it has a DPC.
static void
KipFireTimer(PKTIMER Timer, ULONGLONG Now, KI_WAKE *Wake)
{
    PKDPC Dpc = Timer->Dpc;

    if (Timer->Header.Type == KiWaitTimer)
    {
        PKTHREAD Thread = CONTAINING_RECORD(Timer, KTHREAD, WaitTimer);

        Thread->WaitTimerSet = FALSE;
        (void)KiUnwaitThread(Thread, STATUS_TIMEOUT, Wake);
        return;
    }
    KiSetSignalState(&Timer->Header, 1);
    KiSignalObject(&Timer->Header, Wake);
    if (Timer->Period != 0)
    {
        ULONGLONG Period = (ULONGLONG)Timer->Period * KI_PERIOD_UNITS;
        ULONGLONG Next = Timer->DueTime.QuadPart + Period;

        if (Next <= Now)
        {
            Next += (Now - Next) / Period * Period + Period;
        }
        KiInsertTimer(Timer, Next, Wake);
    }
    if (Dpc != NULL)
    {
        // NT hands a timer's DPC the time of its expiry.
        LARGE_INTEGER Time;

        Time.QuadPart = KiSystemTime();
        (void)KiInsertDpc(Dpc, (PVOID)(ULONG_PTR)Time.u.LowPart,
                          (PVOID)(ULONG_PTR)(ULONG)Time.u.HighPart);
    }
}

void
KiTimerLoop(void)
{
    for (;;)
    {
        KI_WAKE Wake = {0};
        ULONGLONG Now, Next;
        uint32_t Word;
        unsigned Count = 0;
        PKTIMER Timer;
        BOOLEAN Stopping;

        // Own a processor first, so that the DPCs run here when IRQL drops.
        (void)KeRaiseIrqlToDpcLevel();
        KiLockDispatcher();
        KiTimerSleepUntil = 0;
        Now = (ULONGLONG)KiInterruptTime();
        while (Count < KI_EXPIRE_BATCH && (Timer = KiWheelTakeDue(Now)) != NULL)
        {
            KipFireTimer(Timer, Now, &Wake);
            Count++;
        }
        Next = Count < KI_EXPIRE_BATCH ? KiWheelNext() : 0;
        KiTimerSleepUntil = Next;
        Word = __atomic_load_n(&KiTimerWord, __ATOMIC_RELAXED);
        Stopping = KiTimerStopping;
        KiUnlockDispatcher(&Wake);
        KeLowerIrql(PASSIVE_LEVEL);
        if (Stopping)
        {
            return;
        }
        if (Next != 0)
        {
            (void)OsWaitWord(&KiTimerWord, Word, Next >= UINT64_MAX / 100 ? OS_FOREVER : Next * 100,
                             false);
        }
    }
}

void
KiStopTimers(void)
{
    KiLockDispatcher();
    KiTimerStopping = TRUE;
    (void)__atomic_fetch_add(&KiTimerWord, 1, __ATOMIC_RELAXED);
    OsLockRelease(&KiDispatcherLock);
    KiWakeTimerThread();
}

VOID
KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    if (VfLevel != VfOff && KiFindTimerIn(Timer, Timer + 1) != NULL)
    {
        VfBugCheck(VfBug_TIMER_OR_DPC_INVALID, 0, (ULONG_PTR)Timer, (ULONG_PTR)Timer,
                   (ULONG_PTR)(Timer + 1), "KeInitializeTimer was called on a timer that is set.");
    }
    KiInitializeHeader(&Timer->Header,
                       Type == NotificationTimer ? KiTimerNotification : KiTimerSynchronization, 0);
    Timer->DueTime.QuadPart = 0;
    Timer->TimerListEntry.Flink = Timer->TimerListEntry.Blink = NULL;
    Timer->Dpc = NULL;
    Timer->Processor = 0;
    Timer->TimerType = (USHORT)Type;
    Timer->Period = 0;
}

VOID
KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}

static void
KipCheckTimer(PKTIMER Timer, const char *Function)
{
    if ((Timer->Header.Type != KiTimerNotification &&
         Timer->Header.Type != KiTimerSynchronization) ||
        !KiIsInitialized(&Timer->Header))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Timer, Timer->Header.Type,
                   0, 0, "%s: %p is not an initialized timer.", Function, (void *)Timer);
    }
}

BOOLEAN
KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    KI_WAKE Wake = {0};
    ULONGLONG Now, Due;
    BOOLEAN WasInserted;
    KIRQL OldIrql;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    KipCheckTimer(Timer, __func__);
    if (Period < 0 || (Dpc != NULL && Dpc->Type != KiDpcObject))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Timer,
                   (ULONG_PTR)(LONG_PTR)Period, (ULONG_PTR)Dpc, 0,
                   "KeSetTimerEx: a negative period (%d), or a DPC that was not initialized.",
                   Period);
    }
    // At DISPATCH_LEVEL because a due time that has passed queues the DPC now.
    OldIrql = KeRaiseIrqlToDpcLevel();
    KiLockDispatcher();
    WasInserted = KiRemoveTimer(Timer);
    KiSetSignalState(&Timer->Header, 0);
    Timer->Dpc = Dpc;
    Timer->Period = (ULONG)Period;
    Now = (ULONGLONG)KiInterruptTime();
    Due = KiDueTime(DueTime.QuadPart, Now);
    if (Due == 0)
    {
        Timer->DueTime.QuadPart = Now;
        KipFireTimer(Timer, Now, &Wake);
    }
    else
    {
        KiInsertTimer(Timer, Due, &Wake);
    }
    KiUnlockDispatcher(&Wake);
    KeLowerIrql(OldIrql);
    return WasInserted;
}

BOOLEAN
KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

// Any expiry between DueTime and DueTime + TolerableDelay (ms) keeps the contract; we take the first.
BOOLEAN
KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay,
                      PKDPC Dpc)
{
    UNREFERENCED_PARAMETER(TolerableDelay);
    return KeSetTimerEx(Timer, DueTime, (LONG)Period, Dpc);
}

BOOLEAN
KeCancelTimer(PKTIMER Timer)
{
    BOOLEAN WasInserted;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    KipCheckTimer(Timer, __func__);
    KiLockDispatcher();
    WasInserted = KiRemoveTimer(Timer);
    OsLockRelease(&KiDispatcherLock);
    return WasInserted;
}

BOOLEAN
KeReadStateTimer(PKTIMER Timer)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    KipCheckTimer(Timer, __func__);
    return KiSignalState(&Timer->Header) != 0;
}

PKTIMER
KiFindTimerIn(const void *Low, const void *High)
{
    PKTIMER Found;

    if (!KiWheelMayHold(Low, High))
    {
        return NULL;
    }
    KiLockDispatcher();
    Found = KiWheelFind(Low, High);
    OsLockRelease(&KiDispatcherLock);
    return Found;
}
