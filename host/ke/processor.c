// SPDX-License-Identifier: MIT
// Virtual processors and IRQL: at DISPATCH_LEVEL and above a thread owns a processor.
//
// KPRCB.Owner is 0 (free) or its owner's OsTid. Bit 31 says that somebody may sleep for it.
//
//     0 --take--> tid --a waiter marks it--> tid|W --lower--> 0, one waiter woken --> tid|W
//
// Taking tries the processor owned last (its cache lines are here), then the others, spins for a
// bounded time and then commits to one processor and sleeps. Wakeup: a waiter sleeps only after it
// put bit 31 into a non-zero word, and OsWaitWord compares the word once more; whoever then lowers
// exchanges the word for 0, sees bit 31 and wakes one. A committed waiter never takes another
// processor, and takes its own with bit 31 set although it may be the last one: one wake too many,
// never one too few.
//
// Acquire on taking pairs with the release exchange on giving back: per-processor data of one owner
// is visible to the next. That is what makes it exclusive without a lock.
#include "ke/ki.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define KI_PROCESSOR_WAITERS 0x80000000u
#define KI_PROCESSOR_SPINS   64u

KPRCB KiProcessor[KI_MAX_PROCESSORS];
ULONG KiProcessorCount;

static inline uint32_t
KipSelf(void)
{
    return OsTid != 0 ? OsTid : OsThreadSelfId();
}

static inline BOOLEAN
KipTryTake(PKPRCB Prcb, uint32_t Owner)
{
    uint32_t Free = 0;

    // Acquire: pairs with the exchange in KipGiveBack.
    return __atomic_compare_exchange_n(&Prcb->Owner, &Free, Owner, FALSE, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline void
KipBecomeOwner(PKPRCB Prcb, PKTHREAD Thread)
{
    Prcb->Current = Thread;
    Thread->Prcb = Prcb;
    Thread->LastPrcb = Prcb;
}

// Sleeps until Prcb is ours.
static void
KipTakeCommitted(PKPRCB Prcb)
{
    uint32_t Self = KipSelf();

    for (;;)
    {
        uint32_t Owner = __atomic_load_n(&Prcb->Owner, __ATOMIC_RELAXED);

        if (Owner == 0)
        {
            if (KipTryTake(Prcb, Self | KI_PROCESSOR_WAITERS))
            {
                return;
            }
            continue;
        }
        // Relaxed: only marks the word; the order comes with taking it.
        if ((Owner & KI_PROCESSOR_WAITERS) != 0 ||
            __atomic_compare_exchange_n(&Prcb->Owner, &Owner, Owner | KI_PROCESSOR_WAITERS, FALSE,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        {
            (void)OsWaitWord(&Prcb->Owner, Owner | KI_PROCESSOR_WAITERS, OS_FOREVER, false);
        }
    }
}

void
KiTakeProcessorSlow(PKTHREAD Thread)
{
    uint32_t Self = KipSelf();

    for (unsigned Spin = 0; Spin < KI_PROCESSOR_SPINS; Spin++)
    {
        ULONG First = Thread->LastPrcb->Number;

        for (ULONG i = 0; i < KiProcessorCount; i++)
        {
            PKPRCB Prcb = &KiProcessor[(First + i) % KiProcessorCount];

            if (__atomic_load_n(&Prcb->Owner, __ATOMIC_RELAXED) == 0 && KipTryTake(Prcb, Self))
            {
                KipBecomeOwner(Prcb, Thread);
                return;
            }
        }
        OsPause();
    }
    KipTakeCommitted(Thread->LastPrcb);
    KipBecomeOwner(Thread->LastPrcb, Thread);
}

static inline void
KipTake(PKTHREAD Thread)
{
    PKPRCB Prcb = Thread->LastPrcb;

    KI_ASSERT_NO_HOST_LOCKS();
    if (__builtin_expect(KipTryTake(Prcb, KipSelf()), 1))
    {
        KipBecomeOwner(Prcb, Thread);
        return;
    }
    KiTakeProcessorSlow(Thread);
}

static inline void
KipGiveBack(PKTHREAD Thread)
{
    PKPRCB Prcb = Thread->Prcb;

    Thread->Prcb = NULL;
    Prcb->Current = NULL;
    // Release: pairs with the acquire in KipTryTake. Nothing of the processor is touched after it.
    if (__builtin_expect(
            (__atomic_exchange_n(&Prcb->Owner, 0, __ATOMIC_RELEASE) & KI_PROCESSOR_WAITERS) != 0,
            0))
    {
        OsWakeWord(&Prcb->Owner, 1, false);
    }
}

static _Noreturn void
KipNotAnNtThread(const char *Function)
{
    VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, 0, 0, 0,
               "%s was called on a thread that is not an NT thread.", Function);
}

static inline PKTHREAD
KipThread(const char *Function)
{
    PKTHREAD Thread = KiCurrentThread;

    if (__builtin_expect(Thread == NULL, 0))
    {
        KipNotAnNtThread(Function);
    }
    if (__builtin_expect(Thread->WaitNext, 0))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Thread, 0, 0, 0,
                   "%s was called after KeSetEvent with Wait = TRUE: the next call must be "
                   "KeWaitForSingleObject or KeWaitForMultipleObjects.",
                   Function);
    }
    return Thread;
}

KIRQL
KeGetCurrentIrql(VOID)
{
    PKTHREAD Thread = KiCurrentThread;

    return Thread != NULL ? Thread->Irql : PASSIVE_LEVEL;
}

KIRQL
KfRaiseIrql(KIRQL NewIrql)
{
    PKTHREAD Thread = KipThread(__func__);
    KIRQL OldIrql = Thread->Irql;

    if (__builtin_expect(NewIrql < OldIrql || NewIrql > HIGH_LEVEL, 0))
    {
        VfBugCheck(VfBug_IRQL_NOT_GREATER_OR_EQUAL, NewIrql, OldIrql, 0, 0,
                   "KeRaiseIrql to %u while at IRQL %u.", NewIrql, OldIrql);
    }
    if (OldIrql < DISPATCH_LEVEL && NewIrql >= DISPATCH_LEVEL)
    {
        KipTake(Thread);
    }
    Thread->Irql = NewIrql;
    return OldIrql;
}

KIRQL
KeRaiseIrqlToDpcLevel(VOID)
{
    PKTHREAD Thread = KipThread(__func__);
    KIRQL OldIrql = Thread->Irql;

    if (OldIrql < DISPATCH_LEVEL)
    {
        KipTake(Thread);
    }
    else if (__builtin_expect(OldIrql > DISPATCH_LEVEL, 0))
    {
        VfBugCheck(VfBug_IRQL_NOT_GREATER_OR_EQUAL, DISPATCH_LEVEL, OldIrql, 0, 0,
                   "KeRaiseIrqlToDpcLevel or KeAcquireSpinLock while at IRQL %u.", OldIrql);
    }
    Thread->Irql = DISPATCH_LEVEL;
    return OldIrql;
}

void
KiRaiseOnProcessor(PKPRCB Prcb)
{
    PKTHREAD Thread = KipThread(__func__);

    KI_ASSERT_NO_HOST_LOCKS();
    if (!KipTryTake(Prcb, KipSelf()))
    {
        KipTakeCommitted(Prcb);
    }
    KipBecomeOwner(Prcb, Thread);
    Thread->Irql = DISPATCH_LEVEL;
}

static __attribute__((noinline)) void
KipCheckLower(PKTHREAD Thread, KIRQL NewIrql)
{
    if (Thread->Prcb->DpcActive)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, NewIrql, Thread->Irql, 0, 0,
                   "A DPC routine lowered IRQL to %u: it runs at DISPATCH_LEVEL.", NewIrql);
    }
    if (Thread->SpinLocksHeld != 0)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, NewIrql, Thread->SpinLocksHeld, 0, 0,
                   "IRQL was lowered to %u with %u spin lock(s) held.", NewIrql,
                   (unsigned)Thread->SpinLocksHeld);
    }
}

