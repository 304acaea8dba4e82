// SPDX-License-Identifier: MIT
// The contract suite: checks, feeding, receiving, and calls below the library.

#include "contract.h"

#include <stdarg.h>

void
Fail(const char *File, int Line, const char *Format, ...)
{
    va_list arguments;
    va_start(arguments, Format);
    fprintf(stderr, "%s:%d: ", File, Line);
    vfprintf(stderr, Format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    fflush(stderr);
    ExitProcess(1);
}

void
CheckEqual(const char *File, int Line, const char *What, unsigned long long Seen,
           unsigned long long Expected)
{
    if (Seen != Expected)
    {
        Fail(File, Line, "%s: %llu, expected %llu", What, Seen, Expected);
    }
}

// ---- Signals ------------------------------------------------------------------------------------

UPCALL_SUBSCRIBE_CONFIG
ConfigOf(const SIGNAL *Signal)
{
    UPCALL_SUBSCRIBE_CONFIG config;
    memset(&config, 0, sizeof(config));
    config.Size = sizeof(config);
    config.Signal = Signal->Signal;
    config.Topics = ~0ull;
    config.EventOrigin = Signal->EventOrigin;
    config.CompletionMode = Signal->CompletionMode;
    return config;
}

UPCALL_CONNECTION *
Open(void)
{
    UPCALL_CONNECTION *connection;
    CHECK_EQUAL(UpcallOpen(RELAY_DEVICE_PATH, &connection), ERROR_SUCCESS);
    return connection;
}

UPCALL_SUBSCRIPTION *
Subscribe(UPCALL_CONNECTION *Connection, const UPCALL_SUBSCRIBE_CONFIG *Config)
{
    UPCALL_SUBSCRIPTION *subscription;
    CHECK_EQUAL(UpcallSubscribe(Connection, Config, &subscription), ERROR_SUCCESS);
    return subscription;
}

// ---- Feeding ------------------------------------------------------------------------------------

HANDLE
OpenFeed(void)
{
    HANDLE file = CreateFileW(RELAY_DEVICE_PATH, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                              NULL, OPEN_EXISTING, 0, NULL);
    CHECK_CALL(file != INVALID_HANDLE_VALUE);
    return file;
}

BYTE
PatternByte(ULONGLONG Index, DWORD i)
{
    return (BYTE)(Index * 131u + i * 17u + (i >> 8));
}

void
Feed(HANDLE Feeder, DWORD Topic, ULONGLONG Index, DWORD Count, DWORD Length)
{
    DWORD bytes = (DWORD)sizeof(UPCALL_RELAY_HEADER) + Length;
    DWORD stride = (bytes + RELAY_ALIGNMENT - 1) & ~(DWORD)(RELAY_ALIGNMENT - 1);
    BYTE *write = calloc(Count, stride);
    DWORD written = 0;
    CHECK(write != NULL);
    for (DWORD record = 0; record < Count; record++)
    {
        BYTE *at = write + (size_t)record * stride;
        UPCALL_RELAY_HEADER header = {.Size = bytes, .Topic = Topic};
        memcpy(at, &header, sizeof(header));
        for (DWORD i = 0; i < Length; i++)
        {
            at[sizeof(header) + i] = PatternByte(Index + record, i);
        }
    }
    CHECK_CALL(WriteFile(Feeder, write, Count * stride, &written, NULL));
    CHECK_EQUAL(written, Count * stride);
    free(write);
}

// ---- Receiving ----------------------------------------------------------------------------------

void
Expect(UPCALL_SUBSCRIPTION *Subscription, ULONGLONG Sequence, DWORD Topic, ULONGLONG Index,
       DWORD Length)
{
    UPCALL_RECORD record;
    memset(&record, 0xCC, sizeof(record));
    CHECK_EQUAL(UpcallReceive(Subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
    CHECK_EQUAL(record.Flags & UPCALL_RECORD_LOST, 0);
    CHECK_EQUAL(record.Sequence, Sequence);
    CHECK_EQUAL(record.Topic, Topic);
    CHECK_EQUAL(record.Length, Length);
    for (DWORD i = 0; i < Length; i++)
    {
        if (((const BYTE *)record.Data)[i] != PatternByte(Index, i))
        {
            FAIL("record %llu: byte %llu differs", (unsigned long long)Sequence,
                 (unsigned long long)i);
        }
    }
    CHECK_EQUAL(UpcallRelease(Subscription, &record), ERROR_SUCCESS);
}

UPCALL_LOST
ExpectLost(UPCALL_SUBSCRIPTION *Subscription)
{
    UPCALL_RECORD record;
    UPCALL_LOST lost;
    CHECK_EQUAL(UpcallReceive(Subscription, &record, DEADLINE_MS), ERROR_SUCCESS);
    CHECK_EQUAL(record.Flags & UPCALL_RECORD_LOST, UPCALL_RECORD_LOST);
    CHECK_EQUAL(record.Length, sizeof(lost));
    memcpy(&lost, record.Data, sizeof(lost));
    CHECK_EQUAL(record.Sequence, lost.FirstSequence);
    CHECK_EQUAL(UpcallRelease(Subscription, &record), ERROR_SUCCESS);
    return lost;
}

void
ExpectNone(UPCALL_SUBSCRIPTION *Subscription)
{
    UPCALL_RECORD record;
    memset(&record, 0xCC, sizeof(record));
    CHECK_EQUAL(UpcallReceive(Subscription, &record, 0), ERROR_NO_MORE_ITEMS);
    CHECK(record.Data == NULL);
    CHECK_EQUAL(record.Length, 0);
}

UPCALL_CHANNEL_STATISTICS
ChannelStatistics(UPCALL_CONNECTION *Connection)
{
    UPCALL_CHANNEL_STATISTICS statistics;
    memset(&statistics, 0xCC, sizeof(statistics));
    CHECK_EQUAL(UpcallQueryChannel(Connection, &statistics), ERROR_SUCCESS);
    CHECK_EQUAL(statistics.Size, sizeof(statistics));
    return statistics;
}

UPCALL_SUBSCRIPTION_STATISTICS
Statistics(UPCALL_SUBSCRIPTION *Subscription)
{
    UPCALL_SUBSCRIPTION_STATISTICS statistics;
    memset(&statistics, 0xCC, sizeof(statistics));
    CHECK_EQUAL(UpcallQuery(Subscription, &statistics), ERROR_SUCCESS);
    CHECK_EQUAL(statistics.Size, sizeof(statistics));
    CHECK_EQUAL(statistics.Matched,
                statistics.Delivered + statistics.Lost + statistics.QueuedRecords);
    return statistics;
}

// ---- Below the library --------------------------------------------------------------------------

HANDLE
OpenRaw(DWORD Flags)
{
    HANDLE file = CreateFileW(RELAY_DEVICE_PATH, GENERIC_READ | GENERIC_WRITE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, Flags, NULL);
    CHECK_CALL(file != INVALID_HANDLE_VALUE);
    return file;
}

UPCALL_SUBSCRIBE_INPUT
RawInput(HANDLE Event)
{
    UPCALL_SUBSCRIBE_INPUT input;
    memset(&input, 0, sizeof(input));
    input.Size = sizeof(input);
    input.Version = UPCALL_PROTOCOL_VERSION;
    input.Topics = ~0ull;
    input.QueueBytes = UPCALL_DEFAULT_QUEUE_BYTES;
    input.Signal = UPCALL_SIGNAL_EVENT;
    input.DataPath = UPCALL_DATA_READ;
    input.Policy = UPCALL_POLICY_DROP_NEWEST;
    input.EventHandle = (ULONG_PTR)Event;
    return input;
}

DWORD
RawControl(HANDLE File, DWORD Code, const void *Input, DWORD InputBytes, void *Output,
           DWORD OutputBytes, DWORD *Returned)
{
    OVERLAPPED overlapped;
    DWORD returned = 0;
    memset(&overlapped, 0, sizeof(overlapped));
    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK_CALL(overlapped.hEvent != NULL);
    BOOL done = DeviceIoControl(File, Code, (void *)(ULONG_PTR)Input, InputBytes, Output,
                                OutputBytes, &returned, &overlapped);
    if (!done && GetLastError() == ERROR_IO_PENDING)
    {
        done = GetOverlappedResult(File, &overlapped, &returned, TRUE);
    }
    DWORD error = done ? ERROR_SUCCESS : GetLastError();
    CloseHandle(overlapped.hEvent);
    if (Returned != NULL)
    {
        *Returned = done ? returned : 0;
    }
    return error;
}

DWORD
RawSubscribe(HANDLE File, const UPCALL_SUBSCRIBE_INPUT *Input, ULONGLONG *Id)
{
    UPCALL_SUBSCRIBE_OUTPUT output;
    DWORD returned = 0;
    memset(&output, 0xCC, sizeof(output));
    DWORD error = RawControl(File, UPCALL_IOCTL_SUBSCRIBE, Input, sizeof(*Input), &output,
                             sizeof(output), &returned);
    if (error == ERROR_SUCCESS)
    {
        CHECK_EQUAL(returned, sizeof(output));
        CHECK_EQUAL(output.Size, sizeof(output));
        CHECK_EQUAL(output.Reserved, 0);
        CHECK(output.SubscriptionId != 0);
    }
    if (Id != NULL)
    {
        *Id = error == ERROR_SUCCESS ? output.SubscriptionId : 0;
    }
    return error;
}

DWORD
RawUnsubscribe(HANDLE File, ULONGLONG Id)
{
    UPCALL_SUBSCRIPTION_INPUT input = {.Size = sizeof(input), .SubscriptionId = Id};
    return RawControl(File, UPCALL_IOCTL_UNSUBSCRIBE, &input, sizeof(input), NULL, 0, NULL);
}

void
SetRawName(UPCALL_SUBSCRIBE_INPUT *Input, DWORD Origin, const WCHAR *Name)
{
    Input->Signal = UPCALL_SIGNAL_NAMED_EVENT;
    Input->EventHandle = 0;
    Input->EventOrigin = Origin;
    Input->EventNameUnits = 0;
    memset(Input->EventName, 0, sizeof(Input->EventName));
    while (Name[Input->EventNameUnits] != 0)
    {
        Input->EventName[Input->EventNameUnits] = Name[Input->EventNameUnits];
        Input->EventNameUnits++;
    }
}

HANDLE
StartThread(LPTHREAD_START_ROUTINE Routine, void *Context)
{
    HANDLE thread = CreateThread(NULL, 0, Routine, Context, 0, NULL);
    CHECK_CALL(thread != NULL);
    return thread;
}

void
JoinThread(HANDLE Thread)
{
    CHECK_EQUAL(WaitForSingleObject(Thread, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_CALL(CloseHandle(Thread));
}
