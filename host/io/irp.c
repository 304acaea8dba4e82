// SPDX-License-Identifier: MIT
// IRP memory: allocation, reuse, release, and what is remembered about released ones.
//
// IRPs live in shards; a shard's lock guards its list of live IRPs and its free list, so taking or
// giving one costs one uncontended lock. With the verifier on the free list is a queue: a freed IRP
// rests, filled with a pattern, behind IOP_REST others before it is used again, so that a driver that
// completes or writes to it is told, with the stack of its completion. Small system buffers lie behind the
// IRP in the same memory, with a redzone of their own.
//
// Lifetime: IOP_IRP.References (iop.h). IoFreeIrp ends "not freed"; the memory goes when nobody who
// looks at it from outside (a dispatch routine's caller, a canceller, a queued packet) is left.
#include <string.h>

#include "io/iop.h"

#define IOP_SHARDS       8u
#define IOP_SMALL_STACK  4u  // stack locations of the IRPs that the free lists hold
#define IOP_SMALL_BUFFER 256u
#define IOP_REDZONE      16u
#define IOP_REDZONE_BYTE 0xFB
#define IOP_REST         32u  // freed IRPs a shard keeps at rest with the verifier on
#define IOP_KEEP         16u  // freed IRPs a shard keeps with the verifier off

typedef struct IOP_SHARD
{
    _Alignas(128) OS_LOCK Lock;
    LIST_ENTRY Live;
    LIST_ENTRY Free;  // oldest first
    ULONG FreeCount;
} IOP_SHARD;
static IOP_SHARD IopShards[IOP_SHARDS];

// AddressSanitizer knows pool blocks and not the parts of one: there a system buffer is always its own.
#if defined(__SANITIZE_ADDRESS__)
#define SMALL_BUFFERS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SMALL_BUFFERS 0
#endif
#endif
#ifndef SMALL_BUFFERS
#define SMALL_BUFFERS 1
#endif

static inline SIZE_T
IrpBytes(UCHAR StackSize)
{
    return sizeof(IRP) + StackSize * sizeof(IO_STACK_LOCATION);
}

static inline PUCHAR
SmallBuffer(IOP_IRP *Iop)
{
    return (PUCHAR)IopToIrp(Iop) + IrpBytes(IOP_SMALL_STACK);
}

void
IopStartIrps(void)
{
    for (ULONG Index = 0; Index < IOP_SHARDS; Index++)
    {
        IopShards[Index].Lock = (OS_LOCK)OS_LOCK_INIT;
        InitializeListHead(&IopShards[Index].Live);
        InitializeListHead(&IopShards[Index].Free);
        IopShards[Index].FreeCount = 0;
    }
}

void
IopStopIrps(void)
{
    for (ULONG Index = 0; Index < IOP_SHARDS; Index++)
    {
        while (!IsListEmpty(&IopShards[Index].Free))
        {
            PLIST_ENTRY Entry = RemoveHeadList(&IopShards[Index].Free);

            MiFreePool(CONTAINING_RECORD(Entry, IOP_IRP, AllLink), MI_TAG_HOST, FALSE);
        }
        IopShards[Index].FreeCount = 0;
    }
}

static inline BOOLEAN
IsPoison(const UCHAR *Bytes, SIZE_T Size)
{
    return Size == 0 || (Bytes[0] == IOP_IRP_POISON && memcmp(Bytes, Bytes + 1, Size - 1) == 0);
}

static _Noreturn void
WrittenAfterFree(IOP_IRP *Iop, const UCHAR *Bytes, const char *What)
{
    VF_STACK Stacks[] = {{"Issued by", Iop->AllocationStack, 8},
                         {"Completed by", Iop->CompletionStack, 8}};
    SIZE_T Offset = 0;

    while (Bytes[Offset] == IOP_IRP_POISON)
    {
        Offset++;
    }
    VfBugCheckStacks(
        VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Bytes, Offset,
        (ULONG_PTR)Iop->OwnerDriver, Stacks, 2,
        "%s was written to at offset 0x%zx after it had been completed and freed; %s had "
        "it last.",
        What, (size_t)Offset, IopDriverName(Iop->OwnerDriver));
}

// A resting IRP must hold nothing but the pattern: whoever wrote to it used it after its completion.
static void
CheckPoison(IOP_IRP *Iop)
{
    if (!IsPoison((const UCHAR *)IopToIrp(Iop), Iop->Used))
    {
        WrittenAfterFree(Iop, (const UCHAR *)IopToIrp(Iop), "an IRP");
    }
    if (!IsPoison(SmallBuffer(Iop), Iop->SmallUsed))
    {
        WrittenAfterFree(Iop, SmallBuffer(Iop), "the system buffer of an IRP");
    }
}

