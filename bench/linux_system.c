// SPDX-License-Identifier: MIT
// The machine: its clock, its processors, how busy it is, interrupts.
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile int Interrupted;

double
NowNs(void)
{
    struct timespec Now;
    clock_gettime(CLOCK_MONOTONIC, &Now);
    return (double)Now.tv_sec * 1e9 + (double)Now.tv_nsec;
}

unsigned
ProcessorCount(void)
{
    cpu_set_t Set;
    if (sched_getaffinity(0, sizeof(Set), &Set) != 0)
    {
        return 1;
    }
    return (unsigned)CPU_COUNT(&Set);
}

static void
OnInterrupt(int Signal)
{
    Interrupted = Signal;
}

void
CatchInterrupts(void)
{
    // No SA_RESTART: a read from an application ends, and the loop over rounds looks.
    struct sigaction Action = {.sa_handler = OnInterrupt};
    sigemptyset(&Action.sa_mask);
    sigaction(SIGINT, &Action, NULL);
    sigaction(SIGTERM, &Action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool
FolderOfSelf(char *Folder, size_t Size)
{
    ssize_t Length = readlink("/proc/self/exe", Folder, Size - 1);
    if (Length <= 0)
    {
        return false;
    }
    Folder[Length] = 0;
    char *Slash = strrchr(Folder, '/');
    if (Slash == NULL)
    {
        return false;
    }
    *Slash = 0;
    return true;
}

// Processor time of a process and of its children that were waited for, in clock ticks.
static double
TicksOf(int Pid)
{
    char Path[64], Line[1024];
    snprintf(Path, sizeof(Path), "/proc/%d/stat", Pid);
    FILE *File = fopen(Path, "r");
    if (File == NULL)
    {
        return 0;
    }
    double Ticks = 0;
    if (fgets(Line, sizeof(Line), File) != NULL)
    {
        // The name, in parentheses, may hold anything; fields are counted from behind it.
        const char *Behind = strrchr(Line, ')');
        unsigned long User, System;
        long ChildUser, ChildSystem;
        if (Behind != NULL &&
            sscanf(Behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
                   &User, &System, &ChildUser, &ChildSystem) == 4)
        {
            Ticks = (double)User + (double)System + (double)ChildUser + (double)ChildSystem;
        }
    }
    fclose(File);
    return Ticks;
}

static double
TicksOfTree(int Pid, unsigned Depth)
{
    char Path[96], Line[4096];
    double Ticks = TicksOf(Pid);
    snprintf(Path, sizeof(Path), "/proc/%d/task/%d/children", Pid, Pid);
    FILE *File = fopen(Path, "r");
    if (File == NULL)
    {
        return Ticks;
    }
    if (Depth < 4 && fgets(Line, sizeof(Line), File) != NULL)
    {
        char *At = Line;
        for (long Child = strtol(At, &At, 10); Child > 0; Child = strtol(At, &At, 10))
        {
            Ticks += TicksOfTree((int)Child, Depth + 1);
        }
    }
    fclose(File);
    return Ticks;
}

void
LoadNow(LOAD *Load)
{
    double TickNs = 1e9 / (double)sysconf(_SC_CLK_TCK);
    unsigned long long User, Nice, System, Idle, Wait, Interrupt, Soft, Stolen;
    memset(Load, 0, sizeof(*Load));
    Load->WhenNs = NowNs();
    FILE *File = fopen("/proc/stat", "r");
    if (File == NULL)
    {
        return;
    }
    if (fscanf(File, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &User, &Nice, &System, &Idle,
               &Wait, &Interrupt, &Soft, &Stolen) == 8)
    {
        Load->AllNs = (double)(User + Nice + System) * TickNs;
        Load->StolenNs = (double)Stolen * TickNs;
    }
    fclose(File);
    Load->OwnNs = TicksOfTree(getpid(), 0) * TickNs;
}
