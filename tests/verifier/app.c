// SPDX-License-Identifier: MIT
// Has the driver do what it does, from one thread, while another waits for an event.
//
//   verifier_app        waits until the driver has answered; exit status 0 if it did well
//   verifier_app pend   makes the call overlapped, lets it pend, and ends
//
// Where the driver brings the host down, the wait must end with an error: exit status 7.

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#include "shared.h"

static HANDLE Device, Answered;
static volatile LONG Failed;

static int
Fail(const char *What)
{
    fprintf(stderr, "verifier_app: %s failed: error %u\n", What, (unsigned)GetLastError());
    return 1;
}

static DWORD WINAPI
Call(LPVOID Context)
{
    DWORD Bytes;
    (void)Context;
    if (!DeviceIoControl(Device, VERIFIER_TRIGGER, NULL, 0, NULL, 0, &Bytes, NULL))
    {
        Fail("the call");
        InterlockedExchange(&Failed, 1);
    }
    SetEvent(Answered);
    return 0;
}

static int
Pend(void)
{
    OVERLAPPED Overlapped = {.hEvent = Answered};
    DWORD Bytes;
    if (DeviceIoControl(Device, VERIFIER_TRIGGER, NULL, 0, NULL, 0, &Bytes, &Overlapped) ||
        GetLastError() != ERROR_IO_PENDING)
    {
        return Fail("pending a call");
    }
    puts("the call pends");
    return 0;
}

int
main(int Count, char **Words)
{
    BOOL Pending = Count > 1 && strcmp(Words[1], "pend") == 0;
    Answered = CreateEventA(NULL, TRUE, FALSE, NULL);
    Device = CreateFileA("\\\\.\\VerifierTest", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                         OPEN_EXISTING, Pending ? FILE_FLAG_OVERLAPPED : 0, NULL);
    if (Device == INVALID_HANDLE_VALUE || Answered == NULL)
    {
        return Fail("opening the device");
    }
    if (Pending)
    {
        return Pend();
    }
    HANDLE Thread = CreateThread(NULL, 0, Call, NULL, 0, NULL);
    if (Thread == NULL)
    {
        return Fail("starting a thread");
    }
    if (WaitForSingleObject(Answered, INFINITE) != WAIT_OBJECT_0)
    {
        printf("the wait ended with error %u\n", (unsigned)GetLastError());
        fflush(stdout);
        return 7;
    }
    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
    CloseHandle(Device);
    CloseHandle(Answered);
    return Failed != 0;
}
