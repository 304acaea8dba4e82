// SPDX-License-Identifier: MIT
// Signals: the event that a subscription is woken by, resolved or created with the right rights.

#include "channel.h"

#define EVENT_DIRECTORY       L"\\BaseNamedObjects\\"
#define EVENT_DIRECTORY_UNITS 18u
#define EVENT_PATH_UNITS      (EVENT_DIRECTORY_UNITS + UPCALL_MAX_EVENT_NAME)

_Static_assert(sizeof(EVENT_DIRECTORY) == (EVENT_DIRECTORY_UNITS + 1u) * sizeof(WCHAR),
               "event directory");

// Headers disagree whether the kernel exports the type or a pointer to it (some declare one
// indirection too many); the export itself is a pointer to the type's pointer everywhere.
static POBJECT_TYPE
EventType(VOID)
{
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, L"ExEventObjectType");
    POBJECT_TYPE *type = MmGetSystemRoutineAddress(&name);
    return type != NULL ? *type : NULL;
}

static NTSTATUS
ReferenceEvent(HANDLE Handle, ACCESS_MASK Access, KPROCESSOR_MODE Mode, PKEVENT *Event)
{
    POBJECT_TYPE type = EventType();
    if (type == NULL)
    {
        // Never without a type: any object of the caller's would pass for an event.
        return STATUS_NOT_SUPPORTED;
    }
    PVOID object = NULL;
    NTSTATUS status = ObReferenceObjectByHandle(Handle, Access, type, Mode, &object, NULL);
    *Event = status == STATUS_SUCCESS ? object : NULL;
    return status;
}

// The full path of the event that Input names, in Buffer.
static VOID
EventPath(const UPCALL_SUBSCRIBE_INPUT *Input, WCHAR Buffer[EVENT_PATH_UNITS], UNICODE_STRING *Path)
{
    RtlCopyMemory(Buffer, EVENT_DIRECTORY, EVENT_DIRECTORY_UNITS * sizeof(WCHAR));
    RtlCopyMemory(Buffer + EVENT_DIRECTORY_UNITS, Input->EventName,
                  Input->EventNameUnits * sizeof(WCHAR));
    Path->Buffer = Buffer;
    Path->Length = (USHORT)((EVENT_DIRECTORY_UNITS + Input->EventNameUnits) * sizeof(WCHAR));
    Path->MaximumLength = Path->Length;
}

// ---- Application-first --------------------------------------------------------------------------

static NTSTATUS
OpenEvent(const UPCALL_SUBSCRIBE_INPUT *Input, UPCALL_SIGNAL *Signal)
{
    WCHAR buffer[EVENT_PATH_UNITS];
    UNICODE_STRING path;
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle = NULL;

    EventPath(Input, buffer, &path);
    // In the caller's context and checked against the caller: without the check a driver would set
    // any event of the system for whoever asks.
    InitializeObjectAttributes(&attributes, &path,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK,
                               NULL, NULL);
    NTSTATUS status = ZwOpenEvent(&handle, EVENT_MODIFY_STATE, &attributes);
    if (NT_SUCCESS(status))
    {
        status = ReferenceEvent(handle, EVENT_MODIFY_STATE, KernelMode, &Signal->Event);
        ZwClose(handle);
    }
    return status;
}

// ---- Driver-first -------------------------------------------------------------------------------

typedef struct CREATE_EVENT
{
    const UPCALL_SUBSCRIBE_INPUT *Input;
    PVOID Security;
    UPCALL_SIGNAL *Signal;
    NTSTATUS Status;
    KEVENT Done;
} CREATE_EVENT;

static IO_WORKITEM_ROUTINE CreateEventOnSystemThread;

static VOID NTAPI
CreateEventOnSystemThread(PDEVICE_OBJECT Device, PVOID Context)
{
    CREATE_EVENT *create = Context;
    WCHAR buffer[EVENT_PATH_UNITS];
    UNICODE_STRING path;
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle = NULL;

    UNREFERENCED_PARAMETER(Device);
    EventPath(create->Input, buffer, &path);
    // No OBJ_OPENIF: if the name exists, somebody else made it and may hold rights to it.
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               create->Security);
    NTSTATUS status =
        ZwCreateEvent(&handle, EVENT_ALL_ACCESS, &attributes, SynchronizationEvent, FALSE);
    if (status == STATUS_SUCCESS)
    {
        status = ReferenceEvent(handle, EVENT_MODIFY_STATE, KernelMode, &create->Signal->Event);
        if (status == STATUS_SUCCESS)
        {
            // The name lives as long as a handle does; this one lives as long as the subscription.
            create->Signal->KeepAlive = handle;
        }
        else
        {
            ZwClose(handle);
        }
    }
    else if (NT_SUCCESS(status))
    {
        // "Exists" as a success is not a thing without OBJ_OPENIF, but it must not pass for one.
        ZwClose(handle);
        status = STATUS_OBJECT_NAME_COLLISION;
    }
    create->Status = status;
    // The last touch: the waiter's stack holds all of this.
    KeSetEvent(&create->Done, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS
CreateEventDriverFirst(PUPCALL_CHANNEL Channel, const UPCALL_SUBSCRIBE_INPUT *Input,
                       UPCALL_SIGNAL *Signal)
{
    PIO_WORKITEM item = IoAllocateWorkItem(Channel->Device);
    if (item == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    CREATE_EVENT create;
    RtlZeroMemory(&create, sizeof(create));
    create.Input = Input;
    create.Security = Channel->EventSecurity;
    create.Signal = Signal;
    KeInitializeEvent(&create.Done, NotificationEvent, FALSE);
    // In the caller's context the object's owner and its place in the quota would be the caller's.
    IoQueueWorkItem(item, CreateEventOnSystemThread, DelayedWorkQueue, &create);
    KeWaitForSingleObject(&create.Done, Executive, KernelMode, FALSE, NULL);
    IoFreeWorkItem(item);
    return create.Status;
}

// ---- All ----------------------------------------------------------------------------------------

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
UpcallSignalCreate(PUPCALL_CHANNEL Channel, const UPCALL_SUBSCRIBE_INPUT *Input,
                   UPCALL_SIGNAL *Signal)
{
    RtlZeroMemory(Signal, sizeof(*Signal));
    Signal->Kind = Input->Signal;
    switch (Input->Signal)
    {
    case UPCALL_SIGNAL_EVENT:
        // Always UserMode: the handle came from the application, and with KernelMode it could name
        // a kernel handle or an event that the application may not set.
        return ReferenceEvent((HANDLE)(ULONG_PTR)Input->EventHandle, EVENT_MODIFY_STATE, UserMode,
                              &Signal->Event);
    case UPCALL_SIGNAL_NAMED_EVENT:
        return Input->EventOrigin == UPCALL_EVENT_ORIGIN_DRIVER
                   ? CreateEventDriverFirst(Channel, Input, Signal)
                   : OpenEvent(Input, Signal);
    default:
        return STATUS_SUCCESS;
    }
}

_IRQL_requires_max_(PASSIVE_LEVEL)
VOID
UpcallSignalDestroy(UPCALL_SIGNAL *Signal)
{
    if (Signal->Event != NULL)
    {
        ObDereferenceObject(Signal->Event);
        Signal->Event = NULL;
    }
    if (Signal->KeepAlive != NULL)
    {
        ZwClose(Signal->KeepAlive);
        Signal->KeepAlive = NULL;
    }
}
