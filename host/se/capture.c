// SPDX-License-Identifier: MIT
// Copying security descriptors in from callers that may be hostile, and checking ones in memory.
//
// Everything is copied before it is looked at: a header, then what its counts say, then it is checked
// in the copy. A second look at the caller's memory never decides about what a first look allowed.
#include "se/sei.h"

static NTSTATUS
SepCopyIn(KPROCESSOR_MODE Mode, PVOID To, const VOID *From, SIZE_T Size)
{
    if (Mode == KernelMode)
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    return MmCopyFromCaller(To, From, Size);
}

typedef struct SEP_SID_BUFFER
{
    _Alignas(8) UCHAR Bytes[SEP_MAX_SID_BYTES];
} SEP_SID_BUFFER;

// *Sid points into Buffer afterwards, or is NULL when From is.
static NTSTATUS
SepCaptureSid(KPROCESSOR_MODE Mode, const VOID *From, SEP_SID_BUFFER *Buffer, PSID *Sid)
{
    NTSTATUS Status;
    UCHAR Count;

    *Sid = NULL;
    if (From == NULL)
    {
        return STATUS_SUCCESS;
    }
    Status = SepCopyIn(Mode, Buffer->Bytes, From, SEP_SID_BYTES(0));
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (!RtlValidSid(Buffer->Bytes))
    {
        return STATUS_INVALID_SID;
    }
    Count = ((SID *)Buffer->Bytes)->SubAuthorityCount;
    Status =
        SepCopyIn(Mode, Buffer->Bytes + SEP_SID_BYTES(0), (const UCHAR *)From + SEP_SID_BYTES(0),
                  SEP_SID_BYTES(Count) - SEP_SID_BYTES(0));
    *Sid = Buffer->Bytes;
    return Status;
}

// *Acl is pool afterwards, or NULL when From is.
static NTSTATUS
SepCaptureAcl(KPROCESSOR_MODE Mode, const VOID *From, PACL *Acl)
{
    ACL Header;
    NTSTATUS Status;

    *Acl = NULL;
    if (From == NULL)
    {
        return STATUS_SUCCESS;
    }
    Status = SepCopyIn(Mode, &Header, From, sizeof(Header));
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Header.AclSize < sizeof(Header))
    {
        return STATUS_INVALID_ACL;
    }
    *Acl = SepAllocate(Header.AclSize);
    if (*Acl == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    **Acl = Header;
    Status = SepCopyIn(Mode, *Acl + 1, (const ACL *)From + 1, Header.AclSize - sizeof(Header));
    if (NT_SUCCESS(Status) && !SepValidAcl(*Acl, Header.AclSize))
    {
        Status = STATUS_INVALID_ACL;
    }
    if (!NT_SUCCESS(Status))
    {
        SepFree(*Acl);
        *Acl = NULL;
    }
    return Status;
}

// Where the caller says its parts are.
typedef struct SEP_CALLERS
{
    SECURITY_DESCRIPTOR_CONTROL Control;
    const VOID *Owner, *Group, *Sacl, *Dacl;
} SEP_CALLERS;

// An offset of a self-relative descriptor: behind the header and aligned.
static NTSTATUS
SepResolve(const VOID *From, ULONG Offset, const VOID **Part)
{
    *Part = NULL;
    if (Offset == 0)
    {
        return STATUS_SUCCESS;
    }
    if (Offset < sizeof(SECURITY_DESCRIPTOR_RELATIVE) || Offset % sizeof(ULONG) != 0)
    {
        return STATUS_INVALID_SECURITY_DESCR;
    }
    *Part = (const UCHAR *)From + Offset;
    return STATUS_SUCCESS;
}

static NTSTATUS
SepLocateParts(const VOID *From, KPROCESSOR_MODE Mode, SEP_CALLERS *Callers)
{
    SECURITY_DESCRIPTOR_RELATIVE Relative;
    SECURITY_DESCRIPTOR Absolute;
    NTSTATUS Status = SepCopyIn(Mode, &Relative, From, sizeof(Relative));

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Relative.Revision != SECURITY_DESCRIPTOR_REVISION)
    {
        return STATUS_UNKNOWN_REVISION;
    }
    Callers->Control = Relative.Control;
    if (Relative.Control & SE_SELF_RELATIVE)
    {
        Status = SepResolve(From, Relative.Owner, &Callers->Owner);
        Status = NT_SUCCESS(Status) ? SepResolve(From, Relative.Group, &Callers->Group) : Status;
        Status = NT_SUCCESS(Status) ? SepResolve(From, Relative.Sacl, &Callers->Sacl) : Status;
        Status = NT_SUCCESS(Status) ? SepResolve(From, Relative.Dacl, &Callers->Dacl) : Status;
        return Status;
    }
    Status = SepCopyIn(Mode, &Absolute, From, sizeof(Absolute));
    Callers->Owner = Absolute.Owner;
    Callers->Group = Absolute.Group;
    Callers->Sacl = Absolute.Sacl;
    Callers->Dacl = Absolute.Dacl;
    return Status;
}

