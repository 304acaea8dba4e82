// SPDX-License-Identifier: MIT
// upcall monitor: one subscription, received until its end, shown, measured, written.

#include "tool/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool/histogram.h"
#include "tool/pcapfile.h"

#define LIVE_MS        200u
#define MOST_SNAPBYTES 262144u

typedef struct MONITOR
{
    MONITOR_PLAN Plan;
    UPCALL_CONNECTION *Connection;
    UPCALL_SUBSCRIPTION *Subscription;
    PCAP_WRITER Writer;
    HISTOGRAM Latency;  // ns
    MONITOR_SUMMARY Seen;
    COUNT TicksPerSecond;
    uint32_t Content, LinkType;  // what the feed told; Content 0: nothing yet
    BOOL Ended;                  // the feed has ended
} MONITOR;

static int
SayWriteFailed(const char *Path)
{
    ToolSay("cannot write %s: %s: free some space, or write elsewhere", Path, strerror(errno));
    return TOOL_FAILED;
}

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

static int
TakeNote(MONITOR *Monitor, const FEED_NOTE *Note)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    if (Note->Kind == NOTE_END)
    {
        Monitor->Ended = TRUE;
        return TOOL_OK;
    }
    Monitor->Content = Note->Content;
    Monitor->LinkType = Note->LinkType;
    if (Plan->Write == NULL || Note->Content != NOTE_PACKETS)
    {
        return TOOL_OK;
    }
    if (Monitor->Writer.Started)
    {
        if (Monitor->Writer.LinkType == Note->LinkType)
        {
            return TOOL_OK;
        }
        ToolSay("a new feed has packets of link type %u, but %s holds those of %u: a pcap file "
                "takes one; start another monitor",
                (unsigned)Note->LinkType, Plan->Write, (unsigned)Monitor->Writer.LinkType);
        return TOOL_FAILED;
    }
    uint32_t Snap = Note->SnapBytes != 0 ? Note->SnapBytes : MOST_SNAPBYTES;
    return PcapStart(&Monitor->Writer, Note->LinkType, Snap) ? TOOL_OK
                                                             : SayWriteFailed(Plan->Write);
}

static int
WritePacket(MONITOR *Monitor, const UPCALL_RECORD *Record)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    if ((Monitor->Content != 0 && Monitor->Content != NOTE_PACKETS) ||
        !PcapIsPacket(Record->Data, Record->Length))
    {
        ToolSay("record %llu is no packet: --write is for feeds of packets",
                (COUNT)Record->Sequence);
        return TOOL_FAILED;
    }
    if (!Monitor->Writer.Started)
    {
        if (Plan->LinkType == ~0ull)
        {
            ToolSay("the feed began before this monitor, so the link type of its packets is not "
                    "known: start the monitor first, or say --link-type 1 for Ethernet");
            return TOOL_FAILED;
        }
        if (!PcapStart(&Monitor->Writer, (uint32_t)Plan->LinkType, MOST_SNAPBYTES))
        {
            return SayWriteFailed(Plan->Write);
        }
    }
    return PcapWrite(&Monitor->Writer, Record->Data, Record->Length) ? TOOL_OK
                                                                     : SayWriteFailed(Plan->Write);
}

static COUNT
LatencyOf(const MONITOR *Monitor, const UPCALL_RECORD *Record)
{
    LARGE_INTEGER Now;
    QueryPerformanceCounter(&Now);
    COUNT Ticks = (COUNT)Now.QuadPart - Record->Timestamp;
    // A counter that is not quite the same on another processor must not become an age of centuries.
    if ((COUNT)Now.QuadPart < Record->Timestamp)
    {
        return 0;
    }
    return (COUNT)((double)Ticks * 1e9 / (double)Monitor->TicksPerSecond);
}

static int
TakeRecord(MONITOR *Monitor, const UPCALL_RECORD *Record)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    BOOL Lines = !Plan->Quiet && !Plan->Live;
    if ((Record->Flags & UPCALL_RECORD_LOST) != 0)
    {
        UPCALL_LOST Lost;
        memcpy(&Lost, Record->Data, sizeof(Lost));
        Monitor->Seen.Lost += Lost.Count;
        if (Lines)
        {
            MonitorShow(Plan->Json, Record, 0, 0, 0);
        }
        return TOOL_OK;
    }
    if (Record->Topic == NOTE_TOPIC && Record->Length == sizeof(FEED_NOTE))
    {
        FEED_NOTE Note;
        memcpy(&Note, Record->Data, sizeof(Note));
        if (Note.Size == sizeof(Note) && Note.Magic == NOTE_MAGIC)
        {
            return TakeNote(Monitor, &Note);
        }
    }
    if ((Plan->Topics >> Record->Topic & 1u) == 0)
    {
        return TOOL_OK;  // no note, of the notes' topic, which was not asked for
    }
    COUNT Latency = LatencyOf(Monitor, Record);
    HistogramAdd(&Monitor->Latency, Latency);
    Monitor->Seen.Records++;
    Monitor->Seen.Bytes += Record->Length;
    if (Monitor->Content == NOTE_PACKETS && Record->Length >= sizeof(UPCALL_PACKET_HEADER))
    {
        Monitor->Seen.Bytes -= sizeof(UPCALL_PACKET_HEADER);
    }
    if (Lines)
    {
        MonitorShow(Plan->Json, Record, Monitor->Content, Monitor->LinkType, Latency);
    }
    return Plan->Write != NULL ? WritePacket(Monitor, Record) : TOOL_OK;
}

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
            int Status = TakeRecord(Monitor, &Record);
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
        Whole = PcapStart(&Monitor->Writer, Monitor->Plan.LinkType == ~0ull ? 1
                                                                           : (uint32_t)Monitor->Plan.LinkType,
                          MOST_SNAPBYTES);
    }
    if ((!PcapClose(&Monitor->Writer) || !Whole) && Status != TOOL_FAILED)
    {
        return SayWriteFailed(Path);
    }
    return Status;
}

static int
WriteSummary(const MONITOR *Monitor, int Status)
{
    const MONITOR_PLAN *Plan = &Monitor->Plan;
    if (Plan->Summary == NULL)
    {
        return Status;
    }
    FILE *File = fopen(Plan->Summary, "wb");
    BOOL Whole = FALSE;
    if (File != NULL)
    {
        SummaryPrint(File, Plan->Signal->Name, &Monitor->Seen);
        Whole = !ferror(File);
        Whole = fclose(File) == 0 && Whole;
    }
    return Whole ? Status : SayWriteFailed(Plan->Summary);
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
    if (Plan->Write != NULL && !PcapCreate(&Monitor->Writer, Plan->Write))
    {
        ToolSay("cannot make %s: %s", Plan->Write, strerror(errno));
        return TOOL_CANNOT;
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
