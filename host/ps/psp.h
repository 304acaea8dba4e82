// SPDX-License-Identifier: MIT
// Processes and threads: lifetime, the calling context, death and its rundown.
//
// A process is created when an application connects (remote) or attaches (local). It dies when its
// last thread terminates it, or when its connection breaks. Rundown runs on a thread of its own at
// PASSIVE_LEVEL: threads are told to terminate, kernel halves joined, their IRPs cancelled and
// awaited, handles closed, views unmapped, references dropped.
#ifndef HOST_PS_PSP_H
#define HOST_PS_PSP_H

#include "ke/ki.h"
#include "ob/obp.h"
#include "se/sep.h"

typedef struct _ETHREAD
{
    KTHREAD Tcb;                // first
    PEPROCESS Process;          // referenced; immutable
    PEPROCESS AttachedProcess;  // owner thread only; rundown works inside the dying process
    HANDLE UniqueThread;
    LIST_ENTRY ProcessLink;  // guarded by Process->Lock
    OS_LOCK IrpLock;
    LIST_ENTRY IrpList;  // Irp->ThreadListEntry of IRPs issued by this thread; guarded by IrpLock
    NTSTATUS ExitStatus;
    PKSTART_ROUTINE StartRoutine;  // system threads
    PVOID StartContext;
    OS_THREAD *HostThread;
    void *Port;  // syscall: the remote port's kernel side, NULL otherwise; freed by FreePort
    void (*FreePort)(void *Port);  // at the thread object's deletion
    PVOID StartStack[8];           // creator, for leak reports
    // Guarded by Process->Lock.
    BOOLEAN Exiting;     // somebody runs PspExitThread for it
    BOOLEAN ToldToEnd;   // rundown: KiSetTerminating was called
    BOOLEAN Stopped;     // rundown: it has been stopped, or stops itself
    uint32_t CallState;  // atomic futex word of local threads: PSP_CALL_*
    uint32_t HostReady;  // futex word: HostThread is set
    void **ExitJump;     // system threads: where PsTerminateSystemThread goes
    PVOID IoObject;      // IoCreateSystemThread: referenced until the thread object is deleted
} ETHREAD;

// Where a local application's thread is. The thread itself moves between the first two, with one
// compare-exchange each; the rundown moves it to the third, or asks for it when it is in a call.
enum
{
    PspCallOutside = 0,
    PspCallInside = 1,
    PspCallStopped = 2,    // it will never run a service again
    PspCallStopAsked = 3,  // inside, and becomes stopped when it leaves
};

typedef enum PSP_PROCESS_STATE
{
    PspProcessAlive,
    PspProcessTerminating,  // no new thread, handle or call
    PspProcessDead,         // run down; signaled
} PSP_PROCESS_STATE;

struct _KPROCESS
{
    DISPATCHER_HEADER Header;  // ProcessObject
};

// What a remote connection does for ps; set in EPROCESS.ConnectionOperations before the first thread
// of the process is created, NULL for local and system processes.
typedef struct PSP_CONNECTION_OPERATIONS
{
    // Rundown, at PASSIVE_LEVEL, with no lock held, after KiSetTerminating(Thread): returns when the
    // kernel half of Thread will never again run a service and its parked call (if any) has been
    // answered. Called once for each thread that has a Port.
    void (*StopThread)(PETHREAD Thread);
    // The process is run down: every handle is closed. The connection may be given up.
    void (*ProcessDead)(PEPROCESS Process);
} PSP_CONNECTION_OPERATIONS;

typedef struct _EPROCESS
{
    struct _KPROCESS Pcb;  // first
    OS_LOCK Lock;
    PSP_PROCESS_STATE State;  // guarded by Lock
    HANDLE UniqueProcessId;
    char ImageName[64];
    SEP_TOKEN *Token;  // referenced; immutable
    OBP_HANDLE_TABLE *Handles;
    LIST_ENTRY ThreadList;  // guarded by Lock
    ULONG ThreadCount;
    LIST_ENTRY GlobalLink;  // PspProcessList, guarded by PspListLock
    NTSTATUS ExitStatus;
    uint32_t HostPid;  // remote: the application's Linux process, 0 local
    int MemoryFd;      // remote: its /proc/self/mem; -1: same address space
    void *Connection;  // syscall: the remote connection, NULL otherwise
    const PSP_CONNECTION_OPERATIONS *ConnectionOperations;
    LIST_ENTRY ViewList;   // mm: mapped views, guarded by Lock
    ULONG ExitingThreads;  // off ThreadList but not yet signaled; guarded by Lock
    BOOLEAN Expected;      // announced by its creator, not claimed yet; guarded by Lock
    BOOLEAN OwnStatus;     // ExitStatus is what NthExitProcess or NtTerminateProcess said; Lock
    BOOLEAN Reported;      // ExitStatus is what its creator saw; guarded by Lock
    HANDLE ParentId;
    KEVENT ThreadsGone;               // notification: no thread is left and none can come
    uint32_t DeadWord;                // atomic futex word: 1 once run down
    struct _EPROCESS *NextToRunDown;  // in the reaper's list; referenced there
} EPROCESS;

