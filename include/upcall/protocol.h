// SPDX-License-Identifier: MIT
// The wire protocol between a channel and its applications: every limit, layout and IOCTL, once.
#ifndef UPCALL_PROTOCOL_H
#define UPCALL_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

// Rules that hold for every structure here: little-endian, fixed-width fields at their natural
// alignment, the size first, no pointer and no handle of native size (a 32-bit application talks to
// a 64-bit driver), reserved fields zero. The driver checks all of it before it acts; a refused
// call leaves everything as it was.

// ---- Versions -----------------------------------------------------------------------------------

// The version this header describes, and the oldest one that an implementation of it still speaks.
#define UPCALL_PROTOCOL_VERSION        1u
#define UPCALL_PROTOCOL_VERSION_OLDEST 1u

// ---- Limits -------------------------------------------------------------------------------------

// Topics are 0 .. UPCALL_MAX_TOPICS - 1; bit n of a topic mask selects topic n.
#define UPCALL_MAX_TOPICS 64u
// Bytes that one read copies at most, batch header included. A longer buffer is legal, and not
// filled.
#define UPCALL_MAX_READ_BYTES 65536u
// Payload bytes of one record at most: what fits into one read of UPCALL_MAX_READ_BYTES behind the
// batch header, the record header and a timestamp. (A captured packet of 65,400 bytes with its
// 16-byte pcap header fits.)
#define UPCALL_MAX_RECORD_BYTES 65480u
// Bytes of one subscription's queue; always a power of two. A record takes its payload, a header of
// UPCALL_RECORD_HEADER_BYTES and, if asked for, UPCALL_TIMESTAMP_BYTES, rounded up to
// UPCALL_RECORD_ALIGNMENT. A record that takes more than UPCALL_MAX_QUEUED_BYTES(queue) never fits
// that queue, full or empty, and is counted as lost.
#define UPCALL_MIN_QUEUE_BYTES               4096u
#define UPCALL_MAX_QUEUE_BYTES               (16u << 20)
#define UPCALL_DEFAULT_QUEUE_BYTES           (256u << 10)
#define UPCALL_MAX_QUEUED_BYTES(QueueBytes)  ((QueueBytes) / 2u - 128u)
#define UPCALL_MAX_QUEUE_BYTES_PER_PROCESS   (64u << 20)
#define UPCALL_MAX_QUEUE_BYTES_PER_CHANNEL   (256u << 20)
#define UPCALL_MAX_SUBSCRIPTIONS_PER_HANDLE  1u
#define UPCALL_MAX_SUBSCRIPTIONS_PER_PROCESS 64u
#define UPCALL_MAX_SUBSCRIPTIONS_PER_CHANNEL 1024u
// Reads of one subscription that may be pended at a time (COMPLETION).
#define UPCALL_MAX_PENDED_READS 64u
// Records that a driver publishes in one batch.
#define UPCALL_MAX_NOTIFY_BATCH 64u
// Doorbells that one notify call rings itself; the rest is rung from a DPC of the kit.
#define UPCALL_MAX_WAKES_PER_NOTIFY 32u
// UTF-16 units of an event's name, no terminator, no `\` and no prefix `Global\`.
#define UPCALL_MAX_EVENT_NAME 64u
// What the name of a driver-first event begins with, so that nobody can have the driver create a
// name that belongs to somebody else.
#define UPCALL_EVENT_NAME_PREFIX       L"Upcall-"
#define UPCALL_EVENT_NAME_PREFIX_UNITS 7u

// ---- Records ------------------------------------------------------------------------------------

#define UPCALL_RECORD_ALIGNMENT    8u
#define UPCALL_RECORD_HEADER_BYTES 16u
#define UPCALL_TIMESTAMP_BYTES     8u

// The payload is an UPCALL_LOST, not a driver's record: here records are missing.
#define UPCALL_RECORD_LOST 0x0001u
// UPCALL_TIMESTAMP_BYTES follow the header: the driver's KeQueryPerformanceCounter (the same
// counter as QueryPerformanceCounter) when the record was published.
#define UPCALL_RECORD_TIMESTAMPED 0x0002u
// Only inside a queue, never in a read: filler up to the queue's end; Length counts all of it.
#define UPCALL_RECORD_PAD 0x8000u

