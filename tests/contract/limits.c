// SPDX-License-Identifier: MIT
// Contract cases: the limits hold, are given back, and one call's wakes are bounded but all happen.

#include "cases.h"

static HANDLE Files[UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS + 1];

void
subscriptions_per_process(const SIGNAL *Signal)
{
    (void)Signal;
    UPCALL_CONNECTION *connection = Open();
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    CHECK_CALL(event != NULL);
    UPCALL_SUBSCRIBE_INPUT input = RawInput(event);
    input.QueueBytes = UPCALL_MIN_QUEUE_BYTES;
    for (DWORD i = 0; i <= UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS; i++)
    {
        Files[i] = OpenRaw(0);
    }
    for (DWORD i = 0; i < UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS; i++)
    {
        CHECK_EQUAL(RawSubscribe(Files[i], &input, NULL), ERROR_SUCCESS);
    }
    HANDLE last = Files[UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS];
    CHECK_EQUAL(RawSubscribe(last, &input, NULL), ERROR_NOT_ENOUGH_QUOTA);
    CHECK_EQUAL(ChannelStatistics(connection).Subscriptions, UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS);
    CHECK_EQUAL(ChannelStatistics(connection).QueueBytes,
                UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS * UPCALL_MIN_QUEUE_BYTES);
    // One that ends makes room for one, by either way of ending.
    CHECK_EQUAL(RawUnsubscribe(Files[10], 0), ERROR_SUCCESS);
    CHECK_EQUAL(RawSubscribe(last, &input, NULL), ERROR_SUCCESS);
    CHECK_EQUAL(RawSubscribe(Files[10], &input, NULL), ERROR_NOT_ENOUGH_QUOTA);
    CHECK_CALL(CloseHandle(Files[20]));
    CHECK_EQUAL(RawSubscribe(Files[10], &input, NULL), ERROR_SUCCESS);
    Files[20] = OpenRaw(0);
    for (DWORD i = 0; i <= UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS; i++)
    {
        CHECK_CALL(CloseHandle(Files[i]));
    }
    CHECK_EQUAL(ChannelStatistics(connection).Subscriptions, 0);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(event);
}

void
queue_bytes_per_process(const SIGNAL *Signal)
{
    (void)Signal;
    const DWORD count = UPCALL_MAX_QUEUE_BYTES_PER_PROCESS / UPCALL_MAX_QUEUE_BYTES;
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    CHECK_CALL(event != NULL);
    UPCALL_SUBSCRIBE_INPUT input = RawInput(event);
    input.QueueBytes = UPCALL_MAX_QUEUE_BYTES;
    for (DWORD i = 0; i < count; i++)
    {
        Files[i] = OpenRaw(0);
        CHECK_EQUAL(RawSubscribe(Files[i], &input, NULL), ERROR_SUCCESS);
    }
    Files[count] = OpenRaw(0);
    input.QueueBytes = UPCALL_MIN_QUEUE_BYTES;
    CHECK_EQUAL(RawSubscribe(Files[count], &input, NULL), ERROR_NOT_ENOUGH_QUOTA);
    CHECK_EQUAL(RawUnsubscribe(Files[0], 0), ERROR_SUCCESS);
    CHECK_EQUAL(RawSubscribe(Files[count], &input, NULL), ERROR_SUCCESS);
    for (DWORD i = 0; i <= count; i++)
    {
        CHECK_CALL(CloseHandle(Files[i]));
    }
    CloseHandle(event);
}

static OVERLAPPED Reads[UPCALL_MAX_PENDED_READS + 1];
static BYTE Buffers[UPCALL_MAX_PENDED_READS + 1][256];

// Ends with the reads pended: the close of the handle cancels them.
void
pended_reads_per_subscription(const SIGNAL *Signal)
{
    (void)Signal;
    HANDLE file = OpenRaw(FILE_FLAG_OVERLAPPED);
    UPCALL_SUBSCRIBE_INPUT input = RawInput(NULL);
    input.Signal = UPCALL_SIGNAL_COMPLETION;
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_SUCCESS);
    for (DWORD i = 0; i <= UPCALL_MAX_PENDED_READS; i++)
    {
        Reads[i].hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        CHECK_CALL(Reads[i].hEvent != NULL);
        CHECK_REFUSED(ReadFile(file, Buffers[i], sizeof(Buffers[i]), NULL, &Reads[i]),
                      i < UPCALL_MAX_PENDED_READS ? ERROR_IO_PENDING : ERROR_NOT_ENOUGH_QUOTA);
    }
    // The first record takes the first read, and makes room for another.
    HANDLE feeder = OpenFeed();
    DWORD bytes;
    Feed(feeder, 0, 0, 1, 8);
    CHECK_CALL(GetOverlappedResult(file, &Reads[0], &bytes, TRUE));
    CHECK_EQUAL(bytes, UPCALL_BATCH_HEADER_BYTES + 24);
    CHECK_REFUSED(ReadFile(file, Buffers[0], sizeof(Buffers[0]), NULL, &Reads[0]),
                  ERROR_IO_PENDING);
    // They end with the subscription, every one, without data.
    CHECK_EQUAL(RawUnsubscribe(file, 0), ERROR_SUCCESS);
    for (DWORD i = 0; i < UPCALL_MAX_PENDED_READS; i++)
    {
        CHECK_REFUSED(GetOverlappedResult(file, &Reads[i], &bytes, TRUE), ERROR_OPERATION_ABORTED);
    }
    for (DWORD i = 0; i <= UPCALL_MAX_PENDED_READS; i++)
    {
        CloseHandle(Reads[i].hEvent);
    }
    CloseHandle(file);
    CloseHandle(feeder);
}

// More sleepers than one notify call wakes itself: every one is woken, without a further notify.
void
all_are_woken(const SIGNAL *Signal)
{
    enum
    {
        Count = 60
    };
    static UPCALL_SUBSCRIPTION *subscriptions[Count];
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.QueueBytes = UPCALL_MIN_QUEUE_BYTES;
    config.ReadBytes = 4096;
    for (int i = 0; i < Count; i++)
    {
        subscriptions[i] = Subscribe(connection, &config);
    }
    HANDLE feeder = OpenFeed();
    for (DWORD round = 0; round < 3; round++)
    {
        for (int i = 0; i < Count; i++)
        {
            ExpectNone(subscriptions[i]);
        }
        Feed(feeder, 0, round, 1, 8);
        for (int i = 0; i < Count; i++)
        {
            HANDLE wait;
            if (UpcallGetWaitHandle(subscriptions[i], &wait) == ERROR_SUCCESS)
            {
                CHECK_EQUAL(WaitForSingleObject(wait, DEADLINE_MS), WAIT_OBJECT_0);
            }
            Expect(subscriptions[i], round + 1, 0, round, 8);
        }
    }
    CHECK_EQUAL(ChannelStatistics(connection).Doorbells, 3 * Count);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}
