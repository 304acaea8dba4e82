// SPDX-License-Identifier: MIT
// The host's own services: threads, processes and views of applications.

#include "syscall/ntp.h"

NTSTATUS
NthMapView(HANDLE Section, ULONG Protection, PSIZE_T Size, PVOID *Address, uint64_t *Cookie)
{
    PEPROCESS Process = PspCurrentProcess();
    NTP_CONNECTION *Connection = Process->Connection;
    MI_SECTION *Object;
    NTSTATUS Status = MiReferenceSectionForView(Section, Protection, &Object);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }

    SIZE_T Bytes = Object->Size;
    PVOID Mapped = NULL;
    uint64_t Answer = 0;
    if (Connection != NULL)
    {
        // The application maps it itself, from the descriptor that precedes this call's reply.
        // It may add no seal of its own; a second map finds that done already.
        (void)OsSharedSealSeals(Object->Fd);
        Answer = (uint64_t)(ULONG_PTR)PspCurrentThread()->UniqueThread;
        Status = NtpSendDescriptor(Connection, NthDescriptorSection, Answer, Object->Fd);
    }
    else
    {
        Status = MiMapLocalView(Process, Object, Protection, &Mapped);
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(Size, &Bytes, sizeof(Bytes));
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(Address, &Mapped, sizeof(Mapped));
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(Cookie, &Answer, sizeof(Answer));
    }
    if (!NT_SUCCESS(Status) && Mapped != NULL)
    {
        MiUnmapLocalView(Process, Mapped);
    }
    ObDereferenceObject(Object);
    return Status;
}

NTSTATUS
NthUnmapView(PVOID Address)
{
    PEPROCESS Process = PspCurrentProcess();
    if (Process->Connection != NULL)
    {
        return STATUS_INVALID_PARAMETER;  // a remote application unmaps its own memory
    }
    return MiUnmapLocalView(Process, Address);
}

NTSTATUS
NthCreateThread(PHANDLE Handle, ACCESS_MASK Access, uint64_t *Cookie)
{
    PEPROCESS Process = PspCurrentProcess();
    NTP_CONNECTION *Connection = Process->Connection;
    PETHREAD Thread;
    NTSTATUS Status = PspCreateThread(Process, &Thread);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }

    HANDLE New = NULL;
    uint64_t Answer = (uint64_t)(ULONG_PTR)Thread->UniqueThread;
    Status = ObpCreateHandle(Thread, Access, 0, UserMode, &New);
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(Handle, &New, sizeof(New));
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(Cookie, &Answer, sizeof(Answer));
    }
    if (NT_SUCCESS(Status) && Connection != NULL)
    {
        int Fd;
        Status = NtpCreatePort(Connection, Thread, &Fd);
        if (NT_SUCCESS(Status))
        {
            Status = NtpSendDescriptor(Connection, NthDescriptorPort, Answer, Fd);
            OsClose(Fd);
            if (!NT_SUCCESS(Status))
            {
                NtpStopThread(Thread);
            }
        }
    }
    if (!NT_SUCCESS(Status))
    {
        if (New != NULL)
        {
            ObpCloseHandle(New, UserMode);
        }
        PspExitThread(Thread, Status);
    }
    ObDereferenceObject(Thread);
    return Status;
}

NTSTATUS
NthExitThread(NTSTATUS Status)
{
    PspExitThread(PspCurrentThread(), Status);
    return STATUS_SUCCESS;
}

NTSTATUS
NthExitProcess(NTSTATUS Status)
{
    PEPROCESS Process = PspCurrentProcess();
    NTP_CONNECTION *Connection = Process->Connection;
    if (Connection != NULL)
    {
        __atomic_store_n(&Connection->Leaving, 1, __ATOMIC_RELAXED);
    }
    PspTerminateProcess(Process, Status);
    return STATUS_SUCCESS;
}

NTSTATUS
NthCreateProcess(PHANDLE Handle, ACCESS_MASK Access, ULONG HostPid, PULONG ProcessId)
{
    PEPROCESS Creator = PspCurrentProcess();
    PEPROCESS Process;
    if (Creator->Connection == NULL)
    {
        return STATUS_NOT_SUPPORTED;  // local: one address space, nothing to execute another program
    }
    NTSTATUS Status = PspExpectProcess(Creator, HostPid, &Process);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    HANDLE New = NULL;
    ULONG Id = (ULONG)(ULONG_PTR)Process->UniqueProcessId;
    Status = ObpCreateHandle(Process, Access, 0, UserMode, &New);
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(ProcessId, &Id, sizeof(Id));
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(Handle, &New, sizeof(New));
    }
    if (!NT_SUCCESS(Status))
    {
        if (New != NULL)
        {
            ObpCloseHandle(New, UserMode);
        }
        PspReportExit(Process, Status);
    }
    ObDereferenceObject(Process);
    return Status;
}

NTSTATUS
NthReportExit(HANDLE Handle, NTSTATUS ExitStatus)
{
    PEPROCESS Process;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, PROCESS_TERMINATE, ObpProcessType, UserMode,
                                                (PVOID *)&Process, NULL);
    if (NT_SUCCESS(Status))
    {
        PspReportExit(Process, ExitStatus);
        ObDereferenceObject(Process);
    }
    return Status;
}
