// SPDX-License-Identifier: MIT
// Contract cases below the library: each kind of bad input, with its own error and state unchanged.

#include "cases.h"

static HANDLE
NewEvent(void)
{
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    CHECK_CALL(event != NULL);
    return event;
}

// What must not change when something is refused.
static void
CheckUnchanged(UPCALL_CONNECTION *Connection, const UPCALL_CHANNEL_STATISTICS *Before)
{
    UPCALL_CHANNEL_STATISTICS now = ChannelStatistics(Connection);
    CHECK_EQUAL(memcmp(&now, Before, sizeof(now)), 0);
}

// ---- Hello --------------------------------------------------------------------------------------

void
hello_is_validated(const SIGNAL *Signal)
{
    (void)Signal;
    HANDLE file = OpenRaw(0);
    UPCALL_HELLO_INPUT good = {.Size = sizeof(good),
                               .Version = UPCALL_PROTOCOL_VERSION,
                               .VersionOldest = UPCALL_PROTOCOL_VERSION_OLDEST};
    UPCALL_HELLO_INPUT input = good;
    UPCALL_HELLO_OUTPUT output;
    DWORD returned;
    BYTE longer[sizeof(good) + 16] = {0};

    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_HELLO, &input, sizeof(input), &output, sizeof(output),
                           &returned),
                ERROR_SUCCESS);
    CHECK_EQUAL(returned, sizeof(output));
    CHECK_EQUAL(output.Size, sizeof(output));
    CHECK_EQUAL(output.Version, UPCALL_PROTOCOL_VERSION);
    CHECK_EQUAL(output.MaxRecordBytes, UPCALL_MAX_RECORD_BYTES);
    CHECK_EQUAL(output.MaxPendedReads, UPCALL_MAX_PENDED_READS);
    // A newer client that still speaks ours is answered with ours.
    input.Version = UPCALL_PROTOCOL_VERSION + 5;
    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_HELLO, &input, sizeof(input), &output, sizeof(output),
                           &returned),
                ERROR_SUCCESS);
    CHECK_EQUAL(output.Version, UPCALL_PROTOCOL_VERSION);
    // One that does not: told so, even if its structure is longer.
    input.VersionOldest = UPCALL_PROTOCOL_VERSION + 1;
    input.Size = sizeof(longer);
    memcpy(longer, &input, sizeof(input));
    CHECK_EQUAL(
        RawControl(file, UPCALL_IOCTL_HELLO, longer, sizeof(longer), &output, sizeof(output), NULL),
        ERROR_REVISION_MISMATCH);
    input = good;
    input.Version = 0;
    input.VersionOldest = 0;
    CHECK_EQUAL(
        RawControl(file, UPCALL_IOCTL_HELLO, &input, sizeof(input), &output, sizeof(output), NULL),
        ERROR_REVISION_MISMATCH);
    input = good;
    input.Reserved = 1;
    CHECK_EQUAL(
        RawControl(file, UPCALL_IOCTL_HELLO, &input, sizeof(input), &output, sizeof(output), NULL),
        ERROR_INVALID_PARAMETER);
    input = good;
    input.Size++;
    CHECK_EQUAL(
        RawControl(file, UPCALL_IOCTL_HELLO, &input, sizeof(input), &output, sizeof(output), NULL),
        ERROR_BAD_LENGTH);
    for (DWORD length = 0; length < sizeof(good); length++)
    {
        CHECK_EQUAL(
            RawControl(file, UPCALL_IOCTL_HELLO, &good, length, &output, sizeof(output), NULL),
            ERROR_BAD_LENGTH);
    }
    for (DWORD length = 0; length < sizeof(output); length++)
    {
        memset(&output, 0xCC, sizeof(output));
        CHECK_EQUAL(
            RawControl(file, UPCALL_IOCTL_HELLO, &good, sizeof(good), &output, length, NULL),
            ERROR_INSUFFICIENT_BUFFER);
        CHECK_EQUAL(output.Size, 0xCCCCCCCCu);
    }
    CloseHandle(file);
}

// ---- Subscribe ----------------------------------------------------------------------------------

