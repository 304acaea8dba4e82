// SPDX-License-Identifier: MIT
// Stands for capture.c in a build for a system without a capture library: says so.

#include "tool/capture.h"

#include <stdio.h>

CAPTURE_STATUS
CaptureOpen(const CAPTURE_OPTIONS *Options, CAPTURE **Capture, char *Message, size_t Size)
{
    *Capture = NULL;
    snprintf(Message, Size,
             "this build of upcall has no capture library, so it cannot read %s: feed --lines or "
             "--file instead, or use a build that has it",
             Options->Interface != NULL ? "an interface" : "a capture file");
    return CaptureNoLibrary;
}

// No CAPTURE is ever made, so what takes one is never called.

uint32_t
CaptureLinkType(const CAPTURE *Capture)
{
    (void)Capture;
    return 0;
}

CAPTURE_STATUS
CaptureRun(CAPTURE *Capture, CAPTURE_SINK *Sink, CAPTURE_PAUSE *Pause, void *Context, char *Message,
           size_t Size)
{
    (void)Capture;
    (void)Sink;
    (void)Pause;
    (void)Context;
    snprintf(Message, Size, "this build of upcall has no capture library");
    return CaptureNoLibrary;
}

void
CaptureStop(CAPTURE *Capture)
{
    (void)Capture;
}

uint64_t
CaptureDropped(CAPTURE *Capture)
{
    (void)Capture;
    return 0;
}

uint64_t
CaptureCut(const CAPTURE *Capture)
{
    (void)Capture;
    return 0;
}

bool
CaptureClose(CAPTURE *Capture, char *Message, size_t Size)
{
    (void)Capture;
    (void)Message;
    (void)Size;
    return true;
}
