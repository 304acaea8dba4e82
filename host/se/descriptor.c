// SPDX-License-Identifier: MIT
// Security descriptors and access control lists in kernel memory: parts, building, merging, Rtl routines.
#include "se/sei.h"

// Where the parts of a self-relative descriptor begin, 0: absent.
static PVOID
SepAt(PVOID Descriptor, ULONG Offset)
{
    return Offset == 0 ? NULL : (PUCHAR)Descriptor + Offset;
}

void
SepGetParts(PVOID Descriptor, SEP_PARTS *Parts)
{
    memset(Parts, 0, sizeof(*Parts));
    if (Descriptor == NULL)
    {
        return;
    }
    // Both forms begin alike; only an absolute one is aligned for pointers.
    Parts->Control = ((SECURITY_DESCRIPTOR_RELATIVE *)Descriptor)->Control;
    if (Parts->Control & SE_SELF_RELATIVE)
    {
        const SECURITY_DESCRIPTOR_RELATIVE *Relative = Descriptor;

        Parts->Owner = SepAt(Descriptor, Relative->Owner);
        Parts->Group = SepAt(Descriptor, Relative->Group);
        Parts->Dacl = Parts->Control & SE_DACL_PRESENT ? SepAt(Descriptor, Relative->Dacl) : NULL;
    }
    else
    {
        const SECURITY_DESCRIPTOR *Absolute = Descriptor;

        Parts->Owner = Absolute->Owner;
        Parts->Group = Absolute->Group;
        Parts->Dacl = Parts->Control & SE_DACL_PRESENT ? Absolute->Dacl : NULL;
    }
    Parts->Control &= SE_OWNER_DEFAULTED | SE_GROUP_DEFAULTED | SE_DACL_PRESENT |
                      SE_DACL_DEFAULTED | SE_DACL_AUTO_INHERIT_REQ | SE_DACL_AUTO_INHERITED |
                      SE_DACL_PROTECTED;
}

static ULONG
SepPlace(PUCHAR Base, ULONG *Used, const VOID *Part, ULONG Length)
{
    ULONG Offset = *Used;

    if (Part == NULL)
    {
        return 0;
    }
    memcpy(Base + Offset, Part, Length);
    *Used += Length;
    return Offset;
}

