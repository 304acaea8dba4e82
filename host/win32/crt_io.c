// SPDX-License-Identifier: MIT
// The low-level input functions of the Microsoft C runtime, by the names of its io.h.

#include <errno.h>
#include <io.h>

#include "os/os.h"
#include "os/os_files.h"

int
_isatty(int Descriptor)
{
    return OsIsTerminal(Descriptor);
}

int
_read(int Descriptor, void *Buffer, unsigned Size)
{
    if (Buffer == NULL || Size > 0x7FFFFFFFu)
    {
        errno = EINVAL;
        return -1;
    }
    long Length = OsReadSome(Descriptor, Buffer, Size);
    if (Length < 0)
    {
        errno = EBADF;  // besides EINVAL the only error that io.h documents for it
        return -1;
    }
    return (int)Length;
}
