// SPDX-License-Identifier: MIT
// Access to callers' and processes' memory: plain, guarded, through windows, through a descriptor.
#include "mm/guard.h"

#include <string.h>

const MI_WINDOW_OPERATIONS *MiWindows;

static BOOLEAN
IsKernelCaller(void)
{
    return KiCurrentThread == NULL || KiCurrentThread->PreviousMode == KernelMode;
}

// As on Windows, nothing of an application is in the first 64 KiB.
#define LOWEST_USER_ADDRESS 0x10000u

static BOOLEAN
IsNowhere(const VOID *Address, SIZE_T Size)
{
    return (ULONG_PTR)Address < LOWEST_USER_ADDRESS ||
           (ULONG_PTR)Address + Size < (ULONG_PTR)Address;
}

// What lies in the live part of the calling thread's own stack is there and writable: a local
// application's status block and small buffers mostly are. (Between this frame and the stack's end
// nothing can have been unmapped that would not have killed the thread already.)
static inline BOOLEAN
IsOnOwnStack(const VOID *Address, SIZE_T Size)
{
    PKTHREAD Thread = KiCurrentThread;
    ULONG_PTR Start = (ULONG_PTR)Address;

    return Thread != NULL && Start > (ULONG_PTR)__builtin_frame_address(0) &&
           Start < (ULONG_PTR)Thread->StackHigh && Size <= (ULONG_PTR)Thread->StackHigh - Start;
}

NTSTATUS
MmReadProcess(PEPROCESS Process, PVOID To, const VOID *From, SIZE_T Size)
{
    if (Size == 0)
    {
        return STATUS_SUCCESS;
    }
    if (IsNowhere(From, Size))
    {
        return STATUS_ACCESS_VIOLATION;
    }
    if (Process->MemoryFd < 0)
    {
        if (IsOnOwnStack(From, Size))
        {
            memcpy(To, From, Size);
            return STATUS_SUCCESS;
        }
        return MipGuardedCopy(To, From, Size, FALSE);
    }
    return OsMemoryRead(Process->MemoryFd, To, (ULONG_PTR)From, Size) == OS_OK
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

NTSTATUS
MmWriteProcess(PEPROCESS Process, PVOID To, const VOID *From, SIZE_T Size)
{
    if (Size == 0)
    {
        return STATUS_SUCCESS;
    }
    if (IsNowhere(To, Size))
    {
        return STATUS_ACCESS_VIOLATION;
    }
    if (Process->MemoryFd < 0)
    {
        if (IsOnOwnStack(To, Size))
        {
            memcpy(To, From, Size);
            return STATUS_SUCCESS;
        }
        return MipGuardedCopy(To, From, Size, TRUE);
    }
    return OsMemoryWrite(Process->MemoryFd, (ULONG_PTR)To, From, Size) == OS_OK
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

typedef struct MIP_STATUS
{
    PIO_STATUS_BLOCK To;
    NTSTATUS Status;
    ULONG_PTR Information;
} MIP_STATUS;

static void
StoreStatus(void *Context)
{
    MIP_STATUS *Store = Context;

    __atomic_store_n(&Store->To->Information, Store->Information, __ATOMIC_RELAXED);
    // Release: pairs with the acquire of an application that polls (GetOverlappedResult).
    __atomic_store_n(&Store->To->Status, Store->Status, __ATOMIC_RELEASE);
}

NTSTATUS
MmWriteStatusBlock(PEPROCESS Process, PIO_STATUS_BLOCK To, NTSTATUS Status, ULONG_PTR Information)
{
    if (IsNowhere(To, sizeof(*To)))
    {
        return STATUS_ACCESS_VIOLATION;
    }
    if (Process->MemoryFd < 0)
    {
        MIP_STATUS Store = {To, Status, Information};

        return MiGuarded(StoreStatus, &Store);
    }
    // Two writes, in this order, as above.
    return OsMemoryWrite(Process->MemoryFd, (ULONG_PTR)&To->Information, &Information,
                         sizeof(Information)) == OS_OK &&
                   OsMemoryWrite(Process->MemoryFd, (ULONG_PTR)&To->Status, &Status,
                                 sizeof(Status)) == OS_OK
               ? STATUS_SUCCESS
               : STATUS_ACCESS_VIOLATION;
}

NTSTATUS
MmCopyFromCaller(PVOID To, const VOID *From, SIZE_T Size)
{
    PEPROCESS Process;

    if (IsKernelCaller())
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    Process = PspCurrentProcess();
    if (Process->MemoryFd >= 0 && MiWindows != NULL &&
        MiWindows->Read(PspCurrentThread(), To, From, Size))
    {
        return STATUS_SUCCESS;
    }
    return MmReadProcess(Process, To, From, Size);
}

NTSTATUS
MmCopyToCaller(PVOID To, const VOID *From, SIZE_T Size)
{
    if (IsKernelCaller())
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    return MmWriteCallerOfThread(PspCurrentThread(), To, From, Size);
}

// Reading another thread's PreviousMode is safe: it is the owner itself, or it is parked and was
// claimed under the dispatcher lock, behind which everything that it wrote before is visible.
NTSTATUS
MmWriteCallerOfThread(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size)
{
    PEPROCESS Process = Thread->Process;

    if (Thread->Tcb.PreviousMode == KernelMode)
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    if (Process->MemoryFd >= 0 && MiWindows != NULL && MiWindows->Write(Thread, To, From, Size))
    {
        return STATUS_SUCCESS;
    }
    return MmWriteProcess(Process, To, From, Size);
}

// Remote: every page is there. Its protection is not known here, and a descriptor write would override
// it; the application side asks for nothing that its own protections forbid.
static NTSTATUS
ProbeRemote(int MemoryFd, const VOID *Address, SIZE_T Size)
{
    ULONG_PTR Last = (ULONG_PTR)Address + Size - 1;
    char Byte;

    for (ULONG_PTR Page = (ULONG_PTR)Address; Page <= Last;
         Page = (ULONG_PTR)PAGE_ALIGN(Page) + PAGE_SIZE)
    {
        if (OsMemoryRead(MemoryFd, &Byte, Page, 1) != OS_OK)
        {
            return STATUS_ACCESS_VIOLATION;
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS
MmProbeCaller(const VOID *Address, SIZE_T Size, BOOLEAN Write)
{
    int MemoryFd;

    if (IsKernelCaller() || Size == 0)
    {
        return STATUS_SUCCESS;
    }
    if (IsNowhere(Address, Size))
    {
        return STATUS_ACCESS_VIOLATION;
    }
    MemoryFd = PspCurrentProcess()->MemoryFd;
    if (MemoryFd >= 0)
    {
        return ProbeRemote(MemoryFd, Address, Size);
    }
    return IsOnOwnStack(Address, Size) ? STATUS_SUCCESS : MipGuardedProbe(Address, Size, Write);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
BOOLEAN
MmIsAddressValid(PVOID VirtualAddress)
{
    return OsProbe(VirtualAddress, 1, false);
}
