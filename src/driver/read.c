// SPDX-License-Identifier: MIT
// The READ data path: batches of whole records into read IRPs, and the queue of pended reads.

#include "channel.h"

// A pended read stands in Subscription.PendedReads with a cancel routine, and holds Work. Three may
// want it: a drain, the end of the subscription, a cancel. Who clears the cancel routine
// (IoSetCancelRoutine returns it) completes it. A drain that comes too late takes it off the list
// all the same and marks that, so that the cancel routine, which then waits for ReadLock, finds
// nothing to unlink.
//
// Tail.Overlay.DriverContext of a pended read: [0] the subscription, [1] not NULL while on the
// list.
//
// Ordinals are given under ReadLock; reads are completed after it is released, so two threads may
// complete two batches in the wrong order. That is what ordinals are for.

#define CONTEXT_SUBSCRIPTION 0
#define CONTEXT_LISTED       1

// Batches that a drain at DISPATCH_LEVEL copies before it lets others run: 1 MiB at most.
#define MAX_BATCHES_PER_DRAIN 16u

NTSTATUS
UpcallCompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

// Where the read's bytes go: NULL if the device does neither buffered nor direct I/O, or a direct
// buffer cannot be mapped.
static PVOID
ReadBuffer(PIRP Irp)
{
    if (Irp->MdlAddress != NULL)
    {
        return MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    }
    return Irp->AssociatedIrp.SystemBuffer;
}

static ULONG
ReadLength(PIRP Irp)
{
    return IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
}

// ---- Batches ------------------------------------------------------------------------------------

// Takes the open gap, if everything before it has been read. ReadLock held.
static BOOLEAN
TakeGap(UPCALL_SUBSCRIPTION *Subscription, UPCALL_LOST *Lost)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    KeAcquireSpinLockAtDpcLevel(&channel->Lock);
    BOOLEAN taken =
        UpcallRingTakeGap(&Subscription->Producer, Subscription->Consumer.Head, Lost) != 0;
    KeReleaseSpinLockFromDpcLevel(&channel->Lock);
    if (taken)
    {
        UpcallRingToldLoss(&Subscription->Consumer, Lost->TotalCount);
    }
    return taken;
}

// Appends the lost record of a gap that no record follows, if it fits. ReadLock held.
static VOID
AppendGap(UPCALL_SUBSCRIPTION *Subscription, UCHAR *Buffer, ULONG Room,
          UPCALL_RING_DRAINED *Drained)
{
    const ULONG bytes = UpcallRecordBytes(sizeof(UPCALL_LOST), 0);
    UPCALL_LOST lost;
    if (!UpcallRingIsEmpty(&Subscription->Consumer) ||
        !UpcallRingHasUntoldLoss(&Subscription->Consumer))
    {
        return;
    }
    if (bytes > Room - Drained->Bytes)
    {
        if (Drained->Records == 0)
        {
            Drained->NeededBytes = bytes;
        }
        return;
    }
    if (TakeGap(Subscription, &lost))
    {
        UPCALL_RECORD_HEADER header = {
            .Length = sizeof(lost), .Flags = UPCALL_RECORD_LOST, .Sequence = lost.FirstSequence};
        RtlCopyMemory(Buffer + Drained->Bytes, &header, sizeof(header));
        RtlCopyMemory(Buffer + Drained->Bytes + sizeof(header), &lost, sizeof(lost));
        Drained->Bytes += bytes;
        Drained->Records++;
        Drained->LostRecords++;
    }
}

