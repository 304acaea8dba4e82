// SPDX-License-Identifier: MIT
// Waits: KeWaitForXxx and KeDelayExecutionThread in place, KiWaitOrPark for system calls.
//
// A wait that cannot be satisfied at once links its blocks and sets State under KiDispatcherLock, then
// either sleeps on WaitWord (in place) or returns (parked). An in-place wait times itself out: when
// OsWaitWord reports the deadline, the thread takes the lock and claims itself unless a satisfier has
// (then it sleeps on, because that satisfier is about to write WaitWord and must find the thread
// alive). A parked wait has nobody to sleep, so it uses the thread's WaitTimer.
#include "ke/kip.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

typedef struct KI_WAIT
{
    ULONG Count;
    PVOID *Objects;
    WAIT_TYPE Type;
    KPROCESSOR_MODE Mode;
    BOOLEAN Alertable;
    PLARGE_INTEGER Timeout;
    PKWAIT_BLOCK Blocks;
} KI_WAIT;

static void
KipLinkBlocks(PKTHREAD Thread, const KI_WAIT *Wait)
{
    PKWAIT_BLOCK Blocks = Wait->Blocks != NULL ? Wait->Blocks : Thread->BuiltinWaitBlocks;

    for (ULONG i = 0; i < Wait->Count; i++)
    {
        DISPATCHER_HEADER *Object = Wait->Objects[i];

        Blocks[i].WaitType = (UCHAR)Wait->Type;
        Blocks[i].BlockState = 0;
        Blocks[i].WaitKey = (USHORT)i;
        Blocks[i].SpareLong = 0;
        Blocks[i].Thread = Thread;
        Blocks[i].Object = Object;
        Blocks[i].SparePtr = NULL;
        InsertTailList(&Object->WaitListHead, &Blocks[i].WaitListEntry);
    }
    Thread->WaitBlocks = Blocks;
    Thread->WaitCount = Wait->Count;
    Thread->WaitType = Wait->Type;
    Thread->WaitMode = Wait->Mode;
    Thread->Alertable = Wait->Alertable;
    Thread->WaitStatus = STATUS_PENDING;
}

// Dispatcher lock held. TRUE: over at once, with *Status. FALSE: the thread must wait; its blocks are
// linked and *DueTime is when it ends (interrupt time, UINT64_MAX: never).
static BOOLEAN
KipBeginWait(PKTHREAD Thread, const KI_WAIT *Wait, ULONGLONG *DueTime, NTSTATUS *Status)
{
    if (Wait->Mode == UserMode && Thread->Terminating)
    {
        *Status = STATUS_THREAD_IS_TERMINATING;
        return TRUE;
    }
    if (Wait->Count != 0 && KiTryConsume(Wait->Count, Wait->Objects, Wait->Type, Status))
    {
        return TRUE;
    }
    *DueTime = UINT64_MAX;
    if (Wait->Timeout != NULL)
    {
        *DueTime = Wait->Timeout->QuadPart == 0
                       ? 0
                       : KiDueTime(Wait->Timeout->QuadPart, (ULONGLONG)KiInterruptTime());
        if (*DueTime == 0)
        {
            *Status = STATUS_TIMEOUT;
            return TRUE;
        }
    }
    KipLinkBlocks(Thread, Wait);
    return FALSE;
}

static NTSTATUS
KipSleep(PKTHREAD Thread, uint64_t DeadlineNs)
{
    uint32_t Word = 0;

    // Acquire on failure: the satisfier was faster, and WaitStatus comes with its exchange.
    if (!__atomic_compare_exchange_n(&Thread->WaitWord, &Word, 2, FALSE, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE))
    {
        return Thread->WaitStatus;
    }
    // Acquire: pairs with the exchange in KipDeliver.
    while (__atomic_load_n(&Thread->WaitWord, __ATOMIC_ACQUIRE) != 1)
    {
        KI_WAKE Wake = {0};
        BOOLEAN Mine;

        if (OsWaitWord(&Thread->WaitWord, 2, DeadlineNs, false) != OS_E_TIMEOUT)
        {
            continue;
        }
        KiLockDispatcher();
        Mine = KiUnwaitThread(Thread, STATUS_TIMEOUT, &Wake);
        OsLockRelease(&KiDispatcherLock);
        if (Mine)
        {
            return STATUS_TIMEOUT;
        }
        DeadlineNs = OS_FOREVER;
    }
    return Thread->WaitStatus;
}

static NTSTATUS
KipWait(PKTHREAD Thread, const KI_WAIT *Wait)
{
    ULONGLONG DueTime;
    NTSTATUS Status;

    Thread->WaitNext = FALSE;
    KiLockDispatcher();
    if (KipBeginWait(Thread, Wait, &DueTime, &Status))
    {
        OsLockRelease(&KiDispatcherLock);
        return Status;
    }
    Thread->State = KiStateWaiting;
    // Relaxed: published by the release of the lock that satisfiers take.
    __atomic_store_n(&Thread->WaitWord, 0, __ATOMIC_RELAXED);
    OsLockRelease(&KiDispatcherLock);
    KI_ASSERT_NO_HOST_LOCKS();
    return KipSleep(Thread, DueTime >= UINT64_MAX / 100 ? OS_FOREVER : DueTime * 100);
}

