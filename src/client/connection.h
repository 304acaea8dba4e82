// SPDX-License-Identifier: MIT
// The application library's internal header: connections, subscriptions, and who may touch what.
#ifndef UPCALL_CLIENT_CONNECTION_H
#define UPCALL_CLIENT_CONNECTION_H

#include <windows.h>

#include <upcall/client.h>

// Locks: Connection.Lock guards the list of subscriptions, nothing else; it is never held in a call
// that can wait.
//
// A subscription's consumer is one thread: the caller of UpcallReceive, or the library's thread of
// UpcallStart. What is marked "consumer" is that thread's alone, so receiving takes no lock. Other
// threads touch what is immutable, and Canceled.

struct UPCALL_CONNECTION
{
    // Immutable.
    HANDLE Control;  // opened for synchronous calls
    WCHAR *DevicePath;
    UPCALL_HELLO_OUTPUT Limits;

    CRITICAL_SECTION Lock;
    UPCALL_SUBSCRIPTION *First;  // guarded by Lock
};

// One read of COMPLETION.
typedef enum SLOT_STATE
{
    SlotIdle,     // no read under way, nothing in the buffer
    SlotPending,  // with the system
    SlotReady,    // a batch that waits for its turn
    SlotCurrent,  // the batch that is being received
} SLOT_STATE;

typedef struct SLOT
{
    OVERLAPPED Overlapped;
    SLOT_STATE State;
    BYTE *Buffer;
    DWORD BufferBytes;
    DWORD BatchBytes;  // SlotReady
} SLOT;

struct UPCALL_SUBSCRIPTION
{
    // Immutable after UpcallSubscribe.
    UPCALL_CONNECTION *Connection;
    UPCALL_SUBSCRIPTION *Next;  // guarded by Connection.Lock
    HANDLE File;
    ULONGLONG Id;
    DWORD Signal;
    DWORD CompletionMode;
    // EVENT, NAMED_EVENT: the auto-reset event of the signal. COMPLETION by event: the manual-reset
    // event of all reads. COMPLETION by port: NULL.
    HANDLE Event;
    // The event that UpcallCancel sets: Event, where the library may set it; an event of its own
    // beside a driver-first one; NULL with a port.
    HANDLE CancelEvent;
    HANDLE Port;

    LONG Canceled;  // interlocked; set once

    // Consumer.
    SLOT Slots[UPCALL_MAX_READS_IN_FLIGHT];
    DWORD SlotCount;    // 1 unless COMPLETION
    SLOT *Current;      // whose batch is being received, or NULL
    DWORD Offset;       // of the next record in it
    DWORD RecordsLeft;  // in it
    ULONGLONG Ordinal;  // of the batch received last
    const void *Held;   // Data of the record that is not released; NULL: none
    DWORD Failure;      // of a read; what UpcallReceive says when the good batches are gone

    // UpcallStart.
    BOOL Started;
    HANDLE Thread;
    LONG ThreadId;  // interlocked; set by the thread itself; 0: not begun
    UPCALL_CALLBACK Callback;
    void *Context;
};

// connection.c
// An IOCTL on a synchronous or (Event given) overlapped handle, waited for. *Returned may be NULL.
DWORD UpcallControl(HANDLE File, HANDLE Event, DWORD Code, const void *Input, DWORD InputBytes,
                    void *Output, DWORD OutputBytes);

// subscribe.c
BOOL UpcallIsOwnCallback(UPCALL_SUBSCRIPTION *Subscription);

// receive.c
// As UpcallReceive, for the consumer that UpcallStart made, too. Arguments are good.
DWORD UpcallReceiveNext(UPCALL_SUBSCRIPTION *Subscription, UPCALL_RECORD *Record, DWORD TimeoutMs);
// Checks that a slot's buffer holds a batch; its ordinal in *Ordinal.
BOOL UpcallBatchIsGood(const SLOT *Slot, ULONGLONG *Ordinal);
// Makes the slot's buffer as long as the batch header in it asks for. ERROR_INVALID_DATA if it does
// not.
DWORD UpcallGrowSlot(SLOT *Slot);

// completion.c
// Gets the next batch in order into Current, without waiting: ERROR_SUCCESS, ERROR_NO_MORE_ITEMS or
// an error. Starts reads in idle slots.
DWORD UpcallCompletionFetch(UPCALL_SUBSCRIPTION *Subscription);
// Waits until a read may have completed: ERROR_SUCCESS, ERROR_TIMEOUT or an error.
DWORD UpcallCompletionWait(UPCALL_SUBSCRIPTION *Subscription, DWORD TimeoutMs);
// After the driver has ended the subscription: waits until the system has done with every buffer.
void UpcallCompletionReap(UPCALL_SUBSCRIPTION *Subscription);

#endif
