// SPDX-License-Identifier: MIT
// A hostile application: IOCTLs and reads of every code, length and content, in every state.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#include <upcall/client.h>

#include "../../drivers/relay/relay.h"

#define DEADLINE_MS 60000
#define HANDLES     12
#define LONGEST     4096u

static HANDLE Files[HANDLES];
static HANDLE Events[HANDLES];
static unsigned long long Random;
static unsigned long long Refused;
static unsigned long long Accepted;

static void
Fail(const char *What, unsigned long long Value)
{
    fprintf(stderr, "ioctl_garbage: %s (%llu)\n", What, Value);
    fflush(stderr);
    ExitProcess(1);
}

static DWORD
Next(DWORD Below)
{
    Random = Random * 6364136223846793005ull + 1442695040888963407ull;
    return (DWORD)(Random >> 33) % Below;
}

static HANDLE
OpenDevice(DWORD Flags)
{
    HANDLE file = CreateFileW(RELAY_DEVICE_PATH, GENERIC_READ | GENERIC_WRITE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, Flags, NULL);
    if (file == INVALID_HANDLE_VALUE)
    {
        Fail("open", GetLastError());
    }
    return file;
}

// The call, waited for; a call that never ends is the failure looked for.
static void
Control(HANDLE File, DWORD Code, void *Input, DWORD InputBytes, void *Output, DWORD OutputBytes)
{
    OVERLAPPED overlapped;
    DWORD returned = 0;
    memset(&overlapped, 0, sizeof(overlapped));
    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    BOOL done =
        DeviceIoControl(File, Code, Input, InputBytes, Output, OutputBytes, &returned, &overlapped);
    if (!done && GetLastError() == ERROR_IO_PENDING)
    {
        if (WaitForSingleObject(overlapped.hEvent, DEADLINE_MS) != WAIT_OBJECT_0)
        {
            Fail("an IOCTL did not end", Code);
        }
        done = GetOverlappedResult(File, &overlapped, &returned, FALSE);
    }
    if (done && returned > OutputBytes)
    {
        Fail("more returned than asked for", returned);
    }
    Accepted += done ? 1 : 0;
    Refused += done ? 0 : 1;
    CloseHandle(overlapped.hEvent);
}

// A structure that is nearly right, or garbage.
static DWORD
MakeInput(BYTE *Input, DWORD Kind)
{
    DWORD length = Next(3) != 0 ? Next(256) : Next(LONGEST);
    for (DWORD i = 0; i < length; i++)
    {
        Input[i] = Next(2) != 0 ? (BYTE)Next(256) : 0;
    }
    switch (Kind)
    {
    case 0:
    {
        UPCALL_SUBSCRIBE_INPUT subscribe;
        memset(&subscribe, 0, sizeof(subscribe));
        subscribe.Size = sizeof(subscribe);
        subscribe.Version = UPCALL_PROTOCOL_VERSION;
        subscribe.Topics = ~0ull;
        subscribe.QueueBytes = UPCALL_MIN_QUEUE_BYTES << Next(8);
        subscribe.Signal = 1 + Next(3);
        subscribe.DataPath = UPCALL_DATA_READ;
        subscribe.Policy = UPCALL_POLICY_DROP_NEWEST;
        subscribe.EventHandle =
            subscribe.Signal == UPCALL_SIGNAL_EVENT ? (ULONG_PTR)Events[Next(HANDLES)] : 0;
        if (subscribe.Signal == UPCALL_SIGNAL_NAMED_EVENT)
        {
            subscribe.EventOrigin = 1 + Next(2);
            subscribe.EventNameUnits = 8;
            memcpy(subscribe.EventName, L"Upcall-", 14);
            subscribe.EventName[7] = (uint16_t)(L'a' + Next(4));
        }
        memcpy(Input, &subscribe, sizeof(subscribe));
        // Mostly one byte of it is changed, anywhere.
        if (Next(3) != 0)
        {
            Input[Next(sizeof(subscribe))] = (BYTE)Next(256);
        }
        return sizeof(subscribe);
    }
    case 1:
    {
        UPCALL_SUBSCRIPTION_INPUT input = {.Size = sizeof(input),
                                           .SubscriptionId = Next(2) != 0 ? 0 : Next(200)};
        memcpy(Input, &input, sizeof(input));
        return sizeof(input) + (Next(8) == 0 ? Next(8) : 0);
    }
    case 2:
    {
        UPCALL_HELLO_INPUT input = {
            .Size = sizeof(input), .Version = Next(4), .VersionOldest = Next(4)};
        memcpy(Input, &input, sizeof(input));
        return sizeof(input);
    }
    default:
        if (length >= 4)
        {
            memcpy(Input, &length, sizeof(length));
        }
        return length;
    }
}

// The code that fits an input of the kind, mostly.
static DWORD
MakeCode(DWORD Kind)
{
    static const DWORD codes[] = {UPCALL_IOCTL_SUBSCRIBE, UPCALL_IOCTL_UNSUBSCRIBE,
                                  UPCALL_IOCTL_HELLO, UPCALL_IOCTL_QUERY_SUBSCRIPTION,
                                  UPCALL_IOCTL_QUERY_CHANNEL};
    switch (Next(6))
    {
    case 0:
        // Any function of the protocol, buffered: there are five.
        return UPCALL_CODE(Next(0x800), Next(3));
    case 1:
        return codes[Next(sizeof(codes) / sizeof(codes[0]))];
    default:
        return Kind == 1 && Next(2) != 0 ? UPCALL_IOCTL_QUERY_SUBSCRIPTION : codes[Kind];
    }
}

