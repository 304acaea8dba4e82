// SPDX-License-Identifier: MIT
// The application side of the kit: subscribe to a driver's channel and receive its records.
#ifndef UPCALL_CLIENT_H
#define UPCALL_CLIENT_H

#include <windows.h>

#include <upcall/protocol.h>

// Every call returns a Win32 error code: ERROR_SUCCESS, or why not. None uses the thread's last
// error. A call that fails leaves its output parameters zeroed and everything else as it was,
// unless its text says otherwise. "The driver's errors" are those that protocol.h lists at the
// IOCTL or at reads.
//
// Threads. Calls on different subscriptions are independent. UpcallReceive and UpcallRelease of one
// subscription are for one thread at a time, its consumer. UpcallCancel, UpcallQuery and
// UpcallGetWaitHandle may be called at any time by any thread. UpcallUnsubscribe and UpcallClose
// end the object: no other thread may be in a call with it, or call later. To end a subscription
// whose consumer may be waiting: UpcallCancel, wait for the consumer to have left UpcallReceive,
// UpcallUnsubscribe. No handle that the library makes is inheritable.

// A connection to a channel: a control handle and the subscriptions made with it. Opaque.
typedef struct UPCALL_CONNECTION UPCALL_CONNECTION;

// One subscription: its own file object, its queue in the driver, its signal. Opaque.
typedef struct UPCALL_SUBSCRIPTION UPCALL_SUBSCRIPTION;

// How COMPLETION waits; no meaning with other signals.
#define UPCALL_COMPLETION_EVENT 0u  // overlapped reads with one manual-reset event
#define UPCALL_COMPLETION_PORT  1u  // overlapped reads on a completion port of the library's own

// Reads that COMPLETION may keep in flight.
#define UPCALL_MAX_READS_IN_FLIGHT     16u
#define UPCALL_DEFAULT_READS_IN_FLIGHT 4u

// What a subscription shall be. Zero it, set Size, Topics and Signal, then what shall differ from
// the default; 0 means the default throughout.
typedef struct UPCALL_SUBSCRIBE_CONFIG
{
    DWORD Size;         // sizeof(UPCALL_SUBSCRIBE_CONFIG)
    DWORD Signal;       // UPCALL_SIGNAL_*; no default
    ULONGLONG Topics;   // mask, not 0
    DWORD DataPath;     // default UPCALL_DATA_READ
    DWORD Policy;       // default UPCALL_POLICY_DROP_NEWEST
    DWORD QueueBytes;   // power of two from UPCALL_MIN_QUEUE_BYTES to UPCALL_MAX_QUEUE_BYTES;
                        // default UPCALL_DEFAULT_QUEUE_BYTES
    DWORD ReadBytes;    // of each read: UPCALL_BATCH_HEADER_BYTES .. UPCALL_MAX_READ_BYTES, which
                        // is the default; grows by itself when a record needs more
    DWORD Flags;        // UPCALL_SUBSCRIBE_*
    DWORD EventOrigin;  // NAMED_EVENT: UPCALL_EVENT_ORIGIN_*, no default; else 0
    const WCHAR *EventName;  // NAMED_EVENT: without `Global\`, at most UPCALL_MAX_EVENT_NAME units;
                             // driver-first it begins with UPCALL_EVENT_NAME_PREFIX; NULL: the
                             // library makes up a name of its own. Else NULL. Borrowed for the
                             // call.
    DWORD CompletionMode;    // COMPLETION: UPCALL_COMPLETION_*; else 0
    DWORD ReadsInFlight;     // COMPLETION: 1 .. UPCALL_MAX_READS_IN_FLIGHT, default
                             // UPCALL_DEFAULT_READS_IN_FLIGHT; else 0
} UPCALL_SUBSCRIBE_CONFIG;

