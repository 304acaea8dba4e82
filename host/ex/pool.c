// SPDX-License-Identifier: MIT
// The exported pool routines.
//
// Quotas are accepted and not enforced: no process here has one. Where Windows raises an exception
// when there is no memory (quota variants, POOL_RAISE_IF_ALLOCATION_FAILURE,
// POOL_FLAG_RAISE_ON_FAILURE) this is a bugcheck, as an exception that nobody handles is there.
#include "ex/exp.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define TAG_NONE 'enoN'  // what Windows calls blocks of ExAllocatePool

static PVOID
Allocate(POOL_TYPE Type, SIZE_T Size, ULONG Tag, BOOLEAN Raise)
{
    PVOID Block = MiAllocatePool(Type, Size, Tag, (Type & POOL_ZERO_ALLOCATION) != 0);

    if (Block == NULL && (Raise || (Type & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0))
    {
        VfBugCheck(VfBug_KMODE_EXCEPTION_NOT_HANDLED, (ULONG)STATUS_INSUFFICIENT_RESOURCES,
                   (ULONG_PTR)__builtin_return_address(0), Size, Tag,
                   "There was no memory for a pool block of %llu bytes whose caller asked for an "
                   "exception then, and nothing handles exceptions.",
                   (unsigned long long)Size);
    }
    return Block;
}

PVOID
ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return Allocate(PoolType, NumberOfBytes, TAG_NONE, FALSE);
}

PVOID
ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return Allocate(PoolType, NumberOfBytes, Tag, FALSE);
}

PVOID
ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return Allocate(PoolType & ~POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, NumberOfBytes, Tag,
                    (PoolType & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) == 0);
}

// Exactly one of the pools, no flag that is required and unknown.
static BOOLEAN
AreFlagsValid(POOL_FLAGS Flags)
{
    const POOL_FLAGS Pools = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    const POOL_FLAGS Known = Pools | POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED |
                             POOL_FLAG_SESSION | POOL_FLAG_CACHE_ALIGNED |
                             POOL_FLAG_RAISE_ON_FAILURE;
    const POOL_FLAGS Required = POOL_FLAG_REQUIRED_END | (POOL_FLAG_REQUIRED_END - 1);
    POOL_FLAGS Pool = Flags & Pools;

    return Pool != 0 && (Pool & (Pool - 1)) == 0 && (Flags & Required & ~Known) == 0;
}

PVOID
ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    POOL_TYPE Type = (Flags & POOL_FLAG_PAGED) != 0       ? PagedPool
                     : (Flags & POOL_FLAG_NON_PAGED) != 0 ? NonPagedPoolNx
                                                          : NonPagedPoolExecute;

    if (!AreFlagsValid(Flags))
    {
        return NULL;
    }
    return Allocate(Type | ((Flags & POOL_FLAG_UNINITIALIZED) == 0 ? POOL_ZERO_ALLOCATION : 0),
                    NumberOfBytes, Tag, (Flags & POOL_FLAG_RAISE_ON_FAILURE) != 0);
}

VOID
ExFreePool(PVOID P)
{
    MiFreePool(P, 0, FALSE);
}

VOID
ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    MiFreePool(P, Tag, TRUE);
}

VOID
ExFreePool2(PVOID P, ULONG Tag, PVOID ExtendedParameters, ULONG ExtendedParametersCount)
{
    (void)ExtendedParameters;
    (void)ExtendedParametersCount;
    MiFreePool(P, Tag, TRUE);
}
