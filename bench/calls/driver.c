// SPDX-License-Identifier: MIT
// Answers calls at once, and sets an application's event from a timer DPC that notes when.
//
// One event a device. Event is guarded by Lock; the timer, its DPC and the reference are given back at
// drop, at cleanup and at unload.

#include <ntddk.h>

#include "shared.h"

typedef struct EXTENSION
{
    KSPIN_LOCK Lock;
    PKEVENT Event;  // referenced, or NULL; guarded by Lock
    // Written by the DPC before the event is set, read by the application's next call: the event
    // orders them.
    LONGLONG Stamp;
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
        Extension->Stamp = KeQueryPerformanceCounter(NULL).QuadPart;
        KeSetEvent(Extension->Event, IO_NO_INCREMENT, FALSE);
    }
    KeReleaseSpinLockFromDpcLevel(&Extension->Lock);
}

static VOID
DropEvent(EXTENSION *Extension)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    PKEVENT Event = Extension->Event;
    Extension->Event = NULL;
    KeReleaseSpinLock(&Extension->Lock, Irql);
    if (Event != NULL)
    {
        KeCancelTimer(&Extension->Timer);
        KeFlushQueuedDpcs();
        ObDereferenceObject(Event);
    }
}

static NTSTATUS
TakeEvent(EXTENSION *Extension, ULONGLONG Handle)
{
    PKEVENT Event;
    KIRQL Irql;
    NTSTATUS Status =
        ObReferenceObjectByHandle((HANDLE)(ULONG_PTR)Handle, EVENT_MODIFY_STATE, *ExEventObjectType,
                                  UserMode, (PVOID *)&Event, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    KeAcquireSpinLock(&Extension->Lock, &Irql);
    BOOLEAN Taken = Extension->Event == NULL;
    if (Taken)
    {
        Extension->Event = Event;
    }
    KeReleaseSpinLock(&Extension->Lock, Irql);
    if (!Taken)
    {
        ObDereferenceObject(Event);
        return STATUS_DEVICE_BUSY;
    }
    return STATUS_SUCCESS;
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
    DropEvent(Device->DeviceExtension);
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG In = Stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG Out = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONGLONG *Buffer = Irp->AssociatedIrp.SystemBuffer;
    LARGE_INTEGER Due;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode)
    {
    case BENCH_ECHO:
        return Complete(Irp, STATUS_SUCCESS, In < Out ? In : Out);
    case BENCH_TAKE_EVENT:
        return Complete(
            Irp, In == sizeof(*Buffer) ? TakeEvent(Extension, *Buffer) : STATUS_INVALID_PARAMETER,
            0);
    case BENCH_ARM:
        if (In != sizeof(*Buffer))
        {
            return Complete(Irp, STATUS_INVALID_PARAMETER, 0);
        }
        Due.QuadPart = -(LONGLONG)*Buffer;
        KeSetTimer(&Extension->Timer, Due, &Extension->Dpc);
        return Complete(Irp, STATUS_SUCCESS, 0);
    case BENCH_STAMP:
        if (Out < sizeof(*Buffer))
        {
            return Complete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        *Buffer = (ULONGLONG)Extension->Stamp;
        return Complete(Irp, STATUS_SUCCESS, sizeof(*Buffer));
    case BENCH_DROP_EVENT:
        DropEvent(Extension);
        return Complete(Irp, STATUS_SUCCESS, 0);
    default:
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\BenchCalls");
    EXTENSION *Extension = Driver->DeviceObject->DeviceExtension;
    DropEvent(Extension);
    // A timer that was armed with no event.
    KeCancelTimer(&Extension->Timer);
    KeFlushQueuedDpcs();
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\BenchCalls");
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\BenchCalls");
    PDEVICE_OBJECT Device;
    UNREFERENCED_PARAMETER(RegistryPath);

    NTSTATUS Status = IoCreateDevice(Driver, sizeof(EXTENSION), &Name, FILE_DEVICE_UNKNOWN,
                                     FILE_DEVICE_SECURE_OPEN, FALSE, &Device);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    EXTENSION *Extension = Device->DeviceExtension;
    KeInitializeSpinLock(&Extension->Lock);
    KeInitializeTimer(&Extension->Timer);
    KeInitializeDpc(&Extension->Dpc, TimerDpc, Extension);
    Driver->MajorFunction[IRP_MJ_CREATE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = Cleanup;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Driver->DriverUnload = Unload;
    Status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
    }
    return Status;
}
