// SPDX-License-Identifier: MIT
// Waiting on words, the host's lock, threads and clocks.
#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

typedef struct PING
{
    uint32_t Word;  // atomic
    uint32_t Rounds;
} PING;

// Each side waits for its parity and then passes the turn: a lost wakeup hangs (ctest's limit).
static void
Pong(void *Context)
{
    PING *Ping = Context;

    for (uint32_t Turn = 1; Turn < 2 * Ping->Rounds; Turn += 2)
    {
        uint32_t Seen;

        while ((Seen = __atomic_load_n(&Ping->Word, __ATOMIC_ACQUIRE)) != Turn)
        {
            assert_int_equal(OsWaitWord(&Ping->Word, Seen, OS_FOREVER, false), OS_OK);
        }
        __atomic_store_n(&Ping->Word, Turn + 1, __ATOMIC_RELEASE);
        OsWakeWord(&Ping->Word, 1, false);
    }
}

static void
WaitAndWakeAlternate(void **State)
{
    PING Ping = {.Rounds = 2000};
    OS_THREAD *Thread;

    (void)State;
    assert_int_equal(OsThreadStart(Pong, &Ping, "pong", &Thread), OS_OK);
    for (uint32_t Turn = 0; Turn < 2 * Ping.Rounds; Turn += 2)
    {
        uint32_t Seen;

        while ((Seen = __atomic_load_n(&Ping.Word, __ATOMIC_ACQUIRE)) != Turn)
        {
            assert_int_equal(OsWaitWord(&Ping.Word, Seen, OS_FOREVER, false), OS_OK);
        }
        __atomic_store_n(&Ping.Word, Turn + 1, __ATOMIC_RELEASE);
        OsWakeWord(&Ping.Word, 1, false);
    }
    OsThreadJoin(Thread);
    assert_int_equal(Ping.Word, 2 * Ping.Rounds);
}

static void
WaitReturnsAtOnceWhenTheWordDiffers(void **State)
{
    uint32_t Word = 5;

    (void)State;
    assert_int_equal(OsWaitWord(&Word, 4, OS_FOREVER, false), OS_OK);
    assert_int_equal(OsWaitWord(&Word, 4, OS_FOREVER, true), OS_OK);
    assert_int_equal(Word, 5);
}

static void
WaitTimesOutNotBeforeItsDeadline(void **State)
{
    uint32_t Word = 5;
    uint64_t Deadline = OsMonotonicNs() + 3 * 1000 * 1000;

    (void)State;
    assert_int_equal(OsWaitWord(&Word, 5, Deadline, false), OS_E_TIMEOUT);
    assert_true(OsMonotonicNs() >= Deadline);
    assert_int_equal(OsWaitWord(&Word, 5, 0, true), OS_E_TIMEOUT);  // long past
}

static void
WaitRefusesAWordThatIsNotThere(void **State)
{
    void *Page;

    (void)State;
    assert_int_equal(OsPagesAllocate(4096, &Page), OS_OK);
    OsUnmap(Page, 4096);
    assert_int_equal(OsWaitWord(Page, 0, OS_FOREVER, true), OS_E_FAULT);
    OsWakeWord(Page, 1, true);  // nobody there: nothing happens
}

typedef struct COUNTED
{
    OS_LOCK Lock;
    uint64_t Value;  // plain, guarded by Lock: TSan would see a lock that does not order
    uint32_t Rounds;
} COUNTED;

static void
CountUnderLock(void *Context)
{
    COUNTED *Counted = Context;

    for (uint32_t Round = 0; Round < Counted->Rounds; Round++)
    {
        OsLockAcquire(&Counted->Lock);
        Counted->Value++;
        if (Round % 64 == 0)
        {
            OsYield();  // make the others sleep on it
        }
        OsLockRelease(&Counted->Lock);
    }
}

static void
LockExcludesUnderContention(void **State)
{
    COUNTED Counted = {.Lock = OS_LOCK_INIT, .Rounds = 20000};
    OS_THREAD *Threads[4];

    (void)State;
    for (unsigned Index = 0; Index < 4; Index++)
    {
        assert_int_equal(OsThreadStart(CountUnderLock, &Counted, "count", &Threads[Index]), OS_OK);
    }
    for (unsigned Index = 0; Index < 4; Index++)
    {
        OsThreadJoin(Threads[Index]);
    }
    assert_int_equal(Counted.Value, 4 * Counted.Rounds);
    assert_int_equal(Counted.Lock.State, 0);
}

