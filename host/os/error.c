// SPDX-License-Identifier: MIT
// The error values of host/os: from errno, and as text.
#include "host/os/os_internal.h"

#include <errno.h>

int
OspError(int Errno)
{
    switch (Errno)
    {
    case 0:
        return OS_OK;
    case ETIMEDOUT:
        return OS_E_TIMEOUT;
    case ENOMEM:
    case ENOBUFS:
        return OS_E_NO_MEMORY;
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
    case ESRCH:
        return OS_E_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE:
        return OS_E_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return OS_E_ACCESS;
    case EINVAL:
    case EBADF:
    case ENAMETOOLONG:
    case ENOTSOCK:
    case ELOOP:
    case EISDIR:
        return OS_E_INVALID;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return OS_E_DISCONNECTED;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EFBIG:
    case EMSGSIZE:
        return OS_E_NO_SPACE;
    case EAGAIN:
    case EBUSY:
    case ETOOMANYREFS:
        return OS_E_BUSY;
    case EFAULT:
        return OS_E_FAULT;
    default:
        return OS_E_OTHER;
    }
}

const char *
OsErrorText(int Error)
{
    switch (Error)
    {
    case OS_OK:
        return "success";
    case OS_E_TIMEOUT:
        return "the time ran out";
    case OS_E_NO_MEMORY:
        return "out of memory";
    case OS_E_NOT_FOUND:
        return "not found";
    case OS_E_EXISTS:
        return "exists already or is in use";
    case OS_E_ACCESS:
        return "permission denied";
    case OS_E_INVALID:
        return "invalid argument";
    case OS_E_DISCONNECTED:
        return "the other side is gone";
    case OS_E_NO_SPACE:
        return "no space or a limit of the system reached";
    case OS_E_BUSY:
        return "busy, try again";
    case OS_E_FAULT:
        return "memory is not accessible";
    case OS_E_OTHER:
        return "an unexpected error of the operating system";
    default:
        return "unknown error";
    }
}
