// SPDX-License-Identifier: MIT
// Sets an application's event from a timer DPC: the oldest way to wake an application.
//
// One armed event per device. The timer, its DPC and the reference on the event are given back at
// disarm, at cleanup of the file object that armed it, and at unload.

#include <ntddk.h>

#include "shared.h"

typedef struct EXTENSION
{
    KSPIN_LOCK Lock;
    PKEVENT Event;       // referenced; guarded by Lock
    PFILE_OBJECT Owner;  // who armed it; guarded by Lock
    KTIMER Timer;
    KDPC Dpc;
} EXTENSION;

static DRIVER_DISPATCH CreateClose, Cleanup, Control;
static DRIVER_UNLOAD Unload;
static KDEFERRED_ROUTINE TimerDpc;
DRIVER_INITIALIZE DriverEntry;

static VOID NTAPI
TimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    EXTENSION *Extension = Context;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&Extension->Lock);
    if (Extension->Event != NULL)
    {
        KeSetEvent(Extension->Event, IO_NO_INCREMENT, FALSE);
    }
    KeReleaseSpinLockFromDpcLevel(&Extension->Lock);
}

// Takes the event out, if Owner armed it (NULL: whoever did), and gives everything back.
static VOID
Disarm(EXTENSION *Extension, PFILE_OBJECT Owner)
{
    KIRQL Irql;
    PKEVENT Event = NULL;
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    if (Owner == NULL || Extension->Owner == Owner)
    {
        Event = Extension->Event;
        Extension->Event = NULL;
        Extension->Owner = NULL;
    }
    KeReleaseSpinLock(&Extension->Lock, Irql);
    if (Event != NULL)
    {
        KeCancelTimer(&Extension->Timer);
        KeFlushQueuedDpcs();
        ObDereferenceObject(Event);
    }
}

static NTSTATUS
Arm(EXTENSION *Extension, PFILE_OBJECT Owner, const EVTEST_REQUEST *Request)
{
    PKEVENT Event;
    LARGE_INTEGER Due;
    KIRQL Irql;
    NTSTATUS Status =
        ObReferenceObjectByHandle((HANDLE)(ULONG_PTR)Request->Event, EVENT_MODIFY_STATE,
                                  *ExEventObjectType, UserMode, (PVOID *)&Event, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    if (Extension->Event != NULL)
    {
        Status = STATUS_DEVICE_BUSY;
    }
    else
    {
        Extension->Event = Event;
        Extension->Owner = Owner;
        Due.QuadPart = -(LONGLONG)Request->Milliseconds * 10000;
        KeSetTimer(&Extension->Timer, Due, &Extension->Dpc);
    }
    KeReleaseSpinLock(&Extension->Lock, Irql);
    if (!NT_SUCCESS(Status))
    {
        ObDereferenceObject(Event);
    }
    return Status;
}

static NTSTATUS
Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI
CreateClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
Cleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    Disarm(Device->DeviceExtension, IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG In = Stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG Out = Stack->Parameters.DeviceIoControl.OutputBufferLength;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode)
    {
    case EVTEST_ECHO:
        return Complete(Irp, STATUS_SUCCESS, In < Out ? In : Out);
    case EVTEST_ARM:
        return Complete(Irp,
                        In != sizeof(EVTEST_REQUEST)
                            ? STATUS_INVALID_PARAMETER
                            : Arm(Extension, Stack->FileObject, Irp->AssociatedIrp.SystemBuffer),
                        0);
    case EVTEST_DISARM:
        Disarm(Extension, Stack->FileObject);
        return Complete(Irp, STATUS_SUCCESS, 0);
    default:
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\EventByHandle");
    Disarm(Driver->DeviceObject->DeviceExtension, NULL);
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\EventByHandle");
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\EventByHandle");
    PDEVICE_OBJECT Device;
    EXTENSION *Extension;
    UNREFERENCED_PARAMETER(RegistryPath);

    NTSTATUS Status = IoCreateDevice(Driver, sizeof(EXTENSION), &Name, FILE_DEVICE_UNKNOWN,
                                     FILE_DEVICE_SECURE_OPEN, FALSE, &Device);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Extension = Device->DeviceExtension;
    KeInitializeSpinLock(&Extension->Lock);
    KeInitializeTimer(&Extension->Timer);
    KeInitializeDpc(&Extension->Dpc, TimerDpc, Extension);
    Status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
        return Status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = Cleanup;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
