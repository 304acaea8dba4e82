// SPDX-License-Identifier: MIT
// The security descriptor definition language: "O:BAG:SYD:P(A;;GA;;;SY)(A;;0x1f0003;;;S-1-5-11)".
//
// The text may be hostile. A cursor never passes its end, every number is range-checked, and the list
// is built in a buffer whose size is computed from the text before anything is written.
#include "se/sei.h"

typedef struct SEP_CURSOR
{
    const WCHAR *Next, *End;
} SEP_CURSOR;

#define SEP_TWO(First, Second) ((ULONG)(First) << 16 | (ULONG)(Second))

// The next character in upper case, 0 at the end.
static WCHAR
SepPeek(const SEP_CURSOR *Cursor)
{
    WCHAR Character = Cursor->Next < Cursor->End ? *Cursor->Next : 0;

    return Character >= 'a' && Character <= 'z' ? Character - 32 : Character;
}

static ULONG
SepPeekTwo(const SEP_CURSOR *Cursor)
{
    SEP_CURSOR Second = {Cursor->Next + 1, Cursor->End};

    return Cursor->End - Cursor->Next < 2 ? 0 : SEP_TWO(SepPeek(Cursor), SepPeek(&Second));
}

static BOOLEAN
SepTake(SEP_CURSOR *Cursor, WCHAR Character)
{
    if (SepPeek(Cursor) != Character)
    {
        return FALSE;
    }
    Cursor->Next++;
    return TRUE;
}

// Decimal, or hexadecimal after "0x". FALSE without a digit or beyond Maximum.
static BOOLEAN
SepTakeNumber(SEP_CURSOR *Cursor, ULONG64 Maximum, ULONG64 *Number)
{
    ULONG Base = SepPeekTwo(Cursor) == SEP_TWO('0', 'X') ? 16 : 10;
    const WCHAR *First;

    Cursor->Next += Base == 16 ? 2 : 0;
    First = Cursor->Next;
    *Number = 0;
    for (;;)
    {
        WCHAR Character = SepPeek(Cursor);
        ULONG Digit = Character >= '0' && Character <= '9'   ? (ULONG)(Character - '0')
                      : Character >= 'A' && Character <= 'F' ? (ULONG)(Character - 'A' + 10)
                                                             : 99;

        if (Digit >= Base)
        {
            return Cursor->Next != First;
        }
        if (*Number > (Maximum - Digit) / Base)
        {
            return FALSE;
        }
        *Number = *Number * Base + Digit;
        Cursor->Next++;
    }
}

// Those that mean the same on every machine; the ones of domains have no meaning here.
static const struct
{
    ULONG Name;
    SEP_KNOWN Sid;
} SepSidNames[] = {
    {SEP_TWO('W', 'D'), SepWorldSid},
    {SEP_TWO('C', 'O'), SepCreatorOwnerSid},
    {SEP_TWO('C', 'G'), SepCreatorGroupSid},
    {SEP_TWO('O', 'W'), SepOwnerRightsSid},
    {SEP_TWO('N', 'U'), SepNetworkSid},
    {SEP_TWO('I', 'U'), SepInteractiveSid},
    {SEP_TWO('S', 'U'), SepServiceSid},
    {SEP_TWO('A', 'N'), SepAnonymousSid},
    {SEP_TWO('P', 'S'), SepSelfSid},
    {SEP_TWO('A', 'U'), SepAuthenticatedSid},
    {SEP_TWO('R', 'C'), SepRestrictedSid},
    {SEP_TWO('S', 'Y'), SepSystemSid},
    {SEP_TWO('L', 'S'), SepLocalServiceSid},
    {SEP_TWO('N', 'S'), SepNetworkServiceSid},
    {SEP_TWO('B', 'A'), SepAdminsSid},
    {SEP_TWO('B', 'U'), SepUsersSid},
    {SEP_TWO('B', 'G'), SepGuestsSid},
    {SEP_TWO('P', 'U'), SepPowerUsersSid},
    {SEP_TWO('A', 'O'), SepAccountOpsSid},
    {SEP_TWO('S', 'O'), SepSystemOpsSid},
    {SEP_TWO('P', 'O'), SepPrintOpsSid},
    {SEP_TWO('B', 'O'), SepBackupOpsSid},
    {SEP_TWO('A', 'C'), SepAllPackagesSid},
    {SEP_TWO('U', 'D'), SepUserModeDriversSid},
    {SEP_TWO('L', 'A'), SepMachineAdministratorSid},
};

