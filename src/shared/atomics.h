// SPDX-License-Identifier: MIT
// The few atomic operations that both sides share; the only file with compiler conditionals.
#ifndef UPCALL_SHARED_ATOMICS_H
#define UPCALL_SHARED_ATOMICS_H

#include <stdint.h>

// Everything shared is 32 bits wide and aligned: that is atomic on every processor Windows runs on,
// in a 32-bit process too. The names say the order; whoever uses one names its partner.

#if defined(_MSC_VER) && !defined(__clang__)

#include <intrin.h>

// x86 and x64 order loads with loads and stores with stores; only the compiler has to be held.
// ARM64 has real acquire and release instructions.
#if defined(_M_ARM64)
#define UPCALL_MSC_LOAD_ACQUIRE(Address) __ldar32((unsigned __int32 volatile *)(Address))
#define UPCALL_MSC_STORE_RELEASE(Address, Value) \
    __stlr32((unsigned __int32 volatile *)(Address), (Value))
#define UPCALL_MSC_FENCE() __dmb(_ARM64_BARRIER_ISH)
#else
static __forceinline uint32_t
UpcallMscLoadAcquire(const volatile uint32_t *Address)
{
    uint32_t value = *Address;
    _ReadWriteBarrier();
    return value;
}
#define UPCALL_MSC_LOAD_ACQUIRE(Address) UpcallMscLoadAcquire(Address)
#define UPCALL_MSC_STORE_RELEASE(Address, Value) \
    (_ReadWriteBarrier(), (void)(*(volatile uint32_t *)(Address) = (Value)))
#define UPCALL_MSC_FENCE()                               \
    do                                                   \
    {                                                    \
        long volatile upcallFenceWord = 0;               \
        (void)_InterlockedExchange(&upcallFenceWord, 1); \
    } while (0)
#endif

static __forceinline uint32_t
UpcallLoadRelaxed(const uint32_t *Address)
{
    return *(const volatile uint32_t *)Address;
}

static __forceinline uint32_t
UpcallLoadAcquire(const uint32_t *Address)
{
    return UPCALL_MSC_LOAD_ACQUIRE(Address);
}

static __forceinline void
UpcallStoreRelaxed(uint32_t *Address, uint32_t Value)
{
    *(volatile uint32_t *)Address = Value;
}

static __forceinline void
UpcallStoreRelease(uint32_t *Address, uint32_t Value)
{
    UPCALL_MSC_STORE_RELEASE(Address, Value);
}

static __forceinline uint32_t
UpcallExchange(uint32_t *Address, uint32_t Value)
{
    return (uint32_t)_InterlockedExchange((long volatile *)Address, (long)Value);
}

static __forceinline void
UpcallFullFence(void)
{
    UPCALL_MSC_FENCE();
}

#else

static inline uint32_t
UpcallLoadRelaxed(const uint32_t *Address)
{
    return __atomic_load_n(Address, __ATOMIC_RELAXED);
}

static inline uint32_t
UpcallLoadAcquire(const uint32_t *Address)
{
    return __atomic_load_n(Address, __ATOMIC_ACQUIRE);
}

static inline void
UpcallStoreRelaxed(uint32_t *Address, uint32_t Value)
{
    __atomic_store_n(Address, Value, __ATOMIC_RELAXED);
}

static inline void
UpcallStoreRelease(uint32_t *Address, uint32_t Value)
{
    __atomic_store_n(Address, Value, __ATOMIC_RELEASE);
}

static inline uint32_t
UpcallExchange(uint32_t *Address, uint32_t Value)
{
    return __atomic_exchange_n(Address, Value, __ATOMIC_SEQ_CST);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UPCALL_FENCE_BY_EXCHANGE 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define UPCALL_FENCE_BY_EXCHANGE 1
#endif

// Orders every access before it against every access after it, stores against later loads included.
static inline void
UpcallFullFence(void)
{
#if defined(UPCALL_FENCE_BY_EXCHANGE)
    // ThreadSanitizer does not model fences and gcc refuses them there; a locked exchange is one on
    // the processors that it runs on.
    uint32_t word = 0;
    (void)__atomic_exchange_n(&word, 1u, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif

#endif
