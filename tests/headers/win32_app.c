// SPDX-License-Identifier: MIT
// Compile test: a Win32 console program with events, overlapped I/O, a completion port and threads.
//
// It compiles unchanged with nthost's headers and with mingw-w64's; nothing here is run.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winioctl.h>
#ifdef PROBE_WITH_PCAP
#include <pcap.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IOCTL_PROBE_REGISTER CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_WRITE_DATA)
#define IOCTL_PROBE_WAIT     CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_OUT_DIRECT, FILE_READ_DATA)

static volatile LONG ProbeStopping;
static volatile LONG64 ProbeCount;

static DWORD WINAPI
ProbeWaiter(LPVOID Parameter)
{
    HANDLE *Handles = (HANDLE *)Parameter;

    while (InterlockedCompareExchange(&ProbeStopping, 0, 0) == 0)
    {
        DWORD Wait = WaitForMultipleObjects(2, Handles, FALSE, 1000);

        if (Wait == WAIT_OBJECT_0)
            InterlockedIncrement64(&ProbeCount);
        else if (Wait == WAIT_OBJECT_0 + 1)
            break;
        else if (Wait == WAIT_TIMEOUT)
            YieldProcessor();
        else
            return GetLastError();
    }
    return ERROR_SUCCESS;
}

static BOOL WINAPI
ProbeControl(DWORD Event)
{
    InterlockedExchange(&ProbeStopping, 1);
    return Event == CTRL_C_EVENT;
}

static DWORD
ProbeOverlapped(HANDLE Device, ULONGLONG *Ticks)
{
    OVERLAPPED Overlapped;
    DWORD Bytes = 0;
    DWORD Error = ERROR_SUCCESS;

    ZeroMemory(&Overlapped, sizeof(Overlapped));
    Overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (Overlapped.hEvent == NULL)
        return GetLastError();
    if (!DeviceIoControl(Device, IOCTL_PROBE_WAIT, NULL, 0, Ticks, sizeof(*Ticks), NULL,
                         &Overlapped))
    {
        Error = GetLastError();
        if (Error == ERROR_IO_PENDING)
        {
            Error = ERROR_SUCCESS;
            if (WaitForSingleObject(Overlapped.hEvent, 5000) != WAIT_OBJECT_0)
                CancelIoEx(Device, &Overlapped);
            if (!GetOverlappedResult(Device, &Overlapped, &Bytes, TRUE))
                Error = GetLastError();
        }
    }
    CloseHandle(Overlapped.hEvent);
    return Error;
}

static DWORD
ProbePort(HANDLE Device)
{
    HANDLE Port = CreateIoCompletionPort(Device, NULL, (ULONG_PTR)1, 0);
    DWORD Bytes;
    ULONG_PTR Key;
    LPOVERLAPPED Done;
    DWORD Error = ERROR_SUCCESS;

    if (Port == NULL)
        return GetLastError();
    if (!PostQueuedCompletionStatus(Port, 0, 2, NULL) ||
        !GetQueuedCompletionStatus(Port, &Bytes, &Key, &Done, INFINITE))
        Error = GetLastError();
    CloseHandle(Port);
    return Error;
}

static DWORD
ProbeSection(void)
{
    HANDLE Mapping =
        CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 65536, L"Local\\Probe");
    PVOID View;

    if (Mapping == NULL)
        return GetLastError();
    View = MapViewOfFile(Mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    if (View != NULL)
    {
        InterlockedExchange((volatile LONG *)View, 1);
        MemoryBarrier();
        UnmapViewOfFile(View);
    }
    CloseHandle(Mapping);
    return View != NULL ? ERROR_SUCCESS : GetLastError();
}

int
main(int argc, char **argv)
{
    const char *Name = argc > 1 ? argv[1] : "\\\\.\\Probe";
    HANDLE Device;
    HANDLE Thread;
    HANDLE Events[2];
    ULONGLONG Ticks = 0;
    LARGE_INTEGER Counter;
    DWORD ThreadId;
    DWORD Returned;

    SetConsoleCtrlHandler(ProbeControl, TRUE);
    QueryPerformanceCounter(&Counter);
    Device = CreateFileA(Name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                         FILE_FLAG_OVERLAPPED, NULL);
    if (Device == INVALID_HANDLE_VALUE)
    {
        fprintf(stderr, "%s: error %u\n", Name, (unsigned)GetLastError());
        return EXIT_FAILURE;
    }
    Events[0] = CreateEventW(NULL, FALSE, FALSE, NULL);
    Events[1] = OpenEventA(SYNCHRONIZE, FALSE, "Global\\Probe");
    DeviceIoControl(Device, IOCTL_PROBE_REGISTER, &Events[0], sizeof(Events[0]), NULL, 0, &Returned,
                    NULL);
    Thread = CreateThread(NULL, 0, ProbeWaiter, Events, 0, &ThreadId);
    if (ProbeOverlapped(Device, &Ticks) != ERROR_SUCCESS || ProbePort(Device) != ERROR_SUCCESS ||
        ProbeSection() != ERROR_SUCCESS)
        fprintf(stderr, "process %u thread %u: failed\n", (unsigned)GetCurrentProcessId(),
                (unsigned)GetCurrentThreadId());
    InterlockedExchange(&ProbeStopping, 1);
    SetEvent(Events[0]);
    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
    CloseHandle(Device);
    printf("%llu ticks, %lld events\n", (unsigned long long)Ticks, (long long)ProbeCount);
    return strcmp(Name, "") == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
