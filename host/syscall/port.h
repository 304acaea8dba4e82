// SPDX-License-Identifier: MIT
// The wire between an application and nthost: hello messages and the per-thread port.
//
// Plain C types only: both host/syscall (kernel side) and host/win32 (application side) include it.
// Port contents are hostile to the kernel side: it copies the submission once, then validates the
// copy. The application side trusts nthost.
//
// Handshake of the two halves (each direction alike, X = Submit or Reply):
//     sender                                   receiver (about to sleep)
//     fill in; X.Sequence += 1 (release)       X.Sleeping = 1
//     FULL FENCE                               FULL FENCE
//     if X.Sleeping: futex wake X.Sequence     if X.Sequence unchanged: futex wait on X.Sequence
// Either the receiver sees the new sequence, or the sender sees Sleeping; and the futex compares the
// sequence once more, so no wakeup is lost.
#ifndef HOST_SYSCALL_PORT_H
#define HOST_SYSCALL_PORT_H

#include "syscall/services.h"

#define NTH_PROTOCOL_VERSION 1u
#define NTH_PORT_INLINE      (16u * 1024u)

typedef struct NTH_PORT
{
    // Written by the application.
    _Alignas(128) uint32_t SubmitSequence;  // futex word of the kernel half
    uint32_t Service;
    uint32_t WindowCount;
    uint32_t Reserved;
    uint64_t Arguments[NTH_MAX_ARGUMENTS];
    NTH_WINDOW Windows[NTH_MAX_WINDOWS];   // IN and OUT data packed in Inline in window order,
                                           // each 8-byte aligned; a window that does not fit is not
                                           // sent (the kernel uses the memory descriptor)
    _Alignas(128) uint32_t ReplySleeping;  // application sleeps on ReplySequence

    // Written by the kernel.
    _Alignas(128) uint32_t ReplySequence;  // futex word of the application's thread
    int32_t Status;
    uint32_t Parked;  // the call waits: do not spin for its reply
    uint32_t Dead;    // nthost is going, or has ended this process
    struct
    {
        uint32_t From, To;  // bytes of window i that hold output to copy out; From == To: none
    } Written[NTH_MAX_WINDOWS];
    _Alignas(128) uint32_t SubmitSleeping;  // kernel half sleeps on SubmitSequence

    _Alignas(128) uint8_t Inline[NTH_PORT_INLINE];
} NTH_PORT;
_Static_assert(sizeof(NTH_PORT) % 128 == 0, "ports are whole cache line pairs");

// Both sides must agree on the service numbers and on the port: FNV-1a of the table's text.
static inline uint64_t
NthBuildId(void)
{
#define NTH_SERVICE_TEXT(Name, Count) #Name ":" #Count ";"
    static const char Text[] = NTH_SERVICES(NTH_SERVICE_TEXT);
#undef NTH_SERVICE_TEXT
    uint64_t Hash = 0xcbf29ce484222325ull ^ sizeof(NTH_PORT);
    for (const char *At = Text; *At != 0; At++)
    {
        Hash = (Hash ^ (uint8_t)*At) * 0x100000001b3ull;
    }
    return Hash;
}

// ---- Socket messages (SOCK_SEQPACKET, one struct each) ----
typedef struct NTH_HELLO  // application -> nthost, with a descriptor of its /proc/self/mem
{
    uint32_t Size;
    uint32_t Version;
    uint64_t BuildId;  // hash of the service table: both sides from one build
    uint32_t Role;     // enum NTH_ROLE
    uint32_t Reserved;
    char ImageName[64];
} NTH_HELLO;

typedef struct NTH_WELCOME  // nthost -> application, with the first thread's port descriptor
{
    uint32_t Size;
    int32_t Status;
    uint32_t ProcessId, ThreadId;
    uint32_t KillCall;   // --kill-at: number of the call, 0 none
    uint32_t KillPoint;  // enum NTH_KILL_POINT
    char Message[128];   // why it was refused
} NTH_WELCOME;

enum NTH_KILL_POINT
{
    NthKillNone,
    NthKillBefore,      // the application kills itself before it submits
    NthKillInDispatch,  // nthost kills it when the call is inside the service
    NthKillParked,      // nthost kills it when the call has parked
    NthKillAfterReply,  // the application kills itself when the reply arrived
};

enum NTH_ROLE
{
    NthRoleApplication = 0,
    NthRoleTool = 1,  // load, unload, status, stop; no descriptor passed, no process made
};

// Tool -> nthost, answered by one NTH_CONTROL_REPLY.
enum NTH_CONTROL_COMMAND
{
    NthControlLoad = 1,  // Text: absolute path of the driver
    NthControlUnload,    // Text: driver name
    NthControlStatus,    // Text: "" or "json"
    NthControlStop,      // reply arrives before the host stops
};
typedef struct NTH_CONTROL
{
    uint32_t Size;
    uint32_t Command;
    char Text[4096];
} NTH_CONTROL;
typedef struct NTH_CONTROL_REPLY
{
    uint32_t Size;
    int32_t Failed;       // 0: done
    char Message[32768];  // text for a person (or JSON), also on success
} NTH_CONTROL_REPLY;

// nthost -> application at any time, with a descriptor: the answer to NthCreateThread (a port) or
// NthMapView (pages). Cookie is what the service returned, so that answers find their caller; the
// message is sent before the service replies.
enum NTH_DESCRIPTOR_KIND
{
    NthDescriptorPort = 1,
    NthDescriptorSection = 2,
};
typedef struct NTH_DESCRIPTOR
{
    uint32_t Size;
    uint32_t Kind;
    uint64_t Cookie;
} NTH_DESCRIPTOR;

#endif
