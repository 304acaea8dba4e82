// SPDX-License-Identifier: MIT
// Pages: shared ones (sealed memfds), private ones, probing, and another process's memory.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/mman.h>
#include <unistd.h>
#if OSP_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

// Newer than some C libraries know them; the numbers are the kernel's and do not change.
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static size_t
PageSize(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

// Size rounded up to pages, or 0 when there is none.
static size_t
RoundToPages(size_t Size)
{
    size_t Page = PageSize();

    return Size > SIZE_MAX - Page ? 0 : (Size + Page - 1) / Page * Page;
}

int
OsSharedCreate(const char *Name, size_t Size, int *Fd)
{
    size_t Rounded = RoundToPages(Size);
    int Error;
    int File;

    if (Rounded == 0)
    {
        return OS_E_INVALID;
    }
    File = memfd_create(Name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (File < 0)
    {
        return OspError(errno);
    }
    // Sized, then sealed: a client that gets the descriptor cannot truncate it, which would turn the
    // host's next access into SIGBUS.
    if (ftruncate(File, (off_t)Rounded) != 0 ||
        fcntl(File, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0)
    {
        Error = OspError(errno);
        OsClose(File);
        return Error;
    }
    *Fd = File;
    return OS_OK;
}

static int
MapShared(int Fd, size_t Offset, size_t Size, bool Writable, void *Wanted, int Flags,
          void **Address)
{
    void *Mapped;

    if (Size == 0)
    {
        return OS_E_INVALID;
    }
    Mapped = mmap(Wanted, Size, Writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | Flags,
                  Fd, (off_t)Offset);
    if (Mapped == MAP_FAILED)
    {
        return OspError(errno);
    }
    *Address = Mapped;
    return OS_OK;
}

int
OsSharedMap(int Fd, size_t Offset, size_t Size, bool Writable, void **Address)
{
    return MapShared(Fd, Offset, Size, Writable, NULL, 0, Address);
}

int
OsSharedMapAt(int Fd, size_t Offset, size_t Size, bool Writable, void *Fixed)
{
    void *Address;

    return MapShared(Fd, Offset, Size, Writable, Fixed, MAP_FIXED, &Address);
}

int
OsSharedSealWrites(int Fd)
{
    return fcntl(Fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0 ? OS_OK : OspError(errno);
}

int
OsSharedSealSeals(int Fd)
{
    return fcntl(Fd, F_ADD_SEALS, F_SEAL_SEAL) == 0 ? OS_OK : OspError(errno);
}

void
OsUnmap(void *Address, size_t Size)
{
    (void)munmap(Address, Size);
}

int
OsPagesAllocate(size_t Size, void **Address)
{
    size_t Rounded = RoundToPages(Size);
    void *Mapped;

    if (Rounded == 0)
    {
        return OS_E_INVALID;
    }
    Mapped = mmap(NULL, Rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (Mapped == MAP_FAILED)
    {
        return OspError(errno);
    }
    *Address = Mapped;
    return OS_OK;
}

int
OsPagesProtect(void *Address, size_t Size, bool Readable, bool Writable)
{
    int Protection = PROT_NONE;

    if (Readable)
    {
        Protection |= PROT_READ;
    }
    if (Writable)
    {
        Protection |= PROT_READ | PROT_WRITE;  // the processor knows no write-only page
    }
    return mprotect(Address, Size, Protection) == 0 ? OS_OK : OspError(errno);
}

bool
OsProbe(const void *Address, size_t Size, bool Write)
{
    uintptr_t Page = PageSize();
    uintptr_t First = (uintptr_t)Address;
    uintptr_t End = First + Size;

    if (Size == 0)
    {
        return true;
    }
    if (End < First || End > UINTPTR_MAX - Page)
    {
        return false;
    }
    First = First / Page * Page;
    End = (End + Page - 1) / Page * Page;
    // Faults the pages in as a read or a write of each would, changes no byte, and says EFAULT or
    // ENOMEM where that would have been a signal. Linux 5.14. (process_vm_writev would have to write
    // back what it read and so lose a concurrent store; /proc/self/mem ignores protections.)
    return madvise((void *)First, End - First, Write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) ==
           0;
}

void
OsClose(int Fd)
{
    // Linux has freed the descriptor even when close reports an error: never retried.
    (void)close(Fd);
}

int
OsMemoryRead(int MemFd, void *To, uint64_t From, size_t Size)
{
    size_t Done = 0;

    if (From > INT64_MAX || Size > INT64_MAX - From)
    {
        return OS_E_FAULT;
    }
    while (Done < Size)
    {
        ssize_t Got = pread(MemFd, (char *)To + Done, Size - Done, (off_t)(From + Done));

        if (Got < 0 && errno == EINTR)
        {
            continue;
        }
        if (Got <= 0)
        {
            return OS_E_FAULT;  // 0: the process is gone
        }
        Done += (size_t)Got;
    }
    return OS_OK;
}

int
OsMemoryWrite(int MemFd, uint64_t To, const void *From, size_t Size)
{
    size_t Done = 0;

    if (To > INT64_MAX || Size > INT64_MAX - To)
    {
        return OS_E_FAULT;
    }
    while (Done < Size)
    {
        ssize_t Put = pwrite(MemFd, (const char *)From + Done, Size - Done, (off_t)(To + Done));

        if (Put < 0 && errno == EINTR)
        {
            continue;
        }
        if (Put <= 0)
        {
            return OS_E_FAULT;
        }
        Done += (size_t)Put;
    }
    return OS_OK;
}

int
OsOpenOwnMemory(int *MemFd)
{
    int Fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

    if (Fd < 0)
    {
        return OspError(errno);
    }
    *MemFd = Fd;
    return OS_OK;
}

bool
OsIsMemoryOf(int MemFd, uint32_t Pid)
{
    char Link[64], Want[64], Target[64];

    (void)snprintf(Link, sizeof(Link), "/proc/self/fd/%d", MemFd);
    (void)snprintf(Want, sizeof(Want), "/proc/%u/mem", Pid);
    ssize_t Length = readlink(Link, Target, sizeof(Target) - 1);
    if (Length < 0)
    {
        return false;
    }
    Target[Length] = 0;
    // The name alone could be a file's in a folder that was made to look like it.
    struct statfs System;
    return strcmp(Target, Want) == 0 && fstatfs(MemFd, &System) == 0 &&
           System.f_type == PROC_SUPER_MAGIC;
}

void
OsLeakRootAdd(const void *Address, size_t Size)
{
#if OSP_ADDRESS_SANITIZER
    __lsan_register_root_region(Address, Size);
#else
    (void)Address;
    (void)Size;
#endif
}

void
OsLeakRootRemove(const void *Address, size_t Size)
{
#if OSP_ADDRESS_SANITIZER
    __lsan_unregister_root_region(Address, Size);
#else
    (void)Address;
    (void)Size;
#endif
}
