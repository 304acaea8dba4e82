// SPDX-License-Identifier: MIT
// A monitor's order and how it shows what comes.
#ifndef TOOL_MONITOR_H
#define TOOL_MONITOR_H

#include <upcall/client.h>

#include "tool/histogram.h"
#include "tool/note.h"
#include "tool/pcapfile.h"
#include "tool/signals.h"
#include "tool/tool.h"

typedef struct MONITOR_PLAN
{
    const TOOL_SIGNAL *Signal;
    const char *Device;
    COUNT Topics;  // without the notes' topic, unless chosen
    COUNT QueueBytes;
    COUNT Count;    // end after so many records; 0: no such limit
    COUNT IdleMs;   // end after so long without a record; 0: no such limit
    BOOL UntilEnd;  // end when the feed does
    BOOL Json, Live, Quiet;
    const char *Write;  // pcap file
    COUNT LinkType;     // of Write when the feed has not told; ~0: not known
    const char *Summary, *ReadyFile, *ReadyEvent;
} MONITOR_PLAN;

typedef struct MONITOR
{
    MONITOR_PLAN Plan;
    UPCALL_CONNECTION *Connection;
    UPCALL_SUBSCRIPTION *Subscription;
    PCAP_WRITER Writer;
    FILE *SummaryFile;  // made at the begin; NULL: none is wanted
    HISTOGRAM Latency;  // ns
    MONITOR_SUMMARY Seen;
    COUNT TicksPerSecond;
    uint32_t Content, LinkType;  // what the feed told; Content 0: nothing yet
    BOOL Ended;                  // the feed has ended
} MONITOR;

// TOOL_OK, or TOOL_USAGE after it has said what is wrong.
int MonitorParse(int Count, char **Words, MONITOR_PLAN *Plan);

// One line about a record, or one JSON object. Content and LinkType are the feed's, Content 0 if it
// has not told. LatencyNs: from publication to receipt.
void MonitorShow(BOOL Json, const UPCALL_RECORD *Record, uint32_t Content, uint32_t LinkType,
                 COUNT LatencyNs);

// Takes one record. TOOL_OK, or TOOL_FAILED after it has said why the monitor cannot go on.
int MonitorTake(MONITOR *Monitor, const UPCALL_RECORD *Record);

// Says that Path cannot be written, with the reason in errno; returns TOOL_FAILED.
int MonitorSayWriteFailed(const char *Path);

#endif
