// SPDX-License-Identifier: MIT
// The reference driver: publishes what is written to it, and, when asked, records from a timer.

#include "relay_driver.h"

#define DEVICE_NAME L"\\Device\\UpcallRelay"
#define LINK_NAME   L"\\??\\UpcallRelay"

NTSTATUS
RelayComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static DRIVER_DISPATCH DispatchFile;
static DRIVER_DISPATCH DispatchRead;
static DRIVER_DISPATCH DispatchWrite;
static DRIVER_DISPATCH DispatchControl;
static DRIVER_UNLOAD Unload;
DRIVER_INITIALIZE DriverEntry;

// Create, cleanup, close: the kit looks at them, the driver completes them.
static NTSTATUS NTAPI
DispatchFile(PDEVICE_OBJECT Device, PIRP Irp)
{
    RELAY_EXTENSION *extension = Device->DeviceExtension;
    NTSTATUS status;
    UpcallChannelDispatch(extension->Channel, Irp, &status);
    return RelayComplete(Irp, status, 0);
}

static NTSTATUS NTAPI
DispatchRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    RELAY_EXTENSION *extension = Device->DeviceExtension;
    NTSTATUS status;
    if (UpcallChannelDispatch(extension->Channel, Irp, &status))
    {
        return status;
    }
    // A read on a file that has no subscription: there is nothing here to be read.
    return RelayComplete(Irp, STATUS_INVALID_DEVICE_STATE, 0);
}

static NTSTATUS NTAPI
DispatchWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    RELAY_EXTENSION *extension = Device->DeviceExtension;
    return RelayFifoWrite(&extension->Fifo, Irp);
}

static NTSTATUS
StartTimer(RELAY_EXTENSION *Extension, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    RELAY_PUBLISH_INPUT order;
    if (location->Parameters.DeviceIoControl.InputBufferLength != sizeof(order))
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    RtlCopyMemory(&order, Irp->AssociatedIrp.SystemBuffer, sizeof(order));
    if (order.Size != sizeof(order))
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    return RelayTimerStart(&Extension->Timer, &order);
}

static NTSTATUS NTAPI
DispatchControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    RELAY_EXTENSION *extension = Device->DeviceExtension;
    NTSTATUS status;
    if (UpcallChannelDispatch(extension->Channel, Irp, &status))
    {
        return status;
    }
    switch (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode)
    {
    case RELAY_IOCTL_PUBLISH:
        status = StartTimer(extension, Irp);
        break;
    case RELAY_IOCTL_PUBLISH_STOP:
        RelayTimerStop(&extension->Timer);
        status = STATUS_SUCCESS;
        break;
    case RELAY_IOCTL_CHANNEL_STOP:
        UpcallChannelStop(extension->Channel);
        status = STATUS_SUCCESS;
        break;
    default:
        status = STATUS_INVALID_DEVICE_REQUEST;
        break;
    }
    return RelayComplete(Irp, status, 0);
}

// No handle is open: no read, write or subscription is left.
static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    PDEVICE_OBJECT device = Driver->DeviceObject;
    RELAY_EXTENSION *extension = device->DeviceExtension;
    UNICODE_STRING link;

    RtlInitUnicodeString(&link, LINK_NAME);
    IoDeleteSymbolicLink(&link);
    // Waits for all DPCs, the FIFO's too: it may just be leaving the run that completed the last
    // write.
    RelayTimerDestroy(&extension->Timer);
    UpcallChannelDelete(extension->Channel);
    IoDeleteDevice(device);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name;
    UNICODE_STRING link;
    PDEVICE_OBJECT device;
    RELAY_EXTENSION *extension;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);
    RtlInitUnicodeString(&name, DEVICE_NAME);
    RtlInitUnicodeString(&link, LINK_NAME);
    status = IoCreateDevice(Driver, sizeof(RELAY_EXTENSION), &name, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status))
    {
        return status;
    }
    device->Flags |= DO_BUFFERED_IO;
    extension = device->DeviceExtension;

    status = RelaySecureDevice(device);
    if (!NT_SUCCESS(status))
    {
        goto DeleteDevice;
    }
    status = UpcallChannelCreate(device, NULL, &extension->Channel);
    if (!NT_SUCCESS(status))
    {
        goto DeleteDevice;
    }
    RelayFifoInitialize(&extension->Fifo, extension->Channel);
    RelayTimerInitialize(&extension->Timer, extension->Channel);

    Driver->MajorFunction[IRP_MJ_CREATE] = DispatchFile;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DispatchFile;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DispatchFile;
    Driver->MajorFunction[IRP_MJ_READ] = DispatchRead;
    Driver->MajorFunction[IRP_MJ_WRITE] = DispatchWrite;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = DispatchControl;
    Driver->DriverUnload = Unload;

    // Last, so that nobody finds the device before it can serve.
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status))
    {
        goto DeleteChannel;
    }
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;

DeleteChannel:
    UpcallChannelDelete(extension->Channel);
DeleteDevice:
    IoDeleteDevice(device);
    return status;
}