typedef struct BAD_SUBSCRIBE
{
    const char *What;
    DWORD Offset;
    DWORD Bytes;
    ULONGLONG Value;
    DWORD Error;
} BAD_SUBSCRIBE;

#define FIELD(Name) \
    offsetof(UPCALL_SUBSCRIBE_INPUT, Name), sizeof(((UPCALL_SUBSCRIBE_INPUT *)0)->Name)

static const BAD_SUBSCRIBE BadSubscribes[] = {
    {"size short", FIELD(Size), sizeof(UPCALL_SUBSCRIBE_INPUT) - 1, ERROR_BAD_LENGTH},
    {"size long", FIELD(Size), 0xFFFFFFFFu, ERROR_BAD_LENGTH},
    {"version 0", FIELD(Version), 0, ERROR_REVISION_MISMATCH},
    {"version newer", FIELD(Version), UPCALL_PROTOCOL_VERSION + 1, ERROR_REVISION_MISMATCH},
    {"no topic", FIELD(Topics), 0, ERROR_INVALID_PARAMETER},
    {"queue 0", FIELD(QueueBytes), 0, ERROR_INVALID_PARAMETER},
    {"queue small", FIELD(QueueBytes), UPCALL_MIN_QUEUE_BYTES / 2, ERROR_INVALID_PARAMETER},
    {"queue odd", FIELD(QueueBytes), 3 * UPCALL_MIN_QUEUE_BYTES, ERROR_INVALID_PARAMETER},
    {"queue large", FIELD(QueueBytes), 2 * UPCALL_MAX_QUEUE_BYTES, ERROR_INVALID_PARAMETER},
    {"queue largest", FIELD(QueueBytes), 0x80000000u, ERROR_INVALID_PARAMETER},
    {"signal 0", FIELD(Signal), 0, ERROR_NOT_SUPPORTED},
    {"signal APC to be", FIELD(Signal), 4, ERROR_NOT_SUPPORTED},
    {"signal unknown", FIELD(Signal), 0xFFFFFFFFu, ERROR_NOT_SUPPORTED},
    {"data path 0", FIELD(DataPath), 0, ERROR_NOT_SUPPORTED},
    {"data path RING to be", FIELD(DataPath), 2, ERROR_NOT_SUPPORTED},
    {"policy 0", FIELD(Policy), 0, ERROR_NOT_SUPPORTED},
    {"policy to be", FIELD(Policy), 2, ERROR_NOT_SUPPORTED},
    {"flags", FIELD(Flags), 2, ERROR_INVALID_PARAMETER},
    {"flags high", FIELD(Flags), 0x80000001u, ERROR_INVALID_PARAMETER},
    {"origin without a name", FIELD(EventOrigin), UPCALL_EVENT_ORIGIN_DRIVER,
     ERROR_INVALID_PARAMETER},
    {"no handle", FIELD(EventHandle), 0, ERROR_INVALID_HANDLE},
    {"handle unknown", FIELD(EventHandle), 0x7FFC, ERROR_INVALID_HANDLE},
    {"current process", FIELD(EventHandle), ~0ull, ERROR_INVALID_HANDLE},
    {"kernel handle", FIELD(EventHandle), 0xFFFFFFFF80000004ull, ERROR_INVALID_HANDLE},
    {"name units without a name", FIELD(EventNameUnits), 1, ERROR_INVALID_PARAMETER},
    {"name units beyond", FIELD(EventNameUnits), 0xFFFFFFFFu, ERROR_INVALID_PARAMETER},
    {"reserved", FIELD(Reserved), 1, ERROR_INVALID_PARAMETER},
};

