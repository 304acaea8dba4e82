// SPDX-License-Identifier: MIT
// Clocks: the one function of the host that reads one.
#include "host/os/os.h"

#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000ull

// The seam: virtual time replaces this function and nothing else.
static uint64_t
ReadClock(clockid_t Clock)
{
    struct timespec Now;

    // Cannot fail for these two clocks and a valid pointer.
    (void)clock_gettime(Clock, &Now);
    return (uint64_t)Now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)Now.tv_nsec;
}

uint64_t
OsMonotonicNs(void)
{
    return ReadClock(CLOCK_MONOTONIC);
}

uint64_t
OsRealtimeNs(void)
{
    return ReadClock(CLOCK_REALTIME);
}
