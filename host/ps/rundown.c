// SPDX-License-Identifier: MIT
// The death of a process: who decides it, and the rundown that follows on a thread of its own.
//
// PspMarkTerminatingLocked changes Alive to Terminating once; that caller queues the process to the
// reaper, which gives each process a thread, so that one whose driver does not let go of an IRP does
// not hold up the others. Should no thread be available the reaper does the work itself.
//
// Rundown: every thread is told to end (its UserMode waits end, and so do its parked calls), its IRPs
// are cancelled, then it is stopped: a remote one by its connection, a local one by CallState, a system
// thread by itself. When no thread is left nobody works in the process, and handles (cleanup, close),
// views and references go. Then the process is signaled.
//
// The reaper's list has its own lock; ReaperWord is incremented under it after a process was linked,
// and the reaper reads the word before it looks at the list: a process linked later changes the word,
// and OsWaitWord returns at once.
#include "ps/pspi.h"

#include "io/iop.h"

static OS_LOCK PspReaperLock = OS_LOCK_INIT;
static PEPROCESS PspReaperFirst, PspReaperLast;  // guarded by PspReaperLock
static BOOLEAN PspReaperStopping;                // guarded by PspReaperLock
static uint32_t PspReaperWord;                   // atomic futex word
static uint32_t PspReaperEnded;                  // atomic futex word: 1 once the reaper has left

BOOLEAN
PspMarkTerminatingLocked(PEPROCESS Process, NTSTATUS Status, BOOLEAN Own)
{
    if (Process->State != PspProcessAlive || Process == PsInitialSystemProcess)
    {
        return FALSE;
    }
    Process->State = PspProcessTerminating;
    if (Own || !Process->Reported)
    {
        Process->ExitStatus = Status;
        Process->OwnStatus = Own;
    }
    return TRUE;
}

void
PspQueueRundown(PEPROCESS Process)
{
    ObReferenceObject(Process);  // the list's, then the rundown's
    OsLockAcquire(&PspReaperLock);
    Process->NextToRunDown = NULL;
    if (PspReaperLast != NULL)
    {
        PspReaperLast->NextToRunDown = Process;
    }
    else
    {
        PspReaperFirst = Process;
    }
    PspReaperLast = Process;
    (void)__atomic_fetch_add(&PspReaperWord, 1, __ATOMIC_SEQ_CST);
    OsLockRelease(&PspReaperLock);
    OsWakeWord(&PspReaperWord, 1, false);
}

