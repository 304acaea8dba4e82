// SPDX-License-Identifier: MIT
// What the command-line tools need of Linux: children, temporary folders, their own place.
#include "os/os_tool.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Written by the signal handler: the child to pass signals to (0: none) and the signal that came.
static volatile sig_atomic_t RunningChild;
static volatile sig_atomic_t CaughtSignal;
static volatile sig_atomic_t CaughtCount;

static int
FromErrno(int Errno)
{
    switch (Errno)
    {
    case ENOENT:
    case ENOTDIR:
        return OS_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return OS_E_ACCESS;
    case ENOMEM:
    case EAGAIN:
        return OS_E_NO_MEMORY;
    case ENOSPC:
        return OS_E_NO_SPACE;
    default:
        return OS_E_OTHER;
    }
}

int
OsToolExecutablePath(char *Path, size_t Size)
{
    ssize_t Length = readlink("/proc/self/exe", Path, Size);
    if (Length < 0)
    {
        return FromErrno(errno);
    }
    if ((size_t)Length >= Size)
    {
        return OS_E_NO_SPACE;
    }
    Path[Length] = 0;
    return OS_OK;
}

static void
OnInterrupt(int Signal)
{
    CaughtSignal = Signal;
    CaughtCount = CaughtCount + 1;
    if (RunningChild != 0)
    {
        kill((pid_t)RunningChild, Signal);
    }
}

void
OsToolCatchInterrupts(void)
{
    // No SA_RESTART is needed: the only call that blocks is the wait, which retries by itself.
    struct sigaction Action = {.sa_handler = OnInterrupt};
    sigemptyset(&Action.sa_mask);
    static const int Signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t Index = 0; Index < sizeof(Signals) / sizeof(Signals[0]); Index++)
    {
        struct sigaction Old;
        // One that is ignored (nohup) stays ignored.
        if (sigaction(Signals[Index], NULL, &Old) == 0 && Old.sa_handler != SIG_IGN)
        {
            sigaction(Signals[Index], &Action, NULL);
        }
    }
}

int
OsToolInterrupted(void)
{
    return CaughtSignal;
}

int
OsToolInterruptions(void)
{
    return CaughtCount;
}

_Noreturn void
OsToolDieBySignal(int Signal)
{
    signal(Signal, SIG_DFL);
    raise(Signal);
    _exit(128 + Signal);
}

int
OsToolRun(const char *const *Arguments, int *Status)
{
    // The signals stay blocked from the check to the note of the child's id, so one that comes in
    // between is delivered after it and reaches the child. The child starts with our old mask and, as
    // handlers do not survive exec, with default actions.
    sigset_t Block;
    sigset_t Old;
    sigemptyset(&Block);
    sigaddset(&Block, SIGINT);
    sigaddset(&Block, SIGTERM);
    sigaddset(&Block, SIGHUP);
    posix_spawnattr_t Attributes;
    int Error = posix_spawnattr_init(&Attributes);
    if (Error != 0)
    {
        return FromErrno(Error);
    }
    sigprocmask(SIG_BLOCK, &Block, &Old);
    posix_spawnattr_setsigmask(&Attributes, &Old);
    posix_spawnattr_setflags(&Attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t Child = 0;
    Error =
        posix_spawnp(&Child, Arguments[0], NULL, &Attributes, (char *const *)Arguments, environ);
    if (Error == 0)
    {
        RunningChild = Child;
        if (CaughtSignal != 0)
        {
            kill(Child, CaughtSignal);
        }
    }
    sigprocmask(SIG_SETMASK, &Old, NULL);
    posix_spawnattr_destroy(&Attributes);
    if (Error != 0)
    {
        return FromErrno(Error);
    }
    // Wait without reaping first: until RunningChild is cleared its id must not be given to another
    // process, or the handler would signal a stranger.
    siginfo_t Information;
    while (waitid(P_PID, (id_t)Child, &Information, WEXITED | WNOWAIT) != 0 && errno == EINTR)
    {
    }
    RunningChild = 0;
    int Raw = 0;
    while (waitpid(Child, &Raw, 0) < 0)
    {
        if (errno != EINTR)
        {
            return FromErrno(errno);
        }
    }
    *Status = WIFEXITED(Raw) ? WEXITSTATUS(Raw) : 128 + WTERMSIG(Raw);
    return OS_OK;
}

int
OsToolTemporaryFolder(const char *Parent, const char *Prefix, char *Path, size_t Size)
{
    int Length = snprintf(Path, Size, "%s/%sXXXXXX", Parent, Prefix);
    if (Length < 0 || (size_t)Length >= Size)
    {
        return OS_E_NO_SPACE;
    }
    return mkdtemp(Path) != NULL ? OS_OK : FromErrno(errno);
}

void
OsToolRemoveFolder(const char *Path)
{
    DIR *Folder = opendir(Path);
    if (Folder == NULL)
    {
        return;
    }
    for (struct dirent *Entry = readdir(Folder); Entry != NULL; Entry = readdir(Folder))
    {
        if (strcmp(Entry->d_name, ".") != 0 && strcmp(Entry->d_name, "..") != 0)
        {
            unlinkat(dirfd(Folder), Entry->d_name, 0);
        }
    }
    closedir(Folder);
    rmdir(Path);
}

bool
OsToolReplaceable(const char *Path)
{
    struct stat Status;
    if (stat(Path, &Status) != 0)
    {
        return errno == ENOENT;
    }
    return S_ISREG(Status.st_mode);
}

bool
OsToolReadable(const char *Path)
{
    return access(Path, R_OK) == 0;
}
