// SPDX-License-Identifier: MIT
// Takes samples of calls and of wakes when told to: reads "call N" or "wake N", answers N times in ns.

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

#define CALLS_A_SAMPLE 100u
#define CALL_BYTES     16u
#define WAKE_AFTER     10000u  // 1 ms in 100 ns units: the application sleeps by then
#define WAIT_MS        10000u

static double NsPerTick;

static LONGLONG
Ticks(void)
{
    LARGE_INTEGER Now;
    QueryPerformanceCounter(&Now);
    return Now.QuadPart;
}

static int
Fail(const char *What)
{
    fprintf(stderr, "bench_calls: %s failed: error %u\n", What, (unsigned)GetLastError());
    return 1;
}

static int
MeasureCalls(HANDLE Device, double *Samples, unsigned Count)
{
    char In[CALL_BYTES] = "a round trip", Out[CALL_BYTES];
    DWORD Bytes;
    for (unsigned Index = 0; Index < Count; Index++)
    {
        LONGLONG Start = Ticks();
        for (unsigned Call = 0; Call < CALLS_A_SAMPLE; Call++)
        {
            if (!DeviceIoControl(Device, BENCH_ECHO, In, sizeof(In), Out, sizeof(Out), &Bytes,
                                 NULL))
            {
                return Fail("a call");
            }
        }
        Samples[Index] = (double)(Ticks() - Start) * NsPerTick / CALLS_A_SAMPLE;
    }
    return 0;
}

static int
MeasureWakes(HANDLE Device, HANDLE Event, double *Samples, unsigned Count)
{
    ULONGLONG Handle = (ULONG_PTR)Event, After = WAKE_AFTER, Stamp;
    DWORD Bytes;
    if (!DeviceIoControl(Device, BENCH_TAKE_EVENT, &Handle, sizeof(Handle), NULL, 0, &Bytes, NULL))
    {
        return Fail("passing the event");
    }
    for (unsigned Index = 0; Index < Count; Index++)
    {
        if (!DeviceIoControl(Device, BENCH_ARM, &After, sizeof(After), NULL, 0, &Bytes, NULL))
        {
            return Fail("arming");
        }
        if (WaitForSingleObject(Event, WAIT_MS) != WAIT_OBJECT_0)
        {
            return Fail("the wait");
        }
        LONGLONG Awake = Ticks();
        if (!DeviceIoControl(Device, BENCH_STAMP, NULL, 0, &Stamp, sizeof(Stamp), &Bytes, NULL))
        {
            return Fail("asking for the stamp");
        }
        Samples[Index] = (double)(Awake - (LONGLONG)Stamp) * NsPerTick;
    }
    if (!DeviceIoControl(Device, BENCH_DROP_EVENT, NULL, 0, NULL, 0, &Bytes, NULL))
    {
        return Fail("taking the event back");
    }
    return 0;
}

int
main(void)
{
    char Line[64];
    LARGE_INTEGER Frequency;
    QueryPerformanceFrequency(&Frequency);
    NsPerTick = 1e9 / (double)Frequency.QuadPart;
    HANDLE Device = CreateFileA("\\\\.\\BenchCalls", GENERIC_READ | GENERIC_WRITE, 0, NULL,
                                OPEN_EXISTING, 0, NULL);
    HANDLE Event = CreateEventA(NULL, FALSE, FALSE, NULL);
    if (Device == INVALID_HANDLE_VALUE || Event == NULL)
    {
        return Fail("opening the device");
    }
    puts("ready");
    fflush(stdout);
    while (fgets(Line, sizeof(Line), stdin) != NULL)
    {
        char Command[16] = "";
        unsigned Count = 0;
        if (sscanf(Line, "%15s %u", Command, &Count) != 2 || Count == 0 || Count > 100000)
        {
            fprintf(stderr, "bench_calls: what is '%s'?\n", Line);
            return 1;
        }
        double *Samples = calloc(Count, sizeof(*Samples));
        if (Samples == NULL)
        {
            return Fail("allocating");
        }
        int Status = strcmp(Command, "wake") == 0 ? MeasureWakes(Device, Event, Samples, Count)
                                                  : MeasureCalls(Device, Samples, Count);
        if (Status != 0)
        {
            return Status;
        }
        for (unsigned Index = 0; Index < Count; Index++)
        {
            printf("%s%.1f", Index == 0 ? "" : " ", Samples[Index]);
        }
        putchar('\n');
        fflush(stdout);
        free(Samples);
    }
    CloseHandle(Event);
    CloseHandle(Device);
    return 0;
}