// What each record in a queue and in a batch begins with. Records start at multiples of
// UPCALL_RECORD_ALIGNMENT from the beginning of the batch.
typedef struct UPCALL_RECORD_HEADER
{
    uint32_t Length;    // payload bytes: without this header, the timestamp and the rounding
    uint8_t Topic;      // 0 .. UPCALL_MAX_TOPICS - 1; 0 in a lost record
    uint8_t Reserved;   // zero
    uint16_t Flags;     // UPCALL_RECORD_*
    uint64_t Sequence;  // the channel's number for it, from 1; lost record: the first one missed
} UPCALL_RECORD_HEADER;

_Static_assert(sizeof(UPCALL_RECORD_HEADER) == UPCALL_RECORD_HEADER_BYTES, "record header");
_Static_assert(offsetof(UPCALL_RECORD_HEADER, Topic) == 4, "record header: Topic");
_Static_assert(offsetof(UPCALL_RECORD_HEADER, Flags) == 6, "record header: Flags");
_Static_assert(offsetof(UPCALL_RECORD_HEADER, Sequence) == 8, "record header: Sequence");

// The payload of a lost record. It stands exactly where the missing records would have stood: all
// that came before them precedes it, all that came after follows.
typedef struct UPCALL_LOST
{
    uint64_t Count;          // matching records missed here, at least 1
    uint64_t FirstSequence;  // number of the first one missed
    uint64_t LastSequence;   // number of the last one missed; some between may not have matched
    uint64_t TotalCount;     // missed since the subscription began, this gap included
} UPCALL_LOST;

_Static_assert(sizeof(UPCALL_LOST) == 32, "lost record");
_Static_assert(offsetof(UPCALL_LOST, TotalCount) == 24, "lost record: TotalCount");

// What each successful read begins with. A batch holds whole records only.
typedef struct UPCALL_BATCH_HEADER
{
    uint32_t Size;         // bytes of the batch with this header and the last record's rounding
    uint32_t Count;        // records in it, lost records included; 0 if NeededBytes is not 0
    uint64_t Ordinal;      // number of the batch in its subscription, from 1, without gaps
    uint32_t NeededBytes;  // not 0: nothing was consumed, the next record needs such a read;
                           // then the read ended with ERROR_MORE_DATA and Ordinal is 0
    uint32_t Reserved;     // zero
    uint64_t QueuedBytes;  // bytes that were still queued after this batch (a hint)
} UPCALL_BATCH_HEADER;

#define UPCALL_BATCH_HEADER_BYTES 32u

_Static_assert(sizeof(UPCALL_BATCH_HEADER) == UPCALL_BATCH_HEADER_BYTES, "batch header");
_Static_assert(offsetof(UPCALL_BATCH_HEADER, Ordinal) == 8, "batch header: Ordinal");
_Static_assert(offsetof(UPCALL_BATCH_HEADER, QueuedBytes) == 24, "batch header: QueuedBytes");
_Static_assert(UPCALL_BATCH_HEADER_BYTES + UPCALL_RECORD_HEADER_BYTES + UPCALL_TIMESTAMP_BYTES +
                       UPCALL_MAX_RECORD_BYTES ==
                   UPCALL_MAX_READ_BYTES,
               "the longest record fits one read exactly");

// ---- Choices of a subscription ------------------------------------------------------------------
// A value that a driver does not offer is refused with ERROR_NOT_SUPPORTED.

// How the application is woken.
#define UPCALL_SIGNAL_EVENT       1u  // the application's own auto-reset event, passed as a handle
#define UPCALL_SIGNAL_NAMED_EVENT 2u  // an event with a name under `Global\`
#define UPCALL_SIGNAL_COMPLETION  3u  // a pended read completes

// How the records travel.
#define UPCALL_DATA_READ 1u  // copied into the caller's read buffer, in batches of whole records

// What happens when the queue is full.
#define UPCALL_POLICY_DROP_NEWEST 1u  // the new record is counted as lost

// Who creates the named event. The choice is the application's and explicit; a name that turns out
// otherwise (driver-first: it exists; application-first: it does not) is an error, not a fallback.
#define UPCALL_EVENT_ORIGIN_NONE        0u  // no named event
#define UPCALL_EVENT_ORIGIN_DRIVER      1u  // the driver creates it; others may only wait on it
#define UPCALL_EVENT_ORIGIN_APPLICATION 2u  // the application has created it

