// SPDX-License-Identifier: MIT
// Blocking on a 32-bit word (futex), and waking who waits there.
//
// Why a wakeup cannot be lost. A waiter decides to sleep because it saw Word == Expected. A waker
// changes Word first and calls OsWakeWord afterwards. The kernel compares Word with Expected again
// under the lock of the word's wait queue, and enqueues the waiter before it drops that lock; the
// waker takes the same lock to look for waiters. So either the waiter's comparison came second and
// saw the new value (it does not sleep), or it came first and the waker finds it in the queue. The
// kernel orders both sides with full barriers (the waiter's enqueue against its load of Word, the
// waker's store of Word against its look at the queue), so callers need none of their own, on one
// condition: every change of Word that should wake somebody is followed by OsWakeWord.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The seam: every thread of the executive that blocks does it in this function (joining a thread and
// contended locks included). Only the threads that serve descriptors block elsewhere, in poll.c and
// socket.c, waiting for other processes.
int
OsWaitWord(uint32_t *Word, uint32_t Expected, uint64_t DeadlineNs, bool Shared)
{
    // The bitset form takes an absolute time, so a retry after a signal cannot lengthen the wait.
    int Operation = FUTEX_WAIT_BITSET | (Shared ? 0 : FUTEX_PRIVATE_FLAG);
    struct timespec Deadline;
    struct timespec *Limit = NULL;

    if (DeadlineNs != OS_FOREVER)
    {
        Deadline.tv_sec = (time_t)(DeadlineNs / 1000000000u);
        Deadline.tv_nsec = (long)(DeadlineNs % 1000000000u);
        Limit = &Deadline;
    }
    if (syscall(SYS_futex, Word, Operation, Expected, Limit, NULL, FUTEX_BITSET_MATCH_ANY) == 0)
    {
        return OS_OK;
    }
    switch (errno)
    {
    case EAGAIN:  // the word had changed already
        return OS_OK;
    case EINTR:  // a spurious return: the caller looks again
#if defined(OSP_THREAD_SANITIZER)
        // It runs a signal's handler only at its next own interception: make one.
        (void)usleep(0);
#endif
        return OS_OK;
    case ETIMEDOUT:
        return OS_E_TIMEOUT;
    default:  // EFAULT: a word that is not mapped; EINVAL: one that is not aligned
        return OspError(errno);
    }
}

void
OsWakeWord(uint32_t *Word, uint32_t Count, bool Shared)
{
    int Operation = FUTEX_WAKE | (Shared ? 0 : FUTEX_PRIVATE_FLAG);

    // The word may have been unmapped since the waiter left (a client that died): then nobody waits.
    (void)syscall(SYS_futex, Word, Operation, Count > INT_MAX ? INT_MAX : (int)Count, NULL, NULL,
                  0);
}

void
OsYield(void)
{
    (void)sched_yield();
}
