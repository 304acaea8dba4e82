// SPDX-License-Identifier: MIT
// Overlapped requests, completion ports, cancelling and synchronous handles, as an application sees them.

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

static int Failures;

#define CHECK(Condition)                                                                 \
    do                                                                                   \
    {                                                                                    \
        if (!(Condition))                                                                \
        {                                                                                \
            fprintf(stderr, "%s:%d: %s is not so (last error %u)\n", __FILE__, __LINE__, \
                    #Condition, (unsigned)GetLastError());                               \
            Failures++;                                                                  \
        }                                                                                \
    } while (0)

#define PATIENCE 30000  // milliseconds until a wait that must end counts as failed

static HANDLE Controller;  // a synchronous handle of its own

static HANDLE
OpenDevice(DWORD Flags)
{
    HANDLE Device = CreateFileA("\\\\.\\OverlappedIo", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, Flags, NULL);

    CHECK(Device != INVALID_HANDLE_VALUE);
    return Device;
}

static UINT32
ReleaseWith(UINT32 Count, UINT64 Value, UINT32 FromDpc, UINT32 Status)
{
    OVTEST_RELEASE_REQUEST Request = {
        .Count = Count, .FromDpc = FromDpc, .Status = Status, .Value = Value};
    UINT32 Released = 99;
    DWORD Bytes;

    CHECK(DeviceIoControl(Controller, OVTEST_RELEASE, &Request, sizeof(Request), &Released,
                          sizeof(Released), &Bytes, NULL));
    return Released;
}

static UINT32
Waiting(void)
{
    UINT32 Count = 99;
    DWORD Bytes;

    CHECK(DeviceIoControl(Controller, OVTEST_COUNT, NULL, 0, &Count, sizeof(Count), &Bytes, NULL));
    return Count;
}

static void
AwaitWaiting(UINT32 Count)
{
    ULONGLONG Limit = GetTickCount64() + PATIENCE;

    while (Waiting() != Count)
    {
        CHECK(GetTickCount64() < Limit);
        if (GetTickCount64() >= Limit)
        {
            return;
        }
        SwitchToThread();
    }
}

static void
Pend(HANDLE Device, OVERLAPPED *Overlapped, UINT64 *Output)
{
    *Output = 0x5A5A;
    CHECK(
        !DeviceIoControl(Device, OVTEST_WAIT, NULL, 0, Output, sizeof(*Output), NULL, Overlapped));
    CHECK(GetLastError() == ERROR_IO_PENDING);
}

static void
TestEvents(void)
{
    HANDLE Device = OpenDevice(FILE_FLAG_OVERLAPPED);
    OVERLAPPED Overlapped[3];
    UINT64 Output[3];
    DWORD Bytes;

    for (UINT32 FromDpc = 0; FromDpc < 2; FromDpc++)
    {
        for (int Index = 0; Index < 3; Index++)
        {
            memset(&Overlapped[Index], 0, sizeof(OVERLAPPED));
            Overlapped[Index].hEvent = CreateEventA(NULL, TRUE, TRUE, NULL);
            Pend(Device, &Overlapped[Index], &Output[Index]);
            CHECK(WaitForSingleObject(Overlapped[Index].hEvent, 0) == WAIT_TIMEOUT);
            CHECK(!HasOverlappedIoCompleted(&Overlapped[Index]));
            CHECK(!GetOverlappedResult(Device, &Overlapped[Index], &Bytes, FALSE));
            CHECK(GetLastError() == ERROR_IO_INCOMPLETE);
        }
        CHECK(ReleaseWith(2, 1000, FromDpc, 0) == 2);
        for (int Index = 0; Index < 2; Index++)
        {
            Bytes = 99;
            CHECK(WaitForSingleObject(Overlapped[Index].hEvent, PATIENCE) == WAIT_OBJECT_0);
            CHECK(GetOverlappedResult(Device, &Overlapped[Index], &Bytes, FALSE));
            CHECK(Bytes == 8 && Output[Index] == 1000u + (unsigned)Index);
        }
        CHECK(WaitForSingleObject(Overlapped[2].hEvent, 0) == WAIT_TIMEOUT);
        CHECK(ReleaseWith(9, 7, FromDpc, 0xC00000A3) == 1);  // STATUS_DEVICE_NOT_READY
        CHECK(!GetOverlappedResult(Device, &Overlapped[2], &Bytes, TRUE));
        CHECK(GetLastError() == ERROR_NOT_READY);
        CHECK(Output[2] == 0x5A5A);
        for (int Index = 0; Index < 3; Index++)
        {
            CHECK(CloseHandle(Overlapped[Index].hEvent));
        }
    }
    CHECK(CloseHandle(Device));
}

static void
TestCancel(void)
{
    HANDLE Device = OpenDevice(FILE_FLAG_OVERLAPPED);
    OVERLAPPED First = {0}, Second = {0};
    UINT64 Output[2];
    DWORD Bytes;

    First.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    Second.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK(!CancelIoEx(Device, NULL) && GetLastError() == ERROR_NOT_FOUND);
    Pend(Device, &First, &Output[0]);
    Pend(Device, &Second, &Output[1]);
    CHECK(CancelIoEx(Device, &Second));
    CHECK(!GetOverlappedResult(Device, &Second, &Bytes, TRUE));
    CHECK(GetLastError() == ERROR_OPERATION_ABORTED);
    CHECK(!HasOverlappedIoCompleted(&First));
    CHECK(Waiting() == 1);
    CHECK(CancelIo(Device));
    CHECK(!GetOverlappedResult(Device, &First, &Bytes, TRUE));
    CHECK(GetLastError() == ERROR_OPERATION_ABORTED);
    CHECK(Waiting() == 0);
    CHECK(CloseHandle(First.hEvent));
    CHECK(CloseHandle(Second.hEvent));
    CHECK(CloseHandle(Device));
}

static void
TestPort(void)
{
    HANDLE Device = OpenDevice(FILE_FLAG_OVERLAPPED);
    HANDLE Port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    OVERLAPPED Overlapped[4], *Which;
    OVERLAPPED_ENTRY Entries[4];
    UINT64 Output[4];
    ULONG_PTR Key;
    ULONG Removed;
    DWORD Bytes;

    CHECK(Port != NULL);
    CHECK(CreateIoCompletionPort(Device, Port, 55, 0) == Port);
    CHECK(!GetQueuedCompletionStatus(Port, &Bytes, &Key, &Which, 0));
    CHECK(GetLastError() == WAIT_TIMEOUT && Which == NULL);
    memset(Overlapped, 0, sizeof(Overlapped));
    for (int Index = 0; Index < 4; Index++)
    {
        Pend(Device, &Overlapped[Index], &Output[Index]);
    }
    CHECK(ReleaseWith(1, 10, 0, 0) == 1);
    CHECK(GetQueuedCompletionStatus(Port, &Bytes, &Key, &Which, PATIENCE));
    CHECK(Which == &Overlapped[0] && Key == 55 && Bytes == 8 && Output[0] == 10);
    CHECK(ReleaseWith(2, 20, 1, 0) == 2);
    CHECK(CancelIoEx(Device, &Overlapped[3]));
    CHECK(PostQueuedCompletionStatus(Port, 3, 4, NULL));
    CHECK(GetQueuedCompletionStatusEx(Port, Entries, 4, &Removed, PATIENCE, FALSE));
    CHECK(Removed == 4);
    CHECK(Entries[0].lpOverlapped == &Overlapped[1] && Output[1] == 20);
    CHECK(Entries[1].lpOverlapped == &Overlapped[2] && Output[2] == 21);
    CHECK(Entries[2].lpOverlapped == &Overlapped[3] && Entries[2].dwNumberOfBytesTransferred == 0);
    CHECK(Entries[3].lpOverlapped == NULL && Entries[3].lpCompletionKey == 4 &&
          Entries[3].dwNumberOfBytesTransferred == 3);
    CHECK(!GetOverlappedResult(Device, &Overlapped[3], &Bytes, FALSE));
    CHECK(GetLastError() == ERROR_OPERATION_ABORTED);

    // What succeeds at once brings a packet, unless told otherwise.
    UINT32 Count;
    CHECK(DeviceIoControl(Device, OVTEST_COUNT, NULL, 0, &Count, sizeof(Count), NULL,
                          &Overlapped[0]));
    CHECK(GetQueuedCompletionStatus(Port, &Bytes, &Key, &Which, PATIENCE));
    CHECK(Which == &Overlapped[0] && Bytes == 4);
    CHECK(SetFileCompletionNotificationModes(Device, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
    CHECK(DeviceIoControl(Device, OVTEST_COUNT, NULL, 0, &Count, sizeof(Count), &Bytes,
                          &Overlapped[0]));
    CHECK(!GetQueuedCompletionStatus(Port, &Bytes, &Key, &Which, 0));
    CHECK(GetLastError() == WAIT_TIMEOUT);
    CHECK(CloseHandle(Device));
    CHECK(CloseHandle(Port));
}

typedef struct TURN
{
    HANDLE Device;
    UINT64 Output;
    DWORD Bytes, Error;
    BOOL Result;
} TURN;

static DWORD WINAPI
OneTurn(LPVOID Context)
{
    TURN *Turn = Context;

    Turn->Output = 0x5A5A;
    Turn->Result = DeviceIoControl(Turn->Device, OVTEST_WAIT, NULL, 0, &Turn->Output,
                                   sizeof(Turn->Output), &Turn->Bytes, NULL);
    Turn->Error = Turn->Result ? 0 : GetLastError();
    return 0;
}

static void
TestSynchronous(void)
{
    HANDLE Device = OpenDevice(0);
    TURN Turns[2] = {{.Device = Device}, {.Device = Device}};
    HANDLE Threads[2];

    for (UINT32 FromDpc = 0; FromDpc < 2; FromDpc++)
    {
        Threads[0] = CreateThread(NULL, 0, OneTurn, &Turns[0], 0, NULL);
        AwaitWaiting(1);
        Threads[1] = CreateThread(NULL, 0, OneTurn, &Turns[1], 0, NULL);
        // The second waits for the handle, not in the driver.
        CHECK(WaitForMultipleObjects(2, Threads, FALSE, 50) == WAIT_TIMEOUT);
        CHECK(Waiting() == 1);
        CHECK(ReleaseWith(1, 5, FromDpc, 0) == 1);
        CHECK(WaitForSingleObject(Threads[0], PATIENCE) == WAIT_OBJECT_0);
        CHECK(Turns[0].Result && Turns[0].Bytes == 8 && Turns[0].Output == 5);
        AwaitWaiting(1);
        CHECK(CancelIoEx(Device, NULL));
        CHECK(WaitForSingleObject(Threads[1], PATIENCE) == WAIT_OBJECT_0);
        CHECK(!Turns[1].Result && Turns[1].Error == ERROR_OPERATION_ABORTED);
        CHECK(Turns[1].Output == 0x5A5A);
        CHECK(CloseHandle(Threads[0]));
        CHECK(CloseHandle(Threads[1]));
    }
    CHECK(CloseHandle(Device));
}

static void
TestDirect(void)
{
    HANDLE Device = OpenDevice(FILE_FLAG_OVERLAPPED);
    DWORD Size = 70000;
    unsigned char *Buffer = malloc(Size + 2);
    OVERLAPPED Overlapped = {0};
    UINT32 Pended = 1, Total = 0;
    DWORD Bytes, Index;

    Overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    for (int Way = 0; Way < 2; Way++)
    {
        memset(Buffer, 0x5A, Size + 2);
        if (Way == 0)
        {
            CHECK(DeviceIoControl(Device, OVTEST_FILL, NULL, 0, Buffer + 1, Size, &Bytes,
                                  &Overlapped));
        }
        else
        {
            CHECK(!DeviceIoControl(Device, OVTEST_FILL, &Pended, sizeof(Pended), Buffer + 1, Size,
                                   NULL, &Overlapped));
            CHECK(GetLastError() == ERROR_IO_PENDING);
            CHECK(ReleaseWith(1, 0, 1, 0) == 1);
        }
        CHECK(GetOverlappedResult(Device, &Overlapped, &Bytes, TRUE) && Bytes == Size);
        CHECK(Buffer[0] == 0x5A && Buffer[Size + 1] == 0x5A);
        for (Index = 0; Index < Size && Buffer[1 + Index] == (unsigned char)(Index % 251); Index++)
        {
        }
        CHECK(Index == Size);
    }
    for (Index = 0; Index < 1000; Index++)
    {
        Buffer[Index] = (unsigned char)Index;
        Total += Buffer[Index];
    }
    CHECK(DeviceIoControl(Device, OVTEST_SUM, NULL, 0, Buffer, 1000, &Bytes, &Overlapped));
    CHECK(GetOverlappedResult(Device, &Overlapped, &Bytes, TRUE) && Bytes == Total);
    CHECK(CloseHandle(Overlapped.hEvent));
    CHECK(CloseHandle(Device));
    free(Buffer);
}

static DWORD WINAPI
PendAndExit(LPVOID Context)
{
    static UINT64 Output;

    Pend(((TURN *)Context)->Device, (OVERLAPPED *)((TURN *)Context + 1), &Output);
    return 0;
}

static void
TestThreadExit(void)
{
    struct
    {
        TURN Turn;
        OVERLAPPED Overlapped;
    } Both = {.Turn = {.Device = OpenDevice(FILE_FLAG_OVERLAPPED)}};
    HANDLE Thread;
    DWORD Bytes;

    Both.Overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    Thread = CreateThread(NULL, 0, PendAndExit, &Both, 0, NULL);
    CHECK(WaitForSingleObject(Thread, PATIENCE) == WAIT_OBJECT_0);
    CHECK(!GetOverlappedResult(Both.Turn.Device, &Both.Overlapped, &Bytes, TRUE));
    CHECK(GetLastError() == ERROR_OPERATION_ABORTED);
    CHECK(Waiting() == 0);
    CHECK(CloseHandle(Thread));
    CHECK(CloseHandle(Both.Overlapped.hEvent));
    CHECK(CloseHandle(Both.Turn.Device));
}

static OVERLAPPED LeftOverlapped[2];
static UINT64 LeftOutput[2];

int
main(void)
{
    Controller = OpenDevice(0);
    if (Controller == INVALID_HANDLE_VALUE)
    {
        return 1;
    }
    TestEvents();
    TestCancel();
    TestPort();
    TestSynchronous();
    TestDirect();
    TestThreadExit();
    // Left pending: the end of the process cancels them.
    HANDLE Device = OpenDevice(FILE_FLAG_OVERLAPPED);
    Pend(Device, &LeftOverlapped[0], &LeftOutput[0]);
    Pend(Device, &LeftOverlapped[1], &LeftOutput[1]);
    return Failures != 0;
}
