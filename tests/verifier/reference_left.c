// SPDX-License-Identifier: MIT
// A reference to an object that is never given back.
#include "skeleton.h"

CULPRIT NTSTATUS
ReferenceEvent(PVOID *Event)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS Status =
        ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObReferenceObjectByHandle(Handle, EVENT_MODIFY_STATE, *ExEventObjectType, KernelMode,
                                       Event, NULL);
    ZwClose(Handle);
    return Status;
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    PVOID Event;
    UNREFERENCED_PARAMETER(Device);
    NTSTATUS Status = ReferenceEvent(&Event);
    if (NT_SUCCESS(Status) && !VIOLATE)
    {
        ObDereferenceObject(Event);
    }
    return Complete(Irp, Status);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
