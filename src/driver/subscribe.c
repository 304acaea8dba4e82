// SPDX-License-Identifier: MIT
// The life of a subscription: made in its process's context, linked, ended from anywhere.

#include "channel.h"

// ---- Making -------------------------------------------------------------------------------------

// One allocation: the producer's line, the consumer's two, the data, each aligned to a line pair.
static NTSTATUS
CreateQueue(UPCALL_SUBSCRIPTION *Subscription)
{
    const SIZE_T lines = 3u * UPCALL_LINE_PAIR;
    Subscription->Memory = UpcallAllocate(Subscription->QueueBytes + lines + UPCALL_LINE_PAIR);
    if (Subscription->Memory == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ULONG_PTR base = ((ULONG_PTR)Subscription->Memory + UPCALL_LINE_PAIR - 1u) &
                     ~(ULONG_PTR)(UPCALL_LINE_PAIR - 1u);
    UPCALL_RING ring;
    ring.Producer = (UPCALL_RING_PRODUCER_LINE *)base;
    ring.Consumer = (UPCALL_RING_CONSUMER_LINES *)(base + UPCALL_LINE_PAIR);
    ring.Data = (uint8_t *)(base + lines);
    ring.Capacity = Subscription->QueueBytes;
    UpcallRingInitializeProducer(&Subscription->Producer, &ring);
    UpcallRingInitializeConsumer(&Subscription->Consumer, &ring);
    return STATUS_SUCCESS;
}

// What UpcallSubscriptionEnd and a failed making have in common. PASSIVE_LEVEL; nobody uses it any
// more.
static VOID
DestroyContents(UPCALL_SUBSCRIPTION *Subscription)
{
    UpcallSignalDestroy(&Subscription->Signal);
    UpcallFree(Subscription->Memory);
    Subscription->Memory = NULL;
    ObDereferenceObject(Subscription->Process);
}

static UPCALL_SUBSCRIPTION *
Allocate(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject, const UPCALL_SUBSCRIBE_INPUT *Input)
{
    UPCALL_SUBSCRIPTION *subscription = UpcallAllocate(sizeof(*subscription));
    if (subscription == NULL)
    {
        return NULL;
    }
    subscription->Channel = Channel;
    subscription->FileObject = FileObject;
    subscription->Process = PsGetCurrentProcess();
    // Referenced, so that a later process cannot come to live at the same address and be taken for
    // it.
    ObReferenceObject(subscription->Process);
    subscription->Topics = Input->Topics;
    subscription->QueueBytes = Input->QueueBytes;
    subscription->Flags = Input->Flags;
    subscription->References = 1;
    UpcallRundownInitialize(&subscription->Work);
    KeInitializeEvent(&subscription->Ended, NotificationEvent, FALSE);
    KeInitializeSpinLock(&subscription->ReadLock);
    InitializeListHead(&subscription->PendedReads);
    KeInitializeDpc(&subscription->DrainDpc, UpcallDrainDpc, subscription);
    return subscription;
}

// The session of the current process, where the system tells (IoGetRequestorSessionId needs an IRP
// and is missing on some systems, this one is on all of them that have sessions).
static ULONG
CurrentSession(VOID)
{
    typedef ULONG NTAPI GET_SESSION(VOID);
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, L"PsGetCurrentProcessSessionId");
    union
    {
        PVOID Address;
        GET_SESSION *Routine;
    } found;
    found.Address = MmGetSystemRoutineAddress(&name);
    return found.Address != NULL ? found.Routine() : UPCALL_SESSION_UNKNOWN;
}

static NTSTATUS
AskDriver(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject, const UPCALL_SUBSCRIBE_INPUT *Input)
{
    if (Channel->OnSubscribe == NULL)
    {
        return STATUS_SUCCESS;
    }
    UPCALL_SUBSCRIBE_REQUEST request;
    RtlZeroMemory(&request, sizeof(request));
    request.ProcessId = PsGetCurrentProcessId();
    request.SessionId = CurrentSession();
    request.Signal = Input->Signal;
    request.DataPath = Input->DataPath;
    request.Policy = Input->Policy;
    request.Topics = Input->Topics;
    request.QueueBytes = Input->QueueBytes;
    request.FileObject = FileObject;
    NTSTATUS status = Channel->OnSubscribe(Channel->Context, &request);
    if (status != STATUS_SUCCESS && !NT_ERROR(status))
    {
        status = STATUS_ACCESS_DENIED;
    }
    return status;
}

