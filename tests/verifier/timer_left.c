// SPDX-License-Identifier: MIT
// A timer, in the device's extension, that is still set when the device is deleted.
#define VERIFIER_OWN_UNLOAD
#include "skeleton.h"

static KDEFERRED_ROUTINE TimerDpc;

static VOID NTAPI
TimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    LARGE_INTEGER Due = {.QuadPart = -36000000000ll};  // an hour: it does not expire meanwhile
    KeInitializeTimer(&Extension->Timer);
    KeInitializeDpc(&Extension->Dpc, TimerDpc, Extension);
    KeSetTimer(&Extension->Timer, Due, &Extension->Dpc);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    EXTENSION *Extension = Driver->DeviceObject->DeviceExtension;
    if (!VIOLATE)
    {
        KeCancelTimer(&Extension->Timer);
        KeFlushQueuedDpcs();
    }
}

CULPRIT VOID
DeleteAll(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = RTL_CONSTANT_STRING(VERIFIER_LINK);
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

static VOID NTAPI
Unload(PDRIVER_OBJECT Driver)
{
    Undo(Driver);
    DeleteAll(Driver);
}
