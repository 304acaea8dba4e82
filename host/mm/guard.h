// SPDX-License-Identifier: MIT
// Guarded regions, as mm's own files use them.
#ifndef HOST_MM_GUARD_H
#define HOST_MM_GUARD_H

#include "mm/mip.h"

#include <setjmp.h>

// setjmp is called by the function that holds the guard, directly before MipEnterGuard.
typedef struct MIP_GUARD
{
    jmp_buf Environment;
    void *Outer;
    ULONG_PTR Low;  // only faults in [Low, +Size) unwind; all, if Size is 0
    SIZE_T Size;
} MIP_GUARD;

void MipEnterGuard(MIP_GUARD *Guard, const VOID *Address, SIZE_T Size);
void MipLeaveGuard(MIP_GUARD *Guard);

// STATUS_ACCESS_VIOLATION if the guarded side is not accessible (some of To may then be written). A
// fault on the other side is a bugcheck. Size > 0, and the guarded range does not wrap.
NTSTATUS MipGuardedCopy(PVOID To, const VOID *From, SIZE_T Size, BOOLEAN ToIsGuarded);
// Every page of [Address, +Size) touched, no byte changed. Size > 0, no wrap.
NTSTATUS MipGuardedProbe(const VOID *Address, SIZE_T Size, BOOLEAN Write);

#endif
