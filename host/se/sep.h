// SPDX-License-Identifier: MIT
// Security internals: tokens, SIDs, security descriptors from SDDL, access checks.
#ifndef HOST_SE_SEP_H
#define HOST_SE_SEP_H

#include <ntifs.h>

// A token is an object of type ObpTokenType.
typedef struct SEP_TOKEN
{
    PSID User;
    PSID PrimaryGroup;
    PSID DefaultOwner;  // of what its holder creates
    ULONG GroupCount;
    PSID Groups[8];  // enabled groups
    BOOLEAN IsAdministrator;
    BOOLEAN IsSystem;
    ULONG SessionId;
} SEP_TOKEN;

typedef enum SEP_WHO
{
    SepSystem,
    SepAdministrator,
    SepUser,
} SEP_WHO;
NTSTATUS SepCreateToken(SEP_WHO Who, SEP_TOKEN **Token);  // referenced object
// Effective token of the current thread's process (SYSTEM in system threads).
SEP_TOKEN *SepCurrentToken(void);

// NT's access check: owner rights, DACL order, MAXIMUM_ALLOWED, generic mapping. NULL descriptor or
// NULL DACL grants all. *Granted on success; STATUS_ACCESS_DENIED else.
NTSTATUS SepAccessCheck(PVOID SecurityDescriptor, SEP_TOKEN *Token, ACCESS_MASK Desired,
                        const GENERIC_MAPPING *Mapping, ACCESS_MASK *Granted);
// Replaces generic rights by the type's own. Mapping NULL: nothing is replaced.
void SepMapGeneric(ACCESS_MASK *Mask, const GENERIC_MAPPING *Mapping);

// Every descriptor below is self-relative, packed, and the executive's pool (MI_TAG_HOST, so that no
// driver is charged for it); free with ExFreePool or MiFreePool.

// From SDDL of Length characters: O:, G: and D:, in any order, each at most once. STATUS_INVALID_SID,
// STATUS_INVALID_ACL or STATUS_INVALID_PARAMETER when it cannot be understood; STATUS_NOT_SUPPORTED for
// a SACL and for ACEs other than A and D. Size (optional) receives the descriptor's bytes.
NTSTATUS SepDescriptorFromSddl(const WCHAR *Sddl, SIZE_T Length, PVOID *Descriptor, ULONG *Size);
// Validated deep copy of a caller's absolute or self-relative descriptor. A SACL is
// STATUS_PRIVILEGE_NOT_HELD.
NTSTATUS SepCaptureDescriptor(PVOID From, KPROCESSOR_MODE Mode, PVOID *Descriptor);
// What a new object gets when its creator gave none (creator and SYSTEM and administrators: all).
NTSTATUS SepDefaultDescriptor(SEP_TOKEN *Token, PVOID *Descriptor);

// What a new object gets: the explicit owner, group and DACL where there are any (any form, kernel
// memory; NULL: none), the token's defaults elsewhere, generic rights mapped. UserMode may name only an
// owner that it is: STATUS_INVALID_OWNER. Token NULL (before PsStart) and nothing explicit: none.
NTSTATUS SepAssignDescriptor(PVOID Explicit, SEP_TOKEN *Token, KPROCESSOR_MODE Mode,
                             const GENERIC_MAPPING *Mapping, PVOID *Descriptor);
// Old (NULL: empty) with the parts that Information names taken from New.
NTSTATUS SepMergeDescriptor(PVOID Old, SECURITY_INFORMATION Information, PVOID New,
                            const GENERIC_MAPPING *Mapping, PVOID *Merged);
// May the token make the descriptor's owner the owner of an object? FALSE if it has none.
BOOLEAN SepMayOwn(SEP_TOKEN *Token, PVOID Descriptor);
BOOLEAN SepTokenHasSid(SEP_TOKEN *Token, PSID Sid);

NTSTATUS SeStart(void);  // the token type

void SeStop(void);

#endif