void
subscribe_is_validated(const SIGNAL *Signal)
{
    (void)Signal;
    UPCALL_CONNECTION *connection = Open();
    HANDLE file = OpenRaw(0);
    HANDLE event = NewEvent();
    UPCALL_SUBSCRIBE_INPUT good = RawInput(event);
    UPCALL_SUBSCRIBE_OUTPUT output;
    UPCALL_CHANNEL_STATISTICS before = ChannelStatistics(connection);

    for (size_t i = 0; i < sizeof(BadSubscribes) / sizeof(BadSubscribes[0]); i++)
    {
        const BAD_SUBSCRIBE *bad = &BadSubscribes[i];
        UPCALL_SUBSCRIBE_INPUT input = good;
        memcpy((BYTE *)&input + bad->Offset, &bad->Value, bad->Bytes);
        DWORD error = RawSubscribe(file, &input, NULL);
        if (error != bad->Error)
        {
            FAIL("%s: error %llu, expected %llu", bad->What, (unsigned long long)error,
                 (unsigned long long)bad->Error);
        }
        CheckUnchanged(connection, &before);
    }
    for (DWORD length = 0; length < sizeof(good); length++)
    {
        CHECK_EQUAL(
            RawControl(file, UPCALL_IOCTL_SUBSCRIBE, &good, length, &output, sizeof(output), NULL),
            ERROR_BAD_LENGTH);
    }
    for (DWORD length = 0; length < sizeof(output); length++)
    {
        CHECK_EQUAL(
            RawControl(file, UPCALL_IOCTL_SUBSCRIBE, &good, sizeof(good), &output, length, NULL),
            ERROR_INSUFFICIENT_BUFFER);
    }
    CheckUnchanged(connection, &before);

    // After all of that the same handle still subscribes, once.
    CHECK_EQUAL(RawSubscribe(file, &good, NULL), ERROR_SUCCESS);
    before = ChannelStatistics(connection);
    CHECK_EQUAL(RawSubscribe(file, &good, NULL), ERROR_BUSY);
    CheckUnchanged(connection, &before);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(file);
    CloseHandle(event);
}

