// SPDX-License-Identifier: MIT
// Locks of one process: critical sections and slim reader/writer locks.

#include "win32/k32.h"

#include <string.h>

#include "os/os.h"

// A critical section keeps its host lock in the field that Windows uses for its semaphore.
_Static_assert(sizeof(OS_LOCK) <= sizeof(HANDLE), "the lock lives in LockSemaphore");

static OS_LOCK *
SectionLock(LPCRITICAL_SECTION Section)
{
    return (OS_LOCK *)&Section->LockSemaphore;
}

void WINAPI
InitializeCriticalSection(LPCRITICAL_SECTION Section)
{
    memset(Section, 0, sizeof(*Section));
    Section->LockCount = -1;
}

BOOL WINAPI
InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION Section, DWORD Spin)
{
    (void)Spin;  // the host's locks choose their own bounded spin
    InitializeCriticalSection(Section);
    return TRUE;
}

void WINAPI
DeleteCriticalSection(LPCRITICAL_SECTION Section)
{
    memset(Section, 0, sizeof(*Section));
}

static HANDLE
SelfOwner(void)
{
    return (HANDLE)(ULONG_PTR)OsThreadSelfId();
}

void WINAPI
EnterCriticalSection(LPCRITICAL_SECTION Section)
{
    // Relaxed: only this thread can have stored its own id.
    if (__atomic_load_n(&Section->OwningThread, __ATOMIC_RELAXED) == SelfOwner())
    {
        Section->RecursionCount++;
        return;
    }
    OsLockAcquire(SectionLock(Section));
    __atomic_store_n(&Section->OwningThread, SelfOwner(), __ATOMIC_RELAXED);
    Section->RecursionCount = 1;
}

void WINAPI
LeaveCriticalSection(LPCRITICAL_SECTION Section)
{
    if (--Section->RecursionCount == 0)
    {
        __atomic_store_n(&Section->OwningThread, NULL, __ATOMIC_RELAXED);
        OsLockRelease(SectionLock(Section));
    }
}

// ---- SRW locks: one futex word, bit 31 the writer, below it the readers ----

#define SRW_WRITER 0x80000000u

static uint32_t *
SrwWord(PSRWLOCK Lock)
{
    return (uint32_t *)&Lock->Ptr;
}

// The second word counts sleepers, so that an uncontended release makes no system call. A sleeper
// counts itself (seq_cst) before its last look at the word; a release changes the word (seq_cst)
// before it looks at the count: one of them sees the other.
static uint32_t *
SrwSleepers(PSRWLOCK Lock)
{
    return (uint32_t *)&Lock->Ptr + 1;
}

static void
SrwSleep(PSRWLOCK Lock, uint32_t Seen)
{
    __atomic_fetch_add(SrwSleepers(Lock), 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(SrwWord(Lock), __ATOMIC_SEQ_CST) == Seen)
    {
        OsWaitWord(SrwWord(Lock), Seen, OS_FOREVER, false);
    }
    __atomic_fetch_sub(SrwSleepers(Lock), 1, __ATOMIC_SEQ_CST);
}

static void
SrwWake(PSRWLOCK Lock)
{
    if (__atomic_load_n(SrwSleepers(Lock), __ATOMIC_SEQ_CST) != 0)
    {
        OsWakeWord(SrwWord(Lock), UINT32_MAX, false);
    }
}

void WINAPI
InitializeSRWLock(PSRWLOCK Lock)
{
    Lock->Ptr = NULL;
}

BOOLEAN WINAPI
TryAcquireSRWLockExclusive(PSRWLOCK Lock)
{
    uint32_t Free = 0;
    return __atomic_compare_exchange_n(SrwWord(Lock), &Free, SRW_WRITER, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

void WINAPI
AcquireSRWLockExclusive(PSRWLOCK Lock)
{
    while (!TryAcquireSRWLockExclusive(Lock))
    {
        uint32_t Seen = __atomic_load_n(SrwWord(Lock), __ATOMIC_RELAXED);
        if (Seen != 0)
        {
            SrwSleep(Lock, Seen);
        }
    }
}

void WINAPI
ReleaseSRWLockExclusive(PSRWLOCK Lock)
{
    __atomic_store_n(SrwWord(Lock), 0, __ATOMIC_SEQ_CST);
    SrwWake(Lock);
}

void WINAPI
AcquireSRWLockShared(PSRWLOCK Lock)
{
    uint32_t Seen = __atomic_load_n(SrwWord(Lock), __ATOMIC_RELAXED);
    for (;;)
    {
        if ((Seen & SRW_WRITER) != 0)
        {
            SrwSleep(Lock, Seen);
            Seen = __atomic_load_n(SrwWord(Lock), __ATOMIC_RELAXED);
        }
        else if (__atomic_compare_exchange_n(SrwWord(Lock), &Seen, Seen + 1, false,
                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            return;
        }
    }
}

void WINAPI
ReleaseSRWLockShared(PSRWLOCK Lock)
{
    if (__atomic_sub_fetch(SrwWord(Lock), 1, __ATOMIC_SEQ_CST) == 0)
    {
        SrwWake(Lock);
    }
}
