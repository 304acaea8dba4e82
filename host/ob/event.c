// SPDX-License-Identifier: MIT
// Event objects: their system services, and the named events that drivers create.
#include "ob/obi.h"

NTSTATUS NTAPI
NtCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
              const OBJECT_ATTRIBUTES *ObjectAttributes, EVENT_TYPE EventType, BOOLEAN InitialState)
{
    OBP_CAPTURED Captured;
    PVOID Event;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (EventType != NotificationEvent && EventType != SynchronizationEvent)
    {
        return STATUS_INVALID_PARAMETER;
    }
    Status = MmProbeCaller(EventHandle, sizeof(*EventHandle), TRUE);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCaptureAttributes((POBJECT_ATTRIBUTES)ObjectAttributes,
                                  KiCurrentThread->PreviousMode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateObject(ObpEventType, sizeof(KEVENT), &Event);
    }
    if (NT_SUCCESS(Status))
    {
        KeInitializeEvent(Event, EventType, InitialState != FALSE);
        Status = ObpServiceInsert(Event, EventHandle, &Captured, DesiredAccess);
    }
    ObpFreeCapturedAttributes(&Captured);
    return Status;
}

NTSTATUS NTAPI
NtOpenEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
            const OBJECT_ATTRIBUTES *ObjectAttributes)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpServiceOpen(EventHandle, (POBJECT_ATTRIBUTES)ObjectAttributes, ObpEventType,
                          DesiredAccess);
}

static NTSTATUS
ObpReferenceEvent(HANDLE Handle, ACCESS_MASK Access, PKEVENT *Event)
{
    PVOID Object = NULL;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, Access, ObpEventType,
                                                KiCurrentThread->PreviousMode, &Object, NULL);

    *Event = Object;
    return Status;
}

// Set or reset, the previous state to the caller.
static NTSTATUS
ObpChangeEvent(HANDLE EventHandle, PLONG PreviousState, BOOLEAN Set)
{
    PKEVENT Event;
    LONG Previous;
    NTSTATUS Status = STATUS_SUCCESS;

    if (PreviousState != NULL)
    {
        Status = MmProbeCaller(PreviousState, sizeof(*PreviousState), TRUE);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpReferenceEvent(EventHandle, EVENT_MODIFY_STATE, &Event);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Previous = Set ? KeSetEvent(Event, 0, FALSE) : KeResetEvent(Event);
    ObDereferenceObject(Event);
    if (PreviousState != NULL)
    {
        // Memory that became unwritable since the probe does not undo the wake: as Windows, success.
        (void)MmCopyToCaller(PreviousState, &Previous, sizeof(Previous));
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
NtSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpChangeEvent(EventHandle, PreviousState, TRUE);
}

NTSTATUS NTAPI
NtResetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpChangeEvent(EventHandle, PreviousState, FALSE);
}

NTSTATUS NTAPI
NtClearEvent(HANDLE EventHandle)
{
    PKEVENT Event;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObpReferenceEvent(EventHandle, EVENT_MODIFY_STATE, &Event);
    if (NT_SUCCESS(Status))
    {
        KeClearEvent(Event);
        ObDereferenceObject(Event);
    }
    return Status;
}

NTSTATUS NTAPI
NtQueryEvent(HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass,
             PVOID EventInformation, ULONG EventInformationLength, PULONG ReturnLength)
{
    EVENT_BASIC_INFORMATION Information;
    ULONG Length = sizeof(Information);
    PKEVENT Event;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (EventInformationClass != EventBasicInformation)
    {
        return STATUS_INVALID_INFO_CLASS;
    }
    if (EventInformationLength != sizeof(Information))
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status = ObpReferenceEvent(EventHandle, EVENT_QUERY_STATE, &Event);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Information.EventType =
        Event->Header.Type == NotificationEvent ? NotificationEvent : SynchronizationEvent;
    Information.EventState = KeReadStateEvent(Event);
    ObDereferenceObject(Event);
    Status = MmCopyToCaller(EventInformation, &Information, sizeof(Information));
    if (NT_SUCCESS(Status) && ReturnLength != NULL)
    {
        Status = MmCopyToCaller(ReturnLength, &Length, sizeof(Length));
    }
    return Status;
}

NTSTATUS
ZwCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
              EVENT_TYPE EventType, BOOLEAN InitialState)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status =
        NtCreateEvent(EventHandle, DesiredAccess, ObjectAttributes, EventType, InitialState);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwOpenEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtOpenEvent(EventHandle, DesiredAccess, ObjectAttributes);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtSetEvent(EventHandle, PreviousState);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwResetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtResetEvent(EventHandle, PreviousState);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwClearEvent(HANDLE EventHandle)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtClearEvent(EventHandle);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwQueryEvent(HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass,
             PVOID EventInformation, ULONG EventInformationLength, PULONG ReturnLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtQueryEvent(EventHandle, EventInformationClass, EventInformation,
                                   EventInformationLength, ReturnLength);

    KiLeaveZw(Old);
    return Status;
}

// Opens the event of that name, or creates it signaled. The event lives as long as its kernel handle,
// which is why the pointer needs no reference of its own.
static PKEVENT
ObpCreateDriverEvent(PUNICODE_STRING Name, PHANDLE Handle, EVENT_TYPE Type)
{
    OBJECT_ATTRIBUTES Attributes;
    PVOID Event;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, Name, OBJ_OPENIF | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwCreateEvent(Handle, EVENT_ALL_ACCESS, &Attributes, Type, TRUE);
    if (!NT_SUCCESS(Status))
    {
        return NULL;
    }
    Status = ObReferenceObjectByHandle(*Handle, 0, ObpEventType, KernelMode, &Event, NULL);
    if (!NT_SUCCESS(Status))
    {
        ZwClose(*Handle);
        return NULL;
    }
    ObDereferenceObject(Event);
    return Event;
}

PKEVENT
IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpCreateDriverEvent(EventName, EventHandle, NotificationEvent);
}

PKEVENT
IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpCreateDriverEvent(EventName, EventHandle, SynchronizationEvent);
}
