// SPDX-License-Identifier: MIT
// Deferred procedure calls: a queue per virtual processor, drained by whoever owns the processor.
//
// KDPC.DpcData names the processor whose queue the DPC is on; it changes only under that processor's
// DpcLock, so whoever holds the lock and reads its own processor there knows that the DPC is linked.
// Before a DPC runs it is unlinked and DpcData is cleared: from then on the routine may queue it again
// or free it, and nothing here touches it.
//
// Who runs what. A DPC that the owner of a processor queues to it runs when the owner lowers IRQL: one
// inserted at PASSIVE_LEVEL has run before KeInsertQueueDpc returns. One queued to another processor
// is run by its idle thread, or by its owner if that one happens to look first. The inserter wakes the
// idle thread in every case, so nothing depends on the owner looking.
//
// IdleWord: 0 nothing asked, 1 asked, 2 the idle thread sleeps. The asker exchanges 1 and wakes if it
// saw 2. The idle thread sleeps only after it changed 0 into 2, and OsWaitWord compares once more: an
// asker came before (then it is 1, no sleep) or after (then it sees 2 and wakes). Release and acquire
// on the word carry nothing: the queue has its lock.
//
// A DPC that queues itself again for ever must not keep a thread from lowering its IRQL: a drain ends
// after what was queued when it began plus KI_DPC_BUDGET, and the idle thread goes on with the rest,
// giving the processor back in between.
//
// Flushing takes each processor in turn and runs its queue up to a barrier put at its end. Owning the
// processor means that none of its DPCs is running elsewhere.
#include "ke/ki.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define KI_DPC_BUDGET 64u
#define KI_IDLE_STOP  3u
// KDPC.Number: 0 wherever it is inserted, else the target processor + 1.
#define KI_ANY_PROCESSOR 0u

static inline PKDPC
KipDpcOfLink(PSINGLE_LIST_ENTRY Link)
{
    return CONTAINING_RECORD(Link, KDPC, DpcListEntry);
}

static inline void
KipSetDpcCount(PKPRCB Prcb, uint32_t Count)
{
    // Relaxed: a hint for those who do not hold DpcLock.
    __atomic_store_n(&Prcb->DpcCount, Count, __ATOMIC_RELAXED);
}

static void
KipAskIdle(PKPRCB Prcb)
{
    uint32_t Old = __atomic_load_n(&Prcb->IdleWord, __ATOMIC_RELAXED);

    while (Old != KI_IDLE_STOP)
    {
        if (__atomic_compare_exchange_n(&Prcb->IdleWord, &Old, 1, FALSE, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        {
            if (Old == 2)
            {
                OsWakeWord(&Prcb->IdleWord, 1, false);
            }
            return;
        }
    }
}

void
KiStopIdle(PKPRCB Prcb)
{
    __atomic_store_n(&Prcb->IdleWord, KI_IDLE_STOP, __ATOMIC_SEQ_CST);
    OsWakeWord(&Prcb->IdleWord, 1, false);
}

void
KiIdleLoop(PKPRCB Prcb)
{
    for (;;)
    {
        uint32_t Word = 1;

        if (__atomic_compare_exchange_n(&Prcb->IdleWord, &Word, 0, FALSE, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
        {
            KiRaiseOnProcessor(Prcb);
            KeLowerIrql(PASSIVE_LEVEL);
            continue;
        }
        if (Word == KI_IDLE_STOP)
        {
            return;
        }
        if (Word == 2 || __atomic_compare_exchange_n(&Prcb->IdleWord, &Word, 2, FALSE,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        {
            (void)OsWaitWord(&Prcb->IdleWord, 2, OS_FOREVER, false);
        }
    }
}

VOID
KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    if (VfLevel != VfOff && KiFindDpcIn(Dpc, Dpc + 1) != NULL)
    {
        VfBugCheck(VfBug_TIMER_OR_DPC_INVALID, 1, (ULONG_PTR)Dpc, (ULONG_PTR)Dpc,
                   (ULONG_PTR)(Dpc + 1), "KeInitializeDpc was called on a DPC that is queued.");
    }
    Dpc->TargetInfoAsUlong = 0;
    Dpc->Type = KiDpcObject;
    Dpc->Importance = MediumImportance;
    Dpc->Number = KI_ANY_PROCESSOR;
    Dpc->DpcListEntry.Next = NULL;
    Dpc->ProcessorHistory = 0;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
    Dpc->SystemArgument1 = NULL;
    Dpc->SystemArgument2 = NULL;
    Dpc->DpcData = NULL;
}

VOID
KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    __atomic_store_n(&Dpc->Importance, (UCHAR)Importance, __ATOMIC_RELAXED);
}

VOID
KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    if (Number < 0 || (ULONG)Number >= KiProcessorCount)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Dpc,
                   (ULONG_PTR)(LONG)Number, KiProcessorCount, 0,
                   "KeSetTargetProcessorDpc: there is no processor %d (there are %u).", Number,
                   (unsigned)KiProcessorCount);
    }
    __atomic_store_n(&Dpc->Number, (USHORT)(Number + 1), __ATOMIC_RELAXED);
}

NTSTATUS
KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    ULONG Number = KeGetProcessorIndexFromNumber(ProcNumber);

    if (Number >= KiProcessorCount)
    {
        return STATUS_INVALID_PARAMETER;
    }
    KeSetTargetProcessorDpc(Dpc, (CCHAR)Number);
    return STATUS_SUCCESS;
}