// From here on it takes part: notifies see it, and its file object's reads and cleanup find it
// LINKED.
static NTSTATUS
Link(UPCALL_SUBSCRIPTION *Subscription, ULONG64 *NextSequence)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    KeAcquireSpinLock(&channel->TableLock, &irql);
    if (channel->Stopping)
    {
        status = STATUS_DEVICE_REMOVED;
    }
    else if (Subscription->HandlesClosed)
    {
        status = STATUS_CANCELLED;
    }
    else
    {
        // Armed from the start, so that an application may wait before it reads for the first time.
        // COMPLETION is armed by the first read that pends.
        if (Subscription->Signal.Kind != UPCALL_SIGNAL_COMPLETION)
        {
            (void)UpcallRingArm(&Subscription->Consumer);
        }
        KeAcquireSpinLockAtDpcLevel(&channel->Lock);
        Subscription->Index = channel->LinkCount;
        channel->Links[channel->LinkCount].Topics = Subscription->Topics;
        channel->Links[channel->LinkCount].Subscription = Subscription;
        channel->LinkCount++;
        channel->LinkedBytes += Subscription->QueueBytes;
        channel->SubscriptionsMade++;
        if (Subscription->Flags & UPCALL_SUBSCRIBE_TIMESTAMPS)
        {
            channel->TimestampUsers++;
        }
        *NextSequence = channel->Sequence + 1u;
        KeReleaseSpinLockFromDpcLevel(&channel->Lock);
        Subscription->State = UpcallStateLinked;
    }
    KeReleaseSpinLock(&channel->TableLock, irql);
    return status;
}

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
UpcallSubscribeFile(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject,
                    const UPCALL_SUBSCRIBE_INPUT *Input, UPCALL_SUBSCRIBE_OUTPUT *Output)
{
    UPCALL_SUBSCRIPTION *subscription = Allocate(Channel, FileObject, Input);
    if (subscription == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ULONG64 nextSequence = 0;
    NTSTATUS status = UpcallTableAdd(subscription);
    BOOLEAN added = status == STATUS_SUCCESS;
    if (status == STATUS_SUCCESS)
    {
        status = AskDriver(Channel, FileObject, Input);
    }
    if (status == STATUS_SUCCESS)
    {
        status = UpcallSignalCreate(Channel, Input, &subscription->Signal);
    }
    if (status == STATUS_SUCCESS)
    {
        status = CreateQueue(subscription);
    }
    if (status == STATUS_SUCCESS)
    {
        status = Link(subscription, &nextSequence);
    }
    if (status == STATUS_SUCCESS)
    {
        RtlZeroMemory(Output, sizeof(*Output));
        Output->Size = sizeof(*Output);
        Output->SubscriptionId = subscription->Id;
        Output->NextSequence = nextSequence;
    }
    else
    {
        // Destroyed before it leaves the table: a subscriber that is told "busy" until then cannot
        // meet a name that we still hold.
        DestroyContents(subscription);
        if (added)
        {
            UpcallTableRemove(subscription);
        }
    }
    UpcallSubscriptionDereference(subscription);
    return status;
}

// ---- Ending -------------------------------------------------------------------------------------

static VOID
Unlink(UPCALL_SUBSCRIPTION *Subscription, UPCALL_END_REASON Reason)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    KIRQL irql;
    KeAcquireSpinLock(&channel->Lock, &irql);
    ULONG last = --channel->LinkCount;
    channel->Links[Subscription->Index] = channel->Links[last];
    channel->Links[Subscription->Index].Subscription->Index = Subscription->Index;
    channel->Links[last].Subscription = NULL;
    channel->LinkedBytes -= Subscription->QueueBytes;
    if (Subscription->Flags & UPCALL_SUBSCRIBE_TIMESTAMPS)
    {
        channel->TimestampUsers--;
    }
    if (Reason == UpcallEndStop && Subscription->Signal.Event != NULL)
    {
        // The last signal: an application that sleeps on it would otherwise never learn of the
        // stop.
        Subscription->Doorbells++;
        KeSetEvent(Subscription->Signal.Event, IO_NO_INCREMENT, FALSE);
    }
    channel->EndedLost += Subscription->Producer.LostTotal;
    channel->EndedDoorbells += Subscription->Doorbells;
    KeReleaseSpinLock(&channel->Lock, irql);
}

// The work of the one who moved it to ENDING.
static VOID
End(UPCALL_SUBSCRIPTION *Subscription, UPCALL_END_REASON Reason)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    KIRQL irql;

    Unlink(Subscription, Reason);
    UpcallReadsRefuse(Subscription,
                      Reason == UpcallEndStop ? STATUS_DEVICE_REMOVED : STATUS_CANCELLED);
    if (KeRemoveQueueDpc(&Subscription->DrainDpc))
    {
        UpcallRundownRelease(&Subscription->Work);
    }
    // Unlinked and ENDING, it gets no new users. What is left are reads being copied, cancel
    // routines that have begun, and a drain that is running: none of them waits for anybody.
    UpcallRundownWait(&Subscription->Work);
    DestroyContents(Subscription);

    if (Reason == UpcallEndStop)
    {
        KeAcquireSpinLock(&channel->TableLock, &irql);
        Subscription->State = UpcallStateStopped;
        channel->Members--;
        channel->MemberBytes -= Subscription->QueueBytes;
        KeReleaseSpinLock(&channel->TableLock, irql);
    }
    else
    {
        UpcallTableRemove(Subscription);
    }
    KeSetEvent(&Subscription->Ended, IO_NO_INCREMENT, FALSE);
}

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
UpcallSubscriptionEnd(UPCALL_SUBSCRIPTION *Subscription, UPCALL_END_REASON Reason)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    KIRQL irql;
    for (;;)
    {
        KeAcquireSpinLock(&channel->TableLock, &irql);
        UPCALL_STATE state = Subscription->State;
        if (state == UpcallStateLinked)
        {
            Subscription->State = UpcallStateEnding;
        }
        else if (state == UpcallStateMaking && Reason == UpcallEndClose)
        {
            // The thread that is making it finds this in Link, and gives up.
            Subscription->HandlesClosed = TRUE;
        }
        KeReleaseSpinLock(&channel->TableLock, irql);

        switch (state)
        {
        case UpcallStateLinked:
            End(Subscription, Reason);
            return STATUS_SUCCESS;
        case UpcallStateEnding:
            // Set once and for good after the state has left ENDING: the wakeup cannot be lost. The
            // caller's reference keeps the event.
            KeWaitForSingleObject(&Subscription->Ended, Executive, KernelMode, FALSE, NULL);
            continue;
        case UpcallStateStopped:
            if (Reason == UpcallEndClose)
            {
                UpcallTableRemove(Subscription);
            }
            return STATUS_DEVICE_REMOVED;
        case UpcallStateMaking:
        case UpcallStateGone:
            return STATUS_NOT_FOUND;
        }
    }
}
