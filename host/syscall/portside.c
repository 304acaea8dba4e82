// SPDX-License-Identifier: MIT
// The kernel half of a remote application thread: takes submissions, runs services, replies.
//
// States of a port (NTP_PORT.State, atomic):
//
//     IDLE --submission--> BUSY --service returned--> (reply) --> IDLE
//                            \--service parked-------> PARKED --satisfier: Finish, reply--> IDLE
//
// The half that replies owns the port from BUSY until it stores IDLE, which is its last touch of the
// NTP_PORT: the kernel half before it looks at the next submission, and teardown before it frees
// anything, wait for IDLE. Between a reply becoming visible and IDLE lies one futex wake at most, so
// these waits are short. A submission that arrives while no reply is due is a protocol violation of a
// hostile application: its process is terminated.
//
// PARKED is entered by KiWaitOrPark, under the dispatcher lock, not here: for this file a parked port
// stays BUSY. After STATUS_KI_PARKED the kernel half touches nothing of the call, since the satisfier
// may have replied already.

#include <string.h>

#include "syscall/ntp.h"

enum
{
    NtpPortIdle,
    NtpPortBusy,
};

#define NTP_SPIN_NS 20000u  // longest spin for the next submission

typedef struct NTP_PORT
{
    NTH_PORT *Shared;
    NTP_CONNECTION *Connection;
    PETHREAD Thread;  // referenced by the kernel half
    OS_THREAD *Host;
    uint32_t State;          // atomic
    uint32_t Stop;           // atomic: leave the loop
    uint32_t Started;        // futex word: Host is set
    uint32_t Ended;          // futex word: the kernel half has left its loop
    uint32_t HostClaimed;    // atomic: who first sets it joins or detaches Host
    uint32_t Sequence;       // kernel half only: submissions taken
    uint32_t ReplySequence;  // replies published; written by the owner of the port, atomic

    // The call: written by the kernel half at submission, read by whoever owns the port.
    uint32_t Service;
    uint32_t WindowCount;
    uint32_t KillHere;
    uint64_t Arguments[NTH_MAX_ARGUMENTS];
    struct
    {
        uint64_t Address;
        uint32_t Length, Flags, Offset, From, To;
    } Windows[NTH_MAX_WINDOWS];
    uint8_t Inline[NTH_PORT_INLINE];  // private copy of the IN windows
} NTP_PORT;

// Kernel halves spinning now; bounded by the processors we have less one (atomic).
static uint32_t NtpSpinners;

// ---- Windows ----

static int
NtpFindWindow(const NTP_PORT *Port, uint64_t Address, SIZE_T Size, uint32_t Flag)
{
    for (uint32_t Index = 0; Index < Port->WindowCount; Index++)
    {
        uint64_t Start = Port->Windows[Index].Address;
        if ((Port->Windows[Index].Flags & Flag) != 0 && Address >= Start &&
            Size <= Port->Windows[Index].Length &&
            Address - Start <= Port->Windows[Index].Length - Size)
        {
            return (int)Index;
        }
    }
    return -1;
}

static BOOLEAN
NtpReadWindow(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size)
{
    NTP_PORT *Port = Thread->Port;
    if (Port == NULL || Size == 0)
    {
        return FALSE;
    }
    int Index = NtpFindWindow(Port, (uintptr_t)From, Size, NTH_WINDOW_IN);
    if (Index < 0)
    {
        return FALSE;
    }
    memcpy(To,
           Port->Inline + Port->Windows[Index].Offset +
               ((uintptr_t)From - Port->Windows[Index].Address),
           Size);
    return TRUE;
}

// Output goes straight into the shared page, which the kernel never reads back. What a window
// carries is one extent: bytes the kernel did not write must not overwrite the application's. A
// write that does not join the extent goes through the memory descriptor instead.
static BOOLEAN
NtpWriteWindow(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size)
{
    NTP_PORT *Port = Thread->Port;
    if (Port == NULL || Size == 0)
    {
        return FALSE;
    }
    int Index = NtpFindWindow(Port, (uintptr_t)To, Size, NTH_WINDOW_OUT);
    if (Index < 0)
    {
        return FALSE;
    }
    uint32_t Start = (uint32_t)((uintptr_t)To - Port->Windows[Index].Address);
    uint32_t End = Start + (uint32_t)Size;
    if (Port->Windows[Index].From != Port->Windows[Index].To)
    {
        if (Start > Port->Windows[Index].To || End < Port->Windows[Index].From)
        {
            return FALSE;
        }
        if (Port->Windows[Index].From < Start)
        {
            Start = Port->Windows[Index].From;
        }
        if (Port->Windows[Index].To > End)
        {
            End = Port->Windows[Index].To;
        }
    }
    memcpy(Port->Shared->Inline + Port->Windows[Index].Offset +
               ((uintptr_t)To - Port->Windows[Index].Address),
           From, Size);
    Port->Windows[Index].From = Start;
    Port->Windows[Index].To = End;
    return TRUE;
}

