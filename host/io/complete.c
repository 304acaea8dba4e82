// SPDX-License-Identifier: MIT
// The end of an IRP: output, status block, events, port; and who does it, issuer or completer.
//
// What NT does in a special APC of the issuing thread is done here by one of these, exactly once:
//  - completed without having been marked pending: the issuing thread, after its dispatch routine
//    returned (the call is open, nothing needs to be handed over);
//  - pending, asynchronous call: the completer, in whatever context it is, through the process's memory;
//  - pending, synchronous call: the issuer's wait on Done ends, and KI_WAIT_FINISH does it, on the
//    issuing thread or (parked) on the completer's;
//  - pending, synchronous, and the issuer is being terminated: whoever comes second. Issuer and
//    completer each exchange IOP_IRP.Phase once; the one that finds the other's value there finishes.
// A completer keeps a reference over KeSetEvent(Done), so the woken issuer may free the IRP at once.
//
// Against death: a process is run down only when the lists of its threads are empty (irplist.c), and an
// IRP leaves its list after the last touch of the issuer's memory, thread and process. An IRP that was
// cut loose because its driver would not complete it touches neither again (IopBeginFinish).
//
// Order, as NT: output, status block, event, port. The status block's Status is stored last: a program
// that polls it sees Information and output.
#include "io/iop.h"

#include <string.h>

typedef enum REACH
{
    ReachCall,     // the issuer's system call is open: its windows, then its process
    ReachProcess,  // any context
    ReachNobody,   // the issuer is gone
} REACH;

static NTSTATUS
WriteIssuer(IOP_IRP *Iop, REACH Reach, PVOID To, const VOID *From, SIZE_T Size)
{
    if (Reach == ReachNobody || Size == 0)
    {
        return STATUS_SUCCESS;
    }
    if (Iop->Mode == KernelMode)
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    return Reach == ReachCall ? MmWriteCallerOfThread(Iop->IssuingThread, To, From, Size)
                              : MmWriteProcess(Iop->IssuingThread->Process, To, From, Size);
}

static void
WriteStatusBlock(IOP_IRP *Iop, REACH Reach, NTSTATUS Status, ULONG_PTR Information)
{
    PIO_STATUS_BLOCK To = IopToIrp(Iop)->UserIosb;

    if (To == NULL || Reach == ReachNobody)
    {
        return;
    }
    if (Iop->Mode == KernelMode)
    {
        To->Information = Information;
        // Release: a driver may poll the status; what it then reads was written before.
        __atomic_store_n(&To->Status, Status, __ATOMIC_RELEASE);
        return;
    }
    // A failure has nobody to be told to, as on NT.
    if (Reach == ReachProcess)
    {
        (void)MmWriteStatusBlock(Iop->IssuingThread->Process, To, Status, Information);
        return;
    }
    // The issuer is still in its call and looks at nothing: one write, which a window can carry.
    IO_STATUS_BLOCK Block = {.Pointer = NULL};

    Block.Status = Status;
    Block.Information = Information;
    (void)WriteIssuer(Iop, Reach, To, &Block, sizeof(Block));
}

// Buffered output of a success or a warning. What could not be written becomes the status.
static NTSTATUS
WriteOutput(IOP_IRP *Iop, REACH Reach, NTSTATUS Status, ULONG_PTR Information)
{
    PIRP Irp = IopToIrp(Iop);
    NTSTATUS Copied;

    if ((Irp->Flags & (IRP_BUFFERED_IO | IRP_INPUT_OPERATION)) !=
            (IRP_BUFFERED_IO | IRP_INPUT_OPERATION) ||
        NT_ERROR(Status) || Status == STATUS_VERIFY_REQUIRED || Information == 0)
    {
        return Status;
    }
    if (Information > Iop->OutputLength)
    {
        if (VfLevel != VfOff)
        {
            VF_STACK Stacks[] = {{"Completed by", Iop->CompletionStack, 8}};

            VfBugCheckStacks(
                VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, Information,
                Iop->OutputLength, Stacks, 1,
                "%s completed a request with status 0x%08x and Information %llu, but the "
                "caller's buffer has %llu bytes; Windows would copy beyond its end.",
                IopDriverName(Iop->OwnerDriver), (unsigned)Status, (unsigned long long)Information,
                (unsigned long long)Iop->OutputLength);
        }
        Information = Iop->OutputLength;
    }
    Copied = WriteIssuer(Iop, Reach, Irp->UserBuffer, Iop->SystemBuffer, Information);
    return NT_SUCCESS(Copied) ? Status : Copied;
}