static void
KipLinkDpc(PKPRCB Prcb, PKDPC Dpc)
{
    PSINGLE_LIST_ENTRY Link = &Dpc->DpcListEntry;

    if (__atomic_load_n(&Dpc->Importance, __ATOMIC_RELAXED) == HighImportance)
    {
        Link->Next = Prcb->DpcFirst;
        Prcb->DpcFirst = Link;
        if (Prcb->DpcLast == NULL)
        {
            Prcb->DpcLast = Link;
        }
    }
    else
    {
        Link->Next = NULL;
        if (Prcb->DpcLast != NULL)
        {
            Prcb->DpcLast->Next = Link;
        }
        else
        {
            Prcb->DpcFirst = Link;
        }
        Prcb->DpcLast = Link;
    }
    KipSetDpcCount(Prcb, Prcb->DpcCount + 1);
}

BOOLEAN
KiInsertDpc(PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    PKPRCB Own = KiCurrentThread->Prcb;
    USHORT Target = __atomic_load_n(&Dpc->Number, __ATOMIC_RELAXED);
    PKPRCB Prcb = Target == KI_ANY_PROCESSOR ? Own : &KiProcessor[Target - 1];
    PVOID Free = NULL;
    BOOLEAN Inserted;

    OsLockAcquire(&Prcb->DpcLock);
    // Two inserters on two processors decide here who links it. Acquire: pairs with the releases that
    // cleared DpcData, under another queue's lock, after that queue had read or unlinked the DPC.
    Inserted = __atomic_compare_exchange_n(&Dpc->DpcData, &Free, Prcb, FALSE, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    if (Inserted)
    {
        Dpc->SystemArgument1 = Argument1;
        Dpc->SystemArgument2 = Argument2;
        KipLinkDpc(Prcb, Dpc);
    }
    OsLockRelease(&Prcb->DpcLock);
    if (Inserted && Prcb != Own)
    {
        KipAskIdle(Prcb);
    }
    return Inserted;
}

BOOLEAN
KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    KIRQL OldIrql = KeGetCurrentIrql();
    BOOLEAN Inserted;

    if (Dpc->Type != KiDpcObject)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Dpc, Dpc->Type, 0, 0,
                   "KeInsertQueueDpc: the DPC was not initialized with KeInitializeDpc.");
    }
    if (OldIrql >= DISPATCH_LEVEL)
    {
        return KiInsertDpc(Dpc, SystemArgument1, SystemArgument2);
    }
    OldIrql = KeRaiseIrqlToDpcLevel();
    Inserted = KiInsertDpc(Dpc, SystemArgument1, SystemArgument2);
    KeLowerIrql(OldIrql);
    return Inserted;
}

BOOLEAN
KeRemoveQueueDpc(PRKDPC Dpc)
{
    for (;;)
    {
        // Relaxed: looked at again under the lock that guards it.
        PKPRCB Prcb = __atomic_load_n(&Dpc->DpcData, __ATOMIC_RELAXED);
        BOOLEAN Removed = FALSE;

        if (Prcb == NULL)
        {
            return FALSE;
        }
        OsLockAcquire(&Prcb->DpcLock);
        if (__atomic_load_n(&Dpc->DpcData, __ATOMIC_RELAXED) == Prcb)
        {
            PSINGLE_LIST_ENTRY Previous = NULL;
            PSINGLE_LIST_ENTRY *Slot = &Prcb->DpcFirst;

            while (*Slot != &Dpc->DpcListEntry)
            {
                Previous = *Slot;
                Slot = &Previous->Next;
            }
            *Slot = Dpc->DpcListEntry.Next;
            if (Prcb->DpcLast == &Dpc->DpcListEntry)
            {
                Prcb->DpcLast = Previous;
            }
            KipSetDpcCount(Prcb, Prcb->DpcCount - 1);
            __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);  // as in KipRunOneDpc
            Removed = TRUE;
        }
        OsLockRelease(&Prcb->DpcLock);
        if (Removed)
        {
            return TRUE;
        }
        // It ran or moved to another processor's queue meanwhile: look again.
    }
}

