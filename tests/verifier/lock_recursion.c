// SPDX-License-Identifier: MIT
// A spin lock that its holder acquires once more.
#include "skeleton.h"

CULPRIT VOID
TakeTwice(EXTENSION *Extension)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    if (VIOLATE)
    {
        KeAcquireSpinLockAtDpcLevel(&Extension->Lock);
        KeReleaseSpinLockFromDpcLevel(&Extension->Lock);
    }
    KeReleaseSpinLock(&Extension->Lock, Irql);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    TakeTwice(Device->DeviceExtension);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
