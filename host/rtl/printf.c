// SPDX-License-Identifier: MIT
// NT's printf, the one core behind DbgPrint, _snprintf, _snwprintf and their kin.
//
//     %[flags][width][.precision][size]conversion
//     flags       - + space # 0
//     size        hh h l ll I32 I64 I z t j w     l and LONG are 32 bits wide, I, z and t 64
//     conversion  d i u x X o p c C s S Z
//
// c and s take text of the formatter's own width, C and S of the other; h makes any of them narrow, l
// and w wide. Z takes an ANSI_STRING, wZ and lZ a UNICODE_STRING. p prints 16 upper-case digits. A null
// string is "(null)". What is not a conversion is printed as it stands after its %, as NT does.
// Floating point does not exist in kernel mode. %n would write memory by a format: not supported.
#include "rtl/rtlp.h"

#define NUMBER_ROOM  24  // 64 bits in octal are 22 digits
#define PADDING      32
#define NO_PRECISION ((SIZE_T)-1)

typedef struct OUTPUT
{
    RTLP_SINK *Sink;
    void *Context;
    SIZE_T Count;
    BOOLEAN Wide;  // units are WCHARs
} OUTPUT;

typedef enum SIZE_PREFIX
{
    SizeDefault,
    SizeChar,
    SizeShort,  // of text: narrow
    SizeLong,   // of text: wide
    Size64,
    SizeWide,  // w: text only
} SIZE_PREFIX;

typedef struct CONVERSION
{
    BOOLEAN Left;
    BOOLEAN Plus;
    BOOLEAN Space;
    BOOLEAN Alternate;
    BOOLEAN Zeros;
    SIZE_T Width;
    SIZE_T Precision;
    SIZE_PREFIX Size;
    WCHAR Kind;
} CONVERSION;

// A format of either width.
typedef struct FORMAT
{
    const char *Narrow;
    const WCHAR *Wide;
    SIZE_T Next;
} FORMAT;

static WCHAR
Peek(const FORMAT *Format)
{
    return Format->Narrow != NULL ? (UCHAR)Format->Narrow[Format->Next]
                                  : Format->Wide[Format->Next];
}

static void
Emit(OUTPUT *Output, const void *Units, SIZE_T Count)
{
    if (Count > 0)
    {
        Output->Sink(Output->Context, Units, Count);
        Output->Count += Count;
    }
}

static void
EmitAscii(OUTPUT *Output, const char *Text, SIZE_T Count)
{
    if (!Output->Wide)
    {
        Emit(Output, Text, Count);
        return;
    }
    for (SIZE_T Index = 0; Index < Count; Index++)
    {
        WCHAR Unit = (UCHAR)Text[Index];

        Emit(Output, &Unit, 1);
    }
}

static void
EmitRepeated(OUTPUT *Output, char Character, SIZE_T Count)
{
    char Text[PADDING];

    memset(Text, Character, sizeof(Text));
    while (Count > 0)
    {
        SIZE_T Part = Count < PADDING ? Count : PADDING;

        EmitAscii(Output, Text, Part);
        Count -= Part;
    }
}

static void
EmitPadded(OUTPUT *Output, const CONVERSION *Conversion, const char *Prefix, SIZE_T PrefixLength,
           SIZE_T Zeros, const char *Digits, SIZE_T DigitCount)
{
    SIZE_T Length = PrefixLength + Zeros + DigitCount;
    SIZE_T Padding = Conversion->Width > Length ? Conversion->Width - Length : 0;

    if (!Conversion->Left)
    {
        EmitRepeated(Output, ' ', Padding);
    }
    EmitAscii(Output, Prefix, PrefixLength);
    EmitRepeated(Output, '0', Zeros);
    EmitAscii(Output, Digits, DigitCount);
    if (Conversion->Left)
    {
        EmitRepeated(Output, ' ', Padding);
    }
}

