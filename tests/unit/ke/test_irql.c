// SPDX-License-Identifier: MIT
// IRQL, virtual processors, spin locks, time.
#include "test.h"

#define THREADS 4

static void
RaisingAndLoweringTakesAndGivesAProcessor(void **State)
{
    KIRQL Old;

    (void)State;
    TestStart(2);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeRaiseIrql(APC_LEVEL, &Old);
    assert_int_equal(Old, PASSIVE_LEVEL);
    assert_null(KiCurrentThread->Prcb);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    assert_int_equal(Old, APC_LEVEL);
    assert_non_null(KiCurrentThread->Prcb);
    assert_ptr_equal(KiCurrentThread->Prcb->Current, KiCurrentThread);
    assert_int_equal(KeGetCurrentProcessorNumber(), KiCurrentThread->Prcb->Number);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    assert_int_equal(Old, DISPATCH_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), HIGH_LEVEL);
    KeLowerIrql(DISPATCH_LEVEL);
    assert_non_null(KiCurrentThread->Prcb);
    KeLowerIrql(APC_LEVEL);
    assert_null(KiCurrentThread->Prcb);
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
    TestStop();
}

static unsigned PerProcessor[KI_MAX_PROCESSORS][32];  // plain: owning the processor is the lock

static void
CountOnProcessor(void *Context)
{
    unsigned Rounds = *(unsigned *)Context;

    for (unsigned i = 0; i < Rounds; i++)
    {
        KIRQL Old = KeRaiseIrqlToDpcLevel();

        PerProcessor[KeGetCurrentProcessorNumber()][0]++;
        KeLowerIrql(Old);
    }
}

static void
AProcessorHasOneOwnerAtATime(void **State)
{
    unsigned Rounds = TEST_ROUNDS(200000), Total = 0;
    TEST_THREAD Threads[THREADS];

    (void)State;
    TestStart(2);  // fewer than threads: taking has to wait
    memset(PerProcessor, 0, sizeof(PerProcessor));
    for (unsigned i = 0; i < THREADS; i++)
    {
        TestThreadStart(&Threads[i], CountOnProcessor, &Rounds);
    }
    for (unsigned i = 0; i < THREADS; i++)
    {
        TestThreadJoin(&Threads[i]);
    }
    for (unsigned i = 0; i < KI_MAX_PROCESSORS; i++)
    {
        Total += PerProcessor[i][0];
        assert_true(i < 2 || PerProcessor[i][0] == 0);
    }
    assert_int_equal(Total, THREADS * Rounds);
    KeFlushQueuedDpcs();  // takes each of them once more
    TestStop();
}

static void
HoldProcessor(void *Context)
{
    KEVENT *Events = Context;
    KIRQL Old = KeRaiseIrqlToDpcLevel();

    KeSetEvent(&Events[0], 0, FALSE);
    while (KeReadStateEvent(&Events[1]) == 0)
    {
        OsYield();
    }
    KeLowerIrql(Old);
}

static void
WaitForProcessor(void *Context)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();

    KeSetEvent(Context, 0, FALSE);
    KeLowerIrql(Old);
}

static void
AWaiterSleepsUntilAProcessorIsGivenBack(void **State)
{
    KEVENT Events[3];
    TEST_THREAD Holder, Waiters[3];

    (void)State;
    TestStart(1);
    KeInitializeEvent(&Events[0], NotificationEvent, FALSE);
    KeInitializeEvent(&Events[1], NotificationEvent, FALSE);
    KeInitializeEvent(&Events[2], SynchronizationEvent, FALSE);
    TestThreadStart(&Holder, HoldProcessor, Events);
    assert_int_equal(KeWaitForSingleObject(&Events[0], Executive, KernelMode, FALSE, NULL), 0);
    for (unsigned i = 0; i < 3; i++)
    {
        TestThreadStart(&Waiters[i], WaitForProcessor, &Events[2]);
    }
    // The mark says that somebody committed to sleep for it.
    while ((__atomic_load_n(&KiProcessor[0].Owner, __ATOMIC_RELAXED) & 0x80000000u) == 0)
    {
        OsYield();
    }
    assert_int_equal(KeReadStateEvent(&Events[2]), 0);
    KeSetEvent(&Events[1], 0, FALSE);
    TestThreadJoin(&Holder);
    for (unsigned i = 0; i < 3; i++)
    {
        TestThreadJoin(&Waiters[i]);
    }
    assert_int_equal(KeReadStateEvent(&Events[2]), 1);
    TestStop();
}

typedef struct LOCKED
{
    KSPIN_LOCK Lock;
    unsigned Rounds;
    BOOLEAN Queued;
    unsigned Counter;  // guarded by Lock
} LOCKED;

static void
CountLocked(void *Context)
{
    LOCKED *Locked = Context;

    for (unsigned i = 0; i < Locked->Rounds; i++)
    {
        if (Locked->Queued)
        {
            KLOCK_QUEUE_HANDLE Handle;

            KeAcquireInStackQueuedSpinLock(&Locked->Lock, &Handle);
            Locked->Counter++;
            KeReleaseInStackQueuedSpinLock(&Handle);
        }
        else
        {
            KIRQL Old;

            KeAcquireSpinLock(&Locked->Lock, &Old);
            Locked->Counter++;
            KeReleaseSpinLock(&Locked->Lock, Old);
        }
    }
}