// One record, as received.
typedef struct UPCALL_RECORD
{
    const void *Data;     // Length bytes of the library's, aligned to 8, valid until UpcallRelease
    DWORD Length;         // payload bytes
    DWORD Topic;          // 0 .. UPCALL_MAX_TOPICS - 1
    DWORD Flags;          // UPCALL_RECORD_LOST: Data is an UPCALL_LOST; UPCALL_RECORD_TIMESTAMPED
    DWORD Reserved;       // zero
    ULONGLONG Sequence;   // the channel's number for the record; lost: the first one missed
    ULONGLONG Timestamp;  // QueryPerformanceCounter units; 0 unless UPCALL_RECORD_TIMESTAMPED
    ULONGLONG Ordinal;    // number of the batch it came in, from 1
} UPCALL_RECORD;

// Opens a connection to the channel behind a device.
//   DevicePath: such as L"\\\\.\\UpcallRelay"; borrowed for the call.
//   Connection: receives the connection, to be ended with UpcallClose.
// ERROR_INVALID_PARAMETER: a NULL. ERROR_FILE_NOT_FOUND, ERROR_ACCESS_DENIED and what else
// CreateFile says of the device. ERROR_REVISION_MISMATCH: driver and library have no protocol
// version in common.
// ERROR_INVALID_FUNCTION: the device is there, but has no channel. ERROR_NOT_ENOUGH_MEMORY.
// Opens the device for reading. May block as CreateFile may.
DWORD WINAPI UpcallOpen(const WCHAR *DevicePath, UPCALL_CONNECTION **Connection);

// The version and the limits that the driver named when the connection was opened.
// ERROR_INVALID_PARAMETER: a NULL.
DWORD WINAPI UpcallGetLimits(UPCALL_CONNECTION *Connection, UPCALL_HELLO_OUTPUT *Limits);

// Subscribes.
//   Config: read during the call only.
//   Subscription: receives the subscription, to be ended with UpcallUnsubscribe or UpcallClose.
// Refused by the library itself, with the codes that the driver has for the same mistakes:
// ERROR_INVALID_PARAMETER: a NULL, Size, a value out of range, an unknown flag, a field that has no
// meaning for the signal and is not 0, EventOrigin. ERROR_NOT_SUPPORTED: an unknown Signal,
// DataPath or Policy. ERROR_INVALID_NAME: the event's name. ERROR_NOT_ENOUGH_QUOTA: more QueueBytes
// than the driver's limit. Then the driver's errors (UPCALL_IOCTL_SUBSCRIBE); ERROR_ALREADY_EXISTS
// also for an application-first name that exists; what CreateEvent, OpenEvent and CreateFile say;
// ERROR_NOT_ENOUGH_MEMORY. COMPLETION starts its reads before the call returns.
DWORD WINAPI UpcallSubscribe(UPCALL_CONNECTION *Connection, const UPCALL_SUBSCRIBE_CONFIG *Config,
                             UPCALL_SUBSCRIPTION **Subscription);

// Receives the next record; waits for it if there is none.
//   Record: filled on success. Its Data stays valid until UpcallRelease, which must come before the
//     next UpcallReceive.
//   TimeoutMs: milliseconds; 0 does not wait; INFINITE waits for ever.
// ERROR_SUCCESS. ERROR_NO_MORE_ITEMS: TimeoutMs is 0 and there is none; the signal is armed, so
// that the handle of UpcallGetWaitHandle will tell of the next one. ERROR_TIMEOUT: there was none
// in time; likewise. ERROR_OPERATION_ABORTED: UpcallCancel was called. ERROR_BUSY: the last record
// has not been released, or UpcallStart's thread is the consumer. ERROR_INVALID_PARAMETER: a NULL.
// ERROR_INVALID_DATA: the driver sent a batch that is none; the subscription is of no more use. The
// driver's errors.
DWORD WINAPI UpcallReceive(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record,
                           DWORD TimeoutMs);

