// SPDX-License-Identifier: MIT
// Security: access state, subject context, access checks, tokens.
#ifndef NTHOST_KM_NT_SE_H
#define NTHOST_KM_NT_SE_H

#include "se_exports.h"
#include "types.h"

#ifndef ACL_REVISION_DS
#define ACL_REVISION_DS 4
#endif

typedef struct _SECURITY_SUBJECT_CONTEXT
{
    PACCESS_TOKEN ClientToken;
    SECURITY_IMPERSONATION_LEVEL ImpersonationLevel;
    PACCESS_TOKEN PrimaryToken;
    PVOID ProcessAuditId;
} SECURITY_SUBJECT_CONTEXT, *PSECURITY_SUBJECT_CONTEXT;

#define INITIAL_PRIVILEGE_COUNT 3

typedef struct _INITIAL_PRIVILEGE_SET
{
    ULONG PrivilegeCount;
    ULONG Control;
    LUID_AND_ATTRIBUTES Privilege[INITIAL_PRIVILEGE_COUNT];
} INITIAL_PRIVILEGE_SET, *PINITIAL_PRIVILEGE_SET;

typedef struct _ACCESS_STATE
{
    LUID OperationID;
    BOOLEAN SecurityEvaluated;
    BOOLEAN GenerateAudit;
    BOOLEAN GenerateOnClose;
    BOOLEAN PrivilegesAllocated;
    ULONG Flags;
    ACCESS_MASK RemainingDesiredAccess;
    ACCESS_MASK PreviouslyGrantedAccess;
    ACCESS_MASK OriginalDesiredAccess;
    SECURITY_SUBJECT_CONTEXT SubjectSecurityContext;
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    PVOID AuxData;
    union
    {
        INITIAL_PRIVILEGE_SET InitialPrivilegeSet;
        PRIVILEGE_SET PrivilegeSet;
    } Privileges;
    BOOLEAN AuditPrivileges;
    UNICODE_STRING ObjectName;
    UNICODE_STRING ObjectTypeName;
} ACCESS_STATE, *PACCESS_STATE;

NTKERNELAPI VOID SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext);
NTKERNELAPI VOID SeLockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext);
NTKERNELAPI VOID SeUnlockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext);
NTKERNELAPI VOID SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext);
NTKERNELAPI BOOLEAN SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor,
                                  PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext,
                                  BOOLEAN SubjectContextLocked, ACCESS_MASK DesiredAccess,
                                  ACCESS_MASK PreviouslyGrantedAccess, PPRIVILEGE_SET *Privileges,
                                  PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE AccessMode,
                                  PACCESS_MASK GrantedAccess, PNTSTATUS AccessStatus);
NTKERNELAPI BOOLEAN SeSinglePrivilegeCheck(LUID PrivilegeValue, KPROCESSOR_MODE PreviousMode);
NTKERNELAPI BOOLEAN SeTokenIsAdmin(PACCESS_TOKEN Token);
NTKERNELAPI NTSTATUS SeQueryInformationToken(PACCESS_TOKEN Token,
                                             TOKEN_INFORMATION_CLASS TokenInformationClass,
                                             PVOID *TokenInformation);
NTKERNELAPI BOOLEAN SeValidSecurityDescriptor(ULONG Length,
                                              PSECURITY_DESCRIPTOR SecurityDescriptor);
NTKERNELAPI PACCESS_TOKEN PsReferencePrimaryToken(PEPROCESS Process);
NTKERNELAPI VOID PsDereferencePrimaryToken(PACCESS_TOKEN PrimaryToken);

#define SeQuerySubjectContextToken(SubjectContext)                         \
    ((SubjectContext)->ClientToken != NULL ? (SubjectContext)->ClientToken \
                                           : (SubjectContext)->PrimaryToken)

static FORCEINLINE LUID
RtlConvertLongToLuid(LONG Long)
{
    LUID Luid = {(ULONG)Long, Long < 0 ? -1 : 0};

    return Luid;
}

static FORCEINLINE BOOLEAN
RtlIsZeroLuid(PLUID Luid)
{
    return (Luid->LowPart | (ULONG)Luid->HighPart) == 0;
}

#endif