NTSTATUS
SepBuild(const SEP_PARTS *Parts, const GENERIC_MAPPING *Mapping, PVOID *Descriptor)
{
    ULONG Owner = Parts->Owner ? RtlLengthSid(Parts->Owner) : 0;
    ULONG Group = Parts->Group ? RtlLengthSid(Parts->Group) : 0;
    // Rounded up, so that the next part is aligned; the ACL says its own size.
    ULONG Dacl = Parts->Dacl ? Parts->Dacl->AclSize : 0;
    ULONG Used = sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    SECURITY_DESCRIPTOR_RELATIVE *New = SepAllocate(Used + Owner + Group + Dacl);
    PACL Copy;

    *Descriptor = New;
    if (New == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    memset(New, 0, sizeof(*New));
    New->Revision = SECURITY_DESCRIPTOR_REVISION;
    New->Control = Parts->Control | SE_SELF_RELATIVE;
    New->Owner = SepPlace((PUCHAR)New, &Used, Parts->Owner, Owner);
    New->Group = SepPlace((PUCHAR)New, &Used, Parts->Group, Group);
    New->Dacl = SepPlace((PUCHAR)New, &Used, Parts->Dacl, Dacl);
    Copy = New->Dacl != 0 && Mapping != NULL ? (PACL)((PUCHAR)New + New->Dacl) : NULL;
    for (ULONG i = 0, Offset = sizeof(ACL); Copy != NULL && i < Copy->AceCount; i++)
    {
        ACCESS_ALLOWED_ACE *Ace = (ACCESS_ALLOWED_ACE *)((PUCHAR)Copy + Offset);

        SepMapGeneric(&Ace->Mask, Mapping);
        Offset += Ace->Header.AceSize;
    }
    return STATUS_SUCCESS;
}

BOOLEAN
SepValidAcl(const ACL *Acl, ULONG Size)
{
    ULONG Offset = sizeof(ACL);

    if (Size < sizeof(ACL) || Acl->AclRevision < ACL_REVISION ||
        Acl->AclRevision > ACL_REVISION_DS || Acl->AclSize < sizeof(ACL) || Acl->AclSize > Size ||
        Acl->AclSize % sizeof(ULONG) != 0)
    {
        return FALSE;
    }
    for (ULONG i = 0; i < Acl->AceCount; i++)
    {
        const ACCESS_ALLOWED_ACE *Ace = (const ACCESS_ALLOWED_ACE *)((const UCHAR *)Acl + Offset);
        ULONG Room = Acl->AclSize - Offset;
        const SID *Sid;

        if (Room < sizeof(ACE_HEADER) || Ace->Header.AceSize > Room ||
            Ace->Header.AceSize < offsetof(ACCESS_ALLOWED_ACE, SidStart) + SEP_SID_BYTES(0) ||
            Ace->Header.AceSize % sizeof(ULONG) != 0)
        {
            return FALSE;
        }
        // No other type is evaluated, so none is accepted: a denial that is ignored grants.
        if (Ace->Header.AceType != ACCESS_ALLOWED_ACE_TYPE &&
            Ace->Header.AceType != ACCESS_DENIED_ACE_TYPE)
        {
            return FALSE;
        }
        Sid = (const SID *)&Ace->SidStart;
        if (!RtlValidSid((PSID)Sid) ||
            offsetof(ACCESS_ALLOWED_ACE, SidStart) + SEP_SID_BYTES(Sid->SubAuthorityCount) >
                Ace->Header.AceSize)
        {
            return FALSE;
        }
        Offset += Ace->Header.AceSize;
    }
    return TRUE;
}

// The end of the last ACE, or 0 if the list is malformed.
static ULONG
SepAclEnd(const ACL *Acl)
{
    ULONG Offset = sizeof(ACL);

    if (!SepValidAcl(Acl, Acl->AclSize))
    {
        return 0;
    }
    for (ULONG i = 0; i < Acl->AceCount; i++)
    {
        Offset += ((const ACE_HEADER *)((const UCHAR *)Acl + Offset))->AceSize;
    }
    return Offset;
}

NTSTATUS
SepAddAce(PACL Acl, UCHAR Type, UCHAR Flags, ACCESS_MASK Mask, PSID Sid)
{
    ULONG Offset = SepAclEnd(Acl);
    ULONG Size = offsetof(ACCESS_ALLOWED_ACE, SidStart) + RtlLengthSid(Sid);
    ACCESS_ALLOWED_ACE *Ace;

    if (Offset == 0)
    {
        return STATUS_INVALID_ACL;
    }
    if (Size > Acl->AclSize - Offset || Acl->AceCount == MAXWORD)
    {
        return STATUS_ALLOTTED_SPACE_EXCEEDED;
    }
    Ace = (ACCESS_ALLOWED_ACE *)((PUCHAR)Acl + Offset);
    Ace->Header.AceType = Type;
    Ace->Header.AceFlags = Flags;
    Ace->Header.AceSize = (USHORT)Size;
    Ace->Mask = Mask;
    memcpy(&Ace->SidStart, Sid, RtlLengthSid(Sid));
    Acl->AceCount++;
    return STATUS_SUCCESS;
}

NTSTATUS
SepMergeDescriptor(PVOID Old, SECURITY_INFORMATION Information, PVOID New,
                   const GENERIC_MAPPING *Mapping, PVOID *Merged)
{
    SEP_PARTS Parts, From;
    SECURITY_DESCRIPTOR_CONTROL Taken = 0;

    SepGetParts(Old, &Parts);
    SepGetParts(New, &From);
    if (Information & OWNER_SECURITY_INFORMATION)
    {
        Parts.Owner = From.Owner;
        Taken |= SE_OWNER_DEFAULTED;
    }
    if (Information & GROUP_SECURITY_INFORMATION)
    {
        Parts.Group = From.Group;
        Taken |= SE_GROUP_DEFAULTED;
    }
    if (Information & DACL_SECURITY_INFORMATION)
    {
        Parts.Dacl = From.Dacl;
        Taken |= SE_DACL_PRESENT | SE_DACL_DEFAULTED | SE_DACL_AUTO_INHERIT_REQ |
                 SE_DACL_AUTO_INHERITED | SE_DACL_PROTECTED;
    }
    Parts.Control = (Parts.Control & ~Taken) | (From.Control & Taken);
    return SepBuild(&Parts, Mapping, Merged);
}

NTSTATUS NTAPI
RtlCreateSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, DWORD Revision)
{
    SECURITY_DESCRIPTOR *Absolute = SecurityDescriptor;

    if (Revision != SECURITY_DESCRIPTOR_REVISION)
    {
        return STATUS_UNKNOWN_REVISION;
    }
    memset(Absolute, 0, sizeof(*Absolute));
    Absolute->Revision = SECURITY_DESCRIPTOR_REVISION;
    return STATUS_SUCCESS;
}

// The descriptor if it is one that can be changed in place.
static NTSTATUS
SepAbsolute(PSECURITY_DESCRIPTOR SecurityDescriptor, SECURITY_DESCRIPTOR **Absolute)
{
    const SECURITY_DESCRIPTOR_RELATIVE *Header = SecurityDescriptor;

    *Absolute = SecurityDescriptor;
    if (Header->Revision != SECURITY_DESCRIPTOR_REVISION)
    {
        return STATUS_UNKNOWN_REVISION;
    }
    return Header->Control & SE_SELF_RELATIVE ? STATUS_INVALID_SECURITY_DESCR : STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlSetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN DaclPresent,
                             PACL Dacl, BOOLEAN DaclDefaulted)
{
    SECURITY_DESCRIPTOR *Absolute;
    NTSTATUS Status = SepAbsolute(SecurityDescriptor, &Absolute);

    if (NT_SUCCESS(Status))
    {
        Absolute->Control &= ~(SE_DACL_PRESENT | SE_DACL_DEFAULTED);
        Absolute->Control |= DaclPresent ? SE_DACL_PRESENT : 0;
        Absolute->Control |= DaclPresent && DaclDefaulted ? SE_DACL_DEFAULTED : 0;
        Absolute->Dacl = DaclPresent ? Dacl : NULL;
    }
    return Status;
}

