// SPDX-License-Identifier: MIT
// A block of pool that is freed twice.
#include "skeleton.h"

CULPRIT VOID
FreeBlock(PVOID Block)
{
    ExFreePoolWithTag(Block, VERIFIER_TAG);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPool, 100, VERIFIER_TAG);
    UNREFERENCED_PARAMETER(Device);
    if (Block == NULL)
    {
        return Complete(Irp, STATUS_NO_MEMORY);
    }
    FreeBlock(Block);
    if (VIOLATE)
    {
        FreeBlock(Block);
    }
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
