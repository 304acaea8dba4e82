// SPDX-License-Identifier: MIT
// Pool checks and reports: redzones, the pattern of freed memory, leaks, what an address belongs to.
#include "mm/mip.h"

#include "io/iop.h"
#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#include <string.h>

// The offset of the first byte in [From, +Size) that is not Byte, or Size.
static SIZE_T
FirstDifferent(const UCHAR *From, SIZE_T Size, UCHAR Byte)
{
    const ULONG64 Pattern = Byte * 0x0101010101010101ull;
    SIZE_T Offset = 0;
    ULONG64 Word;

    for (; Size - Offset >= sizeof(Word); Offset += sizeof(Word))
    {
        memcpy(&Word, From + Offset, sizeof(Word));
        if (Word != Pattern)
        {
            break;
        }
    }
    while (Offset < Size && From[Offset] == Byte)
    {
        Offset++;
    }
    return Offset;
}

void
MipFillRedzones(MI_POOL_BLOCK *Block)
{
    UCHAR *End = (UCHAR *)MipData(Block) + Block->Size;
    SIZE_T Tail = Block->Room - Block->Size;

    Block->Check[0] = MIP_REDZONE;
    Block->Check[1] = MIP_REDZONE;
    memset(End, MIP_REDZONE_BYTE, Tail);
    MipPoison(Block->Check, sizeof(Block->Check));
    MipPoison(End, Tail);
}

// The caller made the redzones readable (MipUnpoison).
void
MipCheckRedzones(MI_POOL_BLOCK *Block, const char *When)
{
    UCHAR *Data = MipData(Block);
    SIZE_T Tail = Block->Room - Block->Size;
    SIZE_T Offset = FirstDifferent(Data + Block->Size, Tail, MIP_REDZONE_BYTE);
    VF_STACK Allocated = {"Allocated", Block->Stack, MI_POOL_STACK};

    if (Offset < Tail)
    {
        VfBugCheckStacks(
            VfBug_SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Data,
            (ULONG_PTR)(Data + Block->Size + Offset), Block->Size, 0x24, &Allocated, 1,
            "A block of %llu bytes with tag '%.4s' was overrun: byte %llu behind its end "
            "was found overwritten %s.",
            (unsigned long long)Block->Size, (const char *)&Block->Tag,
            (unsigned long long)Offset + 1, When);
    }
    if (Block->Check[0] != MIP_REDZONE || Block->Check[1] != MIP_REDZONE)
    {
        VfBugCheckStacks(VfBug_SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)Data,
                         (ULONG_PTR)Block->Check, Block->Size, 0x23, &Allocated, 1,
                         "A block of %llu bytes with tag '%.4s' was underrun: bytes before its "
                         "beginning were found overwritten %s.",
                         (unsigned long long)Block->Size, (const char *)&Block->Tag, When);
    }
}

void
MipCheckFreedPattern(MI_POOL_BLOCK *Block, const char *When)
{
    UCHAR *Data = MipData(Block);
    SIZE_T Offset = FirstDifferent(Data, Block->Room, MIP_FREED_BYTE);
    VF_STACK Stacks[] = {{"Allocated", Block->Stack, MI_POOL_STACK},
                         {"Freed", Block->FreeStack, MI_POOL_FREE_STACK}};

    if (Offset < Block->Room)
    {
        VfBugCheckStacks(
            VfBug_PAGE_FAULT_IN_FREED_SPECIAL_POOL, (ULONG_PTR)(Data + Offset), 1, 0,
            (ULONG_PTR)Data, Stacks, 2,
            "Memory was written after it had been freed: offset %llu of a block of %llu "
            "bytes with tag '%.4s' was found changed %s.",
            (unsigned long long)Offset, (unsigned long long)Block->Size, (const char *)&Block->Tag,
            When);
    }
}

_Noreturn void
MipBadCaller(ULONG_PTR Subcode, PVOID Address, const char *Meaning)
{
    VfBugCheck(VfBug_BAD_POOL_CALLER, Subcode, (ULONG_PTR)Address, 0, 0,
               "The address 0x%llx was freed, %s.", (unsigned long long)(ULONG_PTR)Address,
               Meaning);
}

