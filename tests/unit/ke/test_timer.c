// SPDX-License-Identifier: MIT
// Timers: the wheel against a plain model, one-shot and periodic, DPCs, cancelling, misuse.
#include "test.h"

#include "ke/kiwheel.h"

#include <stdlib.h>

static uint64_t Seed;

static uint64_t
Random(void)
{
    Seed ^= Seed << 13;
    Seed ^= Seed >> 7;
    Seed ^= Seed << 17;
    return Seed;
}

// The wheel in virtual time (KiStart's timer thread sleeps: nobody else inserts), against an array.
static void
TheWheelAgreesWithAModel(void **State)
{
    enum
    {
        N = 200
    };
    static KTIMER Timers[N];
    ULONGLONG Now;

    (void)State;
    TestStart(2);
    KiLockDispatcher();
    for (unsigned Run = 0; Run < 40; Run++)
    {
        Seed = 88172645463325252ull + Run;
        Now = Random() >> (Run % 20);
        KiWheelReset(Now);
        memset(Timers, 0, sizeof(Timers));
        for (unsigned Step = 0; Step < 3000; Step++)
        {
            PKTIMER Timer = &Timers[Random() % N];
            ULONGLONG First = UINT64_MAX;

            switch (Random() % 4)
            {
            case 0:
            case 1:
                if (!KiTimerInserted(Timer))
                {
                    // Spread over all magnitudes, some in the past, some for ever.
                    ULONGLONG Delay = Random() >> (Random() % 64);
                    ULONGLONG Due;

                    if (__builtin_add_overflow(Now, Delay, &Due))
                    {
                        Due = UINT64_MAX - 1;
                    }
                    KiWheelInsert(Timer, Random() % 16 == 0 && Now > 100 ? Now - 100 : Due);
                }
                break;
            case 2:
                if (KiTimerInserted(Timer))
                {
                    assert_ptr_equal(KiWheelFind(Timer, Timer + 1), Timer);
                    assert_true(KiWheelMayHold(Timer, Timer + 1));
                    KiWheelRemove(Timer);
                }
                assert_null(KiWheelFind(Timer, Timer + 1));
                break;
            default:
            {
                ULONGLONG Step2 = Random() >> (Random() % 64);
                ULONGLONG Last = 0;

                if (__builtin_add_overflow(Now, Step2, &Now) || Now >= UINT64_MAX - 1)
                {
                    Now = UINT64_MAX - 2;
                }
                while ((Timer = KiWheelTakeDue(Now)) != NULL)
                {
                    assert_true(Timer->DueTime.QuadPart <= Now);
                    assert_true(Timer->DueTime.QuadPart >= Last);  // in order
                    Last = Timer->DueTime.QuadPart;
                    assert_false(KiTimerInserted(Timer));
                }
            }
            }
            for (unsigned i = 0; i < N; i++)
            {
                if (KiTimerInserted(&Timers[i]) && Timers[i].DueTime.QuadPart < First)
                {
                    First = Timers[i].DueTime.QuadPart;
                }
            }
            assert_int_equal(KiWheelNext(), First);
        }
        for (unsigned i = 0; i < N; i++)
        {
            if (KiTimerInserted(&Timers[i]))
            {
                KiWheelRemove(&Timers[i]);
            }
        }
        assert_false(KiWheelMayHold(Timers, Timers + N));
    }
    OsLockRelease(&KiDispatcherLock);
    KiResetTimers();
    TestStop();
}

typedef struct TICKS
{
    KTIMER Timer;
    KDPC Dpc;
    KEVENT Event;
    unsigned Runs;  // atomic
    unsigned Wanted;
    PVOID Argument1, Argument2;
} TICKS;

static VOID
Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    TICKS *Ticks = Context;

    UNREFERENCED_PARAMETER(Dpc);
    Ticks->Argument1 = Argument1;
    Ticks->Argument2 = Argument2;
    if (__atomic_add_fetch(&Ticks->Runs, 1, __ATOMIC_RELAXED) == Ticks->Wanted)
    {
        KeSetEvent(&Ticks->Event, 0, FALSE);
    }
}

