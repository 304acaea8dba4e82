// SPDX-License-Identifier: MIT
// What a monitor does with each record: notes obeyed, data counted, measured, shown, written.

#include <errno.h>
#include <string.h>

#include "tool/monitor.h"

int
MonitorSayWriteFailed(const char *Path)
{
    ToolSay("cannot write %s: %s: free some space, or write elsewhere", Path, strerror(errno));
    return TOOL_FAILED;
}

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
    uint32_t Snap = Note->SnapBytes != 0 ? Note->SnapBytes : PCAP_MOST_BYTES;
    return PcapStart(&Monitor->Writer, Note->LinkType, Snap) ? TOOL_OK
                                                             : MonitorSayWriteFailed(Plan->Write);
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
        if (!PcapStart(&Monitor->Writer, (uint32_t)Plan->LinkType, PCAP_MOST_BYTES))
        {
            return MonitorSayWriteFailed(Plan->Write);
        }
    }
    return PcapWrite(&Monitor->Writer, Record->Data, Record->Length)
               ? TOOL_OK
               : MonitorSayWriteFailed(Plan->Write);
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

int
MonitorTake(MONITOR *Monitor, const UPCALL_RECORD *Record)
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
