// SPDX-License-Identifier: MIT
// A timer, in the driver's own data, that is still set when the driver is unloaded.
#include "skeleton.h"

static KTIMER StaticTimer;
static KDPC StaticDpc;

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
    LARGE_INTEGER Due = {.QuadPart = -36000000000ll};  // an hour: it does not expire meanwhile
    UNREFERENCED_PARAMETER(Device);
    KeInitializeTimer(&StaticTimer);
    KeInitializeDpc(&StaticDpc, TimerDpc, NULL);
    KeSetTimer(&StaticTimer, Due, &StaticDpc);
    return Complete(Irp, STATUS_SUCCESS);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    if (!VIOLATE)
    {
        KeCancelTimer(&StaticTimer);
        KeFlushQueuedDpcs();
    }
}