// Runs the first DPC of the queue. FALSE: the queue is empty.
static BOOLEAN
KipRunOneDpc(PKPRCB Prcb, PKTHREAD Thread)
{
    PKDEFERRED_ROUTINE Routine;
    PVOID Context, Argument1, Argument2;
    PKDPC Dpc;

    OsLockAcquire(&Prcb->DpcLock);
    if (Prcb->DpcFirst == NULL)
    {
        OsLockRelease(&Prcb->DpcLock);
        return FALSE;
    }
    Dpc = KipDpcOfLink(Prcb->DpcFirst);
    Prcb->DpcFirst = Dpc->DpcListEntry.Next;
    if (Prcb->DpcFirst == NULL)
    {
        Prcb->DpcLast = NULL;
    }
    KipSetDpcCount(Prcb, Prcb->DpcCount - 1);
    Routine = Dpc->DeferredRoutine;
    Context = Dpc->DeferredContext;
    Argument1 = Dpc->SystemArgument1;
    Argument2 = Dpc->SystemArgument2;
    // Release: we have read the DPC before an inserter on another processor, whose compare-exchange
    // sees this NULL, writes new arguments.
    __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
    OsLockRelease(&Prcb->DpcLock);

    Routine(Dpc, Context, Argument1, Argument2);

    if (__builtin_expect(Thread->Irql != DISPATCH_LEVEL || Thread->SpinLocksHeld != 0, 0))
    {
        VfBugCheck(VfBug_IRQL_UNEXPECTED_VALUE, Thread->Irql, DISPATCH_LEVEL, (ULONG_PTR)Routine,
                   Thread->SpinLocksHeld,
                   "The DPC routine %p returned at IRQL %u with %u spin lock(s) held.",
                   (void *)Routine, Thread->Irql, (unsigned)Thread->SpinLocksHeld);
    }
    return TRUE;
}

void
KiRunDpcs(PKPRCB Prcb, PKTHREAD Thread)
{
    uint32_t Budget = __atomic_load_n(&Prcb->DpcCount, __ATOMIC_RELAXED) + KI_DPC_BUDGET;

    Prcb->DpcActive = TRUE;
    while (Budget != 0 && __atomic_load_n(&Prcb->DpcCount, __ATOMIC_RELAXED) != 0)
    {
        if (!KipRunOneDpc(Prcb, Thread))
        {
            break;
        }
        Budget--;
    }
    Prcb->DpcActive = FALSE;
    if (Budget == 0)
    {
        KipAskIdle(Prcb);
    }
}

static VOID
KipBarrier(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    *(BOOLEAN *)Context = TRUE;
}

void
KiFlushDpcs(void)
{
    for (ULONG i = 0; i < KiProcessorCount; i++)
    {
        PKPRCB Prcb = &KiProcessor[i];
        BOOLEAN Passed = FALSE;
        KDPC Barrier;

        KeInitializeDpc(&Barrier, KipBarrier, &Passed);
        KiRaiseOnProcessor(Prcb);
        (void)KiInsertDpc(&Barrier, NULL, NULL);
        Prcb->DpcActive = TRUE;
        while (!Passed)
        {
            (void)KipRunOneDpc(Prcb, KiCurrentThread);
        }
        Prcb->DpcActive = FALSE;
        KeLowerIrql(PASSIVE_LEVEL);
    }
}

VOID
KeFlushQueuedDpcs(VOID)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    KiFlushDpcs();
}

PKDPC
KiFindDpcIn(const void *Low, const void *High)
{
    for (ULONG i = 0; i < KiProcessorCount; i++)
    {
        PKPRCB Prcb = &KiProcessor[i];
        PKDPC Found = NULL;

        if (__atomic_load_n(&Prcb->DpcCount, __ATOMIC_RELAXED) == 0)
        {
            continue;
        }
        OsLockAcquire(&Prcb->DpcLock);
        for (PSINGLE_LIST_ENTRY Link = Prcb->DpcFirst; Link != NULL; Link = Link->Next)
        {
            PKDPC Dpc = KipDpcOfLink(Link);

            if ((ULONG_PTR)Dpc >= (ULONG_PTR)Low && (ULONG_PTR)Dpc < (ULONG_PTR)High)
            {
                Found = Dpc;
                break;
            }
        }
        OsLockRelease(&Prcb->DpcLock);
        if (Found != NULL)
        {
            return Found;
        }
    }
    return NULL;
}
