// SPDX-License-Identifier: MIT
// A block of pool that is written to after it was freed.
#include "skeleton.h"

CULPRIT VOID
FreeBlock(PVOID Block)
{
    ExFreePoolWithTag(Block, VERIFIER_TAG);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    UCHAR *Block = ExAllocatePoolWithTag(NonPagedPool, 200, VERIFIER_TAG);
    UNREFERENCED_PARAMETER(Device);
    if (Block == NULL)
    {
        return Complete(Irp, STATUS_NO_MEMORY);
    }
    // Volatile, or the compiler would drop writes to memory that is freed.
    if (!VIOLATE)
    {
        *(volatile UCHAR *)Block = 1;
    }
    FreeBlock(Block);
    if (VIOLATE)
    {
        *(volatile UCHAR *)Block = 1;
    }
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
