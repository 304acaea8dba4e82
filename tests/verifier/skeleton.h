// SPDX-License-Identifier: MIT
// The driver that every case is: one device, one IOCTL that runs Trigger, an unload that runs Undo.
//
// A case defines Trigger and Undo and includes this first. It is compiled twice: with VIOLATE=1 it does
// one thing wrong, with VIOLATE=0 the same thing right.
#ifndef VERIFIER_SKELETON_H
#define VERIFIER_SKELETON_H

#include <ntifs.h>

#include "shared.h"

#define VERIFIER_TAG 'tseT'
// Its name must be found in the report's stack.
#define CULPRIT static __attribute__((noinline))

typedef struct EXTENSION
{
    KSPIN_LOCK Lock;
    PVOID Memory;
    KTIMER Timer;
    KDPC Dpc;
} EXTENSION;

// Handles VERIFIER_TRIGGER, in the application's context: completes or pends the IRP.
static NTSTATUS Trigger(PDEVICE_OBJECT Device, PIRP Irp);
// Before the device and its link are deleted at unload.
static VOID Undo(PDRIVER_OBJECT Driver);

static inline NTSTATUS
Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static DRIVER_DISPATCH CreateClose, Control;
static DRIVER_UNLOAD Unload;
DRIVER_INITIALIZE DriverEntry;

static NTSTATUS NTAPI
CreateClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG Code = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode;
    return Code == VERIFIER_TRIGGER ? Trigger(Device, Irp)
                                    : Complete(Irp, STATUS_INVALID_DEVICE_REQUEST);
}

#ifndef VERIFIER_OWN_UNLOAD
static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(VERIFIER_LINK);
    Undo(Driver);
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}
#endif

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\VerifierTest");
    UNICODE_STRING Link = RTL_CONSTANT_STRING(VERIFIER_LINK);
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
    Extension->Memory = NULL;
    Status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
        return Status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = CreateClose;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}

#endif
