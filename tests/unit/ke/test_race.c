// SPDX-License-Identifier: MIT
// Races of satisfiers: object, timeout and termination for one wait, in place and parked.
//
// In every round exactly one satisfier must win, and only its effect may be seen: the event is consumed
// if and only if the wait says so, Finish and Reply run once, no list keeps a block, no timer is left.
#include "test.h"

#include <stdlib.h>

#define STATUS_STILL_WAITING ((NTSTATUS)0x7FFFFFFF)

typedef struct RACE
{
    KEVENT Event;
    BOOLEAN Park, Timed, Terminate, Set;
    TEST_THREAD *Waiter;  // a fresh one each round, freed as soon as it ended
    uint32_t Go;          // atomic: round number, published by the waiter when it is about to wait
    uint32_t Round;
    unsigned DelayNs[2];  // of the racers: grows for a winner, shrinks for a loser
    uint32_t Quit;        // atomic
    uint32_t Done;        // atomic: racers that finished the round
    unsigned Finishes, Replies;
    NTSTATUS Status;
    uint32_t Answered;  // atomic futex word
    unsigned Wins[3];
} RACE;

static NTSTATUS
Finish(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    RACE *Race = Context;

    UNREFERENCED_PARAMETER(Thread);
    Race->Finishes++;
    Race->Status = WaitStatus;
    return WaitStatus;
}

static RACE *ReplyRace;

static void
Reply(PKTHREAD Thread, NTSTATUS Status)
{
    RACE *Race = ReplyRace;

    UNREFERENCED_PARAMETER(Thread);
    UNREFERENCED_PARAMETER(Status);
    Race->Replies++;
    __atomic_store_n(&Race->Answered, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Race->Answered, 1, false);
}

static void
WaitOnce(void *Context)
{
    RACE *Race = Context;
    PKTHREAD Self = KiCurrentThread;
    LARGE_INTEGER Time = {.QuadPart = -(LONGLONG)(rand() % 300 + 1)};
    PVOID Object = &Race->Event;
    NTSTATUS Status;

    Self->PreviousMode = UserMode;
    Self->MayPark = Race->Park;
    Self->Reply = Reply;
    __atomic_store_n(&Race->Go, Race->Round, __ATOMIC_RELEASE);
    Status =
        KiWaitOrPark(1, &Object, WaitAny, FALSE, Race->Timed ? &Time : NULL, NULL, Finish, Race);
    if (Status == STATUS_KI_PARKED)
    {
        while (__atomic_load_n(&Race->Answered, __ATOMIC_ACQUIRE) == 0)
        {
            OsWaitWord(&Race->Answered, 0, OS_FOREVER, false);
        }
    }
    KiQuiesceThread(Self);
}

static void
Racer(RACE *Race, BOOLEAN Setter)
{
    uint32_t Round = 0;

    for (;;)
    {
        uint32_t Go;

        while ((Go = __atomic_load_n(&Race->Go, __ATOMIC_ACQUIRE)) == Round)
        {
            if (__atomic_load_n(&Race->Quit, __ATOMIC_ACQUIRE) != 0)
            {
                return;
            }
            OsYield();
        }
        Round = Go;
        for (uint64_t Until = OsMonotonicNs() + Race->DelayNs[Setter]; OsMonotonicNs() < Until;)
        {
            OsPause();
        }
        if (Setter)
        {
            KeSetEvent(&Race->Event, 0, FALSE);
        }
        else
        {
            KiSetTerminating(&Race->Waiter->Thread.Tcb);
        }
        __atomic_add_fetch(&Race->Done, 1, __ATOMIC_RELEASE);
    }
}

static void
SetterMain(void *Context)
{
    Racer(Context, TRUE);
}

static void
TerminatorMain(void *Context)
{
    Racer(Context, FALSE);
}

