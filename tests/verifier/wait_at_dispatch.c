// SPDX-License-Identifier: MIT
// A wait with a timeout while IRQL is raised to DISPATCH_LEVEL.
#include "skeleton.h"

CULPRIT VOID
WaitAWhile(PKEVENT Event)
{
    LARGE_INTEGER Timeout = {.QuadPart = VIOLATE ? -10000 : 0};
    (void)KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, &Timeout);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    KEVENT Event;
    KIRQL Irql;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    WaitAWhile(&Event);
    KeReleaseSpinLock(&Extension->Lock, Irql);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