// Each record carries a timestamp.
#define UPCALL_SUBSCRIBE_TIMESTAMPS 0x00000001u
#define UPCALL_SUBSCRIBE_FLAGS      UPCALL_SUBSCRIBE_TIMESTAMPS

// ---- IOCTLs -------------------------------------------------------------------------------------
// All METHOD_BUFFERED. Errors common to all, by Win32 code and the NTSTATUS behind it:
//   ERROR_BAD_LENGTH (STATUS_INFO_LENGTH_MISMATCH): the input is not exactly the structure named,
//     or its Size is not that size.
//   ERROR_INSUFFICIENT_BUFFER (STATUS_BUFFER_TOO_SMALL): the output buffer is shorter than the
//     structure named.
//   ERROR_INVALID_PARAMETER (STATUS_INVALID_PARAMETER): a value out of range, or a reserved field
//     not 0.
//   ERROR_DEVICE_REMOVED (STATUS_DEVICE_REMOVED): the channel is stopped.
//   ERROR_INVALID_FUNCTION (STATUS_INVALID_DEVICE_REQUEST): no such IOCTL.

// A device type of the vendor range. It names the protocol, not the driver's device: the kit's
// codes cannot collide with those that a driver makes from its own device type.
#define UPCALL_DEVICE_TYPE 0xB5C1u
#define UPCALL_ACCESS_ANY  0u
#define UPCALL_ACCESS_READ 1u
#define UPCALL_CODE(Function, Access) \
    ((UPCALL_DEVICE_TYPE << 16) | ((Access) << 14) | (0x800u + (Function)) << 2)

// Says hello: are we of one version? Any access. Any handle, any number of times; keeps nothing.
//   ERROR_REVISION_MISMATCH (STATUS_REVISION_MISMATCH): no version in common. Checked before Size,
//     so that a newer client with a longer structure is told so.
#define UPCALL_IOCTL_HELLO UPCALL_CODE(0u, UPCALL_ACCESS_ANY)

typedef struct UPCALL_HELLO_INPUT
{
    uint32_t Size;           // sizeof(UPCALL_HELLO_INPUT)
    uint32_t Version;        // the newest version the client speaks
    uint32_t VersionOldest;  // the oldest one; at most Version
    uint32_t Reserved;       // zero
} UPCALL_HELLO_INPUT;

// The limits are those in force on this channel; a driver may have lowered them, never raised.
typedef struct UPCALL_HELLO_OUTPUT
{
    uint32_t Size;            // sizeof(UPCALL_HELLO_OUTPUT)
    uint32_t Version;         // the version to speak
    uint32_t MaxRecordBytes;  // payload
    uint32_t MaxQueueBytes;   // of one subscription
    uint64_t MaxQueueBytesPerProcess;
    uint64_t MaxQueueBytesPerChannel;
    uint32_t MaxSubscriptionsPerProcess;
    uint32_t MaxSubscriptionsPerChannel;
    uint32_t MaxPendedReads;  // of one subscription
    uint32_t Reserved;        // zero
} UPCALL_HELLO_OUTPUT;

_Static_assert(sizeof(UPCALL_HELLO_INPUT) == 16, "hello input");
_Static_assert(sizeof(UPCALL_HELLO_OUTPUT) == 48, "hello output");
_Static_assert(offsetof(UPCALL_HELLO_OUTPUT, MaxSubscriptionsPerProcess) == 32, "hello output");