_Noreturn void
MipDoubleFree(MI_POOL_BLOCK *Block)
{
    VF_STACK Stacks[] = {{"Allocated", Block->Stack, MI_POOL_STACK},
                         {"Freed before", Block->FreeStack, MI_POOL_FREE_STACK}};

    VfBugCheckStacks(VfBug_BAD_POOL_CALLER, 0x07, 0, Block->Tag, (ULONG_PTR)MipData(Block), Stacks,
                     2, "A block of %llu bytes with tag '%.4s' was freed twice.",
                     (unsigned long long)Block->Size, (const char *)&Block->Tag);
}

// ---- All blocks ----

static void
CheckFreedAndHide(MI_POOL_BLOCK *Block)
{
    MipUnpoison(MipData(Block), Block->Room);
    MipCheckFreedPattern(Block, "at the next check of the whole pool");
    MipPoison(MipData(Block), Block->Room);
}

static void
CheckLiveLocked(MI_POOL_BLOCK *Block)
{
    UCHAR *End = (UCHAR *)MipData(Block) + Block->Size;

    MipUnpoison(Block->Check, sizeof(Block->Check));
    MipUnpoison(End, Block->Room - Block->Size);
    MipCheckRedzones(Block, "at the next check of the whole pool");
    MipPoison(Block->Check, sizeof(Block->Check));
    MipPoison(End, Block->Room - Block->Size);
}

void
MiCheckPool(void)
{
    if (VfLevel == VfOff)
    {
        return;
    }
    for (ULONG Index = 0; Index <= MIP_SHARDS; Index++)
    {
        MIP_SHARD *Shard = &MipShards[Index];

        OsLockAcquire(&Shard->Lock);
        for (LIST_ENTRY *Entry = Shard->Live.Flink; Entry != &Shard->Live; Entry = Entry->Flink)
        {
            CheckLiveLocked(CONTAINING_RECORD(Entry, MI_POOL_BLOCK, Link));
        }
        for (ULONG Class = 0; Class < MIP_CLASSES; Class++)
        {
            LIST_ENTRY *Head = &Shard->Classes[Class].Freed;

            for (LIST_ENTRY *Entry = Head->Flink; Entry != Head; Entry = Entry->Flink)
            {
                CheckFreedAndHide(CONTAINING_RECORD(Entry, MI_POOL_BLOCK, Link));
            }
        }
        if (Index == MIP_PAGE_SHARD)
        {
            MipForEachFreedPagesLocked(CheckFreedAndHide);
        }
        OsLockRelease(&Shard->Lock);
    }
}

typedef struct SNAPSHOT
{
    MI_POOL_BLOCK Block;
    PVOID Address;
} SNAPSHOT;

// Copies the live blocks of one shard; *Room entries are there. Returns how many there are.
static ULONG
CopyShard(MIP_SHARD *Shard, SNAPSHOT *Copies, ULONG Room)
{
    ULONG Count = 0;

    OsLockAcquire(&Shard->Lock);
    for (LIST_ENTRY *Entry = Shard->Live.Flink; Entry != &Shard->Live && Count < Room;
         Entry = Entry->Flink)
    {
        MI_POOL_BLOCK *Block = CONTAINING_RECORD(Entry, MI_POOL_BLOCK, Link);

        memcpy(&Copies[Count].Block, Block, FIELD_OFFSET(MI_POOL_BLOCK, Check));
        Copies[Count].Address = MipData(Block);
        Count++;
    }
    Count = Count == Room ? Shard->LiveCount : Count;
    OsLockRelease(&Shard->Lock);
    return Count;
}

