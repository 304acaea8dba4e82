// SPDX-License-Identifier: MIT
// The slow paths of the host's own lock: spin for a bounded time, then sleep.
//
// State: 0 free, 1 held, 2 held and somebody may sleep.
//
//     0 --acquire--> 1 --a waiter marks it--> 2 --release--> 0 and one waiter is woken
//
// Why the wakeup cannot be lost: a waiter sleeps only after its own exchange wrote 2 and returned
// non-zero (the lock was held), and OsWaitWord sleeps only while the word still is 2. Whoever then
// releases exchanges 2 for 0 and so knows that it must wake. A waiter that gets the lock in the slow
// path leaves 2 behind although it may be the last: one wake too many, never one too few.
#include "host/os/os_internal.h"

#define LOCK_FREE    0u
#define LOCK_HELD    1u
#define LOCK_WAITERS 2u

// A pause is 10 to 50 ns on the processors of today: 1 to 5 us in all, well below the cost of putting
// a processor to sleep and waking it (about 24 us).
#define LOCK_SPINS 100u

OS_THREAD_LOCAL uint32_t OsHeldLocks;

static bool
LockTrySpinning(OS_LOCK *Lock)
{
    if (OsProcessorCount() < 2)
    {
        return false;  // the holder cannot run while we spin
    }
    for (unsigned Spin = 0; Spin < LOCK_SPINS; Spin++)
    {
        // Relaxed: only a hint; the exchange below carries the order.
        uint32_t State = __atomic_load_n(&Lock->State, __ATOMIC_RELAXED);

        if (State == LOCK_WAITERS)
        {
            return false;  // others sleep already: queue up behind them
        }
        // Acquire: pairs with the release exchange in OsLockRelease.
        if (State == LOCK_FREE &&
            __atomic_compare_exchange_n(&Lock->State, &State, LOCK_HELD, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
        {
            return true;
        }
        OsPause();
    }
    return false;
}

void
OsLockAcquireSlow(OS_LOCK *Lock)
{
    if (LockTrySpinning(Lock))
    {
        return;
    }
    // Acquire: pairs with the release exchange in OsLockRelease.
    while (__atomic_exchange_n(&Lock->State, LOCK_WAITERS, __ATOMIC_ACQUIRE) != LOCK_FREE)
    {
        (void)OsWaitWord(&Lock->State, LOCK_WAITERS, OS_FOREVER, false);
    }
}

void
OsLockReleaseSlow(OS_LOCK *Lock)
{
    // The lock may be taken, released and its memory freed by another thread before this call: the
    // kernel only looks for sleepers at the address, it does not read the word.
    OsWakeWord(&Lock->State, 1, false);
}
