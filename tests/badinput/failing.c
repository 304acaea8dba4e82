// SPDX-License-Identifier: MIT
// A driver whose DriverEntry fails, having given back what it made.

#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Failing");
    PDEVICE_OBJECT Device;
    UNREFERENCED_PARAMETER(RegistryPath);
    NTSTATUS Status = IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN,
                                     FALSE, &Device);
    if (NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
        Status = STATUS_DEVICE_CONFIGURATION_ERROR;
    }
    return Status;
}
