// SPDX-License-Identifier: MIT
// Counted byte strings: ANSI_STRING, and their conversion. The host's ANSI code page is UTF-8.
#include "rtl/rtlp.h"
#include "verifier/vf.h"

#define MAX_LENGTH ((SIZE_T)0xFFFE)

NTSTATUS NTAPI
RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSZ SourceString)
{
    SIZE_T Length = SourceString == NULL ? 0 : strlen(SourceString);

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
        DestinationString->MaximumLength = (USHORT)(Length + 1);
        DestinationString->Buffer = (PCHAR)SourceString;
    }
    return STATUS_SUCCESS;
}

VOID NTAPI
RtlInitAnsiString(PANSI_STRING DestinationString, PCSZ SourceString)
{
    if (!NT_SUCCESS(RtlInitAnsiStringEx(DestinationString, SourceString)))
    {
        DestinationString->Length = MAX_LENGTH;
        DestinationString->MaximumLength = MAX_LENGTH + 1;
        DestinationString->Buffer = (PCHAR)SourceString;
    }
}

VOID NTAPI
RtlInitString(PSTRING DestinationString, PCSZ SourceString)
{
    RtlInitAnsiString(DestinationString, SourceString);
}

VOID NTAPI
RtlCopyString(PSTRING DestinationString, const STRING *SourceString)
{
    USHORT Length = 0;

    if (SourceString != NULL)
    {
        Length = min(SourceString->Length, DestinationString->MaximumLength);
        memmove(DestinationString->Buffer, SourceString->Buffer, Length);
    }
    DestinationString->Length = Length;
}

LONG NTAPI
RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    SIZE_T Count = min(String1->Length, String2->Length);

    for (SIZE_T Index = 0; Index < Count; Index++)
    {
        CHAR First = String1->Buffer[Index];
        CHAR Second = String2->Buffer[Index];

        if (CaseInSensitive)
        {
            First = RtlUpperChar(First);
            Second = RtlUpperChar(Second);
        }
        if (First != Second)
        {
            return (LONG)(UCHAR)First - (LONG)(UCHAR)Second;
        }
    }
    return (LONG)String1->Length - (LONG)String2->Length;
}

BOOLEAN NTAPI
RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           RtlCompareString(String1, String2, CaseInSensitive) == 0;
}

BOOLEAN NTAPI
RtlPrefixString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    STRING Start = *String2;

    if (String1->Length > String2->Length)
    {
        return FALSE;
    }
    Start.Length = String1->Length;
    return RtlCompareString(String1, &Start, CaseInSensitive) == 0;
}

ULONG
RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    SIZE_T Count = RtlpUtf8ToUtf16(AnsiString->Buffer, AnsiString->Length, NULL, 0);

    return (ULONG)((Count + 1) * sizeof(WCHAR));
}

ULONG
RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    SIZE_T Count = UnicodeString->Length / sizeof(WCHAR);

    return (ULONG)RtlpUtf16ToUtf8(UnicodeString->Buffer, Count, NULL, 0) + 1;
}

NTSTATUS NTAPI
RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                             BOOLEAN AllocateDestinationString)
{
    ULONG Size = RtlxAnsiStringToUnicodeSize(SourceString);
    SIZE_T Count = Size / sizeof(WCHAR) - 1;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (Size > MAXUSHORT)
    {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (AllocateDestinationString)
    {
        PWSTR Buffer = ExAllocatePoolWithTag(PagedPool, Size, RTLP_TAG_STRING);

        if (Buffer == NULL)
        {
            return STATUS_NO_MEMORY;
        }
        DestinationString->Buffer = Buffer;
        DestinationString->MaximumLength = (USHORT)Size;
    }
    else if (Size > DestinationString->MaximumLength)
    {
        return STATUS_BUFFER_OVERFLOW;
    }
    (void)RtlpUtf8ToUtf16(SourceString->Buffer, SourceString->Length, DestinationString->Buffer,
                          Count);
    DestinationString->Length = (USHORT)(Size - sizeof(WCHAR));
    DestinationString->Buffer[Count] = 0;
    return STATUS_SUCCESS;
}

// Without allocation a destination that is too small is filled with whole characters, terminated, and
// STATUS_BUFFER_OVERFLOW (a warning) says so.
NTSTATUS NTAPI
RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                             BOOLEAN AllocateDestinationString)
{
    ULONG Size = RtlxUnicodeStringToAnsiSize(SourceString);
    SIZE_T Count = SourceString->Length / sizeof(WCHAR);
    SIZE_T Room;
    SIZE_T Stored = 0;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (Size > MAXUSHORT)
    {
        return STATUS_INVALID_PARAMETER_2;
    }
    if (AllocateDestinationString)
    {
        PCHAR Buffer = ExAllocatePoolWithTag(PagedPool, Size, RTLP_TAG_STRING);

        if (Buffer == NULL)
        {
            return STATUS_NO_MEMORY;
        }
        DestinationString->Buffer = Buffer;
        DestinationString->MaximumLength = (USHORT)Size;
    }
    if (DestinationString->MaximumLength == 0)
    {
        return STATUS_BUFFER_OVERFLOW;
    }
    Room = (SIZE_T)DestinationString->MaximumLength - 1;
    for (SIZE_T Index = 0; Index < Count;)
    {
        ULONG Character;
        char Bytes[4];
        SIZE_T Length;

        Index += RtlpDecodeUtf16(SourceString->Buffer + Index, Count - Index, &Character);
        Length = RtlpEncodeUtf8(Character, Bytes);
        if (Stored + Length > Room)
        {
            break;
        }
        memcpy(DestinationString->Buffer + Stored, Bytes, Length);
        Stored += Length;
    }
    DestinationString->Buffer[Stored] = 0;
    DestinationString->Length = (USHORT)Stored;
    return Stored + 1 < Size ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

VOID NTAPI
RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    if (AnsiString->Buffer != NULL)
    {
        ExFreePool(AnsiString->Buffer);
        memset(AnsiString, 0, sizeof(*AnsiString));
    }
}
