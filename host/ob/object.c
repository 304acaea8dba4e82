// SPDX-License-Identifier: MIT
// Objects: creation, references, and deletion, at once or by the worker for deferred deletes.
//
// PointerCount is atomic. Taking a reference needs another one to be held, so it orders nothing;
// dropping one releases, and the drop to zero acquires, so that deletion sees what every former holder
// wrote. Deletion runs at PASSIVE_LEVEL on an NT thread that holds no host lock. When the last
// reference goes anywhere else, the object is pushed on ObpDeferred and the worker deletes it.
#include "ob/obi.h"

static OBJECT_HEADER *ObpDeferred;    // atomic: pushed with compare-exchange, taken whole
static uint32_t ObpDeferredSequence;  // atomic futex word: changes with each push, and to stop
static uint32_t ObpDeferredPending;   // atomic futex word: pushed and not yet deleted
static uint32_t ObpWorkerAsleep;      // atomic
static uint32_t ObpFlushers;          // atomic
static uint32_t ObpWorkerStopping;    // atomic
static PVOID ObpWorkerThread;         // referenced, NULL: no worker

NTSTATUS
ObpCreateObject(POBJECT_TYPE Type, SIZE_T BodySize, PVOID *Object)
{
    OBJECT_HEADER *Header =
        MiAllocatePool(NonPagedPoolNx, sizeof(*Header) + BodySize, MI_TAG_HOST, TRUE);

    if (Header == NULL)
    {
        *Object = NULL;
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Header->PointerCount = 1;
    Header->Type = Type;
    Header->BodySize = (ULONG)BodySize;
    ObpCaptureStack(Header->CreatorStack, RTL_NUMBER_OF(Header->CreatorStack));
    OsLockAcquire(&Type->Lock);
    InsertTailList(&Type->Objects, &Header->TypeLink);
    Type->ObjectCount++;
    OsLockRelease(&Type->Lock);
    *Object = ObpBody(Header);
    return STATUS_SUCCESS;
}

static DECLSPEC_NORETURN void
ObpBadReference(OBJECT_HEADER *Header, LONG64 Count, const char *What)
{
    VF_STACK Stack = {"The object was created by", Header->CreatorStack,
                      RTL_NUMBER_OF(Header->CreatorStack)};

    VfBugCheckStacks(REFERENCE_BY_POINTER, (ULONG_PTR)Header->Type, (ULONG_PTR)ObpBody(Header), 0,
                     (ULONG_PTR)Count, &Stack, 1, "%s", What);
}

LONG_PTR
ObfReferenceObject(PVOID Object)
{
    OBJECT_HEADER *Header = OBP_HEADER(Object);
    LONG64 Old;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    Old = __atomic_fetch_add(&Header->PointerCount, 1, __ATOMIC_RELAXED);
    if (Old <= 0)
    {
        ObpBadReference(Header, Old, "An object whose last reference is gone was referenced.");
    }
    return (LONG_PTR)(Old + 1);
}

BOOLEAN
ObpTryReference(OBJECT_HEADER *Header)
{
    LONG64 Count = __atomic_load_n(&Header->PointerCount, __ATOMIC_RELAXED);

    while (Count > 0)
    {
        if (__atomic_compare_exchange_n(&Header->PointerCount, &Count, Count + 1, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        {
            return TRUE;
        }
    }
    return FALSE;
}

static void
ObpDelete(OBJECT_HEADER *Header)
{
    POBJECT_TYPE Type = Header->Type;

    // Flags cannot change any more: whoever changes them holds a reference.
    if (Header->Flags & OB_FLAG_NAMED)
    {
        OBP_NAME *Name;

        OsLockAcquire(&ObpNamespaceLock);
        Name = ObpDetachNameLocked(Header);
        OsLockRelease(&ObpNamespaceLock);
        ObpFreeName(Name);
    }
    OsLockAcquire(&Type->Lock);
    RemoveEntryList(&Header->TypeLink);
    Type->ObjectCount--;
    OsLockRelease(&Type->Lock);
    if (Type->Delete != NULL)
    {
        Type->Delete(ObpBody(Header));
    }
    ObpFree(Header->SecurityDescriptor);
    ObpFree(Header);
}

static void
ObpDefer(OBJECT_HEADER *Header)
{
    __atomic_fetch_add(&ObpDeferredPending, 1, __ATOMIC_RELAXED);
    Header->NextDeferred = __atomic_load_n(&ObpDeferred, __ATOMIC_RELAXED);
    // Release: publishes NextDeferred to the worker's acquiring exchange.
    while (!__atomic_compare_exchange_n(&ObpDeferred, &Header->NextDeferred, Header, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    {
    }
    // Both sides write, then read the other's word, all sequentially consistent: either the worker
    // sees the new sequence, or this sees it asleep. The futex compares the sequence once more.
    __atomic_fetch_add(&ObpDeferredSequence, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ObpWorkerAsleep, __ATOMIC_SEQ_CST))
    {
        OsWakeWord(&ObpDeferredSequence, 1, false);
    }
}

// Deletes what is on the list. PASSIVE_LEVEL, no host lock held.
void
ObpDrainDeferred(void)
{
    OBJECT_HEADER *Header;

    while ((Header = __atomic_exchange_n(&ObpDeferred, NULL, __ATOMIC_ACQUIRE)) != NULL)
    {
        while (Header != NULL)
        {
            OBJECT_HEADER *Next = Header->NextDeferred;

            ObpDelete(Header);
            // Pairs with ObpFlushDeferred: it announces itself, then reads the count; this lowers
            // the count, then looks for flushers.
            if (__atomic_sub_fetch(&ObpDeferredPending, 1, __ATOMIC_SEQ_CST) == 0 &&
                __atomic_load_n(&ObpFlushers, __ATOMIC_SEQ_CST) != 0)
            {
                OsWakeWord(&ObpDeferredPending, UINT32_MAX, false);
            }
            Header = Next;
        }
    }
}

void
ObpFlushDeferred(void)
{
    uint32_t Pending;

    KI_ASSERT_NO_HOST_LOCKS();
    if (ObpWorkerThread == NULL)
    {
        ObpDrainDeferred();
        return;
    }
    __atomic_fetch_add(&ObpFlushers, 1, __ATOMIC_SEQ_CST);
    while ((Pending = __atomic_load_n(&ObpDeferredPending, __ATOMIC_SEQ_CST)) != 0)
    {
        // Woken when the count reaches zero; a count that changed meanwhile is read again.
        OsWaitWord(&ObpDeferredPending, Pending, OS_FOREVER, false);
    }
    __atomic_fetch_sub(&ObpFlushers, 1, __ATOMIC_RELAXED);
}

static VOID
ObpWorker(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;)
    {
        // Read before draining: what is pushed later changes it, and the wait returns at once.
        uint32_t Sequence = __atomic_load_n(&ObpDeferredSequence, __ATOMIC_SEQ_CST);

        ObpDrainDeferred();
        if (__atomic_load_n(&ObpWorkerStopping, __ATOMIC_ACQUIRE))
        {
            break;
        }
        __atomic_store_n(&ObpWorkerAsleep, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&ObpDeferredSequence, __ATOMIC_SEQ_CST) == Sequence)
        {
            OsWaitWord(&ObpDeferredSequence, Sequence, OS_FOREVER, false);
        }
        __atomic_store_n(&ObpWorkerAsleep, 0, __ATOMIC_RELAXED);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NTSTATUS
ObpStartWorker(void)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    NTSTATUS Status;

    __atomic_store_n(&ObpWorkerStopping, 0, __ATOMIC_RELAXED);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status =
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, ObpWorker, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status =
        ObReferenceObjectByHandle(Handle, 0, ObpThreadType, KernelMode, &ObpWorkerThread, NULL);
    ObCloseHandle(Handle, KernelMode);
    OBP_HEADER(ObpWorkerThread)->Flags |= OB_FLAG_HOST;
    return Status;
}

void
ObpStopWorker(void)
{
    if (ObpWorkerThread == NULL)
    {
        return;
    }
    __atomic_store_n(&ObpWorkerStopping, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&ObpDeferredSequence, 1, __ATOMIC_SEQ_CST);
    OsWakeWord(&ObpDeferredSequence, 1, false);
    KeWaitForSingleObject(ObpWorkerThread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(ObpWorkerThread);
    ObpWorkerThread = NULL;
    ObpDrainDeferred();
}

// TRUE if this was the last reference.
static BOOLEAN
ObpDrop(OBJECT_HEADER *Header, LONG64 *Count)
{
    *Count = __atomic_sub_fetch(&Header->PointerCount, 1, __ATOMIC_RELEASE);
    if (*Count > 0)
    {
        return FALSE;
    }
    if (*Count < 0)
    {
        ObpBadReference(Header, *Count, "An object was dereferenced more often than referenced.");
    }
    // Acquire by a load of the word that the others released into: TSan knows no fences.
    (void)__atomic_load_n(&Header->PointerCount, __ATOMIC_ACQUIRE);
    // A handle's reference is dropped after its count, so the count of an object that nobody
    // dereferenced too often is 0 here, and nobody changes it any more.
    if (Header->HandleCount != 0)
    {
        ObpBadReference(Header, 0,
                        "An object with open handles lost its last reference: it was "
                        "dereferenced more often than referenced.");
    }
    return TRUE;
}

LONG_PTR
ObfDereferenceObject(PVOID Object)
{
    OBJECT_HEADER *Header = OBP_HEADER(Object);
    LONG64 Count;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (ObpDrop(Header, &Count))
    {
        if (KiCurrentThread != NULL && KiCurrentThread->Irql == PASSIVE_LEVEL && OsHeldLocks == 0)
        {
            ObpDelete(Header);
        }
        else
        {
            ObpDefer(Header);
        }
    }
    return (LONG_PTR)Count;
}

VOID
ObDereferenceObjectDeferDelete(PVOID Object)
{
    OBJECT_HEADER *Header = OBP_HEADER(Object);
    LONG64 Count;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (ObpDrop(Header, &Count))
    {
        ObpDefer(Header);
    }
}

LONG_PTR
ObfReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);  // a mark for a debugger's reference trace
    return ObfReferenceObject(Object);
}

LONG_PTR
ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObfDereferenceObject(Object);
}

BOOLEAN
ObReferenceObjectSafe(PVOID Object)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    return ObpTryReference(OBP_HEADER(Object));
}

NTSTATUS
ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                           KPROCESSOR_MODE AccessMode)
{
    UNREFERENCED_PARAMETER(DesiredAccess);  // documented as unused: a pointer carries no rights
    VF_MAX_IRQL(DISPATCH_LEVEL);
    // Kernel mode may omit or bend the type, except for links, which must never be taken for
    // what they point to.
    if (OBP_HEADER(Object)->Type != ObjectType &&
        (AccessMode != KernelMode || ObjectType == ObpSymbolicLinkType))
    {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    ObfReferenceObject(Object);
    return STATUS_SUCCESS;
}

POBJECT_TYPE
ObGetObjectType(PVOID Object)
{
    return OBP_HEADER(Object)->Type;
}