NTSTATUS NTAPI
RtlSetOwnerSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID Owner,
                              BOOLEAN OwnerDefaulted)
{
    SECURITY_DESCRIPTOR *Absolute;
    NTSTATUS Status = SepAbsolute(SecurityDescriptor, &Absolute);

    if (NT_SUCCESS(Status))
    {
        Absolute->Owner = Owner;
        Absolute->Control &= ~SE_OWNER_DEFAULTED;
        Absolute->Control |= OwnerDefaulted ? SE_OWNER_DEFAULTED : 0;
    }
    return Status;
}

NTSTATUS NTAPI
RtlSetGroupSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, PSID Group,
                              BOOLEAN GroupDefaulted)
{
    SECURITY_DESCRIPTOR *Absolute;
    NTSTATUS Status = SepAbsolute(SecurityDescriptor, &Absolute);

    if (NT_SUCCESS(Status))
    {
        Absolute->Group = Group;
        Absolute->Control &= ~SE_GROUP_DEFAULTED;
        Absolute->Control |= GroupDefaulted ? SE_GROUP_DEFAULTED : 0;
    }
    return Status;
}

NTSTATUS NTAPI
RtlCreateAcl(PACL Acl, DWORD AclLength, DWORD AclRevision)
{
    if (AclLength < sizeof(ACL))
    {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (AclRevision < MIN_ACL_REVISION || AclRevision > MAX_ACL_REVISION || AclLength > MAXWORD)
    {
        return STATUS_INVALID_PARAMETER;
    }
    memset(Acl, 0, sizeof(*Acl));
    Acl->AclRevision = (UCHAR)AclRevision;
    Acl->AclSize = (USHORT)(AclLength & ~3u);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlAddAccessAllowedAce(PACL Acl, DWORD AceRevision, DWORD AccessMask, PSID Sid)
{
    if (!RtlValidSid(Sid))
    {
        return STATUS_INVALID_SID;
    }
    if (AceRevision > MAX_ACL_REVISION || Acl->AclRevision > MAX_ACL_REVISION)
    {
        return STATUS_REVISION_MISMATCH;
    }
    return SepAddAce(Acl, ACCESS_ALLOWED_ACE_TYPE, 0, AccessMask, Sid);
}

ULONG NTAPI
RtlLengthSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    const SECURITY_DESCRIPTOR_RELATIVE *Relative = SecurityDescriptor;
    SECURITY_DESCRIPTOR_CONTROL Control = Relative->Control;
    ULONG Length = sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    PACL Sacl = Relative->Sacl ? (PACL)((PUCHAR)SecurityDescriptor + Relative->Sacl) : NULL;
    SEP_PARTS Parts;

    if ((Control & SE_SELF_RELATIVE) == 0)
    {
        Length = sizeof(SECURITY_DESCRIPTOR);
        Sacl = ((const SECURITY_DESCRIPTOR *)SecurityDescriptor)->Sacl;
    }
    SepGetParts(SecurityDescriptor, &Parts);
    Length +=
        (Control & SE_SACL_PRESENT) != 0 && Sacl != NULL ? ROUND_TO_SIZE(Sacl->AclSize, 4) : 0;
    Length += Parts.Owner ? RtlLengthSid(Parts.Owner) : 0;
    Length += Parts.Group ? RtlLengthSid(Parts.Group) : 0;
    Length += Parts.Dacl ? (ULONG)ROUND_TO_SIZE(Parts.Dacl->AclSize, 4) : 0;
    return Length;
}

NTSTATUS NTAPI
RtlAbsoluteToSelfRelativeSD(PSECURITY_DESCRIPTOR AbsoluteSecurityDescriptor,
                            PSECURITY_DESCRIPTOR SelfRelativeSecurityDescriptor,
                            PULONG BufferLength)
{
    SECURITY_DESCRIPTOR *Absolute;
    SEP_PARTS Parts;
    PVOID Built;
    ULONG Length;
    NTSTATUS Status = SepAbsolute(AbsoluteSecurityDescriptor, &Absolute);

    if (!NT_SUCCESS(Status))
    {
        return STATUS_BAD_DESCRIPTOR_FORMAT;
    }
    if ((Absolute->Control & SE_SACL_PRESENT) != 0 && Absolute->Sacl != NULL)
    {
        return STATUS_NOT_SUPPORTED;
    }
    SepGetParts(Absolute, &Parts);
    Status = SepBuild(&Parts, NULL, &Built);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Length = RtlLengthSecurityDescriptor(Built);
    if (*BufferLength < Length)
    {
        Status = STATUS_BUFFER_TOO_SMALL;
    }
    else
    {
        memcpy(SelfRelativeSecurityDescriptor, Built, Length);
    }
    *BufferLength = Length;
    SepFree(Built);
    return Status;
}
