// SPDX-License-Identifier: MIT
// Captures with libpcap. The only file that knows the library; it knows nothing of Windows.

#include "tool/capture.h"

#include <errno.h>
#include <pcap.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The system's buffer: what may arrive while the applications take what came before.
#define BUFFER_BYTES (32 << 20)
// Live packets are delivered when a block of the buffer is full or this old.
#define BLOCK_AGE_MS 1
// Packets of a file that are fed together. A pipe may be somebody's live capture: one at a time.
#define FILE_BATCH 64
#define PIPE_BATCH 1

struct CAPTURE
{
    pcap_t *Library;
    pcap_dumper_t *Keep;
    const char *KeepName;  // borrowed from the options
    int KeepError;         // errno of the first write that failed
    bool Live;
    int Batch;  // of pcap_dispatch
    uint32_t SnapBytes;
    uint64_t Cut;
    atomic_bool Stopping;  // relaxed: pcap_breakloop carries the news, this only outlives its flag
    CAPTURE_SINK *Sink;    // these two during CaptureRun
    void *Context;
};

static void
Say(char *Message, size_t Size, const char *Format, ...)
{
    va_list Values;
    va_start(Values, Format);
    vsnprintf(Message, Size, Format, Values);
    va_end(Values);
}

static void
SayInterfaces(const char *Interface, char *Message, size_t Size)
{
    char Reason[PCAP_ERRBUF_SIZE];
    pcap_if_t *All = NULL;
    size_t Used = (size_t)snprintf(Message, Size, "there is no interface %s", Interface);

    if (pcap_findalldevs(&All, Reason) != 0)
    {
        return;
    }
    for (pcap_if_t *One = All; One != NULL && Used < Size; One = One->next)
    {
        Used += (size_t)snprintf(Message + Used, Size - Used, "%s%s",
                                 One == All ? "; there are " : ", ", One->name);
    }
    pcap_freealldevs(All);
}

static CAPTURE_STATUS
OpenInterface(CAPTURE *Capture, const CAPTURE_OPTIONS *Options, char *Message, size_t Size)
{
    char Reason[PCAP_ERRBUF_SIZE] = "";
    Capture->Library = pcap_create(Options->Interface, Reason);
    if (Capture->Library == NULL)
    {
        Say(Message, Size, "cannot capture on %s: %s", Options->Interface, Reason);
        return CaptureBad;
    }
    pcap_set_snaplen(Capture->Library, (int)Options->SnapBytes);
    pcap_set_timeout(Capture->Library, BLOCK_AGE_MS);
    pcap_set_buffer_size(Capture->Library, BUFFER_BYTES);
    Capture->Batch = -1;  // one block of the buffer
    int Error = pcap_activate(Capture->Library);
    if (Error >= 0)
    {
        return CaptureEnded;
    }
    const char *Detail = pcap_geterr(Capture->Library);
    if (Error == PCAP_ERROR_NO_SUCH_DEVICE)
    {
        SayInterfaces(Options->Interface, Message, Size);
        return CaptureBad;
    }
    if (Error == PCAP_ERROR_PERM_DENIED || Error == PCAP_ERROR_PROMISC_PERM_DENIED)
    {
        Say(Message, Size,
            "no permission to capture on %s%s%s: run as root (sudo), or replay a file with --pcap",
            Options->Interface, *Detail != 0 ? ": " : "", Detail);
        return CaptureRefused;
    }
    Say(Message, Size, "cannot capture on %s: %s%s%s", Options->Interface, pcap_statustostr(Error),
        *Detail != 0 ? ": " : "", Detail);
    return Error == PCAP_ERROR_IFACE_NOT_UP ? CaptureBad : CaptureRefused;
}

static CAPTURE_STATUS
OpenFile(CAPTURE *Capture, const CAPTURE_OPTIONS *Options, char *Message, size_t Size)
{
    char Reason[PCAP_ERRBUF_SIZE] = "";
    Capture->Library = pcap_open_offline(Options->File, Reason);
    if (Capture->Library == NULL)
    {
        // The library names the file in some of its messages.
        bool Named = strncmp(Reason, Options->File, strlen(Options->File)) == 0;
        Say(Message, Size, "cannot read %s%s%s", Named ? "" : Options->File, Named ? "" : ": ",
            Reason);
        return CaptureBad;
    }
    Capture->Batch = ftell(pcap_file(Capture->Library)) >= 0 ? FILE_BATCH : PIPE_BATCH;
    return CaptureEnded;
}

