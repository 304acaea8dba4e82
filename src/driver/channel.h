// SPDX-License-Identifier: MIT
// The driver library's internal header: channels, subscriptions, their locks and lifetimes.
#ifndef UPCALL_DRIVER_CHANNEL_H
#define UPCALL_DRIVER_CHANNEL_H

#include <ntifs.h>

#include <upcall/driver.h>

#include "../shared/atomics.h"
#include "../shared/ring.h"

// Locks, all spin locks, in the order in which they nest:
//
//   Channel.TableLock    which file object has which subscription, and every subscription's State
//   Subscription.ReadLock    the consumer's side of the queue, and the pended reads
//   Channel.Lock         numbering, the list of linked subscriptions, the producers' side of all
//     queues
//
// TableLock and ReadLock are never held together. UpcallNotify takes Channel.Lock only, so a reader
// that copies 64 KiB under its ReadLock delays no producer, and no other reader. No lock is held
// while an IRP is completed, a callback called or a reference dropped. Signals are given under
// Channel.Lock: whoever has unlinked a subscription under it knows that none will be given any
// more.
//
// Lifetime of a subscription:
//
//   MAKING --> LINKED --> ENDING --> GONE (out of the table)
//      |                    |         ^
//      v                    v         |
//    GONE                 STOPPED ----+
//
// STOPPED is what UpcallChannelStop leaves: the file object still answers reads with
// STATUS_DEVICE_REMOVED, until its close.
//
// References keep the structure; Work keeps what is in it (queue, signal) and is only taken while
// the subscription is LINKED: by a read under way, a pended read, a queued DPC, an inline drain.
// Whoever moves it from LINKED to ENDING unlinks it, ends its pended reads, waits until Work is run
// down, and frees queue and signal at PASSIVE_LEVEL. Others who find it ENDING wait for its Ended
// event.

#define UPCALL_POOL_TAG 0x6C637055u  // "Upcl" as it lies in memory

// Counts users of something that is going away. Wait returns when every Acquire has been released.
typedef struct UPCALL_RUNDOWN
{
    LONG Users;  // interlocked; the owner's own use included until Wait
    KEVENT Idle;
} UPCALL_RUNDOWN;

VOID UpcallRundownInitialize(UPCALL_RUNDOWN *Rundown);
// The caller knows that the owner has not begun to wait.
VOID UpcallRundownAcquire(UPCALL_RUNDOWN *Rundown);
VOID UpcallRundownRelease(UPCALL_RUNDOWN *Rundown);
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID UpcallRundownWait(UPCALL_RUNDOWN *Rundown);

// Non-paged, zeroed memory, not executable where the system has that. NULL if there is none.
PVOID UpcallAllocate(SIZE_T Bytes);
VOID UpcallFree(PVOID Memory);

// Returns when every DPC routine that had begun, on any processor, has returned: its last
// instructions may still be running when what it signalled has been seen.
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID UpcallFlushDpcs(VOID);

typedef enum UPCALL_STATE
{
    UpcallStateMaking,
    UpcallStateLinked,
    UpcallStateEnding,
    UpcallStateStopped,
    UpcallStateGone,  // out of the table; only references are left
} UPCALL_STATE;

// How a subscription's application is woken. Immutable from link to the end of the rundown.
typedef struct UPCALL_SIGNAL
{
    ULONG Kind;        // UPCALL_SIGNAL_*
    PKEVENT Event;     // EVENT, NAMED_EVENT: referenced; COMPLETION: NULL
    HANDLE KeepAlive;  // driver-first: kernel handle that keeps the name; else NULL
} UPCALL_SIGNAL;

typedef struct UPCALL_SUBSCRIPTION
{
    // Immutable after init.
    struct UPCALL_CHANNEL *Channel;
    PFILE_OBJECT FileObject;  // not referenced: its close comes before it goes, and removes us
    PEPROCESS Process;        // referenced
    ULONG64 Id;
    ULONG64 Topics;
    ULONG QueueBytes;
    ULONG Flags;  // UPCALL_SUBSCRIBE_*

    LONG References;  // interlocked

    // Guarded by Channel.TableLock.
    LIST_ENTRY TableLink;
    UPCALL_STATE State;
    BOOLEAN HandlesClosed;  // cleanup or close came while MAKING

    UPCALL_SIGNAL Signal;
    PVOID Memory;         // the queue: lines and data
    UPCALL_RUNDOWN Work;  // see above
    KEVENT Ended;         // notification event: ENDING is over

    // Guarded by Channel.Lock.
    UPCALL_RING_PRODUCER Producer;
    ULONG Index;                              // place in Channel.Links
    struct UPCALL_SUBSCRIPTION *NextTouched;  // while one notify call is under way
    BOOLEAN Touched;
    BOOLEAN WakeDeferred;  // its event is to be set by Channel.WakeDpc
    ULONG64 Matched;
    ULONG64 Doorbells;

    // Guarded by ReadLock.
    KSPIN_LOCK ReadLock;
    UPCALL_RING_CONSUMER Consumer;
    LIST_ENTRY PendedReads;  // IRPs, by Tail.Overlay.ListEntry; each holds Work
    ULONG PendedCount;
    NTSTATUS ReadsRefused;  // not STATUS_SUCCESS: why no read may be taken any more
    ULONG64 Delivered;
    ULONG64 DeliveredBytes;
    ULONG64 Batches;

    // COMPLETION. A drain is queued at most once; the flag is interlocked: set under Channel.Lock,
    // cleared by the drain before it looks at the queue.
    LONG DrainQueued;
    KDPC DrainDpc;
    struct UPCALL_SUBSCRIPTION *NextInline;  // owned by whoever set DrainQueued
} UPCALL_SUBSCRIPTION;

