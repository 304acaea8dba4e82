// SPDX-License-Identifier: MIT
// Memory descriptor lists over the kernel's own memory and over callers' buffers.
//
// There are no page frames here: the array behind an MDL holds, for each page, the address at which
// the host reaches it ("PFN" slots). Kernel memory and a local application's buffer are reached at
// their own addresses, so such an MDL is a true alias. A remote application's buffer is reached through
// a copy that is filled when the pages are locked and, if they may be written, copied back when they
// are unlocked; what the application itself writes there meanwhile is then overwritten. Partial MDLs
// copy slots and need nothing else.
#include "mm/mip.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define TAG_COPY 'yCdM'

static ULONG_PTR *
SlotsOf(PMDL Mdl)
{
    return (ULONG_PTR *)(Mdl + 1);
}

static void
FillSlots(PMDL Mdl, ULONG_PTR FirstPage)
{
    ULONG Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);

    for (ULONG Page = 0; Page < Pages; Page++)
    {
        SlotsOf(Mdl)[Page] = FirstPage + (ULONG_PTR)Page * PAGE_SIZE;
    }
}

_Noreturn static void
BadMdl(PMDL Mdl, const char *Function, const char *Meaning)
{
    VfBugCheck(VfBug_MEMORY_MANAGEMENT, 0x1, (ULONG_PTR)Mdl, (ULONG_PTR)(USHORT)Mdl->MdlFlags,
               (ULONG_PTR)MmGetMdlVirtualAddress(Mdl), "%s: the MDL at 0x%llx %s.", Function,
               (unsigned long long)(ULONG_PTR)Mdl, Meaning);
}

SIZE_T
MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    return sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID
MmBuildMdlForNonPagedPool(PMDL Mdl)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if ((Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL |
                          MDL_PARTIAL)) != 0)
    {
        BadMdl(Mdl, __func__, "was built or locked before");
    }
    Mdl->Process = NULL;
    Mdl->MappedSystemVa = MmGetMdlVirtualAddress(Mdl);
    FillSlots(Mdl, (ULONG_PTR)Mdl->StartVa);
    Mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}