static void
SpinLocksExclude(void **State)
{
    (void)State;
    TestStart(3);
    for (unsigned Queued = 0; Queued < 2; Queued++)
    {
        LOCKED Locked = {.Rounds = TEST_ROUNDS(100000), .Queued = (BOOLEAN)Queued};
        TEST_THREAD Threads[THREADS];

        KeInitializeSpinLock(&Locked.Lock);
        for (unsigned i = 0; i < THREADS; i++)
        {
            TestThreadStart(&Threads[i], CountLocked, &Locked);
        }
        for (unsigned i = 0; i < THREADS; i++)
        {
            TestThreadJoin(&Threads[i]);
        }
        assert_int_equal(Locked.Counter, THREADS * Locked.Rounds);
        assert_true(KeTestSpinLock(&Locked.Lock));
    }
    TestStop();
}

static void
SpinLocksNestAndCanBeTried(void **State)
{
    KSPIN_LOCK A, B;
    KLOCK_QUEUE_HANDLE Handle;
    KIRQL Old;

    (void)State;
    TestStart(2);
    KeInitializeSpinLock(&A);
    KeInitializeSpinLock(&B);
    KeAcquireSpinLock(&A, &Old);
    assert_int_equal(Old, PASSIVE_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    assert_false(KeTestSpinLock(&A));
    assert_false(KeTryToAcquireSpinLockAtDpcLevel(&A));
    assert_true(KeTryToAcquireSpinLockAtDpcLevel(&B));
    assert_int_equal(KiCurrentThread->SpinLocksHeld, 2);
    KeReleaseSpinLockFromDpcLevel(&B);
    KeAcquireSpinLockAtDpcLevel(&B);
    KeReleaseSpinLockFromDpcLevel(&B);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&B, &Handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle);
    KeReleaseSpinLock(&A, Old);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_int_equal(KiCurrentThread->SpinLocksHeld, 0);
    KeAcquireInStackQueuedSpinLock(&A, &Handle);
    assert_int_equal(Handle.OldIrql, PASSIVE_LEVEL);
    KeReleaseInStackQueuedSpinLock(&Handle);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    TestStop();
}

static KSPIN_LOCK BadLock;

static void
Recursion(void)
{
    KIRQL Old;

    KeAcquireSpinLock(&BadLock, &Old);
    KeAcquireSpinLockAtDpcLevel(&BadLock);
}

static void
ReleaseUnheld(void)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();

    KeReleaseSpinLock(&BadLock, Old);
}

static void
TakeBadLock(void *Context)
{
    KIRQL Old;

    UNREFERENCED_PARAMETER(Context);
    KeAcquireSpinLock(&BadLock, &Old);
    for (;;)
    {
        OsYield();
    }
}

static void
ReleaseOthers(void)
{
    static TEST_THREAD Thread;

    TestThreadStart(&Thread, TakeBadLock, NULL);
    while (KeTestSpinLock(&BadLock))
    {
        OsYield();
    }
    (void)KeRaiseIrqlToDpcLevel();
    KeReleaseSpinLockFromDpcLevel(&BadLock);
}

static void
MixKinds(void)
{
    KLOCK_QUEUE_HANDLE Handle;

    KeAcquireInStackQueuedSpinLock(&BadLock, &Handle);
    KeReleaseSpinLock(&BadLock, PASSIVE_LEVEL);
}

static void
LowerWithLock(void)
{
    KIRQL Old;

    KeAcquireSpinLock(&BadLock, &Old);
    KeLowerIrql(Old);
}

static void
AcquireTooLow(void)
{
    KeAcquireSpinLockAtDpcLevel(&BadLock);
}

static void
AcquireTooHigh(void)
{
    KIRQL Old;

    KeRaiseIrql(HIGH_LEVEL, &Old);
    KeAcquireSpinLock(&BadLock, &Old);
}

static void
RaiseDown(void)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();

    KeRaiseIrql(APC_LEVEL, &Old);
}

static void
LowerUp(void)
{
    KeLowerIrql(DISPATCH_LEVEL);
}

static void
EndRaised(void)
{
    static TEST_THREAD Thread;

    (void)Thread;
    (void)KeRaiseIrqlToDpcLevel();
    KiTerminateThread(KiCurrentThread);
}

static void
LeaveNothing(void)
{
    KeEnterGuardedRegion();
    KeLeaveCriticalRegion();
}

