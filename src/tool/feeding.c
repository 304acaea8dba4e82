// SPDX-License-Identifier: MIT
// A feed's begin, its thread, its end.

#include "tool/feeding.h"

#include <stdlib.h>
#include <string.h>

#include "tool/feed_sources.h"

#include <upcall/client.h>

#include "drivers/relay/relay.h"

// How long a source may take to notice that it shall end. One that does not is in a blocking read.
#define STOP_MS 2000u
// How often, and how far apart, the end is told to a monitor whose queue is full.
#define END_TRIES    200u
#define END_PAUSE_MS 50u

static DWORD WINAPI
FeedMain(LPVOID Context)
{
    SourceRun(Context);
    return 0;
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
    int Status = SourceOpen(Feed, Refused, Message, Size);
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
        SourceClose(Feed, Result);
        FeederClose(&Feed->Feeder);
        if (Feed->Thread != NULL)
        {
            CloseHandle(Feed->Thread);
        }
        free(Feed);
    }
}
