// SPDX-License-Identifier: MIT
// The dispatcher: its lock, what an object that becomes signaled does, and how wakes are delivered.
//
// One lock, KiDispatcherLock, guards every dispatcher header, every wait block on its lists, the wait
// state of every thread and the timers. Whoever ends a wait claims the thread under it: takes its
// blocks off all lists, its timer out, writes WaitStatus and moves State to KiStateRunning. A second
// satisfier therefore finds no block and no waiting state; there is nothing to race for.
//
// Delivery happens after the lock was dropped. To a host thread it is one exchange of WaitWord, the
// last touch of the KTHREAD: from there on the thread may return, end and be freed (the futex call
// that may follow uses the address only, and a sleeper that reuses it re-checks its word). The
// release of that exchange publishes WaitStatus to the acquire in KiSleep. To a parked thread it is
// Finish, Reply, and a decrement of Deliveries, counted up at the claim: its exit waits in
// KiQuiesceThread until that is 0, because after Reply the application may already have asked for it.
#include "ke/kip.h"

OS_LOCK KiDispatcherLock = OS_LOCK_INIT;

#define KI_DELIVERIES_AWAITED 0x80000000u

void
KiInitializeHeader(DISPATCHER_HEADER *Object, UCHAR Type, LONG State)
{
    Object->LockNV = 0;
    Object->Type = Type;
    Object->Signalling = KI_INITIALIZED;
    KiSetSignalState(Object, State);
    InitializeListHead(&Object->WaitListHead);
}

void
KiLockDispatcher(void)
{
    OsLockAcquire(&KiDispatcherLock);
}

static void
KipDeliverParked(PKTHREAD Thread)
{
    KI_WAIT_FINISH *Finish = Thread->Finish;
    NTSTATUS Status;
    uint32_t Old;

    KI_ASSERT_NO_HOST_LOCKS();
    Thread->Finish = NULL;
    Status = Finish(Thread, Thread->WaitStatus, Thread->FinishContext);
    Thread->Reply(Thread, Status);
    // Release: pairs with the acquire in KiQuiesceThread; the last touch of the thread.
    Old = __atomic_fetch_sub(&Thread->Deliveries, 1, __ATOMIC_RELEASE);
    if (Old == (KI_DELIVERIES_AWAITED | 1))
    {
        OsWakeWord(&Thread->Deliveries, UINT32_MAX, false);
    }
}

static __attribute__((noinline)) void
KipDeliver(PKTHREAD Thread)
{
    while (Thread != NULL)
    {
        // Read before the thread is let go: then it may be waiting in another list.
        PKTHREAD Next = Thread->NextToWake;

        if (Thread->Finish != NULL)
        {
            KipDeliverParked(Thread);
        }
        // Release: publishes WaitStatus to KiSleep. 2: its host thread sleeps, or is about to, having
        // put the 2 there: OsWaitWord compares again, so the wake cannot be lost.
        else if (__atomic_exchange_n(&Thread->WaitWord, 1, __ATOMIC_RELEASE) == 2)
        {
            OsWakeWord(&Thread->WaitWord, 1, false);
        }
        Thread = Next;
    }
}

void
KiUnlockDispatcher(KI_WAKE *Wake)
{
    OsLockRelease(&KiDispatcherLock);
    if (Wake->WakeTimers)
    {
        KiWakeTimerThread();
    }
    if (Wake->First != NULL)
    {
        KipDeliver(Wake->First);
    }
}

static void
KipClaim(PKTHREAD Thread, NTSTATUS Status, KI_WAKE *Wake)
{
    for (ULONG i = 0; i < Thread->WaitCount; i++)
    {
        RemoveEntryList(&Thread->WaitBlocks[i].WaitListEntry);
    }
    if (Thread->WaitTimerSet)
    {
        (void)KiRemoveTimer(&Thread->WaitTimer);
        Thread->WaitTimerSet = FALSE;
    }
    if (Thread->State == KiStateParked)
    {
        // Relaxed: its decrement carries the order.
        (void)__atomic_fetch_add(&Thread->Deliveries, 1, __ATOMIC_RELAXED);
    }
    Thread->State = KiStateRunning;
    Thread->WaitStatus = Status;
    Thread->NextToWake = NULL;
    if (Wake->First == NULL)
    {
        Wake->First = Thread;
    }
    else
    {
        Wake->Last->NextToWake = Thread;
    }
    Wake->Last = Thread;
}