static IOP_IRP *
TakeFreeLocked(IOP_SHARD *Shard)
{
    PLIST_ENTRY Entry;

    if (Shard->FreeCount <= (VfLevel == VfOff ? 0 : IOP_REST))
    {
        return NULL;
    }
    Shard->FreeCount--;
    // Off: the one freed last is warm. On: the one that has rested longest.
    Entry = VfLevel == VfOff ? RemoveTailList(&Shard->Free) : RemoveHeadList(&Shard->Free);
    return CONTAINING_RECORD(Entry, IOP_IRP, AllLink);
}

static void
InitializeIrp(PIRP Irp, UCHAR StackSize)
{
    memset(Irp, 0, IrpBytes(StackSize));
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = (USHORT)IrpBytes(StackSize);
    Irp->StackCount = (CHAR)StackSize;
    Irp->CurrentLocation = (CHAR)(StackSize + 1);
    InitializeListHead(&Irp->ThreadListEntry);
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
}

static void
CaptureStack(PVOID *Stack)
{
    unsigned Count = OsStackCapture(Stack, 8, 2);

    memset(Stack + Count, 0, (8 - Count) * sizeof(PVOID));
}

void
IopRecordIssuer(IOP_IRP *Iop)
{
    PVOID Stack[8];

    if (VfLevel != VfOff)
    {
        CaptureStack(Stack);
        // Under the lock: IopEnumerateIrps may be reading it.
        OsLockAcquire(&IopShards[Iop->Shard].Lock);
        memcpy(Iop->AllocationStack, Stack, sizeof(Stack));
        OsLockRelease(&IopShards[Iop->Shard].Lock);
    }
}

PIRP
IopAllocateIrp(CCHAR StackSize, IOP_KIND Kind)
{
    UCHAR Class = (UCHAR)StackSize <= IOP_SMALL_STACK ? IOP_SMALL_STACK : (UCHAR)StackSize;
    ULONG Number = OsThreadSelfId() % IOP_SHARDS;
    IOP_SHARD *Shard = &IopShards[Number];
    IOP_IRP *Iop = NULL;
    BOOLEAN Rested;

    // CurrentLocation counts one past the stack and is a signed char.
    if (StackSize <= 0 || StackSize >= 127 || VfFault(__func__))
    {
        return NULL;
    }
    OsLockAcquire(&Shard->Lock);
    if (Class == IOP_SMALL_STACK)
    {
        Iop = TakeFreeLocked(Shard);
        if (Iop != NULL)
        {
            InsertTailList(&Shard->Live, &Iop->AllLink);
        }
    }
    OsLockRelease(&Shard->Lock);

    Rested = Iop != NULL;
    if (Iop == NULL)
    {
        Iop = MiAllocatePool(NonPagedPoolNx,
                             sizeof(IOP_IRP) + IrpBytes(Class) +
                                 (Class == IOP_SMALL_STACK ? IOP_SMALL_BUFFER + IOP_REDZONE : 0),
                             MI_TAG_HOST, FALSE);
        if (Iop == NULL)
        {
            return NULL;
        }
        memset(Iop, 0, sizeof(*Iop));
        Iop->State = IopIrpFreed;
        Iop->Shard = (USHORT)Number;
        Iop->Class = Class;
    }
    else if (VfLevel != VfOff)
    {
        CheckPoison(Iop);
    }

    Iop->References = 1;
    Iop->Kind = (UCHAR)Kind;
    Iop->OwnerDriver = NULL;
    Iop->Synchronous = FALSE;
    Iop->Pended = FALSE;
    Iop->Linked = FALSE;
    Iop->Finishing = FALSE;
    Iop->Phase = IopPhaseRunning;
    Iop->ListLock = NULL;
    Iop->IssuingThread = NULL;
    Iop->ThreadReferenced = FALSE;
    Iop->Mode = KernelMode;
    Iop->SystemBuffer = NULL;
    Iop->File = NULL;
    Iop->UserEvent = NULL;
    Iop->ApcContext = NULL;
    Iop->OutputLength = 0;
    Iop->CancelEpoch = 0;
    Iop->Track = 0;
    Iop->Used = (USHORT)IrpBytes((UCHAR)StackSize);
    Iop->SmallUsed = 0;
    Iop->CompletionStack[0] = NULL;
    Iop->AllocationStack[0] = NULL;
    // System calls record their stack when they have to wait for the driver (IopRecordIssuer).
    if (VfLevel != VfOff && (Kind == IopKindDriver || Kind == IopKindThreaded))
    {
        CaptureStack(Iop->AllocationStack);
    }
    InitializeIrp(IopToIrp(Iop), (UCHAR)StackSize);
    IopToIrp(Iop)->AllocationFlags = IOP_IRP_OURS;
    // Release: pairs with the acquire load in IopEnumerateIrps. Until here the IRP counts as freed.
    __atomic_store_n(&Iop->State, IopIrpAllocated, __ATOMIC_RELEASE);
    if (!Rested)
    {
        OsLockAcquire(&Shard->Lock);
        InsertTailList(&Shard->Live, &Iop->AllLink);
        OsLockRelease(&Shard->Lock);
    }
    return IopToIrp(Iop);
}

