// SPDX-License-Identifier: MIT
// Bounded string functions for the kernel: always terminated, never past the end.
#ifndef NTHOST_NTSTRSAFE_H
#define NTHOST_NTSTRSAFE_H

#include <wdm.h>

#define NTSTRSAFE_MAX_CCH                2147483647
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))
#define NTSTRSAFE_FUNCTION               static inline __attribute__((unused)) NTSTATUS

typedef CHAR *NTSTRSAFE_PSTR;
typedef const CHAR *NTSTRSAFE_PCSTR;
typedef WCHAR *NTSTRSAFE_PWSTR;
typedef const WCHAR *NTSTRSAFE_PCWSTR;

// Both character widths from one text. Sizes include the terminator. Statuses:
// STATUS_SUCCESS; STATUS_BUFFER_OVERFLOW: truncated, and terminated; STATUS_INVALID_PARAMETER: a
// size of zero or beyond the maximum, or no terminator within it; nothing is written then.
#define NTHOST_STRSAFE(Suffix, Char, Format)                                                       \
    NTSTRSAFE_FUNCTION RtlStringCchLength##Suffix(const Char *Source, size_t Maximum,              \
                                                  size_t *Length)                                  \
    {                                                                                              \
        size_t Count = 0;                                                                          \
        NTSTATUS Status = STATUS_INVALID_PARAMETER;                                                \
                                                                                                   \
        if (Source != NULL && Maximum <= NTSTRSAFE_MAX_CCH)                                        \
        {                                                                                          \
            while (Count < Maximum && Source[Count] != 0)                                          \
                Count++;                                                                           \
            Status = Count < Maximum ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;                  \
        }                                                                                          \
        if (Length != NULL)                                                                        \
            *Length = NT_SUCCESS(Status) ? Count : 0;                                              \
        return Status;                                                                             \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCchCopyN##Suffix(Char *Destination, size_t Size,                   \
                                                 const Char *Source, size_t Count)                 \
    {                                                                                              \
        size_t Index = 0;                                                                          \
                                                                                                   \
        if (Size == 0 || Size > NTSTRSAFE_MAX_CCH)                                                 \
            return STATUS_INVALID_PARAMETER;                                                       \
        while (Index < Count && Source[Index] != 0)                                                \
        {                                                                                          \
            if (Index == Size - 1)                                                                 \
            {                                                                                      \
                Destination[Index] = 0;                                                            \
                return STATUS_BUFFER_OVERFLOW;                                                     \
            }                                                                                      \
            Destination[Index] = Source[Index];                                                    \
            Index++;                                                                               \
        }                                                                                          \
        Destination[Index] = 0;                                                                    \
        return STATUS_SUCCESS;                                                                     \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCchCopy##Suffix(Char *Destination, size_t Size,                    \
                                                const Char *Source)                                \
    {                                                                                              \
        return RtlStringCchCopyN##Suffix(Destination, Size, Source, (size_t)-1);                   \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCchCatN##Suffix(Char *Destination, size_t Size,                    \
                                                const Char *Source, size_t Count)                  \
    {                                                                                              \
        size_t Length;                                                                             \
        NTSTATUS Status = RtlStringCchLength##Suffix(Destination, Size, &Length);                  \
                                                                                                   \
        if (!NT_SUCCESS(Status))                                                                   \
            return Status;                                                                         \
        return RtlStringCchCopyN##Suffix(Destination + Length, Size - Length, Source, Count);      \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCchCat##Suffix(Char *Destination, size_t Size, const Char *Source) \
    {                                                                                              \
        return RtlStringCchCatN##Suffix(Destination, Size, Source, (size_t)-1);                    \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCchVPrintf##Suffix(Char *Destination, size_t Size,                 \
                                                   const Char *Text, va_list Arguments)            \
    {                                                                                              \
        int Count;                                                                                 \
                                                                                                   \
        if (Size == 0 || Size > NTSTRSAFE_MAX_CCH)                                                 \
            return STATUS_INVALID_PARAMETER;                                                       \
        Count = Format(Destination, Size - 1, Text, Arguments);                                    \
        if (Count < 0 || (size_t)Count > Size - 1)                                                 \
        {                                                                                          \
            Destination[Size - 1] = 0;                                                             \
            return STATUS_BUFFER_OVERFLOW;                                                         \
        }                                                                                          \
        Destination[Count] = 0;                                                                    \
        return STATUS_SUCCESS;                                                                     \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCchPrintf##Suffix(Char *Destination, size_t Size,                  \
                                                  const Char *Text, ...)                           \
    {                                                                                              \
        va_list Arguments;                                                                         \
        NTSTATUS Status;                                                                           \
                                                                                                   \
        va_start(Arguments, Text);                                                                 \
        Status = RtlStringCchVPrintf##Suffix(Destination, Size, Text, Arguments);                  \
        va_end(Arguments);                                                                         \
        return Status;                                                                             \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbLength##Suffix(const Char *Source, size_t Maximum,               \
                                                 size_t *Length)                                   \
    {                                                                                              \
        NTSTATUS Status = RtlStringCchLength##Suffix(Source, Maximum / sizeof(Char), Length);      \
                                                                                                   \
        if (Length != NULL)                                                                        \
            *Length *= sizeof(Char);                                                               \
        return Status;                                                                             \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbCopy##Suffix(Char *Destination, size_t Size, const Char *Source) \
    {                                                                                              \
        return RtlStringCchCopy##Suffix(Destination, Size / sizeof(Char), Source);                 \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbCopyN##Suffix(Char *Destination, size_t Size,                    \
                                                const Char *Source, size_t Count)                  \
    {                                                                                              \
        return RtlStringCchCopyN##Suffix(Destination, Size / sizeof(Char), Source,                 \
                                         Count / sizeof(Char));                                    \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbCat##Suffix(Char *Destination, size_t Size, const Char *Source)  \
    {                                                                                              \
        return RtlStringCchCat##Suffix(Destination, Size / sizeof(Char), Source);                  \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbCatN##Suffix(Char *Destination, size_t Size, const Char *Source, \
                                               size_t Count)                                       \
    {                                                                                              \
        return RtlStringCchCatN##Suffix(Destination, Size / sizeof(Char), Source,                  \
                                        Count / sizeof(Char));                                     \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbVPrintf##Suffix(Char *Destination, size_t Size,                  \
                                                  const Char *Text, va_list Arguments)             \
    {                                                                                              \
        return RtlStringCchVPrintf##Suffix(Destination, Size / sizeof(Char), Text, Arguments);     \
    }                                                                                              \
    NTSTRSAFE_FUNCTION RtlStringCbPrintf##Suffix(Char *Destination, size_t Size, const Char *Text, \
                                                 ...)                                              \
    {                                                                                              \
        va_list Arguments;                                                                         \
        NTSTATUS Status;                                                                           \
                                                                                                   \
        va_start(Arguments, Text);                                                                 \
        Status = RtlStringCchVPrintf##Suffix(Destination, Size / sizeof(Char), Text, Arguments);   \
        va_end(Arguments);                                                                         \
        return Status;                                                                             \
    }

