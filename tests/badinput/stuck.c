// SPDX-License-Identifier: MIT
// A driver whose DriverEntry never returns: it waits for an event that nobody sets.

#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    KEVENT Never;
    UNREFERENCED_PARAMETER(Driver);
    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    return KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
}