// Handles of the right process and the wrong object or right.
void
event_handles_are_checked(const SIGNAL *Signal)
{
    (void)Signal;
    UPCALL_CONNECTION *connection = Open();
    HANDLE file = OpenRaw(0);
    HANDLE event = NewEvent();
    HANDLE waitOnly;
    UPCALL_CHANNEL_STATISTICS before = ChannelStatistics(connection);
    UPCALL_SUBSCRIBE_INPUT input = RawInput(file);
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_INVALID_HANDLE);

    CHECK_CALL(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &waitOnly,
                               SYNCHRONIZE, FALSE, 0));
    input = RawInput(waitOnly);
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_ACCESS_DENIED);
    CHECK_CALL(CloseHandle(waitOnly));
    CheckUnchanged(connection, &before);

    // The driver holds the event itself: the application may close its handle, and wait on another.
    HANDLE other;
    CHECK_CALL(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &other, 0, FALSE,
                               DUPLICATE_SAME_ACCESS));
    input = RawInput(event);
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_SUCCESS);
    CHECK_CALL(CloseHandle(event));
    HANDLE feeder = OpenFeed();
    Feed(feeder, 0, 0, 1, 8);
    CHECK_EQUAL(WaitForSingleObject(other, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
    CloseHandle(other);
    CloseHandle(file);
}

void
event_names_are_checked(const SIGNAL *Signal)
{
    (void)Signal;
    static const struct
    {
        const WCHAR *Name;
        DWORD Origin;
        DWORD Error;
    } bad[] = {
        {L"", UPCALL_EVENT_ORIGIN_APPLICATION, ERROR_INVALID_NAME},
        {L"a\\b", UPCALL_EVENT_ORIGIN_APPLICATION, ERROR_INVALID_NAME},
        {L"\\", UPCALL_EVENT_ORIGIN_APPLICATION, ERROR_INVALID_NAME},
        {L"", UPCALL_EVENT_ORIGIN_DRIVER, ERROR_INVALID_NAME},
        {L"Upcall-", UPCALL_EVENT_ORIGIN_DRIVER, ERROR_INVALID_NAME},
        {L"upcall-x", UPCALL_EVENT_ORIGIN_DRIVER, ERROR_INVALID_NAME},
        {L"SomebodysEvent", UPCALL_EVENT_ORIGIN_DRIVER, ERROR_INVALID_NAME},
        {L"Upcall-\\x", UPCALL_EVENT_ORIGIN_DRIVER, ERROR_INVALID_NAME},
        {L"Upcall-x", 3, ERROR_INVALID_PARAMETER},
        {L"Upcall-x", UPCALL_EVENT_ORIGIN_NONE, ERROR_INVALID_PARAMETER},
    };
    UPCALL_CONNECTION *connection = Open();
    HANDLE file = OpenRaw(0);
    UPCALL_CHANNEL_STATISTICS before = ChannelStatistics(connection);
    UPCALL_SUBSCRIBE_INPUT input = RawInput(NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        SetRawName(&input, bad[i].Origin, bad[i].Name);
        CHECK_EQUAL(RawSubscribe(file, &input, NULL), bad[i].Error);
        CheckUnchanged(connection, &before);

        // The library has the same answers.
        UPCALL_SUBSCRIBE_CONFIG config;
        UPCALL_SUBSCRIPTION *subscription;
        memset(&config, 0, sizeof(config));
        config.Size = sizeof(config);
        config.Signal = UPCALL_SIGNAL_NAMED_EVENT;
        config.Topics = 1;
        config.EventOrigin = bad[i].Origin;
        config.EventName = bad[i].Name;
        CHECK_EQUAL(UpcallSubscribe(connection, &config, &subscription), bad[i].Error);
        CheckUnchanged(connection, &before);
    }
    // A NUL inside, and something behind the end.
    SetRawName(&input, UPCALL_EVENT_ORIGIN_APPLICATION, L"Upcall-x");
    input.EventName[3] = 0;
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_INVALID_NAME);
    SetRawName(&input, UPCALL_EVENT_ORIGIN_APPLICATION, L"Upcall-x");
    input.EventName[UPCALL_MAX_EVENT_NAME - 1] = L'x';
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_INVALID_PARAMETER);
    // A handle beside the name.
    SetRawName(&input, UPCALL_EVENT_ORIGIN_APPLICATION, L"Upcall-x");
    input.EventHandle = 4;
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_INVALID_PARAMETER);
    CheckUnchanged(connection, &before);
    // A full-length name is one.
    UPCALL_SUBSCRIBE_INPUT longest = RawInput(NULL);
    SetRawName(&longest, UPCALL_EVENT_ORIGIN_DRIVER, L"Upcall-");
    while (longest.EventNameUnits < UPCALL_MAX_EVENT_NAME)
    {
        longest.EventName[longest.EventNameUnits++] = L'n';
    }
    CHECK_EQUAL(RawSubscribe(file, &longest, NULL), ERROR_SUCCESS);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(file);
}

