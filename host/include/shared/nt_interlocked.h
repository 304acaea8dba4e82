// SPDX-License-Identifier: MIT
// Interlocked operations, ordered reads and writes, and fences, in forms that every sanitizer sees.
#ifndef NTHOST_NT_INTERLOCKED_H
#define NTHOST_NT_INTERLOCKED_H

// Included by winnt.h, which defines the types. All of them are compiler builtins, never assembly:
// TSan instruments builtins and is blind to assembly. Unsuffixed operations are full barriers, as
// on Windows; Acquire, Release and NoFence have the order that they name. Return values are NT's:
// Add, Increment and Decrement the new value, all others the previous one.

#if defined(__SANITIZE_THREAD__)
#define NTHOST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NTHOST_TSAN 1
#endif
#endif
#ifndef NTHOST_TSAN
#define NTHOST_TSAN 0
#endif

#define NTHOST_INTERLOCKED static FORCEINLINE __attribute__((unused))

#define NTHOST_INTERLOCKED_RMW(name, type, builtin, order)          \
    NTHOST_INTERLOCKED type name(type volatile *Target, type Value) \
    {                                                               \
        return builtin(Target, Value, order);                       \
    }

#define NTHOST_INTERLOCKED_STEP(name, type, builtin, order) \
    NTHOST_INTERLOCKED type name(type volatile *Target)     \
    {                                                       \
        return builtin(Target, 1, order);                   \
    }

#define NTHOST_INTERLOCKED_CAS(name, type, success, failure)                            \
    NTHOST_INTERLOCKED type name(type volatile *Target, type Exchange, type Comparand)  \
    {                                                                                   \
        __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, success, failure); \
        return Comparand;                                                               \
    }

