// SPDX-License-Identifier: MIT
// What the demonstration feeds: the source, the traffic that it causes, when there is enough.

#include <string.h>

#include "tool/demo.h"
#include "tool/note.h"

#include <upcall/protocol.h>

#define PROGRESS_MS 200u
// After the traffic has ended, packets are taken to have all come when none has for so long.
#define QUIET_MS 300u

int
DemoOpenFeed(DEMO *Demo, FEED **Feed, BOOL *Live)
{
    const DEMO_PLAN *Plan = &Demo->Plan;
    char Message[FEED_MESSAGE_BYTES];
    BOOL Refused;
    FEED_PLAN Source = {.Pcap = Plan->Pcap,
                        .Filter = Plan->Filter,
                        .WriteFed = Demo->FedFile,
                        .SnapBytes = UPCALL_MAX_RECORD_BYTES - sizeof(UPCALL_PACKET_HEADER)};
    if (Source.Pcap == NULL)
    {
        Source.Interface = Plan->Interface;
    }
    *Live = Source.Interface != NULL;
    int Status = FeedOpen(&Source, Feed, &Refused, Message, sizeof(Message));
    if (Status != TOOL_OK && Refused && Plan->Fallback != NULL)
    {
        ToolSay("%s", Message);
        ToolSay("replaying %s instead", Plan->Fallback);
        Source.Interface = NULL;
        Source.Pcap = Plan->Fallback;
        Source.Filter = NULL;  // it was for the traffic that cannot be captured
        *Live = FALSE;
        Status = FeedOpen(&Source, Feed, &Refused, Message, sizeof(Message));
    }
    if (Status != TOOL_OK)
    {
        ToolSay("%s", Message);
    }
    return Status;
}

typedef struct WATCH
{
    FEED *Feed;
    HANDLE Traffic;  // the process that causes packets; NULL when none runs
    COUNT Seen;      // packets fed when last looked
    COUNT SeenTick;  // when that changed
    COUNT Before;    // packets fed when the traffic was started last
    COUNT EndTick;   // when it ended
} WATCH;

// Starts the traffic, again if it has ended and there are not enough packets yet.
static int
StartTraffic(const DEMO *Demo, WATCH *Watch)
{
    Watch->Before = FeedCount(Watch->Feed);
    DWORD Error = DemoStart(NULL, Demo->Plan.Traffic, &Watch->Traffic);
    if (Error != ERROR_SUCCESS)
    {
        ToolSay("--traffic %s: %s", Demo->Plan.Traffic, ToolErrorText(Error));
        return TOOL_CANNOT;
    }
    return TOOL_OK;
}

static int
TrafficEnded(WATCH *Watch)
{
    DWORD Code = 0;
    GetExitCodeProcess(Watch->Traffic, &Code);
    CloseHandle(Watch->Traffic);
    Watch->Traffic = NULL;
    Watch->EndTick = GetTickCount64();
    if (Code != 0)
    {
        ToolSay("the command of --traffic failed with exit status %u", (unsigned)Code);
        return TOOL_FAILED;
    }
    return TOOL_OK;
}

// After a wait. TOOL_OK: go on.
static int
Look(DEMO *Demo, WATCH *Watch, BOOL Live)
{
    COUNT Fed = FeedCount(Watch->Feed), Now = GetTickCount64();
    ToolStatus(Demo->Plan.Progress, "%llu packets, %llu bytes to %u applications", Fed,
               FeedBytes(Watch->Feed), TOOL_SIGNALS);
    if (Fed != Watch->Seen)
    {
        Watch->Seen = Fed;
        Watch->SeenTick = Now;
    }
    if (!Live || Watch->Traffic != NULL)
    {
        return TOOL_OK;
    }
    // Behind the traffic: its last packets may still be on their way, and others may never end.
    BOOL Quiet = Now - Watch->SeenTick >= QUIET_MS || Now - Watch->EndTick >= 10 * QUIET_MS;
    if (Demo->Plan.Traffic != NULL && !Quiet)
    {
        return TOOL_OK;
    }
    if (Fed >= Demo->Plan.Packets)
    {
        FeedStop(Watch->Feed);
    }
    else if (Demo->Plan.Traffic != NULL)
    {
        if (Fed == Watch->Before)
        {
            ToolSay("the command of --traffic caused no packet that could be captured on %s%s%s",
                    Demo->Plan.Interface, Demo->Plan.Filter != NULL ? " with the filter " : "",
                    Demo->Plan.Filter != NULL ? Demo->Plan.Filter : "");
            return TOOL_FAILED;
        }
        return StartTraffic(Demo, Watch);
    }
    return TOOL_OK;
}

// Until the feed has ended.
static int
WatchFeed(DEMO *Demo, FEED *Feed, BOOL Live)
{
    WATCH Watch = {.Feed = Feed, .SeenTick = GetTickCount64()};
    int Status = Live && Demo->Plan.Traffic != NULL ? StartTraffic(Demo, &Watch) : TOOL_OK;
    while (Status == TOOL_OK)
    {
        const HANDLE Handles[] = {FeedThread(Feed), Demo->Interrupt, Watch.Traffic};
        DWORD Woken =
            WaitForMultipleObjects(Watch.Traffic != NULL ? 3 : 2, Handles, FALSE, PROGRESS_MS);
        if (Woken == WAIT_OBJECT_0)
        {
            break;
        }
        if (Woken == WAIT_OBJECT_0 + 1)
        {
            Status = TOOL_INTERRUPTED;
        }
        else if (Woken == WAIT_OBJECT_0 + 2)
        {
            Status = TrafficEnded(&Watch);
        }
        else if (Woken != WAIT_TIMEOUT)
        {
            ToolSay("cannot wait for the feed: %s", ToolErrorText(GetLastError()));
            Status = TOOL_FAILED;
        }
        if (Status == TOOL_OK)
        {
            Status = Look(Demo, &Watch, Live);
        }
    }
    ToolStatusEnd();
    if (Status != TOOL_OK)
    {
        FeedStop(Feed);
    }
    if (Watch.Traffic != NULL)
    {
        TerminateProcess(Watch.Traffic, TOOL_FAILED);
        CloseHandle(Watch.Traffic);
    }
    return Status;
}

int
DemoRunFeed(DEMO *Demo, FEED *Feed, BOOL Live)
{
    char Message[FEED_MESSAGE_BYTES];
    int Status = FeedStart(Feed, Message, sizeof(Message));
    if (Status != TOOL_OK)
    {
        ToolSay("%s", Message);
    }
    else
    {
        Status = WatchFeed(Demo, Feed, Live);
    }
    // A feed that failed midway tells its end, too, so that its applications are complete.
    Demo->EndTold = Status == TOOL_OK;
    FeedFinish(Feed, Demo->EndTold, &Demo->Fed);
    if (Demo->Fed.Status != TOOL_OK)
    {
        ToolSay("%s", Demo->Fed.Message);
        Status = Status == TOOL_OK ? Demo->Fed.Status : Status;
    }
    return Status;
}