const MI_WINDOW_OPERATIONS NtpWindowOperations = {NtpReadWindow, NtpWriteWindow};

// Copies the submission once and validates the copy. FALSE: hostile.
static BOOLEAN
NtpTakeSubmission(NTP_PORT *Port)
{
    NTH_PORT *Shared = Port->Shared;
    Port->Service = __atomic_load_n(&Shared->Service, __ATOMIC_RELAXED);
    uint32_t Count = __atomic_load_n(&Shared->WindowCount, __ATOMIC_RELAXED);
    if (Port->Service >= NtsCount || Count > NTH_MAX_WINDOWS)
    {
        return FALSE;
    }
    memcpy(Port->Arguments, Shared->Arguments, sizeof(Port->Arguments));
    uint32_t Offset = 0;
    for (uint32_t Index = 0; Index < Count; Index++)
    {
        NTH_WINDOW Window;
        memcpy(&Window, &Shared->Windows[Index], sizeof(Window));
        if ((Window.Flags & ~(NTH_WINDOW_IN | NTH_WINDOW_OUT)) != 0 ||
            Window.Length > NTH_PORT_INLINE - Offset)
        {
            return FALSE;
        }
        Port->Windows[Index].Address = Window.Address;
        Port->Windows[Index].Length = Window.Length;
        Port->Windows[Index].Flags = Window.Flags;
        Port->Windows[Index].Offset = Offset;
        Port->Windows[Index].From = 0;
        Port->Windows[Index].To = 0;
        if ((Window.Flags & NTH_WINDOW_IN) != 0)
        {
            memcpy(Port->Inline + Offset, Shared->Inline + Offset, Window.Length);
        }
        Offset += (Window.Length + 7u) & ~7u;
        if (Offset > NTH_PORT_INLINE)
        {
            Offset = NTH_PORT_INLINE;
        }
    }
    Port->WindowCount = Count;
    return TRUE;
}

// Makes the reply visible, wakes the application if it sleeps, gives the port back.
static void
NtpPublishReply(NTP_PORT *Port, NTSTATUS Status)
{
    NTH_PORT *Shared = Port->Shared;
    __atomic_store_n(&Shared->Status, Status, __ATOMIC_RELAXED);
    for (uint32_t Index = 0; Index < Port->WindowCount; Index++)
    {
        __atomic_store_n(&Shared->Written[Index].From, Port->Windows[Index].From, __ATOMIC_RELAXED);
        __atomic_store_n(&Shared->Written[Index].To, Port->Windows[Index].To, __ATOMIC_RELAXED);
    }
    Port->WindowCount = 0;
    uint32_t Sequence = Port->ReplySequence + 1;
    __atomic_store_n(&Port->ReplySequence, Sequence, __ATOMIC_RELAXED);
    // The exchange publishes the reply (release) and is the full fence between the sequence and the
    // sleeping flag (pairs with the application's store of ReplySleeping, fence, load of the
    // sequence); see port.h.
    __atomic_exchange_n(&Shared->ReplySequence, Sequence, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&Shared->ReplySleeping, __ATOMIC_SEQ_CST) != 0)
    {
        OsWakeWord(&Shared->ReplySequence, 1, true);
    }
    // Release: pairs with the acquire loads of NtpAwaitIdle; the last touch of the port.
    __atomic_store_n(&Port->State, NtpPortIdle, __ATOMIC_RELEASE);
}

// KTHREAD.Reply: a satisfier ends a parked call.
static void
NtpReply(PKTHREAD Thread, NTSTATUS Status)
{
    NtpPublishReply(((PETHREAD)Thread)->Port, Status);
}

static void
NtpAwaitIdle(NTP_PORT *Port)
{
    for (uint32_t Turn = 0; __atomic_load_n(&Port->State, __ATOMIC_ACQUIRE) != NtpPortIdle; Turn++)
    {
        if (Turn < 64)
        {
            OsPause();
        }
        else
        {
            OsYield();
        }
    }
}

static void
NtpKillPoint(NTP_PORT *Port, uint32_t Point)
{
    if (Port->KillHere == Point)
    {
        OsKillProcess(Port->Connection->HostPid);
    }
}

