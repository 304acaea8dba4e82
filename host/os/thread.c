// SPDX-License-Identifier: MIT
// Threads of the host: plain pthreads with blocked signals, an alternate signal stack and a name.
//
// Lifetime: two references, the thread's own and the starter's (given up by join or detach); whoever
// drops the last frees. The thread's own is dropped after its last use of the structure.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_SIZE 16  // the kernel's limit, terminator included

struct OS_THREAD
{
    pthread_t Handle;  // immutable once OsThreadStart has returned
    OS_THREAD_ROUTINE *Routine;
    void *Context;
    char Name[NAME_SIZE];
    uint32_t Ended;       // atomic: futex word, 1 once the routine has returned
    uint32_t References;  // atomic
    jmp_buf Exit;         // the thread's own: where OsThreadExit goes
};

OS_THREAD_LOCAL uint32_t OsTid;
OS_THREAD_LOCAL OSP_STACK OspStack;
static OS_THREAD_LOCAL OS_THREAD *CurrentThread;  // NULL on a thread that is not ours
static uint32_t LastThreadId;                     // atomic

uint32_t
OsThreadSelfId(void)
{
    if (OsTid == 0)
    {
        // Relaxed: only uniqueness matters.
        OsTid = __atomic_add_fetch(&LastThreadId, 1, __ATOMIC_RELAXED);
        // A good moment: the thread is in ordinary code, where the walk's bounds may be looked up.
        OspStackLearn();
    }
    return OsTid;
}

void
OspStackLearn(void)
{
    pthread_attr_t Attributes;
    void *Low;
    size_t Size;

    if (OspStack.High != 0 || pthread_getattr_np(pthread_self(), &Attributes) != 0)
    {
        return;
    }
    if (pthread_attr_getstack(&Attributes, &Low, &Size) == 0)
    {
        OspStack.Low = (uintptr_t)Low;
        OspStack.High = (uintptr_t)Low + Size;
    }
    (void)pthread_attr_destroy(&Attributes);
}

void
OsThreadStackBounds(void **Low, void **High)
{
    OspStackLearn();
    *Low = (void *)OspStack.Low;
    *High = (void *)OspStack.High;
}

static void
Release(OS_THREAD *Thread)
{
    // Acquire-release: the last one must see all that the other did with the structure before.
    if (__atomic_sub_fetch(&Thread->References, 1, __ATOMIC_ACQ_REL) == 0)
    {
        free(Thread);
    }
}

static void *
ThreadMain(void *Argument)
{
    OS_THREAD *Thread = Argument;
    OSP_ALT_STACK AltStack;

    CurrentThread = Thread;
    (void)OsThreadSelfId();
    (void)pthread_setname_np(pthread_self(), Thread->Name);
    (void)OspAltStackEnter(&AltStack);  // without one, only a stack overflow goes unreported
    if (_setjmp(Thread->Exit) == 0)
    {
        Thread->Routine(Thread->Context);
    }
    OspAltStackLeave(&AltStack);
    CurrentThread = NULL;
    // Release: pairs with the acquire in OsThreadJoin. The word is followed by its wake (wait.c).
    __atomic_store_n(&Thread->Ended, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Thread->Ended, UINT32_MAX, false);
    Release(Thread);
    return NULL;
}

// The seam: every thread of the host starts here.
int
OsThreadStart(OS_THREAD_ROUTINE *Routine, void *Context, const char *Name, OS_THREAD **Result)
{
    OS_THREAD *Thread = calloc(1, sizeof(*Thread));
    sigset_t Blocked;
    sigset_t Former;
    int Error;

    if (Thread == NULL)
    {
        return OS_E_NO_MEMORY;
    }
    Thread->Routine = Routine;
    Thread->Context = Context;
    Thread->References = 2;
    (void)strncpy(Thread->Name, Name, NAME_SIZE - 1);

    // The new thread inherits the mask, so there is no moment in which it takes a stranger's signal.
    sigfillset(&Blocked);
    sigdelset(&Blocked, SIGSEGV);
    sigdelset(&Blocked, SIGBUS);
    sigdelset(&Blocked, SIGFPE);
    sigdelset(&Blocked, SIGILL);
    sigdelset(&Blocked, SIGABRT);
    sigdelset(&Blocked, SIGTRAP);
    sigdelset(&Blocked, OSP_FAULT_MARK);
    (void)pthread_sigmask(SIG_SETMASK, &Blocked, &Former);
    Error = pthread_create(&Thread->Handle, NULL, ThreadMain, Thread);
    (void)pthread_sigmask(SIG_SETMASK, &Former, NULL);
    if (Error != 0)
    {
        free(Thread);
        return Error == EAGAIN ? OS_E_NO_SPACE : OspError(Error);
    }
    *Result = Thread;
    return OS_OK;
}

void
OsThreadJoin(OS_THREAD *Thread)
{
    // Acquire: pairs with the release in ThreadMain.
    while (__atomic_load_n(&Thread->Ended, __ATOMIC_ACQUIRE) == 0)
    {
        (void)OsWaitWord(&Thread->Ended, 0, OS_FOREVER, false);
    }
    (void)pthread_join(Thread->Handle, NULL);  // its routine has returned: this is short
    Release(Thread);
}

void
OsThreadDetach(OS_THREAD *Thread)
{
    (void)pthread_detach(Thread->Handle);
    Release(Thread);
}

_Noreturn void
OsThreadExit(void)
{
    if (CurrentThread == NULL)
    {
        abort();  // a thread that others started is theirs to end
    }
    _longjmp(CurrentThread->Exit, 1);
}

static unsigned
CountProcessors(void)
{
    // Room for the largest machine there is: with too little, the call fails and we would say 1.
    enum
    {
        MAX_PROCESSORS = 8192
    };
    cpu_set_t *Set = CPU_ALLOC(MAX_PROCESSORS);
    size_t Size = CPU_ALLOC_SIZE(MAX_PROCESSORS);
    int Count = 0;

    if (Set == NULL)
    {
        return 1;
    }
    CPU_ZERO_S(Size, Set);
    if (sched_getaffinity(0, Size, Set) == 0)
    {
        Count = CPU_COUNT_S(Size, Set);
    }
    CPU_FREE(Set);
    return Count > 0 ? (unsigned)Count : 1;
}

unsigned
OsProcessorCount(void)
{
    static unsigned Known;  // atomic, relaxed: every thread would compute the same
    unsigned Count = __atomic_load_n(&Known, __ATOMIC_RELAXED);

    if (Count == 0)
    {
        Count = CountProcessors();
        __atomic_store_n(&Known, Count, __ATOMIC_RELAXED);
    }
    return Count;
}
