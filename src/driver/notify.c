// SPDX-License-Identifier: MIT
// Publishing: number a record, put it into every matching queue, ring the doorbells that are armed.

#include "channel.h"

// A notify call that holds Channel.Lock numbers its records and puts them into all matching queues
// in one go, so every subscription sees one order. Three passes over what it touched:
//
//   put        every record into every matching queue; nothing visible yet
//   publish    each touched queue's Tail, a release store
//   kick       one full fence for all of them, then look at each Armed
//
// The fence between the last publish and the first look at Armed is the producer's half of the
// handshake in ring.h. Signals are given under the lock, see channel.h.

// ---- Doorbells ----------------------------------------------------------------------------------

VOID
UpcallDoorbellLocked(UPCALL_SUBSCRIPTION *Subscription, ULONG *Wakes, UPCALL_SUBSCRIPTION **Inline)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    if (Subscription->Signal.Kind == UPCALL_SIGNAL_COMPLETION)
    {
        // If a drain is queued and has not begun, it will see what was published: it clears the
        // flag (an exchange, hence a full fence) before it looks at the queue.
        if (InterlockedExchange(&Subscription->DrainQueued, 1) != 0)
        {
            return;
        }
        Subscription->Doorbells++;
        // It is linked, as we hold the lock, so its Work has not begun to run down.
        UpcallRundownAcquire(&Subscription->Work);
        if (channel->Flags & UPCALL_CHANNEL_INLINE)
        {
            Subscription->NextInline = *Inline;
            *Inline = Subscription;
        }
        else
        {
            // Never queued already: DrainQueued was 0, and only its DPC clears it.
            KeInsertQueueDpc(&Subscription->DrainDpc, NULL, NULL);
        }
    }
    else if (*Wakes < UPCALL_MAX_WAKES_PER_NOTIFY || (channel->Flags & UPCALL_CHANNEL_INLINE))
    {
        ++*Wakes;
        Subscription->Doorbells++;
        KeSetEvent(Subscription->Signal.Event, IO_NO_INCREMENT, FALSE);
    }
    else
    {
        // Waking costs the waker microseconds; a thousand sleepers must not be paid for by one
        // caller.
        Subscription->WakeDeferred = TRUE;
        Subscription->Doorbells++;
        if (!channel->WakeDpcQueued)
        {
            channel->WakeDpcQueued = TRUE;
            UpcallRundownAcquire(&channel->Work);
            KeInsertQueueDpc(&channel->WakeDpc, NULL, NULL);
        }
    }
}

// Sets the events that a notify call left over, a bounded number a run.
VOID NTAPI
UpcallWakeDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PUPCALL_CHANNEL channel = Context;
    ULONG wakes = 0;
    BOOLEAN again = FALSE;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&channel->Lock);
    for (ULONG i = 0; i < channel->LinkCount; i++)
    {
        UPCALL_SUBSCRIPTION *subscription = channel->Links[i].Subscription;
        if (!subscription->WakeDeferred)
        {
            continue;
        }
        if (wakes == UPCALL_MAX_WAKES_PER_NOTIFY)
        {
            again = TRUE;
            break;
        }
        wakes++;
        subscription->WakeDeferred = FALSE;
        KeSetEvent(subscription->Signal.Event, IO_NO_INCREMENT, FALSE);
    }
    channel->WakeDpcQueued = again;
    if (again)
    {
        KeInsertQueueDpc(Dpc, NULL, NULL);
    }
    KeReleaseSpinLockFromDpcLevel(&channel->Lock);
    if (!again)
    {
        UpcallRundownRelease(&channel->Work);
    }
}

// ---- Publishing ---------------------------------------------------------------------------------

static NTSTATUS
Validate(PUPCALL_CHANNEL Channel, const UPCALL_NOTIFY_RECORD *Records, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++)
    {
        if (Records[i].Topic >= UPCALL_MAX_TOPICS ||
            (Records[i].Data == NULL && Records[i].Length != 0))
        {
            return STATUS_INVALID_PARAMETER;
        }
        if (Records[i].Length > Channel->Limits.MaxRecordBytes)
        {
            return STATUS_INVALID_BUFFER_SIZE;
        }
    }
    return STATUS_SUCCESS;
}