void
MiEnumeratePool(MI_POOL_ROUTINE *Routine, void *Context)
{
    for (ULONG Index = 0; Index <= MIP_SHARDS; Index++)
    {
        ULONG Room = 0;
        ULONG Count = CopyShard(&MipShards[Index], NULL, 0);
        void *Copies = NULL;

        // Blocks may come between the count and the copy: until all fit.
        while (Count > Room)
        {
            if (Copies != NULL)
            {
                OsUnmap(Copies, Room * sizeof(SNAPSHOT));
            }
            Room = Count + 16;
            if (OsPagesAllocate(Room * sizeof(SNAPSHOT), &Copies) != OS_OK)
            {
                VfBugCheck(VfBug_MEMORY_MANAGEMENT, 0, Count, 0, 0,
                           "There is no memory left to look at the %u blocks of the pool.",
                           (unsigned)Count);
            }
            Count = CopyShard(&MipShards[Index], Copies, Room);
        }
        for (ULONG Copy = 0; Copy < Count; Copy++)
        {
            SNAPSHOT *Snapshot = (SNAPSHOT *)Copies + Copy;

            Routine(Context, &Snapshot->Block, Snapshot->Address);
        }
        if (Copies != NULL)
        {
            OsUnmap(Copies, Room * sizeof(SNAPSHOT));
        }
    }
}

PDRIVER_OBJECT
MiDriverOfStack(PVOID const *Frames, ULONG Count)
{
    for (ULONG Index = 0; Index < Count && Frames[Index] != NULL; Index++)
    {
        PDRIVER_OBJECT Driver = IopDriverFromAddress(Frames[Index]);

        if (Driver != NULL)
        {
            return Driver;
        }
    }
    return NULL;
}

typedef struct LEAK_SEARCH
{
    PDRIVER_OBJECT Driver;
    ULONG Count;
} LEAK_SEARCH;

static void
ReportIfLeaked(void *Context, const MI_POOL_BLOCK *Block, PVOID Address)
{
    LEAK_SEARCH *Search = Context;
    PVOID Frames[MI_POOL_STACK];

    (void)Address;
    if (Search->Driver != NULL && (Block->Tag == MI_TAG_HOST ||
                                   MiDriverOfStack(Block->Stack, MI_POOL_STACK) != Search->Driver))
    {
        return;
    }
    memcpy(Frames, Block->Stack, sizeof(Frames));
    VfLeak(Frames, MI_POOL_STACK, "a pool block of %llu bytes, tag '%.4s' (%s)",
           (unsigned long long)Block->Size, (const char *)&Block->Tag,
           (Block->Type & 1) != 0 ? "paged" : "nonpaged");
    Search->Count++;
}

ULONG
MiReportLeaks(PDRIVER_OBJECT Driver)
{
    LEAK_SEARCH Search = {Driver, 0};

    MiCheckPool();
    MiEnumeratePool(ReportIfLeaked, &Search);
    return Search.Count + MipReportSystemViews(Driver);
}

BOOLEAN
MiDescribePoolAddress(const VOID *Address, MI_POOL_DESCRIPTION *Description)
{
    MIP_CHUNK *Chunk = MipChunkOf(Address);
    MIP_SHARD *Shard = &MipShards[Chunk != NULL ? Chunk->Shard : MIP_PAGE_SHARD];
    // The fault that is being described may have happened under this lock: then its holder is this
    // thread, and nobody changes anything meanwhile.
    BOOLEAN Mine = OsLockIsMine(&Shard->Lock);
    MI_POOL_BLOCK *Block;

    if (!Mine)
    {
        OsLockAcquire(&Shard->Lock);
    }
    Block = Chunk != NULL ? MipBlockInChunkLocked(Chunk, Address) : MipPagesAroundLocked(Address);
    if (Block != NULL)
    {
        Description->Address = MipData(Block);
        Description->Size = Block->Size;
        Description->Tag = Block->Tag;
        Description->Freed = Block->State == MIP_BLOCK_FREED;
        memcpy(Description->Stack, Block->Stack, sizeof(Description->Stack));
        memcpy(Description->FreeStack, Block->FreeStack, sizeof(Description->FreeStack));
    }
    if (!Mine)
    {
        OsLockRelease(&Shard->Lock);
    }
    return Block != NULL;
}
