// SPDX-License-Identifier: MIT
// Matters of the whole process: standard error, exit, environment, identity, random numbers.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void
OsWriteError(const char *Text, size_t Length)
{
    while (Length > 0)
    {
        ssize_t Written = write(STDERR_FILENO, Text, Length);

        if (Written < 0 && errno == EINTR)
        {
            continue;
        }
        if (Written <= 0)
        {
            return;  // nowhere is left to complain to
        }
        Text += Written;
        Length -= (size_t)Written;
    }
}

_Noreturn void
OsExit(int Status)
{
    _exit(Status);
}

const char *
OsEnvironment(const char *Name)
{
    return getenv(Name);
}

void
OsSetEnvironment(const char *Name, const char *Value)
{
    if (Value == NULL)
    {
        (void)unsetenv(Name);
        return;
    }
    (void)setenv(Name, Value, 1);
}

uint32_t
OsProcessId(void)
{
    return (uint32_t)getpid();
}

uint32_t
OsUserId(void)
{
    return (uint32_t)geteuid();
}

void
OsRemoveFile(const char *Path)
{
    unlink(Path);
}

void
OsKillProcess(uint32_t Pid)
{
    if (Pid > 1)
    {
        kill((pid_t)Pid, SIGKILL);
    }
}

int
OsSelfPath(char *Path, size_t Size)
{
    Dl_info Info;
    struct link_map *Map = NULL;
    char Resolved[PATH_MAX];
    // The main program has an empty name in the link map, and its argv[0] may be relative or a lie.
    const char *Name = "/proc/self/exe";

    if (dladdr1((void *)&OsSelfPath, &Info, (void **)&Map, RTLD_DL_LINKMAP) != 0 && Map != NULL &&
        Map->l_name != NULL && Map->l_name[0] != '\0')
    {
        Name = Map->l_name;
    }
    if (realpath(Name, Resolved) == NULL)
    {
        return OspError(errno);
    }
    if (strlen(Resolved) >= Size)
    {
        return OS_E_NO_SPACE;
    }
    strcpy(Path, Resolved);
    return OS_OK;
}

uint64_t
OsRandom(void)
{
    uint64_t Value = 0;

    // Up to 256 bytes arrive whole once the pool is initialized; before that only a signal interrupts.
    while (getrandom(&Value, sizeof(Value), 0) != (ssize_t)sizeof(Value))
    {
        if (errno != EINTR)
        {
            abort();  // a predictable "random" number would be worse
        }
    }
    return Value;
}
