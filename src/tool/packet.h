// SPDX-License-Identifier: MIT
// What a captured packet is: its protocol, and who talks to whom.
#ifndef TOOL_PACKET_H
#define TOOL_PACKET_H

#include <stddef.h>
#include <stdint.h>

// The topics of a feed of packets, by protocol, over IPv4 and IPv6 alike.
#define PACKET_TOPIC_TCP   1u
#define PACKET_TOPIC_UDP   2u
#define PACKET_TOPIC_ICMP  3u
#define PACKET_TOPIC_IP    4u  // another protocol over IP, and fragments but the first
#define PACKET_TOPIC_ARP   5u
#define PACKET_TOPIC_OTHER 6u  // no IP, or too short to tell

// LINKTYPE_ values of pcap files that are understood.
#define PACKET_LINK_NULL     0u
#define PACKET_LINK_ETHERNET 1u
#define PACKET_LINK_RAW      101u
#define PACKET_LINK_LOOP     108u
#define PACKET_LINK_SLL      113u
#define PACKET_LINK_SLL2     276u

// The topic of a packet of which Length bytes are there. Never reads beyond them.
unsigned PacketTopic(uint32_t LinkType, const void *Bytes, size_t Length);

// One line about it, such as "127.0.0.1.8080 > 127.0.0.1.40404 tcp". Text gets at most Size bytes,
// terminator included.
void PacketDescribe(uint32_t LinkType, const void *Bytes, size_t Length, char *Text, size_t Size);

#endif
