// SPDX-License-Identifier: MIT
// RtlFailFast: what the kernel headers' inline checks call when they find memory corrupted.

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

DECLSPEC_NORETURN VOID
RtlFailFast(ULONG Code)
{
    VfBugCheck(VfBug_KERNEL_SECURITY_CHECK_FAILURE, Code, 0, 0, 0, "%s",
               Code == FAST_FAIL_CORRUPT_LIST_ENTRY
                   ? "A linked list is corrupt: an entry was inserted twice, removed twice, or its "
                     "memory was freed or overwritten."
                   : "The kernel found its memory corrupted.");
}