// What a notify call walks: masks side by side, so that a subscription that does not match costs no
// cache line of its own.
typedef struct UPCALL_LINK
{
    ULONG64 Topics;
    UPCALL_SUBSCRIPTION *Subscription;
} UPCALL_LINK;

#define UPCALL_TABLE_BUCKETS 64u

struct UPCALL_CHANNEL
{
    // Immutable after init.
    PDEVICE_OBJECT Device;
    ULONG Flags;
    UPCALL_HELLO_OUTPUT Limits;
    PUPCALL_ON_SUBSCRIBE OnSubscribe;
    PVOID Context;
    PVOID EventSecurity;  // self-relative security descriptor of driver-first events, pool
    UPCALL_RUNDOWN Work;  // dispatch calls in the kit, and WakeDpc while queued

    KSPIN_LOCK TableLock;
    // Guarded by TableLock.
    LIST_ENTRY Table[UPCALL_TABLE_BUCKETS];
    BOOLEAN Stopping;  // no subscription may be made any more
    ULONG64 LastId;
    ULONG Members;        // subscriptions in the table that are not STOPPED
    ULONG64 MemberBytes;  // their QueueBytes

    KSPIN_LOCK Lock;
    // Guarded by Lock.
    BOOLEAN Stopped;  // no record is accepted any more
    ULONG LinkCount;
    UPCALL_LINK *Links;  // MaxSubscriptionsPerChannel of them
    ULONG TimestampUsers;
    ULONG64 Sequence;
    ULONG64 NotifiedBytes;
    ULONG64 SubscriptionsMade;
    ULONG64 EndedLost;  // of subscriptions that are no more
    ULONG64 EndedDoorbells;
    ULONG64 LinkedBytes;
    BOOLEAN WakeDpcQueued;
    KDPC WakeDpc;
};

// ---- table.c ----
// Adds a subscription in state MAKING, with an Id, if the limits allow. Consumes nothing.
NTSTATUS UpcallTableAdd(UPCALL_SUBSCRIPTION *Subscription);
// Finds with a reference; NULL if there is none.
UPCALL_SUBSCRIPTION *UpcallTableFindFile(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject);
UPCALL_SUBSCRIPTION *UpcallTableFindId(PUPCALL_CHANNEL Channel, ULONG64 Id);
// Any subscription that is LINKED or ENDING, with a reference; NULL if there is none.
UPCALL_SUBSCRIPTION *UpcallTableFindLive(PUPCALL_CHANNEL Channel);
// Removes it, which becomes GONE, and drops the table's reference.
VOID UpcallTableRemove(UPCALL_SUBSCRIPTION *Subscription);
// Any STOPPED subscription, with a reference; NULL if there is none.
UPCALL_SUBSCRIPTION *UpcallTableFindStopped(PUPCALL_CHANNEL Channel);
VOID UpcallSubscriptionDereference(UPCALL_SUBSCRIPTION *Subscription);
// Takes Work if the subscription is LINKED. Else STATUS_DEVICE_REMOVED if the channel stops or has
// stopped, or STATUS_NOT_FOUND.
NTSTATUS UpcallSubscriptionAcquire(UPCALL_SUBSCRIPTION *Subscription);

// ---- subscribe.c ----
NTSTATUS UpcallSubscribeFile(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject,
                             const UPCALL_SUBSCRIBE_INPUT *Input, UPCALL_SUBSCRIBE_OUTPUT *Output);
typedef enum UPCALL_END_REASON
{
    UpcallEndUnsubscribe,  // the owner asked
    UpcallEndClose,        // the last handle is closed
    UpcallEndStop,         // the channel stops
} UPCALL_END_REASON;
// Ends the subscription, or waits for whoever does. When it returns, it is out of the table
// (STOPPED if the reason is Stop). STATUS_NOT_FOUND if it was not LINKED and is not any more.
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS UpcallSubscriptionEnd(UPCALL_SUBSCRIPTION *Subscription, UPCALL_END_REASON Reason);

// ---- signal.c ----
// Resolves what a validated Input asks for, in the subscriber's context. PASSIVE_LEVEL.
NTSTATUS UpcallSignalCreate(PUPCALL_CHANNEL Channel, const UPCALL_SUBSCRIBE_INPUT *Input,
                            UPCALL_SIGNAL *Signal);
VOID UpcallSignalDestroy(UPCALL_SIGNAL *Signal);

// ---- security.c ----
// A self-relative security descriptor, in pool: owner SYSTEM, SYSTEM everything, each of Sids
// SYNCHRONIZE. NULL Sids: Administrators and Users.
NTSTATUS UpcallEventSecurityCreate(const PSID *Sids, ULONG Count, PVOID *Descriptor);

// ---- notify.c ----
// Gives the signal, or has it given; Channel.Lock held. Subscriptions to be drained inline are
// appended to *Inline.
VOID UpcallDoorbellLocked(UPCALL_SUBSCRIPTION *Subscription, ULONG *Wakes,
                          UPCALL_SUBSCRIPTION **Inline);
KDEFERRED_ROUTINE UpcallWakeDpc;

// ---- read.c ----
// Takes a read of the subscription, whose Work the caller holds; completes or pends the IRP.
NTSTATUS UpcallRead(UPCALL_SUBSCRIPTION *Subscription, PIRP Irp);
// Ends every pended read with Status and lets no other pend.
VOID UpcallReadsRefuse(UPCALL_SUBSCRIPTION *Subscription, NTSTATUS Status);
// Pairs pended reads with records until either is used up. Holds Work; no lock held.
VOID UpcallReadsDrain(UPCALL_SUBSCRIPTION *Subscription);
KDEFERRED_ROUTINE UpcallDrainDpc;
NTSTATUS UpcallCompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information);

#endif