// "S-1-5-32-544" or two letters.
static NTSTATUS
SepTakeSid(SEP_CURSOR *Cursor, PSID Sid)
{
    SID *Header = Sid;
    ULONG64 Number;

    if (SepPeekTwo(Cursor) != SEP_TWO('S', '-'))
    {
        for (ULONG i = 0; i < RTL_NUMBER_OF(SepSidNames); i++)
        {
            if (SepSidNames[i].Name == SepPeekTwo(Cursor))
            {
                Cursor->Next += 2;
                return RtlCopySid(SEP_MAX_SID_BYTES, Sid, SepSid(SepSidNames[i].Sid));
            }
        }
        return STATUS_INVALID_SID;
    }
    Cursor->Next += 2;
    if (!SepTakeNumber(Cursor, MAXULONG, &Number) || Number != SID_REVISION ||
        !SepTake(Cursor, '-') || !SepTakeNumber(Cursor, 0xFFFFFFFFFFFFull, &Number))
    {
        return STATUS_INVALID_SID;
    }
    Header->Revision = SID_REVISION;
    Header->SubAuthorityCount = 0;
    for (ULONG i = 0; i < 6; i++)
    {
        Header->IdentifierAuthority.Value[i] = (UCHAR)(Number >> (40 - 8 * i));
    }
    while (SepTake(Cursor, '-'))
    {
        if (Header->SubAuthorityCount == SEP_MAX_SUB_AUTHORITIES ||
            !SepTakeNumber(Cursor, MAXULONG, &Number))
        {
            return STATUS_INVALID_SID;
        }
        *RtlSubAuthoritySid(Sid, Header->SubAuthorityCount++) = (ULONG)Number;
    }
    return Header->SubAuthorityCount != 0 ? STATUS_SUCCESS : STATUS_INVALID_SID;
}

static const struct
{
    ULONG Name;
    ACCESS_MASK Mask;
} SepRights[] = {
    {SEP_TWO('G', 'A'), GENERIC_ALL},
    {SEP_TWO('G', 'R'), GENERIC_READ},
    {SEP_TWO('G', 'W'), GENERIC_WRITE},
    {SEP_TWO('G', 'X'), GENERIC_EXECUTE},
    {SEP_TWO('R', 'C'), READ_CONTROL},
    {SEP_TWO('S', 'D'), DELETE},
    {SEP_TWO('W', 'D'), WRITE_DAC},
    {SEP_TWO('W', 'O'), WRITE_OWNER},
    {SEP_TWO('F', 'A'), FILE_ALL_ACCESS},
    {SEP_TWO('F', 'R'), FILE_GENERIC_READ},
    {SEP_TWO('F', 'W'), FILE_GENERIC_WRITE},
    {SEP_TWO('F', 'X'), FILE_GENERIC_EXECUTE},
    {SEP_TWO('K', 'A'), 0xF003F},
    {SEP_TWO('K', 'R'), 0x20019},
    {SEP_TWO('K', 'W'), 0x20006},
    {SEP_TWO('K', 'X'), 0x20019},
    {SEP_TWO('C', 'C'), 0x1},
    {SEP_TWO('D', 'C'), 0x2},
    {SEP_TWO('L', 'C'), 0x4},
    {SEP_TWO('S', 'W'), 0x8},
    {SEP_TWO('R', 'P'), 0x10},
    {SEP_TWO('W', 'P'), 0x20},
    {SEP_TWO('D', 'T'), 0x40},
    {SEP_TWO('L', 'O'), 0x80},
    {SEP_TWO('C', 'R'), 0x100},
};