static void
FreeBuffers(IOP_IRP *Iop)
{
    PIRP Irp = IopToIrp(Iop);

    while (Irp->MdlAddress != NULL)
    {
        PMDL Mdl = Irp->MdlAddress;

        Irp->MdlAddress = Mdl->Next;
        if ((Mdl->MdlFlags & MDL_PAGES_LOCKED) != 0)
        {
            MmUnlockPages(Mdl);  // copies bounce pages back
        }
        IoFreeMdl(Mdl);
    }
    IopFreeSystemBuffer(Iop);
}

static void
QueueToPort(IOP_IRP *Iop, NTSTATUS Status, ULONG_PTR Information)
{
    PFILE_OBJECT File = Iop->File;
    PIO_COMPLETION_CONTEXT Port;

    if (File == NULL || Iop->ApcContext == NULL)
    {
        return;
    }
    // Acquire: pairs with the release store that associates the port; set once, never cleared while
    // the file lives.
    Port = __atomic_load_n(&File->CompletionContext, __ATOMIC_ACQUIRE);
    if (Port == NULL ||
        ((__atomic_load_n(&File->Flags, __ATOMIC_RELAXED) & FO_SKIP_COMPLETION_PORT) != 0 &&
         !Iop->Pended && NT_SUCCESS(Status)))
    {
        return;
    }
    IopReferenceIrp(Iop);  // the packet's
    Iop->Packet.OfIrp = TRUE;
    Iop->Packet.Key = (ULONG_PTR)Port->Key;
    Iop->Packet.ApcContext = (ULONG_PTR)Iop->ApcContext;
    Iop->Packet.Status = Status;
    Iop->Packet.Information = Information;
    IopQueuePacket(Port->Port, &Iop->Packet);
}

// NT's matrix. Errors that are returned inline, without having been pending, and all errors of
// synchronous calls are told by the call's status alone.
static void
Announce(IOP_IRP *Iop, REACH Reach, NTSTATUS Status, ULONG_PTR Information)
{
    PFILE_OBJECT File = Iop->File;
    ULONG Flags = File != NULL ? __atomic_load_n(&File->Flags, __ATOMIC_RELAXED) : 0;
    BOOLEAN SynchronousFile = (Flags & FO_SYNCHRONOUS_IO) != 0;

    if (NT_ERROR(Status) && (!Iop->Pended || SynchronousFile))
    {
        if (Iop->Pended)
        {
            File->FinalStatus = Status;
            KeSetEvent(&File->Event, IO_NO_INCREMENT, FALSE);
        }
        return;
    }
    WriteStatusBlock(Iop, Reach, Status, Information);
    if (Iop->UserEvent != NULL)
    {
        KeSetEvent(Iop->UserEvent, IO_NO_INCREMENT, FALSE);
    }
    if (File != NULL &&
        (SynchronousFile || (Iop->UserEvent == NULL && (Flags & FO_SKIP_SET_EVENT) == 0)))
    {
        // Relaxed: requests of an asynchronous file end side by side; it tells of one of them.
        __atomic_store_n(&File->FinalStatus, Status, __ATOMIC_RELAXED);
        // A synchronous file's stays signaled over requests that do not wait: nothing to wake then.
        if (Iop->Pended || !SynchronousFile || KeReadStateEvent(&File->Event) == 0)
        {
            KeSetEvent(&File->Event, IO_NO_INCREMENT, FALSE);
        }
    }
    QueueToPort(Iop, Status, Information);
}