NTSTATUS
PspTerminate(PEPROCESS Process, NTSTATUS Status, BOOLEAN Own)
{
    BOOLEAN Queue;

    if (Process == PsInitialSystemProcess)
    {
        return STATUS_ACCESS_DENIED;
    }
    OsLockAcquire(&Process->Lock);
    Queue = PspMarkTerminatingLocked(Process, Status, Own);
    OsLockRelease(&Process->Lock);
    if (!Queue)
    {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    PspQueueRundown(Process);
    return STATUS_SUCCESS;
}

void
PspTerminateProcess(PEPROCESS Process, NTSTATUS Status)
{
    PETHREAD Caller = PspCurrentThread();

    // A program's own word about its end outweighs what others see of it; the host's threads only
    // report that a connection broke.
    (void)PspTerminate(Process, Status,
                       Caller != NULL && Caller->Process != PsInitialSystemProcess);
}

void
PspWaitForProcess(PEPROCESS Process)
{
    KI_ASSERT_NO_HOST_LOCKS();
    // Acquire: pairs with the release store at the end of the rundown, which wakes.
    while (__atomic_load_n(&Process->DeadWord, __ATOMIC_ACQUIRE) == 0)
    {
        (void)OsWaitWord(&Process->DeadWord, 0, OS_FOREVER, false);
    }
}

void
PspLeaveCallSlow(PETHREAD Thread)
{
    // A stop was asked for meanwhile. Release: pairs with the acquire in PspStopLocalThread. Nothing of
    // the thread is touched after it; the futex call uses the address only.
    __atomic_store_n(&Thread->CallState, PspCallStopped, __ATOMIC_RELEASE);
    OsWakeWord(&Thread->CallState, UINT32_MAX, false);
}

// Returns when a local application's thread is outside the kernel and cannot come in again.
static void
PspStopLocalThread(PETHREAD Thread)
{
    // Acquire in all of them: pairs with the releases in PspLeaveCall and PspLeaveCallSlow.
    uint32_t State = __atomic_load_n(&Thread->CallState, __ATOMIC_ACQUIRE);

    while (State != PspCallStopped)
    {
        if (State == PspCallStopAsked)
        {
            (void)OsWaitWord(&Thread->CallState, PspCallStopAsked, OS_FOREVER, false);
            State = __atomic_load_n(&Thread->CallState, __ATOMIC_ACQUIRE);
        }
        else
        {
            (void)__atomic_compare_exchange_n(&Thread->CallState, &State,
                                              State == PspCallOutside ? PspCallStopped
                                                                      : PspCallStopAsked,
                                              FALSE, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
            State = __atomic_load_n(&Thread->CallState, __ATOMIC_ACQUIRE);
        }
    }
}

// The next thread for which *Done(Thread) is FALSE, marked and referenced, or NULL.
static PETHREAD
PspNextThread(PEPROCESS Process, BOOLEAN *(*Done)(PETHREAD Thread))
{
    PETHREAD Found = NULL;

    OsLockAcquire(&Process->Lock);
    for (PLIST_ENTRY Entry = Process->ThreadList.Flink; Entry != &Process->ThreadList;
         Entry = Entry->Flink)
    {
        PETHREAD Thread = CONTAINING_RECORD(Entry, ETHREAD, ProcessLink);

        if (!*Done(Thread))
        {
            *Done(Thread) = TRUE;
            ObReferenceObject(Thread);
            Found = Thread;
            break;
        }
    }
    OsLockRelease(&Process->Lock);
    return Found;
}

static BOOLEAN *
PspToldToEnd(PETHREAD Thread)
{
    return &Thread->ToldToEnd;
}

static BOOLEAN *
PspStopped(PETHREAD Thread)
{
    return &Thread->Stopped;
}

static void
PspStopThread(PEPROCESS Process, PETHREAD Thread)
{
    void *Port;

    if (Thread->Tcb.IsSystemThread)
    {
        return;  // a driver's thread inside the process: it ends when the driver says so
    }
    // The port is set under the lock (host/syscall looks at State there, in turn).
    OsLockAcquire(&Process->Lock);
    Port = Thread->Port;
    OsLockRelease(&Process->Lock);
    // It may be inside a service that waits for an IRP of its own.
    IopCancelThreadIrps(Thread);
    if (Port != NULL)
    {
        Process->ConnectionOperations->StopThread(Thread);
    }
    else
    {
        PspStopLocalThread(Thread);
    }
    PspExitThread(Thread, PsGetProcessExitStatus(Process));
}

static void
PspRunDownThreads(PEPROCESS Process)
{
    PETHREAD Thread;
    BOOLEAN Gone;

    while ((Thread = PspNextThread(Process, PspToldToEnd)) != NULL)
    {
        KiSetTerminating(&Thread->Tcb);
        ObDereferenceObject(Thread);
    }
    while ((Thread = PspNextThread(Process, PspStopped)) != NULL)
    {
        PspStopThread(Process, Thread);
        ObDereferenceObject(Thread);
    }
    OsLockAcquire(&Process->Lock);
    Gone = Process->ThreadCount == 0 && Process->ExitingThreads == 0;
    OsLockRelease(&Process->Lock);
    if (!Gone)
    {
        // No thread can come any more, so whoever takes the counts to 0 sets the event.
        KeWaitForSingleObject(&Process->ThreadsGone, Executive, KernelMode, FALSE, NULL);
    }
}

static VOID
PspRunDown(PVOID Context)
{
    PEPROCESS Process = Context;
    PETHREAD Self = PspCurrentThread();
    KI_WAKE Wake = {0};

    PspRunDownThreads(Process);

    // Drivers see the dying process as the current one in cleanup and close.
    Self->AttachedProcess = Process;
    ObpDestroyHandleTable(Process->Handles);
    MiRunDownViews(Process);
    Self->AttachedProcess = NULL;

    if (Process->ConnectionOperations != NULL)
    {
        Process->ConnectionOperations->ProcessDead(Process);
    }
    OsLockAcquire(&PspListLock);
    RemoveEntryList(&Process->GlobalLink);
    OsLockRelease(&PspListLock);
    OsLockAcquire(&Process->Lock);
    Process->State = PspProcessDead;
    OsLockRelease(&Process->Lock);

    PspBeginExit();
    KiLockDispatcher();
    KiSetSignalState(&Process->Pcb.Header, 1);
    KiSignalObject(&Process->Pcb.Header, &Wake);
    KiUnlockDispatcher(&Wake);
    // Release: pairs with the acquire in PspWaitForProcess.
    __atomic_store_n(&Process->DeadWord, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Process->DeadWord, UINT32_MAX, false);
    ObDereferenceObject(Process);  // it is alive no more
    ObDereferenceObject(Process);  // the reaper's
    PspEndExit();
}

static VOID
PspReaper(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;)
    {
        uint32_t Word = __atomic_load_n(&PspReaperWord, __ATOMIC_SEQ_CST);
        PEPROCESS Process;
        BOOLEAN Stopping;

        OsLockAcquire(&PspReaperLock);
        Process = PspReaperFirst;
        if (Process != NULL)
        {
            PspReaperFirst = Process->NextToRunDown;
            if (PspReaperFirst == NULL)
            {
                PspReaperLast = NULL;
            }
        }
        Stopping = PspReaperStopping;
        OsLockRelease(&PspReaperLock);
        if (Process != NULL)
        {
            if (!NT_SUCCESS(PspStartHostThread(PspRunDown, Process, "nt-rundown")))
            {
                PspRunDown(Process);
            }
        }
        else if (Stopping)
        {
            break;
        }
        else
        {
            (void)OsWaitWord(&PspReaperWord, Word, OS_FOREVER, false);
        }
    }
    __atomic_store_n(&PspReaperEnded, 1, __ATOMIC_RELEASE);
    OsWakeWord(&PspReaperEnded, 1, false);
}

NTSTATUS
PspStartReaper(void)
{
    PspReaperFirst = PspReaperLast = NULL;
    PspReaperStopping = FALSE;
    __atomic_store_n(&PspReaperWord, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&PspReaperEnded, 0, __ATOMIC_RELAXED);
    return PspStartHostThread(PspReaper, NULL, "nt-reaper");
}

void
PspStopReaper(void)
{
    OsLockAcquire(&PspReaperLock);
    PspReaperStopping = TRUE;
    (void)__atomic_fetch_add(&PspReaperWord, 1, __ATOMIC_SEQ_CST);
    OsLockRelease(&PspReaperLock);
    OsWakeWord(&PspReaperWord, 1, false);
    while (__atomic_load_n(&PspReaperEnded, __ATOMIC_ACQUIRE) == 0)
    {
        (void)OsWaitWord(&PspReaperEnded, 0, OS_FOREVER, false);
    }
}
