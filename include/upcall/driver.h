// SPDX-License-Identifier: MIT
// The driver side of the kit: a channel that publishes records to any number of applications.
#ifndef UPCALL_DRIVER_H
#define UPCALL_DRIVER_H

#include <wdm.h>

#include <upcall/protocol.h>

// A driver owns one channel per device object. It creates the channel with its device, hands it
// every IRP of the major functions named at UpcallChannelDispatch, publishes with UpcallNotify, and
// deletes the channel before the device. Nothing here touches the driver's device extension or
// FsContext.

// One source of notifications. Opaque. Made by UpcallChannelCreate, gone with UpcallChannelDelete.
typedef struct UPCALL_CHANNEL UPCALL_CHANNEL, *PUPCALL_CHANNEL;

#define UPCALL_SESSION_UNKNOWN 0xFFFFFFFFu

// What an application that wants to subscribe asks for. Valid during the callback only.
typedef struct UPCALL_SUBSCRIBE_REQUEST
{
    HANDLE ProcessId;  // the process asking; the callback runs in its context
    ULONG SessionId;   // its session, or UPCALL_SESSION_UNKNOWN where the system does not tell
    ULONG Signal;      // UPCALL_SIGNAL_*
    ULONG DataPath;    // UPCALL_DATA_*
    ULONG Policy;      // UPCALL_POLICY_*
    ULONGLONG Topics;  // mask
    ULONG QueueBytes;  // what its queue will hold
    PFILE_OBJECT FileObject;  // not referenced for the callback
} UPCALL_SUBSCRIBE_REQUEST, *PUPCALL_SUBSCRIBE_REQUEST;

// Decides about a subscription. STATUS_SUCCESS admits it (it can still fail later for lack of
// memory); any error refuses it and is what the application gets. A status that is neither becomes
// STATUS_ACCESS_DENIED. Runs at PASSIVE_LEVEL, in the context of the asking thread, no lock held;
// may run on several threads at once. It may call UpcallNotify, not Stop or Delete.
typedef NTSTATUS NTAPI UPCALL_ON_SUBSCRIBE(_In_opt_ PVOID Context,
                                           _In_ const UPCALL_SUBSCRIBE_REQUEST *Request);
typedef UPCALL_ON_SUBSCRIBE *PUPCALL_ON_SUBSCRIBE;

// Pended reads complete inside UpcallNotify instead of in a DPC. The caller of UpcallNotify
// promises to hold no spin lock: IoCompleteRequest may run other drivers' completion routines.
#define UPCALL_CHANNEL_INLINE 0x00000001u
#define UPCALL_CHANNEL_FLAGS  UPCALL_CHANNEL_INLINE

// How a channel is made. Zero it, set Size, then what shall differ from the default; 0 means the
// default throughout. The limits may only be lower than the constants they default to.
typedef struct UPCALL_CHANNEL_CONFIG
{
    ULONG Size;                         // sizeof(UPCALL_CHANNEL_CONFIG)
    ULONG Flags;                        // UPCALL_CHANNEL_*
    ULONG MaxRecordBytes;               // default UPCALL_MAX_RECORD_BYTES
    ULONG MaxQueueBytes;                // power of two, default UPCALL_MAX_QUEUE_BYTES
    ULONGLONG MaxQueueBytesPerProcess;  // default UPCALL_MAX_QUEUE_BYTES_PER_PROCESS
    ULONGLONG MaxQueueBytesPerChannel;  // default UPCALL_MAX_QUEUE_BYTES_PER_CHANNEL
    ULONG MaxSubscriptionsPerProcess;   // default UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS
    ULONG MaxSubscriptionsPerChannel;   // default UPCALL_MAX_SUBSCRIPTIONS_PER_CHANNEL
    PUPCALL_ON_SUBSCRIBE OnSubscribe;   // NULL: whoever may read the device may subscribe
    PVOID Context;                      // handed to OnSubscribe
    // Security of driver-first named events: who, besides the owner SYSTEM, may wait on them. Valid
    // SIDs, copied. NULL and 0: Administrators and Users (S-1-5-32-544, S-1-5-32-545).
    const PSID *EventSids;
    ULONG EventSidCount;  // at most UPCALL_MAX_EVENT_SIDS
} UPCALL_CHANNEL_CONFIG, *PUPCALL_CHANNEL_CONFIG;

#define UPCALL_MAX_EVENT_SIDS 8u

// Makes a channel for Device.
//   Device: the device whose IRPs will be dispatched; borrowed until UpcallChannelDelete. It does
//     buffered or direct I/O (DO_BUFFERED_IO or DO_DIRECT_IO).
//   Config: read during the call only; NULL means every default.
//   Channel: receives the channel on success, else NULL.
// STATUS_SUCCESS; STATUS_INVALID_PARAMETER: Device or Channel is NULL, Size is wrong, an unknown
// flag, a limit above its constant, below what one subscription needs or (MaxQueueBytes) no power
// of two, or EventSids is invalid; STATUS_INSUFFICIENT_RESOURCES.
// PASSIVE_LEVEL. Any thread. Does not block.
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS NTAPI UpcallChannelCreate(_In_ PDEVICE_OBJECT Device,
                                   _In_opt_ const UPCALL_CHANNEL_CONFIG *Config,
                                   _Out_ PUPCALL_CHANNEL *Channel);