// A read that is cancelled at once if it pends; whatever length.
static void
ReadSomething(HANDLE File)
{
    static BYTE buffer[2 * UPCALL_MAX_READ_BYTES];
    OVERLAPPED overlapped;
    DWORD bytes = 0;
    memset(&overlapped, 0, sizeof(overlapped));
    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    DWORD length = Next(4) != 0 ? Next(256) : Next(sizeof(buffer));
    if (!ReadFile(File, buffer, length, NULL, &overlapped) && GetLastError() == ERROR_IO_PENDING)
    {
        CancelIoEx(File, &overlapped);
        if (WaitForSingleObject(overlapped.hEvent, DEADLINE_MS) != WAIT_OBJECT_0)
        {
            Fail("a cancelled read did not end", length);
        }
        if (GetOverlappedResult(File, &overlapped, &bytes, FALSE) && bytes > length)
        {
            Fail("read more than asked for", bytes);
        }
    }
    CloseHandle(overlapped.hEvent);
}

static void
WriteSomething(HANDLE File)
{
    BYTE write[256];
    OVERLAPPED overlapped;
    memset(&overlapped, 0, sizeof(overlapped));
    memset(write, 0, sizeof(write));
    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    DWORD length = Next(sizeof(write));
    UPCALL_RELAY_HEADER header = {.Size = Next(2) != 0 ? length : Next(300), .Topic = Next(70)};
    memcpy(write, &header, sizeof(header));
    if (!WriteFile(File, write, length, NULL, &overlapped) && GetLastError() == ERROR_IO_PENDING &&
        WaitForSingleObject(overlapped.hEvent, DEADLINE_MS) != WAIT_OBJECT_0)
    {
        Fail("a write did not end", length);
    }
    CloseHandle(overlapped.hEvent);
}

static void
CheckAlive(void)
{
    // The channel still serves an honest application, and has kept nothing of the others.
    UPCALL_CONNECTION *connection;
    UPCALL_SUBSCRIPTION *subscription;
    UPCALL_SUBSCRIBE_CONFIG config;
    UPCALL_CHANNEL_STATISTICS statistics;
    UPCALL_RECORD record;
    memset(&config, 0, sizeof(config));
    config.Size = sizeof(config);
    config.Signal = UPCALL_SIGNAL_EVENT;
    config.Topics = 1ull << 9;
    DWORD error = UpcallOpen(RELAY_DEVICE_PATH, &connection);
    if (error != ERROR_SUCCESS)
    {
        Fail("open", error);
    }
    error = UpcallQueryChannel(connection, &statistics);
    if (error != ERROR_SUCCESS || statistics.Subscriptions != 0 || statistics.QueueBytes != 0)
    {
        Fail("subscriptions were left", statistics.Subscriptions);
    }
    error = UpcallSubscribe(connection, &config, &subscription);
    if (error != ERROR_SUCCESS)
    {
        Fail("subscribe", error);
    }
    HANDLE file = OpenDevice(0);
    UPCALL_RELAY_HEADER header = {.Size = sizeof(header), .Topic = 9};
    DWORD written;
    if (!WriteFile(file, &header, sizeof(header), &written, NULL))
    {
        Fail("write", GetLastError());
    }
    error = UpcallReceive(subscription, &record, DEADLINE_MS);
    if (error != ERROR_SUCCESS || record.Topic != 9)
    {
        Fail("receive", error);
    }
    UpcallClose(connection);
    CloseHandle(file);
}

int
main(int argc, char **argv)
{
    static BYTE input[LONGEST + 256];
    static BYTE output[LONGEST];
    DWORD rounds = argc > 1 ? (DWORD)strtoul(argv[1], NULL, 10) : 20000;
    Random = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    for (int i = 0; i < HANDLES; i++)
    {
        Files[i] = OpenDevice(i % 2 != 0 ? FILE_FLAG_OVERLAPPED : 0);
        Events[i] = i == 0 ? Files[0] : CreateEventW(NULL, FALSE, FALSE, NULL);
    }
    for (DWORD round = 0; round < rounds; round++)
    {
        HANDLE *file = &Files[Next(HANDLES)];
        switch (Next(12))
        {
        case 0:
            WriteSomething(*file);
            break;
        case 1:
        case 2:
            ReadSomething(*file);
            break;
        case 3:
            // Whatever state it is in.
            if (file != &Files[0] && Next(4) == 0)
            {
                CloseHandle(*file);
                *file = OpenDevice(Next(2) != 0 ? FILE_FLAG_OVERLAPPED : 0);
            }
            break;
        default:
        {
            DWORD kind = Next(4);
            DWORD length = MakeInput(input, kind);
            DWORD room = Next(4) == 0 ? Next(LONGEST) : Next(128);
            Control(*file, MakeCode(kind), length != 0 ? input : NULL, length,
                    room != 0 ? output : NULL, room);
            break;
        }
        }
    }
    for (int i = 0; i < HANDLES; i++)
    {
        CloseHandle(Files[i]);
    }
    CheckAlive();
    if (Accepted == 0 || Refused == 0)
    {
        Fail("not even tried: accepted, of all", Accepted);
    }
    printf("%llu calls accepted, %llu refused\n", Accepted, Refused);
    return 0;
}
