// SPDX-License-Identifier: MIT
// A feed: a source, the relay driver, and the thread that carries records from one to the other.
#ifndef TOOL_FEEDING_H
#define TOOL_FEEDING_H

#include <windows.h>

#include "tool/tool.h"

// What to feed. Exactly one of Interface, Pcap, Lines, File.
typedef struct FEED_PLAN
{
    const char *Interface;
    const char *Pcap;
    BOOL Lines;  // of standard input
    const char *File;
    COUNT RecordBytes;  // of File
    const char *Filter;
    const char *WriteFed;
    COUNT SnapBytes;
    COUNT Topic;  // of lines and of a file's records
    COUNT Count;  // stop after so many records; 0: no such limit
} FEED_PLAN;

#define FEED_MESSAGE_BYTES 512

// How it went. Status is a TOOL_ code; Message says why if it is not TOOL_OK.
typedef struct FEED_RESULT
{
    int Status;
    COUNT Fed, Bytes;  // records published, and their payload; a packet's header is not counted
    COUNT Dropped;     // packets that the system dropped before the capture library
    COUNT Cut;         // packets longer than the longest record
    BOOL Abandoned;    // the source is in a read that does not end: leave with ToolExitAtOnce
    char Message[FEED_MESSAGE_BYTES];
} FEED_RESULT;

typedef struct FEED FEED;

// Opens the source and the device; an interface begins to capture. TOOL_OK, or a TOOL_ code with
// Message set: TOOL_CANNOT, with *Refused TRUE if the reason is that capturing is not permitted.
int FeedOpen(const FEED_PLAN *Plan, FEED **Feed, BOOL *Refused, char *Message, size_t Size);
// Publishes the note that a feed begins, and starts the thread. TOOL_OK, or TOOL_FAILED or
// TOOL_CANNOT with Message.
int FeedStart(FEED *Feed, char *Message, size_t Size);
HANDLE FeedThread(FEED *Feed);  // signalled when the feed has come to its end; not to be closed
COUNT FeedCount(FEED *Feed);
COUNT FeedBytes(FEED *Feed);
// Asks it to end. Any thread, any time between FeedOpen and FeedFinish.
void FeedStop(void *Feed);
// Waits for the end, but after FeedStop only briefly; publishes the note of the end if End; closes
// and frees everything unless Abandoned.
void FeedFinish(FEED *Feed, BOOL End, FEED_RESULT *Result);

#endif
