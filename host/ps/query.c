// SPDX-License-Identifier: MIT
// The system services on processes and threads: open, terminate, query.
#include "ps/pspi.h"

// libwine names only some members of PROCESS_BASIC_INFORMATION; this is its layout in full.
typedef struct PSP_PROCESS_BASIC
{
    NTSTATUS ExitStatus;
    PVOID PebBaseAddress;
    ULONG_PTR AffinityMask;
    KPRIORITY BasePriority;
    ULONG_PTR UniqueProcessId;
    ULONG_PTR InheritedFromUniqueProcessId;
} PSP_PROCESS_BASIC;
C_ASSERT(sizeof(PSP_PROCESS_BASIC) == sizeof(PROCESS_BASIC_INFORMATION));
C_ASSERT(FIELD_OFFSET(PSP_PROCESS_BASIC, UniqueProcessId) ==
         FIELD_OFFSET(PROCESS_BASIC_INFORMATION, UniqueProcessId));

#define PSP_BASE_PRIORITY 8  // NORMAL_PRIORITY_CLASS

static NTSTATUS
PspOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
               const CLIENT_ID *ClientId)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    PEPROCESS Process;
    HANDLE Handle;
    NTSTATUS Status;

    Status = PsLookupProcessByProcessId(ClientId->UniqueProcess, &Process);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (ClientId->UniqueThread != NULL)
    {
        PETHREAD Thread;

        Status = PsLookupThreadByThreadId(ClientId->UniqueThread, &Thread);
        if (NT_SUCCESS(Status))
        {
            Status = Thread->Process == Process ? STATUS_SUCCESS : STATUS_INVALID_CID;
            ObDereferenceObject(Thread);
        }
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObOpenObjectByPointer(Process, HandleAttributes, NULL, DesiredAccess,
                                       ObpProcessType, Mode, &Handle);
    }
    ObDereferenceObject(Process);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    return ObpReturnHandle(ProcessHandle, Handle, Mode);
}

NTSTATUS
NtOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess,
              const OBJECT_ATTRIBUTES *ObjectAttributes, const CLIENT_ID *ClientId)
{
    OBP_CAPTURED Captured;
    CLIENT_ID Id;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = MmProbeCaller(ProcessHandle, sizeof(*ProcessHandle), TRUE);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (ClientId == NULL)
    {
        return STATUS_INVALID_PARAMETER_MIX;  // processes have no names to open them by
    }
    Status = MmCopyFromCaller(&Id, ClientId, sizeof(Id));
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCaptureAttributes((POBJECT_ATTRIBUTES)ObjectAttributes,
                                  KiCurrentThread->PreviousMode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status =
            Captured.Attributes.ObjectName != NULL
                ? STATUS_INVALID_PARAMETER_MIX
                : PspOpenProcess(ProcessHandle, DesiredAccess, Captured.Attributes.Attributes, &Id);
    }
    ObpFreeCapturedAttributes(&Captured);
    return Status;
}

NTSTATUS
ZwOpenProcess(PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
              PCLIENT_ID ClientId)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtOpenProcess(ProcessHandle, DesiredAccess, ObjectAttributes, ClientId);

    KiLeaveZw(Old);
    return Status;
}

// NULL, "all other threads of mine", is the first half of NT's own process exit; here NthExitProcess
// ends a process whole, and NULL is an invalid handle like any other.
NTSTATUS
NtTerminateProcess(HANDLE ProcessHandle, LONG ExitStatus)
{
    PEPROCESS Process;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_TERMINATE, ObpProcessType,
                                       KiCurrentThread->PreviousMode, (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = PspTerminate(Process, ExitStatus, TRUE);
    ObDereferenceObject(Process);
    return Status;
}

NTSTATUS
ZwTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtTerminateProcess(ProcessHandle, ExitStatus);

    KiLeaveZw(Old);
    return Status;
}

