// SPDX-License-Identifier: MIT
// Security identifiers: the well-known ones and the Rtl routines that handle any.
#include "se/sei.h"

#include <stdio.h>

// The machine that all accounts belong to. Any numbers would do; they are the same on every run, so that
// a descriptor can name them.
#define SEP_MACHINE(Rid)                           \
    {                                              \
        21, 1004336348, 1177238915, 682003330, Rid \
    }

SEP_SID SepKnown[SepKnownCount] = {
    [SepNullSid] = {1, 1, {{0, 0, 0, 0, 0, 0}}, {0}},
    [SepWorldSid] = {1, 1, {{0, 0, 0, 0, 0, 1}}, {0}},
    [SepLocalSid] = {1, 1, {{0, 0, 0, 0, 0, 2}}, {0}},
    [SepCreatorOwnerSid] = {1, 1, {{0, 0, 0, 0, 0, 3}}, {0}},
    [SepCreatorGroupSid] = {1, 1, {{0, 0, 0, 0, 0, 3}}, {1}},
    [SepOwnerRightsSid] = {1, 1, {{0, 0, 0, 0, 0, 3}}, {4}},
    [SepNtAuthoritySid] = {1, 0, {{0, 0, 0, 0, 0, 5}}, {0}},
    [SepDialupSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {1}},
    [SepNetworkSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {2}},
    [SepBatchSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {3}},
    [SepInteractiveSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {4}},
    [SepServiceSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {6}},
    [SepAnonymousSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {7}},
    [SepSelfSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {10}},
    [SepAuthenticatedSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {11}},
    [SepRestrictedSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {12}},
    [SepIUserSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {17}},
    [SepSystemSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {18}},
    [SepLocalServiceSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {19}},
    [SepNetworkServiceSid] = {1, 1, {{0, 0, 0, 0, 0, 5}}, {20}},
    [SepAdminsSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 544}},
    [SepUsersSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 545}},
    [SepGuestsSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 546}},
    [SepPowerUsersSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 547}},
    [SepAccountOpsSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 548}},
    [SepSystemOpsSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 549}},
    [SepPrintOpsSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 550}},
    [SepBackupOpsSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {32, 551}},
    [SepAllPackagesSid] = {1, 2, {{0, 0, 0, 0, 0, 15}}, {2, 1}},
    [SepUserModeDriversSid] = {1, 2, {{0, 0, 0, 0, 0, 5}}, {84, 0}},
    [SepUntrustedSid] = {1, 1, {{0, 0, 0, 0, 0, 16}}, {0}},
    [SepLowSid] = {1, 1, {{0, 0, 0, 0, 0, 16}}, {0x1000}},
    [SepMediumSid] = {1, 1, {{0, 0, 0, 0, 0, 16}}, {0x2000}},
    [SepHighSid] = {1, 1, {{0, 0, 0, 0, 0, 16}}, {0x3000}},
    [SepSystemLabelSid] = {1, 1, {{0, 0, 0, 0, 0, 16}}, {0x4000}},
    [SepMachineAdministratorSid] = {1, 5, {{0, 0, 0, 0, 0, 5}}, SEP_MACHINE(500)},
    [SepMachineUserSid] = {1, 5, {{0, 0, 0, 0, 0, 5}}, SEP_MACHINE(1001)},
    [SepMachineNoneSid] = {1, 5, {{0, 0, 0, 0, 0, 5}}, SEP_MACHINE(513)},
};

BOOLEAN
RtlValidSid(PSID Sid)
{
    const SID *Header = Sid;

    return Header != NULL && Header->Revision == SID_REVISION &&
           Header->SubAuthorityCount <= SEP_MAX_SUB_AUTHORITIES;
}

DWORD NTAPI
RtlLengthRequiredSid(DWORD SubAuthorityCount)
{
    return SEP_SID_BYTES(SubAuthorityCount);
}

DWORD NTAPI
RtlLengthSid(PSID Sid)
{
    return SEP_SID_BYTES(((const SID *)Sid)->SubAuthorityCount);
}

BOOLEAN
RtlEqualSid(PSID Sid1, PSID Sid2)
{
    const SID *First = Sid1, *Second = Sid2;

    return First->SubAuthorityCount == Second->SubAuthorityCount &&
           memcmp(First, Second, SEP_SID_BYTES(First->SubAuthorityCount)) == 0;
}

NTSTATUS
RtlCopySid(ULONG DestinationSidLength, PSID DestinationSid, PSID SourceSid)
{
    ULONG Length = RtlLengthSid(SourceSid);

    if (Length > DestinationSidLength)
    {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memmove(DestinationSid, SourceSid, Length);
    return STATUS_SUCCESS;
}

NTSTATUS
RtlInitializeSid(PSID Sid, PSID_IDENTIFIER_AUTHORITY IdentifierAuthority, UCHAR SubAuthorityCount)
{
    SID *Header = Sid;

    if (SubAuthorityCount > SEP_MAX_SUB_AUTHORITIES)
    {
        return STATUS_INVALID_PARAMETER;
    }
    Header->Revision = SID_REVISION;
    Header->SubAuthorityCount = SubAuthorityCount;
    Header->IdentifierAuthority = *IdentifierAuthority;
    return STATUS_SUCCESS;
}

LPDWORD NTAPI
RtlSubAuthoritySid(PSID Sid, DWORD SubAuthority)
{
    // Through a plain pointer: the declared array has one element.
    return (LPDWORD)((PUCHAR)Sid + SEP_SID_BYTES(0)) + SubAuthority;
}

PUCHAR
RtlSubAuthorityCountSid(PSID Sid)
{
    return &((SID *)Sid)->SubAuthorityCount;
}

NTSTATUS NTAPI
RtlConvertSidToUnicodeString(PUNICODE_STRING UnicodeString, PSID Sid,
                             BOOLEAN AllocateDestinationString)
{
    // "S-1-" + 15 digits of authority + 15 times "-" and ten digits, and a terminator.
    char Text[200];
    const SID *Header = Sid;
    unsigned long long Authority = 0;
    int Length;

    if (!RtlValidSid(Sid))
    {
        return STATUS_INVALID_SID;
    }
    for (ULONG i = 0; i < 6; i++)
    {
        Authority = Authority << 8 | Header->IdentifierAuthority.Value[i];
    }
    Length =
        snprintf(Text, sizeof(Text), Authority >> 32 ? "S-1-0x%012llx" : "S-1-%llu", Authority);
    for (ULONG i = 0; i < Header->SubAuthorityCount; i++)
    {
        Length += snprintf(Text + Length, sizeof(Text) - (size_t)Length, "-%u",
                           (unsigned)*RtlSubAuthoritySid(Sid, i));
    }
    if (AllocateDestinationString)
    {
        UnicodeString->MaximumLength = (USHORT)((Length + 1) * sizeof(WCHAR));
        UnicodeString->Buffer = SepAllocate(UnicodeString->MaximumLength);
        if (UnicodeString->Buffer == NULL)
        {
            return STATUS_NO_MEMORY;
        }
    }
    else if (UnicodeString->MaximumLength < Length * sizeof(WCHAR))
    {
        return STATUS_BUFFER_OVERFLOW;
    }
    UnicodeString->Length = (USHORT)(Length * sizeof(WCHAR));
    for (int i = 0; i <= Length; i++)
    {
        if ((i + 1) * sizeof(WCHAR) <= UnicodeString->MaximumLength)
        {
            UnicodeString->Buffer[i] = (UCHAR)Text[i];
        }
    }
    return STATUS_SUCCESS;
}