static BOOLEAN
NtpSubmitted(NTP_PORT *Port, uint32_t *Sequence)
{
    *Sequence = __atomic_load_n(&Port->Shared->SubmitSequence, __ATOMIC_ACQUIRE);
    return *Sequence != Port->Sequence || __atomic_load_n(&Port->Stop, __ATOMIC_ACQUIRE) != 0;
}

// Returns when there is a submission or a stop. Spins for a bounded time first, if Spin says so and
// the budget allows it.
static void
NtpAwaitSubmission(NTP_PORT *Port, BOOLEAN Spin)
{
    uint32_t Sequence;
    if (Spin)
    {
        uint32_t Others = __atomic_fetch_add(&NtpSpinners, 1, __ATOMIC_RELAXED);
        if (Others + 1 < OsProcessorCount() || Others == 0)
        {
            uint64_t End = 0;
            for (uint32_t Turn = 0; OsProcessorCount() > 1; Turn++)
            {
                if (NtpSubmitted(Port, &Sequence))
                {
                    __atomic_fetch_sub(&NtpSpinners, 1, __ATOMIC_RELAXED);
                    return;
                }
                OsPause();
                if ((Turn & 63u) == 0)
                {
                    uint64_t Now = OsMonotonicNs();
                    if (End == 0)
                    {
                        End = Now + NTP_SPIN_NS;
                    }
                    else if (Now >= End)
                    {
                        break;
                    }
                }
            }
        }
        __atomic_fetch_sub(&NtpSpinners, 1, __ATOMIC_RELAXED);
    }
    while (!NtpSubmitted(Port, &Sequence))
    {
        // Full fence between the flag and the sequence: pairs with the application's exchange of
        // SubmitSequence and its load of SubmitSleeping (port.h).
        __atomic_exchange_n(&Port->Shared->SubmitSleeping, 1, __ATOMIC_SEQ_CST);
        if (!NtpSubmitted(Port, &Sequence))
        {
            // Stop does not change the word we sleep on, so NtpStopThread wakes it again and again
            // until Ended is set.
            OsWaitWord(&Port->Shared->SubmitSequence, Sequence, OS_FOREVER, true);
        }
        __atomic_store_n(&Port->Shared->SubmitSleeping, 0, __ATOMIC_RELAXED);
    }
}

static void
NtpKernelHalf(void *Context)
{
    NTP_PORT *Port = Context;
    PETHREAD Thread = Port->Thread;
    NTP_CONNECTION *Connection = Port->Connection;
    while (__atomic_load_n(&Port->Started, __ATOMIC_ACQUIRE) == 0)
    {
        OsWaitWord(&Port->Started, 0, OS_FOREVER, false);
    }
    KiBindThread(&Thread->Tcb);
    Thread->Tcb.PreviousMode = UserMode;
    Thread->Tcb.MayPark = TRUE;
    Thread->Tcb.InSystemCall = TRUE;
    Thread->Tcb.Reply = NtpReply;

    BOOLEAN Spin = FALSE, Exiting = FALSE;
    while (!Exiting)
    {
        NtpAwaitSubmission(Port, Spin);
        if (__atomic_load_n(&Port->Stop, __ATOMIC_ACQUIRE) != 0)
        {
            break;
        }
        // A well-behaved application submits one call, and only after it saw the reply to the last.
        uint32_t Sequence = __atomic_load_n(&Port->Shared->SubmitSequence, __ATOMIC_ACQUIRE);
        if (Sequence != Port->Sequence + 1 ||
            __atomic_load_n(&Port->ReplySequence, __ATOMIC_RELAXED) != Port->Sequence)
        {
            PspTerminateProcess(Connection->Process, STATUS_INVALID_PARAMETER);
            break;
        }
        Port->Sequence = Sequence;
        NtpAwaitIdle(Port);  // the satisfier that published is about to let go
        __atomic_store_n(&Port->State, NtpPortBusy, __ATOMIC_RELAXED);
        __atomic_store_n(&Port->Shared->Parked, 0, __ATOMIC_RELAXED);
        if (!NtpTakeSubmission(Port))
        {
            __atomic_store_n(&Port->State, NtpPortIdle, __ATOMIC_RELEASE);
            PspTerminateProcess(Connection->Process, STATUS_INVALID_PARAMETER);
            break;
        }
        Port->KillHere = NthKillNone;
        if (Connection->KillPoint != NthKillNone &&
            __atomic_add_fetch(&Connection->CallNumber, 1, __ATOMIC_RELAXED) ==
                Connection->KillCall)
        {
            Port->KillHere = Connection->KillPoint;
        }
        NtpKillPoint(Port, NthKillInDispatch);
        uint32_t KillHere = Port->KillHere;
        uint32_t HostPid = Connection->HostPid;
        Exiting = Port->Service == Nts_NthExitThread;

        NTSTATUS Status = NtpDispatch(Port->Service, Port->Arguments);
        if (Status == STATUS_KI_PARKED)
        {
            // Not ours any more: a satisfier may reply at any moment. The hint is harmless late, as
            // the next submission clears it.
            __atomic_store_n(&Port->Shared->Parked, 1, __ATOMIC_RELAXED);
            if (KillHere == NthKillParked)
            {
                OsKillProcess(HostPid);
            }
            Spin = FALSE;
        }
        else
        {
            NtpPublishReply(Port, Status);
            Spin = TRUE;
        }
    }
    KiUnbindThread();
    if (__atomic_exchange_n(&Port->HostClaimed, 1, __ATOMIC_ACQ_REL) == 0)
    {
        OsThreadDetach(Port->Host);
        Port->Host = NULL;
    }
    PspBeginExit();
    __atomic_store_n(&Port->Ended, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Port->Ended, UINT32_MAX, false);
    // The reference NtpCreatePort took for this loop; the port is freed with the thread object, by a
    // worker, never here.
    ObDereferenceObjectDeferDelete(Thread);
    PspEndExit();
}

