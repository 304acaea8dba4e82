// SPDX-License-Identifier: MIT
// One byte written behind the end of a block of pool.
#include "skeleton.h"

#define BLOCK_BYTES 100u

CULPRIT PVOID
AllocateShort(VOID)
{
    return ExAllocatePoolWithTag(NonPagedPool, BLOCK_BYTES, VERIFIER_TAG);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    UCHAR *Block = AllocateShort();
    UNREFERENCED_PARAMETER(Device);
    if (Block == NULL)
    {
        return Complete(Irp, STATUS_NO_MEMORY);
    }
    // Volatile, or the compiler would drop writes to memory that is freed next.
    for (ULONG Index = 0; Index < BLOCK_BYTES + VIOLATE; Index++)
    {
        *(volatile UCHAR *)(Block + Index) = (UCHAR)Index;
    }
    ExFreePoolWithTag(Block, VERIFIER_TAG);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
