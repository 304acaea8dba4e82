// SPDX-License-Identifier: MIT
// Pool blocks of a page and more: a header page, the data, and a page that faults when touched.
//
// All under MipShards[MIP_PAGE_SHARD].Lock. Freed blocks rest (oldest first) with their pages still
// mapped: small ones filled with the pattern, large ones made inaccessible.
#include "mm/mip.h"

#include "verifier/vf.h"

#include <string.h>

#define BUCKETS          256u
#define REST_COUNT       32u   // resting blocks before one of the right size is reused
#define REST_LIMIT_COUNT 128u  // more are unmapped
#define REST_LIMIT_BYTES ((SIZE_T)16 << 20)  // more are unmapped
#define PATTERN_LIMIT    ((SIZE_T)64 << 10)  // larger blocks are protected rather than filled

// At the start of the header page; Block is at its end.
typedef struct PAGES
{
    LIST_ENTRY HashLink;
    SIZE_T MapSize;   // header and guard page included
    SIZE_T RootSize;  // how much of it the leak sanitizer searches for pointers
    MI_POOL_BLOCK *Block;
} PAGES;

static LIST_ENTRY Buckets[BUCKETS];  // live and resting blocks by data address
static BOOLEAN BucketsReady;
static LIST_ENTRY Resting;  // MI_POOL_BLOCK.Link
static ULONG RestingCount;
static SIZE_T RestingBytes;

static PAGES *
PagesOf(const MI_POOL_BLOCK *Block)
{
    return (PAGES *)((ULONG_PTR)Block & ~(ULONG_PTR)(PAGE_SIZE - 1));
}

static LIST_ENTRY *
BucketOf(const VOID *Data)
{
    return &Buckets[((ULONG_PTR)Data >> PAGE_SHIFT) % BUCKETS];
}

static void
MakeReadyLocked(void)
{
    if (!BucketsReady)
    {
        for (ULONG Index = 0; Index < BUCKETS; Index++)
        {
            InitializeListHead(&Buckets[Index]);
        }
        InitializeListHead(&Resting);
        BucketsReady = TRUE;
    }
}

BOOLEAN
MipPagesArePatterned(const MI_POOL_BLOCK *Block)
{
    return Block->Room <= PATTERN_LIMIT;
}

// A leak root must be readable.
static void
SetRootLocked(PAGES *Pages, SIZE_T Size)
{
    if (Pages->RootSize != 0)
    {
        OsLeakRootRemove(Pages, Pages->RootSize);
    }
    Pages->RootSize = Size;
    if (Size != 0)
    {
        OsLeakRootAdd(Pages, Size);
    }
}

static void
UnmapLocked(MI_POOL_BLOCK *Block)
{
    PAGES *Pages = PagesOf(Block);
    SIZE_T Size = Pages->MapSize;

    RemoveEntryList(&Pages->HashLink);
    SetRootLocked(Pages, 0);
    MipUnpoison(Pages, Size);
    OsUnmap(Pages, Size);
}

static void
EndRestLocked(MI_POOL_BLOCK *Block)
{
    RemoveEntryList(&Block->Link);
    RestingCount--;
    RestingBytes -= PagesOf(Block)->MapSize;
}

static MI_POOL_BLOCK *
ReuseLocked(SIZE_T Room)
{
    if (RestingCount <= (VfLevel == VfOff ? 0 : REST_COUNT))
    {
        return NULL;
    }
    for (LIST_ENTRY *Entry = Resting.Flink; Entry != &Resting; Entry = Entry->Flink)
    {
        MI_POOL_BLOCK *Block = CONTAINING_RECORD(Entry, MI_POOL_BLOCK, Link);

        if (Block->Room == Room && MipPagesArePatterned(Block))
        {
            EndRestLocked(Block);
            return Block;
        }
    }
    return NULL;
}