NTSTATUS
SepCaptureDescriptor(PVOID From, KPROCESSOR_MODE Mode, PVOID *Descriptor)
{
    SEP_SID_BUFFER Owner, Group;
    SEP_CALLERS Callers;
    SEP_PARTS Parts;
    NTSTATUS Status;

    *Descriptor = NULL;
    memset(&Parts, 0, sizeof(Parts));
    Status = SepLocateParts(From, Mode, &Callers);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if ((Callers.Control & SE_SACL_PRESENT) != 0 && Callers.Sacl != NULL)
    {
        return STATUS_PRIVILEGE_NOT_HELD;
    }
    Parts.Control = Callers.Control &
                    (SE_OWNER_DEFAULTED | SE_GROUP_DEFAULTED | SE_DACL_PRESENT | SE_DACL_DEFAULTED |
                     SE_DACL_AUTO_INHERIT_REQ | SE_DACL_AUTO_INHERITED | SE_DACL_PROTECTED);
    Status = SepCaptureSid(Mode, Callers.Owner, &Owner, &Parts.Owner);
    if (NT_SUCCESS(Status))
    {
        Status = SepCaptureSid(Mode, Callers.Group, &Group, &Parts.Group);
    }
    if (NT_SUCCESS(Status) && (Parts.Control & SE_DACL_PRESENT) != 0)
    {
        Status = SepCaptureAcl(Mode, Callers.Dacl, &Parts.Dacl);
    }
    if (NT_SUCCESS(Status))
    {
        Status = SepBuild(&Parts, NULL, Descriptor);
    }
    SepFree(Parts.Dacl);
    return Status;
}

// Is [Offset, +Bytes) inside a descriptor of Length bytes, behind its header?
static BOOLEAN
SepInside(ULONG Length, ULONG Offset, ULONG Bytes)
{
    return Offset >= sizeof(SECURITY_DESCRIPTOR_RELATIVE) && Offset % sizeof(ULONG) == 0 &&
           Offset <= Length && Bytes <= Length - Offset;
}

static BOOLEAN
SepSidInside(const UCHAR *Base, ULONG Length, ULONG Offset)
{
    const SID *Sid = (const SID *)(Base + Offset);

    return Offset == 0 || (SepInside(Length, Offset, SEP_SID_BYTES(0)) && RtlValidSid((PSID)Sid) &&
                           SepInside(Length, Offset, SEP_SID_BYTES(Sid->SubAuthorityCount)));
}

static BOOLEAN
SepAclInside(const UCHAR *Base, ULONG Length, ULONG Offset)
{
    return Offset == 0 || (SepInside(Length, Offset, sizeof(ACL)) &&
                           SepValidAcl((const ACL *)(Base + Offset), Length - Offset));
}

BOOLEAN
SeValidSecurityDescriptor(ULONG Length, PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    const SECURITY_DESCRIPTOR_RELATIVE *Relative = SecurityDescriptor;
    const UCHAR *Base = SecurityDescriptor;

    return Length >= sizeof(*Relative) && Relative->Revision == SECURITY_DESCRIPTOR_REVISION &&
           (Relative->Control & SE_SELF_RELATIVE) != 0 &&
           SepSidInside(Base, Length, Relative->Owner) &&
           SepSidInside(Base, Length, Relative->Group) &&
           ((Relative->Control & SE_DACL_PRESENT) == 0 ||
            SepAclInside(Base, Length, Relative->Dacl)) &&
           ((Relative->Control & SE_SACL_PRESENT) == 0 || Relative->Sacl == 0);
}

// Trusts the memory behind it (the caller's own), not its contents.
__typeof__(RtlValidSecurityDescriptor(NULL)) NTAPI
RtlValidSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    const SECURITY_DESCRIPTOR_RELATIVE *Header = SecurityDescriptor;
    SEP_PARTS Parts;

    if (Header == NULL || Header->Revision != SECURITY_DESCRIPTOR_REVISION)
    {
        return FALSE;
    }
    SepGetParts(SecurityDescriptor, &Parts);
    return (Parts.Owner == NULL || RtlValidSid(Parts.Owner)) &&
           (Parts.Group == NULL || RtlValidSid(Parts.Group)) &&
           (Parts.Dacl == NULL || SepValidAcl(Parts.Dacl, Parts.Dacl->AclSize));
}
