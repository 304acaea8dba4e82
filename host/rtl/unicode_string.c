// SPDX-License-Identifier: MIT
// Counted UTF-16 strings: UNICODE_STRING. Lengths are in bytes; an odd last byte is never looked at.
#include "rtl/rtlp.h"
#include "verifier/vf.h"

#include <wchar.h>

// The longest string whose Length and MaximumLength (with a terminator) both fit 16 bits.
#define MAX_LENGTH ((SIZE_T)0xFFFC)

static SIZE_T
CountOf(PCUNICODE_STRING String)
{
    return String->Length / sizeof(WCHAR);
}

NTSTATUS NTAPI
RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T Length = SourceString == NULL ? 0 : wcslen(SourceString) * sizeof(WCHAR);

    DestinationString->Length = 0;
    DestinationString->MaximumLength = 0;
    DestinationString->Buffer = NULL;
    if (Length > MAX_LENGTH)
    {
        return STATUS_NAME_TOO_LONG;
    }
    if (SourceString != NULL)
    {
        DestinationString->Length = (USHORT)Length;
        DestinationString->MaximumLength = (USHORT)(Length + sizeof(WCHAR));
        DestinationString->Buffer = (PWSTR)SourceString;
    }
    return STATUS_SUCCESS;
}

VOID NTAPI
RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    if (!NT_SUCCESS(RtlInitUnicodeStringEx(DestinationString, SourceString)))
    {
        // It cannot fail: a string that is too long is cut off, as on Windows.
        DestinationString->Length = MAX_LENGTH;
        DestinationString->MaximumLength = MAX_LENGTH + sizeof(WCHAR);
        DestinationString->Buffer = (PWSTR)SourceString;
    }
}

VOID NTAPI
RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    USHORT Length = 0;

    if (SourceString != NULL)
    {
        Length = min(SourceString->Length, DestinationString->MaximumLength);
        memmove(DestinationString->Buffer, SourceString->Buffer, Length);
    }
    DestinationString->Length = Length;
    if (SourceString != NULL && Length + sizeof(WCHAR) <= DestinationString->MaximumLength)
    {
        DestinationString->Buffer[Length / sizeof(WCHAR)] = 0;
    }
}

static NTSTATUS
Append(PUNICODE_STRING Destination, const WCHAR *Source, SIZE_T Length)
{
    if (Length >
        (SIZE_T)Destination->MaximumLength - min(Destination->Length, Destination->MaximumLength))
    {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memmove((char *)Destination->Buffer + Destination->Length, Source, Length);
    Destination->Length = (USHORT)(Destination->Length + Length);
    if (Destination->Length + sizeof(WCHAR) <= Destination->MaximumLength)
    {
        Destination->Buffer[Destination->Length / sizeof(WCHAR)] = 0;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI
RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    return Source->Length == 0 ? STATUS_SUCCESS
                               : Append(Destination, Source->Buffer, Source->Length);
}

NTSTATUS NTAPI
RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    return Source == NULL ? STATUS_SUCCESS
                          : Append(Destination, Source, wcslen(Source) * sizeof(WCHAR));
}

LONG NTAPI
RtlCompareUnicodeStrings(PCWCH String1, SIZE_T String1Length, PCWCH String2, SIZE_T String2Length,
                         BOOLEAN CaseInSensitive)
{
    SIZE_T Count = min(String1Length, String2Length);

    if (CaseInSensitive)
    {
        VF_MAX_IRQL(PASSIVE_LEVEL);  // on Windows the table of letters is pageable
    }
    for (SIZE_T Index = 0; Index < Count; Index++)
    {
        WCHAR First = String1[Index];
        WCHAR Second = String2[Index];

        if (First != Second && CaseInSensitive)
        {
            First = RtlUpcaseUnicodeChar(First);
            Second = RtlUpcaseUnicodeChar(Second);
        }
        if (First != Second)
        {
            return (LONG)First - (LONG)Second;
        }
    }
    return (LONG)String1Length - (LONG)String2Length;
}

LONG NTAPI
RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    return RtlCompareUnicodeStrings(String1->Buffer, CountOf(String1), String2->Buffer,
                                    CountOf(String2), CaseInSensitive);
}

BOOLEAN NTAPI
RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           RtlCompareUnicodeString(String1, String2, CaseInSensitive) == 0;
}