// A copy of a remote caller's buffer, at the same offset in its first page. The whole buffer is read
// even if it is only to be written: what the driver leaves alone must go back unchanged.
static NTSTATUS
MakeCopy(PMDL Mdl, PEPROCESS Process)
{
    ULONG Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
    char *Copy = MiAllocatePool(NonPagedPoolNx, (SIZE_T)Pages * PAGE_SIZE, TAG_COPY, FALSE);
    NTSTATUS Status;

    if (Copy == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status =
        MmReadProcess(Process, Copy + Mdl->ByteOffset, MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
    if (!NT_SUCCESS(Status))
    {
        MiFreePool(Copy, TAG_COPY, TRUE);
        return Status;
    }
    FillSlots(Mdl, (ULONG_PTR)Copy);
    return STATUS_SUCCESS;
}

static NTSTATUS
LockUserPages(PMDL Mdl, LOCK_OPERATION Operation)
{
    PEPROCESS Process = PspCurrentProcess();
    NTSTATUS Status;

    if (Mdl->ByteCount == 0)
    {
        Mdl->Process = NULL;
        return STATUS_SUCCESS;
    }
    if (Process->MemoryFd >= 0)
    {
        Status = MakeCopy(Mdl, Process);
    }
    else
    {
        Status =
            MmProbeCaller(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount, Operation != IoReadAccess);
        FillSlots(Mdl, (ULONG_PTR)Mdl->StartVa);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    // Held until MmUnlockPages, which writes to the process.
    ObReferenceObject(Process);
    Mdl->Process = Process;
    return STATUS_SUCCESS;
}

NTSTATUS
MiProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if ((Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL |
                          MDL_PARTIAL)) != 0)
    {
        BadMdl(Mdl, "MmProbeAndLockPages", "was built or locked before");
    }
    if (VfFault("MmProbeAndLockPages"))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (AccessMode == UserMode)
    {
        Status = LockUserPages(Mdl, Operation);
    }
    else if (!OsProbe(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount, Operation != IoReadAccess))
    {
        Status = STATUS_ACCESS_VIOLATION;
    }
    else
    {
        Mdl->Process = NULL;
        FillSlots(Mdl, (ULONG_PTR)Mdl->StartVa);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Mdl->MdlFlags &= ~MDL_WRITE_OPERATION;
    Mdl->MdlFlags |= MDL_PAGES_LOCKED | (Operation != IoReadAccess ? MDL_WRITE_OPERATION : 0);
    return STATUS_SUCCESS;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID
MmProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)
{
    NTSTATUS Status;

    VfCheckMaxIrql(AccessMode == UserMode ? APC_LEVEL : DISPATCH_LEVEL, __func__);
    Status = MiProbeAndLockPages(Mdl, AccessMode, Operation);
    if (!NT_SUCCESS(Status))
    {
        // An exception on Windows. No code here can have a handler for it.
        VfBugCheck(VfBug_KMODE_EXCEPTION_NOT_HANDLED, (ULONG)Status,
                   (ULONG_PTR)__builtin_return_address(0), (ULONG_PTR)MmGetMdlVirtualAddress(Mdl),
                   Mdl->ByteCount,
                   "MmProbeAndLockPages raised status 0x%08X for %u bytes at 0x%llx, and nothing "
                   "handles exceptions.",
                   (unsigned)Status, (unsigned)Mdl->ByteCount,
                   (unsigned long long)(ULONG_PTR)MmGetMdlVirtualAddress(Mdl));
    }
}

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID
MmUnlockPages(PMDL Mdl)
{
    PEPROCESS Process = Mdl->Process;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if ((Mdl->MdlFlags & MDL_PAGES_LOCKED) == 0)
    {
        BadMdl(Mdl, __func__, "is not locked");
    }
    if (Process != NULL && Process->MemoryFd >= 0)
    {
        char *Copy = (char *)SlotsOf(Mdl)[0];

        if ((Mdl->MdlFlags & MDL_WRITE_OPERATION) != 0)
        {
            // Fails only when nobody is there to see it: the process died, or unmapped its buffer.
            (void)MmWriteProcess(Process, MmGetMdlVirtualAddress(Mdl), Copy + Mdl->ByteOffset,
                                 Mdl->ByteCount);
        }
        MiFreePool(Copy, TAG_COPY, TRUE);
    }
    Mdl->MdlFlags &= ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION);
    Mdl->Process = NULL;
    if (Process != NULL)
    {
        ObDereferenceObjectDeferDelete(Process);
    }
}

_IRQL_requires_max_(DISPATCH_LEVEL)
PVOID
MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType,
                             PVOID RequestedAddress, ULONG BugCheckOnFailure, ULONG Priority)
{
    (void)CacheType;
    (void)RequestedAddress;
    (void)Priority;
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if ((Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED)) != 0)
    {
        BadMdl(Mdl, __func__, "is mapped already");
    }
    if ((Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL)) == 0)
    {
        BadMdl(Mdl, __func__, "describes no pages: it was neither built nor locked");
    }
    if (AccessMode != KernelMode || VfFault(__func__))
    {
        if (BugCheckOnFailure && AccessMode == KernelMode)
        {
            BadMdl(Mdl, __func__, "could not be mapped, and the caller asked for a bugcheck then");
        }
        return NULL;
    }
    if ((Mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) != 0)
    {
        BadMdl(Mdl, __func__, "was built over nonpaged pool, which is mapped as it is");
    }
    Mdl->MappedSystemVa = (char *)SlotsOf(Mdl)[0] + Mdl->ByteOffset;
    Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    if ((Mdl->MdlFlags & MDL_PARTIAL) != 0)
    {
        Mdl->MdlFlags |= MDL_PARTIAL_HAS_BEEN_MAPPED;
    }
    return Mdl->MappedSystemVa;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
PVOID
MmMapLockedPages(PMDL Mdl, KPROCESSOR_MODE AccessMode)
{
    return MmMapLockedPagesSpecifyCache(Mdl, AccessMode, MmCached, NULL, TRUE, HighPagePriority);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID
MmUnmapLockedPages(PVOID BaseAddress, PMDL Mdl)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if ((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0 || Mdl->MappedSystemVa != BaseAddress)
    {
        BadMdl(Mdl, __func__, "is not mapped at the address given");
    }
    Mdl->MdlFlags &= ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
}
