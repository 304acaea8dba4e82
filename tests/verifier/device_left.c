// SPDX-License-Identifier: MIT
// A device that is not deleted at unload.
#include "skeleton.h"

static PDEVICE_OBJECT Second;

CULPRIT NTSTATUS
CreateSecond(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\VerifierSecond");
    return IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Second);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    return Complete(Irp, CreateSecond(Device->DriverObject));
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    if (!VIOLATE && Second != NULL)
    {
        // The list of devices is newest first; the skeleton deletes the one that is left.
        IoDeleteDevice(Second);
    }
    else if (Second != NULL)
    {
        // So that the skeleton deletes the first, as it means to.
        Driver->DeviceObject = Second->NextDevice;
    }
}
