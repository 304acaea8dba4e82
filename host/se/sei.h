// SPDX-License-Identifier: MIT
// What the security component's own files share and nobody else includes.
#ifndef HOST_SE_SEI_H
#define HOST_SE_SEI_H

#include "ke/ki.h"
#include "mm/mi.h"
#include "ob/obp.h"
#include "ps/psp.h"
#include "se/sep.h"
#include "verifier/vf.h"

#define SEP_MAX_SUB_AUTHORITIES 15
#define SEP_SID_BYTES(Count)    (8u + 4u * (ULONG)(Count))
#define SEP_MAX_SID_BYTES       SEP_SID_BYTES(SEP_MAX_SUB_AUTHORITIES)

// ---- Well-known identifiers (sid.c) ----
typedef struct SEP_SID
{
    UCHAR Revision;
    UCHAR SubAuthorityCount;
    SID_IDENTIFIER_AUTHORITY Authority;
    ULONG SubAuthority[5];
} SEP_SID;

typedef enum SEP_KNOWN
{
    SepNullSid,
    SepWorldSid,
    SepLocalSid,
    SepCreatorOwnerSid,
    SepCreatorGroupSid,
    SepOwnerRightsSid,
    SepNtAuthoritySid,
    SepDialupSid,
    SepNetworkSid,
    SepBatchSid,
    SepInteractiveSid,
    SepServiceSid,
    SepAnonymousSid,
    SepSelfSid,
    SepAuthenticatedSid,
    SepRestrictedSid,
    SepIUserSid,
    SepSystemSid,
    SepLocalServiceSid,
    SepNetworkServiceSid,
    SepAdminsSid,
    SepUsersSid,
    SepGuestsSid,
    SepPowerUsersSid,
    SepAccountOpsSid,
    SepSystemOpsSid,
    SepPrintOpsSid,
    SepBackupOpsSid,
    SepAllPackagesSid,
    SepUserModeDriversSid,
    SepUntrustedSid,
    SepLowSid,
    SepMediumSid,
    SepHighSid,
    SepSystemLabelSid,
    SepMachineAdministratorSid,  // S-1-5-21-...-500
    SepMachineUserSid,           // S-1-5-21-...-1001
    SepMachineNoneSid,           // S-1-5-21-...-513
    SepKnownCount
} SEP_KNOWN;
extern SEP_SID SepKnown[SepKnownCount];
static inline PSID
SepSid(SEP_KNOWN Known)
{
    return (PSID)&SepKnown[Known];
}

// ---- Descriptors (descriptor.c) ----
// The parts of a descriptor in kernel memory, absolute or self-relative.
typedef struct SEP_PARTS
{
    PSID Owner, Group;
    PACL Dacl;                            // NULL with SE_DACL_PRESENT: everybody may do everything
    SECURITY_DESCRIPTOR_CONTROL Control;  // SE_DACL_* and *_DEFAULTED
} SEP_PARTS;
void SepGetParts(PVOID Descriptor, SEP_PARTS *Parts);
// Builds a packed self-relative descriptor; generic rights in the DACL are mapped unless Mapping is
// NULL.
NTSTATUS SepBuild(const SEP_PARTS *Parts, const GENERIC_MAPPING *Mapping, PVOID *Descriptor);
// Is this ACL (Size readable bytes of it, at least its header) whole and well formed?
BOOLEAN SepValidAcl(const ACL *Acl, ULONG Size);
// Appends an ACE. STATUS_ALLOTTED_SPACE_EXCEEDED if it does not fit AclSize.
NTSTATUS SepAddAce(PACL Acl, UCHAR Type, UCHAR Flags, ACCESS_MASK Mask, PSID Sid);

static inline PVOID
SepAllocate(SIZE_T Size)
{
    return MiAllocatePool(NonPagedPoolNx, Size, MI_TAG_HOST, FALSE);
}
static inline void
SepFree(PVOID Address)
{
    if (Address != NULL)
    {
        MiFreePool(Address, MI_TAG_HOST, TRUE);
    }
}

#endif
