// SPDX-License-Identifier: MIT
// Cancelling an IRP: the cancel spin lock, IoCancelIrp, and the rules of cancel routines.
//
// Who owns a cancellation is decided by one exchange of Irp->CancelRoutine (IoSetCancelRoutine and
// IoCancelIrp both do it, sequentially consistent): the one that gets the routine. The lock only keeps
// the IRP from being completed between that and the routine's start.
#include "io/iop.h"

static KSPIN_LOCK CancelLock;

VOID
IoAcquireCancelSpinLock(PKIRQL Irql)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    KeAcquireSpinLock(&CancelLock, Irql);
}

VOID
IoReleaseCancelSpinLock(KIRQL Irql)
{
    KeReleaseSpinLock(&CancelLock, Irql);
}

// Drivers read Irp->Cancel plainly beside IoSetCancelRoutine, by the WDK's own pattern: either their
// exchange comes after ours and they see TRUE, or ours gets the routine that they set. What they read in
// the second case does not matter, but a race detector cannot know that; so this store is not shown to it.
__attribute__((noinline, no_sanitize("thread"))) static void
SetCancelFlag(PIRP Irp)
{
    *(volatile BOOLEAN *)&Irp->Cancel = TRUE;
}

static BOOLEAN
Cancel(PIRP Irp)
{
    PDRIVER_CANCEL Routine;
    KIRQL Irql;
    ULONG Locks;
    PDEVICE_OBJECT Device = NULL;

    IoAcquireCancelSpinLock(&Irql);
    SetCancelFlag(Irp);
    Routine = IoSetCancelRoutine(Irp, NULL);
    if (Routine == NULL)
    {
        IoReleaseCancelSpinLock(Irql);
        return FALSE;
    }
    if (Irp->CurrentLocation > Irp->StackCount + 1)
    {
        VfBugCheck(VfBug_CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Routine, 0, 0,
                   "an IRP that is cancelled was completed before, with its cancel routine set.");
    }
    if (Irp->CurrentLocation <= Irp->StackCount)
    {
        Device = IoGetCurrentIrpStackLocation(Irp)->DeviceObject;
    }
    Irp->CancelIrql = Irql;
    Locks = KiCurrentThread->SpinLocksHeld - 1;

    Routine(Device, Irp);

    if (KiCurrentThread->SpinLocksHeld != Locks || KeGetCurrentIrql() != Irql)
    {
        VfBugCheck(
            VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Routine, Irql,
            KeGetCurrentIrql(),
            "a cancel routine returned at IRQL %u with %u spin lock(s) held; it must release "
            "the cancel spin lock, once, to Irp->CancelIrql (%u).",
            KeGetCurrentIrql(), (unsigned)KiCurrentThread->SpinLocksHeld, Irql);
    }
    return TRUE;
}

void
IopCancelHeld(IOP_IRP *Iop)
{
    (void)Cancel(IopToIrp(Iop));
}

BOOLEAN
IoCancelIrp(PIRP Irp)
{
    IOP_IRP *Iop = IopOfIrp(Irp);

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (Irp->Type != IO_TYPE_IRP ||
        (Iop != NULL && __atomic_load_n(&Iop->State, __ATOMIC_ACQUIRE) == IopIrpFreed))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, 0, 0,
                   "IoCancelIrp was given an IRP that was already freed.");
    }
    return Cancel(Irp);
}
