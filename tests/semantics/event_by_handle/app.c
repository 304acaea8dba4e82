// SPDX-License-Identifier: MIT
// Passes its event to the driver and waits; checks who may pass what.
//
//   event_by_handle            the whole test
//   event_by_handle processes  makes and terminates another of itself (remote)
//   event_by_handle hang       arms far in the future and waits (to be killed)
//   event_by_handle spin N     N echo round trips (to be killed, or timed from outside)

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

static HANDLE
OpenDevice(DWORD Access)
{
    return CreateFileA("\\\\.\\EventByHandle", Access, 0, NULL, OPEN_EXISTING, 0, NULL);
}

static BOOL
Arm(HANDLE Device, HANDLE Event, DWORD Milliseconds)
{
    EVTEST_REQUEST Request = {.Event = (UINT64)(ULONG_PTR)Event, .Milliseconds = Milliseconds};
    DWORD Bytes;
    return DeviceIoControl(Device, EVTEST_ARM, &Request, sizeof(Request), NULL, 0, &Bytes, NULL);
}

static void
TestEcho(HANDLE Device)
{
    char In[] = "sixteen bytes ok", Out[64];
    DWORD Bytes = 99;
    memset(Out, 0x5A, sizeof(Out));
    CHECK(DeviceIoControl(Device, EVTEST_ECHO, In, sizeof(In), Out, sizeof(Out), &Bytes, NULL));
    CHECK(Bytes == sizeof(In));
    CHECK(memcmp(In, Out, sizeof(In)) == 0);
    CHECK(Out[sizeof(In)] == 0x5A);

    // Larger than what a port carries inline.
    size_t Size = 100000;
    char *Large = malloc(Size), *Back = calloc(1, Size);
    for (size_t Index = 0; Index < Size; Index++)
    {
        Large[Index] = (char)(Index * 7);
    }
    CHECK(
        DeviceIoControl(Device, EVTEST_ECHO, Large, (DWORD)Size, Back, (DWORD)Size, &Bytes, NULL));
    CHECK(Bytes == Size && memcmp(Large, Back, Size) == 0);
    free(Large);
    free(Back);

    Bytes = 99;
    CHECK(!DeviceIoControl(Device, EVTEST_ECHO, (void *)16, 100000, NULL, 0, &Bytes, NULL));
    CHECK(GetLastError() == ERROR_NOACCESS);
    CHECK(!DeviceIoControl(Device, CTL_CODE(FILE_DEVICE_UNKNOWN, 0x8FF, METHOD_BUFFERED, 0), NULL,
                           0, NULL, 0, &Bytes, NULL));
    CHECK(GetLastError() == ERROR_INVALID_FUNCTION);
}

