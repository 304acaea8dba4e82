// SPDX-License-Identifier: MIT
// The sources of a feed: packets, lines of standard input, blocks of a file.

#include "tool/feed_sources.h"

#include <errno.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "tool/packet.h"

#include <upcall/protocol.h>

#define STANDARD_INPUT 0

static BOOL
Add(FEED *Feed, DWORD Topic, const void *Head, DWORD HeadLength, const void *Data, DWORD Length)
{
    Feed->Error = FeederAdd(&Feed->Feeder, Topic, Head, HeadLength, Data, Length);
    Feed->Added++;
    return Feed->Error == ERROR_SUCCESS &&
           (Feed->Plan.Count == 0 || Feed->Added < Feed->Plan.Count) &&
           !atomic_load_explicit(&Feed->Stopping, memory_order_relaxed);
}

static BOOL
Flush(FEED *Feed)
{
    DWORD Error = FeederFlush(&Feed->Feeder);
    if (Feed->Error == ERROR_SUCCESS)
    {
        Feed->Error = Error;
    }
    return Feed->Error == ERROR_SUCCESS &&
           !atomic_load_explicit(&Feed->Stopping, memory_order_relaxed);
}

// ---- Packets ----

static bool
AddPacket(void *Context, const UPCALL_PACKET_HEADER *Header, const void *Bytes)
{
    FEED *Feed = Context;
    return Add(Feed, PacketTopic(Feed->LinkType, Bytes, Header->Captured), Header, sizeof(*Header),
               Bytes, Header->Captured);
}

static bool
PausePackets(void *Context)
{
    return Flush(Context);
}

static void
RunCapture(FEED *Feed)
{
    char Reason[FEED_MESSAGE_BYTES / 2] = "";
    if (CaptureRun(Feed->Capture, AddPacket, PausePackets, Feed, Reason, sizeof(Reason)) !=
        CaptureEnded)
    {
        Feed->Status = TOOL_FAILED;
        if (Feed->Plan.Pcap != NULL)
        {
            snprintf(Feed->Message, sizeof(Feed->Message),
                     "%s is damaged: %s; the %llu packets before the damage were fed",
                     Feed->Plan.Pcap, Reason, Feed->Added);
        }
        else
        {
            snprintf(Feed->Message, sizeof(Feed->Message), "capturing on %s failed: %s",
                     Feed->Plan.Interface, Reason);
        }
    }
}

// ---- Lines ----

// Publishes the whole lines at the start of Text, or all of it if AtEnd or Full; returns the bytes
// taken.
static DWORD
AddLines(FEED *Feed, const char *Text, DWORD Length, BOOL All, BOOL *More)
{
    DWORD Taken = 0;
    *More = TRUE;
    while (*More && Taken < Length)
    {
        const char *End = memchr(Text + Taken, '\n', Length - Taken);
        if (End == NULL && !All)
        {
            break;
        }
        DWORD Line = End != NULL ? (DWORD)(End - (Text + Taken)) : Length - Taken;
        DWORD Shown = Line;
        if (End != NULL && Line > 0 && Text[Taken + Line - 1] == '\r')
        {
            Shown--;
        }
        *More = Add(Feed, (DWORD)Feed->Plan.Topic, NULL, 0, Text + Taken, Shown);
        Taken += Line + (End != NULL);
    }
    return Taken;
}

// A line longer than a record becomes several.
static void
RunLines(FEED *Feed)
{
    DWORD Used = 0;
    BOOL More = TRUE;
    char *Text = malloc(UPCALL_MAX_RECORD_BYTES);
    if (Text == NULL)
    {
        Feed->Status = TOOL_FAILED;
        snprintf(Feed->Message, sizeof(Feed->Message), "not enough memory");
        return;
    }
    while (More)
    {
        int Length = _read(STANDARD_INPUT, Text + Used, UPCALL_MAX_RECORD_BYTES - Used);
        if (Length < 0)
        {
            Feed->Status = TOOL_FAILED;
            snprintf(Feed->Message, sizeof(Feed->Message), "cannot read standard input: %s",
                     strerror(errno));
            break;
        }
        Used += (DWORD)Length;
        DWORD Taken =
            AddLines(Feed, Text, Used, Length == 0 || Used == UPCALL_MAX_RECORD_BYTES, &More);
        Used -= Taken;
        memmove(Text, Text + Taken, Used);
        // Each line is published when it has come, not when a buffer is full.
        More = Flush(Feed) && More && Length != 0;
    }
    free(Text);
}

// ---- Blocks of a file ----

static void
RunFile(FEED *Feed)
{
    size_t Length;
    void *Block = malloc((size_t)Feed->Plan.RecordBytes);
    if (Block == NULL)
    {
        Feed->Status = TOOL_FAILED;
        snprintf(Feed->Message, sizeof(Feed->Message), "not enough memory");
        return;
    }
    do
    {
        Length = fread(Block, 1, (size_t)Feed->Plan.RecordBytes, Feed->File);
    } while (Length != 0 && Add(Feed, (DWORD)Feed->Plan.Topic, NULL, 0, Block, (DWORD)Length));
    if (ferror(Feed->File))
    {
        Feed->Status = TOOL_FAILED;
        snprintf(Feed->Message, sizeof(Feed->Message), "cannot read %s: %s", Feed->Plan.File,
                 strerror(errno));
    }
    Flush(Feed);
    free(Block);
}

// ---- All of them ----

void
SourceRun(FEED *Feed)
{
    if (Feed->Capture != NULL)
    {
        RunCapture(Feed);
    }
    else if (Feed->Plan.Lines)
    {
        RunLines(Feed);
    }
    else
    {
        RunFile(Feed);
    }
}

int
SourceOpen(FEED *Feed, BOOL *Refused, char *Message, size_t Size)
{
    const FEED_PLAN *Plan = &Feed->Plan;
    if (Plan->Interface != NULL || Plan->Pcap != NULL)
    {
        const CAPTURE_OPTIONS Options = {.Interface = Plan->Interface,
                                         .File = Plan->Pcap,
                                         .Filter = Plan->Filter,
                                         .Keep = Plan->WriteFed,
                                         .SnapBytes = (uint32_t)Plan->SnapBytes};
        CAPTURE_STATUS Status = CaptureOpen(&Options, &Feed->Capture, Message, Size);
        *Refused = Status == CaptureRefused;
        if (Status != CaptureEnded)
        {
            return TOOL_CANNOT;
        }
        Feed->Content = NOTE_PACKETS;
        Feed->LinkType = CaptureLinkType(Feed->Capture);
        return TOOL_OK;
    }
    Feed->Content = Plan->Lines ? NOTE_TEXT : NOTE_BYTES;
    if (Plan->File != NULL)
    {
        Feed->File = fopen(Plan->File, "rb");
        if (Feed->File == NULL)
        {
            snprintf(Message, Size, "cannot read %s: %s", Plan->File, strerror(errno));
            return TOOL_CANNOT;
        }
    }
    return TOOL_OK;
}

void
SourceClose(FEED *Feed, FEED_RESULT *Result)
{
    char Reason[FEED_MESSAGE_BYTES];
    if (Feed->Capture != NULL && !CaptureClose(Feed->Capture, Reason, sizeof(Reason)) &&
        Result->Status == TOOL_OK)
    {
        Result->Status = TOOL_FAILED;
        memcpy(Result->Message, Reason, sizeof(Reason));
    }
    if (Feed->File != NULL)
    {
        fclose(Feed->File);
    }
}
