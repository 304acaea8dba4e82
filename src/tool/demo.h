// SPDX-License-Identifier: MIT
// The parts of the demonstration: its order, its monitors, its result.
#ifndef TOOL_DEMO_H
#define TOOL_DEMO_H

#include "tool/feeding.h"
#include "tool/signals.h"
#include "tool/tool.h"

#define DEMO_PATH 1024u

typedef struct DEMO_PLAN
{
    const char *Interface, *Filter;
    const char *Traffic;   // command that causes packets; NULL: what comes by itself
    const char *Fallback;  // capture file for when capturing is not permitted, or NULL
    const char *Pcap;      // replay this instead of capturing
    const char *Keep;      // folder for the files, which stay; NULL: a temporary one
    COUNT Packets;         // at least so many, live
    BOOL Json, Progress;
} DEMO_PLAN;

typedef struct DEMO_MONITOR
{
    const TOOL_SIGNAL *Signal;
    HANDLE Process, Ready;  // NULL when there is none
    BOOL Running;           // the process has not been seen to have ended
    DWORD ExitCode;
    BOOL Complete;  // it ended well, and Summary is its
    BOOL Identical;
    MONITOR_SUMMARY Summary;
    char File[DEMO_PATH], SummaryFile[DEMO_PATH];
} DEMO_MONITOR;

typedef struct DEMO
{
    DEMO_PLAN Plan;
    HANDLE Interrupt;
    char Folder[DEMO_PATH], FedFile[DEMO_PATH];
    DEMO_MONITOR Monitors[TOOL_SIGNALS];
    FEED_RESULT Fed;
    BOOL EndTold;  // the monitors have been told that the feed has ended
} DEMO;

// ---- demo_feed.c ----

// Opens what shall be fed: the capture, the file to replay, or the fallback. TOOL_OK, or a TOOL_ code
// after it has said why not.
int DemoOpenFeed(DEMO *Demo, FEED **Feed, BOOL *Live);
// Feeds until the file's end or until there are enough packets, with the traffic, and ends the feed.
// TOOL_OK, or a TOOL_ code after it has said why not.
int DemoRunFeed(DEMO *Demo, FEED *Feed, BOOL Live);

// ---- demo_monitors.c ----

// Runs Command; its handle in *Process. A Win32 error code.
DWORD DemoStart(const char *Program, const char *Command, HANDLE *Process);
// Starts a monitor process for each signal and waits until all have subscribed. TOOL_OK, or a TOOL_
// code after it has said why not; what runs then is ended by DemoEndMonitors.
int DemoStartMonitors(DEMO *Demo);
// Waits until all monitors have ended by themselves, which the end of the feed makes them. TOOL_OK,
// or a TOOL_ code after it has said why not.
int DemoAwaitMonitors(DEMO *Demo);
// Ends what still runs, waits for it, and closes the handles. Safe at any time.
void DemoEndMonitors(DEMO *Demo);

// ---- demo_report.c ----

// Compares every monitor's packets with those that were fed. FALSE if anything is lost, differs or
// is missing; it has said what.
BOOL DemoCompare(DEMO *Demo);
void DemoReport(const DEMO *Demo);
// Removes the monitors' and the feed's files, as far as they are there.
void DemoRemoveFiles(const DEMO *Demo);

#endif
