// SPDX-License-Identifier: MIT
// Numbers and GUIDs in strings.
#include "rtl/rtlp.h"
#include "verifier/vf.h"

#define DIGIT_ROOM  33  // 32 binary digits and a terminator
#define GUID_LENGTH 38

// The value of a digit, or a number that no base has.
static ULONG
DigitValue(WCHAR Character)
{
    if (Character >= '0' && Character <= '9')
    {
        return Character - '0';
    }
    if (Character >= 'a' && Character <= 'f')
    {
        return Character - 'a' + 10;
    }
    if (Character >= 'A' && Character <= 'F')
    {
        return Character - 'A' + 10;
    }
    return MAXULONG;
}

static BOOLEAN
IsBase(ULONG Base)
{
    return Base == 2 || Base == 8 || Base == 10 || Base == 16;
}

// [spaces][sign][0x | 0o | 0b, if Base is 0][digits]; ends at the first that is none.
NTSTATUS NTAPI
RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    const WCHAR *Next = String->Buffer;
    const WCHAR *End = Next + String->Length / sizeof(WCHAR);
    BOOLEAN Negative = FALSE;
    ULONG Result = 0;

    if (Base != 0 && !IsBase(Base))
    {
        return STATUS_INVALID_PARAMETER;
    }
    while (Next < End && *Next <= ' ')
    {
        Next++;
    }
    if (Next < End && (*Next == '-' || *Next == '+'))
    {
        Negative = *Next++ == '-';
    }
    if (Base == 0)
    {
        Base = 10;
        if (End - Next >= 2 && Next[0] == '0')
        {
            ULONG Prefixed = Next[1] == 'x' ? 16 : Next[1] == 'o' ? 8 : Next[1] == 'b' ? 2 : 0;

            if (Prefixed != 0)
            {
                Base = Prefixed;
                Next += 2;
            }
        }
    }
    for (; Next < End && DigitValue(*Next) < Base; Next++)
    {
        Result = Result * Base + DigitValue(*Next);
    }
    *Value = Negative ? 0 - Result : Result;
    return STATUS_SUCCESS;
}

// Upper-case digits. The string must have room for a terminator too.
static NTSTATUS
Print(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR Digits[2 * DIGIT_ROOM];
    SIZE_T Count = 0;
    SIZE_T Size;

    if (Base == 0)
    {
        Base = 10;
    }
    if (!IsBase(Base))
    {
        return STATUS_INVALID_PARAMETER;
    }
    do
    {
        Digits[RTL_NUMBER_OF(Digits) - ++Count] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    Size = Count * sizeof(WCHAR);
    if (Size + sizeof(WCHAR) > String->MaximumLength)
    {
        return STATUS_BUFFER_OVERFLOW;
    }
    memcpy(String->Buffer, Digits + RTL_NUMBER_OF(Digits) - Count, Size);
    String->Buffer[Count] = 0;
    String->Length = (USHORT)Size;
    return STATUS_SUCCESS;
}

NTSTATUS
RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    return Print(Value, Base, String);
}

NTSTATUS NTAPI
RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    return Print(Value, Base, String);
}

static void
PrintHex(WCHAR **Next, ULONG Value, unsigned Digits)
{
    while (Digits-- > 0)
    {
        *(*Next)++ = (WCHAR) "0123456789ABCDEF"[Value >> (4 * Digits) & 15];
    }
}

// The caller frees the string with RtlFreeUnicodeString.
NTSTATUS NTAPI
RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING GuidString)
{
    PWSTR Buffer;
    WCHAR *Next;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Buffer = ExAllocatePoolWithTag(PagedPool, (GUID_LENGTH + 1) * sizeof(WCHAR), RTLP_TAG_STRING);
    if (Buffer == NULL)
    {
        return STATUS_NO_MEMORY;
    }
    Next = Buffer;
    *Next++ = '{';
    PrintHex(&Next, (ULONG)Guid->Data1, 8);
    *Next++ = '-';
    PrintHex(&Next, Guid->Data2, 4);
    *Next++ = '-';
    PrintHex(&Next, Guid->Data3, 4);
    *Next++ = '-';
    for (unsigned Index = 0; Index < 8; Index++)
    {
        if (Index == 2)
        {
            *Next++ = '-';
        }
        PrintHex(&Next, Guid->Data4[Index], 2);
    }
    *Next++ = '}';
    *Next = 0;
    GuidString->Buffer = Buffer;
    GuidString->Length = GUID_LENGTH * sizeof(WCHAR);
    GuidString->MaximumLength = (GUID_LENGTH + 1) * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS
RtlGUIDFromString(PCUNICODE_STRING GuidString, GUID *Guid)
{
    static const char Pattern[] = "{00000000-0000-0000-0000-000000000000}";
    UCHAR Bytes[16];
    unsigned Digits = 0;

    if (GuidString->Length != GUID_LENGTH * sizeof(WCHAR))
    {
        return STATUS_INVALID_PARAMETER;
    }
    for (unsigned Index = 0; Index < GUID_LENGTH; Index++)
    {
        WCHAR Unit = GuidString->Buffer[Index];
        ULONG Digit = DigitValue(Unit);

        if (Pattern[Index] != '0')
        {
            if (Unit != Pattern[Index])
            {
                return STATUS_INVALID_PARAMETER;
            }
            continue;
        }
        if (Digit > 15)
        {
            return STATUS_INVALID_PARAMETER;
        }
        Bytes[Digits / 2] = (UCHAR)(Digits % 2 == 0 ? Digit << 4 : Bytes[Digits / 2] | Digit);
        Digits++;
    }
    Guid->Data1 = (ULONG)Bytes[0] << 24 | (ULONG)Bytes[1] << 16 | (ULONG)Bytes[2] << 8 | Bytes[3];
    Guid->Data2 = (USHORT)(Bytes[4] << 8 | Bytes[5]);
    Guid->Data3 = (USHORT)(Bytes[6] << 8 | Bytes[7]);
    memcpy(Guid->Data4, Bytes + 8, 8);
    return STATUS_SUCCESS;
}
