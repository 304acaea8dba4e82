// SPDX-License-Identifier: MIT
// Contract cases: what is fed arrives, whole, in order, once, to whom it matches.

#include "cases.h"

// Every length that matters, in bursts that the queue holds.
void
all_arrive_in_order(const SIGNAL *Signal)
{
    static const DWORD lengths[] = {0, 1, 7, 8, 9, 63, 64, 65, 255, 1500, 4096, 9000};
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.QueueBytes = 1u << 20;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    ULONGLONG sequence = 0;

    ExpectNone(subscription);
    for (DWORD round = 0; round < 40; round++)
    {
        DWORD length = lengths[round % (sizeof(lengths) / sizeof(lengths[0]))];
        ULONGLONG first = sequence;
        for (DWORD burst = 0; burst < 3; burst++)
        {
            Feed(feeder, (round + burst) % UPCALL_MAX_TOPICS, sequence, 7, length);
            sequence += 7;
        }
        for (ULONGLONG i = first; i < sequence; i++)
        {
            Expect(subscription, i + 1, (DWORD)(round + (i - first) / 7) % UPCALL_MAX_TOPICS, i,
                   length);
        }
        ExpectNone(subscription);
    }
    UPCALL_SUBSCRIPTION_STATISTICS statistics = Statistics(subscription);
    CHECK_EQUAL(statistics.Matched, sequence);
    CHECK_EQUAL(statistics.Delivered, sequence);
    CHECK_EQUAL(statistics.Lost, 0);
    CHECK_EQUAL(ChannelStatistics(connection).Notified, sequence);
    CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// The longest record, and one byte more.
void
longest_record_arrives(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.Flags = UPCALL_SUBSCRIBE_TIMESTAMPS;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    Feed(feeder, 5, 1, 1, UPCALL_MAX_RECORD_BYTES);
    Expect(subscription, 1, 5, 1, UPCALL_MAX_RECORD_BYTES);

    static BYTE write[sizeof(UPCALL_RELAY_HEADER) + UPCALL_MAX_RECORD_BYTES + 1];
    UPCALL_RELAY_HEADER header = {.Size = sizeof(write)};
    DWORD written;
    memcpy(write, &header, sizeof(header));
    CHECK_REFUSED(WriteFile(feeder, write, sizeof(write), &written, NULL),
                  ERROR_INVALID_USER_BUFFER);
    CHECK_EQUAL(ChannelStatistics(connection).Notified, 1);
    ExpectNone(subscription);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

typedef struct FEEDER
{
    HANDLE File;
    DWORD Bursts;
    DWORD PerBurst;
    DWORD Length;
} FEEDER;

static DWORD WINAPI
FeedInBursts(LPVOID Context)
{
    const FEEDER *feeder = Context;
    for (DWORD burst = 0; burst < feeder->Bursts; burst++)
    {
        Feed(feeder->File, burst % UPCALL_MAX_TOPICS, (ULONGLONG)burst * feeder->PerBurst,
             feeder->PerBurst, feeder->Length);
    }
    return 0;
}

// The consumer sleeps and wakes while another thread feeds; the queue holds all, so none may be
// lost.
void
woken_for_every_record(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.QueueBytes = 4u << 20;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    FEEDER feeder = {.File = OpenFeed(), .Bursts = 2000, .PerBurst = 3, .Length = 64};
    HANDLE thread = StartThread(FeedInBursts, &feeder);
    ULONGLONG lastOrdinal = 0;
    for (ULONGLONG i = 0; i < (ULONGLONG)feeder.Bursts * feeder.PerBurst; i++)
    {
        UPCALL_RECORD record;
        CHECK_EQUAL(UpcallReceive(subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
        CHECK_EQUAL(record.Sequence, i + 1);
        CHECK_EQUAL(record.Topic, (i / feeder.PerBurst) % UPCALL_MAX_TOPICS);
        CHECK_EQUAL(((const BYTE *)record.Data)[63], PatternByte(i, 63));
        // Batches come in order and none is missing.
        CHECK(record.Ordinal == lastOrdinal || record.Ordinal == lastOrdinal + 1);
        lastOrdinal = record.Ordinal;
        CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_SUCCESS);
    }
    JoinThread(thread);
    ExpectNone(subscription);
    UPCALL_SUBSCRIPTION_STATISTICS statistics = Statistics(subscription);
    CHECK_EQUAL(statistics.Lost, 0);
    CHECK_EQUAL(statistics.Batches, lastOrdinal);
    // At most one doorbell for each time the consumer had drained all.
    CHECK(statistics.Doorbells <= statistics.Batches + UPCALL_MAX_READS_IN_FLIGHT);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder.File);
}

// Several feeders at once: every subscription sees the same order, without gaps.
void
many_feeders_one_order(const SIGNAL *Signal)
{
    enum
    {
        Feeders = 3
    };
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.QueueBytes = 4u << 20;
    UPCALL_SUBSCRIPTION *first = Subscribe(connection, &config);
    UPCALL_SUBSCRIPTION *second = Subscribe(connection, &config);
    FEEDER feeders[Feeders];
    HANDLE threads[Feeders];
    for (int i = 0; i < Feeders; i++)
    {
        FEEDER feeder = {.File = OpenFeed(), .Bursts = 300, .PerBurst = 2, .Length = 40};
        feeders[i] = feeder;
        threads[i] = StartThread(FeedInBursts, &feeders[i]);
    }
    for (ULONGLONG sequence = 1; sequence <= Feeders * 600; sequence++)
    {
        UPCALL_RECORD one;
        UPCALL_RECORD other;
        CHECK_EQUAL(UpcallReceive(first, &one, DEADLINE_MS), ERROR_SUCCESS);
        CHECK_EQUAL(UpcallReceive(second, &other, DEADLINE_MS), ERROR_SUCCESS);
        CHECK_EQUAL(one.Sequence, sequence);
        CHECK_EQUAL(other.Sequence, sequence);
        CHECK_EQUAL(one.Topic, other.Topic);
        CHECK_EQUAL(memcmp(one.Data, other.Data, 40), 0);
        CHECK_EQUAL(UpcallRelease(first, &one), ERROR_SUCCESS);
        CHECK_EQUAL(UpcallRelease(second, &other), ERROR_SUCCESS);
    }
    for (int i = 0; i < Feeders; i++)
    {
        JoinThread(threads[i]);
        CloseHandle(feeders[i].File);
    }
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
}

// Masks select; sequence numbers then have gaps, ordinals have none.
void
masks_select(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *all = Subscribe(connection, &config);
    config.Topics = 0x5555555555555555ull;
    UPCALL_SUBSCRIPTION *even = Subscribe(connection, &config);
    config.Topics = 1ull << 63;
    UPCALL_SUBSCRIPTION *last = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    for (DWORD topic = 0; topic < 64; topic++)
    {
        Feed(feeder, topic, topic, 1, 16);
    }
    for (DWORD topic = 0; topic < 64; topic++)
    {
        Expect(all, topic + 1, topic, topic, 16);
        if (topic % 2 == 0)
        {
            Expect(even, topic + 1, topic, topic, 16);
        }
    }
    Expect(last, 64, 63, 63, 16);
    ExpectNone(all);
    ExpectNone(even);
    ExpectNone(last);
    CHECK_EQUAL(Statistics(all).Matched, 64);
    CHECK_EQUAL(Statistics(even).Matched, 32);
    CHECK_EQUAL(Statistics(last).Matched, 1);
    CHECK_EQUAL(Statistics(last).Batches, 1);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// A subscription begins with the first record after it, and its neighbour's end is nothing to it.
void
subscriptions_are_independent(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_CONNECTION *other = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    HANDLE feeder = OpenFeed();
    Feed(feeder, 0, 0, 2, 8);
    UPCALL_SUBSCRIPTION *first = Subscribe(connection, &config);
    Feed(feeder, 0, 2, 1, 8);
    UPCALL_SUBSCRIPTION *second = Subscribe(other, &config);
    Feed(feeder, 0, 3, 1, 8);
    Expect(first, 3, 0, 2, 8);
    CHECK_EQUAL(UpcallClose(other), ERROR_SUCCESS);
    (void)second;
    Feed(feeder, 0, 4, 1, 8);
    Expect(first, 4, 0, 3, 8);
    Expect(first, 5, 0, 4, 8);
    ExpectNone(first);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// Reads too short for a batch get whole records; too short for a record, they grow.
void
short_reads_get_whole_records(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.ReadBytes = UPCALL_BATCH_HEADER_BYTES + 3 * 48 + 8;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    ExpectNone(subscription);
    Feed(feeder, 0, 0, 30, 32);
    for (DWORD i = 0; i < 30; i++)
    {
        Expect(subscription, i + 1, 0, i, 32);
    }
    // No batch held more than three, as the reads had room for.
    CHECK(Statistics(subscription).Batches >= 10);
    Feed(feeder, 0, 30, 3, 32);
    Feed(feeder, 0, 33, 1, 20000);
    Feed(feeder, 0, 34, 3, 32);
    for (DWORD i = 30; i < 37; i++)
    {
        Expect(subscription, i + 1, 0, i, i == 33 ? 20000 : 32);
    }
    ExpectNone(subscription);
    CHECK_EQUAL(Statistics(subscription).Delivered, 37);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// Timestamps lie between the clock before and after, and in order; without asking there are none.
void
timestamps_are_the_counter(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *without = Subscribe(connection, &config);
    config.Flags = UPCALL_SUBSCRIBE_TIMESTAMPS;
    UPCALL_SUBSCRIPTION *with = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    for (DWORD i = 0; i < 20; i++)
    {
        LARGE_INTEGER before;
        LARGE_INTEGER after;
        UPCALL_RECORD record;
        CHECK_CALL(QueryPerformanceCounter(&before));
        Feed(feeder, 1, i, 1, i);
        CHECK_CALL(QueryPerformanceCounter(&after));
        CHECK_EQUAL(UpcallReceive(with, &record, DEADLINE_MS), ERROR_SUCCESS);
        CHECK_EQUAL(record.Flags, UPCALL_RECORD_TIMESTAMPED);
        CHECK_EQUAL(record.Length, i);
        CHECK(record.Timestamp >= (ULONGLONG)before.QuadPart);
        CHECK(record.Timestamp <= (ULONGLONG)after.QuadPart);
        CHECK_EQUAL(UpcallRelease(with, &record), ERROR_SUCCESS);
        CHECK_EQUAL(UpcallReceive(without, &record, DEADLINE_MS), ERROR_SUCCESS);
        CHECK_EQUAL(record.Flags, 0);
        CHECK_EQUAL(record.Timestamp, 0);
        CHECK_EQUAL(UpcallRelease(without, &record), ERROR_SUCCESS);
    }
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// The timer DPC's records arrive like others, while the consumer sleeps between them.
void
timer_records_arrive(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    RELAY_PUBLISH_INPUT order = {.Size = sizeof(order),
                                 .Topic = 9,
                                 .Count = 50,
                                 .RecordBytes = 24,
                                 .PeriodMs = 1,
                                 .PerTick = 4};
    DWORD returned;
    CHECK_CALL(DeviceIoControl(feeder, RELAY_IOCTL_PUBLISH, &order, sizeof(order), NULL, 0,
                               &returned, NULL));
    for (ULONGLONG i = 0; i < order.Count; i++)
    {
        UPCALL_RECORD record;
        ULONGLONG index;
        CHECK_EQUAL(UpcallReceive(subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
        CHECK_EQUAL(record.Topic, 9);
        CHECK_EQUAL(record.Length, 24);
        memcpy(&index, record.Data, sizeof(index));
        CHECK_EQUAL(index, i);
        CHECK_EQUAL(((const BYTE *)record.Data)[23], i & 0xFF);
        CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_SUCCESS);
    }
    CHECK_CALL(
        DeviceIoControl(feeder, RELAY_IOCTL_PUBLISH_STOP, NULL, 0, NULL, 0, &returned, NULL));
    ExpectNone(subscription);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}
