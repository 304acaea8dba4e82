// SPDX-License-Identifier: MIT
// Directory and symbolic link objects: their system services.
#include "ob/obi.h"

NTSTATUS NTAPI
NtCreateDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                        POBJECT_ATTRIBUTES ObjectAttributes)
{
    OBP_CAPTURED Captured;
    PVOID Object;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = MmProbeCaller(DirectoryHandle, sizeof(*DirectoryHandle), TRUE);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCaptureAttributes(ObjectAttributes, KiCurrentThread->PreviousMode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateDirectoryBody(&Object);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpServiceInsert(Object, DirectoryHandle, &Captured, DesiredAccess);
    }
    ObpFreeCapturedAttributes(&Captured);
    return Status;
}

NTSTATUS
ObpCreateDirectoryBody(PVOID *Object)
{
    NTSTATUS Status = ObpCreateObject(ObpDirectoryType, sizeof(OBP_DIRECTORY), Object);

    for (ULONG i = 0; NT_SUCCESS(Status) && i < OBP_BUCKETS; i++)
    {
        InitializeListHead(&((OBP_DIRECTORY *)*Object)->Buckets[i]);
    }
    return Status;
}

NTSTATUS NTAPI
NtOpenDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                      const OBJECT_ATTRIBUTES *ObjectAttributes)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpServiceOpen(DirectoryHandle, (POBJECT_ATTRIBUTES)ObjectAttributes, ObpDirectoryType,
                          DesiredAccess);
}

NTSTATUS
ObpCreateLinkBody(UNICODE_STRING *Target, PVOID *Object)
{
    NTSTATUS Status = ObpCreateObject(ObpSymbolicLinkType, sizeof(OBP_LINK), Object);
    OBP_LINK *Link = *Object;

    if (NT_SUCCESS(Status))
    {
        Link->Target = *Target;
        Target->Buffer = NULL;
    }
    return Status;
}

NTSTATUS NTAPI
NtCreateSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess,
                           POBJECT_ATTRIBUTES ObjectAttributes, PUNICODE_STRING LinkTarget)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    UNICODE_STRING Target = {0};
    OBP_CAPTURED Captured;
    PVOID Object;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = MmProbeCaller(LinkHandle, sizeof(*LinkHandle), TRUE);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCaptureAttributes(ObjectAttributes, Mode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = ObpCaptureString(LinkTarget, Mode, &Target);
    }
    if (NT_SUCCESS(Status) && Target.Length == 0)
    {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateLinkBody(&Target, &Object);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpServiceInsert(Object, LinkHandle, &Captured, DesiredAccess);
    }
    ObpFree(Target.Buffer);
    ObpFreeCapturedAttributes(&Captured);
    return Status;
}

NTSTATUS NTAPI
NtOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess,
                         const OBJECT_ATTRIBUTES *ObjectAttributes)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ObpServiceOpen(LinkHandle, (POBJECT_ATTRIBUTES)ObjectAttributes, ObpSymbolicLinkType,
                          DesiredAccess);
}

// The target, terminated if there is room for it. *ReturnedLength: the bytes that the terminated
// target needs.
NTSTATUS NTAPI
NtQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget, PULONG ReturnedLength)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    UNICODE_STRING Room;
    PVOID Object;
    OBP_LINK *Link;
    ULONG Needed;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObpCopyIn(Mode, &Room, LinkTarget, sizeof(Room));
    if (NT_SUCCESS(Status))
    {
        Status = ObReferenceObjectByHandle(LinkHandle, SYMBOLIC_LINK_QUERY, ObpSymbolicLinkType,
                                           Mode, &Object, NULL);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Link = Object;
    Needed = Link->Target.Length + sizeof(WCHAR);
    if (Room.MaximumLength < Link->Target.Length ||
        (ReturnedLength != NULL && Room.MaximumLength < Needed))
    {
        Status = STATUS_BUFFER_TOO_SMALL;
    }
    else
    {
        ULONG Bytes = Room.MaximumLength < Needed ? Link->Target.Length : Needed;

        Status = MmCopyToCaller(Room.Buffer, Link->Target.Buffer, Bytes);
        if (NT_SUCCESS(Status))
        {
            Status = MmCopyToCaller(&LinkTarget->Length, &Link->Target.Length,
                                    sizeof(Link->Target.Length));
        }
    }
    if ((NT_SUCCESS(Status) || Status == STATUS_BUFFER_TOO_SMALL) && ReturnedLength != NULL)
    {
        NTSTATUS Written = MmCopyToCaller(ReturnedLength, &Needed, sizeof(Needed));

        Status = NT_SUCCESS(Written) ? Status : Written;
    }
    ObDereferenceObject(Object);
    return Status;
}

NTSTATUS NTAPI
NtMakeTemporaryObject(HANDLE Handle)
{
    PVOID Object;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObReferenceObjectByHandle(Handle, DELETE, NULL, KiCurrentThread->PreviousMode, &Object,
                                       NULL);
    if (NT_SUCCESS(Status))
    {
        ObpMakeTemporary(Object);
        ObDereferenceObject(Object);
    }
    return Status;
}

NTSTATUS
ZwCreateDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                        POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtCreateDirectoryObject(DirectoryHandle, DesiredAccess, ObjectAttributes);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwOpenDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                      POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtOpenDirectoryObject(DirectoryHandle, DesiredAccess, ObjectAttributes);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwCreateSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess,
                           POBJECT_ATTRIBUTES ObjectAttributes, PUNICODE_STRING LinkTarget)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status =
        NtCreateSymbolicLinkObject(LinkHandle, DesiredAccess, ObjectAttributes, LinkTarget);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess,
                         POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtOpenSymbolicLinkObject(LinkHandle, DesiredAccess, ObjectAttributes);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget, PULONG ReturnedLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtQuerySymbolicLinkObject(LinkHandle, LinkTarget, ReturnedLength);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwMakeTemporaryObject(HANDLE Handle)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtMakeTemporaryObject(Handle);

    KiLeaveZw(Old);
    return Status;
}
