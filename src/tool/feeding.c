// SPDX-License-Identifier: MIT
// The sources of a feed, the thread that reads them, its begin and its end.

#include "tool/feeding.h"

#include <errno.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "tool/capture.h"
#include "tool/packet.h"
#include "tool/relay_feeder.h"
#include "tool/tool.h"

#include <upcall/client.h>

#include "drivers/relay/relay.h"

#define STANDARD_INPUT 0
// How long a source may take to notice that it shall end. One that does not is in a blocking read.
#define STOP_MS 2000u
// How often, and how far apart, the end is told to a monitor whose queue is full.
#define END_TRIES    200u
#define END_PAUSE_MS 50u

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
        DWORD Taken = AddLines(Feed, Text, Used, Length == 0 || Used == UPCALL_MAX_RECORD_BYTES,
                               &More);
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
    } while (Length != 0 &&
             Add(Feed, (DWORD)Feed->Plan.Topic, NULL, 0, Block, (DWORD)Length));
    if (ferror(Feed->File))
    {
        Feed->Status = TOOL_FAILED;
        snprintf(Feed->Message, sizeof(Feed->Message), "cannot read %s: %s", Feed->Plan.File,
                 strerror(errno));
    }
    Flush(Feed);
    free(Block);
}

// ---- Begin and end ----

static DWORD WINAPI
FeedMain(LPVOID Context)
{
    FEED *Feed = Context;
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
    return 0;
}

static int
OpenSource(FEED *Feed, BOOL *Refused, char *Message, size_t Size)
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

// The file of what was fed may turn out not to be whole.
static void
CloseSource(FEED *Feed, FEED_RESULT *Result)
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

int
FeedOpen(const FEED_PLAN *Plan, FEED **Result, BOOL *Refused, char *Message, size_t Size)
{
    *Result = NULL;
    *Refused = FALSE;
    FEED *Feed = calloc(1, sizeof(*Feed));
    if (Feed == NULL)
    {
        snprintf(Message, Size, "not enough memory");
        return TOOL_CANNOT;
    }
    Feed->Plan = *Plan;
    DWORD Error = FeederOpen(&Feed->Feeder);
    if (Error != ERROR_SUCCESS)
    {
        ToolDescribeNoDevice("\\\\.\\UpcallRelay", Error, Message, Size);
        free(Feed);
        return TOOL_CANNOT;
    }
    int Status = OpenSource(Feed, Refused, Message, Size);
    if (Status != TOOL_OK)
    {
        FeederClose(&Feed->Feeder);
        free(Feed);
        return Status;
    }
    *Result = Feed;
    return TOOL_OK;
}

int
FeedStart(FEED *Feed, char *Message, size_t Size)
{
    FEED_NOTE Note = {.Size = sizeof(Note),
                      .Magic = NOTE_MAGIC,
                      .Kind = NOTE_BEGIN,
                      .Content = Feed->Content,
                      .LinkType = Feed->LinkType,
                      .SnapBytes = (uint32_t)Feed->Plan.SnapBytes};
    DWORD Error = FeederNote(&Feed->Feeder, &Note);
    if (Error != ERROR_SUCCESS)
    {
        snprintf(Message, Size, "cannot publish: %s", ToolErrorText(Error));
        return TOOL_FAILED;
    }
    Feed->Thread = CreateThread(NULL, 0, FeedMain, Feed, 0, NULL);
    if (Feed->Thread == NULL)
    {
        snprintf(Message, Size, "cannot start a thread: %s", ToolErrorText(GetLastError()));
        return TOOL_CANNOT;
    }
    return TOOL_OK;
}

HANDLE
FeedThread(FEED *Feed)
{
    return Feed->Thread;
}

COUNT
FeedCount(FEED *Feed)
{
    return atomic_load_explicit(&Feed->Feeder.Records, memory_order_relaxed);
}

COUNT
FeedBytes(FEED *Feed)
{
    return atomic_load_explicit(&Feed->Feeder.Bytes, memory_order_relaxed);
}