// Gives a record's memory back and zeroes *Record.
// ERROR_INVALID_PARAMETER: a NULL, or Record is not the one received last and still held.
DWORD WINAPI UpcallRelease(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record);

// Tells a handle to join the caller's own WaitForMultipleObjects or message loop. When it is
// signalled, call UpcallReceive with TimeoutMs 0 until it says ERROR_NO_MORE_ITEMS, and wait again.
// Call it that way once before the first wait, too. A signal without a record behind it is
// possible, a record without a signal is not. Do not set, reset or close the handle; it lives as
// long as the subscription. UpcallCancel does not signal the handle of a driver-first NAMED_EVENT
// (nobody but the driver may).
// ERROR_NOT_SUPPORTED: UPCALL_COMPLETION_PORT (a port cannot be waited on).
// ERROR_INVALID_PARAMETER: a NULL.
DWORD WINAPI UpcallGetWaitHandle(UPCALL_SUBSCRIPTION *Subscription, HANDLE *Handle);

// Runs on a thread of the library, once for each record in order; the record is released when it
// returns. On a failure of the subscription it is called once more with Error set and Record NULL,
// and not again. It must not call UpcallReceive, UpcallRelease, UpcallUnsubscribe or UpcallClose
// with this subscription or its connection.
typedef void(CALLBACK *UPCALL_CALLBACK)(void *Context, const UPCALL_RECORD *Record, DWORD Error);

// Has a thread of the library receive the records and call Callback for each, until
// UpcallUnsubscribe, UpcallClose, UpcallCancel (the callback is not told of these) or an error.
// Once per subscription.
// ERROR_INVALID_PARAMETER: a NULL (Context may be). ERROR_BUSY: started already, or a record is
// held. What CreateThread says.
DWORD WINAPI UpcallStart(UPCALL_SUBSCRIPTION *Subscription, UPCALL_CALLBACK Callback,
                         void *Context);

// Makes the UpcallReceive that is waiting, and each one later, return ERROR_OPERATION_ABORTED. It
// cannot be undone. Records still queued are lost with the subscription. Any thread, any time, the
// callback too.
// ERROR_INVALID_PARAMETER: NULL.
DWORD WINAPI UpcallCancel(UPCALL_SUBSCRIPTION *Subscription);

// What the subscription has done, from the driver. The driver's errors
// (UPCALL_IOCTL_QUERY_SUBSCRIPTION);
// ERROR_INVALID_PARAMETER: a NULL.
DWORD WINAPI UpcallQuery(UPCALL_SUBSCRIPTION *Subscription,
                         UPCALL_SUBSCRIPTION_STATISTICS *Statistics);

// What the channel has done, from the driver. The driver's errors (UPCALL_IOCTL_QUERY_CHANNEL);
// ERROR_INVALID_PARAMETER: a NULL.
DWORD WINAPI UpcallQueryChannel(UPCALL_CONNECTION *Connection,
                                UPCALL_CHANNEL_STATISTICS *Statistics);

// Ends the subscription: cancels its reads and waits for them, waits for a running callback, has
// the driver forget it, closes its handles, frees it. When it returns no callback runs or will run,
// and a record still held is gone. May block for as long as the caller's own callback does.
// ERROR_POSSIBLE_DEADLOCK: called from the subscription's own callback; nothing has changed.
// ERROR_INVALID_PARAMETER: NULL. Otherwise it has ended and the result is ERROR_SUCCESS, even if
// the driver was gone before.
DWORD WINAPI UpcallUnsubscribe(UPCALL_SUBSCRIPTION *Subscription);

// Ends all subscriptions of the connection as UpcallUnsubscribe does, then the connection.
// ERROR_POSSIBLE_DEADLOCK: called from a callback of one of them; nothing has changed.
// ERROR_INVALID_PARAMETER: NULL.
DWORD WINAPI UpcallClose(UPCALL_CONNECTION *Connection);

#endif
