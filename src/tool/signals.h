// SPDX-License-Identifier: MIT
// The signals by the names that the command line has for them, and what a monitor tells of its run.
#ifndef TOOL_SIGNALS_H
#define TOOL_SIGNALS_H

#include <stdio.h>

#include "tool/tool.h"

typedef struct TOOL_SIGNAL
{
    const char *Name;
    DWORD Signal;          // UPCALL_SIGNAL_
    DWORD EventOrigin;     // UPCALL_EVENT_ORIGIN_
    DWORD CompletionMode;  // UPCALL_COMPLETION_
} TOOL_SIGNAL;

#define TOOL_SIGNALS 5u
extern const TOOL_SIGNAL ToolSignals[TOOL_SIGNALS];
#define TOOL_SIGNAL_NAMES "event, named-event, named-event-app, overlapped, iocp"

// NULL: there is no such signal.
const TOOL_SIGNAL *ToolFindSignal(const char *Name);

// What a monitor has received.
typedef struct MONITOR_SUMMARY
{
    COUNT Records, Bytes;  // data, without notes; a packet's header is not counted
    COUNT Lost;
    COUNT Wakeups;        // times the driver gave the signal
    double P50Us, P99Us;  // from publication to its receipt
} MONITOR_SUMMARY;

// One line, a JSON object; and back. FALSE: it is not one.
void SummaryPrint(FILE *File, const char *Signal, const MONITOR_SUMMARY *Summary);
BOOL SummaryRead(FILE *File, MONITOR_SUMMARY *Summary);

#endif