// Fills Buffer with the next batch. STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW (only the header, with
// NeededBytes), or STATUS_NO_MORE_ENTRIES: there was nothing at the moment it looked. ReadLock
// held.
static NTSTATUS
FillBatch(UPCALL_SUBSCRIPTION *Subscription, UCHAR *Buffer, ULONG Length, ULONG_PTR *Information)
{
    UPCALL_BATCH_HEADER header = {0};
    UPCALL_RING_DRAINED drained;
    ULONG room = (Length < UPCALL_MAX_READ_BYTES ? Length : UPCALL_MAX_READ_BYTES) - sizeof(header);

    do
    {
        UpcallRingDrain(&Subscription->Consumer, Buffer + sizeof(header), room, &drained);
        if (drained.NeededBytes == 0)
        {
            AppendGap(Subscription, Buffer + sizeof(header), room, &drained);
        }
        // A gap may have closed between the look at it and the lock: then the lost record stands in
        // the queue now, with the record that followed, and the next turn finds it.
    } while (drained.Records == 0 && drained.NeededBytes == 0 &&
             UpcallRingHasUntoldLoss(&Subscription->Consumer));
    // Only the kit writes this queue; a corrupt one is memory overwritten by a stranger.
    NT_ASSERT(!drained.Corrupt);
    *Information = 0;
    if (drained.Records == 0 && drained.NeededBytes == 0)
    {
        return STATUS_NO_MORE_ENTRIES;
    }

    header.Size = (ULONG)sizeof(header) + drained.Bytes;
    header.Count = drained.Records;
    header.QueuedBytes = UpcallRingQueuedBytes(&Subscription->Consumer);
    if (drained.Records == 0)
    {
        header.NeededBytes = (ULONG)sizeof(header) + drained.NeededBytes;
    }
    else
    {
        header.Ordinal = ++Subscription->Batches;
        Subscription->Delivered += drained.Records - drained.LostRecords;
        Subscription->DeliveredBytes += drained.PayloadBytes;
    }
    RtlCopyMemory(Buffer, &header, sizeof(header));
    *Information = header.Size;
    return drained.Records == 0 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

// ---- Pended reads -------------------------------------------------------------------------------

// Takes the first pended read that is not being cancelled off the list. ReadLock held.
static PIRP
PopRead(UPCALL_SUBSCRIPTION *Subscription)
{
    while (!IsListEmpty(&Subscription->PendedReads))
    {
        LIST_ENTRY *link = RemoveHeadList(&Subscription->PendedReads);
        PIRP irp = CONTAINING_RECORD(link, IRP, Tail.Overlay.ListEntry);
        irp->Tail.Overlay.DriverContext[CONTEXT_LISTED] = NULL;
        Subscription->PendedCount--;
        if (IoSetCancelRoutine(irp, NULL) != NULL)
        {
            return irp;
        }
        // Its cancel routine has begun and will complete it.
    }
    return NULL;
}

static DRIVER_CANCEL CancelRead;

static VOID NTAPI
CancelRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    UPCALL_SUBSCRIPTION *subscription = Irp->Tail.Overlay.DriverContext[CONTEXT_SUBSCRIPTION];
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&subscription->ReadLock, &irql);
    if (Irp->Tail.Overlay.DriverContext[CONTEXT_LISTED] != NULL)
    {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        subscription->PendedCount--;
    }
    KeReleaseSpinLock(&subscription->ReadLock, irql);
    UpcallCompleteIrp(Irp, STATUS_CANCELLED, 0);
    // Last: whoever ends the subscription waits for this, and may then say that its reads have
    // ended.
    UpcallRundownRelease(&subscription->Work);
}

// Completes IRPs that were taken off the list, in order; each gives back its Work.
static VOID
CompleteList(UPCALL_SUBSCRIPTION *Subscription, LIST_ENTRY *Done)
{
    while (!IsListEmpty(Done))
    {
        LIST_ENTRY *link = RemoveHeadList(Done);
        PIRP irp = CONTAINING_RECORD(link, IRP, Tail.Overlay.ListEntry);
        IoCompleteRequest(irp, IO_NO_INCREMENT);
        UpcallRundownRelease(&Subscription->Work);
    }
}

