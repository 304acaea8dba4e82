// SPDX-License-Identifier: MIT
// Tokens, what they give new objects by default, subject contexts, and the exported identifiers.
#include "se/sei.h"

#ifndef TOKEN_ALL_ACCESS
#error "winnt.h declares the rights of tokens"
#endif

NTSTATUS
SeStart(void)
{
    static const struct _OBJECT_TYPE Template = {
        .Mapping = {STANDARD_RIGHTS_READ | TOKEN_QUERY,
                    STANDARD_RIGHTS_WRITE | TOKEN_ADJUST_PRIVILEGES,
                    STANDARD_RIGHTS_EXECUTE | TOKEN_IMPERSONATE, TOKEN_ALL_ACCESS},
        .ValidAccess = TOKEN_ALL_ACCESS,
        .WaitOffset = -1,
    };

    ObpTokenType = ObpCreateType("Token", &Template);
    return ObpTokenType == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

void
SeStop(void)
{
    ObpTokenType = NULL;  // the type itself is freed with the others
}

// All identifiers are static, so a token owns no memory and never changes.
NTSTATUS
SepCreateToken(SEP_WHO Who, SEP_TOKEN **Token)
{
    static const SEP_KNOWN Groups[3][7] = {
        [SepSystem] = {SepAdminsSid, SepWorldSid, SepAuthenticatedSid, SepKnownCount},
        [SepAdministrator] = {SepMachineNoneSid, SepWorldSid, SepAdminsSid, SepUsersSid,
                              SepInteractiveSid, SepAuthenticatedSid, SepKnownCount},
        [SepUser] = {SepMachineNoneSid, SepWorldSid, SepUsersSid, SepInteractiveSid,
                     SepAuthenticatedSid, SepKnownCount},
    };
    static const struct
    {
        SEP_KNOWN User, Owner, Group;
    } Identity[3] = {
        [SepSystem] = {SepSystemSid, SepAdminsSid, SepSystemSid},
        [SepAdministrator] = {SepMachineAdministratorSid, SepAdminsSid, SepMachineNoneSid},
        [SepUser] = {SepMachineUserSid, SepMachineUserSid, SepMachineNoneSid},
    };
    PVOID Object;
    SEP_TOKEN *New;
    NTSTATUS Status = ObpCreateObject(ObpTokenType, sizeof(*New), &Object);

    *Token = New = Object;
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    New->User = SepSid(Identity[Who].User);
    New->DefaultOwner = SepSid(Identity[Who].Owner);
    New->PrimaryGroup = SepSid(Identity[Who].Group);
    while (Groups[Who][New->GroupCount] != SepKnownCount)
    {
        New->Groups[New->GroupCount] = SepSid(Groups[Who][New->GroupCount]);
        New->GroupCount++;
    }
    New->IsAdministrator = Who != SepUser;
    New->IsSystem = Who == SepSystem;
    return STATUS_SUCCESS;
}

SEP_TOKEN *
SepCurrentToken(void)
{
    // Not the process that the thread is attached to: a driver that works inside an application's
    // memory does not become that application.
    PETHREAD Thread = PspCurrentThread();

    if (Thread != NULL && Thread->Process != NULL)
    {
        return Thread->Process->Token;
    }
    return PsInitialSystemProcess == NULL ? NULL : PsInitialSystemProcess->Token;
}

// As Windows' tokens have it: SYSTEM's objects are SYSTEM's to change, and administrators may look and
// wait; an administrator's belong to all administrators; a user's to that user. SYSTEM may do all.
static NTSTATUS
SepDefaultDacl(SEP_TOKEN *Token, PACL Acl, ULONG Size)
{
    ACCESS_MASK Mine =
        Token->IsSystem ? GENERIC_READ | GENERIC_EXECUTE | READ_CONTROL : GENERIC_ALL;
    PSID Who = Token->IsAdministrator ? SepSid(SepAdminsSid) : Token->User;
    NTSTATUS Status = RtlCreateAcl(Acl, Size, ACL_REVISION);

    if (NT_SUCCESS(Status))
    {
        Status = SepAddAce(Acl, ACCESS_ALLOWED_ACE_TYPE, 0, GENERIC_ALL, SepSid(SepSystemSid));
    }
    if (NT_SUCCESS(Status))
    {
        Status = SepAddAce(Acl, ACCESS_ALLOWED_ACE_TYPE, 0, Mine, Who);
    }
    return Status;
}

NTSTATUS
SepAssignDescriptor(PVOID Explicit, SEP_TOKEN *Token, KPROCESSOR_MODE Mode,
                    const GENERIC_MAPPING *Mapping, PVOID *Descriptor)
{
    union
    {
        ULONG Alignment;
        ACL Acl;
        UCHAR Bytes[sizeof(ACL) + 2 * (sizeof(ACCESS_ALLOWED_ACE) + SEP_MAX_SID_BYTES)];
    } Default;
    PVOID Copy = NULL;
    SEP_PARTS Parts;
    NTSTATUS Status = STATUS_SUCCESS;

    *Descriptor = NULL;
    if (Explicit != NULL)
    {
        // Also validates what a driver made by hand.
        Status = SepCaptureDescriptor(Explicit, KernelMode, &Copy);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
    }
    else if (Token == NULL)
    {
        return STATUS_SUCCESS;
    }
    SepGetParts(Copy, &Parts);
    if (Mode == UserMode && Parts.Owner != NULL && !SepMayOwn(Token, Copy))
    {
        Status = STATUS_INVALID_OWNER;
    }
    if (Token != NULL && Parts.Owner == NULL)
    {
        Parts.Owner = Token->DefaultOwner;
        Parts.Control |= SE_OWNER_DEFAULTED;
    }
    if (Token != NULL && Parts.Group == NULL)
    {
        Parts.Group = Token->PrimaryGroup;
        Parts.Control |= SE_GROUP_DEFAULTED;
    }
    if (NT_SUCCESS(Status) && Token != NULL && (Parts.Control & SE_DACL_PRESENT) == 0)
    {
        Status = SepDefaultDacl(Token, &Default.Acl, sizeof(Default));
        if (NT_SUCCESS(Status))
        {
            // Cut to what is used: objects keep it.
            ULONG Used = sizeof(ACL);

            for (ULONG i = 0; i < Default.Acl.AceCount; i++)
            {
                Used += ((ACE_HEADER *)&Default.Bytes[Used])->AceSize;
            }
            Default.Acl.AclSize = (USHORT)Used;
            Parts.Dacl = &Default.Acl;
            Parts.Control |= SE_DACL_PRESENT | SE_DACL_DEFAULTED;
        }
    }
    if (NT_SUCCESS(Status))
    {
        Status = SepBuild(&Parts, Mapping, Descriptor);
    }
    SepFree(Copy);
    return Status;
}

NTSTATUS
SepDefaultDescriptor(SEP_TOKEN *Token, PVOID *Descriptor)
{
    return SepAssignDescriptor(NULL, Token, KernelMode, NULL, Descriptor);
}

BOOLEAN
SepMayOwn(SEP_TOKEN *Token, PVOID Descriptor)
{
    SEP_PARTS Parts;

    SepGetParts(Descriptor, &Parts);
    // Of the groups only Administrators is one that may own, as Windows marks it.
    return Parts.Owner != NULL && Token != NULL &&
           (RtlEqualSid(Parts.Owner, Token->User) ||
            (Token->IsAdministrator && RtlEqualSid(Parts.Owner, SepSid(SepAdminsSid))));
}

VOID
SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    SEP_TOKEN *Token = SepCurrentToken();

    ObReferenceObject(Token);
    SubjectContext->ClientToken = NULL;
    SubjectContext->ImpersonationLevel = SecurityAnonymous;
    SubjectContext->PrimaryToken = Token;
    SubjectContext->ProcessAuditId = PspCurrentThread()->Process->UniqueProcessId;
}

// A token never changes here, so a captured context needs no lock to stay what it is.
VOID
SeLockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    UNREFERENCED_PARAMETER(SubjectContext);
}

VOID
SeUnlockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    UNREFERENCED_PARAMETER(SubjectContext);
}

VOID
SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    ObDereferenceObject(SubjectContext->PrimaryToken);
    SubjectContext->PrimaryToken = NULL;
}

BOOLEAN
SeTokenIsAdmin(PACCESS_TOKEN Token)
{
    return ((SEP_TOKEN *)Token)->IsAdministrator;
}

PACCESS_TOKEN
PsReferencePrimaryToken(PEPROCESS Process)
{
    ObReferenceObject(Process->Token);
    return Process->Token;
}

VOID
PsDereferencePrimaryToken(PACCESS_TOKEN PrimaryToken)
{
    ObDereferenceObject(PrimaryToken);
}
