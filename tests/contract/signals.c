// SPDX-License-Identifier: MIT
// Contract cases: the doorbell rings once for each arming, and is quiet after the end.

#include "cases.h"

// The wait handle tells of the next record after a drain, once, and not again before another drain.
void
doorbell_once_for_each_drain(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    HANDLE wait;
    CHECK_EQUAL(UpcallGetWaitHandle(subscription, &wait), ERROR_SUCCESS);
    // Armed from the start, before any read.
    for (DWORD round = 0; round < 10; round++)
    {
        CHECK_EQUAL(WaitForSingleObject(wait, 0), WAIT_TIMEOUT);
        Feed(feeder, 0, round * 20, 1, 8);
        CHECK_EQUAL(WaitForSingleObject(wait, DEADLINE_MS), WAIT_OBJECT_0);
        for (DWORD i = 1; i < 20; i++)
        {
            Feed(feeder, 0, round * 20 + i, 1, 8);
        }
        // Nineteen more, and the consumer has not looked yet: it has been told.
        CHECK_EQUAL(WaitForSingleObject(wait, 0), WAIT_TIMEOUT);
        CHECK_EQUAL(Statistics(subscription).Doorbells, round + 1);
        for (DWORD i = 0; i < 20; i++)
        {
            // Half-drained is not drained.
            CHECK_EQUAL(WaitForSingleObject(wait, 0), WAIT_TIMEOUT);
            Expect(subscription, round * 20 + i + 1, 0, round * 20 + i, 8);
        }
        ExpectNone(subscription);
    }
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// COMPLETION: no more doorbells than reads are pended, however much comes.
void
doorbells_do_not_exceed_reads(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.ReadsInFlight = 3;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    ExpectNone(subscription);
    CHECK_EQUAL(Statistics(subscription).PendedReads, 3);
    for (DWORD i = 0; i < 100; i++)
    {
        Feed(feeder, 0, i, 1, 8);
    }
    UPCALL_SUBSCRIPTION_STATISTICS statistics = Statistics(subscription);
    CHECK(statistics.Doorbells >= 1);
    CHECK(statistics.Doorbells <= 3);
    CHECK_EQUAL(statistics.PendedReads, 0);
    for (DWORD i = 0; i < 100; i++)
    {
        Expect(subscription, i + 1, 0, i, 8);
    }
    ExpectNone(subscription);
    CHECK_EQUAL(Statistics(subscription).PendedReads, 3);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// The caller's own wait loop, as the documentation of UpcallGetWaitHandle describes it.
static DWORD WINAPI
FeedHundred(LPVOID Context)
{
    for (DWORD i = 0; i < 100; i++)
    {
        Feed((HANDLE)Context, 0, i, 1, 8);
    }
    return 0;
}

void
wait_handle_joins_other_waits(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    HANDLE handles[2];
    handles[0] = CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK_CALL(handles[0] != NULL);
    CHECK_EQUAL(UpcallGetWaitHandle(subscription, &handles[1]), ERROR_SUCCESS);
    HANDLE thread = StartThread(FeedHundred, feeder);
    ULONGLONG sequence = 0;
    for (;;)
    {
        UPCALL_RECORD record;
        DWORD error;
        while ((error = UpcallReceive(subscription, &record, 0)) == ERROR_SUCCESS)
        {
            sequence++;
            CHECK_EQUAL(record.Sequence, sequence);
            CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_SUCCESS);
        }
        CHECK_EQUAL(error, ERROR_NO_MORE_ITEMS);
        if (sequence == 100)
        {
            break;
        }
        CHECK_EQUAL(WaitForMultipleObjects(2, handles, FALSE, DEADLINE_MS), WAIT_OBJECT_0 + 1);
    }
    JoinThread(thread);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(handles[0]);
    CloseHandle(feeder);
}

void
port_has_no_wait_handle(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE wait = (HANDLE)(ULONG_PTR)0xCC;
    CHECK_EQUAL(UpcallGetWaitHandle(subscription, &wait), ERROR_NOT_SUPPORTED);
    CHECK(wait == NULL);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
}

// After the end, what the signal was is not touched any more.
static void
QuietAfter(const SIGNAL *Signal, BOOL Close)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    HANDLE wait = NULL;
    HANDLE kept = NULL;
    Feed(feeder, 0, 0, 1, 8);
    Expect(subscription, 1, 0, 0, 8);
    ExpectNone(subscription);  // armed, with reads pended
    if (UpcallGetWaitHandle(subscription, &wait) == ERROR_SUCCESS)
    {
        CHECK_CALL(DuplicateHandle(GetCurrentProcess(), wait, GetCurrentProcess(), &kept, 0, FALSE,
                                   DUPLICATE_SAME_ACCESS));
    }
    if (Close)
    {
        CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
        connection = Open();
    }
    else
    {
        CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    }
    if (kept != NULL)
    {
        // Set by the first record, which was found without a wait; COMPLETION's manual-reset event
        // also by the reads that were cancelled. Take that away.
        (void)WaitForSingleObject(kept, 0);
        if (Signal->Signal == UPCALL_SIGNAL_COMPLETION)
        {
            CHECK_CALL(ResetEvent(kept));
        }
        CHECK_EQUAL(WaitForSingleObject(kept, 0), WAIT_TIMEOUT);
    }
    Feed(feeder, 0, 1, 10, 8);
    if (kept != NULL)
    {
        CHECK_EQUAL(WaitForSingleObject(kept, 0), WAIT_TIMEOUT);
        CloseHandle(kept);
    }
    UPCALL_CHANNEL_STATISTICS statistics = ChannelStatistics(connection);
    CHECK_EQUAL(statistics.Subscriptions, 0);
    CHECK_EQUAL(statistics.QueueBytes, 0);
    CHECK_EQUAL(statistics.Notified, 11);
    CHECK_EQUAL(statistics.SubscriptionsMade, 1);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

void
quiet_after_unsubscribe(const SIGNAL *Signal)
{
    QuietAfter(Signal, FALSE);
}

void
quiet_after_close(const SIGNAL *Signal)
{
    QuietAfter(Signal, TRUE);
}

// ---- Rights of named events ---------------------------------------------------------------------

#define DRIVER_NAME L"Upcall-contract"
#define GLOBAL_NAME L"Global\\" DRIVER_NAME

// The application may wait on the driver's event, and do nothing else to it.
void
driver_first_event_is_the_drivers(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    config.EventName = DRIVER_NAME;
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    HANDLE wait = OpenEventW(SYNCHRONIZE, FALSE, GLOBAL_NAME);
    CHECK_CALL(wait != NULL);
    // Initially clear.
    CHECK_EQUAL(WaitForSingleObject(wait, 0), WAIT_TIMEOUT);
    CHECK_REFUSED(SetEvent(wait), ERROR_ACCESS_DENIED);
    CHECK_REFUSED(ResetEvent(wait), ERROR_ACCESS_DENIED);
    CHECK_REFUSED(OpenEventW(EVENT_MODIFY_STATE, FALSE, GLOBAL_NAME) != NULL, ERROR_ACCESS_DENIED);
    CHECK_REFUSED(OpenEventW(EVENT_MODIFY_STATE | SYNCHRONIZE, FALSE, GLOBAL_NAME) != NULL,
                  ERROR_ACCESS_DENIED);
    CHECK_REFUSED(OpenEventW(WRITE_DAC, FALSE, GLOBAL_NAME) != NULL, ERROR_ACCESS_DENIED);
    CHECK_REFUSED(OpenEventW(WRITE_OWNER, FALSE, GLOBAL_NAME) != NULL, ERROR_ACCESS_DENIED);
    // It is the signal, and of the synchronization type: one wait takes it.
    Feed(feeder, 0, 0, 1, 8);
    CHECK_EQUAL(WaitForSingleObject(wait, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_EQUAL(WaitForSingleObject(wait, 0), WAIT_TIMEOUT);
    // A handle kept beyond the end does not keep the name.
    CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    CHECK_CALL(CloseHandle(wait));
    CHECK_REFUSED(OpenEventW(SYNCHRONIZE, FALSE, GLOBAL_NAME) != NULL, ERROR_FILE_NOT_FOUND);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// A squatter gets nothing: the name is refused, and its event never set.
void
existing_name_is_refused(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription;
    HANDLE feeder = OpenFeed();
    HANDLE squatter = CreateEventW(NULL, FALSE, FALSE, GLOBAL_NAME);
    CHECK_CALL(squatter != NULL);
    config.EventName = DRIVER_NAME;
    for (int attempt = 0; attempt < 2; attempt++)
    {
        CHECK_EQUAL(UpcallSubscribe(connection, &config, &subscription), ERROR_ALREADY_EXISTS);
        CHECK(subscription == NULL);
    }
    CHECK_EQUAL(ChannelStatistics(connection).Subscriptions, 0);
    Feed(feeder, 0, 0, 3, 8);
    CHECK_EQUAL(WaitForSingleObject(squatter, 0), WAIT_TIMEOUT);
    CHECK_CALL(CloseHandle(squatter));
    // With the squatter gone, the name is free.
    subscription = Subscribe(connection, &config);
    Feed(feeder, 0, 3, 1, 8);
    Expect(subscription, 4, 0, 3, 8);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// Application-first is the opposite order: the driver opens what the caller itself may set.
void
application_first_needs_the_callers_right(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    SIGNAL driverFirst = *Signal;
    driverFirst.EventOrigin = UPCALL_EVENT_ORIGIN_DRIVER;
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(&driverFirst);
    config.EventName = DRIVER_NAME;
    UPCALL_SUBSCRIPTION *owner = Subscribe(connection, &config);
    HANDLE file = OpenRaw(0);
    HANDLE wait;
    UPCALL_SUBSCRIBE_INPUT input = RawInput(NULL);

    // Somebody's event that the caller may only wait on.
    SetRawName(&input, UPCALL_EVENT_ORIGIN_APPLICATION, DRIVER_NAME);
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(UpcallGetWaitHandle(owner, &wait), ERROR_SUCCESS);
    CHECK_EQUAL(WaitForSingleObject(wait, 0), WAIT_TIMEOUT);
    // None.
    SetRawName(&input, UPCALL_EVENT_ORIGIN_APPLICATION, L"Contract-nobody-has-this");
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_FILE_NOT_FOUND);
    // The caller's own.
    HANDLE own = CreateEventW(NULL, FALSE, FALSE, L"Global\\Contract-own");
    CHECK_CALL(own != NULL);
    SetRawName(&input, UPCALL_EVENT_ORIGIN_APPLICATION, L"Contract-own");
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_SUCCESS);
    HANDLE feeder = OpenFeed();
    Feed(feeder, 0, 0, 1, 8);
    CHECK_EQUAL(WaitForSingleObject(own, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(own);
    CloseHandle(file);
    CloseHandle(feeder);
}

// The library makes its application-first event; one that exists is somebody's, and not taken over.
void
application_first_existing_is_refused(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription;
    HANDLE other = CreateEventW(NULL, FALSE, FALSE, L"Global\\Contract-taken");
    CHECK_CALL(other != NULL);
    config.EventName = L"Contract-taken";
    CHECK_EQUAL(UpcallSubscribe(connection, &config, &subscription), ERROR_ALREADY_EXISTS);
    CHECK(subscription == NULL);
    CHECK_EQUAL(ChannelStatistics(connection).SubscriptionsMade, 0);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(other);
}
