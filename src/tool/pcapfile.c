// SPDX-License-Identifier: MIT
// Classic pcap files. All systems that this tool is for are little-endian, as its records are.

#include "tool/pcapfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_MAGIC_MICROSECONDS 0xA1B2C3D4u
#define WRITE_BUFFER            (64u << 10)

typedef struct PCAP_FILE_HEADER
{
    uint32_t Magic;
    uint16_t Major, Minor;
    uint32_t Zone, Accuracy;  // zero
    uint32_t SnapBytes;
    uint32_t LinkType;
} PCAP_FILE_HEADER;

_Static_assert(sizeof(PCAP_FILE_HEADER) == 24, "pcap file header");

bool
PcapCreate(PCAP_WRITER *Writer, const char *Path)
{
    memset(Writer, 0, sizeof(*Writer));
    Writer->File = fopen(Path, "wb");
    if (Writer->File == NULL)
    {
        return false;
    }
    // Without the buffer it is slower, not wrong.
    Writer->Buffer = malloc(WRITE_BUFFER);
    if (Writer->Buffer != NULL)
    {
        setvbuf(Writer->File, Writer->Buffer, _IOFBF, WRITE_BUFFER);
    }
    return true;
}

bool
PcapStart(PCAP_WRITER *Writer, uint32_t LinkType, uint32_t SnapBytes)
{
    const PCAP_FILE_HEADER Header = {.Magic = PCAP_MAGIC_MICROSECONDS,
                                     .Major = 2,
                                     .Minor = 4,
                                     .SnapBytes = SnapBytes,
                                     .LinkType = LinkType};
    Writer->Started = true;
    Writer->LinkType = LinkType;
    return fwrite(&Header, sizeof(Header), 1, Writer->File) == 1;
}

bool
PcapIsPacket(const void *Record, size_t Length)
{
    UPCALL_PACKET_HEADER Header;
    if (Length < sizeof(Header))
    {
        return false;
    }
    memcpy(&Header, Record, sizeof(Header));
    return Header.Captured == Length - sizeof(Header) && Header.Captured <= Header.Original;
}

bool
PcapWrite(PCAP_WRITER *Writer, const void *Record, size_t Length)
{
    return fwrite(Record, Length, 1, Writer->File) == 1;
}

bool
PcapClose(PCAP_WRITER *Writer)
{
    if (Writer->File == NULL)
    {
        return true;
    }
    bool Failed = ferror(Writer->File) != 0;
    int Saved = errno;
    bool Closed = fclose(Writer->File) == 0;
    Writer->File = NULL;
    free(Writer->Buffer);
    Writer->Buffer = NULL;
    if (Failed)
    {
        errno = Saved;
    }
    return Closed && !Failed;
}

// ---- Comparing ----

typedef struct READER
{
    const char *Path;
    FILE *File;
    PCAP_FILE_HEADER Header;
    UPCALL_PACKET_HEADER Packet;
    unsigned char *Bytes;  // room for PCAP_MOST_BYTES
} READER;

static void
CloseReader(READER *Reader)
{
    if (Reader->File != NULL)
    {
        fclose(Reader->File);
    }
    free(Reader->Bytes);
}

static bool
OpenReader(READER *Reader, const char *Path, char *Difference, size_t Size)
{
    memset(Reader, 0, sizeof(*Reader));
    Reader->Path = Path;
    Reader->Bytes = malloc(PCAP_MOST_BYTES);
    Reader->File = fopen(Path, "rb");
    if (Reader->File == NULL || Reader->Bytes == NULL)
    {
        snprintf(Difference, Size, "cannot read %s: %s", Path, strerror(errno));
        return false;
    }
    if (fread(&Reader->Header, sizeof(Reader->Header), 1, Reader->File) != 1 ||
        Reader->Header.Magic != PCAP_MAGIC_MICROSECONDS)
    {
        snprintf(Difference, Size, "%s is no little-endian pcap file with microseconds", Path);
        return false;
    }
    return true;
}

// 1: there is a packet; 0: the file's end; -1: it ends within a packet, or is none.
static int
NextPacket(READER *Reader)
{
    size_t Length = fread(&Reader->Packet, 1, sizeof(Reader->Packet), Reader->File);
    if (Length == 0 && feof(Reader->File))
    {
        return 0;
    }
    if (Length != sizeof(Reader->Packet) || Reader->Packet.Captured > PCAP_MOST_BYTES)
    {
        return -1;
    }
    Length = fread(Reader->Bytes, 1, Reader->Packet.Captured, Reader->File);
    return Length == Reader->Packet.Captured ? 1 : -1;
}

static bool
CompareReaders(READER *One, READER *Other, uint64_t *Packets, char *Difference, size_t Size)
{
    if (One->Header.LinkType != Other->Header.LinkType)
    {
        snprintf(Difference, Size, "the link types are %u and %u", (unsigned)One->Header.LinkType,
                 (unsigned)Other->Header.LinkType);
        return false;
    }
    for (*Packets = 0;; ++*Packets)
    {
        unsigned long long Number = *Packets + 1;
        int Have = NextPacket(One), OtherHas = NextPacket(Other);
        if (Have < 0 || OtherHas < 0)
        {
            snprintf(Difference, Size, "%s is damaged at packet %llu",
                     Have < 0 ? One->Path : Other->Path, Number);
            return false;
        }
        if (Have != OtherHas)
        {
            snprintf(Difference, Size, "%s ends after %llu packets, %s does not",
                     Have ? Other->Path : One->Path, Number - 1, Have ? One->Path : Other->Path);
            return false;
        }
        if (!Have)
        {
            return true;
        }
        if (memcmp(&One->Packet, &Other->Packet, sizeof(One->Packet)) != 0)
        {
            snprintf(Difference, Size, "packet %llu differs in its time or length", Number);
            return false;
        }
        if (memcmp(One->Bytes, Other->Bytes, One->Packet.Captured) != 0)
        {
            snprintf(Difference, Size, "packet %llu differs in its bytes", Number);
            return false;
        }
    }
}

bool
PcapSame(const char *Path, const char *Other, uint64_t *Packets, char *Difference, size_t Size)
{
    READER Readers[2];
    *Packets = 0;
    memset(Readers, 0, sizeof(Readers));
    bool Same = OpenReader(&Readers[0], Path, Difference, Size) &&
                OpenReader(&Readers[1], Other, Difference, Size) &&
                CompareReaders(&Readers[0], &Readers[1], Packets, Difference, Size);
    CloseReader(&Readers[0]);
    CloseReader(&Readers[1]);
    return Same;
}
