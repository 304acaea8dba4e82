// SPDX-License-Identifier: MIT
// upcall monitor: one subscription, received until its end, shown, measured, written.

#include "tool/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_MS 200u

// ---- Opening ----

static DWORD
OpenDevice(MONITOR *Monitor)
{
    WCHAR Path[MAX_PATH];
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, Monitor->Plan.Device, -1, Path,
                            MAX_PATH) == 0)
    {
        return GetLastError();
    }
    return UpcallOpen(Path, &Monitor->Connection);
}

static int
Subscribe(MONITOR *Monitor)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    char Message[256];
    DWORD Error = OpenDevice(Monitor);
    if (Error != ERROR_SUCCESS)
    {
        ToolDescribeNoDevice(Plan->Device, Error, Message, sizeof(Message));
        ToolSay("%s", Message);
        return TOOL_CANNOT;
    }
    const UPCALL_SUBSCRIBE_CONFIG Config = {.Size = sizeof(Config),
                                            .Signal = Plan->Signal->Signal,
                                            .Topics = Plan->Topics | 1ull << NOTE_TOPIC,
                                            .QueueBytes = (DWORD)Plan->QueueBytes,
                                            .Flags = UPCALL_SUBSCRIBE_TIMESTAMPS,
                                            .EventOrigin = Plan->Signal->EventOrigin,
                                            .CompletionMode = Plan->Signal->CompletionMode};
    Error = UpcallSubscribe(Monitor->Connection, &Config, &Monitor->Subscription);
    if (Error != ERROR_SUCCESS)
    {
        ToolSay("cannot subscribe with signal %s: %s", Plan->Signal->Name, ToolErrorText(Error));
        return TOOL_CANNOT;
    }
    return TOOL_OK;
}

// All of them now: what cannot be written is told before anything is received, and none comes to be
// after somebody has cleaned up.
static int
MakeFiles(MONITOR *Monitor)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    if (Plan->Write != NULL && !PcapCreate(&Monitor->Writer, Plan->Write))
    {
        ToolSay("cannot make %s: %s", Plan->Write, strerror(errno));
        return TOOL_CANNOT;
    }
    if (Plan->Summary != NULL)
    {
        Monitor->SummaryFile = fopen(Plan->Summary, "wb");
        if (Monitor->SummaryFile == NULL)
        {
            ToolSay("cannot make %s: %s", Plan->Summary, strerror(errno));
            PcapClose(&Monitor->Writer);
            return TOOL_CANNOT;
        }
    }
    return TOOL_OK;
}

static int
TellReady(const MONITOR_PLAN *Plan)
{
    if (Plan->ReadyFile != NULL)
    {
        FILE *File = fopen(Plan->ReadyFile, "wb");
        if (File == NULL || fclose(File) != 0)
        {
            ToolSay("cannot make %s: %s", Plan->ReadyFile, strerror(errno));
            return TOOL_CANNOT;
        }
    }
    if (Plan->ReadyEvent != NULL)
    {
        HANDLE Event = OpenEventA(EVENT_MODIFY_STATE, FALSE, Plan->ReadyEvent);
        if (Event == NULL || !SetEvent(Event))
        {
            ToolSay("--ready-event %s: %s", Plan->ReadyEvent, ToolErrorText(GetLastError()));
            return TOOL_CANNOT;
        }
        CloseHandle(Event);
    }
    return TOOL_OK;
}

// ---- Receiving ----

// How long the next wait may be.
static DWORD
WaitMs(const MONITOR_PLAN *Plan, COUNT LastTick)
{
    COUNT Wait = INFINITE;
    if (Plan->IdleMs != 0)
    {
        COUNT Passed = GetTickCount64() - LastTick;
        Wait = Passed < Plan->IdleMs ? Plan->IdleMs - Passed : 0;
    }
    return Plan->Live && Wait > LIVE_MS ? LIVE_MS : (DWORD)Wait;
}

static int
Receive(MONITOR *Monitor)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    UPCALL_RECORD Record;
    COUNT LastTick = GetTickCount64();
    for (;;)
    {
        DWORD Error = ERROR_NO_MORE_ITEMS;
        if (!Plan->Quiet)
        {
            // What is queued first, and only then what was printed: lines come in large writes while
            // records flow, and none is held back while they do not.
            Error = UpcallReceive(Monitor->Subscription, &Record, 0);
        }
        if (Error == ERROR_NO_MORE_ITEMS)
        {
            fflush(stdout);
            if (Plan->Live)
            {
                ToolStatus(TRUE, "%llu records, %llu bytes, %llu lost", Monitor->Seen.Records,
                           Monitor->Seen.Bytes, Monitor->Seen.Lost);
            }
            DWORD Wait = WaitMs(Plan, LastTick);
            Error = UpcallReceive(Monitor->Subscription, &Record, Wait);
        }
        if (Error == ERROR_SUCCESS)
        {
            int Status = MonitorTake(Monitor, &Record);
            UpcallRelease(Monitor->Subscription, &Record);
            if (Status != TOOL_OK || (Monitor->Ended && Plan->UntilEnd) ||
                (Plan->Count != 0 && Monitor->Seen.Records >= Plan->Count))
            {
                return Status;
            }
            LastTick = Plan->IdleMs != 0 ? GetTickCount64() : 0;
        }
        else if (Error == ERROR_OPERATION_ABORTED && ToolInterrupted())
        {
            return TOOL_INTERRUPTED;
        }
        else if (Error != ERROR_TIMEOUT && Error != ERROR_NO_MORE_ITEMS)
        {
            ToolSay("cannot receive: %s", ToolErrorText(Error));
            return TOOL_FAILED;
        }
        else if (Plan->IdleMs != 0 && GetTickCount64() - LastTick >= Plan->IdleMs)
        {
            return TOOL_OK;
        }
    }
}