// Shows the channel an IRP. To be called first thing in the dispatch routines of IRP_MJ_CREATE,
// IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_READ and IRP_MJ_DEVICE_CONTROL, in the context in which the
// driver got it (the top of its stack), for each IRP of the channel's device.
// Returns TRUE if the IRP was the kit's: it has been completed or pended, must not be touched, and
// the dispatch routine returns *Status. Returns FALSE if not: the driver completes it, as if there
// were no kit. *Status is then STATUS_SUCCESS, but STATUS_DEVICE_REMOVED for an IRP_MJ_CREATE on a
// stopped channel, with which the driver should fail it. Create, cleanup and close are only
// observed (FALSE). The kit's are the IOCTLs of protocol.h, and reads on a file object that has a
// subscription. Cleanup ends the file object's subscription, and so does close where no cleanup
// came; both wait for what a DPC or a cancel routine of the kit is just doing with it.
// IRQL: that of the IRP; PASSIVE_LEVEL for all but reads, which may come at up to APC_LEVEL.
// Any number of threads at once.
_IRQL_requires_max_(APC_LEVEL)
BOOLEAN NTAPI UpcallChannelDispatch(_In_ PUPCALL_CHANNEL Channel, _Inout_ PIRP Irp,
                                    _Out_ NTSTATUS *Status);

// Publishes one record to every subscription whose mask has the topic.
//   Topic: 0 .. UPCALL_MAX_TOPICS - 1.
//   Data: Length bytes, resident (not paged) if the caller is at DISPATCH_LEVEL; copied before the
//     call returns; may be NULL if Length is 0.
//   Length: 0 .. the channel's MaxRecordBytes.
// STATUS_SUCCESS: accepted. It has its sequence number, and each matching subscription has it
// queued or counts it as lost (then, too, the call succeeds: a slow application is no error of the
// driver's). Refused, with nothing changed: STATUS_INVALID_PARAMETER (topic, or Data is NULL),
// STATUS_INVALID_BUFFER_SIZE (Length), STATUS_DEVICE_REMOVED (stopped).
// IRQL <= DISPATCH_LEVEL, the driver's own spin locks may be held (with UPCALL_CHANNEL_INLINE they
// may not). Allocates nothing and waits for nobody. Any number of threads and processors at once.
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS NTAPI UpcallNotify(_In_ PUPCALL_CHANNEL Channel, _In_ ULONG Topic,
                            _In_reads_bytes_opt_(Length) const VOID *Data, _In_ ULONG Length);

// One record of a batch; fields as the parameters of UpcallNotify.
typedef struct UPCALL_NOTIFY_RECORD
{
    ULONG Topic;
    ULONG Length;
    const VOID *Data;
} UPCALL_NOTIFY_RECORD, *PUPCALL_NOTIFY_RECORD;

// Publishes Count records (1 .. UPCALL_MAX_NOTIFY_BATCH), numbered consecutively, and then rings
// each doorbell at most once: per record much cheaper than UpcallNotify. All are accepted or none:
// the statuses are those of UpcallNotify, and STATUS_INVALID_PARAMETER for Count. IRQL as
// UpcallNotify.
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS NTAPI UpcallNotifyBatch(_In_ PUPCALL_CHANNEL Channel,
                                 _In_reads_(Count) const UPCALL_NOTIFY_RECORD *Records,
                                 _In_ ULONG Count);

// Reads the counters; a consistent snapshot. IRQL <= DISPATCH_LEVEL. Any thread. Works on a stopped
// channel.
_IRQL_requires_max_(DISPATCH_LEVEL)
VOID NTAPI UpcallChannelQuery(_In_ PUPCALL_CHANNEL Channel,
                              _Out_ UPCALL_CHANNEL_STATISTICS *Statistics);

// Surprise removal: from now on notifies, subscribes and reads are refused with
// STATUS_DEVICE_REMOVED. Pended reads have ended with that status, every subscription has been
// given its signal once more (so that a sleeping application looks, and learns of it), and no
// signal will be given after the call. What was queued is gone. Handles may stay open. Calling it
// twice is legal and does nothing. PASSIVE_LEVEL; waits for the kit's own DPCs and cancel routines,
// never for an application. Not from OnSubscribe.
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID NTAPI UpcallChannelStop(_In_ PUPCALL_CHANNEL Channel);

// Stops the channel if it is not, waits for dispatch calls that are in the kit, and frees
// everything: no memory, reference, DPC or work item of the kit is left. No call with the channel
// may be begun after this one; IRPs of handles that are still open (cleanup and close too) are the
// driver's alone. PASSIVE_LEVEL; waits as UpcallChannelStop does. Not from OnSubscribe. NULL is
// legal and does nothing.
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID NTAPI UpcallChannelDelete(_In_opt_ PUPCALL_CHANNEL Channel);

#endif
