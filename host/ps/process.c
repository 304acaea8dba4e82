// SPDX-License-Identifier: MIT
// Processes: creation, expected processes, deletion, identity.
//
// References of a process: its creator's, one while it is alive (dropped at the end of its rundown),
// one of each of its thread objects, one in the reaper's list. It is on PspProcessList from creation
// to the end of its rundown, so whoever holds PspListLock may reference what he finds there.
#include "ps/pspi.h"

#include "io/iop.h"

PEPROCESS PsInitialSystemProcess;
LIST_ENTRY PspProcessList = {&PspProcessList, &PspProcessList};
OS_LOCK PspListLock = OS_LOCK_INIT;

#define PSP_FIRST_ID 4u

static uint32_t PspLastId;  // atomic

void
PspResetIds(void)
{
    __atomic_store_n(&PspLastId, PSP_FIRST_ID - 4, __ATOMIC_RELAXED);
}

// Processes and threads share one number space, in steps of four; the first is the system process.
HANDLE
PspNewId(void)
{
    return (HANDLE)(ULONG_PTR)__atomic_add_fetch(&PspLastId, 4, __ATOMIC_RELAXED);
}

NTSTATUS
PspCreateProcessWithToken(const char *ImageName, SEP_TOKEN *Token, HANDLE ParentId,
                          PEPROCESS *Process)
{
    PEPROCESS New;
    NTSTATUS Status;

    *Process = NULL;
    Status = ObpCreateObject(ObpProcessType, sizeof(EPROCESS), (PVOID *)&New);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    KiInitializeHeader(&New->Pcb.Header, KiProcessObject, 0);
    New->State = PspProcessAlive;
    New->UniqueProcessId = PspNewId();
    New->ParentId = ParentId;
    for (ULONG i = 0; ImageName[i] != 0 && i < sizeof(New->ImageName) - 1; i++)
    {
        New->ImageName[i] = ImageName[i];
    }
    New->ExitStatus = STATUS_PENDING;
    New->MemoryFd = -1;
    InitializeListHead(&New->ThreadList);
    InitializeListHead(&New->ViewList);
    InitializeListHead(&New->GlobalLink);
    KeInitializeEvent(&New->ThreadsGone, NotificationEvent, FALSE);
    ObReferenceObject(Token);
    New->Token = Token;
    Status = SepDefaultDescriptor(Token, &OBP_HEADER(New)->SecurityDescriptor);
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateHandleTable(New, &New->Handles);
    }
    if (!NT_SUCCESS(Status))
    {
        ObDereferenceObject(New);
        return Status;
    }
    ObReferenceObject(New);  // while it is alive
    OsLockAcquire(&PspListLock);
    InsertTailList(&PspProcessList, &New->GlobalLink);
    OsLockRelease(&PspListLock);
    *Process = New;
    return STATUS_SUCCESS;
}

NTSTATUS
PspCreateProcess(const char *ImageName, SEP_WHO Who, PEPROCESS *Process)
{
    SEP_TOKEN *Token;
    NTSTATUS Status = SepCreateToken(Who, &Token);

    *Process = NULL;
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = PspCreateProcessWithToken(ImageName, Token, NULL, Process);
    ObDereferenceObject(Token);
    return Status;
}

NTSTATUS
PspExpectProcess(PEPROCESS Creator, uint32_t HostPid, PEPROCESS *Process)
{
    NTSTATUS Status =
        PspCreateProcessWithToken("(starting)", Creator->Token, Creator->UniqueProcessId, Process);

    if (NT_SUCCESS(Status))
    {
        OsLockAcquire(&(*Process)->Lock);
        (*Process)->HostPid = HostPid;
        (*Process)->Expected = TRUE;
        OsLockRelease(&(*Process)->Lock);
    }
    return Status;
}

PEPROCESS
PspClaimExpectedProcess(uint32_t HostPid)
{
    PEPROCESS Found = NULL;

    OsLockAcquire(&PspListLock);
    for (PLIST_ENTRY Link = PspProcessList.Flink; Link != &PspProcessList && Found == NULL;
         Link = Link->Flink)
    {
        PEPROCESS Process = CONTAINING_RECORD(Link, EPROCESS, GlobalLink);

        OsLockAcquire(&Process->Lock);
        if (Process->Expected && Process->HostPid == HostPid && Process->State == PspProcessAlive)
        {
            Process->Expected = FALSE;
            ObReferenceObject(Process);
            Found = Process;
        }
        OsLockRelease(&Process->Lock);
    }
    OsLockRelease(&PspListLock);
    return Found;
}

void
PspReportExit(PEPROCESS Process, NTSTATUS Status)
{
    BOOLEAN Queue = FALSE;

    OsLockAcquire(&Process->Lock);
    if (!Process->OwnStatus)
    {
        Process->ExitStatus = Status;
        Process->Reported = TRUE;
    }
    if (Process->Expected)
    {
        Process->Expected = FALSE;
        Queue = PspMarkTerminatingLocked(Process, Status, FALSE);
    }
    OsLockRelease(&Process->Lock);
    if (Queue)
    {
        PspQueueRundown(Process);
    }
}

void
PspDeleteProcess(PVOID Object)
{
    PEPROCESS Process = Object;

    if (Process->Handles != NULL)
    {
        ObpDestroyHandleTable(Process->Handles);
    }
    if (Process->MemoryFd >= 0)
    {
        OsClose(Process->MemoryFd);
    }
    if (Process->Token != NULL)
    {
        ObDereferenceObject(Process->Token);
    }
}

PEPROCESS
IoGetCurrentProcess(VOID)
{
    return PspCurrentProcess();
}

HANDLE
PsGetCurrentProcessId(VOID)
{
    // Of the process that the thread belongs to, attached elsewhere or not, as in NT.
    return PspCurrentThread()->Process->UniqueProcessId;
}

HANDLE
PsGetProcessId(PEPROCESS Process)
{
    return Process->UniqueProcessId;
}

NTSTATUS
PsGetProcessExitStatus(PEPROCESS Process)
{
    NTSTATUS Status;

    OsLockAcquire(&Process->Lock);
    Status = Process->ExitStatus;
    OsLockRelease(&Process->Lock);
    return Status;
}

ULONG
PsGetCurrentProcessSessionId(VOID)
{
    return PspCurrentProcess()->Token->SessionId;
}

// Dead processes are not found: their numbers end with their rundown.
NTSTATUS
PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS *Process)
{
    NTSTATUS Status = STATUS_INVALID_CID;

    VF_MAX_IRQL(APC_LEVEL);
    OsLockAcquire(&PspListLock);
    for (PLIST_ENTRY Link = PspProcessList.Flink; Link != &PspProcessList; Link = Link->Flink)
    {
        PEPROCESS Each = CONTAINING_RECORD(Link, EPROCESS, GlobalLink);

        if (Each->UniqueProcessId == ProcessId)
        {
            ObReferenceObject(Each);
            *Process = Each;
            Status = STATUS_SUCCESS;
            break;
        }
    }
    OsLockRelease(&PspListLock);
    return Status;
}
