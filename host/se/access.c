// SPDX-License-Identifier: MIT
// The access check, for objects here and for drivers that ask.
#include "se/sei.h"

void
SepMapGeneric(ACCESS_MASK *Mask, const GENERIC_MAPPING *Mapping)
{
    ACCESS_MASK Mapped = *Mask & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);

    if (Mapping == NULL)
    {
        return;
    }
    Mapped |= *Mask & GENERIC_READ ? Mapping->GenericRead : 0;
    Mapped |= *Mask & GENERIC_WRITE ? Mapping->GenericWrite : 0;
    Mapped |= *Mask & GENERIC_EXECUTE ? Mapping->GenericExecute : 0;
    Mapped |= *Mask & GENERIC_ALL ? Mapping->GenericAll : 0;
    *Mask = Mapped;
}

void NTAPI
RtlMapGenericMask(PACCESS_MASK AccessMask, const GENERIC_MAPPING *GenericMapping)
{
    SepMapGeneric(AccessMask, GenericMapping);
}

BOOLEAN
SepTokenHasSid(SEP_TOKEN *Token, PSID Sid)
{
    BOOLEAN Has = RtlEqualSid(Token->User, Sid);

    for (ULONG i = 0; i < Token->GroupCount && !Has; i++)
    {
        Has = RtlEqualSid(Token->Groups[i], Sid);
    }
    return Has;
}

// What the DACL allows of Wanted (everything it allows if Wanted is all ones): the first ACE that
// mentions a right decides it. OwnerRights: the list names OWNER RIGHTS, which then stand for what an
// owner has anyway.
static ACCESS_MASK
SepWalkDacl(const ACL *Dacl, SEP_TOKEN *Token, BOOLEAN IsOwner, const GENERIC_MAPPING *Mapping,
            BOOLEAN *OwnerRights)
{
    ACCESS_MASK Allowed = 0, Denied = 0;
    ULONG Offset = sizeof(ACL);

    for (ULONG i = 0; i < Dacl->AceCount; i++)
    {
        const ACCESS_ALLOWED_ACE *Ace = (const ACCESS_ALLOWED_ACE *)((const UCHAR *)Dacl + Offset);
        PSID Sid = (PSID)&Ace->SidStart;
        ACCESS_MASK Mask = Ace->Mask;
        BOOLEAN Matches;

        Offset += Ace->Header.AceSize;
        if (Ace->Header.AceFlags & INHERIT_ONLY_ACE)
        {
            continue;
        }
        SepMapGeneric(&Mask, Mapping);
        if (RtlEqualSid(Sid, SepSid(SepOwnerRightsSid)))
        {
            *OwnerRights = TRUE;
            Matches = IsOwner;
        }
        else
        {
            Matches = SepTokenHasSid(Token, Sid);
        }
        if (Matches && Ace->Header.AceType == ACCESS_ALLOWED_ACE_TYPE)
        {
            Allowed |= Mask & ~Denied;
        }
        else if (Matches)
        {
            Denied |= Mask & ~Allowed;
        }
    }
    return Allowed;
}

NTSTATUS
SepAccessCheck(PVOID SecurityDescriptor, SEP_TOKEN *Token, ACCESS_MASK Desired,
               const GENERIC_MAPPING *Mapping, ACCESS_MASK *Granted)
{
    BOOLEAN Maximum = (Desired & MAXIMUM_ALLOWED) != 0;
    BOOLEAN IsOwner, OwnerRights = FALSE;
    ACCESS_MASK Allowed = Mapping->GenericAll;
    SEP_PARTS Parts;

    *Granted = 0;
    SepMapGeneric(&Desired, Mapping);
    Desired &= ~MAXIMUM_ALLOWED;
    if (Desired & ACCESS_SYSTEM_SECURITY)
    {
        return STATUS_PRIVILEGE_NOT_HELD;  // no token has it enabled
    }
    if (Desired == 0 && !Maximum)
    {
        return STATUS_ACCESS_DENIED;  // a handle without a right is not given
    }
    SepGetParts(SecurityDescriptor, &Parts);
    if ((Parts.Control & SE_DACL_PRESENT) != 0 && Parts.Dacl != NULL)
    {
        IsOwner = Parts.Owner != NULL && SepTokenHasSid(Token, Parts.Owner);
        Allowed = SepWalkDacl(Parts.Dacl, Token, IsOwner, Mapping, &OwnerRights);
        if (IsOwner && !OwnerRights)
        {
            Allowed |= READ_CONTROL | WRITE_DAC;
        }
    }
    else
    {
        Allowed |= Desired;
    }
    if ((Desired & ~Allowed) != 0 || (Maximum && Allowed == 0))
    {
        return STATUS_ACCESS_DENIED;
    }
    *Granted = Maximum ? Allowed : Desired;
    return STATUS_SUCCESS;
}

BOOLEAN
SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor,
              PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, BOOLEAN SubjectContextLocked,
              ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGrantedAccess,
              PPRIVILEGE_SET *Privileges, PGENERIC_MAPPING GenericMapping,
              KPROCESSOR_MODE AccessMode, PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus)
{
    ACCESS_MASK Granted = 0;

    UNREFERENCED_PARAMETER(SubjectContextLocked);  // tokens never change, locked or not
    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (Privileges != NULL)
    {
        *Privileges = NULL;  // no privilege is ever what grants access
    }
    *GrantedAccess = 0;
    *AccessStatus = STATUS_SUCCESS;
    if (AccessMode == KernelMode)
    {
        Granted = DesiredAccess & MAXIMUM_ALLOWED ? GenericMapping->GenericAll : 0;
        Granted |= DesiredAccess & ~MAXIMUM_ALLOWED;
    }
    else if (SecurityDescriptor == NULL)
    {
        *AccessStatus = STATUS_ACCESS_DENIED;
    }
    else if (DesiredAccess != 0 || PreviouslyGrantedAccess == 0)
    {
        *AccessStatus =
            SepAccessCheck(SecurityDescriptor, SeQuerySubjectContextToken(SubjectSecurityContext),
                           DesiredAccess, GenericMapping, &Granted);
    }
    if (!NT_SUCCESS(*AccessStatus))
    {
        return FALSE;
    }
    *GrantedAccess = Granted | PreviouslyGrantedAccess;
    return TRUE;
}
