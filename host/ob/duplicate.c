// SPDX-License-Identifier: MIT
// Closing handles and copying them, within a process and between two.
#include "ob/obi.h"

NTSTATUS NTAPI
NtClose(HANDLE Handle)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpCloseHandle(Handle, KiCurrentThread->PreviousMode);
}

NTSTATUS
ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpCloseHandle(Handle, PreviousMode);
}

NTSTATUS
ZwClose(HANDLE Handle)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpCloseHandle(Handle, KernelMode);
}

static NTSTATUS
ObpReferenceProcess(HANDLE Handle, KPROCESSOR_MODE Mode, PEPROCESS *Process)
{
    PVOID Object = NULL;
    NTSTATUS Status =
        ObReferenceObjectByHandle(Handle, PROCESS_DUP_HANDLE, ObpProcessType, Mode, &Object, NULL);

    *Process = Object;
    return Status;
}

// The object behind a handle of Source, pseudo handles included.
static NTSTATUS
ObpReferenceSource(PEPROCESS Source, HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object,
                   ACCESS_MASK *Granted, ULONG *Attributes)
{
    if ((LONG_PTR)Handle == -1 || (LONG_PTR)Handle == -2)
    {
        // The calling thread is "current thread" only in its own process.
        if ((LONG_PTR)Handle == -2 && Source != PspCurrentProcess())
        {
            return STATUS_INVALID_HANDLE;
        }
        *Object = (LONG_PTR)Handle == -1 ? (PVOID)Source : (PVOID)PspCurrentThread();
        ObReferenceObject(*Object);
        *Granted = OBP_HEADER(*Object)->Type->ValidAccess;
        *Attributes = 0;
        return STATUS_SUCCESS;
    }
    return ObpReferenceInProcess(Source, Handle, Mode, Object, Granted, Attributes);
}

static NTSTATUS
ObpDuplicate(PEPROCESS Source, HANDLE SourceHandle, PEPROCESS Target, ACCESS_MASK DesiredAccess,
             ULONG HandleAttributes, ULONG Options, KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    PVOID Object;
    OBJECT_HEADER *Header;
    ACCESS_MASK Had, Granted;
    ULONG Attributes;
    NTSTATUS Status = ObpReferenceSource(Source, SourceHandle, Mode, &Object, &Had, &Attributes);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Header = OBP_HEADER(Object);
    Granted =
        Options & DUPLICATE_SAME_ACCESS ? Had : ObpGrantUnchecked(Header->Type, DesiredAccess);
    Attributes = Options & DUPLICATE_SAME_ATTRIBUTES ? Attributes : HandleAttributes;
    OsLockAcquire(&ObpNamespaceLock);
    if (Mode == UserMode && (Granted & ~Had) != 0)
    {
        // More than the handle had: as if the object were opened.
        Status = ObpCheckAccessLocked(ObpSecurityTarget(Object), DesiredAccess, TRUE, &Granted);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateHandleLocked(Target, Header, Granted, Attributes, Mode, Handle);
    }
    OsLockRelease(&ObpNamespaceLock);
    ObDereferenceObject(Object);
    return Status;
}

NTSTATUS NTAPI
NtDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
                  PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                  ULONG Options)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    PEPROCESS Source, Target = NULL;
    HANDLE Handle = NULL;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (TargetHandle != NULL)
    {
        Status = MmProbeCaller(TargetHandle, sizeof(*TargetHandle), TRUE);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
    }
    if ((HandleAttributes & ~OBJ_VALID_ATTRIBUTES) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    Status = ObpReferenceProcess(SourceProcessHandle, Mode, &Source);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (TargetProcessHandle != NULL)
    {
        Status = ObpReferenceProcess(TargetProcessHandle, Mode, &Target);
        if (NT_SUCCESS(Status))
        {
            Status = ObpDuplicate(Source, SourceHandle, Target, DesiredAccess, HandleAttributes,
                                  Options, Mode, &Handle);
        }
    }
    else if ((Options & DUPLICATE_CLOSE_SOURCE) == 0)
    {
        Status = STATUS_INVALID_PARAMETER;
    }
    if ((Options & DUPLICATE_CLOSE_SOURCE) != 0 && (LONG_PTR)SourceHandle != -1 &&
        (LONG_PTR)SourceHandle != -2)
    {
        // Closed even if the copy failed, as documented.
        NTSTATUS Closed = ObpCloseInProcess(Source, SourceHandle, Mode);

        Status = Target == NULL && NT_SUCCESS(Status) ? Closed : Status;
    }
    if (NT_SUCCESS(Status) && Handle != NULL && TargetHandle != NULL)
    {
        Status = MmCopyToCaller(TargetHandle, &Handle, sizeof(Handle));
        if (!NT_SUCCESS(Status))
        {
            ObpCloseInProcess(Target, Handle, Mode);
        }
    }
    if (Target != NULL)
    {
        ObDereferenceObject(Target);
    }
    ObDereferenceObject(Source);
    return Status;
}

NTSTATUS
ZwDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
                  PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes,
                  ULONG Options)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtDuplicateObject(SourceProcessHandle, SourceHandle, TargetProcessHandle,
                                        TargetHandle, DesiredAccess, HandleAttributes, Options);

    KiLeaveZw(Old);
    return Status;
}
