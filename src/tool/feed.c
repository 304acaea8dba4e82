// SPDX-License-Identifier: MIT
// upcall feed: publishes packets, lines or a file through the relay driver.

#include <string.h>

#include "tool/feeding.h"
#include "tool/note.h"
#include "tool/tool.h"

#include <upcall/protocol.h>

#define PROGRESS_MS 200u

const char FeedHelp[] =
    "upcall feed: publishes records through the relay driver (\\\\.\\UpcallRelay)\n"
    "\n"
    "  upcall feed --interface NAME [--filter EXPRESSION] ...   packets, as they come\n"
    "  upcall feed --pcap FILE [--filter EXPRESSION] ...        packets of a capture file\n"
    "  upcall feed --lines [--topic N] ...                      lines of standard input\n"
    "  upcall feed --file FILE --record BYTES [--topic N] ...   blocks of a file\n"
    "\n"
    "  --count N         stop after N records\n"
    "  --duration MS     stop after MS milliseconds\n"
    "  --filter TEXT     packets that match only, in tcpdump's language\n"
    "  --snap BYTES      cut longer packets (default and most: 65464)\n"
    "  --topic N         topic of lines and blocks, 0 to 62 (default 0)\n"
    "  --write-fed FILE  write what the capture library delivered to a pcap file\n"
    "  --end             tell the monitors at the end (they may wait with --until-end)\n"
    "  --progress        show progress even if standard error is no terminal\n"
    "  --json            end with a JSON object instead of a line\n"
    "\n"
    "Topics of packets: 1 TCP, 2 UDP, 3 ICMP, 4 other IP, 5 ARP, 6 no IP; over IPv4 and IPv6.\n"
    "A packet's record is the record of a little-endian pcap file: seconds, microseconds, bytes\n"
    "captured, bytes it had (32 bits each), and the bytes. Topic 63 carries the feed's notes:\n"
    "what it feeds, and that it has ended.\n"
    "Ctrl-C ends the feed, with its summary and exit status 130.\n";

typedef struct FEED_ARGUMENTS
{
    FEED_PLAN Plan;
    COUNT DurationMs;
    BOOL End, Progress, Json;
} FEED_ARGUMENTS;

static int
ParseFeed(int Count, char **Words, FEED_ARGUMENTS *Arguments)
{
    FEED_PLAN *Plan = &Arguments->Plan;
    const COUNT Most = UPCALL_MAX_RECORD_BYTES - sizeof(UPCALL_PACKET_HEADER);
    COUNT NoTopic = ~0ull;
    memset(Arguments, 0, sizeof(*Arguments));
    Plan->SnapBytes = Most;
    Plan->Topic = NoTopic;
    const TOOL_OPTION Table[] = {
        {"--interface", ToolText, &Plan->Interface, 0, 0},
        {"--pcap", ToolText, &Plan->Pcap, 0, 0},
        {"--lines", ToolFlag, &Plan->Lines, 0, 0},
        {"--file", ToolText, &Plan->File, 0, 0},
        {"--record", ToolNumber, &Plan->RecordBytes, 1, UPCALL_MAX_RECORD_BYTES},
        {"--filter", ToolText, &Plan->Filter, 0, 0},
        {"--snap", ToolNumber, &Plan->SnapBytes, 1, Most},
        {"--topic", ToolNumber, &Plan->Topic, 0, NOTE_TOPIC - 1},
        {"--count", ToolNumber, &Plan->Count, 1, ~0ull},
        {"--duration", ToolNumber, &Arguments->DurationMs, 1, 86400000},
        {"--write-fed", ToolText, &Plan->WriteFed, 0, 0},
        {"--end", ToolFlag, &Arguments->End, 0, 0},
        {"--progress", ToolFlag, &Arguments->Progress, 0, 0},
        {"--json", ToolFlag, &Arguments->Json, 0, 0},
        {NULL, ToolFlag, NULL, 0, 0},
    };
    int Status = ToolParse("feed", Table, Count, Words);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    if ((Plan->Interface != NULL) + (Plan->Pcap != NULL) + (Plan->Lines != FALSE) +
            (Plan->File != NULL) !=
        1)
    {
        return ToolUsage("feed", "say one of --interface, --pcap, --lines and --file");
    }
    BOOL Packets = Plan->Interface != NULL || Plan->Pcap != NULL;
    if ((Plan->File != NULL) != (Plan->RecordBytes != 0))
    {
        return ToolUsage("feed", "--file and --record go together");
    }
    if (!Packets && (Plan->Filter != NULL || Plan->WriteFed != NULL))
    {
        return ToolUsage("feed", "--filter and --write-fed are for packets");
    }
    if (Packets && Plan->Topic != NoTopic)
    {
        return ToolUsage("feed",
                         "--topic is for lines and files; a packet's topic is its protocol");
    }
    Plan->Topic = Plan->Topic == NoTopic ? 0 : Plan->Topic;
    return TOOL_OK;
}

