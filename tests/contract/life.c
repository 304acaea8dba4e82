// SPDX-License-Identifier: MIT
// Contract cases: callbacks, cancel, ends of every kind, and the stop of the channel.

#include "cases.h"

// ---- Callbacks ----------------------------------------------------------------------------------

typedef struct LISTENER
{
    UPCALL_CONNECTION *Connection;
    UPCALL_SUBSCRIPTION *Subscription;
    HANDLE Reached;
    ULONGLONG Expected;
    volatile LONG64 Records;  // interlocked
    volatile LONG Calls;      // interlocked
    volatile LONG Error;      // interlocked
    DWORD Refusals[4];
} LISTENER;

static void CALLBACK
OnRecord(void *Context, const UPCALL_RECORD *Record, DWORD Error)
{
    LISTENER *listener = Context;
    InterlockedIncrement(&listener->Calls);
    if (Error != ERROR_SUCCESS)
    {
        CHECK(Record == NULL);
        InterlockedExchange(&listener->Error, (LONG)Error);
        CHECK_CALL(SetEvent(listener->Reached));
        return;
    }
    if (Record->Sequence == 1)
    {
        UPCALL_RECORD other;
        listener->Refusals[0] = UpcallUnsubscribe(listener->Subscription);
        listener->Refusals[1] = UpcallClose(listener->Connection);
        listener->Refusals[2] = UpcallReceive(listener->Subscription, &other, 0);
        listener->Refusals[3] = UpcallStart(listener->Subscription, OnRecord, NULL);
    }
    if ((ULONGLONG)InterlockedIncrement64(&listener->Records) == listener->Expected)
    {
        CHECK_CALL(SetEvent(listener->Reached));
    }
}