static void
LockKnowsItsOwner(void **State)
{
    OS_LOCK First = OS_LOCK_INIT;
    OS_LOCK Second = OS_LOCK_INIT;

    (void)State;
    assert_false(OsLockIsMine(&First));
    assert_int_equal(OsHeldLocks, 0);
    OsLockAcquire(&First);
    OsLockAcquire(&Second);
    assert_true(OsLockIsMine(&First));
    assert_int_equal(OsHeldLocks, 2);
    OsLockRelease(&First);
    assert_false(OsLockIsMine(&First));
    assert_true(OsLockIsMine(&Second));
    OsLockRelease(&Second);
    assert_int_equal(OsHeldLocks, 0);
}

typedef struct SEEN
{
    char Name[32];
    sigset_t Mask;
    uint32_t Id;
    stack_t AltStack;
    bool OnOwnStack;
    bool RanOn;
} SEEN;

static void
LookAround(void *Context)
{
    SEEN *Seen = Context;
    void *Low;
    void *High;

    (void)pthread_getname_np(pthread_self(), Seen->Name, sizeof(Seen->Name));
    (void)pthread_sigmask(SIG_BLOCK, NULL, &Seen->Mask);
    (void)sigaltstack(NULL, &Seen->AltStack);
    Seen->Id = OsThreadSelfId();
    OsThreadStackBounds(&Low, &High);
    Seen->OnOwnStack = __builtin_frame_address(0) >= Low && __builtin_frame_address(0) < High;
    OsThreadExit();
    Seen->RanOn = true;
}

static void
ThreadIsSetUp(void **State)
{
    SEEN Seen;
    OS_THREAD *Thread;

    (void)State;
    memset(&Seen, 0, sizeof(Seen));
    assert_int_equal(OsThreadStart(LookAround, &Seen, "a name that is too long", &Thread), OS_OK);
    OsThreadJoin(Thread);
    assert_string_equal(Seen.Name, "a name that is ");
    assert_int_equal(sigismember(&Seen.Mask, SIGTERM), 1);
    assert_int_equal(sigismember(&Seen.Mask, SIGINT), 1);
    assert_int_equal(sigismember(&Seen.Mask, SIGSEGV), 0);
    assert_int_equal(sigismember(&Seen.Mask, SIGFPE), 0);
    assert_int_equal(Seen.AltStack.ss_flags & SS_DISABLE, 0);
    assert_true(Seen.AltStack.ss_size >= 64 * 1024);
    assert_int_not_equal(Seen.Id, 0);
    assert_int_not_equal(Seen.Id, OsThreadSelfId());
    assert_true(Seen.OnOwnStack);
    assert_false(Seen.RanOn);
}

static void
SetWord(void *Context)
{
    __atomic_store_n((uint32_t *)Context, 1, __ATOMIC_RELEASE);
    OsWakeWord(Context, 1, false);
}

static void
DetachedThreadRuns(void **State)
{
    static uint32_t Word;  // outlives the thread
    uint64_t Deadline = OsMonotonicNs() + TEST_PATIENCE_NS;
    OS_THREAD *Thread;

    (void)State;
    assert_int_equal(OsThreadStart(SetWord, &Word, "detached", &Thread), OS_OK);
    OsThreadDetach(Thread);
    while (__atomic_load_n(&Word, __ATOMIC_ACQUIRE) == 0)
    {
        assert_int_equal(OsWaitWord(&Word, 0, Deadline, false), OS_OK);
    }
}

static void
ClocksAreSane(void **State)
{
    uint64_t Earlier = OsMonotonicNs();

    (void)State;
    assert_true(OsMonotonicNs() >= Earlier);
    assert_true(OsRealtimeNs() > 1600000000ull * 1000 * 1000 * 1000);  // after September 2020
    assert_true(OsProcessorCount() >= 1);
}

static void
ErrorsHaveTexts(void **State)
{
    (void)State;
    for (int Error = OS_OK; Error >= OS_E_OTHER; Error--)
    {
        assert_string_not_equal(OsErrorText(Error), "unknown error");
    }
    assert_string_equal(OsErrorText(1), "unknown error");
    assert_string_equal(OsErrorText(OS_E_OTHER - 1), "unknown error");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(WaitAndWakeAlternate),
        cmocka_unit_test(WaitReturnsAtOnceWhenTheWordDiffers),
        cmocka_unit_test(WaitTimesOutNotBeforeItsDeadline),
        cmocka_unit_test(WaitRefusesAWordThatIsNotThere),
        cmocka_unit_test(LockExcludesUnderContention),
        cmocka_unit_test(LockKnowsItsOwner),
        cmocka_unit_test(ThreadIsSetUp),
        cmocka_unit_test(DetachedThreadRuns),
        cmocka_unit_test(ClocksAreSane),
        cmocka_unit_test(ErrorsHaveTexts),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.wait", Tests, NULL, NULL);
}
