// SPDX-License-Identifier: MIT
// Memory comparison, and the functions behind what the headers define as macros.
#include "rtl/rtlp.h"

SIZE_T NTAPI
RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    const UCHAR *First = Source1;
    const UCHAR *Second = Source2;
    SIZE_T Index = 0;

    while (Index < Length && First[Index] == Second[Index])
    {
        Index++;
    }
    return Index;
}

// The result is in bytes; a rest of less than four is not compared.
SIZE_T NTAPI
RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern)
{
    const ULONG *Values = Source;
    SIZE_T Index = 0;

    while (Index < Length / sizeof(ULONG) && Values[Index] == Pattern)
    {
        Index++;
    }
    return Index * sizeof(ULONG);
}
