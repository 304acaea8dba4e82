// SPDX-License-Identifier: MIT
// The pool: tagged blocks with redzones, owners and memory of what they last were.
//
// Why one shard a thread: an allocation and its free then take one uncontended host lock each. A block
// is freed in the shard that it came from, whoever frees it.
#include "mm/mip.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#include <string.h>

#define MAXIMUM_REQUEST ((SIZE_T)1 << 40)

#define TYPE_PAGED        1  // bit in every paged POOL_TYPE
#define TYPE_MUST_SUCCEED 2  // bit in every must-succeed POOL_TYPE (and in DontUseThisType)

MIP_SHARD MipShards[MIP_SHARDS + 1];

static KIRQL
CurrentIrql(void)
{
    return KiCurrentThread != NULL ? KiCurrentThread->Irql : PASSIVE_LEVEL;
}

static BOOLEAN
IsPaged(POOL_TYPE Type)
{
    return (Type & TYPE_PAGED) != 0;
}

static void
CheckRequest(POOL_TYPE Type, SIZE_T Size, ULONG Tag)
{
    KIRQL Irql = CurrentIrql();

    if (Irql > (IsPaged(Type) ? APC_LEVEL : DISPATCH_LEVEL))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, IsPaged(Type) ? 0x01 : 0x02, Irql,
                   (ULONG_PTR)Type, Size, "%s pool was allocated at IRQL %u.",
                   IsPaged(Type) ? "Paged" : "Nonpaged", (unsigned)Irql);
    }
    if ((Type & TYPE_MUST_SUCCEED) != 0)
    {
        VfBugCheck(VfBug_BAD_POOL_CALLER, 0x9A, (ULONG_PTR)Type, Size, Tag,
                   "Must-succeed pool was asked for; it no longer exists in Windows either.");
    }
    if (Tag == 0)
    {
        VfBugCheck(VfBug_BAD_POOL_CALLER, 0x9B, (ULONG_PTR)Type, Size, 0,
                   "Pool was asked for with a tag of zero.");
    }
    if (Size == 0 && VfLevel == VfFull)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0x00, Irql, (ULONG_PTR)Type, 0,
                   "A pool block of no bytes was asked for.");
    }
}

static void
CaptureStack(PVOID *Frames, ULONG Room)
{
    ULONG Count = VfLevel == VfOff ? 0 : OsStackCapture(Frames, Room, 0);

    if (Count < Room)
    {
        Frames[Count] = NULL;
    }
}

static void
CountLocked(MIP_SHARD *Shard, LONG Blocks, SIZE_T Bytes)
{
    Shard->LiveCount += (ULONG)Blocks;
    Shard->LiveBytes += Bytes;
}

// The data of a block about to be handed out: zeroed, or the freed pattern (so that memory that was
// not asked to be zeroed never is by luck). The rest of its room becomes redzone.
static void
PrepareLocked(MI_POOL_BLOCK *Block, BOOLEAN Reused, BOOLEAN Zeroed, BOOLEAN Zero)
{
    PVOID Data = MipData(Block);

    if (Zero)
    {
        if (!Zeroed)
        {
            memset(Data, 0, Block->Size);
        }
    }
    else if (!Reused && VfLevel != VfOff &&
             (Block->Class != MIP_CLASS_PAGES || MipPagesArePatterned(Block)))
    {
        memset(Data, MIP_FREED_BYTE, Block->Size);
    }
    MipFillRedzones(Block);
}

PVOID
MiAllocatePool(POOL_TYPE Type, SIZE_T Size, ULONG Tag, BOOLEAN Zero)
{
    ULONG ShardIndex;
    MIP_SHARD *Shard;
    MI_POOL_BLOCK *Block;
    BOOLEAN Reused = FALSE;
    BOOLEAN Zeroed = FALSE;

    CheckRequest(Type, Size, Tag);
    if (Size > MAXIMUM_REQUEST || VfFault(__func__))
    {
        return NULL;
    }
    ShardIndex = Size < PAGE_SIZE ? OsThreadSelfId() % MIP_SHARDS : MIP_PAGE_SHARD;
    Shard = &MipShards[ShardIndex];
    OsLockAcquire(&Shard->Lock);
    Block = Size < PAGE_SIZE ? MipTakeSlotLocked(Shard, ShardIndex, MipClassOf(Size), &Reused)
                             : MipTakePagesLocked(Size, &Reused, &Zeroed);
    if (Block == NULL)
    {
        OsLockRelease(&Shard->Lock);
        return NULL;
    }
    MipUnpoison(Block->Check, sizeof(Block->Check) + Block->Room);
    // Size, Tag and stacks are still the former block's: what is found changed is reported as its.
    if (Reused && VfLevel != VfOff)
    {
        MipCheckFreedPattern(Block, "when it was about to be reused");
    }
    Block->Size = Size;
    Block->Tag = Tag;
    Block->Type = Type;
    // The host's own blocks are on every call's path and in no driver's report: their stacks are for
    // those who debug the host.
    if (Tag == MI_TAG_HOST && VfLevel < VfFull)
    {
        Block->Stack[0] = NULL;
    }
    else
    {
        CaptureStack(Block->Stack, MI_POOL_STACK);
    }
    Block->FreeStack[0] = NULL;
    PrepareLocked(Block, Reused, Zeroed, Zero);
    Block->State = MIP_BLOCK_LIVE;
    InsertTailList(&Shard->Live, &Block->Link);
    CountLocked(Shard, 1, Size);
    OsLockRelease(&Shard->Lock);
    return MipData(Block);
}