// Fills pended reads while there are both, and arms when there is nothing more to fill them with.
// Filled ones go to Done. FALSE if it stopped early. ReadLock held.
static BOOLEAN
DrainLocked(UPCALL_SUBSCRIPTION *Subscription, LIST_ENTRY *Done)
{
    for (ULONG batches = 0; !IsListEmpty(&Subscription->PendedReads);)
    {
        if (UpcallRingIsEmpty(&Subscription->Consumer) &&
            !UpcallRingHasUntoldLoss(&Subscription->Consumer))
        {
            if (UpcallRingArm(&Subscription->Consumer))
            {
                break;
            }
            continue;
        }
        if (batches++ == MAX_BATCHES_PER_DRAIN)
        {
            return FALSE;
        }
        PIRP irp = PopRead(Subscription);
        if (irp == NULL)
        {
            break;
        }
        ULONG_PTR information;
        NTSTATUS status = FillBatch(Subscription, ReadBuffer(irp), ReadLength(irp), &information);
        // There was a record or a loss, we are the only consumer, and it stays until it is
        // consumed.
        NT_ASSERT(status != STATUS_NO_MORE_ENTRIES);
        irp->IoStatus.Status = status;
        irp->IoStatus.Information = information;
        InsertTailList(Done, &irp->Tail.Overlay.ListEntry);
    }
    return TRUE;
}

VOID
UpcallReadsDrain(UPCALL_SUBSCRIPTION *Subscription)
{
    BOOLEAN finished;
    // Before the first look at the queue: a doorbell rung later than that look finds the flag clear
    // and queues another drain.
    InterlockedExchange(&Subscription->DrainQueued, 0);
    do
    {
        LIST_ENTRY done;
        KIRQL irql;
        InitializeListHead(&done);
        KeAcquireSpinLock(&Subscription->ReadLock, &irql);
        finished = DrainLocked(Subscription, &done);
        KeReleaseSpinLock(&Subscription->ReadLock, irql);
        CompleteList(Subscription, &done);
    } while (!finished);
}

VOID NTAPI
UpcallDrainDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UPCALL_SUBSCRIPTION *subscription = Context;
    LIST_ENTRY done;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterlockedExchange(&subscription->DrainQueued, 0);
    InitializeListHead(&done);
    KeAcquireSpinLockAtDpcLevel(&subscription->ReadLock);
    BOOLEAN finished = DrainLocked(subscription, &done);
    KeReleaseSpinLockFromDpcLevel(&subscription->ReadLock);
    CompleteList(subscription, &done);
    // Not finished: go on in another run, behind what else this processor has to do, with the same
    // Work, unless a doorbell has queued one meanwhile.
    if (finished || InterlockedExchange(&subscription->DrainQueued, 1) != 0)
    {
        UpcallRundownRelease(&subscription->Work);
    }
    else
    {
        KeInsertQueueDpc(Dpc, NULL, NULL);
    }
}

VOID
UpcallReadsRefuse(UPCALL_SUBSCRIPTION *Subscription, NTSTATUS Status)
{
    LIST_ENTRY done;
    PIRP irp;
    KIRQL irql;
    InitializeListHead(&done);
    KeAcquireSpinLock(&Subscription->ReadLock, &irql);
    Subscription->ReadsRefused = Status;
    while ((irp = PopRead(Subscription)) != NULL)
    {
        irp->IoStatus.Status = Status;
        irp->IoStatus.Information = 0;
        InsertTailList(&done, &irp->Tail.Overlay.ListEntry);
    }
    KeReleaseSpinLock(&Subscription->ReadLock, irql);
    CompleteList(Subscription, &done);
}

