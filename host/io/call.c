// SPDX-License-Identifier: MIT
// IofCallDriver and IofCompleteRequest: down and up the stack locations, and the rules of both.
#include "io/iop.h"

#include <string.h>

// ---- Down ----

static void
CheckReturn(PDRIVER_OBJECT Driver, KIRQL Irql, ULONG Locks, UCHAR Major)
{
    KIRQL Now = KeGetCurrentIrql();
    ULONG Held = KiCurrentThread->SpinLocksHeld;
    // It has returned, so it is on no stack. Looked up one byte before, as return addresses are.
    PVOID Routine = (PUCHAR)(PVOID)Driver->MajorFunction[Major] + 1;
    VF_STACK Stack = {"Dispatch routine", &Routine, 1};

    if (Now != Irql)
    {
        VfBugCheckStacks(
            VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 5, (ULONG_PTR)Driver, Irql, Now, &Stack, 1,
            "the dispatch routine of %s for major function 0x%02x was called at IRQL %u "
            "and returned at IRQL %u.",
            IopDriverName(Driver), Major, Irql, Now);
    }
    if (Held != Locks)
    {
        VfBugCheckStacks(
            VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 5, (ULONG_PTR)Driver, Locks, Held, &Stack, 1,
            "the dispatch routine of %s for major function 0x%02x was called with %u spin "
            "locks held and returned with %u.",
            IopDriverName(Driver), Major, (unsigned)Locks, (unsigned)Held);
    }
}

static NTSTATUS
CallDriver(PDEVICE_OBJECT Device, PIRP Irp, IOP_IRP *Iop)
{
    PDRIVER_OBJECT Driver = Device->DriverObject;
    PIO_STACK_LOCATION Stack;
    KIRQL Irql;
    ULONG Locks, Generation = 0;
    UCHAR Level, Major;
    NTSTATUS Status;

    if (Irp->CurrentLocation <= 1)
    {
        VfBugCheck(
            VfBug_NO_MORE_IRP_STACK_LOCATIONS, (ULONG_PTR)Irp, (ULONG_PTR)Device, 0, 0,
            "an IRP was sent to a device of %s but has no stack location left; its maker asked "
            "for fewer than the device stack's StackSize.",
            IopDriverName(Driver));
    }
    IoSetNextIrpStackLocation(Irp);
    Stack = IoGetCurrentIrpStackLocation(Irp);
    Stack->DeviceObject = Device;
    Level = (UCHAR)Irp->CurrentLocation;
    Major = Stack->MajorFunction;
    if (Major > IRP_MJ_MAXIMUM_FUNCTION)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, Major, 0,
                   "an IRP with the major function 0x%02x, which does not exist, was sent to %s.",
                   Major, IopDriverName(Driver));
    }
    if (Iop != NULL)
    {
        Generation = IopTrackCall(Iop);
        __atomic_store_n(&Iop->OwnerDriver, Driver, __ATOMIC_RELAXED);
        __atomic_store_n(&Iop->Major, Major, __ATOMIC_RELAXED);
        __atomic_store_n(&Iop->State, IopIrpActive, __ATOMIC_RELAXED);
    }
    Irql = KeGetCurrentIrql();
    Locks = KiCurrentThread->SpinLocksHeld;

    Status = Driver->MajorFunction[Major](Device, Irp);

    // Irp may be gone. Iop is not: the caller holds a reference.
    CheckReturn(Driver, Irql, Locks, Major);
    if (Iop != NULL)
    {
        IopTrackReturn(Iop, Generation, Level, Status, Driver);
    }
    return Status;
}

NTSTATUS
IopCallDriverHeld(PDEVICE_OBJECT Device, IOP_IRP *Iop)
{
    return CallDriver(Device, IopToIrp(Iop), Iop);
}

NTSTATUS
IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IOP_IRP *Iop = IopOfIrp(Irp);
    uint32_t State;
    NTSTATUS Status;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (DeviceObject->Type != IO_TYPE_DEVICE)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 4, (ULONG_PTR)DeviceObject,
                   (ULONG_PTR)Irp, 0,
                   "IoCallDriver was given something that is not a device object.");
    }
    if (Iop == NULL)
    {
        return CallDriver(DeviceObject, Irp, NULL);
    }
    State = __atomic_load_n(&Iop->State, __ATOMIC_ACQUIRE);
    if (State != IopIrpAllocated && State != IopIrpActive)
    {
        VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8},
                             {"Completed by", Iop->CompletionStack, 8}};

        VfBugCheckStacks(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 3, (ULONG_PTR)Irp, State, 0,
                         Stacks, 2,
                         "IoCallDriver was given an IRP that was already completed or freed.");
    }
    if (Iop->Kind == IopKindThreaded && Iop->ListLock == NULL)
    {
        IopLinkIrp(Iop);
    }
    IopReferenceIrp(Iop);
    Status = CallDriver(DeviceObject, Irp, Iop);
    IopDereferenceIrp(Iop);
    return Status;
}

NTSTATUS
IopInvalidDeviceRequest(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    (void)DeviceObject;
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

// ---- Up ----

static _Noreturn void
CompletedTwice(PIRP Irp, IOP_IRP *Iop, uint32_t State)
{
    VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8},
                         {"Completed first by", Iop->CompletionStack, 8}};

    VfBugCheckStacks(
        VfBug_MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, State, 0, 0, Stacks, 2,
        "IoCompleteRequest was called for an IRP that was already completed or freed; %s "
        "had it last.",
        IopDriverName(Iop->OwnerDriver));
}

