// SPDX-License-Identifier: MIT
// A spin lock that a dispatch routine returns with.
#include "skeleton.h"

CULPRIT VOID
TakeLock(EXTENSION *Extension)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    if (!VIOLATE)
    {
        KeReleaseSpinLock(&Extension->Lock, Irql);
    }
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    NTSTATUS Status = Complete(Irp, STATUS_SUCCESS);
    TakeLock(Device->DeviceExtension);
    return Status;
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
