// SPDX-License-Identifier: MIT
// What a driver leaves behind when it is unloaded, each thing through VfLeak.
#include "io/iop.h"

#include "ex/exp.h"

#include <stdio.h>

static const char *const MajorNames[IRP_MJ_MAXIMUM_FUNCTION + 1] = {
    [IRP_MJ_CREATE] = "IRP_MJ_CREATE",
    [IRP_MJ_CLOSE] = "IRP_MJ_CLOSE",
    [IRP_MJ_READ] = "IRP_MJ_READ",
    [IRP_MJ_WRITE] = "IRP_MJ_WRITE",
    [IRP_MJ_DEVICE_CONTROL] = "IRP_MJ_DEVICE_CONTROL",
    [IRP_MJ_INTERNAL_DEVICE_CONTROL] = "IRP_MJ_INTERNAL_DEVICE_CONTROL",
    [IRP_MJ_CLEANUP] = "IRP_MJ_CLEANUP",
};

static void
ReportIrp(void *Context, const IOP_IRP_VIEW *View)
{
    PDRIVER_OBJECT Driver = Context;
    PVOID Frames[9];
    PVOID *Stack = &Frames[1];
    char Major[48];

    memcpy(Stack, View->AllocationStack, 8 * sizeof(PVOID));
    if (View->Major <= IRP_MJ_MAXIMUM_FUNCTION && MajorNames[View->Major] != NULL)
    {
        snprintf(Major, sizeof(Major), "%s", MajorNames[View->Major]);
    }
    else
    {
        snprintf(Major, sizeof(Major), "major function 0x%02x", View->Major);
    }
    if (View->OwnerDriver == Driver &&
        (View->State == IopIrpActive || View->State == IopIrpCompleting))
    {
        // Who took it: the dispatch routine, looked up one byte before, as return addresses are.
        Frames[0] = View->Major <= IRP_MJ_MAXIMUM_FUNCTION
                        ? (PUCHAR)(PVOID)Driver->MajorFunction[View->Major] + 1
                        : NULL;
        VfLeak(Frames, 9, "an IRP (%s) that %s never completed", Major, IopDriverName(Driver));
    }
    else if (View->Kind == IopKindDriver && MiDriverOfStack(Stack, 8) == Driver)
    {
        VfLeak(Stack, 8, "an IRP of IoAllocateIrp that was never freed");
    }
}

static void
ReportDevices(PDRIVER_OBJECT Driver)
{
    IOP_DRIVER *Private = IopOfDriver(Driver);
    PDEVICE_OBJECT Devices[32];
    ULONG Count = 0;

    OsLockAcquire(&IopDeviceLock);
    for (PLIST_ENTRY Entry = Private->Devices.Flink; Entry != &Private->Devices && Count < 32;
         Entry = Entry->Flink)
    {
        IOP_DEVICE *Device = CONTAINING_RECORD(Entry, IOP_DEVICE, Link);

        // One whose last reference is being dropped at this moment is no leak.
        if (ObReferenceObjectSafe(Device->Public.DeviceObject))
        {
            Devices[Count++] = Device->Public.DeviceObject;
        }
    }
    OsLockRelease(&IopDeviceLock);
    for (ULONG Index = 0; Index < Count; Index++)
    {
        IOP_DEVICE *Device = IopOfDevice(Devices[Index]);
        char Name[128];

        IopDeviceName(Devices[Index], Name, sizeof(Name));
        if (Device->DeletePending)
        {
            VfLeak(Device->Stack, 8, "a device that was deleted but is still referenced (%d open)",
                   (int)Devices[Index]->ReferenceCount);
        }
        else
        {
            VfLeak(Device->Stack, 8, "the device %s (IoCreateDevice without IoDeleteDevice)", Name);
        }
        ObDereferenceObject(Devices[Index]);
    }
}

static void
ReportThreads(const char *Name, const UCHAR *Low, const UCHAR *High)
{
    PEPROCESS System = PsInitialSystemProcess;

    OsLockAcquire(&System->Lock);
    for (PLIST_ENTRY Entry = System->ThreadList.Flink; Entry != &System->ThreadList;
         Entry = Entry->Flink)
    {
        PETHREAD Thread = CONTAINING_RECORD(Entry, ETHREAD, ProcessLink);
        const UCHAR *Routine = (const UCHAR *)(PVOID)Thread->StartRoutine;

        if (Routine >= Low && Routine < High)
        {
            VfLeak(Thread->StartStack, 8, "a system thread of %s that still runs", Name);
        }
    }
    OsLockRelease(&System->Lock);
}

// What lies in the driver's own image or was made by its code.
static void
ReportByAddress(PDRIVER_OBJECT Driver)
{
    const char *Name = IopDriverName(Driver);
    const void *Low, *High;
    PVOID Queued;

    OsModuleBounds(IopOfDriver(Driver)->Module, &Low, &High);
    // Frames are looked up one byte before each, as return addresses are: the names of the variables.
    Queued = KiFindTimerIn(Low, High);
    if (Queued != NULL)
    {
        VfLeak(&(PVOID){(PUCHAR)Queued + 1}, 1, "a timer of %s that is still set", Name);
    }
    Queued = KiFindDpcIn(Low, High);
    if (Queued != NULL)
    {
        VfLeak(&(PVOID){(PUCHAR)Queued + 1}, 1, "a DPC of %s that is still queued", Name);
    }
    Queued = ExpFindWorkItemIn(Low, High);
    if (Queued != NULL)
    {
        VfLeak(&(PVOID){(PUCHAR)Queued + 1}, 1, "a work item of %s that is still queued", Name);
    }
    ReportThreads(Name, Low, High);
    ObpReportHandlesMadeBy(Low, High, Name);
    ObpReportObjectsMadeBy(Low, High, Name);
}

void
IopReportDriverLeaks(PDRIVER_OBJECT Driver)
{
    if (VfLevel == VfOff)
    {
        return;
    }
    IopEnumerateIrps(ReportIrp, Driver);
    ReportDevices(Driver);
    IopReportLinks(Driver);
    IopReportWorkItems(Driver);
    if (IopOfDriver(Driver)->Module != NULL)
    {
        ReportByAddress(Driver);
    }
    MiReportLeaks(Driver);
}
