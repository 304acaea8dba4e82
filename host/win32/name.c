// SPDX-License-Identifier: MIT
// Names: UTF-8 to UTF-16, Win32 object names to NT paths; the conversion functions of kernel32.

#include "win32/k32.h"

#include <stdlib.h>
#include <string.h>

static const WCHAR K32BaseNamedObjects[] = L"\\BaseNamedObjects\\";

static size_t
WideLength(const WCHAR *Text)
{
    size_t Length = 0;
    while (Text[Length] != 0)
    {
        Length++;
    }
    return Length;
}

// One code point from [*At, End); 0xFFFD for anything malformed (overlong forms and surrogates too).
static uint32_t
TakeUtf8(const unsigned char **At, const unsigned char *End)
{
    static const uint32_t Least[] = {0, 0x80, 0x800, 0x10000};
    uint32_t Lead = *(*At)++;
    unsigned Extra = Lead < 0x80                   ? 0
                     : Lead >= 0xC2 && Lead < 0xE0 ? 1
                     : Lead >= 0xE0 && Lead < 0xF0 ? 2
                     : Lead >= 0xF0 && Lead < 0xF5 ? 3
                                                   : 4;
    if (Extra == 4)
    {
        return 0xFFFD;
    }
    uint32_t Code = Extra == 0 ? Lead : Lead & (0x3Fu >> Extra);
    for (unsigned Index = 0; Index < Extra; Index++)
    {
        if (*At == End || (**At & 0xC0) != 0x80)
        {
            return 0xFFFD;
        }
        Code = Code << 6 | (*(*At)++ & 0x3Fu);
    }
    if (Code < Least[Extra] || Code > 0x10FFFF || (Code >= 0xD800 && Code < 0xE000))
    {
        return 0xFFFD;
    }
    return Code;
}

// Bytes of Code in UTF-8, written to To if it is not NULL.
static unsigned
PutUtf8(uint32_t Code, char *To)
{
    unsigned Length = Code < 0x80 ? 1 : Code < 0x800 ? 2 : Code < 0x10000 ? 3 : 4;
    static const unsigned char Lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (To != NULL)
    {
        for (unsigned Index = Length - 1; Index > 0; Index--)
        {
            To[Index] = (char)(0x80 | (Code & 0x3F));
            Code >>= 6;
        }
        To[0] = (char)(Lead[Length == 1 ? 0 : Length] | Code);
    }
    return Length;
}

int WINAPI
MultiByteToWideChar(UINT CodePage, DWORD Flags, LPCSTR From, INT FromLength, LPWSTR To, INT Room)
{
    if ((CodePage != CP_ACP && CodePage != CP_UTF8 && CodePage != CP_OEMCP) || From == NULL ||
        FromLength == 0 || FromLength < -1 || Room < 0 || (Room > 0 && To == NULL))
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    size_t Length = FromLength < 0 ? strlen(From) + 1 : (size_t)FromLength;
    const unsigned char *At = (const unsigned char *)From, *End = At + Length;
    INT Written = 0;
    while (At < End)
    {
        uint32_t Code = TakeUtf8(&At, End);
        if (Code == 0xFFFD && (Flags & MB_ERR_INVALID_CHARS) != 0)
        {
            SetLastError(ERROR_NO_UNICODE_TRANSLATION);
            return 0;
        }
        INT Units = Code >= 0x10000 ? 2 : 1;
        if (Room != 0 && Written + Units > Room)
        {
            SetLastError(ERROR_INSUFFICIENT_BUFFER);
            return 0;
        }
        if (Room != 0 && Units == 2)
        {
            To[Written] = (WCHAR)(0xD800 + ((Code - 0x10000) >> 10));
            To[Written + 1] = (WCHAR)(0xDC00 + ((Code - 0x10000) & 0x3FF));
        }
        else if (Room != 0)
        {
            To[Written] = (WCHAR)Code;
        }
        Written += Units;
    }
    return Written;
}

