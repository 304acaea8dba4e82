// SPDX-License-Identifier: MIT
// What a feed tells its watchers in band: what is coming, and that it has ended.
#ifndef TOOL_NOTE_H
#define TOOL_NOTE_H

#include <stddef.h>
#include <stdint.h>

// Records of this topic with this layout are notes, not data. A feed publishes NOTE_BEGIN before its
// first record, and with --end NOTE_END behind its last one; a monitor always subscribes to the
// topic. A record of this topic that is not a note (another driver's) is data like any other.
#define NOTE_TOPIC 63u
#define NOTE_MAGIC 0x31464355u  // "UCF1"

#define NOTE_BEGIN 1u
#define NOTE_END   2u

// What the records hold: packets, each an UPCALL_PACKET_HEADER and its bytes; text, each a line
// without its end; bytes of a file.
#define NOTE_PACKETS 1u
#define NOTE_TEXT    2u
#define NOTE_BYTES   3u

typedef struct FEED_NOTE
{
    uint32_t Size;       // sizeof(FEED_NOTE)
    uint32_t Magic;      // NOTE_MAGIC
    uint32_t Kind;       // NOTE_BEGIN or NOTE_END
    uint32_t Content;    // NOTE_PACKETS, NOTE_TEXT or NOTE_BYTES
    uint32_t LinkType;   // packets: LINKTYPE_ value of a pcap file's header; else 0
    uint32_t SnapBytes;  // packets: none is longer; else 0
    uint64_t Fed;        // NOTE_END: records published since NOTE_BEGIN; else 0
} FEED_NOTE;

_Static_assert(sizeof(FEED_NOTE) == 32, "note");
_Static_assert(offsetof(FEED_NOTE, Fed) == 24, "note: Fed");

// What each packet's record begins with: exactly the record header of a little-endian pcap file, so
// that a capture file's body is the payloads one after the other.
typedef struct UPCALL_PACKET_HEADER
{
    uint32_t Seconds;       // since 1970, UTC
    uint32_t Microseconds;  // 0 .. 999999
    uint32_t Captured;      // bytes that follow
    uint32_t Original;      // bytes that the packet had
} UPCALL_PACKET_HEADER;

_Static_assert(sizeof(UPCALL_PACKET_HEADER) == 16, "packet header");

#endif
