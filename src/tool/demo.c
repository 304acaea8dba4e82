// SPDX-License-Identifier: MIT
// upcall demo: one application process for each signal, real packets, and the comparison.

#include "tool/demo.h"

#include <string.h>

#define SMALL_PACKETS 2000u
#define FULL_PACKETS  20000u

const char DemoHelp[] =
    "upcall demo: packets through the relay driver to one application for each signal\n"
    "\n"
    "  upcall demo [--interface NAME] [--filter TEXT] [--traffic COMMAND] [--fallback FILE] ...\n"
    "  upcall demo --pcap FILE ...\n"
    "\n"
    "  --interface NAME   capture there (default lo)\n"
    "  --filter TEXT      packets that match only, in tcpdump's language\n"
    "  --traffic COMMAND  a program and its arguments that cause packets; run until there are\n"
    "                     enough of them\n"
    "  --packets N        capture at least N packets (default 2000)\n"
    "  --size small|full  2000 or 20000 packets\n"
    "  --fallback FILE    replay this file where capturing is not permitted\n"
    "  --pcap FILE        do not capture: replay this file\n"
    "  --keep DIR         work in this folder, made if need be, and leave the files there: fed.pcap\n"
    "                     as the capture library wrote it, and each application's SIGNAL.pcap\n"
    "  --progress         show progress even if standard error is no terminal\n"
    "  --json             a JSON object instead of the table\n"
    "\n"
    "It ends with a table: signal, records, bytes, lost records, wakeups (times the driver gave the\n"
    "signal), latency from publication to receipt, and whether the packets that the application\n"
    "wrote are exactly those that the capture library delivered (times, lengths, bytes).\n"
    "Exit status 1 if anything is lost or differs, or an application died. script/demo brings up all\n"
    "that it needs, and web traffic to look at.\n";

static int
ParseDemo(int Count, char **Words, DEMO_PLAN *Plan)
{
    const char *Size = NULL;
    memset(Plan, 0, sizeof(*Plan));
    const TOOL_OPTION Table[] = {
        {"--interface", ToolText, &Plan->Interface, 0, 0},
        {"--filter", ToolText, &Plan->Filter, 0, 0},
        {"--traffic", ToolText, &Plan->Traffic, 0, 0},
        {"--packets", ToolNumber, &Plan->Packets, 1, ~0ull},
        {"--size", ToolText, &Size, 0, 0},
        {"--fallback", ToolText, &Plan->Fallback, 0, 0},
        {"--pcap", ToolText, &Plan->Pcap, 0, 0},
        {"--keep", ToolText, &Plan->Keep, 0, 0},
        {"--progress", ToolFlag, &Plan->Progress, 0, 0},
        {"--json", ToolFlag, &Plan->Json, 0, 0},
        {NULL, ToolFlag, NULL, 0, 0},
    };
    int Status = ToolParse("demo", Table, Count, Words);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    if (Size != NULL && strcmp(Size, "small") != 0 && strcmp(Size, "full") != 0)
    {
        return ToolUsage("demo", "--size %s: want small or full", Size);
    }
    if (Plan->Pcap != NULL && Plan->Interface != NULL)
    {
        return ToolUsage("demo", "--pcap and --interface exclude each other");
    }
    if (Plan->Packets == 0)
    {
        Plan->Packets = Size != NULL && strcmp(Size, "full") == 0 ? FULL_PACKETS : SMALL_PACKETS;
    }
    if (Plan->Interface == NULL)
    {
        Plan->Interface = "lo";
    }
    // The longest name in the folder and its path must fit.
    if (Plan->Keep != NULL && strlen(Plan->Keep) > DEMO_PATH - 64)
    {
        return ToolUsage("demo", "--keep: the path is too long");
    }
    return TOOL_OK;
}

// ---- The folder ----

static int
MakeFolder(DEMO *Demo)
{
    char Parent[DEMO_PATH - 64];
    if (Demo->Plan.Keep != NULL)
    {
        snprintf(Demo->Folder, sizeof(Demo->Folder), "%s", Demo->Plan.Keep);
        if (!CreateDirectoryA(Demo->Folder, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)
        {
            ToolSay("cannot make the folder %s: %s", Demo->Folder, ToolErrorText(GetLastError()));
            return TOOL_CANNOT;
        }
    }
    else
    {
        LARGE_INTEGER Now;
        DWORD Length = GetTempPathA(sizeof(Parent), Parent);
        if (Length == 0 || Length >= sizeof(Parent))
        {
            ToolSay("the path of the temporary folder is too long");
            return TOOL_CANNOT;
        }
        QueryPerformanceCounter(&Now);
        snprintf(Demo->Folder, sizeof(Demo->Folder), "%supcall-demo-%u-%llx", Parent,
                 (unsigned)GetCurrentProcessId(), (COUNT)Now.QuadPart);
        // One that exists is not ours: whoever made it could read what is captured.
        if (!CreateDirectoryA(Demo->Folder, NULL))
        {
            ToolSay("cannot make the folder %s: %s", Demo->Folder, ToolErrorText(GetLastError()));
            return TOOL_CANNOT;
        }
    }
    const char *Folder = Demo->Folder;
    snprintf(Demo->FedFile, sizeof(Demo->FedFile), "%.900s/fed.pcap", Folder);
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        DEMO_MONITOR *Monitor = &Demo->Monitors[Index];
        Monitor->Signal = &ToolSignals[Index];
        snprintf(Monitor->File, sizeof(Monitor->File), "%.900s/%s.pcap", Folder,
                 Monitor->Signal->Name);
        snprintf(Monitor->SummaryFile, sizeof(Monitor->SummaryFile), "%.900s/%s.json", Folder,
                 Monitor->Signal->Name);
    }
    return TOOL_OK;
}

static void
RemoveFolder(const DEMO *Demo)
{
    if (Demo->Plan.Keep == NULL)
    {
        DemoRemoveFiles(Demo);
        if (!RemoveDirectoryA(Demo->Folder))
        {
            ToolSay("cannot remove the folder %s: %s", Demo->Folder, ToolErrorText(GetLastError()));
        }
    }
}

// ---- The whole ----

static int
Run(DEMO *Demo)
{
    FEED *Feed;
    BOOL Live;
    int Status = DemoOpenFeed(Demo, &Feed, &Live);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    Status = DemoStartMonitors(Demo);
    if (Status != TOOL_OK)
    {
        FeedStop(Feed);
        FeedFinish(Feed, FALSE, &Demo->Fed);
        return Status;
    }
    Status = DemoRunFeed(Demo, Feed, Live);
    if (Demo->EndTold)
    {
        int Ended = DemoAwaitMonitors(Demo);
        Status = Status == TOOL_OK ? Ended : Status;
    }
    return Status;
}

int
DemoCommand(int Count, char **Words)
{
    static DEMO Demo;  // large
    int Status = ParseDemo(Count, Words, &Demo.Plan);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    Demo.Interrupt = ToolCatchInterrupt();
    if (Demo.Interrupt == NULL)
    {
        return TOOL_CANNOT;
    }
    Status = MakeFolder(&Demo);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    Status = Run(&Demo);
    DemoEndMonitors(&Demo);
    if (Demo.EndTold && Status != TOOL_INTERRUPTED)
    {
        Status = DemoCompare(&Demo) ? Status : TOOL_FAILED;
        DemoReport(&Demo);
    }
    RemoveFolder(&Demo);
    if (Status == TOOL_INTERRUPTED)
    {
        ToolSay("interrupted");
    }
    if (Demo.Fed.Abandoned)
    {
        ToolExitAtOnce(Status);
    }
    return Status;
}