// All of the second stage but the release of what the IRP holds.
static NTSTATUS
Finish(IOP_IRP *Iop, REACH Reach)
{
    PIRP Irp = IopToIrp(Iop);
    NTSTATUS Status = Irp->IoStatus.Status;
    ULONG_PTR Information = Irp->IoStatus.Information;

    Status = WriteOutput(Iop, Reach, Status, Information);
    FreeBuffers(Iop);
    Announce(Iop, Reach, Status, Information);
    IopUnlinkIrp(Iop);
    return Status;
}

// Drops what the IRP holds, and the IRP with the caller's own reference, if it has one. Deferred: the
// caller may be a completer at DISPATCH_LEVEL.
static void
Release(IOP_IRP *Iop, BOOLEAN Held, BOOLEAN Deferred)
{
    PVOID Objects[] = {Iop->Kind == IopKindService ? Iop->UserEvent : NULL, Iop->File,
                       Iop->ThreadReferenced ? Iop->IssuingThread : NULL};

    if (Held)
    {
        IopFreeIrpHeld(Iop);
    }
    else
    {
        IopFreeIrp(Iop);
    }
    for (ULONG Index = 0; Index < sizeof(Objects) / sizeof(Objects[0]); Index++)
    {
        if (Objects[Index] == NULL)
        {
            continue;
        }
        if (Deferred)
        {
            ObDereferenceObjectDeferDelete(Objects[Index]);
        }
        else
        {
            ObDereferenceObject(Objects[Index]);
        }
    }
}

void
IopAbandonUnsent(IOP_IRP *Iop)
{
    FreeBuffers(Iop);
    Release(Iop, FALSE, FALSE);
}

// ---- The completer's half ----

void
IopCompleteService(IOP_IRP *Iop)
{
    PIRP Irp = IopToIrp(Iop);

    Iop->Pended = Irp->PendingReturned;
    Iop->FinalStatus = Irp->IoStatus.Status;
    Iop->FinalInformation = Irp->IoStatus.Information;
    __atomic_store_n(&Iop->State, IopIrpCompleted, __ATOMIC_RELEASE);

    if (!Iop->Pended && Iop->Kind != IopKindThreaded)
    {
        // Release: pairs with the acquire load of the issuer, whose dispatch routine returns after
        // this. Nothing of the IRP is touched here afterwards.
        __atomic_store_n(&Iop->Phase, IopPhaseCompleted, __ATOMIC_RELEASE);
        return;
    }
    if (Iop->Kind == IopKindInternal || (Iop->Kind == IopKindService && Iop->Synchronous))
    {
        IopReferenceIrp(Iop);
        // Acquire-release: pairs with the issuer's exchange in FinishSynchronous.
        if (__atomic_exchange_n(&Iop->Phase, IopPhaseCompleted, __ATOMIC_ACQ_REL) ==
            IopPhaseAbandoned)
        {
            (void)Finish(Iop, ReachNobody);
            Release(Iop, TRUE, TRUE);
        }
        else
        {
            KeSetEvent(&Iop->Done, IO_NO_INCREMENT, FALSE);
            IopDereferenceIrp(Iop);
        }
        return;
    }
    (void)Finish(Iop, IopBeginFinish(Iop) ? ReachProcess : ReachNobody);
    Release(Iop, FALSE, TRUE);
}

// ---- The issuer's half ----

static void
RequireCompleted(IOP_IRP *Iop, NTSTATUS Status)
{
    // Acquire: pairs with the release store in IopCompleteService.
    if (__atomic_load_n(&Iop->Phase, __ATOMIC_ACQUIRE) != IopPhaseCompleted)
    {
        VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8}};

        VfBugCheckStacks(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)IopToIrp(Iop),
                         (ULONG_PTR)(ULONG)Status, 0, Stacks, 1,
                         "%s returned 0x%08x while the IRP was still being completed elsewhere.",
                         IopDriverName(Iop->OwnerDriver), (unsigned)Status);
    }
}