void
completion_needs_an_overlapped_file(const SIGNAL *Signal)
{
    (void)Signal;
    HANDLE file = OpenRaw(0);
    HANDLE overlapped = OpenRaw(FILE_FLAG_OVERLAPPED);
    UPCALL_SUBSCRIBE_INPUT input = RawInput(NULL);
    input.Signal = UPCALL_SIGNAL_COMPLETION;
    CHECK_EQUAL(RawSubscribe(file, &input, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(RawSubscribe(overlapped, &input, NULL), ERROR_SUCCESS);
    CloseHandle(file);
    CloseHandle(overlapped);
}

// ---- The other IOCTLs ---------------------------------------------------------------------------

void
other_ioctls_are_validated(const SIGNAL *Signal)
{
    (void)Signal;
    static const DWORD codes[] = {UPCALL_IOCTL_UNSUBSCRIBE, UPCALL_IOCTL_QUERY_SUBSCRIPTION};
    UPCALL_CONNECTION *connection = Open();
    HANDLE file = OpenRaw(0);
    HANDLE event = NewEvent();
    UPCALL_SUBSCRIBE_INPUT subscribe = RawInput(event);
    ULONGLONG id;
    BYTE output[256];
    CHECK_EQUAL(RawSubscribe(file, &subscribe, &id), ERROR_SUCCESS);
    UPCALL_CHANNEL_STATISTICS before = ChannelStatistics(connection);
    for (int i = 0; i < 2; i++)
    {
        UPCALL_SUBSCRIPTION_INPUT good = {.Size = sizeof(good), .SubscriptionId = id};
        UPCALL_SUBSCRIPTION_INPUT input = good;
        for (DWORD length = 0; length < sizeof(good); length++)
        {
            CHECK_EQUAL(RawControl(file, codes[i], &good, length, output, sizeof(output), NULL),
                        ERROR_BAD_LENGTH);
        }
        input.Size = 0;
        CHECK_EQUAL(RawControl(file, codes[i], &input, sizeof(input), output, sizeof(output), NULL),
                    ERROR_BAD_LENGTH);
        input = good;
        input.Reserved = 7;
        CHECK_EQUAL(RawControl(file, codes[i], &input, sizeof(input), output, sizeof(output), NULL),
                    ERROR_INVALID_PARAMETER);
        input = good;
        input.SubscriptionId = id + 1000;
        CHECK_EQUAL(RawControl(file, codes[i], &input, sizeof(input), output, sizeof(output), NULL),
                    ERROR_NOT_FOUND);
        CheckUnchanged(connection, &before);
    }
    UPCALL_SUBSCRIPTION_INPUT mine = {.Size = sizeof(mine)};
    for (DWORD length = 0; length < sizeof(UPCALL_SUBSCRIPTION_STATISTICS); length++)
    {
        CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_QUERY_SUBSCRIPTION, &mine, sizeof(mine), output,
                               length, NULL),
                    ERROR_INSUFFICIENT_BUFFER);
    }
    UPCALL_CHANNEL_INPUT channel = {.Size = sizeof(channel)};
    for (DWORD length = 0; length < sizeof(UPCALL_CHANNEL_STATISTICS); length++)
    {
        CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_QUERY_CHANNEL, &channel, sizeof(channel), output,
                               length, NULL),
                    ERROR_INSUFFICIENT_BUFFER);
    }
    channel.Reserved = 1;
    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_QUERY_CHANNEL, &channel, sizeof(channel), output,
                           sizeof(output), NULL),
                ERROR_INVALID_PARAMETER);
    // No such code, and known ones by another method or for another access.
    CHECK_EQUAL(RawControl(file, UPCALL_CODE(77u, UPCALL_ACCESS_ANY), NULL, 0, NULL, 0, NULL),
                ERROR_INVALID_FUNCTION);
    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_HELLO | 1u, &channel, sizeof(channel), output,
                           sizeof(output), NULL),
                ERROR_INVALID_FUNCTION);
    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_UNSUBSCRIBE & ~(3u << 14), &mine, sizeof(mine), NULL,
                           0, NULL),
                ERROR_INVALID_FUNCTION);
    CheckUnchanged(connection, &before);

    // 0 names the handle's own; another handle has none; the id works from there, once.
    HANDLE control = OpenRaw(0);
    CHECK_EQUAL(RawUnsubscribe(control, 0), ERROR_NOT_FOUND);
    CHECK_EQUAL(RawUnsubscribe(control, id), ERROR_SUCCESS);
    CHECK_EQUAL(RawUnsubscribe(control, id), ERROR_NOT_FOUND);
    CHECK_EQUAL(RawUnsubscribe(file, 0), ERROR_NOT_FOUND);
    // The file may subscribe anew, under a new id.
    ULONGLONG again;
    CHECK_EQUAL(RawSubscribe(file, &subscribe, &again), ERROR_SUCCESS);
    CHECK(again > id);
    CHECK_EQUAL(RawUnsubscribe(file, 0), ERROR_SUCCESS);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(control);
    CloseHandle(file);
    CloseHandle(event);
}

