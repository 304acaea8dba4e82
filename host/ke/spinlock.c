// SPDX-License-Identifier: MIT
// Spin locks: the owner is kept in the lock word, so that misuse is found where it happens.
//
// A word is 0 (free) or its owner's KTHREAD, with bit 0 set if it was taken through a queue handle:
// NT forbids mixing the two families on one lock, and here the release finds it. Acquire on taking
// pairs with the release store of the owner. Only the owner stores to a held word, so a plain store
// releases it.
//
// A holder may be preempted by Linux while it holds the lock. Waiters therefore spin only for a while,
// then yield their host processor, then sleep for short, growing times: nobody wakes them, the
// deadline does, so no wakeup can be lost. In-stack queued locks have the same word and no queue: a
// queue would make everybody wait for a preempted waiter.
#include "ke/ki.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define KI_QUEUED           ((ULONG_PTR)1)
#define KI_SPINS            200u
#define KI_YIELDS           20u
#define KI_FIRST_SLEEP_NS   20000u
#define KI_LONGEST_SLEEP_NS 1000000u

static __attribute__((noinline)) void
KipContend(PKSPIN_LOCK SpinLock, ULONG_PTR Mine, const char *Function)
{
    unsigned Round = 0;
    uint64_t SleepNs = KI_FIRST_SLEEP_NS;

    for (;;)
    {
        // Relaxed: a hint; the exchange below carries the order.
        ULONG_PTR Owner = __atomic_load_n(SpinLock, __ATOMIC_RELAXED);

        if (Owner == 0)
        {
            // Acquire: pairs with the store in KipRelease.
            if (__atomic_compare_exchange_n(SpinLock, &Owner, Mine, FALSE, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED))
            {
                return;
            }
            continue;
        }
        if ((Owner & ~KI_QUEUED) == (Mine & ~KI_QUEUED))
        {
            VfBugCheck(VfBug_SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)SpinLock, Owner, 0, 0,
                       "%s: the thread holds this spin lock already.", Function);
        }
        Round++;
        if (Round < KI_SPINS)
        {
            OsPause();
        }
        else if (Round < KI_SPINS + KI_YIELDS)
        {
            OsYield();
        }
        else
        {
            // The low half of the word stands for the whole: should it change, we look at once.
            (void)OsWaitWord((uint32_t *)SpinLock, (uint32_t)Owner, OsMonotonicNs() + SleepNs,
                             false);
            SleepNs = SleepNs * 2 < KI_LONGEST_SLEEP_NS ? SleepNs * 2 : KI_LONGEST_SLEEP_NS;
        }
    }
}

static __attribute__((noinline, noreturn)) void
KipBelowDispatch(PKSPIN_LOCK SpinLock, const char *Function)
{
    VfBugCheck(VfBug_IRQL_NOT_GREATER_OR_EQUAL, (ULONG_PTR)SpinLock, KeGetCurrentIrql(), 0, 0,
               "%s was called at IRQL %u: it must be called at DISPATCH_LEVEL.", Function,
               KeGetCurrentIrql());
}

static inline void
KipAcquire(PKSPIN_LOCK SpinLock, ULONG_PTR Queued, const char *Function)
{
    PKTHREAD Thread = KiCurrentThread;
    ULONG_PTR Mine = (ULONG_PTR)Thread | Queued;
    ULONG_PTR Free = 0;

    // Acquire: pairs with the store in KipRelease.
    if (__builtin_expect(!__atomic_compare_exchange_n(SpinLock, &Free, Mine, FALSE,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
                         0))
    {
        KipContend(SpinLock, Mine, Function);
    }
    Thread->SpinLocksHeld++;
}

static inline void
KipRequireDispatch(PKSPIN_LOCK SpinLock, const char *Function)
{
    PKTHREAD Thread = KiCurrentThread;

    if (__builtin_expect(Thread == NULL || Thread->Irql < DISPATCH_LEVEL, 0))
    {
        KipBelowDispatch(SpinLock, Function);
    }
}

static __attribute__((noinline, noreturn)) void
KipBadRelease(PKSPIN_LOCK SpinLock, ULONG_PTR Owner, ULONG_PTR Queued, const char *Function)
{
    ULONG_PTR Self = (ULONG_PTR)KiCurrentThread;

    if (Owner == 0)
    {
        VfBugCheck(VfBug_SPIN_LOCK_NOT_OWNED, (ULONG_PTR)SpinLock, 0, 0, 0,
                   "%s: the spin lock is not held.", Function);
    }
    if (Owner == (Self | (Queued ^ KI_QUEUED)))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)SpinLock, Owner, 0, 0,
                   "%s: the lock was acquired %s: the two kinds cannot be mixed.", Function,
                   Queued ? "as an ordinary spin lock" : "through a queue handle");
    }
    VfBugCheck(VfBug_SPIN_LOCK_NOT_OWNED, (ULONG_PTR)SpinLock, Owner, Self, 0,
               "%s: the spin lock is held by another thread.", Function);
}