// The block whose data begins at Address, its shard's lock held; every other address is a bugcheck.
static MI_POOL_BLOCK *
FindAndLock(PVOID Address, MIP_SHARD **Shard)
{
    MIP_CHUNK *Chunk = MipChunkOf(Address);
    MI_POOL_BLOCK *Block;

    *Shard = &MipShards[Chunk != NULL ? Chunk->Shard : MIP_PAGE_SHARD];
    OsLockAcquire(&(*Shard)->Lock);
    if (Chunk == NULL)
    {
        Block = MipFindPagesLocked(Address);
        if (Block == NULL)
        {
            MipBadCaller(0x46, Address, "which is no pool block");
        }
        return Block;
    }
    Block = MipBlockInChunkLocked(Chunk, Address);
    if (Block == NULL || MipData(Block) != Address)
    {
        MipBadCaller(0x46, Address, "which is not the beginning of a pool block");
    }
    return Block;
}

static void
CheckFree(MI_POOL_BLOCK *Block, PVOID Address, ULONG Tag, BOOLEAN CheckTag)
{
    KIRQL Irql = CurrentIrql();
    VF_STACK Allocated = {"Allocated", Block->Stack, MI_POOL_STACK};

    if (Block->State == MIP_BLOCK_FREED)
    {
        MipDoubleFree(Block);
    }
    if (Block->State != MIP_BLOCK_LIVE)
    {
        VfBugCheck(VfBug_BAD_POOL_HEADER, 0x03, (ULONG_PTR)Address, Block->State, 0,
                   "The bytes before a pool block, which describe it, were overwritten.");
    }
    MipCheckRedzones(Block, "when it was freed");
    if (Irql > (IsPaged(Block->Type) ? APC_LEVEL : DISPATCH_LEVEL))
    {
        VfBugCheckStacks(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION,
                         IsPaged(Block->Type) ? 0x11 : 0x12, Irql, (ULONG_PTR)Block->Type,
                         (ULONG_PTR)Address, &Allocated, 1, "%s pool was freed at IRQL %u.",
                         IsPaged(Block->Type) ? "Paged" : "Nonpaged", (unsigned)Irql);
    }
    // Tag 0 is how ExFreePool is spelled with ExFreePoolWithTag.
    if (CheckTag && Tag != 0 && Tag != Block->Tag)
    {
        VfBugCheckStacks(VfBug_BAD_POOL_CALLER, 0x0A, (ULONG_PTR)Address, Block->Tag, Tag,
                         &Allocated, 1,
                         "A pool block with tag '%.4s' was freed with the wrong tag '%.4s'.",
                         (const char *)&Block->Tag, (const char *)&Tag);
    }
}

void
MiFreePool(PVOID Address, ULONG Tag, BOOLEAN CheckTag)
{
    MIP_SHARD *Shard;
    MI_POOL_BLOCK *Block = FindAndLock(Address, &Shard);
    BOOLEAN IsPages = Block->Class == MIP_CLASS_PAGES;

    MipUnpoison(Block->Check, sizeof(Block->Check) + Block->Room);
    CheckFree(Block, Address, Tag, CheckTag);
    Block->State = MIP_BLOCK_FREED;
    CaptureStack(Block->FreeStack, MI_POOL_FREE_STACK);
    RemoveEntryList(&Block->Link);
    CountLocked(Shard, -1, 0 - Block->Size);
    if (VfLevel != VfOff && (!IsPages || MipPagesArePatterned(Block)))
    {
        memset(Address, MIP_FREED_BYTE, Block->Room);
        MipPoison(Address, Block->Room);
    }
    if (IsPages)
    {
        MipGivePagesLocked(Block);
    }
    else
    {
        InsertTailList(&Shard->Classes[Block->Class].Freed, &Block->Link);
        Shard->Classes[Block->Class].FreedCount++;
    }
    OsLockRelease(&Shard->Lock);
}

ULONG64
MiPoolBytes(void)
{
    ULONG64 Bytes = 0;

    for (ULONG Index = 0; Index <= MIP_SHARDS; Index++)
    {
        OsLockAcquire(&MipShards[Index].Lock);
        Bytes += MipShards[Index].LiveBytes;
        OsLockRelease(&MipShards[Index].Lock);
    }
    return Bytes;
}

ULONG
MiPoolCount(void)
{
    ULONG Count = 0;

    for (ULONG Index = 0; Index <= MIP_SHARDS; Index++)
    {
        OsLockAcquire(&MipShards[Index].Lock);
        Count += MipShards[Index].LiveCount;
        OsLockRelease(&MipShards[Index].Lock);
    }
    return Count;
}

NTSTATUS
MmStart(void)
{
    for (ULONG Index = 0; Index <= MIP_SHARDS; Index++)
    {
        MIP_SHARD *Shard = &MipShards[Index];

        memset(Shard, 0, sizeof(*Shard));
        InitializeListHead(&Shard->Live);
        for (ULONG Class = 0; Class < MIP_CLASSES; Class++)
        {
            InitializeListHead(&Shard->Classes[Class].Freed);
        }
    }
    MipHookSanitizer();
    return STATUS_SUCCESS;
}

void
MmStop(void)
{
    MiCheckPool();
    (void)MiReportLeaks(NULL);
    VfFinishLeakReport("stop");
    MiWindows = NULL;
    MipFreeAllPages();
    MipFreeChunks();
}