static void
EmitNumber(OUTPUT *Output, const CONVERSION *Conversion, ULONGLONG Value, BOOLEAN Negative)
{
    static const char Lower[] = "0123456789abcdef";
    static const char Upper[] = "0123456789ABCDEF";
    BOOLEAN Signed = Conversion->Kind == 'd' || Conversion->Kind == 'i';
    ULONG Base = Conversion->Kind == 'o'                              ? 8
                 : Conversion->Kind == 'x' || Conversion->Kind == 'X' ? 16
                                                                      : 10;
    const char *Alphabet = Conversion->Kind == 'X' ? Upper : Lower;
    SIZE_T Precision = Conversion->Precision == NO_PRECISION ? 1 : Conversion->Precision;
    SIZE_T Count = 0;
    SIZE_T Zeros;
    SIZE_T PrefixLength = 0;
    char Prefix[2];
    char Digits[NUMBER_ROOM];
    BOOLEAN NonZero = Value != 0;

    while (Value != 0)
    {
        Digits[NUMBER_ROOM - ++Count] = Alphabet[Value % Base];
        Value /= Base;
    }
    Zeros = Precision > Count ? Precision - Count : 0;
    if (Conversion->Alternate && Base == 16 && NonZero)
    {
        Prefix[PrefixLength++] = '0';
        Prefix[PrefixLength++] = (char)Conversion->Kind;
    }
    else if (Conversion->Alternate && Base == 8 && Zeros == 0)
    {
        Zeros = 1;
    }
    if (Signed && (Negative || Conversion->Plus || Conversion->Space))
    {
        Prefix[PrefixLength++] = Negative ? '-' : Conversion->Plus ? '+' : ' ';
    }
    if (Conversion->Zeros && !Conversion->Left && Conversion->Precision == NO_PRECISION &&
        Conversion->Width > PrefixLength + Zeros + Count)
    {
        Zeros = Conversion->Width - PrefixLength - Count;
    }
    EmitPadded(Output, Conversion, Prefix, PrefixLength, Zeros, Digits + NUMBER_ROOM - Count,
               Count);
}

// Gives out a text of the other width, or only counts its units when Output is NULL.
static SIZE_T
TranslateText(OUTPUT *Output, BOOLEAN ToWide, const void *Text, SIZE_T Length)
{
    SIZE_T Total = 0;

    while (Length > 0)
    {
        ULONG Character;
        SIZE_T Taken;
        SIZE_T Count;
        union
        {
            WCHAR Wide[2];
            char Narrow[4];
        } Units;

        if (ToWide)
        {
            Taken = RtlpDecodeUtf8(Text, Length, &Character);
            Count = RtlpEncodeUtf16(Character, Units.Wide);
            Text = (const char *)Text + Taken;
        }
        else
        {
            Taken = RtlpDecodeUtf16(Text, Length, &Character);
            Count = RtlpEncodeUtf8(Character, Units.Narrow);
            Text = (const WCHAR *)Text + Taken;
        }
        if (Output != NULL)
        {
            Emit(Output, &Units, Count);
        }
        Total += Count;
        Length -= Taken;
    }
    return Total;
}

// Length is in units of the text; the width counts units of the output.
static void
EmitText(OUTPUT *Output, const CONVERSION *Conversion, BOOLEAN Wide, const void *Text,
         SIZE_T Length)
{
    BOOLEAN Same = Wide == Output->Wide;
    SIZE_T Units = Same ? Length : TranslateText(NULL, Output->Wide, Text, Length);
    SIZE_T Padding = Conversion->Width > Units ? Conversion->Width - Units : 0;

    if (!Conversion->Left)
    {
        EmitRepeated(Output, Conversion->Zeros ? '0' : ' ', Padding);
    }
    if (Same)
    {
        Emit(Output, Text, Length);
    }
    else
    {
        (void)TranslateText(Output, Output->Wide, Text, Length);
    }
    if (Conversion->Left)
    {
        EmitRepeated(Output, ' ', Padding);
    }
}

// Reads no further than the precision: such a string need not be terminated.
static void
EmitString(OUTPUT *Output, const CONVERSION *Conversion, BOOLEAN Wide, const void *Text)
{
    SIZE_T Length = 0;

    if (Text == NULL)
    {
        Wide = FALSE;
        Text = "(null)";
    }
    while (Length < Conversion->Precision &&
           (Wide ? ((const WCHAR *)Text)[Length] != 0 : ((const char *)Text)[Length] != 0))
    {
        Length++;
    }
    EmitText(Output, Conversion, Wide, Text, Length);
}

