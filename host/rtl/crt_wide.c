// SPDX-License-Identifier: MIT
// The C library's functions over 16-bit characters that are not inline in <nt/crt.h>.
#include "rtl/rtlp.h"

#include <ctype.h>
#include <stdlib.h>
#include <wchar.h>

#define MS_EINVAL 22
#define MS_ERANGE 34

wchar_t *
nt_wcsncat(wchar_t *Destination, const wchar_t *Source, size_t Count)
{
    wchar_t *End = Destination + wcslen(Destination);
    size_t Length = wcsnlen(Source, Count);

    memcpy(End, Source, Length * sizeof(*End));
    End[Length] = 0;
    return Destination;
}

unsigned short
nt_towupper(unsigned short Character)
{
    return RtlUpcaseUnicodeChar(Character);
}

unsigned short
nt_towlower(unsigned short Character)
{
    return RtlDowncaseUnicodeChar(Character);
}

wchar_t *
_wcsupr(wchar_t *String)
{
    for (wchar_t *Next = String; *Next != 0; Next++)
    {
        *Next = towupper(*Next);
    }
    return String;
}

wchar_t *
_wcslwr(wchar_t *String)
{
    for (wchar_t *Next = String; *Next != 0; Next++)
    {
        *Next = towlower(*Next);
    }
    return String;
}

static int
AppendSafely(wchar_t *Destination, size_t Size, size_t Used, const wchar_t *Source)
{
    size_t Length;

    if (Source == NULL || Used >= Size)
    {
        Destination[0] = 0;
        return MS_EINVAL;
    }
    Length = wcslen(Source);
    if (Length >= Size - Used)
    {
        Destination[0] = 0;
        return MS_ERANGE;
    }
    memcpy(Destination + Used, Source, (Length + 1) * sizeof(*Source));
    return 0;
}

int
nt_wcscpy_s(wchar_t *Destination, size_t Size, const wchar_t *Source)
{
    return Destination == NULL || Size == 0 ? MS_EINVAL
                                            : AppendSafely(Destination, Size, 0, Source);
}

int
nt_wcscat_s(wchar_t *Destination, size_t Size, const wchar_t *Source)
{
    return Destination == NULL || Size == 0
               ? MS_EINVAL
               : AppendSafely(Destination, Size, wcsnlen(Destination, Size), Source);
}

int
_wtoi(const wchar_t *String)
{
    ULONG Value = 0;
    BOOLEAN Negative;

    while (isspace(*String))
    {
        String++;
    }
    Negative = *String == '-';
    if (*String == '-' || *String == '+')
    {
        String++;
    }
    while (isdigit(*String))
    {
        Value = Value * 10 + (ULONG)(*String++ - '0');
    }
    return (int)(Negative ? 0 - Value : Value);
}