static void
CheckCompletion(PIRP Irp, IOP_IRP *Iop)
{
    NTSTATUS Status;

    if (Iop != NULL)
    {
        // Acquire: what the previous completer recorded is there when it is reported.
        uint32_t Old = __atomic_exchange_n(&Iop->State, IopIrpCompleting, __ATOMIC_ACQ_REL);

        if (Old != IopIrpActive)
        {
            if (Old == IopIrpAllocated)
            {
                VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8}};

                VfBugCheckStacks(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, Old,
                                 0, Stacks, 1,
                                 "IoCompleteRequest was called for an IRP that was never sent to a "
                                 "driver.");
            }
            CompletedTwice(Irp, Iop, Old);
        }
        if (VfLevel != VfOff)
        {
            unsigned Count = OsStackCapture(Iop->CompletionStack, 8, 1);

            memset(Iop->CompletionStack + Count, 0, (8 - Count) * sizeof(PVOID));
        }
    }
    if (Irp->Type != IO_TYPE_IRP || Irp->CurrentLocation > Irp->StackCount)
    {
        VfBugCheck(VfBug_MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, (ULONG_PTR)Irp->Type, 0, 0,
                   "IoCompleteRequest was called for an IRP that no driver has: it was completed "
                   "before, or its memory was overwritten.");
    }
    Status = Irp->IoStatus.Status;
    if (Status == STATUS_PENDING || Status == (NTSTATUS)0xFFFFFFFF)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 6, (ULONG_PTR)(ULONG)Status,
                   (ULONG_PTR)Irp, 0, "an IRP was completed with the status 0x%08x.",
                   (unsigned)Status);
    }
    // Atomic: a canceller may exchange it with NULL at this moment.
    if (__atomic_load_n(&Irp->CancelRoutine, __ATOMIC_RELAXED) != NULL)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 7, (ULONG_PTR)Irp->CancelRoutine,
                   (ULONG_PTR)Irp, 0,
                   "an IRP was completed while its cancel routine was still set; clear it with "
                   "IoSetCancelRoutine(Irp, NULL) first.");
    }
    if (KiCurrentThread->SpinLocksHeld != 0 && VfLevel != VfOff)
    {
        VfBugCheck(
            VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, (ULONG_PTR)Irp,
            KiCurrentThread->SpinLocksHeld, 0,
            "IoCompleteRequest was called with %u spin lock(s) held; a completion routine or "
            "the next request may need the same lock.",
            (unsigned)KiCurrentThread->SpinLocksHeld);
    }
}

// Calls the completion routine of the location that was just left, if it wants this outcome. TRUE: the
// routine took the IRP back.
static BOOLEAN
CallCompletionRoutine(PIRP Irp, IOP_IRP *Iop, const IO_STACK_LOCATION *Left)
{
    PDEVICE_OBJECT Device = NULL;
    KIRQL Irql = KeGetCurrentIrql();
    uint32_t Active = IopIrpActive;

    if (Irp->CurrentLocation <= Irp->StackCount)
    {
        Device = IoGetCurrentIrpStackLocation(Irp)->DeviceObject;
    }
    if (Iop != NULL)
    {
        // The routine may free it, send it again or complete it later, and says so by stopping us.
        __atomic_store_n(&Iop->State, IopIrpActive, __ATOMIC_RELEASE);
    }
    if (Left->CompletionRoutine(Device, Irp, Left->Context) == STATUS_MORE_PROCESSING_REQUIRED)
    {
        return TRUE;
    }
    if (KeGetCurrentIrql() != Irql)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 5, (ULONG_PTR)Left->CompletionRoutine,
                   Irql, KeGetCurrentIrql(),
                   "a completion routine was called at IRQL %u and returned at IRQL %u.", Irql,
                   KeGetCurrentIrql());
    }
    if (Iop != NULL && !__atomic_compare_exchange_n(&Iop->State, &Active, IopIrpCompleting, false,
                                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
        CompletedTwice(Irp, Iop, Active);
    }
    return FALSE;
}

VOID
IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    IOP_IRP *Iop = IopOfIrp(Irp);

    VF_MAX_IRQL(DISPATCH_LEVEL);
    (void)PriorityBoost;  // host threads have the priorities that Linux gives them
    CheckCompletion(Irp, Iop);

    while (Irp->CurrentLocation <= Irp->StackCount)
    {
        PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
        IO_STACK_LOCATION Left;
        UCHAR Wanted;

        Left.Control = Stack->Control;
        Left.CompletionRoutine = Stack->CompletionRoutine;
        Left.Context = Stack->Context;
        Irp->PendingReturned = (Left.Control & SL_PENDING_RETURNED) != 0;
        if (Iop != NULL)
        {
            IopTrackWalk(Iop, (UCHAR)Irp->CurrentLocation, Irp->PendingReturned);
        }
        // As NT: a location that was left says nothing any more.
        Stack->MinorFunction = 0;
        Stack->Flags = 0;
        Stack->Control = 0;
        memset(&Stack->Parameters, 0, sizeof(Stack->Parameters));
        Stack->FileObject = NULL;
        Irp->CurrentLocation++;
        Irp->Tail.Overlay.CurrentStackLocation++;

        Wanted = NT_SUCCESS(Irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR;
        if (Irp->Cancel)
        {
            Wanted |= SL_INVOKE_ON_CANCEL;
        }
        if ((Left.Control & Wanted) != 0)
        {
            if (CallCompletionRoutine(Irp, Iop, &Left))
            {
                return;
            }
        }
        else if (Irp->PendingReturned && Irp->CurrentLocation <= Irp->StackCount)
        {
            IoMarkIrpPending(Irp);
        }
    }

    if (Iop == NULL || Iop->Kind == IopKindDriver)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, 0, 0,
                   "an IRP that a driver made itself came to the end of its stack: its maker's "
                   "completion routine must return STATUS_MORE_PROCESSING_REQUIRED and free it.");
    }
    IopCompleteService(Iop);
}