extern PEPROCESS PsInitialSystemProcess;
extern LIST_ENTRY PspProcessList;
extern OS_LOCK PspListLock;

// A system thread of the host itself (connections, workers): not a driver's, so never a leak; detached,
// the reference is its own. Routine returns to end it.
NTSTATUS PspStartHostThread(PKSTART_ROUTINE Routine, PVOID Context, const char *Name);

static inline PETHREAD
PspCurrentThread(void)
{
    return (PETHREAD)KiCurrentThread;
}

// A new, alive process with a handle table and no thread; one reference is the caller's.
NTSTATUS PspCreateProcess(const char *ImageName, SEP_WHO Who, PEPROCESS *Process);
// A process that a running application announced before it executes (CreateProcess): Who is its
// creator's token; HostPid identifies it. It signals when the host process that claims it has been
// run down, or when PspEndExpectedProcess says that it will never come. One reference is the caller's.
NTSTATUS PspExpectProcess(PEPROCESS Creator, uint32_t HostPid, PEPROCESS *Process);
// Alive, expected and unclaimed process of HostPid with a new reference, now claimed; or NULL.
PEPROCESS PspClaimExpectedProcess(uint32_t HostPid);
// Its creator saw the host process end with Status: sets the exit status if the process did not set
// one itself, and runs it down if it was never claimed.
void PspReportExit(PEPROCESS Process, NTSTATUS Status);
// A new thread of Process, not yet bound to a host thread; linked in; one reference is the caller's,
// one belongs to the process's list until PspExitThread. STATUS_PROCESS_IS_TERMINATING when too late.
NTSTATUS PspCreateThread(PEPROCESS Process, PETHREAD *Thread);
// Last act of a thread (any kind), on its own host thread or on behalf of one that is stopped (remote
// kernel halves during rundown: after StopThread): cancels
// its IRPs and waits for them, signals the object, unlinks, drops the list's reference. The last
// thread of an application process starts its rundown.
void PspExitThread(PETHREAD Thread, NTSTATUS Status);
// Starts the rundown of a process (idempotent, returns at once, any thread at PASSIVE_LEVEL).
void PspTerminateProcess(PEPROCESS Process, NTSTATUS Status);
// Waits until the process is dead (all handles closed). Any host thread.
void PspWaitForProcess(PEPROCESS Process);
// A local application's thread enters and leaves the kernel: the rundown of its process neither stops
// it in the middle of a service nor waits for one that runs the application's own code. FALSE: the
// process is being run down and the thread is an NT thread no more: unbind it, call nothing.
static inline BOOLEAN
PspEnterCall(PETHREAD Thread)
{
    uint32_t State = PspCallOutside;

    // Acquire: pairs with the release in PspLeaveCall of another host thread bound to it before.
    return __atomic_compare_exchange_n(&Thread->CallState, &State, PspCallInside, FALSE,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
void PspLeaveCallSlow(PETHREAD Thread);
// FALSE: as above; the thread object may be gone once this returned, unless the caller references it.
static inline BOOLEAN
PspLeaveCall(PETHREAD Thread)
{
    uint32_t State = PspCallInside;

    // Release: pairs with the acquire in PspStopLocalThread.
    if (__atomic_compare_exchange_n(&Thread->CallState, &State, PspCallOutside, FALSE,
                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    {
        return TRUE;
    }
    PspLeaveCallSlow(Thread);
    return FALSE;
}
// System threads (not the host's own) whose start routine lies in [Low, High), each through VfLeak;
// NULL, NULL: all. PASSIVE_LEVEL.
void PspReportThreads(const void *Low, const void *High);
// Waits until every system thread and process that has been signaled has also let go of its object:
// before objects are counted. PASSIVE_LEVEL, no host lock.
void PspFlushExits(void);
// Bracket the time between such a signal and the letting go.
void PspBeginExit(void);
void PspEndExit(void);
// The process whose context the caller is in (PsGetCurrentProcess).
static inline PEPROCESS
PspCurrentProcess(void)
{
    PETHREAD Thread = PspCurrentThread();
    return Thread->AttachedProcess ? Thread->AttachedProcess : Thread->Process;
}
NTSTATUS PsStart(void);  // types, system process, binds the caller as a system thread
void PsStop(void);

#endif
