// SPDX-License-Identifier: MIT
// Publishes on a channel when told to, and says how long it took.

#include <ntddk.h>

#include <upcall/driver.h>

#include "shared.h"

typedef struct EXTENSION
{
    PUPCALL_CHANNEL Channel;
    ULONGLONG Record[BENCH_NOTIFY_BYTES / sizeof(ULONGLONG)];  // what is published, never changed
} EXTENSION;

static DRIVER_DISPATCH File, Read, Control;
static DRIVER_UNLOAD Unload;
DRIVER_INITIALIZE DriverEntry;

static NTSTATUS
Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI
File(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    NTSTATUS Status;
    UpcallChannelDispatch(Extension->Channel, Irp, &Status);
    return Complete(Irp, Status, 0);
}

static NTSTATUS NTAPI
Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    NTSTATUS Status;
    return UpcallChannelDispatch(Extension->Channel, Irp, &Status)
               ? Status
               : Complete(Irp, STATUS_INVALID_DEVICE_STATE, 0);
}

static NTSTATUS
Publish(EXTENSION *Extension, ULONGLONG *Buffer, ULONG In, ULONG Out)
{
    KIRQL Irql;
    NTSTATUS Status = STATUS_SUCCESS;
    if (In != sizeof(*Buffer) || Out < sizeof(*Buffer) || *Buffer == 0 ||
        *Buffer > BENCH_MAX_PUBLISH)
    {
        return STATUS_INVALID_PARAMETER;
    }
    ULONG Count = (ULONG)*Buffer;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    LONGLONG Start = KeQueryPerformanceCounter(NULL).QuadPart;
    for (ULONG Index = 0; Index < Count && NT_SUCCESS(Status); Index++)
    {
        Status = UpcallNotify(Extension->Channel, 0, Extension->Record, BENCH_NOTIFY_BYTES);
    }
    *Buffer = (ULONGLONG)(KeQueryPerformanceCounter(NULL).QuadPart - Start);
    KeLowerIrql(Irql);
    return Status;
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status;
    if (UpcallChannelDispatch(Extension->Channel, Irp, &Status))
    {
        return Status;
    }
    if (Stack->Parameters.DeviceIoControl.IoControlCode != BENCH_PUBLISH)
    {
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    Status = Publish(Extension, Irp->AssociatedIrp.SystemBuffer,
                     Stack->Parameters.DeviceIoControl.InputBufferLength,
                     Stack->Parameters.DeviceIoControl.OutputBufferLength);
    return Complete(Irp, Status, NT_SUCCESS(Status) ? sizeof(ULONGLONG) : 0);
}

static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\BenchNotify");
    EXTENSION *Extension = Driver->DeviceObject->DeviceExtension;
    IoDeleteSymbolicLink(&Link);
    UpcallChannelDelete(Extension->Channel);
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\BenchNotify");
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\BenchNotify");
    PDEVICE_OBJECT Device;
    UNREFERENCED_PARAMETER(RegistryPath);

    NTSTATUS Status = IoCreateDevice(Driver, sizeof(EXTENSION), &Name, FILE_DEVICE_UNKNOWN,
                                     FILE_DEVICE_SECURE_OPEN, FALSE, &Device);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Device->Flags |= DO_BUFFERED_IO;
    EXTENSION *Extension = Device->DeviceExtension;
    RtlZeroMemory(Extension->Record, sizeof(Extension->Record));
    Status = UpcallChannelCreate(Device, NULL, &Extension->Channel);
    if (!NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
        return Status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = File;
    Driver->MajorFunction[IRP_MJ_CLOSE] = File;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = File;
    Driver->MajorFunction[IRP_MJ_READ] = Read;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Driver->DriverUnload = Unload;
    Status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(Status))
    {
        UpcallChannelDelete(Extension->Channel);
        IoDeleteDevice(Device);
        return Status;
    }
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