static BOOLEAN
SepTakeRights(SEP_CURSOR *Cursor, ACCESS_MASK *Mask)
{
    *Mask = 0;
    if (SepPeek(Cursor) >= '0' && SepPeek(Cursor) <= '9')
    {
        ULONG64 Number;
        BOOLEAN Valid = SepTakeNumber(Cursor, MAXULONG, &Number);

        *Mask = (ACCESS_MASK)Number;
        return Valid;
    }
    while (SepPeek(Cursor) != ';')
    {
        ULONG Index = 0;

        while (Index < RTL_NUMBER_OF(SepRights) && SepRights[Index].Name != SepPeekTwo(Cursor))
        {
            Index++;
        }
        if (Index == RTL_NUMBER_OF(SepRights))
        {
            return FALSE;
        }
        *Mask |= SepRights[Index].Mask;
        Cursor->Next += 2;
    }
    return TRUE;
}

static BOOLEAN
SepTakeAceFlags(SEP_CURSOR *Cursor, UCHAR *Flags)
{
    *Flags = 0;
    while (SepPeek(Cursor) != ';')
    {
        switch (SepPeekTwo(Cursor))
        {
        case SEP_TWO('O', 'I'):
            *Flags |= OBJECT_INHERIT_ACE;
            break;
        case SEP_TWO('C', 'I'):
            *Flags |= CONTAINER_INHERIT_ACE;
            break;
        case SEP_TWO('N', 'P'):
            *Flags |= NO_PROPAGATE_INHERIT_ACE;
            break;
        case SEP_TWO('I', 'O'):
            *Flags |= INHERIT_ONLY_ACE;
            break;
        case SEP_TWO('I', 'D'):
            *Flags |= INHERITED_ACE;
            break;
        default:
            return FALSE;
        }
        Cursor->Next += 2;
    }
    return TRUE;
}

// "A;flags;rights;;;sid)", the opening parenthesis taken.
static NTSTATUS
SepTakeAce(SEP_CURSOR *Cursor, PACL Acl)
{
    union
    {
        SID Sid;
        UCHAR Bytes[SEP_MAX_SID_BYTES];
    } Sid;
    UCHAR Type, Flags;
    ACCESS_MASK Mask;
    NTSTATUS Status;

    if (SepTake(Cursor, 'A'))
    {
        Type = ACCESS_ALLOWED_ACE_TYPE;
    }
    else if (SepTake(Cursor, 'D'))
    {
        Type = ACCESS_DENIED_ACE_TYPE;
    }
    else
    {
        return SepPeek(Cursor) >= 'A' && SepPeek(Cursor) <= 'Z' ? STATUS_NOT_SUPPORTED
                                                                : STATUS_INVALID_ACL;
    }
    if (!SepTake(Cursor, ';'))
    {
        return STATUS_INVALID_ACL;
    }
    if (!SepTakeAceFlags(Cursor, &Flags) || !SepTake(Cursor, ';') ||
        !SepTakeRights(Cursor, &Mask) || !SepTake(Cursor, ';') || !SepTake(Cursor, ';') ||
        !SepTake(Cursor, ';'))
    {
        return STATUS_INVALID_ACL;
    }
    Status = SepTakeSid(Cursor, &Sid);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (!SepTake(Cursor, ')'))
    {
        return STATUS_INVALID_ACL;
    }
    return SepAddAce(Acl, Type, Flags, Mask, &Sid);
}

static BOOLEAN
SepTakeWord(SEP_CURSOR *Cursor, const char *Word)
{
    SEP_CURSOR Ahead = *Cursor;

    while (*Word != 0)
    {
        if (!SepTake(&Ahead, (UCHAR)*Word++))
        {
            return FALSE;
        }
    }
    *Cursor = Ahead;
    return TRUE;
}