// Puts one numbered record into all matching queues; prepends the newly touched ones to *Touched.
static VOID
PutLocked(PUPCALL_CHANNEL Channel, UPCALL_RING_RECORD *Record, ULONG64 Timestamp,
          UPCALL_SUBSCRIPTION **Touched)
{
    const ULONG64 topic = 1ull << Record->Topic;
    const ULONG count = Channel->LinkCount;
    for (ULONG i = 0; i < count; i++)
    {
        if ((Channel->Links[i].Topics & topic) == 0)
        {
            continue;
        }
        UPCALL_SUBSCRIPTION *subscription = Channel->Links[i].Subscription;
        Record->Flags = 0;
        if (subscription->Flags & UPCALL_SUBSCRIBE_TIMESTAMPS)
        {
            Record->Flags = UPCALL_RECORD_TIMESTAMPED;
            Record->Timestamp = Timestamp;
        }
        subscription->Matched++;
        // A loss is news like a record: it, too, makes the subscription touched.
        (void)UpcallRingPut(&subscription->Producer, Record);
        if (!subscription->Touched)
        {
            subscription->Touched = TRUE;
            subscription->NextTouched = *Touched;
            *Touched = subscription;
        }
    }
}

static NTSTATUS
Publish(PUPCALL_CHANNEL Channel, const UPCALL_NOTIFY_RECORD *Records, ULONG Count)
{
    UPCALL_SUBSCRIPTION *touched = NULL;
    UPCALL_SUBSCRIPTION *toDrain = NULL;
    ULONG64 timestamp = 0;
    ULONG wakes = 0;
    KIRQL irql;

    KeAcquireSpinLock(&Channel->Lock, &irql);
    if (Channel->Stopped)
    {
        KeReleaseSpinLock(&Channel->Lock, irql);
        return STATUS_DEVICE_REMOVED;
    }
    if (Channel->TimestampUsers != 0)
    {
        timestamp = (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
    }
    for (ULONG i = 0; i < Count; i++)
    {
        UPCALL_RING_RECORD record = {.Data = Records[i].Data,
                                     .Length = Records[i].Length,
                                     .Topic = (uint8_t)Records[i].Topic,
                                     .Sequence = ++Channel->Sequence};
        Channel->NotifiedBytes += Records[i].Length;
        PutLocked(Channel, &record, timestamp, &touched);
    }
    if (touched != NULL)
    {
        for (UPCALL_SUBSCRIPTION *s = touched; s != NULL; s = s->NextTouched)
        {
            UpcallRingPublish(&s->Producer);
        }
        // Pairs with the fence in UpcallRingArm.
        UpcallFullFence();
        for (UPCALL_SUBSCRIPTION *s = touched; s != NULL; s = s->NextTouched)
        {
            s->Touched = FALSE;
            if (UpcallRingTakeArmed(&s->Producer))
            {
                UpcallDoorbellLocked(s, &wakes, &toDrain);
            }
        }
    }
    KeReleaseSpinLock(&Channel->Lock, irql);

    while (toDrain != NULL)
    {
        // Each holds the Work that UpcallDoorbellLocked took. The link is ours until DrainQueued is
        // cleared, which the drain does first.
        UPCALL_SUBSCRIPTION *next = toDrain->NextInline;
        UpcallReadsDrain(toDrain);
        UpcallRundownRelease(&toDrain->Work);
        toDrain = next;
    }
    return STATUS_SUCCESS;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS NTAPI
UpcallNotifyBatch(PUPCALL_CHANNEL Channel, const UPCALL_NOTIFY_RECORD *Records, ULONG Count)
{
    if (Records == NULL || Count == 0 || Count > UPCALL_MAX_NOTIFY_BATCH)
    {
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS status = Validate(Channel, Records, Count);
    return status == STATUS_SUCCESS ? Publish(Channel, Records, Count) : status;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS NTAPI
UpcallNotify(PUPCALL_CHANNEL Channel, ULONG Topic, const VOID *Data, ULONG Length)
{
    UPCALL_NOTIFY_RECORD record = {.Topic = Topic, .Length = Length, .Data = Data};
    NTSTATUS status = Validate(Channel, &record, 1);
    return status == STATUS_SUCCESS ? Publish(Channel, &record, 1) : status;
}
