// SPDX-License-Identifier: MIT
// Contract cases: cancelling reads that are being completed neither loses nor doubles a record.

#include "cases.h"

#define IN_FLIGHT 4
#define RECORDS   3000

typedef struct RACE
{
    HANDLE File;
    HANDLE Feeder;
    OVERLAPPED Reads[IN_FLIGHT];
    BYTE Buffers[IN_FLIGHT][512];
    BOOL Pending[IN_FLIGHT];
    // Ordinal to the first record's sequence number; batches may be collected in any order.
    ULONGLONG Firsts[RECORDS + 1];
    DWORD Counts[RECORDS + 1];
    ULONGLONG Records;
    ULONGLONG Aborted;
} RACE;

static DWORD WINAPI
FeedOneByOne(LPVOID Context)
{
    for (DWORD i = 0; i < RECORDS; i++)
    {
        Feed((HANDLE)Context, 0, i, 1, 8);
    }
    return 0;
}

static void
Start(RACE *Race, int Slot)
{
    memset(Race->Buffers[Slot], 0, sizeof(Race->Buffers[Slot]));
    if (!ReadFile(Race->File, Race->Buffers[Slot], sizeof(Race->Buffers[Slot]), NULL,
                  &Race->Reads[Slot]))
    {
        CHECK_EQUAL(GetLastError(), ERROR_IO_PENDING);
    }
    Race->Pending[Slot] = TRUE;
}

// Waits for the read. A success that arrives after a cancel is data.
static void
Collect(RACE *Race, int Slot)
{
    DWORD bytes = 0;
    Race->Pending[Slot] = FALSE;
    if (!GetOverlappedResult(Race->File, &Race->Reads[Slot], &bytes, TRUE))
    {
        CHECK_EQUAL(GetLastError(), ERROR_OPERATION_ABORTED);
        CHECK_EQUAL(bytes, 0);
        Race->Aborted++;
        return;
    }
    UPCALL_BATCH_HEADER batch;
    UPCALL_RECORD_HEADER record;
    memcpy(&batch, Race->Buffers[Slot], sizeof(batch));
    memcpy(&record, Race->Buffers[Slot] + sizeof(batch), sizeof(record));
    CHECK_EQUAL(batch.Size, bytes);
    CHECK(batch.Ordinal >= 1 && batch.Ordinal <= RECORDS);
    CHECK_EQUAL(Race->Counts[batch.Ordinal], 0);
    CHECK_EQUAL(record.Flags, 0);
    Race->Firsts[batch.Ordinal] = record.Sequence;
    Race->Counts[batch.Ordinal] = batch.Count;
    Race->Records += batch.Count;
}

void
cancel_races_completion(const SIGNAL *Signal)
{
    (void)Signal;
    static RACE race;
    race.File = OpenRaw(FILE_FLAG_OVERLAPPED);
    race.Feeder = OpenFeed();
    UPCALL_SUBSCRIBE_INPUT input = RawInput(NULL);
    input.Signal = UPCALL_SIGNAL_COMPLETION;
    input.QueueBytes = 1u << 20;
    CHECK_EQUAL(RawSubscribe(race.File, &input, NULL), ERROR_SUCCESS);
    for (int slot = 0; slot < IN_FLIGHT; slot++)
    {
        race.Reads[slot].hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        CHECK_CALL(race.Reads[slot].hEvent != NULL);
    }
    HANDLE thread = StartThread(FeedOneByOne, race.Feeder);
    for (DWORD turn = 0; race.Records < RECORDS; turn++)
    {
        int slot = (int)(turn % IN_FLIGHT);
        if (race.Pending[slot])
        {
            // One of two ways to cancel, in three of four turns.
            if (turn % 4 == 1)
            {
                CancelIoEx(race.File, NULL);
            }
            else if (turn % 4 != 0)
            {
                CancelIoEx(race.File, &race.Reads[slot]);
            }
            else
            {
                // Let this one complete, unless nobody feeds any more: it might be the one too
                // many.
                HANDLE either[2] = {race.Reads[slot].hEvent, thread};
                DWORD which = WaitForMultipleObjects(2, either, FALSE, DEADLINE_MS);
                CHECK(which == WAIT_OBJECT_0 || which == WAIT_OBJECT_0 + 1);
                if (which == WAIT_OBJECT_0 + 1)
                {
                    CancelIoEx(race.File, &race.Reads[slot]);
                }
            }
            Collect(&race, slot);
        }
        if (race.Records < RECORDS)
        {
            Start(&race, slot);
        }
    }
    JoinThread(thread);
    CancelIoEx(race.File, NULL);
    for (int slot = 0; slot < IN_FLIGHT; slot++)
    {
        if (race.Pending[slot])
        {
            Collect(&race, slot);
        }
        CloseHandle(race.Reads[slot].hEvent);
    }
    // Exactly once, in the order of the ordinals, which have no gaps.
    ULONGLONG next = 1;
    for (DWORD ordinal = 1; ordinal <= RECORDS && next <= RECORDS; ordinal++)
    {
        CHECK_EQUAL(race.Firsts[ordinal], next);
        next += race.Counts[ordinal];
    }
    CHECK_EQUAL(next, RECORDS + 1);
    CHECK_EQUAL(race.Records, RECORDS);
    CloseHandle(race.File);
    CloseHandle(race.Feeder);
}

// The thread that started a read ends: the system cancels it, and the library goes on without loss.
typedef struct STARTER
{
    UPCALL_SUBSCRIPTION *Subscription;
    UPCALL_CONNECTION *Connection;
    const SIGNAL *Signal;
} STARTER;

static DWORD WINAPI
SubscribeAndEnd(LPVOID Context)
{
    STARTER *starter = Context;
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(starter->Signal);
    starter->Subscription = Subscribe(starter->Connection, &config);
    ExpectNone(starter->Subscription);
    return 0;
}

void
reads_outlive_their_thread(const SIGNAL *Signal)
{
    STARTER starter = {.Connection = Open(), .Signal = Signal};
    HANDLE feeder = OpenFeed();
    JoinThread(StartThread(SubscribeAndEnd, &starter));
    for (DWORD i = 0; i < 50; i++)
    {
        Feed(feeder, 0, i, 1, 8);
    }
    for (DWORD i = 0; i < 50; i++)
    {
        Expect(starter.Subscription, i + 1, 0, i, 8);
    }
    CHECK_EQUAL(UpcallClose(starter.Connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}
