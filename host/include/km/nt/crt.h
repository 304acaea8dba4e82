// SPDX-License-Identifier: MIT
// The C library's wide string functions over 16-bit characters, inline.
#ifndef NTHOST_KM_NT_CRT_H
#define NTHOST_KM_NT_CRT_H

#include "base.h"

// Under NT's own names, as object-like macros: the C library of this system has the same names for
// 32-bit characters and would read past the end. Results as in the Microsoft run-time library.

#define NTHOST_CRT static inline __attribute__((unused))

#define wcslen    NthostWcslen
#define wcsnlen   NthostWcsnlen
#define wcscpy    NthostWcscpy
#define wcsncpy   NthostWcsncpy
#define wcscat    NthostWcscat
#define wcscmp    NthostWcscmp
#define wcsncmp   NthostWcsncmp
#define wcschr    NthostWcschr
#define wcsrchr   NthostWcsrchr
#define wcsstr    NthostWcsstr
#define _wcsicmp  NthostWcsicmp
#define _wcsnicmp NthostWcsnicmp

NTHOST_CRT size_t
NthostWcslen(const WCHAR *String)
{
    size_t Length = 0;

    while (String[Length] != 0)
        Length++;
    return Length;
}

NTHOST_CRT size_t
NthostWcsnlen(const WCHAR *String, size_t Maximum)
{
    size_t Length = 0;

    while (Length < Maximum && String[Length] != 0)
        Length++;
    return Length;
}

NTHOST_CRT WCHAR *
NthostWcscpy(WCHAR *Destination, const WCHAR *Source)
{
    memcpy(Destination, Source, (NthostWcslen(Source) + 1) * sizeof(WCHAR));
    return Destination;
}

NTHOST_CRT WCHAR *
NthostWcsncpy(WCHAR *Destination, const WCHAR *Source, size_t Count)
{
    size_t Length = NthostWcsnlen(Source, Count);

    memcpy(Destination, Source, Length * sizeof(WCHAR));
    memset(Destination + Length, 0, (Count - Length) * sizeof(WCHAR));
    return Destination;
}

NTHOST_CRT WCHAR *
NthostWcscat(WCHAR *Destination, const WCHAR *Source)
{
    NthostWcscpy(Destination + NthostWcslen(Destination), Source);
    return Destination;
}

NTHOST_CRT int
NthostWcsncmp(const WCHAR *First, const WCHAR *Second, size_t Count)
{
    for (; Count != 0; Count--, First++, Second++)
    {
        if (*First != *Second)
            return *First < *Second ? -1 : 1;
        if (*First == 0)
            break;
    }
    return 0;
}

NTHOST_CRT int
NthostWcscmp(const WCHAR *First, const WCHAR *Second)
{
    return NthostWcsncmp(First, Second, (size_t)-1);
}

// Case is folded for A to Z only, which is what the kernel's _wcsicmp does.
NTHOST_CRT int
NthostWcsnicmp(const WCHAR *First, const WCHAR *Second, size_t Count)
{
    for (; Count != 0; Count--, First++, Second++)
    {
        int A = *First >= 'A' && *First <= 'Z' ? *First + ('a' - 'A') : *First;
        int B = *Second >= 'A' && *Second <= 'Z' ? *Second + ('a' - 'A') : *Second;

        if (A != B)
            return A < B ? -1 : 1;
        if (A == 0)
            break;
    }
    return 0;
}

NTHOST_CRT int
NthostWcsicmp(const WCHAR *First, const WCHAR *Second)
{
    return NthostWcsnicmp(First, Second, (size_t)-1);
}

NTHOST_CRT WCHAR *
NthostWcschr(const WCHAR *String, WCHAR Character)
{
    for (;; String++)
    {
        if (*String == Character)
            return (WCHAR *)String;
        if (*String == 0)
            return NULL;
    }
}

NTHOST_CRT WCHAR *
NthostWcsrchr(const WCHAR *String, WCHAR Character)
{
    const WCHAR *Last = NULL;

    for (;; String++)
    {
        if (*String == Character)
            Last = String;
        if (*String == 0)
            return (WCHAR *)Last;
    }
}

NTHOST_CRT WCHAR *
NthostWcsstr(const WCHAR *String, const WCHAR *Find)
{
    size_t Length = NthostWcslen(Find);

    for (;; String++)
    {
        if (NthostWcsncmp(String, Find, Length) == 0)
            return (WCHAR *)String;
        if (*String == 0)
            return NULL;
    }
}

// The run-time library's bounded formatting, with NT's conversions; what ntoskrnl exports. The
// result is the number of characters, or negative if they did not fit; no terminator then.
NTSYSAPI int _vsnprintf(CHAR *Buffer, size_t Count, const CHAR *Format, va_list Arguments);
NTSYSAPI int _vsnwprintf(WCHAR *Buffer, size_t Count, const WCHAR *Format, va_list Arguments);

#endif