// Steers both racers towards an even race.
static void
Adapt(RACE *Race, BOOLEAN SetterWon, BOOLEAN TerminatorWon)
{
    BOOLEAN Won[2] = {TerminatorWon, SetterWon};

    for (unsigned i = 0; i < 2; i++)
    {
        unsigned Step = Race->DelayNs[i] / 16 + 50;

        Race->DelayNs[i] = Won[i] ? Race->DelayNs[i] + Step
                                  : Race->DelayNs[i] - (Race->DelayNs[i] < Step ? 0 : Step);
    }
}

static void
RunRace(BOOLEAN Park, BOOLEAN Set, BOOLEAN Timed, BOOLEAN Terminate)
{
    static RACE Race;
    TEST_THREAD Setter, Terminator;
    unsigned Racers = (unsigned)Set + (unsigned)Terminate;

    TestStart(2);
    memset(&Race, 0, sizeof(Race));
    ReplyRace = &Race;
    Race.Park = Park;
    Race.Timed = Timed;
    KeInitializeEvent(&Race.Event, SynchronizationEvent, FALSE);
    if (Set)
    {
        TestThreadStart(&Setter, SetterMain, &Race);
    }
    if (Terminate)
    {
        TestThreadStart(&Terminator, TerminatorMain, &Race);
    }
    for (uint32_t Round = 1; Round <= TEST_ROUNDS(3000); Round++)
    {
        TEST_THREAD *Waiter = malloc(sizeof(*Waiter));
        BOOLEAN Signaled;

        assert_non_null(Waiter);
        Race.Waiter = Waiter;
        Race.Finishes = Race.Replies = 0;
        Race.Status = STATUS_STILL_WAITING;
        __atomic_store_n(&Race.Answered, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&Race.Done, 0, __ATOMIC_RELAXED);
        KeResetEvent(&Race.Event);
        Race.Round = Round;
        TestThreadStart(Waiter, WaitOnce, &Race);
        OsThreadJoin(Waiter->Host);
        // The satisfiers may still be on their way when the thread is gone: those that claimed it must
        // not touch it. (KiSetTerminating may, by contract: it must be over before the free.)
        if (Terminate)
        {
            while (__atomic_load_n(&Race.Done, __ATOMIC_ACQUIRE) != Racers)
            {
                OsYield();
            }
        }
        memset(Waiter, 0xDD, sizeof(*Waiter));
        free(Waiter);
        while (__atomic_load_n(&Race.Done, __ATOMIC_ACQUIRE) != Racers)
        {
            OsYield();
        }
        Signaled = KeReadStateEvent(&Race.Event) != 0;
        assert_int_equal(Race.Finishes, 1);
        assert_true(Race.Replies <= 1);
        assert_true(IsListEmpty(&Race.Event.Header.WaitListHead));
        Adapt(&Race, Race.Status == STATUS_SUCCESS, Race.Status == STATUS_THREAD_IS_TERMINATING);
        switch (Race.Status)
        {
        case STATUS_SUCCESS:
            assert_true(Set && !Signaled);
            Race.Wins[0]++;
            break;
        case STATUS_TIMEOUT:
            assert_true(Timed && Signaled == Set);
            Race.Wins[1]++;
            break;
        case STATUS_THREAD_IS_TERMINATING:
            assert_true(Terminate && Signaled == Set);
            Race.Wins[2]++;
            break;
        default:
            fail_msg("the wait ended with 0x%08x", (unsigned)Race.Status);
        }
    }
    __atomic_store_n(&Race.Quit, 1, __ATOMIC_RELEASE);
    if (Set)
    {
        TestThreadJoin(&Setter);
    }
    if (Terminate)
    {
        TestThreadJoin(&Terminator);
    }
    assert_null(KiFindTimerIn(NULL, (void *)UINTPTR_MAX));
    print_message("object %u, timeout %u, termination %u\n", Race.Wins[0], Race.Wins[1],
                  Race.Wins[2]);
    TestStop();
}

