// SPDX-License-Identifier: MIT
// Folders, terminals and descriptors, for the functions that applications have for them.
#define _GNU_SOURCE
#include "host/os/os_files.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/os/os_internal.h"

int
OsMakeFolder(const char *Path)
{
    return mkdir(Path, 0700) == 0 ? OS_OK : OspError(errno);
}

int
OsRemoveEmptyFolder(const char *Path)
{
    if (rmdir(Path) == 0)
    {
        return OS_OK;
    }
    return errno == ENOTEMPTY || errno == EBUSY ? OS_E_BUSY : OspError(errno);
}

bool
OsIsTerminal(int Fd)
{
    return isatty(Fd) == 1;
}

long
OsReadSome(int Fd, void *To, size_t Size)
{
    for (;;)
    {
        ssize_t Length = read(Fd, To, Size);
        if (Length >= 0)
        {
            return Length;
        }
        if (errno != EINTR)
        {
            return OspError(errno);
        }
    }
}