static void
TestHandles(HANDLE Device)
{
    HANDLE Event = CreateEventA(NULL, FALSE, FALSE, NULL), Weak = NULL;
    CHECK(Event != NULL);
    CHECK(!Arm(Device, (HANDLE)0x7654, 1) && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(!Arm(Device, Device, 1) && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(DuplicateHandle(GetCurrentProcess(), Event, GetCurrentProcess(), &Weak, SYNCHRONIZE,
                          FALSE, 0));
    CHECK(!Arm(Device, Weak, 1) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(!SetEvent(Weak) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(Weak));
    CHECK(!CloseHandle(Weak) && GetLastError() == ERROR_INVALID_HANDLE);

    HANDLE Reader = OpenDevice(GENERIC_READ);
    CHECK(Reader != INVALID_HANDLE_VALUE);
    CHECK(!Arm(Reader, Event, 1) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(Reader));
    CHECK(CloseHandle(Event));
}

static void
TestWake(HANDLE Device)
{
    DWORD Bytes;
    HANDLE Event = CreateEventA(NULL, FALSE, FALSE, NULL);
    for (int Round = 0; Round < 20; Round++)
    {
        CHECK(Arm(Device, Event, Round % 3));
        CHECK(!Arm(Device, Event, 1) && GetLastError() == ERROR_BUSY);
        CHECK(WaitForSingleObject(Event, 10000) == WAIT_OBJECT_0);
        CHECK(WaitForSingleObject(Event, 0) == WAIT_TIMEOUT);
        CHECK(DeviceIoControl(Device, EVTEST_DISARM, NULL, 0, NULL, 0, &Bytes, NULL));
    }

    // The driver's reference outlives the handle.
    CHECK(Arm(Device, Event, 1));
    CHECK(CloseHandle(Event));
    CHECK(DeviceIoControl(Device, EVTEST_DISARM, NULL, 0, NULL, 0, &Bytes, NULL));
}

static DWORD WINAPI
SetLater(LPVOID Event)
{
    SetEvent(Event);
    return 7;
}

static void
TestThreads(void)
{
    HANDLE Event = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE Thread = CreateThread(NULL, 0, SetLater, Event, 0, NULL);
    HANDLE Both[] = {Event, Thread};
    DWORD Status = 0;
    CHECK(Thread != NULL);
    CHECK(WaitForMultipleObjects(2, Both, TRUE, 10000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(Thread, &Status) && Status == 7);
    CHECK(WaitForMultipleObjects(2, Both, FALSE, 0) == WAIT_OBJECT_0);
    CHECK(ResetEvent(Event));
    CHECK(WaitForMultipleObjects(2, Both, FALSE, 0) == WAIT_OBJECT_0 + 1);
    CHECK(WaitForMultipleObjects(2, Both, TRUE, 1) == WAIT_TIMEOUT);
    CHECK(CloseHandle(Thread));
    CHECK(CloseHandle(Event));
}

// Another process: born, waited for, terminated in the middle of its wait. Remote hosts only.
static void
TestProcesses(const char *Self, HANDLE Device)
{
    char Line[1024];
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Child;
    DWORD Status = 0, Bytes;

    snprintf(Line, sizeof(Line), "\"%s\" hang", Self);
    CHECK(CreateProcessA(Self, Line, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Child));
    CHECK(GetExitCodeProcess(Child.hProcess, &Status) && Status == STILL_ACTIVE);
    // It has armed its event once ours is refused.
    HANDLE Event = CreateEventA(NULL, FALSE, FALSE, NULL);
    while (Arm(Device, Event, 3600000) && WaitForSingleObject(Child.hProcess, 1) == WAIT_TIMEOUT)
    {
        CHECK(DeviceIoControl(Device, EVTEST_DISARM, NULL, 0, NULL, 0, &Bytes, NULL));
    }
    CHECK(WaitForSingleObject(Child.hProcess, 0) == WAIT_TIMEOUT);
    HANDLE Weak = OpenProcess(SYNCHRONIZE, FALSE, Child.dwProcessId);
    CHECK(Weak != NULL);
    CHECK(!TerminateProcess(Weak, 1) && GetLastError() == ERROR_ACCESS_DENIED);
    CHECK(TerminateProcess(Child.hProcess, 7));
    CHECK(WaitForSingleObject(Weak, 30000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(Child.hProcess, &Status) && Status == 7);
    CHECK(CloseHandle(Weak) && CloseHandle(Child.hProcess));
    // Its rundown has disarmed.
    CHECK(Arm(Device, Event, 3600000));
    CHECK(CloseHandle(Event));
    CHECK(OpenProcess(SYNCHRONIZE, FALSE, 999999) == NULL &&
          GetLastError() == ERROR_INVALID_PARAMETER);
    snprintf(Line, sizeof(Line), "nosuchprogram");
    CHECK(!CreateProcessA(NULL, Line, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Child) &&
          GetLastError() == ERROR_FILE_NOT_FOUND);
}

int
main(int Count, char **Words)
{
    HANDLE Device = OpenDevice(GENERIC_READ | GENERIC_WRITE);
    if (Device == INVALID_HANDLE_VALUE)
    {
        fprintf(stderr, "cannot open the device: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    if (Count > 1 && strcmp(Words[1], "hang") == 0)
    {
        HANDLE Event = CreateEventA(NULL, FALSE, FALSE, NULL);
        // Another one of us may hold it for a moment (TestProcesses).
        while (!Arm(Device, Event, 3600000))
        {
            if (GetLastError() != ERROR_BUSY)
            {
                return 1;
            }
            Sleep(1);
        }
        puts("waiting");
        fflush(stdout);
        CHECK(WaitForSingleObject(Event, INFINITE) == WAIT_OBJECT_0);
        return Failures != 0;
    }
    if (Count > 1 && strcmp(Words[1], "processes") == 0)
    {
        TestProcesses(Words[0], Device);
        return Failures != 0;
    }
    if (Count > 2 && strcmp(Words[1], "spin") == 0)
    {
        char Buffer[16] = "spin";
        DWORD Bytes;
        for (long Turn = atol(Words[2]); Turn > 0 && Failures == 0; Turn--)
        {
            CHECK(DeviceIoControl(Device, EVTEST_ECHO, Buffer, sizeof(Buffer), Buffer,
                                  sizeof(Buffer), &Bytes, NULL));
        }
        return Failures != 0;
    }
    TestEcho(Device);
    TestHandles(Device);
    TestWake(Device);
    TestThreads();
    CHECK(CloseHandle(Device));
    return Failures != 0;
}