// UNICODE_STRING and ANSI_STRING have one layout; Length is in bytes in both.
static void
EmitCounted(OUTPUT *Output, const CONVERSION *Conversion, BOOLEAN Wide, const STRING *String)
{
    SIZE_T Length;

    if (String == NULL || String->Buffer == NULL)
    {
        EmitString(Output, Conversion, FALSE, String != NULL && String->Length == 0 ? "" : NULL);
        return;
    }
    Length = Wide ? String->Length / sizeof(WCHAR) : String->Length;
    EmitText(Output, Conversion, Wide, String->Buffer,
             Length < Conversion->Precision ? Length : Conversion->Precision);
}

static BOOLEAN
TextIsWide(const OUTPUT *Output, const CONVERSION *Conversion)
{
    switch (Conversion->Size)
    {
    case SizeShort:
    case SizeChar:
        return FALSE;
    case SizeLong:
    case SizeWide:
        return TRUE;
    default:
        return (Conversion->Kind == 'C' || Conversion->Kind == 'S') ? !Output->Wide : Output->Wide;
    }
}

static SIZE_T
ReadNumber(FORMAT *Format)
{
    SIZE_T Value = 0;

    while (Peek(Format) >= '0' && Peek(Format) <= '9')
    {
        if (Value < MAXLONG / 16)
        {
            Value = Value * 10 + (Peek(Format) - '0');
        }
        Format->Next++;
    }
    return Value;
}

static void
ReadFlags(FORMAT *Format, CONVERSION *Conversion)
{
    for (;; Format->Next++)
    {
        switch (Peek(Format))
        {
        case '-':
            Conversion->Left = TRUE;
            break;
        case '+':
            Conversion->Plus = TRUE;
            break;
        case ' ':
            Conversion->Space = TRUE;
            break;
        case '#':
            Conversion->Alternate = TRUE;
            break;
        case '0':
            Conversion->Zeros = TRUE;
            break;
        default:
            return;
        }
    }
}

static SIZE_PREFIX
ReadSize(FORMAT *Format)
{
    WCHAR First = Peek(Format);
    WCHAR Second;

    if (First == 0)
    {
        return SizeDefault;
    }
    Format->Next++;
    Second = Peek(Format);
    switch (First)
    {
    case 'h':
        if (Second == 'h')
        {
            Format->Next++;
            return SizeChar;
        }
        return SizeShort;
    case 'l':
        if (Second == 'l')
        {
            Format->Next++;
            return Size64;
        }
        return SizeLong;
    case 'I':
        if (Second == '6' || Second == '3')
        {
            Format->Next++;
            if (Peek(Format) == (Second == '6' ? '4' : '2'))
            {
                Format->Next++;
                return Second == '6' ? Size64 : SizeDefault;
            }
            Format->Next--;
        }
        return Size64;
    case 'j':
    case 't':
    case 'z':
        return Size64;
    case 'w':
        return SizeWide;
    default:
        Format->Next--;
        return SizeDefault;
    }
}

// va_list as a structure member: passing its address keeps its state across the helpers.
typedef struct ARGUMENTS
{
    va_list List;
} ARGUMENTS;

static void
ReadConversion(FORMAT *Format, CONVERSION *Conversion, ARGUMENTS *Arguments)
{
    memset(Conversion, 0, sizeof(*Conversion));
    Conversion->Precision = NO_PRECISION;
    ReadFlags(Format, Conversion);
    if (Peek(Format) == '*')
    {
        LONG Width = va_arg(Arguments->List, LONG);

        Conversion->Left |= Width < 0;
        Conversion->Width = Width < 0 ? (SIZE_T)0 - (SIZE_T)Width : (SIZE_T)Width;
        Format->Next++;
    }
    else
    {
        Conversion->Width = ReadNumber(Format);
    }
    if (Peek(Format) == '.')
    {
        Format->Next++;
        if (Peek(Format) == '*')
        {
            LONG Precision = va_arg(Arguments->List, LONG);

            Conversion->Precision = Precision < 0 ? NO_PRECISION : (SIZE_T)Precision;
            Format->Next++;
        }
        else
        {
            Conversion->Precision = ReadNumber(Format);
        }
    }
    Conversion->Size = ReadSize(Format);
    Conversion->Kind = Peek(Format);
    if (Conversion->Kind != 0)
    {
        Format->Next++;
    }
}

