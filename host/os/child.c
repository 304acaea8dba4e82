// SPDX-License-Identifier: MIT
// Applications' processes: their name, their end, the children they make.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct OS_CHILD
{
    pid_t Pid;
    int Gate;  // written once: the child may execute
};

void
OsProgramName(char *Name, size_t Size)
{
    char Path[4096];
    ssize_t Length = readlink("/proc/self/exe", Path, sizeof(Path) - 1);

    Path[Length > 0 ? Length : 0] = 0;
    const char *Slash = strrchr(Path, '/');
    snprintf(Name, Size, "%.*s", (int)Size - 1, Slash != NULL ? Slash + 1 : Path);
}

void
OsDefaultSocketPath(char *Path, size_t Size)
{
    const char *Runtime = getenv("XDG_RUNTIME_DIR");
    struct stat Folder;

    if (Runtime != NULL && stat(Runtime, &Folder) == 0 && S_ISDIR(Folder.st_mode))
    {
        snprintf(Path, Size, "%s/nthost.socket", Runtime);
    }
    else
    {
        snprintf(Path, Size, "/tmp/nthost-%u.socket", (unsigned)geteuid());
    }
}

static void
CallAtExit(int Status, void *Routine)
{
    ((void (*)(int))Routine)(Status);
}

int
OsAtExit(void (*Routine)(int Status))
{
    return on_exit(CallAtExit, (void *)Routine) == 0 ? OS_OK : OS_E_NO_MEMORY;
}

// Finds Name as a shell would. Result in Path; an OS_E value if nothing executable is there.
static int
FindProgram(const char *Name, char *Path, size_t Size)
{
    if (strchr(Name, '/') != NULL)
    {
        snprintf(Path, Size, "%s", Name);
        return access(Path, X_OK) == 0 ? OS_OK : OspError(errno);
    }
    const char *List = getenv("PATH");
    while (List != NULL && *List != 0)
    {
        size_t Length = strcspn(List, ":");
        snprintf(Path, Size, "%.*s/%s", (int)Length, List, Name);
        if (Length != 0 && access(Path, X_OK) == 0)
        {
            return OS_OK;
        }
        List += Length + (List[Length] == ':');
    }
    return OS_E_NOT_FOUND;
}

// In the child, after fork in a program with threads: async-signal-safe calls only.
static _Noreturn void
ExecuteWhenReleased(const char *Path, char *const *Arguments, int Gate)
{
    char Byte;
    sigset_t None;
    ssize_t Length;

    do
    {
        Length = read(Gate, &Byte, 1);
    } while (Length < 0 && errno == EINTR);
    if (Length == 1)
    {
        sigemptyset(&None);
        sigprocmask(SIG_SETMASK, &None, NULL);
        execv(Path, Arguments);
    }
    _exit(127);
}

int
OsChildCreate(const char *Name, char *const *Arguments, OS_CHILD **Result, uint32_t *Pid)
{
    char Path[4096];
    int Gate[2];
    int Error = FindProgram(Name, Path, sizeof(Path));

    if (Error != OS_OK)
    {
        return Error;
    }
    OS_CHILD *Child = malloc(sizeof(*Child));
    if (Child == NULL)
    {
        return OS_E_NO_MEMORY;
    }
    // Not a pipe: releasing a child that is gone must not raise SIGPIPE.
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, Gate) != 0)
    {
        free(Child);
        return OS_E_NO_MEMORY;
    }
    Child->Pid = fork();
    if (Child->Pid == 0)
    {
        close(Gate[1]);
        ExecuteWhenReleased(Path, Arguments, Gate[0]);
    }
    close(Gate[0]);
    if (Child->Pid < 0)
    {
        close(Gate[1]);
        free(Child);
        return OS_E_NO_MEMORY;
    }
    Child->Gate = Gate[1];
    *Pid = (uint32_t)Child->Pid;
    *Result = Child;
    return OS_OK;
}

void
OsChildRelease(OS_CHILD *Child)
{
    // A child that is gone already makes this fail, which is as good.
    while (send(Child->Gate, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
    {
    }
    close(Child->Gate);
}

int
OsChildWait(OS_CHILD *Child)
{
    int Status = 0;

    while (waitpid(Child->Pid, &Status, 0) < 0 && errno == EINTR)
    {
    }
    free(Child);
    return WIFSIGNALED(Status) ? 128 + WTERMSIG(Status) : WEXITSTATUS(Status);
}
