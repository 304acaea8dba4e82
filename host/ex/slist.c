// SPDX-License-Identifier: MIT
// Sequenced lists: last in, first out, any IRQL, no lock of the caller's.
//
// The classic pop (compare-and-swap of head and sequence) reads the next pointer of an entry that
// another thread may have popped and freed meanwhile; Windows forgives that fault, and nothing here
// could tell it from a driver's. So a host lock, one of many by the header's address, serialises each
// list. Header layout as on Windows (Header16): depth, sequence, and the first entry's address.
#include "ex/exp.h"

#define LOCKS 64u

static struct
{
    _Alignas(64) OS_LOCK Lock;
} SListLocks[LOCKS];

static OS_LOCK *
LockOf(const SLIST_HEADER *Header)
{
    return &SListLocks[((ULONG_PTR)Header >> 4) % LOCKS].Lock;
}

static PSLIST_ENTRY
FirstLocked(const SLIST_HEADER *Header)
{
    return (PSLIST_ENTRY)(ULONG_PTR)((ULONGLONG)Header->Header16.NextEntry << 4);
}

static void
SetLocked(PSLIST_HEADER Header, PSLIST_ENTRY First, ULONG Depth)
{
    Header->Header16.NextEntry = (ULONG_PTR)First >> 4;
    Header->Header16.Depth = (USHORT)Depth;
    Header->Header16.Sequence++;
}

VOID
InitializeSListHead(PSLIST_HEADER SListHead)
{
    OsLockAcquire(LockOf(SListHead));
    SListHead->Alignment = 0;
    SListHead->Region = 0;
    SListHead->Header16.HeaderType = 1;
    SListHead->Header16.Init = 1;
    OsLockRelease(LockOf(SListHead));
}

PSLIST_ENTRY
ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    OS_LOCK *Lock = LockOf(ListHead);
    PSLIST_ENTRY Former;

    OsLockAcquire(Lock);
    Former = FirstLocked(ListHead);
    ListEntry->Next = Former;
    SetLocked(ListHead, ListEntry, ListHead->Header16.Depth + 1u);
    OsLockRelease(Lock);
    return Former;
}

PSLIST_ENTRY
ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    OS_LOCK *Lock = LockOf(ListHead);
    PSLIST_ENTRY Entry;

    OsLockAcquire(Lock);
    Entry = FirstLocked(ListHead);
    if (Entry != NULL)
    {
        SetLocked(ListHead, Entry->Next, ListHead->Header16.Depth - 1u);
    }
    OsLockRelease(Lock);
    return Entry;
}

PSLIST_ENTRY
ExpInterlockedFlushSList(PSLIST_HEADER ListHead)
{
    OS_LOCK *Lock = LockOf(ListHead);
    PSLIST_ENTRY Entry;

    OsLockAcquire(Lock);
    Entry = FirstLocked(ListHead);
    SetLocked(ListHead, NULL, 0);
    OsLockRelease(Lock);
    return Entry;
}

USHORT
ExQueryDepthSList(PSLIST_HEADER SListHead)
{
    USHORT Depth;

    OsLockAcquire(LockOf(SListHead));
    Depth = SListHead->Header16.Depth;
    OsLockRelease(LockOf(SListHead));
    return Depth;
}