static void
InitializeTicks(TICKS *Ticks, TIMER_TYPE Type, unsigned Wanted)
{
    memset(Ticks, 0, sizeof(*Ticks));
    KeInitializeTimerEx(&Ticks->Timer, Type);
    KeInitializeDpc(&Ticks->Dpc, Tick, Ticks);
    KeInitializeEvent(&Ticks->Event, NotificationEvent, FALSE);
    Ticks->Wanted = Wanted;
}

static LARGE_INTEGER
Relative(LONGLONG Units)
{
    LARGE_INTEGER Time;

    Time.QuadPart = -Units;
    return Time;
}

static void
AOneShotTimerSignalsAndRunsItsDpc(void **State)
{
    LARGE_INTEGER Now;
    ULONGLONG Before;
    TICKS Ticks;

    (void)State;
    TestStart(2);
    InitializeTicks(&Ticks, NotificationTimer, 1);
    assert_false(KeReadStateTimer(&Ticks.Timer));
    Before = KeQueryInterruptTime();
    assert_false(KeSetTimer(&Ticks.Timer, Relative(20000), &Ticks.Dpc));
    assert_int_equal(TestWait(&Ticks.Timer, MS(30000)), STATUS_SUCCESS);
    assert_true(KeQueryInterruptTime() - Before >= 20000);
    assert_int_equal(TestWait(&Ticks.Event, MS(30000)), STATUS_SUCCESS);
    KeFlushQueuedDpcs();
    assert_int_equal(Ticks.Runs, 1);
    assert_true(Ticks.Argument1 != NULL || Ticks.Argument2 != NULL);
    assert_true(KeReadStateTimer(&Ticks.Timer));  // a notification timer stays signaled
    assert_false(KeCancelTimer(&Ticks.Timer));
    assert_false(KeSetTimer(&Ticks.Timer, Relative(1000000000), NULL));  // and setting it resets it
    assert_false(KeReadStateTimer(&Ticks.Timer));
    assert_true(KeSetTimer(&Ticks.Timer, Relative(1000000000), NULL));
    assert_true(KeCancelTimer(&Ticks.Timer));
    assert_false(KeCancelTimer(&Ticks.Timer));
    assert_false(KeReadStateTimer(&Ticks.Timer));

    KeQuerySystemTime(&Now);
    Now.QuadPart += 20000;
    InitializeTicks(&Ticks, SynchronizationTimer, 1);
    assert_false(KeSetTimer(&Ticks.Timer, Now, &Ticks.Dpc));  // absolute
    assert_int_equal(TestWait(&Ticks.Timer, MS(30000)), STATUS_SUCCESS);
    assert_false(KeReadStateTimer(&Ticks.Timer));  // consumed
    assert_int_equal(TestWait(&Ticks.Event, MS(30000)), STATUS_SUCCESS);
    KeFlushQueuedDpcs();
    TestStop();
}

static void
ADueTimeThatHasPassedFiresAtOnce(void **State)
{
    LARGE_INTEGER Past = {.QuadPart = 1}, Zero = {.QuadPart = 0};
    TICKS Ticks;
    KIRQL Old;

    (void)State;
    TestStart(2);
    InitializeTicks(&Ticks, NotificationTimer, 1);
    assert_false(KeSetTimer(&Ticks.Timer, Past, &Ticks.Dpc));
    assert_int_equal(Ticks.Runs, 1);  // as a DPC inserted at PASSIVE_LEVEL
    assert_true(KeReadStateTimer(&Ticks.Timer));
    Old = KeRaiseIrqlToDpcLevel();
    assert_false(KeSetTimer(&Ticks.Timer, Zero, &Ticks.Dpc));
    assert_int_equal(Ticks.Runs, 1);
    KeLowerIrql(Old);
    assert_int_equal(Ticks.Runs, 2);
    TestStop();
}

static void
APeriodicTimerKeepsItsPhase(void **State)
{
    TICKS Ticks;
    ULONGLONG First;

    (void)State;
    TestStart(2);
    InitializeTicks(&Ticks, SynchronizationTimer, 10);
    First = KeQueryInterruptTime();
    assert_false(KeSetTimerEx(&Ticks.Timer, Relative(10000), 1, &Ticks.Dpc));
    assert_int_equal(TestWait(&Ticks.Event, MS(30000)), STATUS_SUCCESS);
    assert_true(KeQueryInterruptTime() - First >= 100000);  // 10 expiries, none early
    KiLockDispatcher();
    First = Ticks.Timer.DueTime.QuadPart;
    OsLockRelease(&KiDispatcherLock);
    assert_int_equal(TestWait(&Ticks.Timer, MS(30000)), STATUS_SUCCESS);
    assert_int_equal(TestWait(&Ticks.Timer, MS(30000)), STATUS_SUCCESS);
    KiLockDispatcher();
    // However late the thread was: whole periods only.
    assert_int_equal((Ticks.Timer.DueTime.QuadPart - First) % 10000, 0);
    OsLockRelease(&KiDispatcherLock);
    assert_true(KeCancelTimer(&Ticks.Timer));
    KeFlushQueuedDpcs();
    TestStop();
}