BOOLEAN
KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KI_WAKE *Wake)
{
    if (Thread->State != KiStateWaiting && Thread->State != KiStateParked)
    {
        return FALSE;
    }
    KipClaim(Thread, Status, Wake);
    return TRUE;
}

// What a satisfied wait does to the object.
static inline void
KipConsume(DISPATCHER_HEADER *Object)
{
    if (Object->Type == KiEventSynchronization || Object->Type == KiTimerSynchronization)
    {
        KiSetSignalState(Object, 0);
    }
}

BOOLEAN
KiTryConsume(ULONG Count, PVOID Objects[], WAIT_TYPE Type, NTSTATUS *Status)
{
    if (Type == WaitAny)
    {
        for (ULONG i = 0; i < Count; i++)
        {
            if (KiSignalState(Objects[i]) > 0)
            {
                KipConsume(Objects[i]);
                *Status = STATUS_WAIT_0 + (NTSTATUS)i;
                return TRUE;
            }
        }
        return FALSE;
    }
    for (ULONG i = 0; i < Count; i++)
    {
        if (KiSignalState(Objects[i]) <= 0)
        {
            return FALSE;
        }
    }
    for (ULONG i = 0; i < Count; i++)
    {
        KipConsume(Objects[i]);
    }
    *Status = STATUS_WAIT_0;
    return TRUE;
}

static BOOLEAN
KipAllSignaled(PKTHREAD Thread)
{
    for (ULONG i = 0; i < Thread->WaitCount; i++)
    {
        if (KiSignalState(Thread->WaitBlocks[i].Object) <= 0)
        {
            return FALSE;
        }
    }
    return TRUE;
}

void
KiSignalObject(DISPATCHER_HEADER *Object, KI_WAKE *Wake)
{
    PLIST_ENTRY Entry = Object->WaitListHead.Flink;

    while (Entry != &Object->WaitListHead && KiSignalState(Object) > 0)
    {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);
        PKTHREAD Thread = Block->Thread;

        // The claim removes all blocks of the thread, and a wait for the same object twice has two of
        // them here: go on behind the last of a run. (A later one is not reached through a removed
        // entry, because Entry is then another thread's, still linked.)
        do
        {
            Entry = Entry->Flink;
        } while (Entry != &Object->WaitListHead &&
                 CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry)->Thread == Thread);
        if (Thread->WaitType == WaitAny)
        {
            KipConsume(Object);
            KipClaim(Thread, STATUS_WAIT_0 + (NTSTATUS)Block->WaitKey, Wake);
        }
        else if (KipAllSignaled(Thread))
        {
            for (ULONG i = 0; i < Thread->WaitCount; i++)
            {
                KipConsume(Thread->WaitBlocks[i].Object);
            }
            KipClaim(Thread, STATUS_WAIT_0, Wake);
        }
    }
}

void
KiQuiesceThread(PKTHREAD Thread)
{
    for (;;)
    {
        // Acquire: pairs with the decrement in KipDeliverParked.
        uint32_t Count = __atomic_load_n(&Thread->Deliveries, __ATOMIC_ACQUIRE);

        if ((Count & ~KI_DELIVERIES_AWAITED) == 0)
        {
            return;
        }
        // A deliverer that takes the count to 0 sees the mark and wakes; OsWaitWord compares again.
        if ((Count & KI_DELIVERIES_AWAITED) != 0 ||
            __atomic_compare_exchange_n(&Thread->Deliveries, &Count, Count | KI_DELIVERIES_AWAITED,
                                        FALSE, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        {
            (void)OsWaitWord(&Thread->Deliveries, Count | KI_DELIVERIES_AWAITED, OS_FOREVER, false);
        }
    }
}
