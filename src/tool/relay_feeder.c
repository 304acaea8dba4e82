// SPDX-License-Identifier: MIT
// Puts records together to writes in the relay driver's format and writes them.

#include "tool/relay_feeder.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/relay/relay.h"

// A write is begun when this much is waiting; one record more fits behind it.
#define FLUSH_BYTES     65536u
#define ROUND_UP(Bytes) (((Bytes) + RELAY_ALIGNMENT - 1u) & ~(RELAY_ALIGNMENT - 1u))
#define BUFFER_BYTES \
    (FLUSH_BYTES + ROUND_UP((DWORD)sizeof(UPCALL_RELAY_HEADER) + UPCALL_MAX_RECORD_BYTES))

_Static_assert(BUFFER_BYTES <= RELAY_MAX_WRITE_BYTES, "a full buffer is one write");

DWORD
FeederOpen(RELAY_FEEDER *Feeder)
{
    memset(Feeder, 0, sizeof(*Feeder));
    Feeder->Buffer = malloc(BUFFER_BYTES);
    if (Feeder->Buffer == NULL)
    {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    Feeder->Device = CreateFileW(RELAY_DEVICE_PATH, GENERIC_WRITE,
                                 FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (Feeder->Device == INVALID_HANDLE_VALUE)
    {
        DWORD Error = GetLastError();
        free(Feeder->Buffer);
        Feeder->Buffer = NULL;
        return Error;
    }
    return ERROR_SUCCESS;
}

void
FeederClose(RELAY_FEEDER *Feeder)
{
    CloseHandle(Feeder->Device);
    free(Feeder->Buffer);
    Feeder->Buffer = NULL;
}

static DWORD
WriteAll(HANDLE Device, const void *Bytes, DWORD Length)
{
    DWORD Written;
    return WriteFile(Device, Bytes, Length, &Written, NULL) ? ERROR_SUCCESS : GetLastError();
}

DWORD
FeederFlush(RELAY_FEEDER *Feeder)
{
    if (Feeder->Used == 0)
    {
        return ERROR_SUCCESS;
    }
    DWORD Error = WriteAll(Feeder->Device, Feeder->Buffer, Feeder->Used);
    if (Error == ERROR_SUCCESS)
    {
        atomic_fetch_add_explicit(&Feeder->Bytes, Feeder->WaitingBytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&Feeder->Records, Feeder->Waiting, memory_order_relaxed);
    }
    Feeder->Used = 0;
    Feeder->Waiting = 0;
    Feeder->WaitingBytes = 0;
    return Error;
}

DWORD
FeederAdd(RELAY_FEEDER *Feeder, DWORD Topic, const void *Head, DWORD HeadLength, const void *Data,
          DWORD Length)
{
    UPCALL_RELAY_HEADER Header = {.Topic = Topic};
    BYTE *At = Feeder->Buffer + Feeder->Used;

    if (HeadLength > UPCALL_MAX_RECORD_BYTES || Length > UPCALL_MAX_RECORD_BYTES - HeadLength)
    {
        return ERROR_INVALID_USER_BUFFER;
    }
    Header.Size = (DWORD)sizeof(Header) + HeadLength + Length;
    memcpy(At, &Header, sizeof(Header));
    At += sizeof(Header);
    if (HeadLength != 0)
    {
        memcpy(At, Head, HeadLength);
        At += HeadLength;
    }
    if (Length != 0)
    {
        memcpy(At, Data, Length);
        At += Length;
    }
    memset(At, 0, ROUND_UP(Header.Size) - Header.Size);
    Feeder->Used += ROUND_UP(Header.Size);
    Feeder->Waiting++;
    Feeder->WaitingBytes += Length;
    return Feeder->Used >= FLUSH_BYTES ? FeederFlush(Feeder) : ERROR_SUCCESS;
}

DWORD
FeederNote(RELAY_FEEDER *Feeder, const FEED_NOTE *Note)
{
    struct
    {
        UPCALL_RELAY_HEADER Header;
        FEED_NOTE Note;
    } Write = {.Header = {.Size = sizeof(Write), .Topic = NOTE_TOPIC}, .Note = *Note};
    return WriteAll(Feeder->Device, &Write, sizeof(Write));
}