// The timer thread cannot run while we own the only processor.
static void
PeriodsThatPassedAreSkipped(void **State)
{
    ULONGLONG Due;
    unsigned Runs;
    TICKS Ticks;
    KIRQL Old;

    (void)State;
    TestStart(1);
    InitializeTicks(&Ticks, NotificationTimer, 1);
    assert_false(KeSetTimerEx(&Ticks.Timer, Relative(10000), 10, &Ticks.Dpc));
    assert_int_equal(TestWait(&Ticks.Event, MS(30000)), STATUS_SUCCESS);
    Old = KeRaiseIrqlToDpcLevel();
    Runs = __atomic_load_n(&Ticks.Runs, __ATOMIC_RELAXED);
    KiLockDispatcher();
    Due = Ticks.Timer.DueTime.QuadPart;
    OsLockRelease(&KiDispatcherLock);
    KeStallExecutionProcessor(53000);  // five due times and a part of a period
    KeLowerIrql(Old);
    for (;;)
    {
        BOOLEAN Moved;

        KiLockDispatcher();
        Moved = Ticks.Timer.DueTime.QuadPart != Due;
        if (Moved)
        {
            assert_true(KiRemoveTimer(&Ticks.Timer));
        }
        OsLockRelease(&KiDispatcherLock);
        if (Moved)
        {
            break;
        }
        OsYield();
    }
    KeFlushQueuedDpcs();
    assert_true(Ticks.Timer.DueTime.QuadPart - Due >= 500000);
    assert_int_equal((Ticks.Timer.DueTime.QuadPart - Due) % 100000, 0);
    assert_true(__atomic_load_n(&Ticks.Runs, __ATOMIC_RELAXED) > Runs);
    TestStop();
}

static void
AnEarlierTimerWakesTheThread(void **State)
{
    KTIMER Late, Early;

    (void)State;
    TestStart(2);
    KeInitializeTimer(&Late);
    KeInitializeTimer(&Early);
    KeSetTimer(&Late, Relative(100000000000), NULL);
    // The thread now sleeps for hours, or is about to.
    for (unsigned i = 0; i < 50; i++)
    {
        KeSetTimer(&Early, Relative(1000), NULL);
        assert_int_equal(TestWait(&Early, MS(30000)), STATUS_SUCCESS);
    }
    assert_true(KeCancelTimer(&Late));
    TestStop();
}

// Many timers at random times, all waited for; each fires once, none early.
static void
ManyTimersFireOnceEach(void **State)
{
    enum
    {
        N = 500
    };
    TICKS *Ticks = calloc(N, sizeof(*Ticks));

    (void)State;
    TestStart(2);
    Seed = 4711;
    for (unsigned i = 0; i < N; i++)
    {
        InitializeTicks(&Ticks[i], i & 1 ? NotificationTimer : SynchronizationTimer, 1);
    }
    for (unsigned i = 0; i < N; i++)
    {
        KeSetTimer(&Ticks[i].Timer, Relative((LONGLONG)(Random() % 200000)), &Ticks[i].Dpc);
    }
    for (unsigned i = 0; i < N; i++)
    {
        assert_int_equal(TestWait(&Ticks[i].Event, MS(30000)), STATUS_SUCCESS);
        assert_int_equal(TestWait(&Ticks[i].Timer, MS(30000)), STATUS_SUCCESS);
    }
    KeFlushQueuedDpcs();
    for (unsigned i = 0; i < N; i++)
    {
        assert_int_equal(Ticks[i].Runs, 1);
    }
    TestStop();
    free(Ticks);
}

