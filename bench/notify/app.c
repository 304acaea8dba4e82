// SPDX-License-Identifier: MIT
// Drains a subscription on one thread while another has the driver publish: reads "notify N", answers N
// times in ns, each of one UpcallNotify.
//
// The consumer stays awake and the doorbell disarmed: it takes a batch only while more than a batch is
// queued, so no read ever finds the queue empty (which is what arms it). The doorbells counted must not
// grow during a measurement, nor may a record be lost; the program fails otherwise.

#include <windows.h>
#include <winioctl.h>

#include <upcall/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

#define RECORDS_A_SAMPLE 256u
#define RECORDS_A_READ   32u
#define RECORD_BYTES     (16u + BENCH_NOTIFY_BYTES)
#define BACKLOG          512u   // records that stay queued
#define MOST_QUEUED      6000u  // publish no further ahead than this
#define QUEUE_BYTES      (1u << 20)

static volatile LONG64 Published;  // records of publishes that have ended
static volatile LONG64 Received;
static volatile LONG Running = 1;
static volatile LONG ConsumerError;
static UPCALL_SUBSCRIPTION *Subscription;
static double NsPerTick;

static int
Fail(const char *What, DWORD Error)
{
    fprintf(stderr, "bench_notify: %s failed: error %u\n", What, (unsigned)Error);
    return 1;
}

static LONG64
Load(volatile LONG64 *Value)
{
    return InterlockedCompareExchange64(Value, 0, 0);
}

static DWORD WINAPI
Consume(LPVOID Context)
{
    UPCALL_RECORD Record;
    (void)Context;
    while (InterlockedCompareExchange(&Running, 0, 0) != 0)
    {
        LONG64 Queued = Load(&Published) - Load(&Received);
        if (Queued < (LONG64)(BACKLOG + RECORDS_A_READ))
        {
            YieldProcessor();
            continue;
        }
        for (unsigned Index = 0; Index < RECORDS_A_READ; Index++)
        {
            DWORD Error = UpcallReceive(Subscription, &Record, 0);
            if (Error == ERROR_SUCCESS && (Record.Flags & UPCALL_RECORD_LOST) != 0)
            {
                Error = ERROR_DATA_NOT_ACCEPTED;
            }
            if (Error == ERROR_SUCCESS)
            {
                Error = UpcallRelease(Subscription, &Record);
            }
            if (Error != ERROR_SUCCESS)
            {
                InterlockedExchange(&ConsumerError, (LONG)Error);
                return Error;
            }
        }
        InterlockedExchangeAdd64(&Received, RECORDS_A_READ);
    }
    return 0;
}

static DWORD
Publish(HANDLE Device, ULONGLONG Count, double *NsEach)
{
    ULONGLONG Ticks = Count;
    DWORD Bytes;
    if (!DeviceIoControl(Device, BENCH_PUBLISH, &Ticks, sizeof(Ticks), &Ticks, sizeof(Ticks),
                         &Bytes, NULL))
    {
        return GetLastError();
    }
    *NsEach = (double)Ticks * NsPerTick / (double)Count;
    InterlockedExchangeAdd64(&Published, (LONG64)Count);
    return ERROR_SUCCESS;
}

static int
Measure(HANDLE Device, double *Samples, unsigned Count)
{
    UPCALL_SUBSCRIPTION_STATISTICS Before, After;
    double Ignored;
    // What the consumer leaves queued; the first record may ring a doorbell, so it comes before.
    while (Load(&Published) - Load(&Received) < (LONG64)(BACKLOG + 2 * RECORDS_A_SAMPLE))
    {
        DWORD Error = Publish(Device, RECORDS_A_SAMPLE, &Ignored);
        if (Error != ERROR_SUCCESS)
        {
            return Fail("publishing", Error);
        }
    }
    DWORD Error = UpcallQuery(Subscription, &Before);
    for (unsigned Index = 0; Error == ERROR_SUCCESS && Index < Count; Index++)
    {
        while (Load(&Published) - Load(&Received) > (LONG64)MOST_QUEUED &&
               InterlockedCompareExchange(&ConsumerError, 0, 0) == 0)
        {
            YieldProcessor();
        }
        Error = Publish(Device, RECORDS_A_SAMPLE, &Samples[Index]);
        if (Error == ERROR_SUCCESS)
        {
            Error = (DWORD)InterlockedCompareExchange(&ConsumerError, 0, 0);
        }
    }
    if (Error == ERROR_SUCCESS)
    {
        Error = UpcallQuery(Subscription, &After);
    }
    if (Error != ERROR_SUCCESS)
    {
        return Fail("measuring", Error);
    }
    if (After.Lost != 0 || After.Doorbells != Before.Doorbells)
    {
        fprintf(stderr,
                "bench_notify: %llu records lost, %llu doorbells: not what is to be measured\n",
                (unsigned long long)After.Lost,
                (unsigned long long)(After.Doorbells - Before.Doorbells));
        return 1;
    }
    return 0;
}

static int
Serve(HANDLE Device)
{
    char Line[64];
    puts("ready");
    fflush(stdout);
    while (fgets(Line, sizeof(Line), stdin) != NULL)
    {
        unsigned Count = 0;
        if (sscanf(Line, "notify %u", &Count) != 1 || Count == 0 || Count > 100000)
        {
            fprintf(stderr, "bench_notify: what is '%s'?\n", Line);
            return 1;
        }
        double *Samples = calloc(Count, sizeof(*Samples));
        if (Samples == NULL)
        {
            return Fail("allocating", ERROR_NOT_ENOUGH_MEMORY);
        }
        InterlockedExchange(&Running, 1);
        HANDLE Thread = CreateThread(NULL, 0, Consume, NULL, 0, NULL);
        int Status = Thread == NULL ? Fail("starting the consumer", GetLastError())
                                    : Measure(Device, Samples, Count);
        // Between measurements nobody spins: the other measures need the processors.
        InterlockedExchange(&Running, 0);
        if (Thread != NULL)
        {
            WaitForSingleObject(Thread, INFINITE);
            CloseHandle(Thread);
        }
        for (unsigned Index = 0; Status == 0 && Index < Count; Index++)
        {
            printf("%s%.1f", Index == 0 ? "" : " ", Samples[Index]);
        }
        free(Samples);
        if (Status != 0)
        {
            return Status;
        }
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}

int
main(void)
{
    LARGE_INTEGER Frequency;
    UPCALL_CONNECTION *Connection;
    UPCALL_SUBSCRIBE_CONFIG Config = {
        .Size = sizeof(Config),
        .Signal = UPCALL_SIGNAL_EVENT,
        .Topics = 1,
        .QueueBytes = QUEUE_BYTES,
        .ReadBytes = UPCALL_BATCH_HEADER_BYTES + RECORDS_A_READ * RECORD_BYTES,
    };
    QueryPerformanceFrequency(&Frequency);
    NsPerTick = 1e9 / (double)Frequency.QuadPart;
    HANDLE Device =
        CreateFileA("\\\\.\\BenchNotify", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (Device == INVALID_HANDLE_VALUE)
    {
        return Fail("opening the device", GetLastError());
    }
    DWORD Error = UpcallOpen(L"\\\\.\\BenchNotify", &Connection);
    if (Error != ERROR_SUCCESS)
    {
        return Fail("opening the channel", Error);
    }
    Error = UpcallSubscribe(Connection, &Config, &Subscription);
    if (Error != ERROR_SUCCESS)
    {
        return Fail("subscribing", Error);
    }
    int Status = Serve(Device);
    UpcallClose(Connection);
    CloseHandle(Device);
    return Status;
}
