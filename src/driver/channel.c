// SPDX-License-Identifier: MIT
// The life of a channel: its configuration, its counters, its stop and its end.

#include "channel.h"

// 0 takes the constant; anything else must lie between what one subscription needs and the
// constant.
static BOOLEAN
TakeLimit(ULONG64 Given, ULONG64 Least, ULONG64 Constant, ULONG64 *Taken)
{
    *Taken = Given == 0 ? Constant : Given;
    return *Taken >= Least && *Taken <= Constant;
}

static BOOLEAN
TakeLimits(const UPCALL_CHANNEL_CONFIG *Config, UPCALL_HELLO_OUTPUT *Limits)
{
    ULONG64 record, queue, process, channel, ofProcess, ofChannel;
    BOOLEAN good =
        TakeLimit(Config->MaxRecordBytes, 1, UPCALL_MAX_RECORD_BYTES, &record) &&
        TakeLimit(Config->MaxQueueBytes, UPCALL_MIN_QUEUE_BYTES, UPCALL_MAX_QUEUE_BYTES, &queue) &&
        (queue & (queue - 1u)) == 0 &&
        TakeLimit(Config->MaxQueueBytesPerProcess, UPCALL_MIN_QUEUE_BYTES,
                  UPCALL_MAX_QUEUE_BYTES_PER_PROCESS, &process) &&
        TakeLimit(Config->MaxQueueBytesPerChannel, UPCALL_MIN_QUEUE_BYTES,
                  UPCALL_MAX_QUEUE_BYTES_PER_CHANNEL, &channel) &&
        TakeLimit(Config->MaxSubscriptionsPerProcess, 1, UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS,
                  &ofProcess) &&
        TakeLimit(Config->MaxSubscriptionsPerChannel, 1, UPCALL_MAX_SUBSCRIPTIONS_PER_CHANNEL,
                  &ofChannel);
    if (good)
    {
        RtlZeroMemory(Limits, sizeof(*Limits));
        Limits->Size = sizeof(*Limits);
        Limits->Version = UPCALL_PROTOCOL_VERSION;
        Limits->MaxRecordBytes = (ULONG)record;
        Limits->MaxQueueBytes = (ULONG)queue;
        Limits->MaxQueueBytesPerProcess = process;
        Limits->MaxQueueBytesPerChannel = channel;
        Limits->MaxSubscriptionsPerProcess = (ULONG)ofProcess;
        Limits->MaxSubscriptionsPerChannel = (ULONG)ofChannel;
        Limits->MaxPendedReads = UPCALL_MAX_PENDED_READS;
    }
    return good;
}

// NULL-safe in every member: serves a failed creation and the end alike.
static VOID
Destroy(PUPCALL_CHANNEL Channel)
{
    UpcallFree(Channel->EventSecurity);
    UpcallFree(Channel->Links);
    UpcallFree(Channel);
}