BOOLEAN NTAPI
RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    return String1->Length <= String2->Length &&
           RtlCompareUnicodeStrings(String1->Buffer, CountOf(String1), String2->Buffer,
                                    CountOf(String1), CaseInSensitive) == 0;
}

// Space for Length bytes and a terminator, which is written. NULL: out of memory.
static PWSTR
Allocate(SIZE_T Length)
{
    PWSTR Buffer;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Buffer = ExAllocatePoolWithTag(PagedPool, Length + sizeof(WCHAR), RTLP_TAG_STRING);
    if (Buffer != NULL)
    {
        Buffer[Length / sizeof(WCHAR)] = 0;
    }
    return Buffer;
}

BOOLEAN NTAPI
RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T Length = wcslen(SourceString) * sizeof(WCHAR);
    PWSTR Buffer = Length > MAX_LENGTH ? NULL : Allocate(Length);

    if (Buffer == NULL)
    {
        return FALSE;
    }
    memcpy(Buffer, SourceString, Length);
    DestinationString->Buffer = Buffer;
    DestinationString->Length = (USHORT)Length;
    DestinationString->MaximumLength = (USHORT)(Length + sizeof(WCHAR));
    return TRUE;
}

NTSTATUS
RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING StringIn, PUNICODE_STRING StringOut)
{
    BOOLEAN Terminate = (Flags & RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE) != 0;
    BOOLEAN EvenEmpty = (Flags & RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING) != 0;
    USHORT Length = StringIn == NULL ? 0 : StringIn->Length;
    PWSTR Buffer = NULL;

    if (Flags > 3 || (EvenEmpty && !Terminate) || StringOut == NULL ||
        Length > (Terminate ? MAX_LENGTH : MAX_LENGTH + sizeof(WCHAR)) ||
        Length % sizeof(WCHAR) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Length > 0 || EvenEmpty)
    {
        Buffer = Allocate(Length);
        if (Buffer == NULL)
        {
            return STATUS_NO_MEMORY;
        }
        if (Length > 0)
        {
            memcpy(Buffer, StringIn->Buffer, Length);
        }
    }
    StringOut->Buffer = Buffer;
    StringOut->Length = Length;
    StringOut->MaximumLength =
        (USHORT)(Buffer == NULL ? 0 : Length + (Terminate ? sizeof(WCHAR) : 0));
    return STATUS_SUCCESS;
}

VOID NTAPI
RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    if (UnicodeString->Buffer != NULL)
    {
        ExFreePool(
            UnicodeString->Buffer);  // whatever its tag: drivers free their own with this too
        memset(UnicodeString, 0, sizeof(*UnicodeString));
    }
}

static NTSTATUS
ChangeCase(PUNICODE_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocated,
           WCHAR(NTAPI *Change)(WCHAR))
{
    PWSTR Buffer = Destination->Buffer;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (Allocated)
    {
        Buffer = Allocate(Source->Length);
        if (Buffer == NULL)
        {
            return STATUS_NO_MEMORY;
        }
        Destination->Buffer = Buffer;
        Destination->MaximumLength = Source->Length;
    }
    else if (Source->Length > Destination->MaximumLength)
    {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (SIZE_T Index = 0; Index < CountOf(Source); Index++)
    {
        Buffer[Index] = Change(Source->Buffer[Index]);
    }
    Destination->Length = Source->Length;
    return STATUS_SUCCESS;
}

NTSTATUS
RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                       BOOLEAN AllocateDestinationString)
{
    return ChangeCase(DestinationString, SourceString, AllocateDestinationString,
                      RtlUpcaseUnicodeChar);
}

NTSTATUS NTAPI
RtlDowncaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                         BOOLEAN AllocateDestinationString)
{
    return ChangeCase(DestinationString, SourceString, AllocateDestinationString,
                      RtlDowncaseUnicodeChar);
}

NTSTATUS
RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm,
                     PULONG HashValue)
{
    ULONG Hash = 0;

    if (String == NULL || HashValue == NULL || HashAlgorithm > HASH_STRING_ALGORITHM_X65599)
    {
        return STATUS_INVALID_PARAMETER;
    }
    for (SIZE_T Index = 0; Index < CountOf(String); Index++)
    {
        WCHAR Unit = String->Buffer[Index];

        Hash = Hash * 65599 + (CaseInSensitive ? RtlUpcaseUnicodeChar(Unit) : Unit);
    }
    *HashValue = Hash;
    return STATUS_SUCCESS;
}
