// SPDX-License-Identifier: MIT
// Paged pool allocated at DISPATCH_LEVEL.
#include "skeleton.h"

CULPRIT PVOID
AllocatePaged(VOID)
{
    return ExAllocatePoolWithTag(VIOLATE ? PagedPool : NonPagedPool, 100, VERIFIER_TAG);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    KIRQL Irql;
    UNREFERENCED_PARAMETER(Device);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    PVOID Block = AllocatePaged();
    KeLowerIrql(Irql);
    if (Block == NULL)
    {
        return Complete(Irp, STATUS_NO_MEMORY);
    }
    ExFreePoolWithTag(Block, VERIFIER_TAG);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
