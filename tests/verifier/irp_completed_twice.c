// SPDX-License-Identifier: MIT
// An IRP that is completed twice.
#include "skeleton.h"

CULPRIT NTSTATUS
CompleteAgain(PIRP Irp)
{
    return Complete(Irp, STATUS_SUCCESS);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    if (VIOLATE)
    {
        (void)Complete(Irp, STATUS_SUCCESS);
    }
    return CompleteAgain(Irp);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
