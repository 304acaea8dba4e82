// SPDX-License-Identifier: MIT
// A block of pool that is not freed by the time the driver is unloaded.
#include "skeleton.h"

CULPRIT PVOID
AllocateBlock(VOID)
{
    return ExAllocatePoolWithTag(NonPagedPool, 100, VERIFIER_TAG);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    if (Extension->Memory == NULL)
    {
        Extension->Memory = AllocateBlock();
    }
    return Complete(Irp, Extension->Memory != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    EXTENSION *Extension = Driver->DeviceObject->DeviceExtension;
    if (!VIOLATE && Extension->Memory != NULL)
    {
        ExFreePoolWithTag(Extension->Memory, VERIFIER_TAG);
    }
}
