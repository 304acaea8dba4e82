// SPDX-License-Identifier: MIT
// Contract cases: nothing is lost silently; each loss is counted exactly, and told in its place.

#include "cases.h"

// What a consumer that may lose records has seen.
typedef struct TALLY
{
    ULONGLONG Next;  // sequence number expected next
    ULONGLONG Records;
    ULONGLONG Lost;
    ULONGLONG Gaps;
} TALLY;

// Receives what there is. Every number is either a record's or in a gap; none is skipped or seen
// twice.
static void
ReceiveAll(UPCALL_SUBSCRIPTION *Subscription, TALLY *Tally, DWORD Length)
{
    UPCALL_RECORD record;
    DWORD error;
    while ((error = UpcallReceive(Subscription, &record, 0)) == ERROR_SUCCESS)
    {
        CHECK_EQUAL(record.Sequence, Tally->Next);
        if (record.Flags & UPCALL_RECORD_LOST)
        {
            UPCALL_LOST lost;
            memcpy(&lost, record.Data, sizeof(lost));
            CHECK(lost.Count >= 1);
            CHECK_EQUAL(lost.FirstSequence, Tally->Next);
            CHECK_EQUAL(lost.LastSequence, lost.FirstSequence + lost.Count - 1);
            Tally->Lost += lost.Count;
            CHECK_EQUAL(lost.TotalCount, Tally->Lost);
            Tally->Gaps++;
            Tally->Next = lost.LastSequence + 1;
        }
        else
        {
            CHECK_EQUAL(record.Length, Length);
            CHECK_EQUAL(((const BYTE *)record.Data)[Length - 1],
                        PatternByte(record.Sequence, Length - 1));
            Tally->Records++;
            Tally->Next++;
        }
        CHECK_EQUAL(UpcallRelease(Subscription, &record), ERROR_SUCCESS);
    }
    CHECK_EQUAL(error, ERROR_NO_MORE_ITEMS);
}

static UPCALL_SUBSCRIPTION *
SubscribeSmall(UPCALL_CONNECTION *Connection, const SIGNAL *Signal)
{
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.QueueBytes = UPCALL_MIN_QUEUE_BYTES;
    config.ReadsInFlight = Signal->Signal == UPCALL_SIGNAL_COMPLETION ? 1 : 0;
    return Subscribe(Connection, &config);
}