static PKTHREAD
KipWaiter(const char *Function, const VOID *Object, PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KiCurrentThread;

    if (__builtin_expect(Thread == NULL, 0))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Object, 0, 0, 0,
                   "%s was called on a thread that is not an NT thread.", Function);
    }
    if (__builtin_expect(Thread->Irql >= DISPATCH_LEVEL, 0))
    {
        BOOLEAN Dpc = Thread->Prcb->DpcActive;

        if (Thread->Irql > DISPATCH_LEVEL || Timeout == NULL || Timeout->QuadPart != 0)
        {
            VfBugCheck(Dpc ? VfBug_ATTEMPTED_SWITCH_FROM_DPC : VfBug_IRQL_NOT_LESS_OR_EQUAL,
                       (ULONG_PTR)Object, Thread->Irql, 0, 0,
                       "%s was called %s at IRQL %u: there it may only be called at "
                       "DISPATCH_LEVEL and with a timeout of zero.",
                       Function, Dpc ? "in a DPC" : "with IRQL raised", Thread->Irql);
        }
    }
    return Thread;
}

static inline void
KipCheckObject(const VOID *Object, const char *Function)
{
    if (__builtin_expect(Object == NULL || !KiIsInitialized(Object), 0))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Object, 0, 0, 0,
                   "%s: the object %p was never initialized.", Function, (void *)Object);
    }
}

NTSTATUS
KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                      BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KipWaiter(__func__, Object, Timeout);
    KI_WAIT Wait = {1, &Object, WaitAny, WaitMode, Alertable, Timeout, NULL};

    UNREFERENCED_PARAMETER(WaitReason);
    KipCheckObject(Object, __func__);
    return KipWait(Thread, &Wait);
}

NTSTATUS
KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                         KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                         PKWAIT_BLOCK WaitBlockArray)
{
    PKTHREAD Thread = KipWaiter(__func__, Object, Timeout);
    KI_WAIT Wait = {Count, Object, WaitType, WaitMode, Alertable, Timeout, WaitBlockArray};

    UNREFERENCED_PARAMETER(WaitReason);
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS ||
        (WaitBlockArray == NULL && Count > THREAD_WAIT_OBJECTS))
    {
        VfBugCheck(VfBug_MAXIMUM_WAIT_OBJECTS_EXCEEDED, Count, (ULONG_PTR)WaitBlockArray, 0, 0,
                   "KeWaitForMultipleObjects for %u objects: 1 to %d are allowed, and more than %d "
                   "need a WaitBlockArray.",
                   (unsigned)Count, MAXIMUM_WAIT_OBJECTS, THREAD_WAIT_OBJECTS);
    }
    if (WaitType != WaitAny && WaitType != WaitAll)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)WaitType, 0, 0, 0,
                   "KeWaitForMultipleObjects: %u is not a wait type.", (unsigned)WaitType);
    }
    for (ULONG i = 0; i < Count; i++)
    {
        KipCheckObject(Object[i], __func__);
    }
    return KipWait(Thread, &Wait);
}

NTSTATUS
KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    PKTHREAD Thread;
    KI_WAIT Wait = {0, NULL, WaitAny, WaitMode, Alertable, Interval, NULL};
    NTSTATUS Status;

    VF_MAX_IRQL(APC_LEVEL);
    Thread = KipWaiter(__func__, Interval, Interval);
    if (Interval->QuadPart == 0)
    {
        OsYield();
    }
    Status = KipWait(Thread, &Wait);
    return Status == STATUS_TIMEOUT ? STATUS_SUCCESS : Status;
}

NTSTATUS
KiWaitOrPark(ULONG Count, PVOID Objects[], WAIT_TYPE Type, BOOLEAN Alertable,
             PLARGE_INTEGER Timeout, PKWAIT_BLOCK Blocks, KI_WAIT_FINISH *Finish, PVOID Context)
{
    PKTHREAD Thread = KipWaiter(__func__, Objects, Timeout);
    KI_WAIT Wait = {Count, Objects, Type, Thread->PreviousMode, Alertable, Timeout, Blocks};
    KI_WAKE Wake = {0};
    ULONGLONG DueTime;
    NTSTATUS Status;

    if (!Thread->MayPark || Thread->PreviousMode != UserMode)
    {
        return Finish(Thread, KipWait(Thread, &Wait), Context);
    }
    Thread->WaitNext = FALSE;
    KI_ASSERT_NO_HOST_LOCKS();
    KiLockDispatcher();
    if (KipBeginWait(Thread, &Wait, &DueTime, &Status))
    {
        OsLockRelease(&KiDispatcherLock);
        return Finish(Thread, Status, Context);
    }
    Thread->Finish = Finish;
    Thread->FinishContext = Context;
    Thread->State = KiStateParked;
    if (DueTime != UINT64_MAX)
    {
        Thread->WaitTimerSet = TRUE;
        KiInsertTimer(&Thread->WaitTimer, DueTime, &Wake);
    }
    // From here on the call may be answered, and the next one submitted, at any instant.
    KiUnlockDispatcher(&Wake);
    return STATUS_KI_PARKED;
}