// What follows "D:". *Dacl is pool, or NULL for a list that allows everything.
static NTSTATUS
SepTakeDacl(SEP_CURSOR *Cursor, SEP_PARTS *Parts, PACL *Dacl)
{
    ULONG Size = sizeof(ACL), Used = sizeof(ACL);
    NTSTATUS Status;

    Parts->Control |= SE_DACL_PRESENT;
    if (SepTakeWord(Cursor, "NO_ACCESS_CONTROL"))
    {
        return STATUS_SUCCESS;
    }
    while (SepPeek(Cursor) == 'P' || SepPeek(Cursor) == 'A')
    {
        if (SepTake(Cursor, 'P'))
        {
            Parts->Control |= SE_DACL_PROTECTED;
        }
        else if (SepTakeWord(Cursor, "AR"))
        {
            Parts->Control |= SE_DACL_AUTO_INHERIT_REQ;
        }
        else if (SepTakeWord(Cursor, "AI"))
        {
            Parts->Control |= SE_DACL_AUTO_INHERITED;
        }
        else
        {
            return STATUS_INVALID_PARAMETER;
        }
    }
    // Room for as many of the largest ACE as could follow.
    for (const WCHAR *At = Cursor->Next; At < Cursor->End && Size <= MAXWORD; At++)
    {
        Size += *At == '(' ? sizeof(ACCESS_ALLOWED_ACE) + SEP_MAX_SID_BYTES : 0;
    }
    Size = Size > (MAXWORD & ~3u) ? (MAXWORD & ~3u) : Size;
    *Dacl = SepAllocate(Size);
    if (*Dacl == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = RtlCreateAcl(*Dacl, Size, ACL_REVISION);
    while (NT_SUCCESS(Status) && SepTake(Cursor, '('))
    {
        Status = SepTakeAce(Cursor, *Dacl);
    }
    if (Status == STATUS_ALLOTTED_SPACE_EXCEEDED)
    {
        Status = STATUS_INVALID_ACL;
    }
    for (ULONG i = 0; i < (*Dacl)->AceCount; i++)
    {
        Used += ((ACE_HEADER *)((PUCHAR)*Dacl + Used))->AceSize;
    }
    (*Dacl)->AclSize = (USHORT)Used;
    return Status;
}

NTSTATUS
SepDescriptorFromSddl(const WCHAR *Sddl, SIZE_T Length, PVOID *Descriptor, ULONG *Size)
{
    SEP_CURSOR Cursor = {Sddl, Sddl + Length};
    union
    {
        SID Sid;
        UCHAR Bytes[SEP_MAX_SID_BYTES];
    } Owner, Group;
    SEP_PARTS Parts = {0};
    PACL Dacl = NULL;
    NTSTATUS Status = STATUS_SUCCESS;

    *Descriptor = NULL;
    while (NT_SUCCESS(Status) && Cursor.Next < Cursor.End)
    {
        ULONG Tag = SepPeekTwo(&Cursor);

        Cursor.Next += Cursor.End - Cursor.Next < 2 ? 1 : 2;
        if (Tag == SEP_TWO('O', ':') && Parts.Owner == NULL)
        {
            Status = SepTakeSid(&Cursor, &Owner);
            Parts.Owner = &Owner;
        }
        else if (Tag == SEP_TWO('G', ':') && Parts.Group == NULL)
        {
            Status = SepTakeSid(&Cursor, &Group);
            Parts.Group = &Group;
        }
        else if (Tag == SEP_TWO('D', ':') && (Parts.Control & SE_DACL_PRESENT) == 0)
        {
            Status = SepTakeDacl(&Cursor, &Parts, &Dacl);
        }
        else
        {
            Status = Tag == SEP_TWO('S', ':') ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
        }
    }
    Parts.Dacl = Dacl;
    if (NT_SUCCESS(Status))
    {
        Status = SepBuild(&Parts, NULL, Descriptor);
    }
    if (NT_SUCCESS(Status) && Size != NULL)
    {
        *Size = RtlLengthSecurityDescriptor(*Descriptor);
    }
    SepFree(Dacl);
    return Status;
}