static void
FreeMemory(IOP_IRP *Iop)
{
    IOP_SHARD *Shard = &IopShards[Iop->Shard];
    IOP_IRP *Surplus = NULL;
    ULONG Keep = VfLevel == VfOff ? IOP_KEEP : IOP_REST + IOP_KEEP;

    if (VfLevel != VfOff)
    {
        memset(IopToIrp(Iop), IOP_IRP_POISON, Iop->Used);
    }
    OsLockAcquire(&Shard->Lock);
    RemoveEntryList(&Iop->AllLink);
    if (Iop->Class != IOP_SMALL_STACK)
    {
        Surplus = Iop;
    }
    else
    {
        InsertTailList(&Shard->Free, &Iop->AllLink);
        if (++Shard->FreeCount > Keep)
        {
            Shard->FreeCount--;
            Surplus = CONTAINING_RECORD(RemoveHeadList(&Shard->Free), IOP_IRP, AllLink);
        }
    }
    OsLockRelease(&Shard->Lock);
    if (Surplus != NULL)
    {
        MiFreePool(Surplus, MI_TAG_HOST, FALSE);
    }
}

static void
Drop(IOP_IRP *Iop, uint32_t Count)
{
    // If all that is left is the caller's, nobody can add to it: the IRP is in no list any more. Acquire,
    // and acquire-release: whatever the others did with the memory happens before it is used again.
    if (__atomic_load_n(&Iop->References, __ATOMIC_ACQUIRE) == Count ||
        __atomic_sub_fetch(&Iop->References, Count, __ATOMIC_ACQ_REL) == 0)
    {
        FreeMemory(Iop);
    }
}

void
IopDereferenceIrp(IOP_IRP *Iop)
{
    Drop(Iop, 1);
}

void
IopFreeIrp(IOP_IRP *Iop)
{
    __atomic_store_n(&Iop->State, IopIrpFreed, __ATOMIC_RELEASE);
    Drop(Iop, 1);
}

void
IopFreeIrpHeld(IOP_IRP *Iop)
{
    __atomic_store_n(&Iop->State, IopIrpFreed, __ATOMIC_RELEASE);
    Drop(Iop, 2);
}

// ---- System buffers ----

BOOLEAN
IopAllocateSystemBuffer(IOP_IRP *Iop, SIZE_T Size)
{
    if (SMALL_BUFFERS && Size <= IOP_SMALL_BUFFER && Iop->Class == IOP_SMALL_STACK)
    {
        Iop->SystemBuffer = SmallBuffer(Iop);
        memset(SmallBuffer(Iop) + Size, IOP_REDZONE_BYTE, IOP_REDZONE);
    }
    else
    {
        Iop->SystemBuffer = MiAllocatePool(NonPagedPoolNx, Size, MI_TAG_HOST, FALSE);
    }
    Iop->SystemBufferSize = Size;
    IopToIrp(Iop)->AssociatedIrp.SystemBuffer = Iop->SystemBuffer;
    return Iop->SystemBuffer != NULL;
}

static void
CheckRedzone(IOP_IRP *Iop)
{
    for (ULONG Index = 0; Index < IOP_REDZONE; Index++)
    {
        if (SmallBuffer(Iop)[Iop->SystemBufferSize + Index] != IOP_REDZONE_BYTE)
        {
            VF_STACK Stacks[] = {{"Completed by", Iop->CompletionStack, 8}};

            VfBugCheckStacks(
                VfBug_DRIVER_CORRUPTED_EXPOOL, (ULONG_PTR)Iop->SystemBuffer, Iop->SystemBufferSize,
                Index, (ULONG_PTR)IopToIrp(Iop), Stacks, 1,
                "%s wrote beyond the end of a system buffer of %llu bytes (byte %llu).",
                IopDriverName(Iop->OwnerDriver), (unsigned long long)Iop->SystemBufferSize,
                (unsigned long long)(Iop->SystemBufferSize + Index));
        }
    }
}

void
IopFreeSystemBuffer(IOP_IRP *Iop)
{
    if (Iop->SystemBuffer == NULL)
    {
        return;
    }
    if (Iop->SystemBuffer != SmallBuffer(Iop))
    {
        MiFreePool(Iop->SystemBuffer, MI_TAG_HOST, FALSE);
    }
    else if (VfLevel != VfOff)
    {
        CheckRedzone(Iop);
        memset(Iop->SystemBuffer, IOP_IRP_POISON, Iop->SystemBufferSize);
        Iop->SmallUsed = (USHORT)Iop->SystemBufferSize;
    }
    Iop->SystemBuffer = NULL;
    IopToIrp(Iop)->AssociatedIrp.SystemBuffer = NULL;
}