static inline void
KipRelease(PKSPIN_LOCK SpinLock, ULONG_PTR Queued, const char *Function)
{
    PKTHREAD Thread = KiCurrentThread;
    ULONG_PTR Owner = __atomic_load_n(SpinLock, __ATOMIC_RELAXED);

    KipRequireDispatch(SpinLock, Function);
    if (__builtin_expect(Owner != ((ULONG_PTR)Thread | Queued), 0))
    {
        KipBadRelease(SpinLock, Owner, Queued, Function);
    }
    Thread->SpinLocksHeld--;
    // Release: pairs with the acquire of the next owner.
    __atomic_store_n(SpinLock, 0, __ATOMIC_RELEASE);
}

KIRQL
KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();

    KipAcquire(SpinLock, 0, "KeAcquireSpinLock");
    return OldIrql;
}

VOID
KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    KipRelease(SpinLock, 0, __func__);
    KeLowerIrql(NewIrql);
}

VOID
KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    KipRequireDispatch(SpinLock, __func__);
    KipAcquire(SpinLock, 0, __func__);
}

VOID
KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    KipRelease(SpinLock, 0, __func__);
}

BOOLEAN
KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    ULONG_PTR Owner = 0;

    KipRequireDispatch(SpinLock, __func__);
    // Acquire: pairs with the store in KipRelease.
    if (__atomic_compare_exchange_n(SpinLock, &Owner, (ULONG_PTR)KiCurrentThread, FALSE,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    {
        KiCurrentThread->SpinLocksHeld++;
        return TRUE;
    }
    return FALSE;
}

BOOLEAN
KeTestSpinLock(PKSPIN_LOCK SpinLock)
{
    return __atomic_load_n(SpinLock, __ATOMIC_RELAXED) == 0;
}

KIRQL
KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    // Threaded DPCs do not exist here, so a DPC is at DISPATCH_LEVEL and this raises only elsewhere.
    return KeAcquireSpinLockRaiseToDpc(SpinLock);
}

VOID
KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    KeReleaseSpinLock(SpinLock, OldIrql);
}

static inline void
KipFillHandle(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle, KIRQL OldIrql)
{
    LockHandle->LockQueue.Next = NULL;
    LockHandle->LockQueue.Lock = SpinLock;
    LockHandle->OldIrql = OldIrql;
}

static inline PKSPIN_LOCK
KipEmptyHandle(PKLOCK_QUEUE_HANDLE LockHandle, const char *Function)
{
    PKSPIN_LOCK SpinLock = LockHandle->LockQueue.Lock;

    if (__builtin_expect(SpinLock == NULL, 0))
    {
        VfBugCheck(VfBug_SPIN_LOCK_NOT_OWNED, (ULONG_PTR)LockHandle, 0, 0, 0,
                   "%s: the lock of this queue handle has been released already.", Function);
    }
    LockHandle->LockQueue.Lock = NULL;
    return SpinLock;
}

VOID
KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();

    KipAcquire(SpinLock, KI_QUEUED, __func__);
    KipFillHandle(SpinLock, LockHandle, OldIrql);
}

VOID
KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KIRQL OldIrql = LockHandle->OldIrql;

    KipRelease(KipEmptyHandle(LockHandle, __func__), KI_QUEUED, __func__);
    KeLowerIrql(OldIrql);
}

VOID
KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    KipRequireDispatch(SpinLock, __func__);
    KipAcquire(SpinLock, KI_QUEUED, __func__);
    KipFillHandle(SpinLock, LockHandle, DISPATCH_LEVEL);
}

VOID
KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KipRelease(KipEmptyHandle(LockHandle, __func__), KI_QUEUED, __func__);
}

VOID
KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    KeAcquireInStackQueuedSpinLock(SpinLock, LockHandle);
}

VOID
KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KeReleaseInStackQueuedSpinLock(LockHandle);
}
