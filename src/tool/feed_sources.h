// SPDX-License-Identifier: MIT
// A feed's inside: its state, and the sources that its thread reads.
#ifndef TOOL_FEED_SOURCES_H
#define TOOL_FEED_SOURCES_H

#include <stdatomic.h>

#include "tool/capture.h"
#include "tool/feeding.h"
#include "tool/relay_feeder.h"

struct FEED
{
    FEED_PLAN Plan;
    CAPTURE *Capture;  // interface or capture file
    FILE *File;
    RELAY_FEEDER Feeder;
    HANDLE Thread;
    uint32_t Content, LinkType;
    atomic_bool Stopping;  // relaxed: polled between records, nothing else depends on it
    // Written by the thread, read after it has ended.
    COUNT Added;
    DWORD Error;  // of the device
    int Status;
    char Message[FEED_MESSAGE_BYTES];
};

// Opens the source that the plan names. TOOL_OK, or TOOL_CANNOT with Message; *Refused as in
// FeedOpen.
int SourceOpen(FEED *Feed, BOOL *Refused, char *Message, size_t Size);
// Carries its records to the driver until its end, or until Stopping. Sets Status, Message, Error.
void SourceRun(FEED *Feed);
// Closes it. Sets Result's Status and Message if only now it shows that the file of what was fed
// could not be written whole.
void SourceClose(FEED *Feed, FEED_RESULT *Result);

#endif
