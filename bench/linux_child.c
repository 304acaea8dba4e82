// SPDX-License-Identifier: MIT
// Applications under `nthost run`: started, placed on processors, talked to over two pipes.
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS 60000

struct CHILD
{
    pid_t Pid;  // of nthost run
    FILE *To;
    int From;
    char *Line;
    size_t Length, Room;
};

// Reads a line, without its end, into Child->Line. false: none came.
static bool
ReadLine(CHILD *Child)
{
    Child->Length = 0;
    for (;;)
    {
        struct pollfd Poll = {.fd = Child->From, .events = POLLIN};
        char Byte[4096];
        if (Child->Length + sizeof(Byte) + 1 > Child->Room)
        {
            Child->Room = Child->Room * 2 + 2 * sizeof(Byte);
            char *Larger = realloc(Child->Line, Child->Room);
            if (Larger == NULL)
            {
                return false;
            }
            Child->Line = Larger;
        }
        int Ready = poll(&Poll, 1, ANSWER_MS);
        if (Ready == 0)
        {
            fputs("upcall-bench: the application does not answer\n", stderr);
        }
        if (Ready <= 0)
        {
            return false;
        }
        ssize_t Count = read(Child->From, Child->Line + Child->Length, sizeof(Byte));
        if (Count <= 0)
        {
            return false;
        }
        Child->Length += (size_t)Count;
        // One question, one line: nothing follows it.
        if (Child->Line[Child->Length - 1] == '\n')
        {
            Child->Line[Child->Length - 1] = 0;
            return true;
        }
    }
}

CHILD *
ChildStart(const BENCH *Bench, const MEASURE *Measure)
{
    char Host[4200], Driver[4300], Program[4300];
    snprintf(Host, sizeof(Host), "%s/nthost", Bench->Folder);
    snprintf(Driver, sizeof(Driver), "%s/../bench/bin/%s.sys", Bench->Folder, Measure->Program);
    snprintf(Program, sizeof(Program), "%s/../bench/bin/%s", Bench->Folder, Measure->Program);
    const char *Arguments[] = {Host,
                               "run",
                               "--verifier",
                               Bench->Verifier,
                               "--driver",
                               Driver,
                               Measure->Local ? "--local" : "--",
                               Measure->Local ? "--" : Program,
                               Measure->Local ? Program : NULL,
                               NULL};
    int In[2], Out[2];
    CHILD *Child = calloc(1, sizeof(*Child));
    // Close-on-exec: an end that another application inherited would keep this one from its end.
    if (Child == NULL || pipe2(In, O_CLOEXEC) != 0)
    {
        free(Child);
        return NULL;
    }
    if (pipe2(Out, O_CLOEXEC) != 0)
    {
        close(In[0]);
        close(In[1]);
        free(Child);
        return NULL;
    }
    fflush(NULL);
    Child->Pid = fork();
    if (Child->Pid == 0)
    {
        // An interrupt at the terminal is ours to handle: we end the applications in order.
        setpgid(0, 0);
        dup2(In[0], STDIN_FILENO);
        dup2(Out[1], STDOUT_FILENO);
        execv(Host, (char *const *)Arguments);
        fprintf(stderr, "upcall-bench: cannot run %s: %s\n", Host, strerror(errno));
        _exit(4);
    }
    close(In[0]);
    close(Out[1]);
    Child->To = fdopen(In[1], "w");
    Child->From = Out[0];
    if (Child->Pid < 0 || Child->To == NULL || !ReadLine(Child) ||
        strcmp(Child->Line, "ready") != 0)
    {
        (void)ChildEnd(Child);
        return NULL;
    }
    return Child;
}

// ---- Placing ----

static bool
PinTasks(int Pid, unsigned Which)
{
    cpu_set_t Allowed, One;
    char Path[64];
    if (sched_getaffinity(0, sizeof(Allowed), &Allowed) != 0)
    {
        return false;
    }
    CPU_ZERO(&One);
    for (int Processor = 0; Processor < CPU_SETSIZE && CPU_COUNT(&One) == 0; Processor++)
    {
        if (CPU_ISSET(Processor, &Allowed) && Which-- == 0)
        {
            CPU_SET(Processor, &One);
        }
    }
    snprintf(Path, sizeof(Path), "/proc/%d/task", Pid);
    DIR *Folder = opendir(Path);
    if (Folder == NULL)
    {
        return false;
    }
    bool Good = CPU_COUNT(&One) == 1;
    for (struct dirent *Entry = readdir(Folder); Entry != NULL; Entry = readdir(Folder))
    {
        int Task = atoi(Entry->d_name);
        if (Task > 0 && sched_setaffinity(Task, sizeof(One), &One) != 0)
        {
            Good = false;
        }
    }
    closedir(Folder);
    return Good;
}

static bool
RunsNthost(int Pid)
{
    char Path[64], Target[4096];
    snprintf(Path, sizeof(Path), "/proc/%d/exe", Pid);
    ssize_t Length = readlink(Path, Target, sizeof(Target) - 1);
    if (Length <= 0)
    {
        return false;
    }
    Target[Length] = 0;
    const char *Slash = strrchr(Target, '/');
    return strcmp(Slash != NULL ? Slash + 1 : Target, "nthost") == 0;
}

bool
ChildPin(CHILD *Child)
{
    char Path[96], Line[256];
    int Placed = 0;
    snprintf(Path, sizeof(Path), "/proc/%d/task/%d/children", (int)Child->Pid, (int)Child->Pid);
    FILE *File = fopen(Path, "r");
    if (File == NULL)
    {
        return false;
    }
    if (fgets(Line, sizeof(Line), File) != NULL)
    {
        char *At = Line;
        for (long Pid = strtol(At, &At, 10); Pid > 0; Pid = strtol(At, &At, 10))
        {
            Placed += PinTasks((int)Pid, RunsNthost((int)Pid) ? 0 : 1);
        }
    }
    fclose(File);
    return Placed == 2;
}

// ---- Talking ----

bool
ChildMeasure(CHILD *Child, const char *Command, unsigned Count, SAMPLES *Samples)
{
    fprintf(Child->To, "%s %u\n", Command, Count);
    if (fflush(Child->To) != 0 || !ReadLine(Child))
    {
        return false;
    }
    const char *At = Child->Line;
    for (unsigned Index = 0; Index < Count; Index++)
    {
        char *End;
        double Value = strtod(At, &End);
        if (End == At)
        {
            fprintf(stderr, "upcall-bench: '%.200s' is not %u numbers\n", Child->Line, Count);
            return false;
        }
        SamplesAdd(Samples, Value);
        At = End;
    }
    return true;
}

int
ChildEnd(CHILD *Child)
{
    int Status = 0;
    // The application ends with its input.
    if (Child->To != NULL)
    {
        fclose(Child->To);
    }
    close(Child->From);
    if (Interrupted != 0 && Child->Pid > 0)
    {
        kill(Child->Pid, SIGTERM);
    }
    while (Child->Pid > 0 && waitpid(Child->Pid, &Status, 0) < 0 && errno == EINTR)
    {
    }
    free(Child->Line);
    free(Child);
    return WIFEXITED(Status) ? WEXITSTATUS(Status) : 128 + WTERMSIG(Status);
}
