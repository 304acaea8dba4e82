// SPDX-License-Identifier: MIT
// A pended IRP that is not completed by the time the driver is unloaded.
//
// The clean twin pends it with a cancel routine, which the end of the application calls.
#include "skeleton.h"

static DRIVER_CANCEL CancelPended;

static VOID NTAPI
CancelPended(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    (void)Complete(Irp, STATUS_CANCELLED);
}

CULPRIT NTSTATUS
ForgetIrp(PIRP Irp)
{
    IoMarkIrpPending(Irp);
    if (!VIOLATE)
    {
        (void)IoSetCancelRoutine(Irp, CancelPended);
        // Cancelled before there was a routine to call: whoever takes it out completes.
        if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
        {
            (void)Complete(Irp, STATUS_CANCELLED);
        }
    }
    return STATUS_PENDING;
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return ForgetIrp(Irp);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
