// SPDX-License-Identifier: MIT
// What every unit test of host/ke includes: ke alone, NT threads on host threads, expected bugchecks.
#ifndef TESTS_UNIT_KE_TEST_H
#define TESTS_UNIT_KE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ke/ki.h"
#include "ps/psp.h"
#include "verifier/vf.h"

#define TEST_PATIENCE_NS (30ull * 1000 * 1000 * 1000)
#define MS(n)            ((LONGLONG)(n) * -10000)  // a relative NT timeout

#if NTHOST_TSAN
// A case that expects a bugcheck forks, and the child starts the executive's threads.
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *
__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#endif

// TSan is about 10 times slower: stress loops shrink with it.
#if NTHOST_TSAN
#define TEST_ROUNDS(n) ((n) / 10)
#else
#define TEST_ROUNDS(n) (n)
#endif

typedef struct TEST_THREAD
{
    ETHREAD Thread;  // never an object: nothing here references it
    OS_THREAD *Host;
    void (*Routine)(void *Context);
    void *Context;
} TEST_THREAD;

static TEST_THREAD TestMain;

static inline void
TestStart(ULONG Processors)
{
    assert_int_equal(VfStart(VfStandard), STATUS_SUCCESS);
    assert_int_equal(KiStart(Processors), STATUS_SUCCESS);
    memset(&TestMain, 0, sizeof(TestMain));
    KiInitializeThread(&TestMain.Thread.Tcb);
    KiBindThread(&TestMain.Thread.Tcb);
}

static inline void
TestStop(void)
{
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KiUnbindThread();
    KiStop();
    assert_int_equal(VfLeakCount(), 0);
    assert_int_equal(OsHeldLocks, 0);
}

static inline void
TestThreadMain(void *Context)
{
    TEST_THREAD *Self = Context;

    KiBindThread(&Self->Thread.Tcb);
    Self->Routine(Self->Context);
    KiTerminateThread(&Self->Thread.Tcb);
    KiUnbindThread();
}

static inline void
TestThreadStart(TEST_THREAD *Thread, void (*Routine)(void *Context), void *Context)
{
    memset(Thread, 0, sizeof(*Thread));
    KiInitializeThread(&Thread->Thread.Tcb);
    Thread->Routine = Routine;
    Thread->Context = Context;
    assert_int_equal(OsThreadStart(TestThreadMain, Thread, "test", &Thread->Host), OS_OK);
}

static inline void
TestThreadJoin(TEST_THREAD *Thread)
{
    OsThreadJoin(Thread->Host);
}

static inline KI_THREAD_STATE
TestState(PKTHREAD Thread)
{
    KI_THREAD_STATE State;

    KiLockDispatcher();
    State = Thread->State;
    OsLockRelease(&KiDispatcherLock);
    return State;
}

// Waits until the thread waits (in place or parked).
static inline void
TestAwaitWaiting(PKTHREAD Thread)
{
    uint64_t Limit = OsMonotonicNs() + TEST_PATIENCE_NS;

    while (TestState(Thread) != KiStateWaiting && TestState(Thread) != KiStateParked)
    {
        assert_true(OsMonotonicNs() < Limit);
        OsYield();
    }
}

static inline NTSTATUS
TestWait(PVOID Object, LONGLONG Timeout)
{
    LARGE_INTEGER Time;

    Time.QuadPart = Timeout;
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Time);
}

// Runs Routine in a child process with an executive of its own and expects it to end in a bugcheck
// (status 3) whose report contains each of the NULL-terminated texts.
static inline void
TestExpectBugCheck(void (*Routine)(void), ...)
{
    char Report[16384];
    size_t Length = 0;
    ssize_t Got;
    int Pipe[2], Status;
    pid_t Child;
    const char *Text;
    va_list Texts;

    assert_int_equal(pipe(Pipe), 0);
    Child = fork();
    assert_true(Child >= 0);
    if (Child == 0)
    {
        dup2(Pipe[1], 2);
        close(Pipe[0]);
        if (VfStart(VfStandard) != STATUS_SUCCESS || KiStart(2) != STATUS_SUCCESS)
        {
            _exit(99);
        }
        KiInitializeThread(&TestMain.Thread.Tcb);
        KiBindThread(&TestMain.Thread.Tcb);
        Routine();
        _exit(98);  // no bugcheck
    }
    close(Pipe[1]);
    while (Length < sizeof(Report) - 1 &&
           (Got = read(Pipe[0], Report + Length, sizeof(Report) - 1 - Length)) > 0)
    {
        Length += (size_t)Got;
    }
    Report[Length] = 0;
    close(Pipe[0]);
    assert_int_equal(waitpid(Child, &Status, 0), Child);
    if (!WIFEXITED(Status) || WEXITSTATUS(Status) != 3)
    {
        fail_msg("expected a bugcheck, got wait status 0x%x: %s", Status, Report);
    }
    va_start(Texts, Routine);
    while ((Text = va_arg(Texts, const char *)) != NULL)
    {
        if (strstr(Report, Text) == NULL)
        {
            fail_msg("the report does not say \"%s\": %s", Text, Report);
        }
    }
    va_end(Texts);
}

static inline void
TestFilter(int Count, char **Arguments)
{
    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
}

#endif