void
callback_gets_every_record(const SIGNAL *Signal)
{
    LISTENER listener = {.Connection = Open(), .Expected = 500};
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    HANDLE feeder = OpenFeed();
    listener.Subscription = Subscribe(listener.Connection, &config);
    listener.Reached = CreateEventW(NULL, FALSE, FALSE, NULL);
    CHECK_CALL(listener.Reached != NULL);
    CHECK_EQUAL(UpcallStart(listener.Subscription, OnRecord, &listener), ERROR_SUCCESS);
    for (DWORD i = 0; i < 500; i += 5)
    {
        Feed(feeder, 0, i, 5, 16);
    }
    CHECK_EQUAL(WaitForSingleObject(listener.Reached, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_EQUAL(listener.Refusals[0], ERROR_POSSIBLE_DEADLOCK);
    CHECK_EQUAL(listener.Refusals[1], ERROR_POSSIBLE_DEADLOCK);
    CHECK_EQUAL(listener.Refusals[2], ERROR_BUSY);
    CHECK_EQUAL(listener.Refusals[3], ERROR_BUSY);
    CHECK_EQUAL(UpcallUnsubscribe(listener.Subscription), ERROR_SUCCESS);
    // Quiet: the callback was not told of the end, and is told of nothing any more.
    Feed(feeder, 0, 500, 5, 16);
    CHECK_EQUAL(InterlockedCompareExchange(&listener.Calls, 0, 0), 500);
    CHECK_EQUAL(UpcallClose(listener.Connection), ERROR_SUCCESS);
    CloseHandle(listener.Reached);
    CloseHandle(feeder);
}

// ---- Cancel -------------------------------------------------------------------------------------

static DWORD WINAPI
ReceiveUntilError(LPVOID Context)
{
    UPCALL_RECORD record;
    return UpcallReceive(Context, &record, DEADLINE_MS);
}

void
cancel_ends_a_waiting_receive(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    for (int round = 0; round < 30; round++)
    {
        UPCALL_RECORD record;
        DWORD code = 0;
        UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
        HANDLE thread = StartThread(ReceiveUntilError, subscription);
        CHECK_EQUAL(UpcallCancel(subscription), ERROR_SUCCESS);
        CHECK_EQUAL(WaitForSingleObject(thread, DEADLINE_MS), WAIT_OBJECT_0);
        CHECK_CALL(GetExitCodeThread(thread, &code));
        CHECK_EQUAL(code, ERROR_OPERATION_ABORTED);
        JoinThread(thread);
        CHECK_EQUAL(UpcallReceive(subscription, &record, 0), ERROR_OPERATION_ABORTED);
        CHECK_EQUAL(UpcallReceive(subscription, &record, INFINITE), ERROR_OPERATION_ABORTED);
        CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    }
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
}

// A wait that times out has lost nothing.
void
timeout_keeps_what_comes_later(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    UPCALL_RECORD record;
    for (DWORD i = 0; i < 5; i++)
    {
        CHECK_EQUAL(UpcallReceive(subscription, &record, 1), ERROR_TIMEOUT);
        CHECK(record.Data == NULL);
        Feed(feeder, 0, i, 1, 8);
        Expect(subscription, i + 1, 0, i, 8);
    }
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// ---- Ends ---------------------------------------------------------------------------------------

// With records queued, one held, and reads pended: everything goes.
void
ends_with_records_queued(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    HANDLE feeder = OpenFeed();
    for (int round = 0; round < 10; round++)
    {
        UPCALL_RECORD record;
        UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
        Feed(feeder, 0, 0, 60, 100);
        if (round % 2 != 0)
        {
            CHECK_EQUAL(UpcallReceive(subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
            // Held: the next receive is refused.
            UPCALL_RECORD other;
            CHECK_EQUAL(UpcallReceive(subscription, &other, 0), ERROR_BUSY);
        }
        CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    }
    UPCALL_CHANNEL_STATISTICS statistics = ChannelStatistics(connection);
    CHECK_EQUAL(statistics.Subscriptions, 0);
    CHECK_EQUAL(statistics.SubscriptionsMade, 10);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// Nothing is closed: the system closes it all, and the host's leak report must stay empty.
void
exits_without_closing(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
    HANDLE feeder = OpenFeed();
    ExpectNone(subscription);
    (void)Subscribe(connection, &config);
    Feed(feeder, 0, 0, 20, 100);
    Expect(subscription, 1, 0, 0, 100);
}

// Subscribe and unsubscribe while records fly.
static DWORD WINAPI
FeedUntilStopped(LPVOID Context)
{
    HANDLE stop = Context;
    HANDLE feeder = OpenFeed();
    while (WaitForSingleObject(stop, 0) == WAIT_TIMEOUT)
    {
        Feed(feeder, 0, 0, 2, 32);
    }
    CloseHandle(feeder);
    return 0;
}

void
comes_and_goes_under_load(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    HANDLE stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK_CALL(stop != NULL);
    HANDLE thread = StartThread(FeedUntilStopped, stop);
    for (int round = 0; round < 60; round++)
    {
        UPCALL_SUBSCRIPTION *subscription = Subscribe(connection, &config);
        ULONGLONG next = 0;
        for (int i = 0; i <= round % 4; i++)
        {
            UPCALL_RECORD record;
            CHECK_EQUAL(UpcallReceive(subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
            CHECK(next == 0 || record.Sequence == next);
            next = record.Sequence + 1;
            if (record.Flags & UPCALL_RECORD_LOST)
            {
                next += ((const UPCALL_LOST *)record.Data)->Count - 1;
            }
            CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_SUCCESS);
        }
        CHECK_EQUAL(UpcallUnsubscribe(subscription), ERROR_SUCCESS);
    }
    CHECK_CALL(SetEvent(stop));
    JoinThread(thread);
    CHECK_EQUAL(ChannelStatistics(connection).Subscriptions, 0);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(stop);
}

// ---- Stop ---------------------------------------------------------------------------------------

static void
StopChannel(void)
{
    HANDLE file = OpenRaw(0);
    CHECK_EQUAL(RawControl(file, RELAY_IOCTL_CHANNEL_STOP, NULL, 0, NULL, 0, NULL), ERROR_SUCCESS);
    // Twice is legal.
    CHECK_EQUAL(RawControl(file, RELAY_IOCTL_CHANNEL_STOP, NULL, 0, NULL, 0, NULL), ERROR_SUCCESS);
    CloseHandle(file);
}

void
stop_ends_everything(const SIGNAL *Signal)
{
    UPCALL_CONNECTION *connection = Open();
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    UPCALL_SUBSCRIPTION *waiting = Subscribe(connection, &config);
    UPCALL_SUBSCRIPTION *idle = Subscribe(connection, &config);
    UPCALL_SUBSCRIPTION *refused;
    UPCALL_RECORD record;
    HANDLE feeder = OpenFeed();
    DWORD code = 0;
    ExpectNone(waiting);
    HANDLE thread = StartThread(ReceiveUntilError, waiting);
    StopChannel();
    // A sleeper learns of it without another notify.
    CHECK_EQUAL(WaitForSingleObject(thread, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_CALL(GetExitCodeThread(thread, &code));
    CHECK_EQUAL(code, ERROR_DEVICE_REMOVED);
    JoinThread(thread);
    CHECK_EQUAL(UpcallReceive(idle, &record, DEADLINE_MS), ERROR_DEVICE_REMOVED);
    CHECK_EQUAL(UpcallReceive(idle, &record, 0), ERROR_DEVICE_REMOVED);

    BYTE write[sizeof(UPCALL_RELAY_HEADER)];
    UPCALL_RELAY_HEADER header = {.Size = sizeof(header)};
    DWORD written;
    memcpy(write, &header, sizeof(header));
    CHECK_REFUSED(WriteFile(feeder, write, sizeof(write), &written, NULL), ERROR_DEVICE_REMOVED);
    CHECK_EQUAL(UpcallSubscribe(connection, &config, &refused), ERROR_DEVICE_REMOVED);
    CHECK(refused == NULL);
    UPCALL_CHANNEL_STATISTICS statistics;
    CHECK_EQUAL(UpcallQueryChannel(connection, &statistics), ERROR_DEVICE_REMOVED);
    CHECK_REFUSED(CreateFileW(RELAY_DEVICE_PATH, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                              NULL, OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE,
                  ERROR_DEVICE_REMOVED);
    CHECK_EQUAL(UpcallUnsubscribe(idle), ERROR_SUCCESS);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

// The callback of UpcallStart is told of it once.
void
stop_is_told_to_the_callback(const SIGNAL *Signal)
{
    LISTENER listener = {.Connection = Open(), .Expected = ~0ull};
    UPCALL_SUBSCRIBE_CONFIG config = ConfigOf(Signal);
    listener.Subscription = Subscribe(listener.Connection, &config);
    listener.Reached = CreateEventW(NULL, FALSE, FALSE, NULL);
    CHECK_CALL(listener.Reached != NULL);
    CHECK_EQUAL(UpcallStart(listener.Subscription, OnRecord, &listener), ERROR_SUCCESS);
    StopChannel();
    CHECK_EQUAL(WaitForSingleObject(listener.Reached, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_EQUAL(UpcallUnsubscribe(listener.Subscription), ERROR_SUCCESS);
    CHECK_EQUAL(InterlockedCompareExchange(&listener.Error, 0, 0), ERROR_DEVICE_REMOVED);
    CHECK_EQUAL(InterlockedCompareExchange(&listener.Calls, 0, 0), 1);
    CHECK_EQUAL(UpcallClose(listener.Connection), ERROR_SUCCESS);
    CloseHandle(listener.Reached);
}
