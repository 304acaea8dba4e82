// SPDX-License-Identifier: MIT
// The command line of upcall monitor.

#include <string.h>

#include "tool/monitor.h"

const char MonitorHelp[] =
    "upcall monitor: one subscription; a line for each record\n"
    "\n"
    "  upcall monitor [--signal NAME] [--topics LIST] ...\n"
    "\n"
    "  --signal NAME      how it is woken (default event):\n"
    "                       event            its own auto-reset event\n"
    "                       named-event      a named event that the driver creates\n"
    "                       named-event-app  a named event that it creates itself\n"
    "                       overlapped       overlapped reads and their event\n"
    "                       iocp             overlapped reads and a completion port\n"
    "  --topics LIST      such as 1,4,10-12, 0x412 or all (default all)\n"
    "  --device PATH      the channel's device (default \\\\.\\UpcallRelay)\n"
    "  --queue BYTES      of the subscription, a power of two, 4096 to 16777216 (default 1048576)\n"
    "  --count N          end after N records\n"
    "  --until-idle MS    end when no record has come for MS milliseconds\n"
    "  --until-end        end when the feed says that it has ended (feed --end)\n"
    "  --write FILE       write packets to a pcap file\n"
    "  --link-type N      of that file, if the feed began before this monitor (1: Ethernet)\n"
    "  --json             a JSON object for each record, and one at the end\n"
    "  --live             a counter instead of lines\n"
    "  --quiet            neither lines nor a closing line\n"
    "  --summary FILE     write the closing JSON object there, too\n"
    "  --ready-file FILE  make this file when the subscription is there\n"
    "  --ready-event NAME set this existing event when the subscription is there\n"
    "\n"
    "Latency is from the driver's publication of a record to its receipt here. Records that did\n"
    "not fit into the queue are counted as lost, where they are missing.\n"
    "Ctrl-C ends it, with its summary and exit status 130.\n";

static int
Check(const MONITOR_PLAN *Plan)
{
    if ((Plan->QueueBytes & (Plan->QueueBytes - 1)) != 0)
    {
        return ToolUsage("monitor", "--queue %llu: want a power of two", Plan->QueueBytes);
    }
    if (Plan->LinkType != ~0ull && Plan->Write == NULL)
    {
        return ToolUsage("monitor", "--link-type goes with --write");
    }
    if (Plan->Live && (Plan->Json || Plan->Quiet))
    {
        return ToolUsage("monitor", "--live goes with neither --json nor --quiet");
    }
    return TOOL_OK;
}

int
MonitorParse(int Count, char **Words, MONITOR_PLAN *Plan)
{
    const char *Signal = "event";
    *Plan = (MONITOR_PLAN){
        .Device = "\\\\.\\UpcallRelay", .Topics = ~0ull, .QueueBytes = 1u << 20, .LinkType = ~0ull};
    const TOOL_OPTION Table[] = {
        {"--signal", ToolText, &Signal, 0, 0},
        {"--topics", ToolTopics, &Plan->Topics, 0, 0},
        {"--device", ToolText, &Plan->Device, 0, 0},
        {"--queue", ToolNumber, &Plan->QueueBytes, UPCALL_MIN_QUEUE_BYTES, UPCALL_MAX_QUEUE_BYTES},
        {"--count", ToolNumber, &Plan->Count, 1, ~0ull},
        {"--until-idle", ToolNumber, &Plan->IdleMs, 1, 86400000},
        {"--until-end", ToolFlag, &Plan->UntilEnd, 0, 0},
        {"--write", ToolText, &Plan->Write, 0, 0},
        {"--link-type", ToolNumber, &Plan->LinkType, 0, 65535},
        {"--json", ToolFlag, &Plan->Json, 0, 0},
        {"--live", ToolFlag, &Plan->Live, 0, 0},
        {"--quiet", ToolFlag, &Plan->Quiet, 0, 0},
        {"--summary", ToolText, &Plan->Summary, 0, 0},
        {"--ready-file", ToolText, &Plan->ReadyFile, 0, 0},
        {"--ready-event", ToolText, &Plan->ReadyEvent, 0, 0},
        {NULL, ToolFlag, NULL, 0, 0},
    };
    int Status = ToolParse("monitor", Table, Count, Words);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    Plan->Signal = ToolFindSignal(Signal);
    if (Plan->Signal == NULL)
    {
        return ToolUsage("monitor", "--signal %s: there is no such signal; the signals are %s",
                         Signal, TOOL_SIGNAL_NAMES);
    }
    return Check(Plan);
}
