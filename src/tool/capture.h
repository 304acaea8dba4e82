// SPDX-License-Identifier: MIT
// Packets from an interface or a capture file, as the capture library delivers them. Plain C.
#ifndef TOOL_CAPTURE_H
#define TOOL_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/note.h"

typedef struct CAPTURE CAPTURE;

typedef enum CAPTURE_STATUS
{
    CaptureEnded,      // the file's end, or CaptureStop, or the sink wanted no more
    CaptureRefused,    // not begun: no permission to capture
    CaptureBad,        // not begun: no such interface or file, no capture file, a wrong filter
    CaptureBroken,     // failed midway; all that was delivered before stands
    CaptureNoLibrary,  // this build cannot
} CAPTURE_STATUS;

typedef struct CAPTURE_OPTIONS
{
    const char *Interface;  // or File, not both
    const char *File;       // a .pcap or .pcapng file
    const char *Filter;     // in the capture library's language; NULL: all packets
    const char *Keep;       // writes there what the library delivers, before the sink sees it; or
                            // NULL
    uint32_t SnapBytes;     // longer packets are cut to this
} CAPTURE_OPTIONS;

// Opens, and for an interface begins to capture: packets wait in the library's buffer from here on.
// Anything but CaptureEnded is a failure, with Message saying why and what to do; nothing is kept
// then.
CAPTURE_STATUS CaptureOpen(const CAPTURE_OPTIONS *Options, CAPTURE **Capture, char *Message,
                           size_t Size);
uint32_t CaptureLinkType(const CAPTURE *Capture);  // LINKTYPE_ value

// Gets each packet; Bytes are valid during the call. False: no more.
typedef bool CAPTURE_SINK(void *Context, const UPCALL_PACKET_HEADER *Header, const void *Bytes);
// Called when all packets that were there at once have been delivered. False: no more.
typedef bool CAPTURE_PAUSE(void *Context);

// Delivers packets until the end, blocking for them. CaptureEnded or CaptureBroken with Message.
CAPTURE_STATUS CaptureRun(CAPTURE *Capture, CAPTURE_SINK *Sink, CAPTURE_PAUSE *Pause, void *Context,
                          char *Message, size_t Size);
// Ends a CaptureRun soon, or at its begin. Any thread. (A read of a file that blocks, as of a pipe,
// is not interrupted.)
void CaptureStop(CAPTURE *Capture);
// Packets that the system dropped before the library got them, as far as it tells.
uint64_t CaptureDropped(CAPTURE *Capture);
// Packets that were longer than SnapBytes and of which the rest is missing.
uint64_t CaptureCut(const CAPTURE *Capture);
// False with Message: the file of Keep could not be written whole.
bool CaptureClose(CAPTURE *Capture, char *Message, size_t Size);

#endif