static void
Summarize(const FEED_ARGUMENTS *Arguments, const FEED_RESULT *Result)
{
    if (Arguments->Json)
    {
        printf("{\"fed\": %llu, \"bytes\": %llu, \"dropped\": %llu, \"cut\": %llu}\n", Result->Fed,
               Result->Bytes, Result->Dropped, Result->Cut);
        return;
    }
    printf("%llu records, %llu bytes fed", Result->Fed, Result->Bytes);
    if (Result->Dropped != 0)
    {
        printf("; %llu packets were dropped before they could be captured", Result->Dropped);
    }
    if (Result->Cut != 0)
    {
        printf("; %llu packets were cut to %llu bytes", Result->Cut, Arguments->Plan.SnapBytes);
    }
    putchar('\n');
}

// Until the feed has ended, shows how far it is. A Win32 error code: why it could not wait.
static DWORD
Watch(FEED *Feed, const FEED_ARGUMENTS *Arguments, HANDLE Interrupt)
{
    const HANDLE Handles[] = {FeedThread(Feed), Interrupt};
    COUNT Begin = GetTickCount64();
    DWORD Error = ERROR_SUCCESS;
    for (;;)
    {
        COUNT Passed = GetTickCount64() - Begin;
        DWORD Wait = PROGRESS_MS;
        if (Arguments->DurationMs != 0)
        {
            if (Passed >= Arguments->DurationMs)
            {
                FeedStop(Feed);
                break;
            }
            COUNT Left = Arguments->DurationMs - Passed;
            Wait = Left < Wait ? (DWORD)Left : Wait;
        }
        DWORD Woken = WaitForMultipleObjects(2, Handles, FALSE, Wait);
        Error = Woken == WAIT_FAILED ? GetLastError() : ERROR_SUCCESS;
        ToolStatus(Arguments->Progress, "%llu records, %llu bytes", FeedCount(Feed),
                   FeedBytes(Feed));
        if (Woken == WAIT_OBJECT_0)
        {
            break;
        }
        if (Woken != WAIT_TIMEOUT)
        {
            FeedStop(Feed);
            break;
        }
    }
    ToolStatusEnd();
    return Error;
}

int
FeedCommand(int Count, char **Words)
{
    FEED_ARGUMENTS Arguments;
    FEED *Feed;
    BOOL Refused;
    char Message[FEED_MESSAGE_BYTES];
    FEED_RESULT Result;

    int Status = ParseFeed(Count, Words, &Arguments);
    if (Status != TOOL_OK)
    {
        return Status;
    }
    HANDLE Interrupt = ToolCatchInterrupt();
    if (Interrupt == NULL)
    {
        return TOOL_CANNOT;
    }
    Status = FeedOpen(&Arguments.Plan, &Feed, &Refused, Message, sizeof(Message));
    if (Status != TOOL_OK)
    {
        ToolSay("%s", Message);
        return Status;
    }
    Status = FeedStart(Feed, Message, sizeof(Message));
    if (Status != TOOL_OK)
    {
        ToolSay("%s", Message);
        FeedFinish(Feed, FALSE, &Result);
        return Status;
    }
    DWORD Error = Watch(Feed, &Arguments, Interrupt);
    FeedFinish(Feed, Arguments.End && Error == ERROR_SUCCESS, &Result);
    Summarize(&Arguments, &Result);
    if (Error != ERROR_SUCCESS)
    {
        ToolSay("cannot wait for the feed: %s", ToolErrorText(Error));
        Result.Status = TOOL_FAILED;
    }
    else if (Result.Status != TOOL_OK)
    {
        ToolSay("%s", Result.Message);
    }
    else if (ToolInterrupted())
    {
        Result.Status = TOOL_INTERRUPTED;
    }
    if (Result.Abandoned)
    {
        ToolExitAtOnce(Result.Status);
    }
    return Result.Status;
}