// Makes the subscription of this handle's file object. Read access. It lasts until
// UPCALL_IOCTL_UNSUBSCRIBE, until the file object's last handle is closed, or until the channel
// stops. It belongs to the calling process.
//   ERROR_REVISION_MISMATCH (STATUS_REVISION_MISMATCH): Version is none the driver speaks (checked
//     first).
//   ERROR_NOT_SUPPORTED (STATUS_NOT_SUPPORTED): a Signal, DataPath or Policy that this driver has
//     not.
//   ERROR_BUSY (STATUS_DEVICE_BUSY): the file object has, or is just getting or losing, a
//     subscription.
//   ERROR_NOT_ENOUGH_QUOTA (STATUS_QUOTA_EXCEEDED): a limit of subscriptions or queue bytes is
//     reached.
//   ERROR_NO_SYSTEM_RESOURCES (STATUS_INSUFFICIENT_RESOURCES): no memory.
//   ERROR_INVALID_HANDLE (STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH): EventHandle is no
//     event of the calling process; also an EventName that names another kind of object.
//   ERROR_ACCESS_DENIED (STATUS_ACCESS_DENIED): the event lacks EVENT_MODIFY_STATE for the caller,
//     or the driver's OnSubscribe said so (it may give any other status, too).
//   ERROR_INVALID_NAME (STATUS_OBJECT_NAME_INVALID): the event's name is empty, holds a `\` or a
//     NUL, or, driver-first, does not begin with UPCALL_EVENT_NAME_PREFIX.
//   ERROR_ALREADY_EXISTS (STATUS_OBJECT_NAME_COLLISION): driver-first, and the name exists.
//   ERROR_FILE_NOT_FOUND (STATUS_OBJECT_NAME_NOT_FOUND): application-first, and it does not.
//   ERROR_PATH_NOT_FOUND (STATUS_OBJECT_PATH_NOT_FOUND): `\BaseNamedObjects` is not there yet;
//     retry.
//   ERROR_INVALID_PARAMETER also for COMPLETION on a file opened without FILE_FLAG_OVERLAPPED
//     (STATUS_INVALID_PARAMETER_MIX).
#define UPCALL_IOCTL_SUBSCRIBE UPCALL_CODE(1u, UPCALL_ACCESS_READ)

typedef struct UPCALL_SUBSCRIBE_INPUT
{
    uint32_t Size;            // sizeof(UPCALL_SUBSCRIBE_INPUT)
    uint32_t Version;         // as agreed by hello
    uint64_t Topics;          // mask, not 0
    uint32_t QueueBytes;      // power of two, UPCALL_MIN_QUEUE_BYTES .. the channel's MaxQueueBytes
    uint32_t Signal;          // UPCALL_SIGNAL_*
    uint32_t DataPath;        // UPCALL_DATA_*
    uint32_t Policy;          // UPCALL_POLICY_*
    uint32_t Flags;           // UPCALL_SUBSCRIBE_*
    uint32_t EventOrigin;     // NAMED_EVENT: UPCALL_EVENT_ORIGIN_DRIVER or _APPLICATION; else _NONE
    uint64_t EventHandle;     // EVENT: the handle, zero-extended; else 0
    uint32_t EventNameUnits;  // NAMED_EVENT: 1 .. UPCALL_MAX_EVENT_NAME; else 0
    uint32_t Reserved;        // zero
    uint16_t EventName[UPCALL_MAX_EVENT_NAME];  // UTF-16; zero from EventNameUnits on
} UPCALL_SUBSCRIBE_INPUT;

typedef struct UPCALL_SUBSCRIBE_OUTPUT
{
    uint32_t Size;            // sizeof(UPCALL_SUBSCRIBE_OUTPUT)
    uint32_t Reserved;        // zero
    uint64_t SubscriptionId;  // never 0, never reused by this channel
    uint64_t NextSequence;    // the first record that it can get has this number or a later one
} UPCALL_SUBSCRIBE_OUTPUT;

_Static_assert(sizeof(UPCALL_SUBSCRIBE_INPUT) == 184, "subscribe input");
_Static_assert(offsetof(UPCALL_SUBSCRIBE_INPUT, EventHandle) == 40, "subscribe input: EventHandle");
_Static_assert(offsetof(UPCALL_SUBSCRIBE_INPUT, EventName) == 56, "subscribe input: EventName");
_Static_assert(sizeof(UPCALL_SUBSCRIBE_OUTPUT) == 24, "subscribe output");

// Ends a subscription. Read access. When it returns, nothing of it is left: no signal will be
// given, pended reads have ended with ERROR_OPERATION_ABORTED, and the file object may subscribe
// anew. What was queued is gone. No output.
//   ERROR_NOT_FOUND (STATUS_NOT_FOUND): there is no such subscription (any more).
//   ERROR_ACCESS_DENIED (STATUS_ACCESS_DENIED): it belongs to another process.
#define UPCALL_IOCTL_UNSUBSCRIBE UPCALL_CODE(2u, UPCALL_ACCESS_READ)

// Also the input of UPCALL_IOCTL_QUERY_SUBSCRIPTION.
typedef struct UPCALL_SUBSCRIPTION_INPUT
{
    uint32_t Size;            // sizeof(UPCALL_SUBSCRIPTION_INPUT)
    uint32_t Reserved;        // zero
    uint64_t SubscriptionId;  // on any handle; 0: the one of this handle's file object
} UPCALL_SUBSCRIPTION_INPUT;

