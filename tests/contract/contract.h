// SPDX-License-Identifier: MIT
// The contract suite: what its cases share. A Win32 console program, run against the relay driver.
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#include <upcall/client.h>

#include "../../drivers/relay/relay.h"

// A deadline that only a hang reaches. No case waits for it to pass.
#define DEADLINE_MS 60000

// ---- Checks: a failed one says what it saw and ends the process with status 1
// ---------------------

void Fail(const char *File, int Line, const char *Format, ...);
#define FAIL(...) Fail(__FILE__, __LINE__, __VA_ARGS__)

void CheckEqual(const char *File, int Line, const char *What, unsigned long long Seen,
                unsigned long long Expected);
// Evaluates each argument once.
#define CHECK_EQUAL(Seen, Expected)                                   \
    CheckEqual(__FILE__, __LINE__, #Seen, (unsigned long long)(Seen), \
               (unsigned long long)(Expected))
#define CHECK(Condition) \
    ((Condition) ? (void)0 : Fail(__FILE__, __LINE__, "not so: %s", #Condition))
// A Win32 call that returns FALSE on failure.
#define CHECK_CALL(Call) \
    ((Call)              \
         ? (void)0       \
         : Fail(__FILE__, __LINE__, "%s: error %llu", #Call, (unsigned long long)GetLastError()))
// A call that must fail with an error.
#define CHECK_REFUSED(Call, Error)                                                 \
    (SetLastError(0xDEADu), (Call)                                                 \
                                ? Fail(__FILE__, __LINE__, "%s: succeeded", #Call) \
                                : CheckEqual(__FILE__, __LINE__, #Call, GetLastError(), (Error)))

// ---- Signals ------------------------------------------------------------------------------------

typedef struct SIGNAL
{
    const char *Name;
    DWORD Signal;
    DWORD EventOrigin;
    DWORD CompletionMode;
} SIGNAL;

typedef void CASE(const SIGNAL *Signal);

// A configuration for the signal: all topics, every default.
UPCALL_SUBSCRIBE_CONFIG ConfigOf(const SIGNAL *Signal);
UPCALL_CONNECTION *Open(void);
UPCALL_SUBSCRIPTION *Subscribe(UPCALL_CONNECTION *Connection,
                               const UPCALL_SUBSCRIBE_CONFIG *Config);

// ---- Feeding the relay --------------------------------------------------------------------------

HANDLE OpenFeed(void);
// Byte i of the payload of record Index.
BYTE PatternByte(ULONGLONG Index, DWORD i);
// Publishes Count records of Length bytes, with pattern Index, Index + 1 ..., in one write. They
// are published when this returns.
void Feed(HANDLE Feeder, DWORD Topic, ULONGLONG Index, DWORD Count, DWORD Length);

// ---- Receiving ----------------------------------------------------------------------------------

// Receives a record, waiting at most the deadline, and checks that it is the one of that pattern.
void Expect(UPCALL_SUBSCRIPTION *Subscription, ULONGLONG Sequence, DWORD Topic, ULONGLONG Index,
            DWORD Length);
// Receives a lost record.
UPCALL_LOST ExpectLost(UPCALL_SUBSCRIPTION *Subscription);
// There is none.
void ExpectNone(UPCALL_SUBSCRIPTION *Subscription);

UPCALL_CHANNEL_STATISTICS ChannelStatistics(UPCALL_CONNECTION *Connection);
UPCALL_SUBSCRIPTION_STATISTICS Statistics(UPCALL_SUBSCRIPTION *Subscription);

// ---- Below the library --------------------------------------------------------------------------

HANDLE OpenRaw(DWORD Flags);
// A good subscribe input for an EVENT subscription.
UPCALL_SUBSCRIBE_INPUT RawInput(HANDLE Event);
// The IOCTL; ERROR_SUCCESS or the error. Works on overlapped handles, too.
DWORD RawControl(HANDLE File, DWORD Code, const void *Input, DWORD InputBytes, void *Output,
                 DWORD OutputBytes, DWORD *Returned);
DWORD RawSubscribe(HANDLE File, const UPCALL_SUBSCRIBE_INPUT *Input, ULONGLONG *Id);
DWORD RawUnsubscribe(HANDLE File, ULONGLONG Id);
void SetRawName(UPCALL_SUBSCRIBE_INPUT *Input, DWORD Origin, const WCHAR *Name);

// A thread that must end within the deadline.
HANDLE StartThread(LPTHREAD_START_ROUTINE Routine, void *Context);
void JoinThread(HANDLE Thread);

#endif
