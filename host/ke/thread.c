// SPDX-License-Identifier: MIT
// KTHREADs: initialization, binding to a host thread, end, priority, critical and guarded regions.
#include "ke/ki.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define KI_DEFAULT_PRIORITY 8

__thread PKTHREAD KiCurrentThread __attribute__((tls_model("initial-exec")));

static uint32_t KiNextProcessor;  // atomic: spreads the processors that threads try first

void
KiInitializeThread(PKTHREAD Thread)
{
    ULONG Number = __atomic_fetch_add(&KiNextProcessor, 1, __ATOMIC_RELAXED) % KiProcessorCount;

    memset(Thread, 0, sizeof(*Thread));
    KiInitializeHeader(&Thread->Header, KiThreadObject, 0);
    KiInitializeHeader(&Thread->WaitTimer.Header, KiWaitTimer, 0);
    Thread->LastPrcb = &KiProcessor[Number];
    Thread->Priority = KI_DEFAULT_PRIORITY;
    Thread->State = KiStateRunning;
}

void
KiBindThread(PKTHREAD Thread)
{
    KiCurrentThread = Thread;
    OsThreadStackBounds(&Thread->StackLow, &Thread->StackHigh);
}

void
KiUnbindThread(void)
{
    KiCurrentThread = NULL;
}

void
KiSetTerminating(PKTHREAD Thread)
{
    KI_WAKE Wake = {0};

    KiLockDispatcher();
    Thread->Terminating = TRUE;
    if (Thread->WaitMode == UserMode)
    {
        (void)KiUnwaitThread(Thread, STATUS_THREAD_IS_TERMINATING, &Wake);
    }
    KiUnlockDispatcher(&Wake);
}

void
KiTerminateThread(PKTHREAD Thread)
{
    KI_WAKE Wake = {0};

    if (Thread->Irql != PASSIVE_LEVEL || Thread->SpinLocksHeld != 0)
    {
        VfBugCheck(VfBug_IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Thread, Thread->Irql,
                   Thread->SpinLocksHeld, 0, "A thread ended at IRQL %u with %u spin lock(s) held.",
                   Thread->Irql, (unsigned)Thread->SpinLocksHeld);
    }
    if (Thread->KernelApcDisable != 0 || Thread->SpecialApcDisable != 0)
    {
        VfBugCheck(VfBug_KERNEL_APC_PENDING_DURING_EXIT, (ULONG_PTR)Thread,
                   (ULONG_PTR)Thread->KernelApcDisable, (ULONG_PTR)Thread->SpecialApcDisable, 0,
                   "A thread ended inside %d critical and %d guarded region(s) that it entered.",
                   -Thread->KernelApcDisable, -Thread->SpecialApcDisable);
    }
    KiLockDispatcher();
    Thread->Terminating = TRUE;
    Thread->State = KiStateTerminated;
    KiSetSignalState(&Thread->Header, 1);
    KiSignalObject(&Thread->Header, &Wake);
    KiUnlockDispatcher(&Wake);
}

PRKTHREAD
KeGetCurrentThread(VOID)
{
    return KiCurrentThread;
}

KPRIORITY
KeQueryPriorityThread(PKTHREAD Thread)
{
    return __atomic_load_n(&Thread->Priority, __ATOMIC_RELAXED);
}

// Linux schedules host threads, unprivileged and all alike: the number is kept and reported only.
KPRIORITY
KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (Priority <= LOW_PRIORITY || Priority > HIGH_PRIORITY)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Thread,
                   (ULONG_PTR)(LONG_PTR)Priority, 0, 0,
                   "KeSetPriorityThread: the priority %d is not in 1 to %d.", Priority,
                   HIGH_PRIORITY);
    }
    return __atomic_exchange_n(&Thread->Priority, Priority, __ATOMIC_RELAXED);
}

static PKTHREAD
KipRegionThread(const char *Function)
{
    PKTHREAD Thread = KiCurrentThread;

    if (Thread == NULL || Thread->Irql > APC_LEVEL)
    {
        VfBugCheck(VfBug_IRQL_NOT_LESS_OR_EQUAL, 0, Thread != NULL ? Thread->Irql : 0, 0, 0,
                   "%s must be called by an NT thread at APC_LEVEL or below.", Function);
    }
    return Thread;
}

static void
KipLeave(PKTHREAD Thread, LONG *Depth, const char *Function)
{
    if (*Depth == 0)
    {
        VfBugCheck(VfBug_APC_INDEX_MISMATCH, (ULONG_PTR)Thread, 0, 0, 0,
                   "%s was called by a thread that is not in such a region.", Function);
    }
    (*Depth)++;
}

// Depths count down from 0, as in NT.
VOID
KeEnterCriticalRegion(VOID)
{
    KipRegionThread(__func__)->KernelApcDisable--;
}

VOID
KeLeaveCriticalRegion(VOID)
{
    PKTHREAD Thread = KipRegionThread(__func__);

    KipLeave(Thread, &Thread->KernelApcDisable, __func__);
}

VOID
KeEnterGuardedRegion(VOID)
{
    KipRegionThread(__func__)->SpecialApcDisable--;
}

VOID
KeLeaveGuardedRegion(VOID)
{
    PKTHREAD Thread = KipRegionThread(__func__);

    KipLeave(Thread, &Thread->SpecialApcDisable, __func__);
}

BOOLEAN
KeAreApcsDisabled(VOID)
{
    PKTHREAD Thread = KiCurrentThread;

    return Thread->KernelApcDisable != 0 || Thread->SpecialApcDisable != 0;
}

BOOLEAN
KeAreAllApcsDisabled(VOID)
{
    PKTHREAD Thread = KiCurrentThread;

    return Thread->SpecialApcDisable != 0 || Thread->Irql >= APC_LEVEL;
}

VOID
KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
             ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)
{
    VfBugCheck(BugCheckCode, BugCheckParameter1, BugCheckParameter2, BugCheckParameter3,
               BugCheckParameter4, "The driver called KeBugCheckEx.");
}

VOID
KeBugCheck(ULONG BugCheckCode)
{
    VfBugCheck(BugCheckCode, 0, 0, 0, 0, "The driver called KeBugCheck.");
}