// The loss is the last thing that happens, and is told without another notify.
void
loss_that_is_last_is_told(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIPTION *subscription = SubscribeSmall(connection, Signal);
    HANDLE feeder = OpenFeed();
    TALLY tally = {.Next = 1};
    ExpectNone(subscription);
    Feed(feeder, 0, 1, 64, 48);
    Feed(feeder, 0, 65, 200, 48);
    ReceiveAll(subscription, &tally, 48);
    CHECK_EQUAL(tally.Next, 265);
    CHECK_EQUAL(tally.Records + tally.Lost, 264);
    CHECK(tally.Lost > 0);
    CHECK_EQUAL(tally.Gaps, 1);
    CHECK_EQUAL(Statistics(subscription).Lost, tally.Lost);
    CHECK_EQUAL(ChannelStatistics(connection).Lost, tally.Lost);
    // Told once.
    ExpectNone(subscription);
    // And what comes after is told of no loss.
    Feed(feeder, 0, 265, 3, 48);
    ReceiveAll(subscription, &tally, 48);
    CHECK_EQUAL(tally.Next, 268);
    CHECK_EQUAL(tally.Gaps, 1);
    CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    // Counted with the channel even after the end.
    CHECK_EQUAL(ChannelStatistics(connection).Lost, tally.Lost);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// Many overflows with partial drains between them: each gap stands where it belongs.
void
losses_stand_in_their_place(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIPTION *subscription = SubscribeSmall(connection, Signal);
    HANDLE feeder = OpenFeed();
    TALLY tally = {.Next = 1};
    ULONGLONG fed = 0;
    for (DWORD round = 0; round < 50; round++)
    {
        DWORD count = 40 + round * 7 % 90;
        Feed(feeder, 0, fed + 1, count, 48);
        fed += count;
        for (DWORD i = 0; i < round % 5; i++)
        {
            // A few only, so that the next burst overflows again.
            UPCALL_RECORD record;
            CHECK_EQUAL(UpcallReceive(subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
            CHECK_EQUAL(record.Sequence, tally.Next);
            if (record.Flags & UPCALL_RECORD_LOST)
            {
                UPCALL_LOST lost;
                memcpy(&lost, record.Data, sizeof(lost));
                CHECK_EQUAL(lost.LastSequence, lost.FirstSequence + lost.Count - 1);
                tally.Lost += lost.Count;
                CHECK_EQUAL(lost.TotalCount, tally.Lost);
                tally.Gaps++;
                tally.Next = lost.LastSequence + 1;
            }
            else
            {
                tally.Records++;
                tally.Next++;
            }
            CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_SUCCESS);
        }
    }
    ReceiveAll(subscription, &tally, 48);
    CHECK_EQUAL(tally.Next, fed + 1);
    CHECK_EQUAL(tally.Records + tally.Lost, fed);
    CHECK(tally.Gaps >= 2);
    UPCALL_SUBSCRIPTION_STATISTICS statistics = Statistics(subscription);
    CHECK_EQUAL(statistics.Matched, fed);
    CHECK_EQUAL(statistics.Delivered, tally.Records);
    CHECK_EQUAL(statistics.Lost, tally.Lost);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// With a mask, the gap counts what matched, and names the matching ends.
void
loss_counts_what_matched(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.QueueBytes = UPCALL_MIN_QUEUE_BYTES;
    config.Topics = 1ull << 3;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    ExpectNone(subscription);
    // Longer than this queue ever takes: lost for certain, whatever the signal has in flight.
    const DWORD tooLong = UPCALL_MAX_QUEUED_BYTES(UPCALL_MIN_QUEUE_BYTES);
    Feed(feeder, 4, 0, 2, 8);
    Feed(feeder, 3, 0, 1, tooLong);
    Feed(feeder, 4, 0, 5, 8);
    Feed(feeder, 3, 0, 1, tooLong);
    Feed(feeder, 4, 0, 1, 8);
    UPCALL_LOST lost = ExpectLost(subscription);
    if (lost.Count == 1)
    {
        // The wake for the first came before the second; the news came in two parts.
        CHECK_EQUAL(lost.FirstSequence, 3);
        CHECK_EQUAL(lost.LastSequence, 3);
        lost = ExpectLost(subscription);
        CHECK_EQUAL(lost.FirstSequence, 9);
        CHECK_EQUAL(lost.Count, 1);
    }
    else
    {
        CHECK_EQUAL(lost.FirstSequence, 3);
        CHECK_EQUAL(lost.Count, 2);
    }
    CHECK_EQUAL(lost.LastSequence, 9);
    CHECK_EQUAL(lost.TotalCount, 2);
    ExpectNone(subscription);
    CHECK_EQUAL(Statistics(subscription).Matched, 2);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

static DWORD WINAPI
FeedOneTooLong(LPVOID Context)
{
    Feed((HANDLE)Context, 0, 1, 1, 4000);
    return 0;
}

// A sleeping consumer, armed, is woken by a loss alone.
void
loss_wakes_a_sleeper(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIPTION *subscription = SubscribeSmall(connection, Signal);
    HANDLE feeder = OpenFeed();
    for (ULONGLONG round = 1; round <= 20; round++)
    {
        ExpectNone(subscription);
        HANDLE thread = StartThread(FeedOneTooLong, feeder);
        UPCALL_LOST lost = ExpectLost(subscription);
        CHECK_EQUAL(lost.Count, 1);
        CHECK_EQUAL(lost.FirstSequence, round);
        CHECK_EQUAL(lost.TotalCount, round);
        JoinThread(thread);
    }
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// One that never reads loses; the other loses nothing by it.
void
stalled_subscriber_harms_nobody(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIPTION *stalled = SubscribeSmall(connection, Signal);
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *quick = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    TALLY tally = {.Next = 1};
    for (ULONGLONG fed = 0; fed < 2000; fed += 50)
    {
        Feed(feeder, 0, fed + 1, 50, 48);
        ReceiveAll(quick, &tally, 48);
        CHECK_EQUAL(tally.Next, fed + 51);
    }
    CHECK_EQUAL(tally.Lost, 0);
    CHECK_EQUAL(Statistics(quick).Lost, 0);
    CHECK(Statistics(stalled).Lost >= 2000 - 64 - 64);
    TALLY late = {.Next = 1};
    ReceiveAll(stalled, &late, 48);
    CHECK_EQUAL(late.Next, 2001);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}
