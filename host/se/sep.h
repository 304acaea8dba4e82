// SPDX-License-Identifier: MIT
// Security internals: tokens, SIDs, security descriptors from SDDL, access checks.
#ifndef HOST_SE_SEP_H
#define HOST_SE_SEP_H

#include <ntifs.h>

// A token is an object of type ObpTokenType.
typedef struct SEP_TOKEN
{
    PSID User;
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
// Self-relative descriptor in paged pool (tag 'dSeS'); free with ExFreePool.
NTSTATUS SepDescriptorFromSddl(const WCHAR *Sddl, SIZE_T Length, PVOID *Descriptor, ULONG *Size);
// Validated deep copy of a caller's absolute or self-relative descriptor into self-relative pool.
NTSTATUS SepCaptureDescriptor(PVOID From, KPROCESSOR_MODE Mode, PVOID *Descriptor);
// What a new object gets when its creator gave none (creator and SYSTEM and administrators: all).
NTSTATUS SepDefaultDescriptor(SEP_TOKEN *Token, PVOID *Descriptor);

NTSTATUS SeStart(void);
void SeStop(void);

#endif