void
IopEnumerateIrps(IOP_IRP_ROUTINE *Routine, void *Context)
{
    for (ULONG Index = 0; Index < IOP_SHARDS; Index++)
    {
        IOP_SHARD *Shard = &IopShards[Index];
        IOP_IRP_VIEW *Views;
        ULONG Count = 0;
        ULONG Room = 0;

        OsLockAcquire(&Shard->Lock);
        for (PLIST_ENTRY Entry = Shard->Live.Flink; Entry != &Shard->Live; Entry = Entry->Flink)
        {
            Room++;
        }
        OsLockRelease(&Shard->Lock);
        Views = Room != 0 ? MiAllocatePool(NonPagedPoolNx, Room * sizeof(*Views), MI_TAG_HOST, TRUE)
                          : NULL;
        if (Views == NULL)
        {
            continue;
        }
        OsLockAcquire(&Shard->Lock);
        for (PLIST_ENTRY Entry = Shard->Live.Flink; Entry != &Shard->Live && Count < Room;
             Entry = Entry->Flink)
        {
            IOP_IRP *Iop = CONTAINING_RECORD(Entry, IOP_IRP, AllLink);
            // Acquire: pairs with the release store that ends an allocation; what is copied below was
            // written before it. Under the shard's lock the memory cannot be used for another IRP.
            uint32_t State = __atomic_load_n(&Iop->State, __ATOMIC_ACQUIRE);

            if (State != IopIrpFreed)
            {
                IOP_IRP_VIEW *View = &Views[Count++];

                View->Irp = IopToIrp(Iop);
                View->State = State;
                View->Kind = (IOP_KIND)Iop->Kind;
                View->Major = __atomic_load_n(&Iop->Major, __ATOMIC_RELAXED);
                View->OwnerDriver = __atomic_load_n(&Iop->OwnerDriver, __ATOMIC_RELAXED);
                memcpy(View->AllocationStack, Iop->AllocationStack, sizeof(View->AllocationStack));
            }
        }
        OsLockRelease(&Shard->Lock);
        for (ULONG Item = 0; Item < Count; Item++)
        {
            Routine(Context, &Views[Item]);
        }
        MiFreePool(Views, MI_TAG_HOST, FALSE);
    }
}

// ---- Exports ----

PIRP
IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    (void)ChargeQuota;  // there are no quotas to charge
    return IopAllocateIrp(StackSize, IopKindDriver);
}

VOID
IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (StackSize <= 0 || PacketSize < IoSizeOfIrp(StackSize))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, PacketSize,
                   (ULONG_PTR)StackSize,
                   "IoInitializeIrp was given %u bytes for an IRP of %d stack locations.",
                   PacketSize, StackSize);
    }
    InitializeIrp(Irp, (UCHAR)StackSize);
}

VOID
IoReuseIrp(PIRP Irp, NTSTATUS Status)
{
    IOP_IRP *Iop = IopOfIrp(Irp);
    UCHAR Flags = Irp->AllocationFlags;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (Iop != NULL)
    {
        uint32_t State = __atomic_load_n(&Iop->State, __ATOMIC_ACQUIRE);

        if (Iop->Kind != IopKindDriver || State == IopIrpFreed || State == IopIrpCompleting)
        {
            VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)Irp, State,
                       Iop->Kind,
                       "IoReuseIrp was given an IRP that is not the driver's own, is in use or was "
                       "freed.");
        }
        IopTrackReuse(Iop);
        __atomic_store_n(&Iop->State, IopIrpAllocated, __ATOMIC_RELEASE);
    }
    InitializeIrp(Irp, (UCHAR)Irp->StackCount);
    Irp->AllocationFlags = Flags;
    Irp->IoStatus.Status = Status;
}

VOID
IoFreeIrp(PIRP Irp)
{
    IOP_IRP *Iop = IopOfIrp(Irp);

    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (Irp->Type != IO_TYPE_IRP || Iop == NULL ||
        __atomic_load_n(&Iop->State, __ATOMIC_ACQUIRE) == IopIrpFreed)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 1, (ULONG_PTR)Irp, 0, 0,
                   "IoFreeIrp was given something that is not an IRP of IoAllocateIrp, or one that "
                   "was already freed.");
    }
    if (Iop->Kind == IopKindInternal || Iop->Kind == IopKindService || Iop->Linked)
    {
        VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8}};

        VfBugCheckStacks(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 2, (ULONG_PTR)Irp, 0, 0, Stacks,
                         1,
                         "IoFreeIrp was given an IRP that the I/O manager frees itself when it is "
                         "completed.");
    }
    IopFreeIrp(Iop);
}
