// SPDX-License-Identifier: MIT
// Which file object has which subscription: lookup, limits, references.

#include "channel.h"

static LIST_ENTRY *
Bucket(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject)
{
    // File objects are at least 16-byte aligned and some hundred bytes long.
    ULONG_PTR key = (ULONG_PTR)FileObject;
    return &Channel->Table[((key >> 4) ^ (key >> 10)) & (UPCALL_TABLE_BUCKETS - 1u)];
}

static UPCALL_SUBSCRIPTION *
FindFileLocked(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject)
{
    LIST_ENTRY *head = Bucket(Channel, FileObject);
    for (LIST_ENTRY *link = head->Flink; link != head; link = link->Flink)
    {
        UPCALL_SUBSCRIPTION *found = CONTAINING_RECORD(link, UPCALL_SUBSCRIPTION, TableLink);
        if (found->FileObject == FileObject)
        {
            return found;
        }
    }
    return NULL;
}

static NTSTATUS
CheckLimitsLocked(PUPCALL_CHANNEL Channel, const UPCALL_SUBSCRIPTION *Subscription)
{
    ULONG ofProcess = 0;
    ULONG64 bytesOfProcess = 0;
    for (ULONG i = 0; i < UPCALL_TABLE_BUCKETS; i++)
    {
        LIST_ENTRY *head = &Channel->Table[i];
        for (LIST_ENTRY *link = head->Flink; link != head; link = link->Flink)
        {
            UPCALL_SUBSCRIPTION *other = CONTAINING_RECORD(link, UPCALL_SUBSCRIPTION, TableLink);
            if (other->State != UpcallStateStopped && other->Process == Subscription->Process)
            {
                ofProcess++;
                bytesOfProcess += other->QueueBytes;
            }
        }
    }
    const UPCALL_HELLO_OUTPUT *limits = &Channel->Limits;
    if (Channel->Members >= limits->MaxSubscriptionsPerChannel ||
        ofProcess >= limits->MaxSubscriptionsPerProcess ||
        Subscription->QueueBytes > limits->MaxQueueBytesPerChannel - Channel->MemberBytes ||
        bytesOfProcess + Subscription->QueueBytes > limits->MaxQueueBytesPerProcess)
    {
        return STATUS_QUOTA_EXCEEDED;
    }
    return STATUS_SUCCESS;
}

NTSTATUS
UpcallTableAdd(UPCALL_SUBSCRIPTION *Subscription)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    NTSTATUS status;
    KIRQL irql;

    KeAcquireSpinLock(&channel->TableLock, &irql);
    if (channel->Stopping)
    {
        status = STATUS_DEVICE_REMOVED;
    }
    else if (FindFileLocked(channel, Subscription->FileObject) != NULL)
    {
        status = STATUS_DEVICE_BUSY;
    }
    else
    {
        status = CheckLimitsLocked(channel, Subscription);
    }
    if (status == STATUS_SUCCESS)
    {
        Subscription->Id = ++channel->LastId;
        Subscription->State = UpcallStateMaking;
        channel->Members++;
        channel->MemberBytes += Subscription->QueueBytes;
        InterlockedIncrement(&Subscription->References);
        InsertTailList(Bucket(channel, Subscription->FileObject), &Subscription->TableLink);
    }
    KeReleaseSpinLock(&channel->TableLock, irql);
    return status;
}

UPCALL_SUBSCRIPTION *
UpcallTableFindFile(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject)
{
    KIRQL irql;
    KeAcquireSpinLock(&Channel->TableLock, &irql);
    UPCALL_SUBSCRIPTION *found = FindFileLocked(Channel, FileObject);
    if (found != NULL)
    {
        InterlockedIncrement(&found->References);
    }
    KeReleaseSpinLock(&Channel->TableLock, irql);
    return found;
}

typedef BOOLEAN MATCH(const UPCALL_SUBSCRIPTION *Candidate, ULONG64 Id);

