// SPDX-License-Identifier: MIT
// Finds the protocol of a packet, its addresses and ports, in no more bytes than there are.

#include "tool/packet.h"

#include <stdio.h>

#define ETHER_IPV4 0x0800u
#define ETHER_ARP  0x0806u
#define ETHER_VLAN 0x8100u
#define ETHER_QINQ 0x88A8u
#define ETHER_IPV6 0x86DDu

typedef struct SPAN
{
    const uint8_t *Bytes;
    size_t Length;
} SPAN;

typedef struct PACKET
{
    unsigned Topic;
    unsigned Version;   // 4, 6, or 0: no IP
    unsigned Protocol;  // of IP
    const uint8_t *Source, *Destination;
    SPAN Payload;  // of IP
} PACKET;

static unsigned
Big16(const uint8_t *At)
{
    return (unsigned)At[0] << 8 | At[1];
}

static SPAN
Skip(SPAN Span, size_t Bytes)
{
    SPAN Rest = {Span.Bytes, 0};
    if (Bytes <= Span.Length)
    {
        Rest.Bytes = Span.Bytes + Bytes;
        Rest.Length = Span.Length - Bytes;
    }
    return Rest;
}

// Behind the link's header; *Type becomes an Ethernet type, or 0 for what is none.
static SPAN
SkipLink(uint32_t LinkType, SPAN Span, unsigned *Type)
{
    *Type = 0;
    switch (LinkType)
    {
    case PACKET_LINK_ETHERNET:
        for (size_t At = 12; At + 2 <= Span.Length; At += 4)
        {
            *Type = Big16(Span.Bytes + At);
            if (*Type != ETHER_VLAN && *Type != ETHER_QINQ)
            {
                return Skip(Span, At + 2);
            }
        }
        *Type = 0;
        return Skip(Span, Span.Length);
    case PACKET_LINK_SLL:
        *Type = Span.Length >= 16 ? Big16(Span.Bytes + 14) : 0;
        return Skip(Span, 16);
    case PACKET_LINK_SLL2:
        *Type = Span.Length >= 20 ? Big16(Span.Bytes) : 0;
        return Skip(Span, 20);
    case PACKET_LINK_NULL:
    case PACKET_LINK_LOOP:
        Span = Skip(Span, 4);
        break;
    case PACKET_LINK_RAW:
        break;
    default:
        return Skip(Span, Span.Length);
    }
    if (Span.Length > 0)
    {
        unsigned Version = Span.Bytes[0] >> 4;
        *Type = Version == 4 ? ETHER_IPV4 : Version == 6 ? ETHER_IPV6 : 0;
    }
    return Span;
}

static void
ParseIpv4(SPAN Span, PACKET *Packet)
{
    if (Span.Length < 20 || Span.Bytes[0] >> 4 != 4)
    {
        return;
    }
    Packet->Version = 4;
    Packet->Source = Span.Bytes + 12;
    Packet->Destination = Span.Bytes + 16;
    Packet->Topic = PACKET_TOPIC_IP;
    Packet->Protocol = Span.Bytes[9];
    if ((Big16(Span.Bytes + 6) & 0x1FFFu) != 0)
    {
        Packet->Protocol = 256;  // a fragment but the first: no ports in it
    }
    Packet->Payload = Skip(Span, (size_t)(Span.Bytes[0] & 15u) * 4u);
}

static void
ParseIpv6(SPAN Span, PACKET *Packet)
{
    if (Span.Length < 40 || Span.Bytes[0] >> 4 != 6)
    {
        return;
    }
    Packet->Version = 6;
    Packet->Source = Span.Bytes + 8;
    Packet->Destination = Span.Bytes + 24;
    Packet->Topic = PACKET_TOPIC_IP;
    unsigned Next = Span.Bytes[6];
    Span = Skip(Span, 40);
    // Extension headers: hop-by-hop, routing, destination options, fragment.
    while ((Next == 0 || Next == 43 || Next == 60 || Next == 44) && Span.Length >= 8)
    {
        size_t Length = Next == 44 ? 8 : ((size_t)Span.Bytes[1] + 1) * 8;
        if (Next == 44 && (Big16(Span.Bytes + 2) & 0xFFF8u) != 0)
        {
            Next = 256;
            break;
        }
        Next = Span.Bytes[0];
        Span = Skip(Span, Length);
    }
    Packet->Protocol = Next;
    Packet->Payload = Span;
}

static void
Parse(uint32_t LinkType, const void *Bytes, size_t Length, PACKET *Packet)
{
    SPAN Span = {Bytes, Length};
    unsigned Type;
    Packet->Topic = PACKET_TOPIC_OTHER;
    Packet->Version = 0;
    Packet->Protocol = 0;
    Packet->Source = Packet->Destination = NULL;
    Packet->Payload = (SPAN){Bytes, 0};
    Span = SkipLink(LinkType, Span, &Type);
    if (Type == ETHER_ARP)
    {
        Packet->Topic = PACKET_TOPIC_ARP;
    }
    else if (Type == ETHER_IPV4)
    {
        ParseIpv4(Span, Packet);
    }
    else if (Type == ETHER_IPV6)
    {
        ParseIpv6(Span, Packet);
    }
    if (Packet->Version != 0)
    {
        Packet->Topic = Packet->Protocol == 6    ? PACKET_TOPIC_TCP
                        : Packet->Protocol == 17 ? PACKET_TOPIC_UDP
                        : (Packet->Version == 4 && Packet->Protocol == 1) ||
                                (Packet->Version == 6 && Packet->Protocol == 58)
                            ? PACKET_TOPIC_ICMP
                            : PACKET_TOPIC_IP;
    }
}

unsigned
PacketTopic(uint32_t LinkType, const void *Bytes, size_t Length)
{
    PACKET Packet;
    Parse(LinkType, Bytes, Length, &Packet);
    return Packet.Topic;
}

static void
PutAddress(const PACKET *Packet, const uint8_t *Address, char *Text, size_t Size)
{
    if (Packet->Version == 4)
    {
        snprintf(Text, Size, "%u.%u.%u.%u", Address[0], Address[1], Address[2], Address[3]);
        return;
    }
    size_t Used = 0;
    for (unsigned Group = 0; Group < 8 && Used < Size; Group++)
    {
        Used += (size_t)snprintf(Text + Used, Size - Used, "%s%x", Group != 0 ? ":" : "",
                                 Big16(Address + Group * 2));
    }
}

void
PacketDescribe(uint32_t LinkType, const void *Bytes, size_t Length, char *Text, size_t Size)
{
    static const char *const Names[] = {"", "tcp", "udp", "icmp", "ip", "arp", "other"};
    PACKET Packet;
    char From[48], To[48], FromPort[8] = "", ToPort[8] = "";

    Parse(LinkType, Bytes, Length, &Packet);
    if (Packet.Version == 0)
    {
        snprintf(Text, Size, "%s", Names[Packet.Topic]);
        return;
    }
    PutAddress(&Packet, Packet.Source, From, sizeof(From));
    PutAddress(&Packet, Packet.Destination, To, sizeof(To));
    if ((Packet.Topic == PACKET_TOPIC_TCP || Packet.Topic == PACKET_TOPIC_UDP) &&
        Packet.Payload.Length >= 4)
    {
        snprintf(FromPort, sizeof(FromPort), ".%u", Big16(Packet.Payload.Bytes));
        snprintf(ToPort, sizeof(ToPort), ".%u", Big16(Packet.Payload.Bytes + 2));
    }
    snprintf(Text, Size, "%s%s > %s%s %s", From, FromPort, To, ToPort, Names[Packet.Topic]);
}
