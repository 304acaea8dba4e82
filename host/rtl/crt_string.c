// SPDX-License-Identifier: MIT
// The C library's string functions that drivers import from ntoskrnl.
#include "rtl/rtlp.h"

#include <ctype.h>
#include <stdlib.h>
#include <wchar.h>

#define MS_EINVAL 22
#define MS_ERANGE 34

char *
nt_strcpy(char *Destination, const char *Source)
{
    memcpy(Destination, Source, strlen(Source) + 1);
    return Destination;
}

size_t
nt_strnlen(const char *String, size_t Maximum)
{
    size_t Length = 0;

    while (Length < Maximum && String[Length] != 0)
    {
        Length++;
    }
    return Length;
}

char *
nt_strncpy(char *Destination, const char *Source, size_t Count)
{
    size_t Length = nt_strnlen(Source, Count);

    memcpy(Destination, Source, Length);
    memset(Destination + Length, 0, Count - Length);
    return Destination;
}

char *
nt_strcat(char *Destination, const char *Source)
{
    (void)nt_strcpy(Destination + strlen(Destination), Source);
    return Destination;
}

char *
nt_strncat(char *Destination, const char *Source, size_t Count)
{
    char *End = Destination + strlen(Destination);
    size_t Length = nt_strnlen(Source, Count);

    memcpy(End, Source, Length);
    End[Length] = 0;
    return Destination;
}

int
nt_strncmp(const char *First, const char *Second, size_t Count)
{
    for (size_t Index = 0; Index < Count; Index++)
    {
        UCHAR A = (UCHAR)First[Index];
        UCHAR B = (UCHAR)Second[Index];

        if (A != B)
        {
            return A < B ? -1 : 1;
        }
        if (A == 0)
        {
            break;
        }
    }
    return 0;
}

int
nt_strcmp(const char *First, const char *Second)
{
    return nt_strncmp(First, Second, (size_t)-1);
}

char *
nt_strchr(const char *String, int Character)
{
    for (;; String++)
    {
        if (*String == (char)Character)
        {
            return (char *)String;
        }
        if (*String == 0)
        {
            return NULL;
        }
    }
}

char *
nt_strrchr(const char *String, int Character)
{
    const char *Last = NULL;

    for (;; String++)
    {
        if (*String == (char)Character)
        {
            Last = String;
        }
        if (*String == 0)
        {
            return (char *)Last;
        }
    }
}

char *
nt_strstr(const char *String, const char *Find)
{
    size_t Length = strlen(Find);

    for (;; String++)
    {
        if (nt_strncmp(String, Find, Length) == 0)
        {
            return (char *)String;
        }
        if (*String == 0)
        {
            return NULL;
        }
    }
}

size_t
nt_strspn(const char *String, const char *Set)
{
    size_t Length = 0;

    while (String[Length] != 0 && nt_strchr(Set, String[Length]) != NULL)
    {
        Length++;
    }
    return Length;
}

size_t
nt_strcspn(const char *String, const char *Set)
{
    size_t Length = 0;

    while (String[Length] != 0 && nt_strchr(Set, String[Length]) == NULL)
    {
        Length++;
    }
    return Length;
}

void *
nt_memchr(const void *Memory, int Byte, size_t Count)
{
    const UCHAR *Bytes = Memory;

    for (size_t Index = 0; Index < Count; Index++)
    {
        if (Bytes[Index] == (UCHAR)Byte)
        {
            return (void *)&Bytes[Index];
        }
    }
    return NULL;
}

int
_strnicmp(const char *First, const char *Second, size_t Count)
{
    for (size_t Index = 0; Index < Count; Index++)
    {
        int A = tolower((UCHAR)First[Index]);
        int B = tolower((UCHAR)Second[Index]);

        if (A != B)
        {
            return A < B ? -1 : 1;
        }
        if (A == 0)
        {
            break;
        }
    }
    return 0;
}

int
_stricmp(const char *First, const char *Second)
{
    return _strnicmp(First, Second, (size_t)-1);
}

char *
_strupr(char *String)
{
    for (char *Next = String; *Next != 0; Next++)
    {
        *Next = (char)toupper((UCHAR)*Next);
    }
    return String;
}

char *
_strlwr(char *String)
{
    for (char *Next = String; *Next != 0; Next++)
    {
        *Next = (char)tolower((UCHAR)*Next);
    }
    return String;
}

char *
_strrev(char *String)
{
    size_t Length = strlen(String);

    for (size_t Index = 0; Index < Length / 2; Index++)
    {
        char Other = String[Length - 1 - Index];

        String[Length - 1 - Index] = String[Index];
        String[Index] = Other;
    }
    return String;
}

// Appends at Used, which must be within Size; all or an empty string.
static int
AppendSafely(char *Destination, size_t Size, size_t Used, const char *Source)
{
    size_t Length;

    if (Source == NULL || Used >= Size)
    {
        Destination[0] = 0;
        return MS_EINVAL;
    }
    Length = strlen(Source);
    if (Length >= Size - Used)
    {
        Destination[0] = 0;
        return MS_ERANGE;
    }
    memcpy(Destination + Used, Source, Length + 1);
    return 0;
}

int
nt_strcpy_s(char *Destination, size_t Size, const char *Source)
{
    return Destination == NULL || Size == 0 ? MS_EINVAL
                                            : AppendSafely(Destination, Size, 0, Source);
}

int
nt_strcat_s(char *Destination, size_t Size, const char *Source)
{
    return Destination == NULL || Size == 0
               ? MS_EINVAL
               : AppendSafely(Destination, Size, nt_strnlen(Destination, Size), Source);
}

int
nt_isupper(int Character)
{
    return Character >= 'A' && Character <= 'Z';
}

int
nt_islower(int Character)
{
    return Character >= 'a' && Character <= 'z';
}

int
nt_isalpha(int Character)
{
    return nt_isupper(Character) || nt_islower(Character);
}

int
nt_isdigit(int Character)
{
    return Character >= '0' && Character <= '9';
}

int
nt_isxdigit(int Character)
{
    return nt_isdigit(Character) || (Character >= 'a' && Character <= 'f') ||
           (Character >= 'A' && Character <= 'F');
}

int
nt_isspace(int Character)
{
    return Character == ' ' || (Character >= '\t' && Character <= '\r');
}

int
nt_isalnum(int Character)
{
    return nt_isalpha(Character) || nt_isdigit(Character);
}

int
nt_isprint(int Character)
{
    return Character >= ' ' && Character <= '~';
}

int
nt_toupper(int Character)
{
    return nt_islower(Character) ? Character - ('a' - 'A') : Character;
}

int
nt_tolower(int Character)
{
    return nt_isupper(Character) ? Character + ('a' - 'A') : Character;
}

long long
_atoi64(const char *String)
{
    ULONGLONG Value = 0;
    BOOLEAN Negative;

    while (isspace((UCHAR)*String))
    {
        String++;
    }
    Negative = *String == '-';
    if (*String == '-' || *String == '+')
    {
        String++;
    }
    while (isdigit((UCHAR)*String))
    {
        Value = Value * 10 + (ULONGLONG)(*String++ - '0');
    }
    return (long long)(Negative ? 0 - Value : Value);
}

int
nt_atol(const char *String)
{
    return (int)_atoi64(String);
}

int
nt_atoi(const char *String)
{
    return (int)_atoi64(String);
}
