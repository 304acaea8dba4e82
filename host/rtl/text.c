// SPDX-License-Identifier: MIT
// UTF-8 and UTF-16, decoded and encoded one character at a time; malformed input becomes U+FFFD.
#include "rtl/rtlp.h"

#define REPLACEMENT    0xFFFDu
#define LAST_CHARACTER 0x10FFFFu

static BOOLEAN
IsSurrogate(ULONG Character)
{
    return Character >= 0xD800 && Character <= 0xDFFF;
}

SIZE_T
RtlpDecodeUtf8(const char *Text, SIZE_T Length, ULONG *Character)
{
    static const ULONG Least[] = {0, 0, 0x80, 0x800, 0x10000};
    UCHAR First = (UCHAR)Text[0];
    SIZE_T Size = First < 0x80 ? 1 : First >= 0xF0 ? 4 : First >= 0xE0 ? 3 : First >= 0xC0 ? 2 : 0;
    ULONG Value;

    *Character = REPLACEMENT;
    if (Size == 1)
    {
        *Character = First;
    }
    if (Size <= 1 || First > 0xF7)
    {
        return 1;
    }
    Value = First & (0xFFu >> (Size + 1));
    for (SIZE_T Index = 1; Index < Size; Index++)
    {
        // A byte that does not continue starts something new: not swallowed.
        if (Index >= Length || ((UCHAR)Text[Index] & 0xC0) != 0x80)
        {
            return Index;
        }
        Value = Value << 6 | ((UCHAR)Text[Index] & 0x3F);
    }
    if (Value >= Least[Size] && Value <= LAST_CHARACTER && !IsSurrogate(Value))
    {
        *Character = Value;
    }
    return Size;
}

SIZE_T
RtlpDecodeUtf16(const WCHAR *Text, SIZE_T Length, ULONG *Character)
{
    *Character = Text[0];
    if (!IsSurrogate(Text[0]))
    {
        return 1;
    }
    if (Text[0] < 0xDC00 && Length > 1 && Text[1] >= 0xDC00 && Text[1] <= 0xDFFF)
    {
        *Character = 0x10000 + ((ULONG)(Text[0] - 0xD800) << 10) + (ULONG)(Text[1] - 0xDC00);
        return 2;
    }
    *Character = REPLACEMENT;
    return 1;
}

SIZE_T
RtlpEncodeUtf8(ULONG Character, char Text[4])
{
    if (Character < 0x80)
    {
        Text[0] = (char)Character;
        return 1;
    }
    if (Character < 0x800)
    {
        Text[0] = (char)(0xC0 | Character >> 6);
        Text[1] = (char)(0x80 | (Character & 0x3F));
        return 2;
    }
    if (Character < 0x10000)
    {
        Text[0] = (char)(0xE0 | Character >> 12);
        Text[1] = (char)(0x80 | (Character >> 6 & 0x3F));
        Text[2] = (char)(0x80 | (Character & 0x3F));
        return 3;
    }
    Text[0] = (char)(0xF0 | Character >> 18);
    Text[1] = (char)(0x80 | (Character >> 12 & 0x3F));
    Text[2] = (char)(0x80 | (Character >> 6 & 0x3F));
    Text[3] = (char)(0x80 | (Character & 0x3F));
    return 4;
}

SIZE_T
RtlpEncodeUtf16(ULONG Character, WCHAR Text[2])
{
    if (Character < 0x10000)
    {
        Text[0] = (WCHAR)Character;
        return 1;
    }
    Text[0] = (WCHAR)(0xD800 + ((Character - 0x10000) >> 10));
    Text[1] = (WCHAR)(0xDC00 + (Character & 0x3FF));
    return 2;
}

SIZE_T
RtlpUtf8ToUtf16(const char *Text, SIZE_T Length, WCHAR *To, SIZE_T Room)
{
    SIZE_T Used = 0;

    while (Length > 0)
    {
        ULONG Character;
        WCHAR Units[2];
        SIZE_T Taken = RtlpDecodeUtf8(Text, Length, &Character);
        SIZE_T Count = RtlpEncodeUtf16(Character, Units);

        if (Used + Count <= Room)
        {
            memcpy(To + Used, Units, Count * sizeof(WCHAR));
        }
        else
        {
            Room = 0;  // nothing shorter may follow into the gap
        }
        Used += Count;
        Text += Taken;
        Length -= Taken;
    }
    return Used;
}

SIZE_T
RtlpUtf16ToUtf8(const WCHAR *Text, SIZE_T Length, char *To, SIZE_T Room)
{
    SIZE_T Used = 0;

    while (Length > 0)
    {
        ULONG Character;
        char Bytes[4];
        SIZE_T Taken = RtlpDecodeUtf16(Text, Length, &Character);
        SIZE_T Count = RtlpEncodeUtf8(Character, Bytes);

        if (Used + Count <= Room)
        {
            memcpy(To + Used, Bytes, Count);
        }
        else
        {
            Room = 0;
        }
        Used += Count;
        Text += Taken;
        Length -= Taken;
    }
    return Used;
}