int WINAPI
WideCharToMultiByte(UINT CodePage, DWORD Flags, LPCWSTR From, INT FromLength, LPSTR To, INT Room,
                    LPCSTR Default, LPBOOL UsedDefault)
{
    (void)Flags;
    if ((CodePage != CP_ACP && CodePage != CP_UTF8 && CodePage != CP_OEMCP) || From == NULL ||
        FromLength == 0 || FromLength < -1 || Room < 0 || (Room > 0 && To == NULL) ||
        (CodePage == CP_UTF8 && (Default != NULL || UsedDefault != NULL)))
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    size_t Length = FromLength < 0 ? WideLength(From) + 1 : (size_t)FromLength;
    INT Written = 0;
    for (size_t Index = 0; Index < Length; Index++)
    {
        uint32_t Code = From[Index];
        if (Code >= 0xD800 && Code < 0xDC00 && Index + 1 < Length && From[Index + 1] >= 0xDC00 &&
            From[Index + 1] < 0xE000)
        {
            Code = 0x10000 + ((Code - 0xD800) << 10) + (From[++Index] - 0xDC00);
        }
        else if (Code >= 0xD800 && Code < 0xE000)
        {
            Code = 0xFFFD;
        }
        INT Units = (INT)PutUtf8(Code, NULL);
        if (Room != 0)
        {
            if (Written + Units > Room)
            {
                SetLastError(ERROR_INSUFFICIENT_BUFFER);
                return 0;
            }
            PutUtf8(Code, To + Written);
        }
        Written += Units;
    }
    if (UsedDefault != NULL)
    {
        *UsedDefault = FALSE;
    }
    return Written;
}

static BOOL
AllocateName(size_t Units, K32_NAME *Name)
{
    if (Units * sizeof(WCHAR) > 0xFFFE - sizeof(WCHAR))
    {
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
        return FALSE;
    }
    Name->Buffer = malloc((Units + 1) * sizeof(WCHAR));
    if (Name->Buffer == NULL)
    {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    Name->String.Buffer = Name->Buffer;
    Name->String.Length = (USHORT)(Units * sizeof(WCHAR));
    Name->String.MaximumLength = (USHORT)(Name->String.Length + sizeof(WCHAR));
    Name->Buffer[Units] = 0;
    return TRUE;
}

BOOL
K32NameFromUtf8(const char *Text, K32_NAME *Name)
{
    INT Units = MultiByteToWideChar(CP_UTF8, 0, Text, -1, NULL, 0);
    if (Units == 0 || !AllocateName((size_t)Units - 1, Name))
    {
        return FALSE;
    }
    MultiByteToWideChar(CP_UTF8, 0, Text, -1, Name->Buffer, Units);
    return TRUE;
}

BOOL
K32NameFromWide(const WCHAR *Text, K32_NAME *Name)
{
    size_t Units = WideLength(Text);
    if (!AllocateName(Units, Name))
    {
        return FALSE;
    }
    memcpy(Name->Buffer, Text, Units * sizeof(WCHAR));
    return TRUE;
}

void
K32FreeName(K32_NAME *Name)
{
    free(Name->Buffer);
    Name->Buffer = NULL;
}

BOOL
K32ObjectAttributes(K32_NAME *Name, const SECURITY_ATTRIBUTES *Security, ULONG ExtraFlags,
                    K32_NAME *Path, OBJECT_ATTRIBUTES *Attributes)
{
    ULONG Flags = ExtraFlags;
    Path->Buffer = NULL;
    if (Security != NULL && Security->bInheritHandle)
    {
        Flags |= OBJ_INHERIT;
    }
    if (Name != NULL)
    {
        size_t Base = sizeof(K32BaseNamedObjects) / sizeof(WCHAR) - 1;
        size_t Units = Name->String.Length / sizeof(WCHAR);
        if (!AllocateName(Base + Units, Path))
        {
            return FALSE;
        }
        memcpy(Path->Buffer, K32BaseNamedObjects, Base * sizeof(WCHAR));
        memcpy(Path->Buffer + Base, Name->Buffer, Units * sizeof(WCHAR));
        Flags |= OBJ_CASE_INSENSITIVE;
    }
    InitializeObjectAttributes(Attributes, Name != NULL ? &Path->String : NULL, Flags, NULL,
                               Security != NULL ? Security->lpSecurityDescriptor : NULL);
    return TRUE;
}
