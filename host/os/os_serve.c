// SPDX-License-Identifier: MIT
// Serving processes for the tools: fork, readiness, orderly end.
#define _GNU_SOURCE
#include "host/os/os_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/os/os.h"

static void (*volatile OsTerminateRoutine)(void);

static void
OnTerminate(int Signal)
{
    (void)Signal;
    if (OsTerminateRoutine != NULL)
    {
        OsTerminateRoutine();
    }
}

void
OsToolOnTerminate(void (*Routine)(void))
{
    // Not SA_RESTART: a wait that restarts would keep the thread sanitizer from running the handler.
    struct sigaction Action = {.sa_handler = OnTerminate};

    OsTerminateRoutine = Routine;
    sigemptyset(&Action.sa_mask);
    sigaction(SIGTERM, &Action, NULL);
    sigaction(SIGINT, &Action, NULL);
    sigaction(SIGHUP, &Action, NULL);
}

void
OsToolReady(int Ready, bool Failed, const char *Text)
{
    char Message[4096];
    int Length = snprintf(Message, sizeof(Message), "%c%s", Failed ? 'F' : 'R', Text);

    if (Length >= (int)sizeof(Message))
    {
        Length = sizeof(Message) - 1;
    }
    // One write of at most PIPE_BUF bytes: the reader gets all of it or, if we die before, none.
    while (write(Ready, Message, (size_t)Length) < 0 && errno == EINTR)
    {
    }
    close(Ready);
}

static void
BecomeDaemon(const char *Log)
{
    int Output = open(Log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int Null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setsid();
    if (Null >= 0)
    {
        dup2(Null, STDIN_FILENO);
    }
    if (Output >= 0)
    {
        dup2(Output, STDOUT_FILENO);
        dup2(Output, STDERR_FILENO);
    }
}

// Waits until Fd can be read. false: an interrupt came first (now or since OsToolCatchInterrupts). The
// interrupts are blocked but inside ppoll, so none comes between the look and the sleep.
static bool
AwaitReadable(int Fd)
{
    struct pollfd Poll = {.fd = Fd, .events = POLLIN};
    sigset_t Block, Old;
    bool Readable = false;

    sigemptyset(&Block);
    sigaddset(&Block, SIGINT);
    sigaddset(&Block, SIGTERM);
    sigaddset(&Block, SIGHUP);
    sigprocmask(SIG_BLOCK, &Block, &Old);
    while (!Readable && OsToolInterrupted() == 0)
    {
        Readable = ppoll(&Poll, 1, NULL, &Old) > 0;
    }
    sigprocmask(SIG_SETMASK, &Old, NULL);
    return Readable;
}

int
OsToolServe(OS_TOOL_BODY *Body, void *Context, const char *Log, int *Pid, char *Text,
            size_t TextSize)
{
    int Pipe[2];
    pid_t Parent = getpid();

    Text[0] = 0;
    if (pipe2(Pipe, O_CLOEXEC) != 0)
    {
        return OS_E_NO_MEMORY;
    }
    fflush(NULL);
    pid_t Child = fork();
    if (Child < 0)
    {
        close(Pipe[0]);
        close(Pipe[1]);
        return OS_E_NO_MEMORY;
    }
    if (Child == 0)
    {
        close(Pipe[0]);
        if (Log != NULL)
        {
            BecomeDaemon(Log);
        }
        else
        {
            setpgid(0, 0);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != Parent)
            {
                _exit(1);  // it died before the line above
            }
        }
        _exit(Body(Context, Pipe[1]));
    }

    close(Pipe[1]);
    ssize_t Length;
    char Message[4096];
    if (!AwaitReadable(Pipe[0]))
    {
        // It may be in a driver's DriverEntry for as long as that likes; it has nothing that outlives it
        // but a socket, which the next one replaces.
        kill(Child, SIGKILL);
        close(Pipe[0]);
        (void)OsToolWait(Child);
        return OS_E_OTHER;
    }
    do
    {
        Length = read(Pipe[0], Message, sizeof(Message) - 1);
    } while (Length < 0 && errno == EINTR);
    close(Pipe[0]);
    *Pid = Child;
    if (Length > 0 && Message[0] == 'R')
    {
        return OS_OK;
    }
    Message[Length > 0 ? Length : 0] = 0;
    int Status = OsToolWait(Child);
    if (Length > 0)
    {
        snprintf(Text, TextSize, "%s", Message + 1);
    }
    else
    {
        snprintf(Text, TextSize, "the host process ended with status %d before it was ready",
                 Status);
    }
    return OS_E_OTHER;
}

void
OsToolTerminate(int Pid)
{
    kill(Pid, SIGTERM);
}

int
OsToolWait(int Pid)
{
    int Before = OsToolInterruptions();
    int Status;

    while (waitpid(Pid, &Status, 0) < 0)
    {
        if (errno != EINTR)
        {
            return 0;
        }
        // Whoever interrupts an end that takes too long wants it over.
        if (OsToolInterruptions() != Before)
        {
            kill(Pid, SIGKILL);
        }
    }
    return WIFSIGNALED(Status) ? 128 + WTERMSIG(Status) : WEXITSTATUS(Status);
}

int
OsToolAbsolutePath(const char *Given, char *Path, size_t Size)
{
    char *Real = realpath(Given, NULL);

    if (Real == NULL || strlen(Real) >= Size)
    {
        free(Real);
        return OS_E_NOT_FOUND;
    }
    strcpy(Path, Real);
    free(Real);
    return OS_OK;
}
