// SPDX-License-Identifier: MIT
// Cancel-safe queues: the driver's queue and lock, our cancel routine.
//
// Tail.Overlay.DriverContext[3] is ours while an IRP is queued: the queue, or the caller's context, whose
// first member says which. An IRP whose cancel routine is gone belongs to the canceller, who will take
// the queue's lock and remove it: everybody else skips it.
#include "io/iop.h"

static NTSTATUS
Initialize(PIO_CSQ Csq, ULONG Type, PIO_CSQ_INSERT_IRP Insert, PIO_CSQ_REMOVE_IRP Remove,
           PIO_CSQ_PEEK_NEXT_IRP Peek, PIO_CSQ_ACQUIRE_LOCK Acquire, PIO_CSQ_RELEASE_LOCK Release,
           PIO_CSQ_COMPLETE_CANCELED_IRP Complete)
{
    Csq->Type = Type;
    Csq->CsqInsertIrp = Insert;
    Csq->CsqRemoveIrp = Remove;
    Csq->CsqPeekNextIrp = Peek;
    Csq->CsqAcquireLock = Acquire;
    Csq->CsqReleaseLock = Release;
    Csq->CsqCompleteCanceledIrp = Complete;
    Csq->ReservePointer = NULL;
    return STATUS_SUCCESS;
}

NTSTATUS
IoCsqInitialize(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    return Initialize(Csq, IO_TYPE_CSQ, CsqInsertIrp, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock,
                      CsqReleaseLock, CsqCompleteCanceledIrp);
}

NTSTATUS
IoCsqInitializeEx(PIO_CSQ Csq, PIO_CSQ_INSERT_IRP_EX CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp,
                  PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock,
                  PIO_CSQ_RELEASE_LOCK CsqReleaseLock,
                  PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)
{
    return Initialize(Csq, IO_TYPE_CSQ_EX, (PIO_CSQ_INSERT_IRP)(PVOID)CsqInsertIrp, CsqRemoveIrp,
                      CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock, CsqCompleteCanceledIrp);
}

// Queue lock held: takes Irp out of the queue and out of its context.
static void
RemoveLocked(PIO_CSQ Csq, PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT Context = Irp->Tail.Overlay.DriverContext[3];

    Csq->CsqRemoveIrp(Csq, Irp);
    if (Context->Type == IO_TYPE_CSQ_IRP_CONTEXT)
    {
        Context->Irp = NULL;
    }
    Irp->Tail.Overlay.DriverContext[3] = NULL;
}

static VOID
CancelQueued(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_CSQ_IRP_CONTEXT Context;
    PIO_CSQ Csq;
    KIRQL Irql;

    (void)DeviceObject;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    // Set before the cancel routine was, and cleared only by its owner: we are that now.
    Context = Irp->Tail.Overlay.DriverContext[3];
    Csq = Context->Type == IO_TYPE_CSQ_IRP_CONTEXT ? Context->Csq : (PIO_CSQ)(PVOID)Context;
    Csq->CsqAcquireLock(Csq, &Irql);
    RemoveLocked(Csq, Irp);
    Csq->CsqReleaseLock(Csq, Irql);
    Csq->CsqCompleteCanceledIrp(Csq, Irp);
}

NTSTATUS
IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;

    if (Context != NULL)
    {
        Context->Type = IO_TYPE_CSQ_IRP_CONTEXT;
        Context->Irp = Irp;
        Context->Csq = Csq;
        Irp->Tail.Overlay.DriverContext[3] = Context;
    }
    else
    {
        Irp->Tail.Overlay.DriverContext[3] = Csq;
    }

    Csq->CsqAcquireLock(Csq, &Irql);
    if (Csq->Type == IO_TYPE_CSQ_EX)
    {
        Status = ((PIO_CSQ_INSERT_IRP_EX)(PVOID)Csq->CsqInsertIrp)(Csq, Irp, InsertContext);
        if (!NT_SUCCESS(Status))
        {
            Csq->CsqReleaseLock(Csq, Irql);
            Irp->Tail.Overlay.DriverContext[3] = NULL;
            if (Context != NULL)
            {
                Context->Irp = NULL;
            }
            return Status;
        }
    }
    else
    {
        Csq->CsqInsertIrp(Csq, Irp);
    }
    // Under the lock: nobody can remove and complete it before it is marked.
    IoMarkIrpPending(Irp);
    (void)IoSetCancelRoutine(Irp, CancelQueued);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
    {
        // Cancelled before the routine was there; nobody else will complete it.
        RemoveLocked(Csq, Irp);
        Csq->CsqReleaseLock(Csq, Irql);
        Csq->CsqCompleteCanceledIrp(Csq, Irp);
        return Status;
    }
    Csq->CsqReleaseLock(Csq, Irql);
    return Status;
}

VOID
IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)
{
    (void)IoCsqInsertIrpEx(Csq, Irp, Context, NULL);
}

PIRP
IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)
{
    PIRP Irp;
    KIRQL Irql;

    Csq->CsqAcquireLock(Csq, &Irql);
    Irp = Csq->CsqPeekNextIrp(Csq, NULL, PeekContext);
    while (Irp != NULL && IoSetCancelRoutine(Irp, NULL) == NULL)
    {
        Irp = Csq->CsqPeekNextIrp(Csq, Irp, PeekContext);
    }
    if (Irp != NULL)
    {
        RemoveLocked(Csq, Irp);
    }
    Csq->CsqReleaseLock(Csq, Irql);
    return Irp;
}

PIRP
IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)
{
    PIRP Irp;
    KIRQL Irql;

    Csq->CsqAcquireLock(Csq, &Irql);
    Irp = Context->Irp;
    if (Irp != NULL && IoSetCancelRoutine(Irp, NULL) == NULL)
    {
        Irp = NULL;
    }
    if (Irp != NULL)
    {
        RemoveLocked(Csq, Irp);
    }
    Csq->CsqReleaseLock(Csq, Irql);
    return Irp;
}