VOID
KeLowerIrql(KIRQL NewIrql)
{
    PKTHREAD Thread = KipThread(__func__);
    KIRQL OldIrql = Thread->Irql;

    if (__builtin_expect(NewIrql > OldIrql, 0))
    {
        VfBugCheck(VfBug_IRQL_NOT_LESS_OR_EQUAL, NewIrql, OldIrql, 0, 0,
                   "KeLowerIrql to %u while at IRQL %u.", NewIrql, OldIrql);
    }
    if (OldIrql >= DISPATCH_LEVEL && NewIrql < DISPATCH_LEVEL)
    {
        PKPRCB Prcb = Thread->Prcb;

        if (__builtin_expect(Prcb->DpcActive || Thread->SpinLocksHeld != 0, 0))
        {
            KipCheckLower(Thread, NewIrql);
        }
        KI_ASSERT_NO_HOST_LOCKS();
        // Relaxed: our own insertions are seen in program order. One that another processor makes
        // after this load is served by the idle thread, which its inserter wakes.
        if (__builtin_expect(__atomic_load_n(&Prcb->DpcCount, __ATOMIC_RELAXED) != 0, 0))
        {
            Thread->Irql = DISPATCH_LEVEL;
            KiRunDpcs(Prcb, Thread);
        }
        KipGiveBack(Thread);
    }
    Thread->Irql = NewIrql;
}

ULONG
KeGetCurrentProcessorNumber(VOID)
{
    PKTHREAD Thread = KiCurrentThread;

    if (Thread == NULL)
    {
        KipNotAnNtThread(__func__);
    }
    return Thread->LastPrcb->Number;
}

ULONG
KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    ULONG Number = KeGetCurrentProcessorNumber();

    if (ProcNumber != NULL)
    {
        ProcNumber->Group = 0;
        ProcNumber->Number = (UCHAR)Number;
        ProcNumber->Reserved = 0;
    }
    return Number;
}

ULONG
KeGetCurrentProcessorIndex(VOID)
{
    return KeGetCurrentProcessorNumber();
}

KAFFINITY
KeQueryActiveProcessors(VOID)
{
    return KiProcessorCount == 64 ? ~(KAFFINITY)0 : ((KAFFINITY)1 << KiProcessorCount) - 1;
}

ULONG
KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    if (ActiveProcessors != NULL)
    {
        *ActiveProcessors = KeQueryActiveProcessors();
    }
    return KiProcessorCount;
}

ULONG
KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    return GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS ? KiProcessorCount : 0;
}

ULONG
KeQueryMaximumProcessorCount(VOID)
{
    return KiProcessorCount;
}

ULONG
KeQueryMaximumProcessorCountEx(USHORT GroupNumber)
{
    return KeQueryActiveProcessorCountEx(GroupNumber);
}

USHORT
KeQueryActiveGroupCount(VOID)
{
    return 1;
}

NTSTATUS
KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcIndex >= KiProcessorCount)
    {
        return STATUS_INVALID_PARAMETER;
    }
    ProcNumber->Group = 0;
    ProcNumber->Number = (UCHAR)ProcIndex;
    ProcNumber->Reserved = 0;
    return STATUS_SUCCESS;
}

ULONG
KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcNumber->Group != 0 || ProcNumber->Number >= KiProcessorCount ||
        ProcNumber->Reserved != 0)
    {
        return 0xFFFFFFFFu;  // INVALID_PROCESSOR_INDEX
    }
    return ProcNumber->Number;
}
