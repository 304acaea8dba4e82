// SPDX-License-Identifier: MIT
// The C library's formatting functions that drivers import from ntoskrnl, on NT's printf.
#include "rtl/rtlp.h"

#include <stdio.h>
#include <wchar.h>

// What does not fit is counted, not stored.
typedef struct BUFFER
{
    char *Next;
    SIZE_T Left;
} BUFFER;

typedef struct WIDE_BUFFER
{
    WCHAR *Next;
    SIZE_T Left;
} WIDE_BUFFER;

static void
Store(void *Context, const void *Units, SIZE_T Count)
{
    BUFFER *Buffer = Context;
    SIZE_T Part = Count < Buffer->Left ? Count : Buffer->Left;

    memcpy(Buffer->Next, Units, Part);
    Buffer->Next += Part;
    Buffer->Left -= Part;
}

static void
StoreWide(void *Context, const void *Units, SIZE_T Count)
{
    WIDE_BUFFER *Buffer = Context;
    SIZE_T Part = Count < Buffer->Left ? Count : Buffer->Left;

    memcpy(Buffer->Next, Units, Part * sizeof(WCHAR));
    Buffer->Next += Part;
    Buffer->Left -= Part;
}

static void
CountOnly(void *Context, const void *Units, SIZE_T Count)
{
    (void)Context;
    (void)Units;
    (void)Count;
}

static int
Result(SIZE_T Length)
{
    return Length > MAXLONG ? -1 : (int)Length;
}

int
_vsnprintf(CHAR *Text, size_t Count, const CHAR *Format, va_list Arguments)
{
    BUFFER Buffer = {Text, Count};
    SIZE_T Length;

    if (Text == NULL)
    {
        return Count == 0 ? Result(RtlpFormat(CountOnly, NULL, Format, Arguments)) : -1;
    }
    Length = RtlpFormat(Store, &Buffer, Format, Arguments);
    if (Buffer.Left > 0)
    {
        *Buffer.Next = 0;
    }
    return Length > Count ? -1 : Result(Length);
}

int
_vsnwprintf(WCHAR *Text, size_t Count, const WCHAR *Format, va_list Arguments)
{
    WIDE_BUFFER Buffer = {Text, Count};
    SIZE_T Length;

    if (Text == NULL)
    {
        return Count == 0 ? Result(RtlpFormatWide(CountOnly, NULL, Format, Arguments)) : -1;
    }
    Length = RtlpFormatWide(StoreWide, &Buffer, Format, Arguments);
    if (Buffer.Left > 0)
    {
        *Buffer.Next = 0;
    }
    return Length > Count ? -1 : Result(Length);
}

int
_snprintf(char *Text, size_t Count, const char *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = _vsnprintf(Text, Count, Format, Arguments);
    va_end(Arguments);
    return Length;
}

int
_snwprintf(wchar_t *Text, size_t Count, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = _vsnwprintf(Text, Count, Format, Arguments);
    va_end(Arguments);
    return Length;
}

int
nt_vsprintf(char *Text, const char *Format, va_list Arguments)
{
    return _vsnprintf(Text, MAXLONG, Format, Arguments);
}

int
nt_sprintf(char *Text, const char *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = nt_vsprintf(Text, Format, Arguments);
    va_end(Arguments);
    return Length;
}

int
nt_vsprintf_s(char *Text, size_t Size, const char *Format, va_list Arguments)
{
    int Length;

    if (Text == NULL || Size == 0)
    {
        return -1;
    }
    Length = _vsnprintf(Text, Size, Format, Arguments);
    if (Length < 0 || (SIZE_T)Length == Size)
    {
        Text[0] = 0;
        return -1;
    }
    return Length;
}

int
nt_sprintf_s(char *Text, size_t Size, const char *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = nt_vsprintf_s(Text, Size, Format, Arguments);
    va_end(Arguments);
    return Length;
}

int
nt_vswprintf_s(wchar_t *Text, size_t Size, const wchar_t *Format, va_list Arguments)
{
    int Length;

    if (Text == NULL || Size == 0)
    {
        return -1;
    }
    Length = _vsnwprintf(Text, Size, Format, Arguments);
    if (Length < 0 || (SIZE_T)Length == Size)
    {
        Text[0] = 0;
        return -1;
    }
    return Length;
}

int
nt_swprintf_s(wchar_t *Text, size_t Size, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = nt_vswprintf_s(Text, Size, Format, Arguments);
    va_end(Arguments);
    return Length;
}
