// SPDX-License-Identifier: MIT
// Threads of every kind: creation, exit, deletion, identity.
//
// References of a thread object: its creator's, one of its process's list (dropped by PspExitThread),
// one of the host thread that runs it. PspExitThread may be called by the thread and by a rundown at
// once; Exiting, under the process's lock, lets one of them through.
#include "ps/pspi.h"

#include "io/iop.h"

NTSTATUS
PspCreateThread(PEPROCESS Process, PETHREAD *Thread)
{
    PETHREAD New;
    NTSTATUS Status;
    BOOLEAN TooLate;

    *Thread = NULL;
    Status = ObpCreateObject(ObpThreadType, sizeof(ETHREAD), (PVOID *)&New);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    KiInitializeThread(&New->Tcb);
    ObReferenceObject(Process);
    New->Process = Process;
    New->UniqueThread = PspNewId();
    New->ExitStatus = STATUS_PENDING;
    InitializeListHead(&New->IrpList);
    OsLockAcquire(&Process->Lock);
    TooLate = Process->State != PspProcessAlive;
    if (!TooLate)
    {
        ObReferenceObject(New);  // the list's
        InsertTailList(&Process->ThreadList, &New->ProcessLink);
        Process->ThreadCount++;
    }
    OsLockRelease(&Process->Lock);
    if (TooLate)
    {
        ObDereferenceObject(New);
        return STATUS_PROCESS_IS_TERMINATING;
    }
    *Thread = New;
    return STATUS_SUCCESS;
}

void
PspExitThread(PETHREAD Thread, NTSTATUS Status)
{
    PEPROCESS Process = Thread->Process;
    BOOLEAN Mine, Queue = FALSE, Gone;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    OsLockAcquire(&Process->Lock);
    Mine = !Thread->Exiting;
    Thread->Exiting = TRUE;
    OsLockRelease(&Process->Lock);
    if (!Mine)
    {
        return;
    }
    // A call that is parked on behalf of a thread that is gone must be answered: its Finish drops
    // references.
    KiSetTerminating(&Thread->Tcb);
    KiQuiesceThread(&Thread->Tcb);
    IopCancelThreadIrps(Thread);

    ObReferenceObject(Process);  // the thread's own reference may go with the list's
    OsLockAcquire(&Process->Lock);
    Thread->ExitStatus = Status;
    // Off the list before it is signaled: who waited for it does not find it there any more.
    RemoveEntryList(&Thread->ProcessLink);
    Process->ThreadCount--;
    Process->ExitingThreads++;
    if (Process->ThreadCount == 0 && Process != PsInitialSystemProcess)
    {
        Queue = PspMarkTerminatingLocked(Process, Status, TRUE);
    }
    OsLockRelease(&Process->Lock);

    KiTerminateThread(&Thread->Tcb);

    OsLockAcquire(&Process->Lock);
    Process->ExitingThreads--;
    Gone = Process->State != PspProcessAlive && Process->ThreadCount == 0 &&
           Process->ExitingThreads == 0;
    OsLockRelease(&Process->Lock);
    if (Gone)
    {
        KeSetEvent(&Process->ThreadsGone, 0, FALSE);
    }
    if (Queue)
    {
        PspQueueRundown(Process);
    }
    ObDereferenceObjectDeferDelete(Process);
    ObDereferenceObjectDeferDelete(Thread);
}

void
PspDeleteThread(PVOID Object)
{
    PETHREAD Thread = Object;

    if (Thread->Port != NULL && Thread->FreePort != NULL)
    {
        Thread->FreePort(Thread->Port);
    }
    if (Thread->IoObject != NULL)
    {
        ObDereferenceObject(Thread->IoObject);
    }
    if (Thread->Process != NULL)
    {
        ObDereferenceObject(Thread->Process);
    }
}

HANDLE
PsGetCurrentThreadId(VOID)
{
    return PspCurrentThread()->UniqueThread;
}

HANDLE
PsGetThreadId(PETHREAD Thread)
{
    return Thread->UniqueThread;
}

HANDLE
PsGetThreadProcessId(PETHREAD Thread)
{
    return Thread->Process->UniqueProcessId;
}

PEPROCESS
PsGetThreadProcess(PETHREAD Thread)
{
    return Thread->Process;
}

PEPROCESS
IoThreadToProcess(PETHREAD Thread)
{
    return Thread->Process;
}

BOOLEAN
PsIsSystemThread(PETHREAD Thread)
{
    return Thread->Tcb.IsSystemThread;
}

BOOLEAN
PsIsThreadTerminating(PETHREAD Thread)
{
    BOOLEAN Terminating;

    KiLockDispatcher();
    Terminating = Thread->Tcb.Terminating;
    OsLockRelease(&KiDispatcherLock);
    return Terminating;
}

NTSTATUS
PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread)
{
    PETHREAD Found = NULL;

    VF_MAX_IRQL(APC_LEVEL);
    OsLockAcquire(&PspListLock);
    for (PLIST_ENTRY Link = PspProcessList.Flink; Link != &PspProcessList && Found == NULL;
         Link = Link->Flink)
    {
        PEPROCESS Process = CONTAINING_RECORD(Link, EPROCESS, GlobalLink);

        OsLockAcquire(&Process->Lock);
        for (PLIST_ENTRY Entry = Process->ThreadList.Flink; Entry != &Process->ThreadList;
             Entry = Entry->Flink)
        {
            PETHREAD Each = CONTAINING_RECORD(Entry, ETHREAD, ProcessLink);

            if (Each->UniqueThread == ThreadId)
            {
                ObReferenceObject(Each);
                Found = Each;
                break;
            }
        }
        OsLockRelease(&Process->Lock);
    }
    OsLockRelease(&PspListLock);
    if (Found == NULL)
    {
        return STATUS_INVALID_CID;
    }
    *Thread = Found;
    return STATUS_SUCCESS;
}