// An IOCTL that needs read access, through a handle that has none.
void
access_is_needed(const SIGNAL *Signal)
{
    (void)Signal;
    HANDLE writer = OpenFeed();
    HANDLE event = NewEvent();
    UPCALL_SUBSCRIBE_INPUT subscribe = RawInput(event);
    UPCALL_SUBSCRIPTION_INPUT mine = {.Size = sizeof(mine)};
    UPCALL_CHANNEL_INPUT channel = {.Size = sizeof(channel)};
    UPCALL_CHANNEL_STATISTICS statistics;
    BYTE buffer[64];
    DWORD bytes;
    CHECK_EQUAL(RawSubscribe(writer, &subscribe, NULL), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(RawControl(writer, UPCALL_IOCTL_UNSUBSCRIBE, &mine, sizeof(mine), NULL, 0, NULL),
                ERROR_ACCESS_DENIED);
    CHECK_EQUAL(RawControl(writer, UPCALL_IOCTL_QUERY_CHANNEL, &channel, sizeof(channel),
                           &statistics, sizeof(statistics), NULL),
                ERROR_ACCESS_DENIED);
    CHECK_REFUSED(ReadFile(writer, buffer, sizeof(buffer), &bytes, NULL), ERROR_ACCESS_DENIED);
    CloseHandle(writer);
    CloseHandle(event);
}

// ---- Reads --------------------------------------------------------------------------------------

void
reads_are_validated(const SIGNAL *Signal)
{
    (void)Signal;
    HANDLE file = OpenRaw(0);
    HANDLE event = NewEvent();
    HANDLE feeder = OpenFeed();
    UPCALL_SUBSCRIBE_INPUT subscribe = RawInput(event);
    static BYTE buffer[2 * UPCALL_MAX_READ_BYTES];
    UPCALL_BATCH_HEADER header;
    DWORD bytes = 0;

    CHECK_REFUSED(ReadFile(file, buffer, sizeof(buffer), &bytes, NULL), ERROR_BAD_COMMAND);
    CHECK_EQUAL(RawSubscribe(file, &subscribe, NULL), ERROR_SUCCESS);
    CHECK_REFUSED(ReadFile(file, buffer, sizeof(buffer), &bytes, NULL), ERROR_NO_MORE_ITEMS);
    Feed(feeder, 7, 0, 1, 100);
    for (DWORD length = 0; length < UPCALL_BATCH_HEADER_BYTES; length++)
    {
        CHECK_REFUSED(ReadFile(file, buffer, length, &bytes, NULL), ERROR_INSUFFICIENT_BUFFER);
    }
    // Too short for the record: the size it needs, and nothing consumed, as often as one asks.
    for (DWORD length = UPCALL_BATCH_HEADER_BYTES; length < UPCALL_BATCH_HEADER_BYTES + 120;
         length++)
    {
        memset(buffer, 0xCC, sizeof(buffer));
        CHECK_REFUSED(ReadFile(file, buffer, length, &bytes, NULL), ERROR_MORE_DATA);
        memcpy(&header, buffer, sizeof(header));
        CHECK_EQUAL(header.Size, sizeof(header));
        CHECK_EQUAL(header.Count, 0);
        CHECK_EQUAL(header.Ordinal, 0);
        CHECK_EQUAL(header.NeededBytes, UPCALL_BATCH_HEADER_BYTES + 120);
        CHECK_EQUAL(buffer[sizeof(header)], 0xCC);
    }
    memset(buffer, 0xCC, sizeof(buffer));
    CHECK_CALL(ReadFile(file, buffer, header.NeededBytes, &bytes, NULL));
    memcpy(&header, buffer, sizeof(header));
    CHECK_EQUAL(bytes, UPCALL_BATCH_HEADER_BYTES + 120);
    CHECK_EQUAL(header.Size, bytes);
    CHECK_EQUAL(header.Count, 1);
    CHECK_EQUAL(header.Ordinal, 1);
    CHECK_EQUAL(header.NeededBytes, 0);
    CHECK_EQUAL(header.QueuedBytes, 0);
    CHECK_EQUAL(buffer[bytes], 0xCC);
    // One read copies 64 KiB at most, however long it is.
    Feed(feeder, 7, 1, 10, 10000);
    CHECK_CALL(ReadFile(file, buffer, sizeof(buffer), &bytes, NULL));
    memcpy(&header, buffer, sizeof(header));
    CHECK(bytes <= UPCALL_MAX_READ_BYTES);
    CHECK_EQUAL(header.Count, 6);
    CHECK_EQUAL(header.Ordinal, 2);
    CHECK(header.QueuedBytes >= 4 * 10000);
    CHECK_EQUAL(RawUnsubscribe(file, 0), ERROR_SUCCESS);
    CHECK_REFUSED(ReadFile(file, buffer, sizeof(buffer), &bytes, NULL), ERROR_BAD_COMMAND);
    CloseHandle(feeder);
    CloseHandle(file);
    CloseHandle(event);
}

// ---- The relay itself ---------------------------------------------------------------------------

void
relay_writes_are_validated(const SIGNAL *Signal)
{
    (void)Signal;
    UPCALL_CONNECTION *connection = Open();
    HANDLE feeder = OpenFeed();
    UPCALL_CHANNEL_STATISTICS before = ChannelStatistics(connection);
    BYTE write[128];
    UPCALL_RELAY_HEADER good = {.Size = sizeof(good) + 8, .Topic = 63};
    DWORD bytes;
    for (DWORD length = 0; length < sizeof(good) + 8; length++)
    {
        memcpy(write, &good, sizeof(good));
        CHECK_REFUSED(WriteFile(feeder, write, length, &bytes, NULL), ERROR_INVALID_PARAMETER);
    }
    const UPCALL_RELAY_HEADER bad[] = {
        {.Size = 0},
        {.Size = sizeof(good) - 1},
        {.Size = 0xFFFFFFFFu},
        {.Size = 0xFFFFFFF8u},
        {.Size = sizeof(good), .Topic = UPCALL_MAX_TOPICS},
        {.Size = sizeof(good), .Topic = 0x80000000u},
        {.Size = sizeof(good), .Flags = 1},
        {.Size = sizeof(good), .Reserved = 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        // Behind a good one: that is not published either.
        memset(write, 0, sizeof(write));
        memcpy(write, &good, sizeof(good));
        memcpy(write + 24, &bad[i], sizeof(bad[i]));
        CHECK_REFUSED(WriteFile(feeder, write, 24 + sizeof(bad[i]), &bytes, NULL),
                      ERROR_INVALID_PARAMETER);
    }
    CheckUnchanged(connection, &before);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}

void
relay_timer_is_validated(const SIGNAL *Signal)
{
    (void)Signal;
    HANDLE feeder = OpenFeed();
    const RELAY_PUBLISH_INPUT good = {
        .Size = sizeof(good), .Count = 1, .RecordBytes = 8, .PeriodMs = 60000, .PerTick = 1};
    RELAY_PUBLISH_INPUT bad[10];
    for (int i = 0; i < 10; i++)
    {
        bad[i] = good;
    }
    bad[0].Topic = UPCALL_MAX_TOPICS;
    bad[1].Count = 0;
    bad[2].RecordBytes = 7;
    bad[3].RecordBytes = RELAY_MAX_TIMER_BYTES + 1;
    bad[4].PeriodMs = 0;
    bad[5].PeriodMs = 60001;
    bad[6].PerTick = 0;
    bad[7].PerTick = UPCALL_MAX_NOTIFY_BATCH + 1;
    bad[8].Reserved = 1;
    bad[9].Topic = 0xFFFFFFFFu;
    for (int i = 0; i < 10; i++)
    {
        CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH, &bad[i], sizeof(bad[i]), NULL, 0, NULL),
                    ERROR_INVALID_PARAMETER);
    }
    CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH, &good, sizeof(good) - 1, NULL, 0, NULL),
                ERROR_BAD_LENGTH);
    CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH, &good, sizeof(good), NULL, 0, NULL),
                ERROR_SUCCESS);
    CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH, &good, sizeof(good), NULL, 0, NULL),
                ERROR_BUSY);
    CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH_STOP, NULL, 0, NULL, 0, NULL),
                ERROR_SUCCESS);
    CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH_STOP, NULL, 0, NULL, 0, NULL),
                ERROR_SUCCESS);
    // Left running: unloading the driver ends it.
    CHECK_EQUAL(RawControl(feeder, RELAY_IOCTL_PUBLISH, &good, sizeof(good), NULL, 0, NULL),
                ERROR_SUCCESS);
    CloseHandle(feeder);
}

