// SPDX-License-Identifier: MIT
// What the tests of host/ps share: a whole executive, stopped with its leak report.
#ifndef TESTS_UNIT_PS_FIXTURE_H
#define TESTS_UNIT_PS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nthost.h"
#include "ps/pspi.h"

#include <cmocka.h>

#include "../child.h"

#if NTHOST_TSAN
// A case that expects a report forks, and the child starts the executive's threads.
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *
__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#define TEST_ROUNDS(n) ((n) / 10)
#else
#define TEST_ROUNDS(n) (n)
#endif

#define PATIENCE_NS                         (30ull * 1000 * 1000 * 1000)
#define POISON                              ((PVOID)(ULONG_PTR)0x5A5A5A5A)
#define assert_status(Expression, Expected) assert_int_equal((ULONG)(Expression), (ULONG)(Expected))
// Each case starts its own executive (some in a child) and stops it.
#define PS_TEST(Function) cmocka_unit_test(Function)

static inline void
Start(void)
{
    static const NTHOST_CONFIG Config = {.Processors = 2, .VerifierLevel = VfStandard};
    char Message[256];

    if (NthostStart(&Config, Message, sizeof(Message)) != 0)
    {
        fprintf(stderr, "NthostStart: %s\n", Message);
        abort();
    }
}

// Ends the process with status 3 if anything was left behind.
static inline void
Stop(void)
{
    NthostStop();
    if (PsInitialSystemProcess != NULL || KiCurrentThread != NULL)
    {
        abort();
    }
}

static inline ULONG
Living(POBJECT_TYPE Type)
{
    ULONG Count;

    PspFlushExits();
    ObpFlushDeferred();
    OsLockAcquire(&Type->Lock);
    Count = Type->ObjectCount;
    OsLockRelease(&Type->Lock);
    return Count;
}

// The count of living objects returns to what it was. A rundown's own host thread ends a little after
// it has told everybody.
static inline void
AwaitLiving(POBJECT_TYPE Type, ULONG Wanted)
{
    uint64_t Limit = OsMonotonicNs() + PATIENCE_NS;

    while (Living(Type) != Wanted && OsMonotonicNs() < Limit)
    {
        OsYield();
    }
    assert_int_equal(Living(Type), Wanted);
}

static inline BOOLEAN
IsSignaled(PVOID Object)
{
    return KiSignalState(Object) != 0;
}

// Waits for an NT object; the caller is an NT thread.
static inline NTSTATUS
Await(PVOID Object)
{
    LARGE_INTEGER Time = {.QuadPart = -30ll * 10000000};

    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Time);
}

static inline KI_THREAD_STATE
StateOf(PETHREAD Thread)
{
    KI_THREAD_STATE State;

    KiLockDispatcher();
    State = Thread->Tcb.State;
    OsLockRelease(&KiDispatcherLock);
    return State;
}

static inline void
AwaitState(PETHREAD Thread, KI_THREAD_STATE State)
{
    uint64_t Limit = OsMonotonicNs() + PATIENCE_NS;

    while (StateOf(Thread) != State)
    {
        if (OsMonotonicNs() > Limit)
        {
            abort();
        }
        OsYield();
    }
}

#endif
