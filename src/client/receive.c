// SPDX-License-Identifier: MIT
// Receiving: batches from reads that end at once, waiting for the signal, one record after another.

#include <stdlib.h>
#include <string.h>

#include "connection.h"

// ---- Batches ------------------------------------------------------------------------------------

BOOL
UpcallBatchIsGood(const SLOT *Slot, ULONGLONG *Ordinal)
{
    UPCALL_BATCH_HEADER header;
    if (Slot->BatchBytes < sizeof(header) || Slot->BatchBytes > Slot->BufferBytes)
    {
        return FALSE;
    }
    memcpy(&header, Slot->Buffer, sizeof(header));
    *Ordinal = header.Ordinal;
    return header.Size == Slot->BatchBytes && header.Count != 0 && header.NeededBytes == 0 &&
           header.Ordinal != 0;
}

DWORD
UpcallGrowSlot(SLOT *Slot)
{
    UPCALL_BATCH_HEADER header;
    memcpy(&header, Slot->Buffer, sizeof(header));
    if (header.NeededBytes <= Slot->BufferBytes || header.NeededBytes > UPCALL_MAX_READ_BYTES)
    {
        return ERROR_INVALID_DATA;
    }
    BYTE *longer = realloc(Slot->Buffer, header.NeededBytes);
    if (longer == NULL)
    {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    Slot->Buffer = longer;
    Slot->BufferBytes = header.NeededBytes;
    return ERROR_SUCCESS;
}

// EVENT and NAMED_EVENT: a read ends at once, with a batch or, having armed the signal, without.
static DWORD
FetchBySyncRead(UPCALL_SUBSCRIPTION *Subscription)
{
    SLOT *slot = &Subscription->Slots[0];
    for (;;)
    {
        ULONGLONG ordinal;
        DWORD bytes = 0;
        memset(slot->Buffer, 0, sizeof(UPCALL_BATCH_HEADER));
        if (ReadFile(Subscription->File, slot->Buffer, slot->BufferBytes, &bytes, NULL))
        {
            slot->BatchBytes = bytes;
            if (!UpcallBatchIsGood(slot, &ordinal) || ordinal != Subscription->Ordinal + 1)
            {
                return ERROR_INVALID_DATA;
            }
            Subscription->Current = slot;
            return ERROR_SUCCESS;
        }
        DWORD error = GetLastError();
        if (error != ERROR_MORE_DATA)
        {
            return error;
        }
        error = UpcallGrowSlot(slot);
        if (error != ERROR_SUCCESS)
        {
            return error;
        }
    }
}

static DWORD
Fetch(UPCALL_SUBSCRIPTION *Subscription)
{
    DWORD error = ERROR_SUCCESS;
    if (Subscription->Current == NULL)
    {
        if (Subscription->Signal == UPCALL_SIGNAL_COMPLETION)
        {
            error = UpcallCompletionFetch(Subscription);
        }
        else if (Subscription->Failure != ERROR_SUCCESS)
        {
            error = Subscription->Failure;
        }
        else
        {
            error = FetchBySyncRead(Subscription);
        }
    }
    if (error == ERROR_SUCCESS)
    {
        UPCALL_BATCH_HEADER header;
        memcpy(&header, Subscription->Current->Buffer, sizeof(header));
        Subscription->Offset = sizeof(header);
        Subscription->RecordsLeft = header.Count;
        Subscription->Ordinal = header.Ordinal;
    }
    return error;
}

// Takes the next record out of the current batch. FALSE if no driver of ours wrote it.
static BOOL
TakeRecord(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record)
{
    const SLOT *slot = Subscription->Current;
    const BYTE *at = slot->Buffer + Subscription->Offset;
    DWORD left = slot->BatchBytes - Subscription->Offset;
    UPCALL_RECORD_HEADER header;

    if (left < sizeof(header))
    {
        return FALSE;
    }
    memcpy(&header, at, sizeof(header));
    DWORD before = sizeof(header);
    if (header.Flags & UPCALL_RECORD_TIMESTAMPED)
    {
        before += UPCALL_TIMESTAMP_BYTES;
    }
    // In this order nothing overflows.
    if (left < before || header.Length > left - before || header.Topic >= UPCALL_MAX_TOPICS ||
        ((header.Flags & UPCALL_RECORD_LOST) != 0 && header.Length != sizeof(UPCALL_LOST)))
    {
        return FALSE;
    }
    memset(Record, 0, sizeof(*Record));
    Record->Data = at + before;
    Record->Length = header.Length;
    Record->Topic = header.Topic;
    Record->Flags = header.Flags;
    Record->Sequence = header.Sequence;
    Record->Ordinal = Subscription->Ordinal;
    if (header.Flags & UPCALL_RECORD_TIMESTAMPED)
    {
        memcpy(&Record->Timestamp, at + sizeof(header), sizeof(Record->Timestamp));
    }
    DWORD bytes = (before + header.Length + UPCALL_RECORD_ALIGNMENT - 1) &
                  ~(DWORD)(UPCALL_RECORD_ALIGNMENT - 1);
    Subscription->Offset += bytes < left ? bytes : left;
    Subscription->RecordsLeft--;
    return TRUE;
}

// ---- Waiting ------------------------------------------------------------------------------------

// Waits for the signal or a cancel. No wakeup is lost: the signal was armed by the read that found
// nothing, and from then on the driver gives it once for the next record or loss; it stays set
// until this wait, or the caller's own, takes it.
static DWORD
WaitForSignal(UPCALL_SUBSCRIPTION *Subscription, DWORD TimeoutMs)
{
    if (Subscription->Signal == UPCALL_SIGNAL_COMPLETION)
    {
        return UpcallCompletionWait(Subscription, TimeoutMs);
    }
    HANDLE handles[2] = {Subscription->Event, Subscription->CancelEvent};
    DWORD result = Subscription->Event == Subscription->CancelEvent
                       ? WaitForSingleObject(Subscription->Event, TimeoutMs)
                       : WaitForMultipleObjects(2, handles, FALSE, TimeoutMs);
    if (result == WAIT_TIMEOUT)
    {
        return ERROR_TIMEOUT;
    }
    return result == WAIT_FAILED ? GetLastError() : ERROR_SUCCESS;
}

static BOOL
IsCanceled(UPCALL_SUBSCRIPTION *Subscription)
{
    // Interlocked, hence a full fence: pairs with the exchange in UpcallCancel.
    return InterlockedCompareExchange(&Subscription->Canceled, 0, 0) != 0;
}

DWORD
UpcallReceiveNext(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record, DWORD TimeoutMs)
{
    ULONGLONG begin = 0;
    DWORD left = TimeoutMs;
    for (;;)
    {
        // Also behind each wait, whose signal may have been the cancel's.
        if (IsCanceled(Subscription))
        {
            return ERROR_OPERATION_ABORTED;
        }
        if (Subscription->RecordsLeft != 0)
        {
            break;
        }
        if (Subscription->Current != NULL && Subscription->Offset != 0)
        {
            // Its last record has been released; the buffer is free for the next read.
            Subscription->Current->State = SlotIdle;
            Subscription->Current = NULL;
            Subscription->Offset = 0;
        }
        DWORD error = Fetch(Subscription);
        if (error == ERROR_SUCCESS)
        {
            continue;
        }
        if (error != ERROR_NO_MORE_ITEMS || TimeoutMs == 0)
        {
            return error;
        }
        if (TimeoutMs != INFINITE)
        {
            ULONGLONG now = GetTickCount64();
            begin = begin == 0 ? now : begin;
            left = now - begin < TimeoutMs ? TimeoutMs - (DWORD)(now - begin) : 0;
        }
        // Once more, behind Fetch: it may have reset the event, or taken the packet, of a cancel.
        if (IsCanceled(Subscription))
        {
            return ERROR_OPERATION_ABORTED;
        }
        error = WaitForSignal(Subscription, left);
        if (error != ERROR_SUCCESS)
        {
            return error;
        }
    }
    if (!TakeRecord(Subscription, Record))
    {
        Subscription->RecordsLeft = 0;
        Subscription->Current = NULL;
        Subscription->Failure = ERROR_INVALID_DATA;
        return ERROR_INVALID_DATA;
    }
    Subscription->Held = Record->Data;
    return ERROR_SUCCESS;
}

DWORD WINAPI
UpcallReceive(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record, DWORD TimeoutMs)
{
    if (Record == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    memset(Record, 0, sizeof(*Record));
    if (Subscription == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (Subscription->Started || Subscription->Held != NULL)
    {
        return ERROR_BUSY;
    }
    return UpcallReceiveNext(Subscription, Record, TimeoutMs);
}

DWORD WINAPI
UpcallRelease(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record)
{
    if (Subscription == NULL || Record == NULL || Record->Data == NULL || Subscription->Started ||
        Subscription->Held != Record->Data)
    {
        return ERROR_INVALID_PARAMETER;
    }
    Subscription->Held = NULL;
    memset(Record, 0, sizeof(*Record));
    return ERROR_SUCCESS;
}
