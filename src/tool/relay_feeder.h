// SPDX-License-Identifier: MIT
// Puts records together to writes in the relay driver's format and writes them.
#ifndef TOOL_RELAY_FEEDER_H
#define TOOL_RELAY_FEEDER_H

#include <stdatomic.h>

#include <windows.h>

#include "tool/note.h"
#include "tool/tool.h"

// One thread adds and flushes; any thread may read the counters.
typedef struct RELAY_FEEDER
{
    HANDLE Device;
    BYTE *Buffer;
    DWORD Used;                   // bytes in Buffer
    COUNT Waiting, WaitingBytes;  // records in Buffer, and the bytes of their Data
    // Published: the driver has completed their write. Relaxed: they are counters, nothing hangs on
    // them; the final values are read after the adding thread has ended.
    _Atomic(COUNT) Records, Bytes;
} RELAY_FEEDER;

// Opens the relay. A Win32 error code; nothing is kept if it is not ERROR_SUCCESS.
DWORD FeederOpen(RELAY_FEEDER *Feeder);
void FeederClose(RELAY_FEEDER *Feeder);

// Adds one record: Head and then Data, together at most UPCALL_MAX_RECORD_BYTES. Writes what is there
// when it has become much. A Win32 error code: then nothing of that write was published.
DWORD FeederAdd(RELAY_FEEDER *Feeder, DWORD Topic, const void *Head, DWORD HeadLength,
                const void *Data, DWORD Length);
// Writes what is there; returns when it has been published.
DWORD FeederFlush(RELAY_FEEDER *Feeder);
// Publishes a note at once, in a write of its own that does not touch the buffer: any thread.
DWORD FeederNote(RELAY_FEEDER *Feeder, const FEED_NOTE *Note);

#endif
