// SPDX-License-Identifier: MIT
// A wait in a DPC routine.
#include "skeleton.h"

static KDEFERRED_ROUTINE WaitInDpc;

static __attribute__((noinline)) VOID NTAPI
WaitInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PKEVENT Event = Context;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (VIOLATE)
    {
        (void)KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL);
    }
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    KDPC Dpc;
    KEVENT Event;
    UNREFERENCED_PARAMETER(Device);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeInitializeDpc(&Dpc, WaitInDpc, &Event);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    (void)KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
    // It may still be on its way out, on another processor, with the DPC in its hands.
    KeFlushQueuedDpcs();
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
