// SPDX-License-Identifier: MIT
// STATUS_PENDING returned for an IRP that was not marked pending.
#include "skeleton.h"

CULPRIT NTSTATUS
ReturnPending(PIRP Irp)
{
    if (!VIOLATE)
    {
        IoMarkIrpPending(Irp);
    }
    (void)Complete(Irp, STATUS_SUCCESS);
    return STATUS_PENDING;
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return ReturnPending(Irp);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
