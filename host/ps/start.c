// SPDX-License-Identifier: MIT
// Start and stop of ps: its object types, the system process, the caller as a system thread.
#include "ps/pspi.h"

static PETHREAD PspStarter;  // the thread that PsStart bound

static BOOLEAN
PspCreateTypes(void)
{
    static const struct _OBJECT_TYPE ProcessTemplate = {
        .Mapping = {STANDARD_RIGHTS_READ | PROCESS_VM_READ | PROCESS_QUERY_INFORMATION,
                    STANDARD_RIGHTS_WRITE | PROCESS_CREATE_PROCESS | PROCESS_CREATE_THREAD |
                        PROCESS_VM_OPERATION | PROCESS_VM_WRITE | PROCESS_DUP_HANDLE |
                        PROCESS_TERMINATE | PROCESS_SET_QUOTA | PROCESS_SET_INFORMATION |
                        PROCESS_SUSPEND_RESUME,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION |
                        PROCESS_TERMINATE,
                    PROCESS_ALL_ACCESS},
        .ValidAccess = PROCESS_ALL_ACCESS,
        .WaitOffset = FIELD_OFFSET(EPROCESS, Pcb.Header),
        .Delete = PspDeleteProcess,
    };
    static const struct _OBJECT_TYPE ThreadTemplate = {
        .Mapping = {STANDARD_RIGHTS_READ | THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION,
                    STANDARD_RIGHTS_WRITE | THREAD_TERMINATE | THREAD_SUSPEND_RESUME |
                        THREAD_SET_CONTEXT | THREAD_SET_INFORMATION,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE | THREAD_QUERY_LIMITED_INFORMATION |
                        THREAD_RESUME,
                    THREAD_ALL_ACCESS},
        .ValidAccess = THREAD_ALL_ACCESS,
        .WaitOffset = FIELD_OFFSET(ETHREAD, Tcb.Header),
        .Delete = PspDeleteThread,
    };

    ObpProcessType = ObpCreateType("Process", &ProcessTemplate);
    ObpThreadType = ObpCreateType("Thread", &ThreadTemplate);
    return ObpProcessType != NULL && ObpThreadType != NULL;
}

// Completes a thread of ke: from now on a DPC that runs on it finds a process, and may reference it.
static void
PspAdoptThread(void *Context, PKTHREAD Tcb)
{
    PETHREAD Thread = (PETHREAD)Tcb;

    Thread->Process = Context;
    OBP_HEADER(Thread)->Type = Context != NULL ? ObpThreadType : NULL;
    OBP_HEADER(Thread)->Flags = OB_FLAG_HOST;
    Thread->UniqueThread = Context != NULL ? PspNewId() : NULL;
}

static NTSTATUS
PspBindStarter(void)
{
    NTSTATUS Status = PspCreateThread(PsInitialSystemProcess, &PspStarter);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OBP_HEADER(PspStarter)->Flags |= OB_FLAG_HOST;
    PspStarter->Tcb.IsSystemThread = TRUE;
    PspStarter->Tcb.InSystemCall = TRUE;
    KiBindThread(&PspStarter->Tcb);
    return STATUS_SUCCESS;
}

static void
PspUnbindStarter(void)
{
    PspExitThread(PspStarter, STATUS_SUCCESS);
    KiUnbindThread();
    ObDereferenceObjectDeferDelete(PspStarter);
    PspStarter = NULL;
}

static void
PspEndSystemProcess(void)
{
    OsLockAcquire(&PspListLock);
    RemoveEntryList(&PsInitialSystemProcess->GlobalLink);
    OsLockRelease(&PspListLock);
    OsLockAcquire(&PsInitialSystemProcess->Lock);
    PsInitialSystemProcess->State = PspProcessDead;
    OsLockRelease(&PsInitialSystemProcess->Lock);
    ObDereferenceObjectDeferDelete(PsInitialSystemProcess);  // alive
    ObDereferenceObjectDeferDelete(PsInitialSystemProcess);  // ours
}

NTSTATUS
PsStart(void)
{
    NTSTATUS Status;

    InitializeListHead(&PspProcessList);
    PspResetIds();
    if (!PspCreateTypes())
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = PspCreateProcess("System", SepSystem, &PsInitialSystemProcess);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    KiEnumerateHostThreads(PspAdoptThread, PsInitialSystemProcess);
    Status = PspBindStarter();
    if (NT_SUCCESS(Status))
    {
        Status = PspStartReaper();
        if (!NT_SUCCESS(Status))
        {
            PspUnbindStarter();
        }
    }
    if (!NT_SUCCESS(Status))
    {
        ObpDestroyHandleTable(PsInitialSystemProcess->Handles);
        KiEnumerateHostThreads(PspAdoptThread, NULL);
        PspEndSystemProcess();
        ObpFlushDeferred();
        PsInitialSystemProcess = NULL;
    }
    return Status;
}

void
PsStop(void)
{
    PspReportThreads(NULL, NULL);
    VfFinishLeakReport("stop of the process manager");
    PspStopReaper();
    // While the caller still is an NT thread: closing handles runs drivers' and types' routines.
    ObpDestroyHandleTable(PsInitialSystemProcess->Handles);
    PspUnbindStarter();
    PspJoinLastThread();
    KiEnumerateHostThreads(PspAdoptThread, NULL);
    PspEndSystemProcess();
    ObpFlushDeferred();
    PsInitialSystemProcess = NULL;
}
