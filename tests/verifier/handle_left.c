// SPDX-License-Identifier: MIT
// A kernel handle that is never closed.
#include "skeleton.h"

CULPRIT NTSTATUS
OpenHandle(HANDLE *Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateEvent(Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    HANDLE Handle;
    UNREFERENCED_PARAMETER(Device);
    NTSTATUS Status = OpenHandle(&Handle);
    if (NT_SUCCESS(Status) && !VIOLATE)
    {
        ZwClose(Handle);
    }
    return Complete(Irp, Status);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