MI_POOL_BLOCK *
MipTakePagesLocked(SIZE_T Size, BOOLEAN *Reused, BOOLEAN *Zeroed)
{
    SIZE_T Room = ROUND_TO_PAGES(Size);
    MI_POOL_BLOCK *Block;
    void *Mapped;
    PAGES *Pages;

    MakeReadyLocked();
    Block = ReuseLocked(Room);
    *Reused = Block != NULL;
    *Zeroed = Block == NULL;
    if (Block != NULL)
    {
        return Block;
    }
    if (OsPagesAllocate(Room + 2 * PAGE_SIZE, &Mapped) != OS_OK)
    {
        return NULL;
    }
    if (OsPagesProtect((char *)Mapped + PAGE_SIZE + Room, PAGE_SIZE, false, false) != OS_OK)
    {
        OsUnmap(Mapped, Room + 2 * PAGE_SIZE);
        return NULL;
    }
    Pages = Mapped;
    Pages->MapSize = Room + 2 * PAGE_SIZE;
    Pages->Block = (MI_POOL_BLOCK *)((char *)Mapped + PAGE_SIZE) - 1;
    Pages->Block->Shard = MIP_PAGE_SHARD;
    Pages->Block->Class = MIP_CLASS_PAGES;
    Pages->Block->Room = Room;
    InsertTailList(BucketOf(MipData(Pages->Block)), &Pages->HashLink);
    Pages->RootSize = 0;
    SetRootLocked(Pages, Pages->MapSize - PAGE_SIZE);
    return Pages->Block;
}

void
MipGivePagesLocked(MI_POOL_BLOCK *Block)
{
    if (VfLevel == VfOff && !MipPagesArePatterned(Block))
    {
        UnmapLocked(Block);
        return;
    }
    if (!MipPagesArePatterned(Block))
    {
        SetRootLocked(PagesOf(Block), PAGE_SIZE);
        (void)OsPagesProtect(MipData(Block), Block->Room, false, false);
    }
    InsertTailList(&Resting, &Block->Link);
    RestingCount++;
    RestingBytes += PagesOf(Block)->MapSize;
    while (RestingCount > REST_LIMIT_COUNT || (RestingBytes > REST_LIMIT_BYTES && RestingCount > 1))
    {
        MI_POOL_BLOCK *Oldest = CONTAINING_RECORD(Resting.Flink, MI_POOL_BLOCK, Link);

        if (VfLevel != VfOff && MipPagesArePatterned(Oldest))
        {
            MipUnpoison(MipData(Oldest), Oldest->Room);
            MipCheckFreedPattern(Oldest, "when its pages were given back");
        }
        EndRestLocked(Oldest);
        UnmapLocked(Oldest);
    }
}

MI_POOL_BLOCK *
MipFindPagesLocked(const VOID *Data)
{
    LIST_ENTRY *Bucket = BucketOf(Data);

    MakeReadyLocked();
    for (LIST_ENTRY *Entry = Bucket->Flink; Entry != Bucket; Entry = Entry->Flink)
    {
        PAGES *Pages = CONTAINING_RECORD(Entry, PAGES, HashLink);

        if (MipData(Pages->Block) == Data)
        {
            return Pages->Block;
        }
    }
    return NULL;
}

MI_POOL_BLOCK *
MipPagesAroundLocked(const VOID *Address)
{
    MakeReadyLocked();
    for (ULONG Index = 0; Index < BUCKETS; Index++)
    {
        for (LIST_ENTRY *Entry = Buckets[Index].Flink; Entry != &Buckets[Index];
             Entry = Entry->Flink)
        {
            PAGES *Pages = CONTAINING_RECORD(Entry, PAGES, HashLink);

            if ((ULONG_PTR)Address - (ULONG_PTR)Pages < Pages->MapSize)
            {
                return Pages->Block;
            }
        }
    }
    return NULL;
}

void
MipForEachFreedPagesLocked(void (*Each)(MI_POOL_BLOCK *Block))
{
    MakeReadyLocked();
    for (LIST_ENTRY *Entry = Resting.Flink; Entry != &Resting; Entry = Entry->Flink)
    {
        MI_POOL_BLOCK *Block = CONTAINING_RECORD(Entry, MI_POOL_BLOCK, Link);

        if (MipPagesArePatterned(Block))
        {
            Each(Block);
        }
    }
}

void
MipFreeAllPages(void)
{
    OsLockAcquire(&MipShards[MIP_PAGE_SHARD].Lock);
    MakeReadyLocked();
    for (ULONG Index = 0; Index < BUCKETS; Index++)
    {
        while (!IsListEmpty(&Buckets[Index]))
        {
            UnmapLocked(CONTAINING_RECORD(Buckets[Index].Flink, PAGES, HashLink)->Block);
        }
    }
    InitializeListHead(&Resting);
    RestingCount = 0;
    RestingBytes = 0;
    OsLockRelease(&MipShards[MIP_PAGE_SHARD].Lock);
}
