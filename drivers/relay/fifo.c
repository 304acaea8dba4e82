// SPDX-License-Identifier: MIT
// Writes become records: checked as they come, queued in order, published by a DPC, completed.

#include "relay_driver.h"

// The FIFO is made of the writes themselves: a write pends until its records are published, so its
// data stays where it is and the FIFO needs no memory of its own. What a writer may queue is
// bounded by the quota that the system charges it for its pended requests.
//
// A write is in one of three hands: on the list with a cancel routine; Current, without one; or its
// cancel routine's. Who clears the cancel routine completes the write.

#define CONTEXT_FIFO   0
#define CONTEXT_LISTED 1

// Batches in one run of the DPC; then it queues itself again, behind other DPCs of its processor.
#define BATCHES_PER_RUN 16u

static ULONG
WriteLength(PIRP Irp)
{
    return IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length;
}

// The record at Offset; where the next one would begin in *Next.
static const UPCALL_RELAY_HEADER *
RecordAt(PIRP Irp, ULONG Offset, ULONG *Next)
{
    const UCHAR *data = Irp->AssociatedIrp.SystemBuffer;
    const UPCALL_RELAY_HEADER *header = (const UPCALL_RELAY_HEADER *)(data + Offset);
    *Next = (Offset + header->Size + RELAY_ALIGNMENT - 1u) & ~(RELAY_ALIGNMENT - 1u);
    return header;
}

// All of it, before any of it is published. The buffer is the system's copy: it cannot change
// later.
static NTSTATUS
CheckWrite(PIRP Irp)
{
    ULONG length = WriteLength(Irp);
    if (length == 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (length > RELAY_MAX_WRITE_BYTES)
    {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    for (ULONG offset = 0, next; offset < length; offset = next)
    {
        ULONG left = length - offset;
        if (left < sizeof(UPCALL_RELAY_HEADER))
        {
            return STATUS_INVALID_PARAMETER;
        }
        const UPCALL_RELAY_HEADER *header = RecordAt(Irp, offset, &next);
        if (header->Size < sizeof(*header) || header->Size > left ||
            header->Topic >= UPCALL_MAX_TOPICS || header->Flags != 0 || header->Reserved != 0)
        {
            return STATUS_INVALID_PARAMETER;
        }
        if (header->Size - sizeof(*header) > UPCALL_MAX_RECORD_BYTES)
        {
            return STATUS_INVALID_BUFFER_SIZE;
        }
    }
    return STATUS_SUCCESS;
}

static DRIVER_CANCEL CancelWrite;

static VOID NTAPI
CancelWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    RELAY_FIFO *fifo = Irp->Tail.Overlay.DriverContext[CONTEXT_FIFO];
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&fifo->Lock, &irql);
    if (Irp->Tail.Overlay.DriverContext[CONTEXT_LISTED] != NULL)
    {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    }
    KeReleaseSpinLock(&fifo->Lock, irql);
    RelayComplete(Irp, STATUS_CANCELLED, 0);
}

// Makes the first write that is not being cancelled Current. FALSE if there is none. Lock held.
static BOOLEAN
TakeNextLocked(RELAY_FIFO *Fifo)
{
    while (!IsListEmpty(&Fifo->Writes))
    {
        PLIST_ENTRY link = RemoveHeadList(&Fifo->Writes);
        PIRP irp = CONTAINING_RECORD(link, IRP, Tail.Overlay.ListEntry);
        irp->Tail.Overlay.DriverContext[CONTEXT_LISTED] = NULL;
        if (IoSetCancelRoutine(irp, NULL) != NULL)
        {
            Fifo->Current = irp;
            Fifo->Offset = 0;
            return TRUE;
        }
    }
    return FALSE;
}

// Publishes the next records of Current, as many as one batch takes, and completes it behind its
// last. Called by the draining run only, which owns Current; no lock held.
static VOID
PublishSome(RELAY_FIFO *Fifo)
{
    UPCALL_NOTIFY_RECORD records[UPCALL_MAX_NOTIFY_BATCH];
    PIRP irp = Fifo->Current;
    ULONG length = WriteLength(irp);
    ULONG count = 0;

    while (Fifo->Offset < length && count < UPCALL_MAX_NOTIFY_BATCH)
    {
        const UPCALL_RELAY_HEADER *header = RecordAt(irp, Fifo->Offset, &Fifo->Offset);
        records[count].Topic = header->Topic;
        records[count].Length = header->Size - (ULONG)sizeof(*header);
        records[count].Data = header + 1;
        count++;
    }
    NTSTATUS status = UpcallNotifyBatch(Fifo->Channel, records, count);
    if (status != STATUS_SUCCESS || Fifo->Offset >= length)
    {
        Fifo->Current = NULL;
        RelayComplete(irp, status, status == STATUS_SUCCESS ? length : 0);
    }
}

static KDEFERRED_ROUTINE FifoDpc;

static VOID NTAPI
FifoDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    RELAY_FIFO *fifo = Context;
    ULONG batches = 0;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&fifo->Lock);
    // A second processor may run this DPC while the first still drains: order allows one only. The
    // one that drains sees every write that was queued before it clears Draining, as both happen
    // under Lock.
    if (!fifo->Draining)
    {
        fifo->Draining = TRUE;
        while (fifo->Current != NULL || TakeNextLocked(fifo))
        {
            if (batches++ == BATCHES_PER_RUN)
            {
                KeInsertQueueDpc(Dpc, NULL, NULL);
                break;
            }
            KeReleaseSpinLockFromDpcLevel(&fifo->Lock);
            PublishSome(fifo);
            KeAcquireSpinLockAtDpcLevel(&fifo->Lock);
        }
        fifo->Draining = FALSE;
    }
    KeReleaseSpinLockFromDpcLevel(&fifo->Lock);
}

VOID
RelayFifoInitialize(RELAY_FIFO *Fifo, PUPCALL_CHANNEL Channel)
{
    Fifo->Channel = Channel;
    KeInitializeSpinLock(&Fifo->Lock);
    KeInitializeDpc(&Fifo->Dpc, FifoDpc, Fifo);
    InitializeListHead(&Fifo->Writes);
}

NTSTATUS
RelayFifoWrite(RELAY_FIFO *Fifo, PIRP Irp)
{
    KIRQL irql;
    NTSTATUS status = CheckWrite(Irp);
    if (status != STATUS_SUCCESS)
    {
        return RelayComplete(Irp, status, 0);
    }

    KeAcquireSpinLock(&Fifo->Lock, &irql);
    Irp->Tail.Overlay.DriverContext[CONTEXT_FIFO] = Fifo;
    IoSetCancelRoutine(Irp, CancelWrite);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
    {
        KeReleaseSpinLock(&Fifo->Lock, irql);
        return RelayComplete(Irp, STATUS_CANCELLED, 0);
    }
    // If it has been cancelled meanwhile, its cancel routine waits for Lock and finds it listed.
    Irp->Tail.Overlay.DriverContext[CONTEXT_LISTED] = Fifo;
    InsertTailList(&Fifo->Writes, &Irp->Tail.Overlay.ListEntry);
    IoMarkIrpPending(Irp);
    KeReleaseSpinLock(&Fifo->Lock, irql);
    // Inserted after the write was listed: a run that has not begun will see it, and one that is
    // draining looks again.
    KeInsertQueueDpc(&Fifo->Dpc, NULL, NULL);
    return STATUS_PENDING;
}