static UPCALL_SUBSCRIPTION *
FindAny(PUPCALL_CHANNEL Channel, MATCH *Match, ULONG64 Id)
{
    UPCALL_SUBSCRIPTION *found = NULL;
    KIRQL irql;
    KeAcquireSpinLock(&Channel->TableLock, &irql);
    for (ULONG i = 0; i < UPCALL_TABLE_BUCKETS && found == NULL; i++)
    {
        LIST_ENTRY *head = &Channel->Table[i];
        for (LIST_ENTRY *link = head->Flink; link != head; link = link->Flink)
        {
            UPCALL_SUBSCRIPTION *candidate =
                CONTAINING_RECORD(link, UPCALL_SUBSCRIPTION, TableLink);
            if (Match(candidate, Id))
            {
                InterlockedIncrement(&candidate->References);
                found = candidate;
                break;
            }
        }
    }
    KeReleaseSpinLock(&Channel->TableLock, irql);
    return found;
}

static BOOLEAN
HasId(const UPCALL_SUBSCRIPTION *Candidate, ULONG64 Id)
{
    return Candidate->Id == Id;
}

static BOOLEAN
IsLive(const UPCALL_SUBSCRIPTION *Candidate, ULONG64 Id)
{
    UNREFERENCED_PARAMETER(Id);
    return Candidate->State == UpcallStateLinked || Candidate->State == UpcallStateEnding;
}

static BOOLEAN
IsStopped(const UPCALL_SUBSCRIPTION *Candidate, ULONG64 Id)
{
    UNREFERENCED_PARAMETER(Id);
    return Candidate->State == UpcallStateStopped;
}

UPCALL_SUBSCRIPTION *
UpcallTableFindId(PUPCALL_CHANNEL Channel, ULONG64 Id)
{
    return FindAny(Channel, HasId, Id);
}

UPCALL_SUBSCRIPTION *
UpcallTableFindLive(PUPCALL_CHANNEL Channel)
{
    return FindAny(Channel, IsLive, 0);
}

UPCALL_SUBSCRIPTION *
UpcallTableFindStopped(PUPCALL_CHANNEL Channel)
{
    return FindAny(Channel, IsStopped, 0);
}

VOID
UpcallTableRemove(UPCALL_SUBSCRIPTION *Subscription)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    KIRQL irql;
    KeAcquireSpinLock(&channel->TableLock, &irql);
    RemoveEntryList(&Subscription->TableLink);
    if (Subscription->State != UpcallStateStopped)
    {
        channel->Members--;
        channel->MemberBytes -= Subscription->QueueBytes;
    }
    Subscription->State = UpcallStateGone;
    KeReleaseSpinLock(&channel->TableLock, irql);
    UpcallSubscriptionDereference(Subscription);
}

VOID
UpcallSubscriptionDereference(UPCALL_SUBSCRIPTION *Subscription)
{
    if (InterlockedDecrement(&Subscription->References) == 0)
    {
        // Queue, signal and process went at PASSIVE_LEVEL before; this is plain memory.
        UpcallFree(Subscription);
    }
}

NTSTATUS
UpcallSubscriptionAcquire(UPCALL_SUBSCRIPTION *Subscription)
{
    PUPCALL_CHANNEL channel = Subscription->Channel;
    NTSTATUS status = STATUS_NOT_FOUND;
    KIRQL irql;
    KeAcquireSpinLock(&channel->TableLock, &irql);
    if (Subscription->State == UpcallStateLinked)
    {
        UpcallRundownAcquire(&Subscription->Work);
        status = STATUS_SUCCESS;
    }
    else if (Subscription->State == UpcallStateStopped || channel->Stopping)
    {
        // ENDING, too: the last signal of a stop is given in it, and whom it wakes must learn why.
        status = STATUS_DEVICE_REMOVED;
    }
    KeReleaseSpinLock(&channel->TableLock, irql);
    return status;
}