NTHOST_STRSAFE(A, CHAR, _vsnprintf)
NTHOST_STRSAFE(W, WCHAR, _vsnwprintf)

// Counted strings.

NTSTRSAFE_FUNCTION
RtlUnicodeStringInit(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Source)
{
    size_t Length = 0;

    DestinationString->Length = DestinationString->MaximumLength = 0;
    DestinationString->Buffer = NULL;
    if (Source != NULL)
    {
        if (!NT_SUCCESS(RtlStringCchLengthW(Source, NTSTRSAFE_UNICODE_STRING_MAX_CCH, &Length)))
            return STATUS_INVALID_PARAMETER;
        DestinationString->Length = (USHORT)(Length * sizeof(WCHAR));
        DestinationString->MaximumLength = (USHORT)((Length + 1) * sizeof(WCHAR));
        DestinationString->Buffer = (PWSTR)Source;
    }
    return STATUS_SUCCESS;
}

NTSTRSAFE_FUNCTION
RtlUnicodeStringPrintf(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Format, ...)
{
    size_t Capacity = DestinationString->MaximumLength / sizeof(WCHAR);
    va_list Arguments;
    int Count;

    va_start(Arguments, Format);
    Count = _vsnwprintf(DestinationString->Buffer, Capacity, Format, Arguments);
    va_end(Arguments);
    if (Count < 0 || (size_t)Count > Capacity)
    {
        DestinationString->Length = (USHORT)(Capacity * sizeof(WCHAR));
        return STATUS_BUFFER_OVERFLOW;
    }
    DestinationString->Length = (USHORT)((size_t)Count * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

#endif