_Static_assert(sizeof(UPCALL_SUBSCRIPTION_INPUT) == 16, "subscription input");

// Tells what one subscription has done. Read access. Errors as UPCALL_IOCTL_UNSUBSCRIBE.
#define UPCALL_IOCTL_QUERY_SUBSCRIPTION UPCALL_CODE(3u, UPCALL_ACCESS_READ)

// Every count begins with the subscription. A record is Delivered, Lost, or still queued:
// Matched = Delivered + Lost + QueuedRecords at any moment at which no read is under way.
typedef struct UPCALL_SUBSCRIPTION_STATISTICS
{
    uint32_t Size;        // sizeof(UPCALL_SUBSCRIPTION_STATISTICS)
    uint32_t QueueBytes;  // capacity
    uint64_t SubscriptionId;
    uint64_t Topics;          // mask
    uint64_t Matched;         // records that were accepted and matched the mask
    uint64_t Delivered;       // records copied into reads (lost records not counted)
    uint64_t DeliveredBytes;  // their payload
    uint64_t Lost;            // records missed, told to the application or not yet
    uint64_t QueuedRecords;   // Matched - Delivered - Lost
    uint64_t Batches;         // successful reads; the last batch's Ordinal
    uint64_t Doorbells;       // times the signal was given
    uint32_t PendedReads;     // now
    uint32_t Reserved;        // zero
} UPCALL_SUBSCRIPTION_STATISTICS;

_Static_assert(sizeof(UPCALL_SUBSCRIPTION_STATISTICS) == 88, "subscription statistics");
_Static_assert(offsetof(UPCALL_SUBSCRIPTION_STATISTICS, PendedReads) == 80, "PendedReads");

// Tells what the channel has done. Read access.
#define UPCALL_IOCTL_QUERY_CHANNEL UPCALL_CODE(4u, UPCALL_ACCESS_READ)

typedef struct UPCALL_CHANNEL_INPUT
{
    uint32_t Size;      // sizeof(UPCALL_CHANNEL_INPUT)
    uint32_t Reserved;  // zero
} UPCALL_CHANNEL_INPUT;

typedef struct UPCALL_CHANNEL_STATISTICS
{
    uint32_t Size;               // sizeof(UPCALL_CHANNEL_STATISTICS)
    uint32_t Subscriptions;      // now
    uint64_t Notified;           // records accepted; the last one's sequence number
    uint64_t NotifiedBytes;      // their payload
    uint64_t SubscriptionsMade;  // since the channel was created
    uint64_t Lost;               // sum over all subscriptions, ended ones included
    uint64_t Doorbells;          // likewise
    uint64_t QueueBytes;         // now, of all subscriptions
} UPCALL_CHANNEL_STATISTICS;

_Static_assert(sizeof(UPCALL_CHANNEL_INPUT) == 8, "channel input");
_Static_assert(sizeof(UPCALL_CHANNEL_STATISTICS) == 56, "channel statistics");

// ---- Reads --------------------------------------------------------------------------------------
// IRP_MJ_READ on a file object that has a subscription; the byte offset is ignored. One read
// returns one batch. Only the process that subscribed may read.
//   ERROR_NO_MORE_ITEMS (STATUS_NO_MORE_ENTRIES): EVENT and NAMED_EVENT, the queue is empty, and
//     the signal is armed: it will be given once for the next record or loss. (COMPLETION: the read
//     pends.)
//   ERROR_MORE_DATA (STATUS_BUFFER_OVERFLOW): the buffer holds a batch header, but not the next
//     record; see NeededBytes. Nothing was consumed.
//   ERROR_INSUFFICIENT_BUFFER (STATUS_BUFFER_TOO_SMALL): not even a batch header fits.
//   ERROR_NOT_ENOUGH_QUOTA (STATUS_QUOTA_EXCEEDED): MaxPendedReads are pended already.
//   ERROR_ACCESS_DENIED (STATUS_ACCESS_DENIED): another process.
//   ERROR_OPERATION_ABORTED (STATUS_CANCELLED): cancelled, or the subscription ended. Carries no
//     records.
//   ERROR_DEVICE_REMOVED (STATUS_DEVICE_REMOVED): the channel was stopped.
//   ERROR_NOT_SUPPORTED (STATUS_NOT_SUPPORTED): the device does neither buffered nor direct I/O.

#endif
