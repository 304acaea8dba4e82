// SPDX-License-Identifier: MIT
// The relay driver's device extension and what its files ask of each other.
#ifndef RELAY_DRIVER_H
#define RELAY_DRIVER_H

#include <ntifs.h>

#include <upcall/driver.h>

#include "relay.h"

#define RELAY_POOL_TAG 0x796C6552u  // "Rely" as it lies in memory

// Writes wait here, as the IRPs they are, until the DPC has published them.
typedef struct RELAY_FIFO
{
    PUPCALL_CHANNEL Channel;  // immutable
    KDPC Dpc;

    KSPIN_LOCK Lock;    // guards what follows
    LIST_ENTRY Writes;  // IRPs with a cancel routine, by Tail.Overlay.ListEntry
    BOOLEAN Draining;   // a run of the DPC is publishing; it looks at Writes again before it ends
    PIRP Current;       // the draining run's: a write that is partly published
    ULONG Offset;       // how far
} RELAY_FIFO;

// Publishes from a periodic timer.
typedef struct RELAY_TIMER
{
    PUPCALL_CHANNEL Channel;  // immutable
    KTIMER Timer;
    KDPC Dpc;

    KSPIN_LOCK Lock;  // guards what follows; also held while a tick publishes
    BOOLEAN Running;
    RELAY_PUBLISH_INPUT Order;
    ULONG64 Published;  // of Order.Count
    UCHAR *Payloads;    // Order.PerTick times Order.RecordBytes, pool
} RELAY_TIMER;

typedef struct RELAY_EXTENSION
{
    PUPCALL_CHANNEL Channel;
    RELAY_FIFO Fifo;
    RELAY_TIMER Timer;
} RELAY_EXTENSION;

NTSTATUS RelayComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information);

// fifo.c
VOID RelayFifoInitialize(RELAY_FIFO *Fifo, PUPCALL_CHANNEL Channel);
NTSTATUS RelayFifoWrite(RELAY_FIFO *Fifo, PIRP Irp);

// timer.c
VOID RelayTimerInitialize(RELAY_TIMER *Timer, PUPCALL_CHANNEL Channel);
NTSTATUS RelayTimerStart(RELAY_TIMER *Timer, const RELAY_PUBLISH_INPUT *Order);
VOID RelayTimerStop(RELAY_TIMER *Timer);
VOID RelayTimerDestroy(RELAY_TIMER *Timer);

// security.c
NTSTATUS RelaySecureDevice(PDEVICE_OBJECT Device);

#endif