// KI_WAIT_FINISH of a synchronous call: Done was set, or the thread is being terminated.
static NTSTATUS
FinishSynchronous(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    IOP_IRP *Iop = Context;
    PFILE_OBJECT File = Iop->File;
    REACH Reach = ReachCall;
    NTSTATUS Status;

    (void)Thread;
    if (WaitStatus != STATUS_SUCCESS)
    {
        // The lock goes first: after the exchange the completer may drop the last reference to File.
        // The IRP stays in the thread's list: the rundown cancels it and waits for it.
        IopUnlockFile(File);
        // Acquire-release: pairs with the completer's exchange in IopCompleteService.
        if (__atomic_exchange_n(&Iop->Phase, IopPhaseAbandoned, __ATOMIC_ACQ_REL) ==
            IopPhaseRunning)
        {
            IopDereferenceIrp(Iop);
            return WaitStatus;
        }
        File = NULL;
        Reach = ReachNobody;
    }
    Status = Finish(Iop, Reach);
    if (File != NULL)
    {
        IopUnlockFile(File);
    }
    Release(Iop, TRUE, TRUE);
    return WaitStatus == STATUS_SUCCESS ? Status : WaitStatus;
}

// A thread that is being terminated had its requests cancelled; one that it issues afterwards ends too.
// Either the canceller finds it in the list, or its thread, having put it there, sees Terminating, which
// was set before the canceller took the list's lock.
static void
CancelIfTerminating(IOP_IRP *Iop)
{
    BOOLEAN Terminating;

    if (Iop->Mode == KernelMode)
    {
        return;
    }
    KiLockDispatcher();
    Terminating = KiCurrentThread->Terminating;
    OsLockRelease(&KiDispatcherLock);
    if (Terminating)
    {
        IopCancelHeld(Iop);
    }
}

NTSTATUS
IopIssue(PDEVICE_OBJECT Device, IOP_IRP *Iop)
{
    BOOLEAN Synchronous = Iop->Synchronous;
    PVOID Objects[1] = {&Iop->Done};
    NTSTATUS Status, Final;

    Iop->References = 2;  // "not freed" and this call's; nobody else knows the IRP yet
    if (Synchronous)
    {
        KeInitializeEvent(&Iop->Done, NotificationEvent, FALSE);
    }
    IopLinkIrp(Iop);
    Status = IopCallDriverHeld(Device, Iop);

    if (Status != STATUS_PENDING)
    {
        RequireCompleted(Iop, Status);
        Final = IopToIrp(Iop)->IoStatus.Status;
        // As NT the call returns what the dispatch routine returned, unless the output had nowhere to go.
        if (Finish(Iop, ReachCall) != Final)
        {
            Status = STATUS_ACCESS_VIOLATION;
        }
        if (Synchronous)
        {
            IopUnlockFile(Iop->File);
        }
        Release(Iop, TRUE, FALSE);
        return Status;
    }
    IopRecordIssuer(Iop);
    CancelIfTerminating(Iop);
    if (!Synchronous)
    {
        IopDereferenceIrp(Iop);
        return STATUS_PENDING;
    }
    // Only the end of this call sets it again: nothing is lost by clearing it after the driver was called.
    KeClearEvent(&Iop->File->Event);
    return KiWaitOrPark(1, Objects, WaitAny, FALSE, NULL, NULL, FinishSynchronous, Iop);
}

NTSTATUS
IopCallInternal(PDEVICE_OBJECT Device, IOP_IRP *Iop, BOOLEAN Cancellable)
{
    NTSTATUS Status;

    KeInitializeEvent(&Iop->Done, NotificationEvent, FALSE);
    Status = IopCallDriverHeld(Device, Iop);
    if (Status != STATUS_PENDING)
    {
        RequireCompleted(Iop, Status);
        return Status;
    }
    IopRecordIssuer(Iop);
    // In place even for an application: what follows (a handle, the next close) cannot be a Finish.
    Status = KeWaitForSingleObject(&Iop->Done, Executive,
                                   Cancellable ? KiCurrentThread->PreviousMode : KernelMode, FALSE,
                                   NULL);
    if (Status != STATUS_SUCCESS)
    {
        IopCancelHeld(Iop);
        KeWaitForSingleObject(&Iop->Done, Executive, KernelMode, FALSE, NULL);
    }
    return Iop->FinalStatus;
}