// ---- The end ----

static int
CloseFile(MONITOR *Monitor, int Status)
{
    const char *Path = Monitor->Plan.Write;
    if (Path == NULL)
    {
        return Status;
    }
    // No packet came and no feed told of any: still a capture file that readers accept.
    BOOL Whole = TRUE;
    if (!Monitor->Writer.Started && Status != TOOL_FAILED)
    {
        Whole = PcapStart(&Monitor->Writer,
                          Monitor->Plan.LinkType == ~0ull ? 1 : (uint32_t)Monitor->Plan.LinkType,
                          PCAP_MOST_BYTES);
    }
    if ((!PcapClose(&Monitor->Writer) || !Whole) && Status != TOOL_FAILED)
    {
        return MonitorSayWriteFailed(Path);
    }
    return Status;
}

static int
WriteSummary(MONITOR *Monitor, int Status)
{
    FILE *File = Monitor->SummaryFile;
    if (File == NULL)
    {
        return Status;
    }
    SummaryPrint(File, Monitor->Plan.Signal->Name, &Monitor->Seen);
    BOOL Whole = !ferror(File);
    Whole = fclose(File) == 0 && Whole;
    Monitor->SummaryFile = NULL;
    return Whole ? Status : MonitorSayWriteFailed(Monitor->Plan.Summary);
}

static int
Summarize(MONITOR *Monitor, int Status)
{
    UPCALL_SUBSCRIPTION_STATISTICS Statistics;
    MONITOR_SUMMARY *Seen = &Monitor->Seen;
    if (UpcallQuery(Monitor->Subscription, &Statistics) == ERROR_SUCCESS)
    {
        Seen->Wakeups = Statistics.Doorbells;
    }
    Seen->P50Us = (double)HistogramPercentile(&Monitor->Latency, 50) / 1000.0;
    Seen->P99Us = (double)HistogramPercentile(&Monitor->Latency, 99) / 1000.0;
    ToolStatusEnd();
    if (Monitor->Plan.Json)
    {
        SummaryPrint(stdout, Monitor->Plan.Signal->Name, Seen);
    }
    else if (!Monitor->Plan.Quiet)
    {
        printf("%llu records, %llu bytes, %llu lost, %llu wakeups, latency p50 %.1f us, p99 %.1f "
               "us\n",
               Seen->Records, Seen->Bytes, Seen->Lost, Seen->Wakeups, Seen->P50Us, Seen->P99Us);
    }
    return WriteSummary(Monitor, Status);
}

static void
Cancel(void *Context)
{
    UpcallCancel(Context);
}

static int
Run(MONITOR *Monitor)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    LARGE_INTEGER Frequency;
    if (ToolCatchInterrupt() == NULL)
    {
        return TOOL_CANNOT;
    }
    QueryPerformanceFrequency(&Frequency);
    Monitor->TicksPerSecond = (COUNT)Frequency.QuadPart;
    int Status = Subscribe(Monitor);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    Status = MakeFiles(Monitor);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    ToolOnInterrupt(Cancel, Monitor->Subscription);
    Status = TellReady(Plan);
    if (Status == TOOL_OK)
    {
        Status = Receive(Monitor);
        ToolOnInterrupt(NULL, NULL);
        Status = CloseFile(Monitor, Status);
        return Summarize(Monitor, Status);
    }
    ToolOnInterrupt(NULL, NULL);
    PcapClose(&Monitor->Writer);
    if (Monitor->SummaryFile != NULL)
    {
        fclose(Monitor->SummaryFile);
    }
    return Status;
}

int
MonitorCommand(int Count, char **Words)
{
    MONITOR *Monitor = calloc(1, sizeof(*Monitor));
    if (Monitor == NULL)
    {
        ToolSay("not enough memory");
        return TOOL_CANNOT;
    }
    int Status = MonitorParse(Count, Words, &Monitor->Plan);
    if (Status == TOOL_OK)
    {
        Status = Run(Monitor);
        if (Monitor->Connection != NULL)
        {
            UpcallClose(Monitor->Connection);
        }
    }
    free(Monitor);
    return Status;
}
