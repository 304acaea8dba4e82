// SPDX-License-Identifier: MIT
// The address sanitizer's reports about pool memory, completed by what the pool knows of the block.
#include "mm/mip.h"

#include "verifier/vf.h"

#if defined(MIP_ASAN)

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 512

static void
Print(const char *Text)
{
    OsWriteError(Text, strlen(Text));
}

static void
PrintStack(const char *Title, PVOID *Frames, ULONG Count)
{
    char Line[LINE_SIZE];
    char Symbol[LINE_SIZE - 8];

    Print(Title);
    for (ULONG Index = 0; Index < Count && Frames[Index] != NULL; Index++)
    {
        OsStackSymbol(Frames[Index], Symbol, sizeof(Symbol));
        (void)snprintf(Line, sizeof(Line), "    %s\n", Symbol);
        Print(Line);
    }
}

// Called by the sanitizer when its own report is out and the process is about to end.
static void
DescribeReportedAddress(void)
{
    const void *Address = __asan_report_present() ? __asan_get_report_address() : NULL;
    MI_POOL_DESCRIPTION Block;
    char Line[LINE_SIZE];

    if (Address == NULL || !MiDescribePoolAddress(Address, &Block))
    {
        return;
    }
    (void)snprintf(Line, sizeof(Line),
                   "nthost: this is offset %lld of a %s pool block of %llu bytes with tag '%.4s'\n",
                   (long long)((const char *)Address - (const char *)Block.Address),
                   Block.Freed ? "freed" : "live", (unsigned long long)Block.Size,
                   (const char *)&Block.Tag);
    Print(Line);
    PrintStack("Allocated:\n", Block.Stack, MI_POOL_STACK);
    if (Block.Freed)
    {
        PrintStack("Freed:\n", Block.FreeStack, MI_POOL_FREE_STACK);
    }
}

void
MipHookSanitizer(void)
{
    __asan_set_death_callback(DescribeReportedAddress);
}

#else

void
MipHookSanitizer(void)
{
}

#endif
