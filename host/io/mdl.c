// SPDX-License-Identifier: MIT
// MDL structures: allocation, release and partial MDLs. What the pages are is mm's business.
#include "io/iop.h"

#include <string.h>

#define TAG_MDL ' ldM'

PMDL
IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota,
              PIRP Irp)
{
    SIZE_T Size = MmSizeOfMdl(VirtualAddress, Length);
    PMDL Mdl;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    (void)ChargeQuota;
    // The structure's Size is 16 bits wide and signed, as on NT.
    if (Size > 0x7FFF - sizeof(PFN_NUMBER) && Length > 0x7FFFFFFF)
    {
        return NULL;
    }
    Mdl = MiAllocatePool(NonPagedPoolNx, Size, TAG_MDL, TRUE);
    if (Mdl == NULL)
    {
        return NULL;
    }
    MmInitializeMdl(Mdl, VirtualAddress, Length);
    if (Irp != NULL && !SecondaryBuffer)
    {
        Irp->MdlAddress = Mdl;
    }
    else if (Irp != NULL)
    {
        PMDL *Last = &Irp->MdlAddress;

        while (*Last != NULL)
        {
            Last = &(*Last)->Next;
        }
        *Last = Mdl;
    }
    return Mdl;
}

VOID
IoFreeMdl(PMDL Mdl)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if ((Mdl->MdlFlags & MDL_PAGES_LOCKED) != 0)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0xB8, (ULONG_PTR)Mdl,
                   (ULONG_PTR)(USHORT)Mdl->MdlFlags, 0,
                   "IoFreeMdl was given an MDL whose pages are still locked; MmUnlockPages first.");
    }
    MmPrepareMdlForReuse(Mdl);
    MiFreePool(Mdl, TAG_MDL, TRUE);
}

VOID
IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    ULONG_PTR From = (ULONG_PTR)VirtualAddress;
    ULONG_PTR Low = (ULONG_PTR)MmGetMdlVirtualAddress(SourceMdl);
    ULONG_PTR High = Low + SourceMdl->ByteCount;
    ULONG Pages;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (Length == 0 && From >= Low && From <= High)
    {
        Length = (ULONG)(High - From);
    }
    Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, Length);
    if (From < Low || From > High || Length > High - From ||
        (ULONG)TargetMdl->Size < sizeof(MDL) + Pages * sizeof(PFN_NUMBER))
    {
        VfBugCheck(
            VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, (ULONG_PTR)SourceMdl, (ULONG_PTR)TargetMdl,
            From,
            "IoBuildPartialMdl was asked for %u bytes at 0x%llx, which the source MDL does not "
            "cover or the target MDL has no room for.",
            (unsigned)Length, (unsigned long long)From);
    }
    TargetMdl->MdlFlags = (CSHORT)((TargetMdl->MdlFlags & MDL_ALLOCATED_FIXED_SIZE) | MDL_PARTIAL |
                                   (SourceMdl->MdlFlags & MDL_IO_SPACE));
    TargetMdl->Process = SourceMdl->Process;
    TargetMdl->StartVa = PAGE_ALIGN(VirtualAddress);
    TargetMdl->ByteOffset = BYTE_OFFSET(VirtualAddress);
    TargetMdl->ByteCount = Length;
    if ((SourceMdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) != 0)
    {
        TargetMdl->MappedSystemVa = (PUCHAR)SourceMdl->MappedSystemVa + (From - Low);
        TargetMdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA | MDL_PARENT_MAPPED_SYSTEM_VA;
    }
    memcpy(MmGetMdlPfnArray(TargetMdl),
           MmGetMdlPfnArray(SourceMdl) +
               (((ULONG_PTR)TargetMdl->StartVa - (ULONG_PTR)SourceMdl->StartVa) >> PAGE_SHIFT),
           Pages * sizeof(PFN_NUMBER));
}