// One type, one order; suffix is the type's, variant the order's. That the two change places for
// And, Or and Xor is Windows' spelling (InterlockedIncrementAcquire64, InterlockedAnd64Acquire).
#define NTHOST_INTERLOCKED_FAMILY(suffix, variant, type, order, failure)                           \
    NTHOST_INTERLOCKED_RMW(InterlockedExchange##variant##suffix, type, __atomic_exchange_n, order) \
    NTHOST_INTERLOCKED_RMW(InterlockedExchangeAdd##variant##suffix, type, __atomic_fetch_add,      \
                           order)                                                                  \
    NTHOST_INTERLOCKED_RMW(InterlockedAdd##variant##suffix, type, __atomic_add_fetch, order)       \
    NTHOST_INTERLOCKED_RMW(InterlockedAnd##suffix##variant, type, __atomic_fetch_and, order)       \
    NTHOST_INTERLOCKED_RMW(InterlockedOr##suffix##variant, type, __atomic_fetch_or, order)         \
    NTHOST_INTERLOCKED_RMW(InterlockedXor##suffix##variant, type, __atomic_fetch_xor, order)       \
    NTHOST_INTERLOCKED_STEP(InterlockedIncrement##variant##suffix, type, __atomic_add_fetch,       \
                            order)                                                                 \
    NTHOST_INTERLOCKED_STEP(InterlockedDecrement##variant##suffix, type, __atomic_sub_fetch,       \
                            order)                                                                 \
    NTHOST_INTERLOCKED_CAS(InterlockedCompareExchange##variant##suffix, type, order, failure)

#define NTHOST_INTERLOCKED_ORDERS(suffix, type)                                          \
    NTHOST_INTERLOCKED_FAMILY(suffix, , type, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)        \
    NTHOST_INTERLOCKED_FAMILY(suffix, Acquire, type, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE) \
    NTHOST_INTERLOCKED_FAMILY(suffix, Release, type, __ATOMIC_RELEASE, __ATOMIC_RELAXED) \
    NTHOST_INTERLOCKED_FAMILY(suffix, NoFence, type, __ATOMIC_RELAXED, __ATOMIC_RELAXED)

NTHOST_INTERLOCKED_ORDERS(8, char)
NTHOST_INTERLOCKED_ORDERS(16, SHORT)
NTHOST_INTERLOCKED_ORDERS(, LONG)
NTHOST_INTERLOCKED_ORDERS(64, LONG64)

#define NTHOST_INTERLOCKED_POINTER(variant, order, failure)                                        \
    NTHOST_INTERLOCKED_RMW(InterlockedExchangePointer##variant, PVOID, __atomic_exchange_n, order) \
    NTHOST_INTERLOCKED_CAS(InterlockedCompareExchangePointer##variant, PVOID, order, failure)

NTHOST_INTERLOCKED_POINTER(, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
NTHOST_INTERLOCKED_POINTER(Acquire, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
NTHOST_INTERLOCKED_POINTER(Release, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
NTHOST_INTERLOCKED_POINTER(NoFence, __ATOMIC_RELAXED, __ATOMIC_RELAXED)

#define NTHOST_INTERLOCKED_BIT(name, type, builtin, value)           \
    NTHOST_INTERLOCKED BOOLEAN name(type volatile *Base, type Bit)   \
    {                                                                \
        type Mask = (type)1 << (Bit & (type)(sizeof(type) * 8 - 1)); \
        return (builtin(Base, value, __ATOMIC_SEQ_CST) & Mask) != 0; \
    }

NTHOST_INTERLOCKED_BIT(InterlockedBitTestAndSet, LONG, __atomic_fetch_or, Mask)
NTHOST_INTERLOCKED_BIT(InterlockedBitTestAndReset, LONG, __atomic_fetch_and, ~Mask)
NTHOST_INTERLOCKED_BIT(InterlockedBitTestAndComplement, LONG, __atomic_fetch_xor, Mask)
NTHOST_INTERLOCKED_BIT(InterlockedBitTestAndSet64, LONG64, __atomic_fetch_or, Mask)
NTHOST_INTERLOCKED_BIT(InterlockedBitTestAndReset64, LONG64, __atomic_fetch_and, ~Mask)

// TRUE and the exchange done, or FALSE and ComparandResult (16-aligned, as Destination) the present
// value. Needs -mcx16: without it the compiler calls a library that a driver cannot import.
NTHOST_INTERLOCKED UCHAR
InterlockedCompareExchange128(LONG64 volatile *Destination, LONG64 ExchangeHigh, LONG64 ExchangeLow,
                              LONG64 *ComparandResult)
{
    unsigned __int128 Comparand =
        (unsigned __int128)(ULONG64)ComparandResult[1] << 64 | (ULONG64)ComparandResult[0];
    unsigned __int128 Exchange =
        (unsigned __int128)(ULONG64)ExchangeHigh << 64 | (ULONG64)ExchangeLow;
    unsigned __int128 Previous =
        __sync_val_compare_and_swap((unsigned __int128 volatile *)Destination, Comparand, Exchange);

    ComparandResult[0] = (LONG64)(ULONG64)Previous;
    ComparandResult[1] = (LONG64)(ULONG64)(Previous >> 64);
    return Previous == Comparand;
}

#define InterlockedIncrementSizeT(a)      InterlockedIncrement64((LONG64 *)(a))
#define InterlockedDecrementSizeT(a)      InterlockedDecrement64((LONG64 *)(a))
#define InterlockedExchangeAddSizeT(a, b) InterlockedExchangeAdd64((LONG64 *)(a), (LONG64)(b))

#define NTHOST_INTERLOCKED_READ_WRITE(suffix, type)                                      \
    NTHOST_INTERLOCKED type ReadAcquire##suffix(type const volatile *Source)             \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_ACQUIRE);                                \
    }                                                                                    \
    NTHOST_INTERLOCKED type ReadNoFence##suffix(type const volatile *Source)             \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                                \
    }                                                                                    \
    NTHOST_INTERLOCKED type ReadRaw##suffix(type const volatile *Source)                 \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                                \
    }                                                                                    \
    NTHOST_INTERLOCKED void WriteRelease##suffix(type volatile *Destination, type Value) \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELEASE);                          \
    }                                                                                    \
    NTHOST_INTERLOCKED void WriteNoFence##suffix(type volatile *Destination, type Value) \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                          \
    }                                                                                    \
    NTHOST_INTERLOCKED void WriteRaw##suffix(type volatile *Destination, type Value)     \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                          \
    }

NTHOST_INTERLOCKED_READ_WRITE(8, char)
NTHOST_INTERLOCKED_READ_WRITE(16, SHORT)
NTHOST_INTERLOCKED_READ_WRITE(, LONG)
NTHOST_INTERLOCKED_READ_WRITE(64, LONG64)

#define NTHOST_INTERLOCKED_READ_WRITE_NAMED(name, type)                                  \
    NTHOST_INTERLOCKED type Read##name##Acquire(type const volatile *Source)             \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_ACQUIRE);                                \
    }                                                                                    \
    NTHOST_INTERLOCKED type Read##name##NoFence(type const volatile *Source)             \
    {                                                                                    \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                                \
    }                                                                                    \
    NTHOST_INTERLOCKED void Write##name##Release(type volatile *Destination, type Value) \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELEASE);                          \
    }                                                                                    \
    NTHOST_INTERLOCKED void Write##name##NoFence(type volatile *Destination, type Value) \
    {                                                                                    \
        __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                          \
    }

NTHOST_INTERLOCKED_READ_WRITE_NAMED(Pointer, PVOID)
NTHOST_INTERLOCKED_READ_WRITE_NAMED(UChar, UCHAR)
NTHOST_INTERLOCKED_READ_WRITE_NAMED(Boolean, BOOLEAN)
NTHOST_INTERLOCKED_READ_WRITE_NAMED(UShort, USHORT)
NTHOST_INTERLOCKED_READ_WRITE_NAMED(ULong, ULONG)
NTHOST_INTERLOCKED_READ_WRITE_NAMED(ULong64, ULONG64)

// A full fence. gcc refuses a bare fence under TSan (TSan does not model fences); there a
// sequentially consistent exchange takes its place, which TSan does model and which is as strong.
NTHOST_INTERLOCKED void
MemoryBarrier(void)
{
#if NTHOST_TSAN
    LONG Line = 0;
    __atomic_exchange_n(&Line, 1, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

NTHOST_INTERLOCKED void
YieldProcessor(void)
{
    __builtin_ia32_pause();
}

NTHOST_INTERLOCKED BOOLEAN
BitScanForward(ULONG *Index, ULONG Mask)
{
    if (Mask == 0)
        return FALSE;
    *Index = (ULONG)__builtin_ctz(Mask);
    return TRUE;
}

NTHOST_INTERLOCKED BOOLEAN
BitScanReverse(ULONG *Index, ULONG Mask)
{
    if (Mask == 0)
        return FALSE;
    *Index = 31 - (ULONG)__builtin_clz(Mask);
    return TRUE;
}

NTHOST_INTERLOCKED BOOLEAN
BitScanForward64(ULONG *Index, ULONG64 Mask)
{
    if (Mask == 0)
        return FALSE;
    *Index = (ULONG)__builtin_ctzll(Mask);
    return TRUE;
}

NTHOST_INTERLOCKED BOOLEAN
BitScanReverse64(ULONG *Index, ULONG64 Mask)
{
    if (Mask == 0)
        return FALSE;
    *Index = 63 - (ULONG)__builtin_clzll(Mask);
    return TRUE;
}

#endif