_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS NTAPI
UpcallChannelCreate(PDEVICE_OBJECT Device, const UPCALL_CHANNEL_CONFIG *Config,
                    PUPCALL_CHANNEL *Channel)
{
    static const UPCALL_CHANNEL_CONFIG defaults = {.Size = sizeof(defaults)};
    const UPCALL_CHANNEL_CONFIG *config = Config != NULL ? Config : &defaults;
    UPCALL_HELLO_OUTPUT limits;

    if (Channel == NULL)
    {
        return STATUS_INVALID_PARAMETER;
    }
    *Channel = NULL;
    if (Device == NULL || config->Size != sizeof(*config) ||
        (config->Flags & ~UPCALL_CHANNEL_FLAGS) != 0 || !TakeLimits(config, &limits))
    {
        return STATUS_INVALID_PARAMETER;
    }

    PUPCALL_CHANNEL channel = UpcallAllocate(sizeof(*channel));
    if (channel == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS status = UpcallEventSecurityCreate(config->EventSids, config->EventSidCount,
                                                &channel->EventSecurity);
    if (status == STATUS_SUCCESS)
    {
        channel->Links = UpcallAllocate(limits.MaxSubscriptionsPerChannel * sizeof(UPCALL_LINK));
        status = channel->Links != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (status != STATUS_SUCCESS)
    {
        Destroy(channel);
        return status;
    }

    channel->Device = Device;
    channel->Flags = config->Flags;
    channel->Limits = limits;
    channel->OnSubscribe = config->OnSubscribe;
    channel->Context = config->Context;
    UpcallRundownInitialize(&channel->Work);
    KeInitializeSpinLock(&channel->TableLock);
    KeInitializeSpinLock(&channel->Lock);
    KeInitializeDpc(&channel->WakeDpc, UpcallWakeDpc, channel);
    for (ULONG i = 0; i < UPCALL_TABLE_BUCKETS; i++)
    {
        InitializeListHead(&channel->Table[i]);
    }
    *Channel = channel;
    return STATUS_SUCCESS;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID NTAPI
UpcallChannelQuery(PUPCALL_CHANNEL Channel, UPCALL_CHANNEL_STATISTICS *Statistics)
{
    KIRQL irql;
    RtlZeroMemory(Statistics, sizeof(*Statistics));
    Statistics->Size = sizeof(*Statistics);
    KeAcquireSpinLock(&Channel->Lock, &irql);
    Statistics->Subscriptions = Channel->LinkCount;
    Statistics->Notified = Channel->Sequence;
    Statistics->NotifiedBytes = Channel->NotifiedBytes;
    Statistics->SubscriptionsMade = Channel->SubscriptionsMade;
    Statistics->Lost = Channel->EndedLost;
    Statistics->Doorbells = Channel->EndedDoorbells;
    Statistics->QueueBytes = Channel->LinkedBytes;
    for (ULONG i = 0; i < Channel->LinkCount; i++)
    {
        Statistics->Lost += Channel->Links[i].Subscription->Producer.LostTotal;
        Statistics->Doorbells += Channel->Links[i].Subscription->Doorbells;
    }
    KeReleaseSpinLock(&Channel->Lock, irql);
}

_IRQL_requires_max_(PASSIVE_LEVEL)
VOID NTAPI
UpcallChannelStop(PUPCALL_CHANNEL Channel)
{
    UPCALL_SUBSCRIPTION *subscription;
    KIRQL irql;

    // Under TableLock: a subscribe that is under way links before this, and is found below, or not
    // at all. Under Lock: no notify is in its middle, and none begins.
    KeAcquireSpinLock(&Channel->TableLock, &irql);
    Channel->Stopping = TRUE;
    KeAcquireSpinLockAtDpcLevel(&Channel->Lock);
    Channel->Stopped = TRUE;
    KeReleaseSpinLockFromDpcLevel(&Channel->Lock);
    KeReleaseSpinLock(&Channel->TableLock, irql);

    // Each turn leaves one fewer that is LINKED or ENDING, and no new one can come.
    while ((subscription = UpcallTableFindLive(Channel)) != NULL)
    {
        (void)UpcallSubscriptionEnd(subscription, UpcallEndStop);
        UpcallSubscriptionDereference(subscription);
    }
}

_IRQL_requires_max_(PASSIVE_LEVEL)
VOID NTAPI
UpcallChannelDelete(PUPCALL_CHANNEL Channel)
{
    UPCALL_SUBSCRIPTION *subscription;

    if (Channel == NULL)
    {
        return;
    }
    UpcallChannelStop(Channel);
    // Dispatch calls that are in the kit, and the wake DPC if it is queued, hold Work.
    UpcallRundownWait(&Channel->Work);
    // The driver may be unloaded next, and with it the code that our DPCs are just leaving.
    UpcallFlushDpcs();
    while ((subscription = UpcallTableFindStopped(Channel)) != NULL)
    {
        UpcallTableRemove(subscription);
        UpcallSubscriptionDereference(subscription);
    }
    Destroy(Channel);
}
