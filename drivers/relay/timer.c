// SPDX-License-Identifier: MIT
// Records from a timer: so many every period, until so many have been published.

#include "relay_driver.h"

static KDEFERRED_ROUTINE TimerDpc;

// Writes the payload of record Index.
static VOID
FillPayload(UCHAR *Payload, ULONG Bytes, ULONG64 Index)
{
    RtlFillMemory(Payload, Bytes, (UCHAR)Index);
    RtlCopyMemory(Payload, &Index, sizeof(Index));
}

static VOID NTAPI
TimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    RELAY_TIMER *timer = Context;
    UPCALL_NOTIFY_RECORD records[UPCALL_MAX_NOTIFY_BATCH];

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    // The lock is held while publishing, as a driver's own locks may be: whoever clears Running
    // under it knows that no tick is being published.
    KeAcquireSpinLockAtDpcLevel(&timer->Lock);
    if (timer->Running)
    {
        ULONG64 left = timer->Order.Count - timer->Published;
        ULONG count = left < timer->Order.PerTick ? (ULONG)left : timer->Order.PerTick;
        for (ULONG i = 0; i < count; i++)
        {
            UCHAR *payload = timer->Payloads + i * timer->Order.RecordBytes;
            FillPayload(payload, timer->Order.RecordBytes, timer->Published + i);
            records[i].Topic = timer->Order.Topic;
            records[i].Length = timer->Order.RecordBytes;
            records[i].Data = payload;
        }
        // Fails only if the channel has been stopped; then it will not start again.
        NTSTATUS status = UpcallNotifyBatch(timer->Channel, records, count);
        timer->Published += count;
        if (status != STATUS_SUCCESS || timer->Published == timer->Order.Count)
        {
            timer->Running = FALSE;
            KeCancelTimer(&timer->Timer);
        }
    }
    KeReleaseSpinLockFromDpcLevel(&timer->Lock);
}

VOID
RelayTimerInitialize(RELAY_TIMER *Timer, PUPCALL_CHANNEL Channel)
{
    Timer->Channel = Channel;
    KeInitializeSpinLock(&Timer->Lock);
    KeInitializeTimer(&Timer->Timer);
    KeInitializeDpc(&Timer->Dpc, TimerDpc, Timer);
}

static BOOLEAN
OrderIsValid(const RELAY_PUBLISH_INPUT *Order)
{
    return Order->Topic < UPCALL_MAX_TOPICS && Order->Count >= 1 &&
           Order->RecordBytes >= sizeof(ULONG64) && Order->RecordBytes <= RELAY_MAX_TIMER_BYTES &&
           Order->PeriodMs >= 1 && Order->PeriodMs <= 60000 && Order->PerTick >= 1 &&
           Order->PerTick <= UPCALL_MAX_NOTIFY_BATCH && Order->Reserved == 0;
}

NTSTATUS
RelayTimerStart(RELAY_TIMER *Timer, const RELAY_PUBLISH_INPUT *Order)
{
    KIRQL irql;
    if (!OrderIsValid(Order))
    {
        return STATUS_INVALID_PARAMETER;
    }
    UCHAR *payloads =
        ExAllocatePoolWithTag(NonPagedPool, Order->PerTick * Order->RecordBytes, RELAY_POOL_TAG);
    if (payloads == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }

    UCHAR *unused = payloads;
    NTSTATUS status = STATUS_DEVICE_BUSY;
    KeAcquireSpinLock(&Timer->Lock, &irql);
    if (!Timer->Running)
    {
        LARGE_INTEGER due;
        due.QuadPart = -10000ll * Order->PeriodMs;
        unused = Timer->Payloads;
        Timer->Payloads = payloads;
        Timer->Order = *Order;
        Timer->Published = 0;
        Timer->Running = TRUE;
        KeSetTimerEx(&Timer->Timer, due, (LONG)Order->PeriodMs, &Timer->Dpc);
        status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&Timer->Lock, irql);
    if (unused != NULL)
    {
        ExFreePoolWithTag(unused, RELAY_POOL_TAG);
    }
    return status;
}

VOID
RelayTimerStop(RELAY_TIMER *Timer)
{
    KIRQL irql;
    KeAcquireSpinLock(&Timer->Lock, &irql);
    Timer->Running = FALSE;
    KeCancelTimer(&Timer->Timer);
    KeReleaseSpinLock(&Timer->Lock, irql);
}

VOID
RelayTimerDestroy(RELAY_TIMER *Timer)
{
    RelayTimerStop(Timer);
    // A tick may have expired already and stand in a processor's queue.
    KeRemoveQueueDpc(&Timer->Dpc);
    KeFlushQueuedDpcs();
    if (Timer->Payloads != NULL)
    {
        ExFreePoolWithTag(Timer->Payloads, RELAY_POOL_TAG);
    }
}