static CAPTURE_STATUS
SetFilter(CAPTURE *Capture, const char *Filter, char *Message, size_t Size)
{
    struct bpf_program Program;
    if (Filter == NULL)
    {
        return CaptureEnded;
    }
    if (pcap_compile(Capture->Library, &Program, Filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
    {
        Say(Message, Size, "--filter '%s': %s (man pcap-filter describes the language)", Filter,
            pcap_geterr(Capture->Library));
        return CaptureBad;
    }
    int Error = pcap_setfilter(Capture->Library, &Program);
    pcap_freecode(&Program);
    if (Error != 0)
    {
        Say(Message, Size, "--filter '%s': %s", Filter, pcap_geterr(Capture->Library));
        return CaptureBad;
    }
    return CaptureEnded;
}

CAPTURE_STATUS
CaptureOpen(const CAPTURE_OPTIONS *Options, CAPTURE **Result, char *Message, size_t Size)
{
    *Result = NULL;
    CAPTURE *Capture = calloc(1, sizeof(*Capture));
    if (Capture == NULL)
    {
        Say(Message, Size, "not enough memory to capture");
        return CaptureBad;
    }
    Capture->Live = Options->Interface != NULL;
    Capture->SnapBytes = Options->SnapBytes;
    Capture->KeepName = Options->Keep;
    CAPTURE_STATUS Status = Capture->Live ? OpenInterface(Capture, Options, Message, Size)
                                          : OpenFile(Capture, Options, Message, Size);
    if (Status == CaptureEnded)
    {
        Status = SetFilter(Capture, Options->Filter, Message, Size);
    }
    if (Status == CaptureEnded && Options->Keep != NULL)
    {
        Capture->Keep = pcap_dump_open(Capture->Library, Options->Keep);
        if (Capture->Keep == NULL)
        {
            Say(Message, Size, "cannot write what is fed: %s", pcap_geterr(Capture->Library));
            Status = CaptureBad;
        }
    }
    if (Status != CaptureEnded)
    {
        if (Capture->Library != NULL)
        {
            pcap_close(Capture->Library);
        }
        free(Capture);
        return Status;
    }
    *Result = Capture;
    return CaptureEnded;
}

uint32_t
CaptureLinkType(const CAPTURE *Capture)
{
    // The library's own numbers are those of capture files but for these two.
    int Type = pcap_datalink(Capture->Library);
    return Type == DLT_RAW ? 101u : Type == DLT_ATM_RFC1483 ? 100u : (uint32_t)Type;
}

static void
Deliver(u_char *User, const struct pcap_pkthdr *Given, const u_char *Bytes)
{
    CAPTURE *Capture = (CAPTURE *)(void *)User;
    struct pcap_pkthdr Header = *Given;

    if (atomic_load_explicit(&Capture->Stopping, memory_order_relaxed))
    {
        return;
    }
    if (Header.caplen > Capture->SnapBytes)
    {
        Header.caplen = Capture->SnapBytes;
    }
    Capture->Cut += Header.caplen < Header.len && Header.caplen == Capture->SnapBytes;
    if (Capture->Keep != NULL)
    {
        pcap_dump((u_char *)Capture->Keep, &Header, Bytes);
        if (Capture->KeepError == 0 && ferror(pcap_dump_file(Capture->Keep)))
        {
            Capture->KeepError = errno;  // told at the end: the feed itself is not the worse for it
        }
    }
    UPCALL_PACKET_HEADER Packet = {.Seconds = (uint32_t)Header.ts.tv_sec,
                                   .Microseconds = (uint32_t)Header.ts.tv_usec,
                                   .Captured = Header.caplen,
                                   .Original = Header.len};
    if (!Capture->Sink(Capture->Context, &Packet, Bytes))
    {
        CaptureStop(Capture);
    }
}

CAPTURE_STATUS
CaptureRun(CAPTURE *Capture, CAPTURE_SINK *Sink, CAPTURE_PAUSE *Pause, void *Context, char *Message,
           size_t Size)
{
    Capture->Sink = Sink;
    Capture->Context = Context;
    while (!atomic_load_explicit(&Capture->Stopping, memory_order_relaxed))
    {
        int Count = pcap_dispatch(Capture->Library, Capture->Batch, Deliver, (u_char *)Capture);
        if (Count == PCAP_ERROR)
        {
            // Read now: what Pause writes must not come between.
            Say(Message, Size, "%s", pcap_geterr(Capture->Library));
            Pause(Context);
            return CaptureBroken;
        }
        if (!Pause(Context) || Count == PCAP_ERROR_BREAK || (Count == 0 && !Capture->Live))
        {
            break;
        }
    }
    return CaptureEnded;
}

void
CaptureStop(CAPTURE *Capture)
{
    atomic_store_explicit(&Capture->Stopping, true, memory_order_relaxed);
    // Wakes a pcap_dispatch that waits for packets, from any thread (libpcap 1.10).
    pcap_breakloop(Capture->Library);
}

uint64_t
CaptureDropped(CAPTURE *Capture)
{
    struct pcap_stat Statistics;
    if (!Capture->Live || pcap_stats(Capture->Library, &Statistics) != 0)
    {
        return 0;
    }
    return (uint64_t)Statistics.ps_drop + Statistics.ps_ifdrop;
}

uint64_t
CaptureCut(const CAPTURE *Capture)
{
    return Capture->Cut;
}

bool
CaptureClose(CAPTURE *Capture, char *Message, size_t Size)
{
    bool Written = true;
    if (Capture->Keep != NULL)
    {
        if (pcap_dump_flush(Capture->Keep) != 0 && Capture->KeepError == 0)
        {
            Capture->KeepError = errno;
        }
        if (Capture->KeepError != 0)
        {
            Say(Message, Size, "cannot write %s whole: %s", Capture->KeepName,
                strerror(Capture->KeepError));
            Written = false;
        }
        pcap_dump_close(Capture->Keep);
    }
    pcap_close(Capture->Library);
    free(Capture);
    return Written;
}