static void
MisuseIsABugCheck(void **State)
{
    (void)State;
    TestExpectBugCheck(Recursion, "SPIN_LOCK_ALREADY_OWNED", "KeAcquireSpinLockAtDpcLevel", NULL);
    TestExpectBugCheck(ReleaseUnheld, "SPIN_LOCK_NOT_OWNED", "not held", NULL);
    TestExpectBugCheck(ReleaseOthers, "SPIN_LOCK_NOT_OWNED", "another thread", NULL);
    TestExpectBugCheck(MixKinds, "DRIVER_VERIFIER_DETECTED_VIOLATION", "mixed", NULL);
    TestExpectBugCheck(LowerWithLock, "DRIVER_VERIFIER_DETECTED_VIOLATION", "1 spin lock", NULL);
    TestExpectBugCheck(AcquireTooLow, "IRQL_NOT_GREATER_OR_EQUAL", "DISPATCH_LEVEL", NULL);
    TestExpectBugCheck(AcquireTooHigh, "IRQL_NOT_GREATER_OR_EQUAL", "IRQL 15", NULL);
    TestExpectBugCheck(RaiseDown, "IRQL_NOT_GREATER_OR_EQUAL", "KeRaiseIrql to 1", NULL);
    TestExpectBugCheck(LowerUp, "IRQL_NOT_LESS_OR_EQUAL", "KeLowerIrql to 2", NULL);
    TestExpectBugCheck(EndRaised, "IRQL_NOT_LESS_OR_EQUAL", "ended at IRQL 2", NULL);
    TestExpectBugCheck(LeaveNothing, "APC_INDEX_MISMATCH", "KeLeaveCriticalRegion", NULL);
}

static void
RegionsAreCounted(void **State)
{
    (void)State;
    TestStart(2);
    assert_false(KeAreApcsDisabled());
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    assert_true(KeAreApcsDisabled());
    assert_false(KeAreAllApcsDisabled());
    KeLeaveCriticalRegion();
    assert_true(KeAreApcsDisabled());
    KeLeaveCriticalRegion();
    assert_false(KeAreApcsDisabled());
    KeEnterGuardedRegion();
    assert_true(KeAreAllApcsDisabled());
    KeLeaveGuardedRegion();
    assert_false(KeAreAllApcsDisabled());
    assert_int_equal(KeSetPriorityThread(KeGetCurrentThread(), LOW_REALTIME_PRIORITY), 8);
    assert_int_equal(KeQueryPriorityThread(KeGetCurrentThread()), LOW_REALTIME_PRIORITY);
    TestStop();
}

static void
ProcessorsAreNumbered(void **State)
{
    PROCESSOR_NUMBER Number;
    KAFFINITY Affinity = 0;

    (void)State;
    TestStart(3);
    assert_int_equal(KeQueryActiveProcessorCount(&Affinity), 3);
    assert_int_equal(Affinity, 7);
    assert_int_equal(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), 3);
    assert_int_equal(KeQueryActiveProcessorCountEx(1), 0);
    assert_int_equal(KeQueryMaximumProcessorCount(), 3);
    assert_true(KeGetCurrentProcessorNumberEx(&Number) < 3);
    assert_int_equal(KeGetProcessorIndexFromNumber(&Number), Number.Number);
    assert_int_equal(KeGetProcessorNumberFromIndex(2, &Number), STATUS_SUCCESS);
    assert_int_equal(KeGetProcessorNumberFromIndex(3, &Number), STATUS_INVALID_PARAMETER);
    assert_int_equal(Number.Number, 2);
    TestStop();
    assert_int_equal(KiStart(KI_MAX_PROCESSORS + 1), STATUS_INVALID_PARAMETER);
}

static void
ClocksAgree(void **State)
{
    LARGE_INTEGER Frequency, Counter, Tick, System;
    ULONGLONG Before, After;
    ULONG64 Stamp;

    (void)State;
    TestStart(2);
    Before = KeQueryInterruptTime();
    Counter = KeQueryPerformanceCounter(&Frequency);
    KeQueryTickCount(&Tick);
    KeStallExecutionProcessor(50);
    After = KeQueryInterruptTimePrecise(&Stamp);
    assert_int_equal(Frequency.QuadPart, 10000000);
    assert_true(After - Before >= 500);
    assert_in_range(Counter.QuadPart, Before, After);
    assert_in_range(Tick.QuadPart, Before / KeQueryTimeIncrement(), After / KeQueryTimeIncrement());
    assert_int_equal(Stamp, After);
    KeQuerySystemTime(&System);
    assert_in_range(System.QuadPart, 116444736000000000ull, 200000000000000000ull);
    TestStop();
}

static void
StartsAgainAndAgain(void **State)
{
    (void)State;
    for (unsigned i = 0; i < 20; i++)
    {
        TestStart(i % 4 + 1);
        TestStop();
    }
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(RaisingAndLoweringTakesAndGivesAProcessor),
        cmocka_unit_test(AProcessorHasOneOwnerAtATime),
        cmocka_unit_test(AWaiterSleepsUntilAProcessorIsGivenBack),
        cmocka_unit_test(SpinLocksExclude),
        cmocka_unit_test(SpinLocksNestAndCanBeTried),
        cmocka_unit_test(MisuseIsABugCheck),
        cmocka_unit_test(RegionsAreCounted),
        cmocka_unit_test(ProcessorsAreNumbered),
        cmocka_unit_test(ClocksAgree),
        cmocka_unit_test(StartsAgainAndAgain),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ke.irql", Tests, NULL, NULL);
}