// The port's memory. Called at the thread object's deletion: the kernel half holds a reference, so
// it has ended, or (creation failed) never began.
static void
NtpFreePort(void *Context)
{
    NTP_PORT *Port = Context;
    if (Port->Host != NULL)
    {
        OsThreadJoin(Port->Host);
    }
    NtpAwaitIdle(Port);
    OsUnmap(Port->Shared, sizeof(NTH_PORT));
    MiFreePool(Port, MI_TAG_HOST, FALSE);
}

void
NtpStopThread(PETHREAD Thread)
{
    NTP_PORT *Port = Thread->Port;
    __atomic_store_n(&Port->Stop, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&Port->Shared->Dead, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&Port->Ended, __ATOMIC_ACQUIRE) == 0)
    {
        OsWakeWord(&Port->Shared->SubmitSequence, UINT32_MAX, true);
        OsWaitWord(&Port->Ended, 0, OsMonotonicNs() + 1000000u, false);
    }
    if (__atomic_exchange_n(&Port->HostClaimed, 1, __ATOMIC_ACQ_REL) == 0)
    {
        OsThreadJoin(Port->Host);
        Port->Host = NULL;
    }
    NtpAwaitIdle(Port);
    OsWakeWord(&Port->Shared->ReplySequence, UINT32_MAX, true);
}

NTSTATUS
NtpCreatePort(NTP_CONNECTION *Connection, PETHREAD Thread, int *Fd)
{
    if (VfFault(__func__))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTP_PORT *Port = MiAllocatePool(NonPagedPool, sizeof(NTP_PORT), MI_TAG_HOST, TRUE);
    if (Port == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    void *Shared = NULL;
    if (OsSharedCreate("nthost-port", sizeof(NTH_PORT), Fd) != OS_OK)
    {
        MiFreePool(Port, MI_TAG_HOST, FALSE);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // No seal may be added by the application: one against writes would stop later mappings.
    if (OsSharedSealSeals(*Fd) != OS_OK ||
        OsSharedMap(*Fd, 0, sizeof(NTH_PORT), true, &Shared) != OS_OK)
    {
        OsClose(*Fd);
        MiFreePool(Port, MI_TAG_HOST, FALSE);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Port->Shared = Shared;
    Port->Connection = Connection;
    Port->Thread = Thread;
    ObReferenceObject(Thread);  // the kernel half's
    if (OsThreadStart(NtpKernelHalf, Port, "nt-half", &Port->Host) != OS_OK)
    {
        ObDereferenceObject(Thread);
        OsUnmap(Shared, sizeof(NTH_PORT));
        OsClose(*Fd);
        MiFreePool(Port, MI_TAG_HOST, FALSE);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // Either the rundown finds the port (it looks at the list under this lock after it has marked the
    // process), or we find the mark.
    PEPROCESS Process = Thread->Process;
    OsLockAcquire(&Process->Lock);
    Thread->FreePort = NtpFreePort;
    Thread->Port = Port;
    BOOLEAN TooLate = Process->State != PspProcessAlive;
    OsLockRelease(&Process->Lock);
    __atomic_store_n(&Port->Started, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Port->Started, 1, false);
    if (TooLate)
    {
        NtpStopThread(Thread);
        OsClose(*Fd);
        return STATUS_PROCESS_IS_TERMINATING;
    }
    return STATUS_SUCCESS;
}