void
FeedStop(void *Context)
{
    FEED *Feed = Context;
    atomic_store_explicit(&Feed->Stopping, true, memory_order_relaxed);
    if (Feed->Capture != NULL)
    {
        CaptureStop(Feed->Capture);
    }
}

// Records lost on the channel, by any subscription.
static COUNT
LostOnChannel(UPCALL_CONNECTION *Connection)
{
    UPCALL_CHANNEL_STATISTICS Statistics;
    return UpcallQueryChannel(Connection, &Statistics) == ERROR_SUCCESS ? Statistics.Lost : 0;
}

// A monitor whose queue is full loses the note like any record, and would wait for it for ever. So
// the note is repeated until publishing it has lost nothing. (Whatever else is lost meanwhile only
// makes for one note more, which nobody minds.)
static DWORD
PublishEnd(FEED *Feed, const FEED_NOTE *Note, BOOL *Told)
{
    UPCALL_CONNECTION *Connection;
    DWORD Error = UpcallOpen(RELAY_DEVICE_PATH, &Connection);
    if (Error != ERROR_SUCCESS)
    {
        return Error;
    }
    *Told = FALSE;
    for (unsigned Try = 0; Try < END_TRIES && !*Told && Error == ERROR_SUCCESS; Try++)
    {
        if (Try != 0)
        {
            Sleep(END_PAUSE_MS);
        }
        COUNT Before = LostOnChannel(Connection);
        Error = FeederNote(&Feed->Feeder, Note);
        *Told = LostOnChannel(Connection) == Before;
    }
    UpcallClose(Connection);
    return Error;
}

static void
TellEnd(FEED *Feed, FEED_RESULT *Result)
{
    const FEED_NOTE Note = {.Size = sizeof(Note),
                            .Magic = NOTE_MAGIC,
                            .Kind = NOTE_END,
                            .Content = Feed->Content,
                            .LinkType = Feed->LinkType,
                            .SnapBytes = (uint32_t)Feed->Plan.SnapBytes,
                            .Fed = Result->Fed};
    BOOL Told = TRUE;
    DWORD Error = PublishEnd(Feed, &Note, &Told);
    if (Result->Status != TOOL_OK || (Error == ERROR_SUCCESS && Told))
    {
        return;
    }
    Result->Status = TOOL_FAILED;
    if (Error != ERROR_SUCCESS)
    {
        snprintf(Result->Message, sizeof(Result->Message), "cannot publish the end: %s",
                 ToolErrorText(Error));
    }
    else
    {
        snprintf(Result->Message, sizeof(Result->Message),
                 "a monitor has not been told of the end: its queue stays full");
    }
}

void
FeedFinish(FEED *Feed, BOOL End, FEED_RESULT *Result)
{
    memset(Result, 0, sizeof(*Result));
    if (Feed->Thread != NULL)
    {
        BOOL Stopping = atomic_load_explicit(&Feed->Stopping, memory_order_relaxed);
        Result->Abandoned =
            WaitForSingleObject(Feed->Thread, Stopping ? STOP_MS : INFINITE) != WAIT_OBJECT_0;
    }
    Result->Fed = FeedCount(Feed);
    Result->Bytes = FeedBytes(Feed);
    if (!Result->Abandoned)
    {
        Result->Status = Feed->Status;
        memcpy(Result->Message, Feed->Message, sizeof(Result->Message));
        if (Feed->Error != ERROR_SUCCESS)
        {
            Result->Status = TOOL_FAILED;
            snprintf(Result->Message, sizeof(Result->Message),
                     "the driver did not take the records behind number %llu: %s", Result->Fed,
                     ToolErrorText(Feed->Error));
        }
        if (Feed->Capture != NULL)
        {
            Result->Dropped = CaptureDropped(Feed->Capture);
            Result->Cut = CaptureCut(Feed->Capture);
        }
    }
    if (End)
    {
        TellEnd(Feed, Result);
    }
    if (!Result->Abandoned)
    {
        CloseSource(Feed, Result);
        FeederClose(&Feed->Feeder);
        if (Feed->Thread != NULL)
        {
            CloseHandle(Feed->Thread);
        }
        free(Feed);
    }
}