static void
ObjectAgainstTimeout(void **State)
{
    (void)State;
    RunRace(FALSE, TRUE, TRUE, FALSE);
}

static void
ObjectAgainstTimeoutParked(void **State)
{
    (void)State;
    RunRace(TRUE, TRUE, TRUE, FALSE);
}

static void
ObjectAgainstTermination(void **State)
{
    (void)State;
    RunRace(FALSE, TRUE, FALSE, TRUE);
}

static void
ObjectAgainstTerminationParked(void **State)
{
    (void)State;
    RunRace(TRUE, TRUE, FALSE, TRUE);
}

static void
TimeoutAgainstTermination(void **State)
{
    (void)State;
    RunRace(FALSE, FALSE, TRUE, TRUE);
}

static void
TimeoutAgainstTerminationParked(void **State)
{
    (void)State;
    RunRace(TRUE, FALSE, TRUE, TRUE);
}

static void
AllThree(void **State)
{
    (void)State;
    RunRace(FALSE, TRUE, TRUE, TRUE);
}

static void
AllThreeParked(void **State)
{
    (void)State;
    RunRace(TRUE, TRUE, TRUE, TRUE);
}

// ---- Two threads that take and give two synchronization events, by all and by any ----

typedef struct TOKENS
{
    KEVENT A, B;
    unsigned Rounds;
    unsigned Inside;  // guarded by holding both
} TOKENS;

static void
TakeBoth(void *Context)
{
    TOKENS *Tokens = Context;
    PVOID Objects[2] = {&Tokens->A, &Tokens->B};

    for (unsigned i = 0; i < Tokens->Rounds; i++)
    {
        assert_int_equal(
            KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL),
            STATUS_SUCCESS);
        Tokens->Inside++;
        KeSetEvent(i & 1 ? &Tokens->A : &Tokens->B, 0, FALSE);
        KeSetEvent(i & 1 ? &Tokens->B : &Tokens->A, 0, FALSE);
    }
}

static void
TakeEither(void *Context)
{
    TOKENS *Tokens = Context;
    PVOID Objects[2] = {&Tokens->B, &Tokens->A};

    for (unsigned i = 0; i < Tokens->Rounds; i++)
    {
        NTSTATUS Status =
            KeWaitForMultipleObjects(2, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);

        assert_true(Status == STATUS_WAIT_0 || Status == STATUS_WAIT_1);
        assert_int_equal(KeSetEvent(Objects[Status], 0, FALSE), 0);
    }
}

static void
WaitAllIsAtomic(void **State)
{
    TOKENS Tokens = {.Rounds = TEST_ROUNDS(10000)};
    TEST_THREAD Threads[4];

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Tokens.A, SynchronizationEvent, TRUE);
    KeInitializeEvent(&Tokens.B, SynchronizationEvent, TRUE);
    for (unsigned i = 0; i < 4; i++)
    {
        TestThreadStart(&Threads[i], i < 2 ? TakeBoth : TakeEither, &Tokens);
    }
    for (unsigned i = 0; i < 4; i++)
    {
        TestThreadJoin(&Threads[i]);
    }
    assert_int_equal(Tokens.Inside, 2 * Tokens.Rounds);
    assert_int_equal(KeReadStateEvent(&Tokens.A), 1);
    assert_int_equal(KeReadStateEvent(&Tokens.B), 1);
    TestStop();
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(ObjectAgainstTimeout),
        cmocka_unit_test(ObjectAgainstTimeoutParked),
        cmocka_unit_test(ObjectAgainstTermination),
        cmocka_unit_test(ObjectAgainstTerminationParked),
        cmocka_unit_test(TimeoutAgainstTermination),
        cmocka_unit_test(TimeoutAgainstTerminationParked),
        cmocka_unit_test(AllThree),
        cmocka_unit_test(AllThreeParked),
        cmocka_unit_test(WaitAllIsAtomic),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ke.race", Tests, NULL, NULL);
}
