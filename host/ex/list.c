// SPDX-License-Identifier: MIT
// Lists and sums under a driver's spin lock, and sequenced lists.
#include "ex/exp.h"

// ---- Under a spin lock. On Windows at any IRQL, by masking interrupts; there are none here. ----

static KIRQL
Acquire(PKSPIN_LOCK Lock)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql >= DISPATCH_LEVEL)
    {
        KeAcquireSpinLockAtDpcLevel(Lock);
        return Irql;
    }
    return KeAcquireSpinLockRaiseToDpc(Lock);
}

static void
Release(PKSPIN_LOCK Lock, KIRQL Irql)
{
    if (Irql >= DISPATCH_LEVEL)
    {
        KeReleaseSpinLockFromDpcLevel(Lock);
        return;
    }
    KeReleaseSpinLock(Lock, Irql);
}

PLIST_ENTRY
ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    PLIST_ENTRY Former = IsListEmpty(ListHead) ? NULL : ListHead->Flink;

    InsertHeadList(ListHead, ListEntry);
    Release(Lock, Irql);
    return Former;
}

PLIST_ENTRY
ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    PLIST_ENTRY Former = IsListEmpty(ListHead) ? NULL : ListHead->Blink;

    InsertTailList(ListHead, ListEntry);
    Release(Lock, Irql);
    return Former;
}

PLIST_ENTRY
ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    PLIST_ENTRY Entry = IsListEmpty(ListHead) ? NULL : RemoveHeadList(ListHead);

    Release(Lock, Irql);
    return Entry;
}

PSINGLE_LIST_ENTRY
ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    PSINGLE_LIST_ENTRY Entry = ListHead->Next;

    if (Entry != NULL)
    {
        ListHead->Next = Entry->Next;
    }
    Release(Lock, Irql);
    return Entry;
}

PSINGLE_LIST_ENTRY
ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                           PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    PSINGLE_LIST_ENTRY Former = ListHead->Next;

    ListEntry->Next = Former;
    ListHead->Next = ListEntry;
    Release(Lock, Irql);
    return Former;
}

LARGE_INTEGER
ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    LARGE_INTEGER Former = *Addend;

    Addend->QuadPart = (LONGLONG)((ULONGLONG)Former.QuadPart + (ULONGLONG)Increment.QuadPart);
    Release(Lock, Irql);
    return Former;
}

ULONG
ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)
{
    KIRQL Irql = Acquire(Lock);
    ULONG Former = *Addend;

    *Addend = Former + Increment;
    Release(Lock, Irql);
    return Former;
}