// The documented way to let go of a timer with a DPC, raced with its expiry, then the memory is gone.
static void
AfterCancelAndFlushATimerMayBeFreed(void **State)
{
    unsigned Fired = 0, Cancelled = 0;

    (void)State;
    TestStart(2);
    Seed = 42;
    for (unsigned i = 0; i < TEST_ROUNDS(5000); i++)
    {
        TICKS *Ticks = malloc(sizeof(*Ticks));
        LONG Period = i % 3 == 0 ? 1 : 0;

        assert_non_null(Ticks);
        InitializeTicks(Ticks, NotificationTimer, 1);
        if (i % 5 == 0)
        {
            KeSetTargetProcessorDpc(&Ticks->Dpc, (CCHAR)(i % 2));
        }
        KeSetTimerEx(&Ticks->Timer, Relative((LONGLONG)(Random() % 600) + 1), Period, &Ticks->Dpc);
        for (uint64_t Spin = Random() % 2000; Spin != 0; Spin--)
        {
            OsPause();
        }
        if (KeCancelTimer(&Ticks->Timer))
        {
            Cancelled++;
        }
        KeFlushQueuedDpcs();
        Fired += Ticks->Runs != 0;
        assert_null(KiFindTimerIn(Ticks, Ticks + 1));
        memset(Ticks, 0xDD, sizeof(*Ticks));
        free(Ticks);
    }
    print_message("fired %u, cancelled %u\n", Fired, Cancelled);
    TestStop();
}

static void
SetTimersAreFoundByAddress(void **State)
{
    KTIMER Timers[2];

    (void)State;
    TestStart(2);
    KeInitializeTimer(&Timers[0]);
    KeInitializeTimer(&Timers[1]);
    KeSetTimer(&Timers[1], Relative(1000000000), NULL);
    assert_null(KiFindTimerIn(&Timers[0], &Timers[1]));
    assert_ptr_equal(KiFindTimerIn(&Timers[1], &Timers[2]), &Timers[1]);
    assert_ptr_equal(KiFindTimerIn(NULL, (void *)UINTPTR_MAX), &Timers[1]);
    KeCancelTimer(&Timers[1]);
    assert_null(KiFindTimerIn(&Timers[0], &Timers[2]));
    TestStop();
}

static void
StopReportsATimerThatIsSet(void **State)
{
    static KTIMER Timer;

    (void)State;
    TestStart(2);
    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, Relative(1000000000), NULL);
    KiUnbindThread();
    KiStop();
    assert_int_equal(VfLeakCount(), 1);
    assert_false(KiTimerInserted(&Timer));
}

static void
InitializeSet(void)
{
    static KTIMER Timer;

    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, Relative(1000000000), NULL);
    KeInitializeTimer(&Timer);
}

static void
SetGarbage(void)
{
    static KTIMER Timer;

    KeSetTimer(&Timer, Relative(1), NULL);
}

static void
GarbageDpc(void)
{
    static KDPC Dpc;
    KTIMER Timer;

    KeInitializeTimer(&Timer);
    KeSetTimer(&Timer, Relative(1000000000), &Dpc);
}

static void
MisuseIsABugCheck(void **State)
{
    (void)State;
    TestExpectBugCheck(InitializeSet, "TIMER_OR_DPC_INVALID", "KeInitializeTimer", NULL);
    TestExpectBugCheck(SetGarbage, "DRIVER_VERIFIER_DETECTED_VIOLATION", "KeSetTimerEx", NULL);
    TestExpectBugCheck(GarbageDpc, "DRIVER_VERIFIER_DETECTED_VIOLATION", "not initialized", NULL);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(TheWheelAgreesWithAModel),
        cmocka_unit_test(AOneShotTimerSignalsAndRunsItsDpc),
        cmocka_unit_test(ADueTimeThatHasPassedFiresAtOnce),
        cmocka_unit_test(APeriodicTimerKeepsItsPhase),
        cmocka_unit_test(PeriodsThatPassedAreSkipped),
        cmocka_unit_test(AnEarlierTimerWakesTheThread),
        cmocka_unit_test(ManyTimersFireOnceEach),
        cmocka_unit_test(AfterCancelAndFlushATimerMayBeFreed),
        cmocka_unit_test(SetTimersAreFoundByAddress),
        cmocka_unit_test(StopReportsATimerThatIsSet),
        cmocka_unit_test(MisuseIsABugCheck),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ke.timer", Tests, NULL, NULL);
}