// Puts the read at the end of the queue. The status is STATUS_PENDING even if it has been cancelled
// (then its cancel routine completes it, or did), or an error and the IRP is the caller's. ReadLock
// held.
static NTSTATUS
PendLocked(UPCALL_SUBSCRIPTION *Subscription, PIRP Irp)
{
    if (Subscription->PendedCount >= Subscription->Channel->Limits.MaxPendedReads)
    {
        return STATUS_QUOTA_EXCEEDED;
    }
    Irp->Tail.Overlay.DriverContext[CONTEXT_SUBSCRIPTION] = Subscription;
    IoSetCancelRoutine(Irp, CancelRead);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
    {
        // Cancelled before it had a cancel routine: nobody will call it.
        return STATUS_CANCELLED;
    }
    // Either not cancelled, or its cancel routine is waiting for ReadLock: then it will find it
    // listed.
    Irp->Tail.Overlay.DriverContext[CONTEXT_LISTED] = Subscription;
    InsertTailList(&Subscription->PendedReads, &Irp->Tail.Overlay.ListEntry);
    Subscription->PendedCount++;
    UpcallRundownAcquire(&Subscription->Work);
    IoMarkIrpPending(Irp);
    return STATUS_PENDING;
}

// ---- Reading ------------------------------------------------------------------------------------

// One read of a signal that is not COMPLETION: a batch, or nothing and the doorbell armed. ReadLock
// held.
static NTSTATUS
ReadOrArm(UPCALL_SUBSCRIPTION *Subscription, UCHAR *Buffer, ULONG Length, ULONG_PTR *Information)
{
    for (;;)
    {
        NTSTATUS status = FillBatch(Subscription, Buffer, Length, Information);
        if (status != STATUS_NO_MORE_ENTRIES || UpcallRingArm(&Subscription->Consumer))
        {
            return status;
        }
        // Something came between the look and the arming. Each turn consumes what made it turn.
    }
}

NTSTATUS
UpcallRead(UPCALL_SUBSCRIPTION *Subscription, PIRP Irp)
{
    ULONG length = ReadLength(Irp);
    UCHAR *buffer = length >= UPCALL_BATCH_HEADER_BYTES ? ReadBuffer(Irp) : NULL;
    ULONG_PTR information = 0;
    NTSTATUS status;
    LIST_ENTRY done;
    KIRQL irql;

    if (Subscription->Process != PsGetCurrentProcess())
    {
        return UpcallCompleteIrp(Irp, STATUS_ACCESS_DENIED, 0);
    }
    if (length < UPCALL_BATCH_HEADER_BYTES)
    {
        return UpcallCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    }
    if (buffer == NULL)
    {
        return UpcallCompleteIrp(
            Irp, Irp->MdlAddress != NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_NOT_SUPPORTED, 0);
    }

    InitializeListHead(&done);
    KeAcquireSpinLock(&Subscription->ReadLock, &irql);
    if (Subscription->ReadsRefused != STATUS_SUCCESS)
    {
        status = Subscription->ReadsRefused;
    }
    else if (Subscription->Signal.Kind != UPCALL_SIGNAL_COMPLETION)
    {
        status = ReadOrArm(Subscription, buffer, length, &information);
    }
    else
    {
        // Behind the reads that are pended already: they get the next records.
        status = STATUS_NO_MORE_ENTRIES;
        if (IsListEmpty(&Subscription->PendedReads))
        {
            status = FillBatch(Subscription, buffer, length, &information);
        }
        if (status == STATUS_NO_MORE_ENTRIES)
        {
            status = PendLocked(Subscription, Irp);
            if (status == STATUS_PENDING)
            {
                // Mostly this only arms. If records have come, it fills at most MaxPendedReads
                // reads.
                while (!DrainLocked(Subscription, &done))
                {
                }
            }
        }
    }
    KeReleaseSpinLock(&Subscription->ReadLock, irql);
    CompleteList(Subscription, &done);
    if (status == STATUS_BUFFER_OVERFLOW && Subscription->Signal.Kind == UPCALL_SIGNAL_COMPLETION)
    {
        // A warning that an overlapped read returns at once leaves its caller in doubt whether a
        // completion will be posted for it as well. A pended one does not.
        IoMarkIrpPending(Irp);
        UpcallCompleteIrp(Irp, status, information);
        return STATUS_PENDING;
    }
    return status == STATUS_PENDING ? status : UpcallCompleteIrp(Irp, status, information);
}
