// SPDX-License-Identifier: MIT
// Stand-ins for the executive's pool and verifier: they count, fail on request, and record.
#include "test.h"

#include "verifier/vf.h"

#include <stdlib.h>

unsigned LiveAllocations;
bool FailAllocations;
KIRQL LowestLimit;
ULONG BugCheckCode;
jmp_buf BugCheckJump;

PVOID
ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    assert_int_equal(PoolType, PagedPool);
    assert_int_equal(Tag, RTLP_TAG_STRING);
    if (FailAllocations)
    {
        return NULL;
    }
    LiveAllocations++;
    return malloc(NumberOfBytes);  // exactly: the address sanitizer sees one byte too many
}

VOID
ExFreePool(PVOID P)
{
    assert_non_null(P);
    LiveAllocations--;
    free(P);
}

void
VfCheckMaxIrql(KIRQL Max, const char *Function)
{
    assert_non_null(Function);
    LowestLimit = min(LowestLimit, Max);
}

_Noreturn void
VfBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Meaning,
           ...)
{
    (void)P1;
    (void)P2;
    (void)P3;
    (void)P4;
    assert_non_null(Meaning);
    BugCheckCode = Code;
    longjmp(BugCheckJump, 1);
}
