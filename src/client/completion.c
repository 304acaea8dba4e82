// SPDX-License-Identifier: MIT
// COMPLETION: several overlapped reads in flight, by event or port, put in order by ordinal.

#include <string.h>

#include "connection.h"

// All reads share one manual-reset event. The system resets it whenever a read is started and sets
// it whenever one completes, so being set or not says little by itself. What makes it work is the
// order:
//
//     start the reads that are to be started; ResetEvent; look at every read; wait only if none is
//     done
//
// A completion before the look is seen by the look. One after it comes after the last reset, too,
// and the event stays set until the wait.

// ---- Reads --------------------------------------------------------------------------------------

static void
StartRead(UPCALL_SUBSCRIPTION *Subscription, SLOT *Slot)
{
    memset(&Slot->Overlapped, 0, sizeof(Slot->Overlapped));
    Slot->Overlapped.hEvent = Subscription->Event;
    memset(Slot->Buffer, 0, sizeof(UPCALL_BATCH_HEADER));
    Slot->State = SlotPending;
    if (!ReadFile(Subscription->File, Slot->Buffer, Slot->BufferBytes, NULL, &Slot->Overlapped) &&
        GetLastError() != ERROR_IO_PENDING)
    {
        // Refused outright: no completion will come for it. (Done at once is a completion like
        // others.)
        Slot->State = SlotIdle;
        Subscription->Failure = GetLastError();
    }
}

// What has become of a read that the system is done with.
static void
TakeCompletion(UPCALL_SUBSCRIPTION *Subscription, SLOT *Slot, DWORD Error, DWORD Bytes)
{
    ULONGLONG ordinal;
    Slot->State = SlotIdle;
    switch (Error)
    {
    case ERROR_SUCCESS:
        Slot->BatchBytes = Bytes;
        if (UpcallBatchIsGood(Slot, &ordinal) && ordinal > Subscription->Ordinal)
        {
            Slot->State = SlotReady;
        }
        else
        {
            Subscription->Failure = ERROR_INVALID_DATA;
        }
        break;
    case ERROR_MORE_DATA:
        Error = UpcallGrowSlot(Slot);
        if (Error != ERROR_SUCCESS)
        {
            Subscription->Failure = Error;
        }
        break;
    case ERROR_OPERATION_ABORTED:
        // Not by us: the thread that started it has ended, and the system cancels what it had
        // pended. It carried nothing; another is started in its place.
        break;
    default:
        Subscription->Failure = Error;
        break;
    }
}

// Looks at every read that is under way (by event). TRUE if one was done.
static BOOL
CollectByEvent(UPCALL_SUBSCRIPTION *Subscription)
{
    BOOL any = FALSE;
    ResetEvent(Subscription->Event);
    for (DWORD i = 0; i < Subscription->SlotCount; i++)
    {
        SLOT *slot = &Subscription->Slots[i];
        if (slot->State != SlotPending)
        {
            continue;
        }
        DWORD bytes = 0;
        DWORD error = ERROR_SUCCESS;
        if (!GetOverlappedResult(Subscription->File, &slot->Overlapped, &bytes, FALSE))
        {
            error = GetLastError();
        }
        if (error != ERROR_IO_INCOMPLETE)
        {
            TakeCompletion(Subscription, slot, error, bytes);
            any = TRUE;
        }
    }
    return any;
}

// Takes one packet from the port. ERROR_SUCCESS (also for a cancel's packet), ERROR_TIMEOUT or an
// error.
static DWORD
CollectByPort(UPCALL_SUBSCRIPTION *Subscription, DWORD TimeoutMs)
{
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    OVERLAPPED *overlapped = NULL;
    DWORD error = ERROR_SUCCESS;
    if (!GetQueuedCompletionStatus(Subscription->Port, &bytes, &key, &overlapped, TimeoutMs))
    {
        error = GetLastError();
    }
    if (overlapped != NULL)
    {
        TakeCompletion(Subscription, CONTAINING_RECORD(overlapped, SLOT, Overlapped), error, bytes);
        return ERROR_SUCCESS;
    }
    return error == WAIT_TIMEOUT ? ERROR_TIMEOUT : error;
}

// ---- Order --------------------------------------------------------------------------------------

// Makes the batch behind the last received one Current, if it is there.
static BOOL
TakeNext(UPCALL_SUBSCRIPTION *Subscription)
{
    for (DWORD i = 0; i < Subscription->SlotCount; i++)
    {
        SLOT *slot = &Subscription->Slots[i];
        ULONGLONG ordinal;
        if (slot->State == SlotReady && UpcallBatchIsGood(slot, &ordinal) &&
            ordinal == Subscription->Ordinal + 1)
        {
            slot->State = SlotCurrent;
            Subscription->Current = slot;
            return TRUE;
        }
    }
    return FALSE;
}

static BOOL
StartIdleReads(UPCALL_SUBSCRIPTION *Subscription)
{
    BOOL any = FALSE;
    for (DWORD i = 0; i < Subscription->SlotCount && Subscription->Failure == ERROR_SUCCESS; i++)
    {
        if (Subscription->Slots[i].State == SlotIdle)
        {
            StartRead(Subscription, &Subscription->Slots[i]);
            any = TRUE;
        }
    }
    return any;
}

DWORD
UpcallCompletionFetch(UPCALL_SUBSCRIPTION *Subscription)
{
    for (;;)
    {
        BOOL started = StartIdleReads(Subscription);
        if (TakeNext(Subscription))
        {
            return ERROR_SUCCESS;
        }
        BOOL collected = Subscription->Port != NULL
                             ? CollectByPort(Subscription, 0) == ERROR_SUCCESS
                             : CollectByEvent(Subscription);
        if (TakeNext(Subscription))
        {
            return ERROR_SUCCESS;
        }
        if (Subscription->Failure != ERROR_SUCCESS)
        {
            return Subscription->Failure;
        }
        // Nothing started and nothing collected since the last look: every read is under way, or
        // waits, done, for the one before it.
        if (!started && !collected)
        {
            return ERROR_NO_MORE_ITEMS;
        }
    }
}

DWORD
UpcallCompletionWait(UPCALL_SUBSCRIPTION *Subscription, DWORD TimeoutMs)
{
    if (Subscription->Port != NULL)
    {
        return CollectByPort(Subscription, TimeoutMs);
    }
    DWORD result = WaitForSingleObject(Subscription->Event, TimeoutMs);
    if (result == WAIT_TIMEOUT)
    {
        return ERROR_TIMEOUT;
    }
    return result == WAIT_FAILED ? GetLastError() : ERROR_SUCCESS;
}

static BOOL
AnyPending(const UPCALL_SUBSCRIPTION *Subscription)
{
    for (DWORD i = 0; i < Subscription->SlotCount; i++)
    {
        if (Subscription->Slots[i].State == SlotPending)
        {
            return TRUE;
        }
    }
    return FALSE;
}

void
UpcallCompletionReap(UPCALL_SUBSCRIPTION *Subscription)
{
    // Cancelled, and ended by the driver: each read has completed or is just completing, and only
    // the news is to be collected. A wait that fails means that the other side is gone, with the
    // reads.
    while (AnyPending(Subscription))
    {
        if (Subscription->Port != NULL)
        {
            if (CollectByPort(Subscription, INFINITE) != ERROR_SUCCESS)
            {
                return;
            }
        }
        else if (!CollectByEvent(Subscription) && AnyPending(Subscription) &&
                 WaitForSingleObject(Subscription->Event, INFINITE) == WAIT_FAILED)
        {
            return;
        }
    }
}
