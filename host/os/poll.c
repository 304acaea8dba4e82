// SPDX-License-Identifier: MIT
// A poll set: one thread waits for many descriptors, others can call it out of its wait.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NANOSECONDS_PER_MILLISECOND 1000000u

// Both descriptors are immutable after creation; the kernel serializes the rest.
struct OS_POLL
{
    int Epoll;
    int Event;  // a semaphore: one OsPollWakeUp ends one OsPollWait, so none is lost
};

int
OsPollCreate(OS_POLL **Poll)
{
    struct epoll_event Ready = {.events = EPOLLIN};
    OS_POLL *New = malloc(sizeof(*New));
    int Error;

    if (New == NULL)
    {
        return OS_E_NO_MEMORY;
    }
    Ready.data.ptr = New;  // no key of the caller's can be this address
    New->Epoll = epoll_create1(EPOLL_CLOEXEC);
    New->Event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (New->Epoll < 0 || New->Event < 0 ||
        epoll_ctl(New->Epoll, EPOLL_CTL_ADD, New->Event, &Ready) != 0)
    {
        Error = OspError(errno);
        OsPollDelete(New);
        return Error;
    }
    *Poll = New;
    return OS_OK;
}

int
OsPollAdd(OS_POLL *Poll, int Fd, void *Key)
{
    struct epoll_event Ready = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = Key};

    return epoll_ctl(Poll->Epoll, EPOLL_CTL_ADD, Fd, &Ready) == 0 ? OS_OK : OspError(errno);
}

void
OsPollRemove(OS_POLL *Poll, int Fd)
{
    (void)epoll_ctl(Poll->Epoll, EPOLL_CTL_DEL, Fd, NULL);
}

static int
MillisecondsUntil(uint64_t DeadlineNs)
{
    uint64_t Now;
    uint64_t Left;

    if (DeadlineNs == OS_FOREVER)
    {
        return -1;
    }
    Now = OsMonotonicNs();
    if (DeadlineNs <= Now)
    {
        return 0;
    }
    // Rounded up: returning early would make the caller's loop busy.
    Left = (DeadlineNs - Now + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
    return Left > INT_MAX ? INT_MAX : (int)Left;
}

int
OsPollWait(OS_POLL *Poll, uint64_t DeadlineNs, void **Key)
{
    for (;;)
    {
        struct epoll_event Ready;
        int Milliseconds = MillisecondsUntil(DeadlineNs);
        int Count = epoll_wait(Poll->Epoll, &Ready, 1, Milliseconds);
        uint64_t Ignored;

        if (Count < 0 && errno != EINTR)
        {
            return OspError(errno);
        }
        if (Count == 0 && Milliseconds != INT_MAX)
        {
            return OS_E_TIMEOUT;
        }
        if (Count <= 0)
        {
            continue;
        }
        if (Ready.data.ptr != Poll)
        {
            *Key = Ready.data.ptr;
            return OS_OK;
        }
        // Fails only when another waiter was quicker to take this wake-up: then it was not for us.
        if (read(Poll->Event, &Ignored, sizeof(Ignored)) == (ssize_t)sizeof(Ignored))
        {
            *Key = NULL;
            return OS_OK;
        }
    }
}

void
OsPollWakeUp(OS_POLL *Poll)
{
    uint64_t One = 1;

    // Fails only after 2^64 - 2 wake-ups that nobody took: one is pending then, which is enough.
    (void)!write(Poll->Event, &One, sizeof(One));
}

void
OsPollDelete(OS_POLL *Poll)
{
    if (Poll == NULL)
    {
        return;
    }
    if (Poll->Event >= 0)
    {
        OsClose(Poll->Event);
    }
    if (Poll->Epoll >= 0)
    {
        OsClose(Poll->Epoll);
    }
    free(Poll);
}