static void
ConvertInteger(OUTPUT *Output, const CONVERSION *Conversion, ARGUMENTS *Arguments)
{
    ULONGLONG Value = Conversion->Size == Size64 ? va_arg(Arguments->List, ULONGLONG)
                                                 : va_arg(Arguments->List, ULONG);
    BOOLEAN Negative = FALSE;

    if (Conversion->Kind == 'd' || Conversion->Kind == 'i')
    {
        LONGLONG Signed = Conversion->Size == Size64      ? (LONGLONG)Value
                          : Conversion->Size == SizeShort ? (SHORT)Value
                          : Conversion->Size == SizeChar  ? (signed char)Value
                                                          : (LONG)Value;

        Negative = Signed < 0;
        Value = Negative ? 0 - (ULONGLONG)Signed : (ULONGLONG)Signed;
    }
    else if (Conversion->Size == SizeShort)
    {
        Value = (USHORT)Value;
    }
    else if (Conversion->Size == SizeChar)
    {
        Value = (UCHAR)Value;
    }
    EmitNumber(Output, Conversion, Value, Negative);
}

static void
ConvertCharacter(OUTPUT *Output, CONVERSION *Conversion, ARGUMENTS *Arguments)
{
    BOOLEAN Wide = TextIsWide(Output, Conversion);
    LONG Value = va_arg(Arguments->List, LONG);
    WCHAR Unit = (WCHAR)Value;
    char Byte = (char)Value;

    EmitText(Output, Conversion, Wide, Wide ? (const void *)&Unit : &Byte, 1);
}

static void
Convert(OUTPUT *Output, CONVERSION *Conversion, ARGUMENTS *Arguments)
{
    switch (Conversion->Kind)
    {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        ConvertInteger(Output, Conversion, Arguments);
        break;
    case 'p':
        Conversion->Kind = 'X';
        Conversion->Precision = 2 * sizeof(PVOID);
        Conversion->Plus = Conversion->Space = FALSE;
        EmitNumber(Output, Conversion, (ULONG_PTR)va_arg(Arguments->List, PVOID), FALSE);
        break;
    case 'c':
    case 'C':
        ConvertCharacter(Output, Conversion, Arguments);
        break;
    case 's':
    case 'S':
        EmitString(Output, Conversion, TextIsWide(Output, Conversion),
                   va_arg(Arguments->List, const void *));
        break;
    case 'Z':
        EmitCounted(Output, Conversion,
                    Conversion->Size == SizeLong || Conversion->Size == SizeWide,
                    va_arg(Arguments->List, const STRING *));
        break;
    case 'n':
        (void)va_arg(Arguments->List, PVOID);  // kept in step, not written through
        EmitAscii(Output, "n", 1);
        break;
    case 0:
        break;  // the format ended
    default:
    {
        char Byte = (char)Conversion->Kind;

        // A unit of the format, given out as it came.
        Emit(Output, Output->Wide ? (const void *)&Conversion->Kind : &Byte, 1);
        break;
    }
    }
}

static SIZE_T
FormatAll(OUTPUT *Output, FORMAT *Format, va_list List)
{
    ARGUMENTS Arguments;
    SIZE_T UnitSize = Output->Wide ? sizeof(WCHAR) : 1;

    va_copy(Arguments.List, List);
    for (;;)
    {
        SIZE_T Start = Format->Next;
        CONVERSION Conversion;
        const char *Text = Output->Wide ? (const char *)Format->Wide : Format->Narrow;

        while (Peek(Format) != 0 && Peek(Format) != '%')
        {
            Format->Next++;
        }
        Emit(Output, Text + Start * UnitSize, Format->Next - Start);
        if (Peek(Format) == 0)
        {
            break;
        }
        Format->Next++;
        ReadConversion(Format, &Conversion, &Arguments);
        Convert(Output, &Conversion, &Arguments);
    }
    va_end(Arguments.List);
    return Output->Count;
}

SIZE_T
RtlpFormat(RTLP_SINK *Sink, void *Context, const char *Format, va_list Arguments)
{
    OUTPUT Output = {Sink, Context, 0, FALSE};
    FORMAT Text = {Format, NULL, 0};

    return FormatAll(&Output, &Text, Arguments);
}

SIZE_T
RtlpFormatWide(RTLP_SINK *Sink, void *Context, const WCHAR *Format, va_list Arguments)
{
    OUTPUT Output = {Sink, Context, 0, TRUE};
    FORMAT Text = {NULL, Format, 0};

    return FormatAll(&Output, &Text, Arguments);
}
