// SPDX-License-Identifier: MIT
// What the product is measured against: a cache line between two processors, a raw futex wake.
#include "bench.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PING_TURNS   6000u
#define FUTEX_GAP_NS 1000000
#define MAX_WAKES    4096u

typedef struct SHARED
{
    _Alignas(128) uint32_t Ping;
    _Alignas(128) uint32_t Pong;
    _Alignas(128) uint32_t Word;   // futex: events set
    _Alignas(128) uint32_t Done;   // futex: events seen
    _Alignas(128) double StampNs;  // when the last event was set; ordered by Word
    double DelayNs;                // of the child, on run queues
    double Samples[MAX_WAKES];
} SHARED;

static bool
PinSelf(unsigned Which)
{
    cpu_set_t Allowed, One;
    if (sched_getaffinity(0, sizeof(Allowed), &Allowed) != 0)
    {
        return false;
    }
    CPU_ZERO(&One);
    for (int Processor = 0; Processor < CPU_SETSIZE; Processor++)
    {
        if (CPU_ISSET(Processor, &Allowed) && Which-- == 0)
        {
            CPU_SET(Processor, &One);
            return sched_setaffinity(0, sizeof(One), &One) == 0;
        }
    }
    return false;
}

// How long this thread has stood on a run queue.
static double
RunDelayNs(void)
{
    unsigned long long Ran, Delay = 0;
    FILE *File = fopen("/proc/thread-self/schedstat", "r");
    if (File != NULL)
    {
        if (fscanf(File, "%llu %llu", &Ran, &Delay) != 2)
        {
            Delay = 0;
        }
        fclose(File);
    }
    return (double)Delay;
}

static SHARED *
Share(void)
{
    SHARED *Shared = mmap(NULL, sizeof(SHARED), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return Shared == MAP_FAILED ? NULL : Shared;
}

// Runs Body(shared, side) in two processes pinned to two processors; sides 0 and 1.
static bool
RunPair(SHARED *Shared, void (*Body)(SHARED *, int))
{
    pid_t Pids[2];
    fflush(NULL);
    for (int Side = 0; Side < 2; Side++)
    {
        Pids[Side] = fork();
        if (Pids[Side] == 0)
        {
            if (!PinSelf((unsigned)Side))
            {
                _exit(1);
            }
            Body(Shared, Side);
            _exit(0);
        }
    }
    bool Good = true;
    for (int Side = 0; Side < 2; Side++)
    {
        int Status;
        // The other side would wait for ever for one that never was or that failed.
        if (Pids[Side] < 0 || (!Good && kill(Pids[Side], SIGKILL) != 0))
        {
            Good = false;
            continue;
        }
        while (waitpid(Pids[Side], &Status, 0) < 0 && Interrupted == 0)
        {
        }
        if (Interrupted != 0)
        {
            kill(Pids[Side], SIGKILL);
            waitpid(Pids[Side], &Status, 0);
            Good = false;
        }
        else if (!WIFEXITED(Status) || WEXITSTATUS(Status) != 0)
        {
            Good = false;
        }
    }
    return Good;
}

// ---- A cache line ----

static void
Pinger(SHARED *Shared, int Side)
{
    double Start = 0, Delay = 0;
    for (uint32_t Turn = 1; Turn <= PING_TURNS; Turn++)
    {
        // The first half brings both sides to full speed.
        if (Turn == PING_TURNS / 2 + 1)
        {
            Delay = RunDelayNs();
            Start = NowNs();
        }
        if (Side == 0)
        {
            __atomic_store_n(&Shared->Ping, Turn, __ATOMIC_RELEASE);
            while (__atomic_load_n(&Shared->Pong, __ATOMIC_ACQUIRE) != Turn)
            {
            }
        }
        else
        {
            while (__atomic_load_n(&Shared->Ping, __ATOMIC_ACQUIRE) != Turn)
            {
            }
            __atomic_store_n(&Shared->Pong, Turn, __ATOMIC_RELEASE);
        }
    }
    if (Side == 0)
    {
        Shared->Samples[0] = (NowNs() - Start) / PING_TURNS;
        Shared->DelayNs = RunDelayNs() - Delay;
    }
}

bool
ProbeLine(double *OneWayNs, double *DelayNs)
{
    SHARED *Shared = Share();
    if (Shared == NULL)
    {
        return false;
    }
    bool Good = RunPair(Shared, Pinger);
    *OneWayNs = Shared->Samples[0];
    *DelayNs = Shared->DelayNs;
    munmap(Shared, sizeof(*Shared));
    return Good;
}

// ---- A futex ----

static long
Futex(uint32_t *Word, int Operation, uint32_t Value)
{
    return syscall(SYS_futex, Word, Operation, Value, NULL, NULL, 0);
}

static unsigned WakeCount;

// Side 0 sleeps in a timer, as a host does until a timer is due, then sets and wakes. Side 1 sleeps in
// the futex. Each event is seen before the next one's gap begins, so side 1 sleeps every time.
static void
Waker(SHARED *Shared, int Side)
{
    for (uint32_t Turn = 1; Turn <= WakeCount; Turn++)
    {
        if (Side == 0)
        {
            struct timespec Gap = {0, FUTEX_GAP_NS};
            clock_nanosleep(CLOCK_MONOTONIC, 0, &Gap, NULL);
            Shared->StampNs = NowNs();
            __atomic_store_n(&Shared->Word, Turn, __ATOMIC_SEQ_CST);
            Futex(&Shared->Word, FUTEX_WAKE, 1);
            for (uint32_t Done = __atomic_load_n(&Shared->Done, __ATOMIC_ACQUIRE); Done != Turn;
                 Done = __atomic_load_n(&Shared->Done, __ATOMIC_ACQUIRE))
            {
                Futex(&Shared->Done, FUTEX_WAIT, Done);
            }
        }
        else
        {
            // The futex compares the word, so a set before the sleep is not missed.
            while (__atomic_load_n(&Shared->Word, __ATOMIC_ACQUIRE) != Turn)
            {
                Futex(&Shared->Word, FUTEX_WAIT, Turn - 1);
            }
            Shared->Samples[Turn - 1] = NowNs() - Shared->StampNs;
            __atomic_store_n(&Shared->Done, Turn, __ATOMIC_SEQ_CST);
            Futex(&Shared->Done, FUTEX_WAKE, 1);
        }
    }
}

bool
FutexPeer(unsigned Count, SAMPLES *Samples)
{
    SHARED *Shared = Share();
    if (Shared == NULL || Count > MAX_WAKES)
    {
        return false;
    }
    WakeCount = Count;
    bool Good = RunPair(Shared, Waker);
    for (unsigned Index = 0; Good && Index < Count; Index++)
    {
        SamplesAdd(Samples, Shared->Samples[Index]);
    }
    munmap(Shared, sizeof(*Shared));
    return Good;
}
