// SPDX-License-Identifier: MIT
// Opens the application's named section and shares its pages: what one side stores the other loads.

#include <ntifs.h>

#include "shared.h"

DRIVER_INITIALIZE DriverEntry;
static DRIVER_DISPATCH CreateClose, Control;
static DRIVER_UNLOAD Unload;

static NTSTATUS
Answer(volatile ULONG *Words)
{
    for (ULONG Index = 0; Index < SECTEST_BYTES / sizeof(ULONG); Index++)
    {
        if (Words[Index] != SECTEST_QUESTION + Index)
        {
            return STATUS_DATA_ERROR;
        }
        Words[Index] = SECTEST_ANSWER + Index;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
Exchange(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\SharedSection");
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    PVOID Section, View = NULL;
    SIZE_T Size = 0;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    NTSTATUS Status = ZwOpenSection(&Handle, SECTION_MAP_READ | SECTION_MAP_WRITE, &Attributes);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObReferenceObjectByHandle(Handle, SECTION_MAP_READ | SECTION_MAP_WRITE,
                                       *MmSectionObjectType, KernelMode, &Section, NULL);
    ZwClose(Handle);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = MmMapViewInSystemSpace(Section, &View, &Size);
    if (NT_SUCCESS(Status))
    {
        Status = Size < SECTEST_BYTES ? STATUS_BUFFER_TOO_SMALL : Answer(View);
        MmUnmapViewInSystemSpace(View);
    }
    ObDereferenceObject(Section);
    return Status;
}

static NTSTATUS
Complete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI
CreateClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS);
}

static NTSTATUS NTAPI
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    ULONG Code = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode;
    return Complete(Irp, Code == SECTEST_EXCHANGE ? Exchange() : STATUS_INVALID_DEVICE_REQUEST);
}

static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\SharedSection");
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\SharedSection");
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\SharedSection");
    PDEVICE_OBJECT Device;
    UNREFERENCED_PARAMETER(RegistryPath);

    NTSTATUS Status = IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                                     FALSE, &Device);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
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