static NTSTATUS
PspReturnInformation(PVOID To, PULONG ReturnLength, const VOID *From, ULONG Size)
{
    NTSTATUS Status = MmCopyToCaller(To, From, Size);

    if (NT_SUCCESS(Status) && ReturnLength != NULL)
    {
        Status = MmCopyToCaller(ReturnLength, &Size, sizeof(Size));
    }
    return Status;
}

NTSTATUS
NtQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                          PVOID ProcessInformation, ULONG ProcessInformationLength,
                          PULONG ReturnLength)
{
    PSP_PROCESS_BASIC Basic;
    PEPROCESS Process;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (ProcessInformationClass != ProcessBasicInformation)
    {
        return STATUS_INVALID_INFO_CLASS;
    }
    if (ProcessInformationLength != sizeof(Basic))
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status =
        ObReferenceObjectByHandle(ProcessHandle, PROCESS_QUERY_LIMITED_INFORMATION, ObpProcessType,
                                  KiCurrentThread->PreviousMode, (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    memset(&Basic, 0, sizeof(Basic));
    OsLockAcquire(&Process->Lock);
    // STATUS_PENDING, which Win32 calls STILL_ACTIVE, until it has ended.
    Basic.ExitStatus = Process->State == PspProcessDead ? Process->ExitStatus : STATUS_PENDING;
    OsLockRelease(&Process->Lock);
    Basic.AffinityMask = KeQueryActiveProcessors();
    Basic.BasePriority = PSP_BASE_PRIORITY;
    Basic.UniqueProcessId = (ULONG_PTR)Process->UniqueProcessId;
    Basic.InheritedFromUniqueProcessId = (ULONG_PTR)Process->ParentId;
    ObDereferenceObject(Process);
    return PspReturnInformation(ProcessInformation, ReturnLength, &Basic, sizeof(Basic));
}

NTSTATUS
ZwQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass,
                          PVOID ProcessInformation, ULONG ProcessInformationLength,
                          PULONG ReturnLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status =
        NtQueryInformationProcess(ProcessHandle, ProcessInformationClass, ProcessInformation,
                                  ProcessInformationLength, ReturnLength);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                         PVOID ThreadInformation, ULONG ThreadInformationLength,
                         PULONG ReturnLength)
{
    THREAD_BASIC_INFORMATION Basic;
    PETHREAD Thread;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (ThreadInformationClass != ThreadBasicInformation)
    {
        return STATUS_INVALID_INFO_CLASS;
    }
    if (ThreadInformationLength != sizeof(Basic))
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status =
        ObReferenceObjectByHandle(ThreadHandle, THREAD_QUERY_LIMITED_INFORMATION, ObpThreadType,
                                  KiCurrentThread->PreviousMode, (PVOID *)&Thread, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    memset(&Basic, 0, sizeof(Basic));
    OsLockAcquire(&Thread->Process->Lock);
    Basic.ExitStatus =
        KiSignalState(&Thread->Tcb.Header) != 0 ? Thread->ExitStatus : STATUS_PENDING;
    OsLockRelease(&Thread->Process->Lock);
    Basic.ClientId.UniqueProcess = Thread->Process->UniqueProcessId;
    Basic.ClientId.UniqueThread = Thread->UniqueThread;
    Basic.AffinityMask = KeQueryActiveProcessors();
    Basic.Priority = KeQueryPriorityThread(&Thread->Tcb);
    Basic.BasePriority = PSP_BASE_PRIORITY;
    ObDereferenceObject(Thread);
    return PspReturnInformation(ThreadInformation, ReturnLength, &Basic, sizeof(Basic));
}

NTSTATUS
ZwQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS ThreadInformationClass,
                         PVOID ThreadInformation, ULONG ThreadInformationLength,
                         PULONG ReturnLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status =
        NtQueryInformationThread(ThreadHandle, ThreadInformationClass, ThreadInformation,
                                 ThreadInformationLength, ReturnLength);

    KiLeaveZw(Old);
    return Status;
}
