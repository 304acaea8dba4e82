// SPDX-License-Identifier: MIT
// Classic pcap files: writing one from a feed's records, and comparing two packet by packet.
#ifndef TOOL_PCAPFILE_H
#define TOOL_PCAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tool/note.h"

// What readers accept at most for one packet.
#define PCAP_MOST_BYTES 262144u

typedef struct PCAP_WRITER
{
    FILE *File;
    char *Buffer;
    bool Started;       // the file header has been written
    uint32_t LinkType;  // of the file, if Started
} PCAP_WRITER;

// Makes the file, empty as yet. False: errno says why.
bool PcapCreate(PCAP_WRITER *Writer, const char *Path);
// Writes the file header. False: errno says why.
bool PcapStart(PCAP_WRITER *Writer, uint32_t LinkType, uint32_t SnapBytes);
// Writes a packet: an UPCALL_PACKET_HEADER and its bytes, as a record holds them. False: errno says
// why.
bool PcapWrite(PCAP_WRITER *Writer, const void *Record, size_t Length);
// Whether a record's payload is a packet.
bool PcapIsPacket(const void *Record, size_t Length);
// Closes the file, also after a failure; harmless when it is closed. False: what was buffered could
// not be written, errno says why.
bool PcapClose(PCAP_WRITER *Writer);

// Compares link types, times to the microsecond, lengths and bytes. True: the files hold the same
// packets; *Packets is their number. False: Difference says the first one.
bool PcapSame(const char *Path, const char *Other, uint64_t *Packets, char *Difference,
              size_t Size);

#endif
