// SPDX-License-Identifier: MIT
// The security descriptors of objects: reading and replacing them.
#include "ob/obi.h"

OBJECT_HEADER *
ObpSecurityTarget(PVOID Object)
{
    if (IopFileType != NULL && OBP_HEADER(Object)->Type == IopFileType)
    {
        return OBP_HEADER(((PFILE_OBJECT)Object)->DeviceObject);
    }
    return OBP_HEADER(Object);
}

// A copy of the object's descriptor in pool, or NULL if it has none.
static NTSTATUS
ObpCopyDescriptor(PVOID Object, PVOID *Descriptor)
{
    OBJECT_HEADER *Header = ObpSecurityTarget(Object);
    NTSTATUS Status = STATUS_SUCCESS;

    *Descriptor = NULL;
    OsLockAcquire(&ObpNamespaceLock);
    if (Header->SecurityDescriptor != NULL)
    {
        ULONG Length = RtlLengthSecurityDescriptor(Header->SecurityDescriptor);

        *Descriptor = ObpAllocate(Length);
        if (*Descriptor == NULL)
        {
            Status = STATUS_INSUFFICIENT_RESOURCES;
        }
        else
        {
            memcpy(*Descriptor, Header->SecurityDescriptor, Length);
        }
    }
    OsLockRelease(&ObpNamespaceLock);
    return Status;
}

NTSTATUS
ObGetObjectSecurity(PVOID Object, PSECURITY_DESCRIPTOR *SecurityDescriptor,
                    PBOOLEAN MemoryAllocated)
{
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObpCopyDescriptor(Object, (PVOID *)SecurityDescriptor);
    *MemoryAllocated = NT_SUCCESS(Status) && *SecurityDescriptor != NULL;
    return Status;
}

VOID
ObReleaseObjectSecurity(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN MemoryAllocated)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (MemoryAllocated)
    {
        ObpFree(SecurityDescriptor);
    }
}

NTSTATUS
ObpSetDescriptor(PVOID Object, SECURITY_INFORMATION Information, PVOID Descriptor)
{
    OBJECT_HEADER *Header = ObpSecurityTarget(Object);
    PVOID Merged, Old;
    NTSTATUS Status;

    OsLockAcquire(&ObpNamespaceLock);
    Status = SepMergeDescriptor(Header->SecurityDescriptor, Information, Descriptor,
                                &Header->Type->Mapping, &Merged);
    Old = NULL;
    if (NT_SUCCESS(Status))
    {
        Old = Header->SecurityDescriptor;
        Header->SecurityDescriptor = Merged;
    }
    OsLockRelease(&ObpNamespaceLock);
    ObpFree(Old);
    return Status;
}

#define OBP_SETTABLE \
    (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION)

NTSTATUS NTAPI
NtSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                    PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    ACCESS_MASK Access = 0;
    PVOID Descriptor, Object;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (SecurityInformation & SACL_SECURITY_INFORMATION)
    {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    if (SecurityDescriptor == NULL)
    {
        return STATUS_ACCESS_VIOLATION;
    }
    if (SecurityInformation & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION))
    {
        Access |= WRITE_OWNER;
    }
    if (SecurityInformation & DACL_SECURITY_INFORMATION)
    {
        Access |= WRITE_DAC;
    }
    Status = ObReferenceObjectByHandle(Handle, Access, NULL, Mode, &Object, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = SepCaptureDescriptor(SecurityDescriptor, Mode, &Descriptor);
    if (NT_SUCCESS(Status))
    {
        Status = STATUS_SUCCESS;
        if (Mode == UserMode && (SecurityInformation & OWNER_SECURITY_INFORMATION) != 0 &&
            !SepMayOwn(SepCurrentToken(), Descriptor))
        {
            Status = STATUS_INVALID_OWNER;
        }
        if (NT_SUCCESS(Status))
        {
            Status = ObpSetDescriptor(Object, SecurityInformation & OBP_SETTABLE, Descriptor);
        }
        ObpFree(Descriptor);
    }
    ObDereferenceObject(Object);
    return Status;
}

NTSTATUS NTAPI
NtQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                      PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    PVOID Object, Whole, Part = NULL;
    ULONG Size;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (SecurityInformation & SACL_SECURITY_INFORMATION)
    {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    Status = ObReferenceObjectByHandle(Handle, READ_CONTROL, NULL, KiCurrentThread->PreviousMode,
                                       &Object, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCopyDescriptor(Object, &Whole);
    if (NT_SUCCESS(Status))
    {
        // What was not asked for is left out.
        Status = SepMergeDescriptor(NULL, SecurityInformation & OBP_SETTABLE, Whole, NULL, &Part);
        ObpFree(Whole);
    }
    ObDereferenceObject(Object);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Size = RtlLengthSecurityDescriptor(Part);
    Status = MmCopyToCaller(LengthNeeded, &Size, sizeof(Size));
    if (NT_SUCCESS(Status))
    {
        Status = Length < Size ? STATUS_BUFFER_TOO_SMALL
                               : MmCopyToCaller(SecurityDescriptor, Part, Size);
    }
    ObpFree(Part);
    return Status;
}

NTSTATUS
ZwSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                    PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtSetSecurityObject(Handle, SecurityInformation, SecurityDescriptor);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                      PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtQuerySecurityObject(Handle, SecurityInformation, SecurityDescriptor, Length,
                                            LengthNeeded);

    KiLeaveZw(Old);
    return Status;
}