// ---- The library's own checks -------------------------------------------------------------------

void
library_arguments_are_checked(const SIGNAL *Signal)
{
    (void)Signal;
    UPCALL_CONNECTION *connection = (UPCALL_CONNECTION *)(ULONG_PTR)0xCC;
    UPCALL_SUBSCRIPTION *subscription = (UPCALL_SUBSCRIPTION *)(ULONG_PTR)0xCC;
    UPCALL_RECORD record;
    CHECK_EQUAL(UpcallOpen(NULL, &connection), ERROR_INVALID_PARAMETER);
    CHECK(connection == NULL);
    CHECK_EQUAL(UpcallOpen(RELAY_DEVICE_PATH, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallOpen(L"\\\\.\\UpcallNobody", &connection), ERROR_FILE_NOT_FOUND);
    CHECK(connection == NULL);
    CHECK_EQUAL(UpcallClose(NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallUnsubscribe(NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallCancel(NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallReceive(NULL, &record, 0), ERROR_INVALID_PARAMETER);

    connection = Open();
    const UPCALL_SUBSCRIBE_CONFIG good = {
        .Size = sizeof(good), .Signal = UPCALL_SIGNAL_EVENT, .Topics = 1};
    UPCALL_SUBSCRIBE_CONFIG config = good;
    UPCALL_CHANNEL_STATISTICS before = ChannelStatistics(connection);
    CHECK_EQUAL(UpcallSubscribe(NULL, &good, &subscription), ERROR_INVALID_PARAMETER);
    CHECK(subscription == NULL);
    CHECK_EQUAL(UpcallSubscribe(connection, NULL, &subscription), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallSubscribe(connection, &good, NULL), ERROR_INVALID_PARAMETER);
#define REFUSED(Field, Value, Error) \
    config = good;                   \
    config.Field = (Value);          \
    CHECK_EQUAL(UpcallSubscribe(connection, &config, &subscription), (Error))
    REFUSED(Size, 0, ERROR_INVALID_PARAMETER);
    REFUSED(Topics, 0, ERROR_INVALID_PARAMETER);
    REFUSED(Signal, 0, ERROR_NOT_SUPPORTED);
    REFUSED(Signal, 4, ERROR_NOT_SUPPORTED);
    REFUSED(DataPath, 2, ERROR_NOT_SUPPORTED);
    REFUSED(Policy, 2, ERROR_NOT_SUPPORTED);
    REFUSED(QueueBytes, 4095, ERROR_INVALID_PARAMETER);
    REFUSED(QueueBytes, 2 * UPCALL_MAX_QUEUE_BYTES, ERROR_INVALID_PARAMETER);
    REFUSED(ReadBytes, UPCALL_BATCH_HEADER_BYTES - 1, ERROR_INVALID_PARAMETER);
    REFUSED(ReadBytes, UPCALL_MAX_READ_BYTES + 1, ERROR_INVALID_PARAMETER);
    REFUSED(Flags, 2, ERROR_INVALID_PARAMETER);
    REFUSED(EventOrigin, UPCALL_EVENT_ORIGIN_DRIVER, ERROR_INVALID_PARAMETER);
    REFUSED(EventName, L"x", ERROR_INVALID_PARAMETER);
    REFUSED(CompletionMode, 1, ERROR_INVALID_PARAMETER);
    REFUSED(ReadsInFlight, 1, ERROR_INVALID_PARAMETER);
#undef REFUSED
    CheckUnchanged(connection, &before);

    subscription = Subscribe(connection, &good);
    memset(&record, 0, sizeof(record));
    CHECK_EQUAL(UpcallReceive(subscription, NULL, 0), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallRelease(subscription, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallStart(subscription, NULL, NULL), ERROR_INVALID_PARAMETER);
    HANDLE feeder = OpenFeed();
    Feed(feeder, 0, 0, 1, 8);
    CHECK_EQUAL(UpcallReceive(subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
    UPCALL_RECORD copy = record;
    CHECK_EQUAL(UpcallRelease(subscription, &record), ERROR_SUCCESS);
    CHECK(record.Data == NULL);
    CHECK_EQUAL(UpcallRelease(subscription, &copy), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
    CloseHandle(feeder);
}
