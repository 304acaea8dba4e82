// SPDX-License-Identifier: MIT
// A record on a line: for people, or as a JSON object.

#include <stdio.h>
#include <string.h>

#include "tool/monitor.h"
#include "tool/packet.h"
#include "tool/pcapfile.h"

// Bytes of an unknown payload, and of a line of text, that are shown to people.
#define SHOWN_BYTES 16u
#define SHOWN_TEXT  120u

static void
PutHex(const void *Data, size_t Length)
{
    const unsigned char *Bytes = Data;
    for (size_t Index = 0; Index < Length; Index++)
    {
        printf("%02x", (unsigned)Bytes[Index]);
    }
}

// A terminal must not be made to obey what a record says.
static void
PutPrintable(const void *Data, size_t Length)
{
    const unsigned char *Bytes = Data;
    for (size_t Index = 0; Index < Length; Index++)
    {
        putchar(Bytes[Index] < 0x20 || Bytes[Index] == 0x7F ? '.' : Bytes[Index]);
    }
}

static void
ShowLost(BOOL Json, const UPCALL_RECORD *Record)
{
    UPCALL_LOST Lost;
    memcpy(&Lost, Record->Data, sizeof(Lost));
    printf(Json ? "{\"lost\": %llu, \"first\": %llu, \"last\": %llu}\n"
                : "lost %llu records, from %llu to %llu\n",
           (COUNT)Lost.Count, (COUNT)Lost.FirstSequence, (COUNT)Lost.LastSequence);
}

static void
ShowJson(const UPCALL_RECORD *Record, uint32_t Content, uint32_t LinkType, COUNT LatencyNs)
{
    char Text[160];
    printf("{\"sequence\": %llu, \"topic\": %u, \"latency_us\": %.1f", (COUNT)Record->Sequence,
           (unsigned)Record->Topic, (double)LatencyNs / 1000.0);
    if (Content == NOTE_PACKETS && PcapIsPacket(Record->Data, Record->Length))
    {
        UPCALL_PACKET_HEADER Header;
        memcpy(&Header, Record->Data, sizeof(Header));
        PacketDescribe(LinkType, (const char *)Record->Data + sizeof(Header), Header.Captured, Text,
                       sizeof(Text));
        printf(", \"time\": \"%u.%06u\", \"captured\": %u, \"original\": %u, \"packet\": \"%s\"}\n",
               (unsigned)Header.Seconds, (unsigned)Header.Microseconds, (unsigned)Header.Captured,
               (unsigned)Header.Original, Text);
        return;
    }
    printf(", \"bytes\": %u, \"%s\": \"", (unsigned)Record->Length,
           Content == NOTE_TEXT ? "text" : "hex");
    if (Content == NOTE_TEXT)
    {
        ToolPrintJsonText(stdout, Record->Data, Record->Length);
    }
    else
    {
        PutHex(Record->Data, Record->Length);
    }
    printf("\"}\n");
}

void
MonitorShow(BOOL Json, const UPCALL_RECORD *Record, uint32_t Content, uint32_t LinkType,
            COUNT LatencyNs)
{
    char Text[160];
    if ((Record->Flags & UPCALL_RECORD_LOST) != 0)
    {
        ShowLost(Json, Record);
        return;
    }
    if (Json)
    {
        ShowJson(Record, Content, LinkType, LatencyNs);
        return;
    }
    printf("%8llu topic %2u %7.1f us  ", (COUNT)Record->Sequence, (unsigned)Record->Topic,
           (double)LatencyNs / 1000.0);
    if (Content == NOTE_PACKETS && PcapIsPacket(Record->Data, Record->Length))
    {
        UPCALL_PACKET_HEADER Header;
        memcpy(&Header, Record->Data, sizeof(Header));
        PacketDescribe(LinkType, (const char *)Record->Data + sizeof(Header), Header.Captured, Text,
                       sizeof(Text));
        printf("%u.%06u %s %u bytes\n", (unsigned)Header.Seconds, (unsigned)Header.Microseconds,
               Text, (unsigned)Header.Original);
    }
    else if (Content == NOTE_TEXT)
    {
        PutPrintable(Record->Data, Record->Length < SHOWN_TEXT ? Record->Length : SHOWN_TEXT);
        printf("%s\n", Record->Length > SHOWN_TEXT ? "..." : "");
    }
    else
    {
        printf("%u bytes ", (unsigned)Record->Length);
        PutHex(Record->Data, Record->Length < SHOWN_BYTES ? Record->Length : SHOWN_BYTES);
        printf("%s\n", Record->Length > SHOWN_BYTES ? "..." : "");
    }
}
