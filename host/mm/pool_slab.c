// SPDX-License-Identifier: MIT
// Pool slots: chunks of equal slots, found again from any address without touching it.
#include "mm/mip.h"

#include "verifier/vf.h"

#include <string.h>

#define CHUNK_SHIFT 18
#define CHUNK_SIZE  ((SIZE_T)1 << CHUNK_SHIFT)
// Data is MIP_LINE aligned: the first slot begins so far before a line as its structure is long.
#define FIRST_SLOT (4 * MIP_LINE - sizeof(MI_POOL_BLOCK) + MIP_LINE)
_Static_assert((FIRST_SLOT + sizeof(MI_POOL_BLOCK)) % MIP_LINE == 0, "data must be line aligned");
_Static_assert(FIRST_SLOT >= sizeof(MIP_CHUNK), "slots begin behind the chunk's own structure");

// How many freed slots of a class rest before one is reused.
#define REST_STANDARD 64u
#define REST_FULL     2048u

const USHORT MipClassStride[MIP_CLASSES] = {256,  320,  384,  448,  512,  640,  768,  896,  1024,
                                            1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 4352};

// One bit a chunk-sized piece of the 47-bit address space, in two levels. Read without a lock: a leaf
// and a bit, once set, stay until MmStop, when nobody allocates or frees any more.
#define LEAF_BITS 15
#define ROOT_BITS (47 - CHUNK_SHIFT - LEAF_BITS)
#define LEAF_SIZE (((SIZE_T)1 << LEAF_BITS) / 8)
static uint8_t *ChunkMap[1 << ROOT_BITS];  // atomic pointers; written under MipChunkLock

static OS_LOCK MipChunkLock = OS_LOCK_INIT;  // taken under a shard's lock
static MIP_CHUNK *Chunks;                    // guarded by MipChunkLock

ULONG
MipClassOf(SIZE_T Size)
{
    SIZE_T Need = Size + sizeof(MI_POOL_BLOCK) + MIP_MINIMUM_REDZONE;
    ULONG Class = 0;

    if (Need <= 512)
    {
        return Need <= 256 ? 0 : (ULONG)((Need - 256 + MIP_LINE - 1) / MIP_LINE);
    }
    Class = 5;
    while (MipClassStride[Class] < Need)
    {
        Class++;
    }
    return Class;
}

MIP_CHUNK *
MipChunkOf(const VOID *Address)
{
    ULONG_PTR Piece = (ULONG_PTR)Address >> CHUNK_SHIFT;
    SIZE_T Bit = Piece & (((SIZE_T)1 << LEAF_BITS) - 1);
    uint8_t *Leaf;

    if (Piece >> (LEAF_BITS + ROOT_BITS) != 0)
    {
        return NULL;
    }
    // Acquire, both: pair with the releases in RegisterLocked, behind which the chunk was set up.
    Leaf = __atomic_load_n(&ChunkMap[Piece >> LEAF_BITS], __ATOMIC_ACQUIRE);
    if (Leaf == NULL || (__atomic_load_n(&Leaf[Bit / 8], __ATOMIC_ACQUIRE) & (1u << Bit % 8)) == 0)
    {
        return NULL;
    }
    return (MIP_CHUNK *)(Piece << CHUNK_SHIFT);
}

static BOOLEAN
RegisterLocked(MIP_CHUNK *Chunk)
{
    ULONG_PTR Piece = (ULONG_PTR)Chunk >> CHUNK_SHIFT;
    SIZE_T Bit = Piece & (((SIZE_T)1 << LEAF_BITS) - 1);
    uint8_t *Leaf = ChunkMap[Piece >> LEAF_BITS];
    void *Fresh;

    if (Leaf == NULL)
    {
        if (OsPagesAllocate(LEAF_SIZE, &Fresh) != OS_OK)
        {
            return FALSE;
        }
        Leaf = Fresh;
        __atomic_store_n(&ChunkMap[Piece >> LEAF_BITS], Leaf, __ATOMIC_RELEASE);
    }
    __atomic_fetch_or(&Leaf[Bit / 8], (uint8_t)(1u << Bit % 8), __ATOMIC_RELEASE);
    return TRUE;
}

// A chunk aligned to its size: twice the size is mapped and what is too much given back.
static void *
MapAligned(void)
{
    void *Mapped;
    ULONG_PTR Base;
    ULONG_PTR Aligned;

    if (OsPagesAllocate(2 * CHUNK_SIZE, &Mapped) != OS_OK)
    {
        return NULL;
    }
    Base = (ULONG_PTR)Mapped;
    Aligned = (Base + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);
    if (Aligned != Base)
    {
        OsUnmap(Mapped, Aligned - Base);
    }
    OsUnmap((void *)(Aligned + CHUNK_SIZE), Base + CHUNK_SIZE - Aligned);
    return (void *)Aligned;
}

static MIP_CHUNK *
NewChunkLocked(ULONG ShardIndex, ULONG Class)
{
    MIP_CHUNK *Chunk = MapAligned();
    BOOLEAN Registered;

    if (Chunk == NULL)
    {
        return NULL;
    }
    Chunk->Shard = ShardIndex;
    Chunk->Class = Class;
    Chunk->SlotCount = (ULONG)((CHUNK_SIZE - FIRST_SLOT) / MipClassStride[Class]);
    Chunk->Used = 0;
    OsLockAcquire(&MipChunkLock);
    Registered = RegisterLocked(Chunk);
    if (Registered)
    {
        Chunk->Next = Chunks;
        Chunks = Chunk;
    }
    OsLockRelease(&MipChunkLock);
    if (!Registered)
    {
        OsUnmap(Chunk, CHUNK_SIZE);
        return NULL;
    }
    OsLeakRootAdd(Chunk, CHUNK_SIZE);
    return Chunk;
}

static MI_POOL_BLOCK *
SlotAt(MIP_CHUNK *Chunk, ULONG Index)
{
    return (MI_POOL_BLOCK *)((char *)Chunk + FIRST_SLOT +
                             (SIZE_T)Index * MipClassStride[Chunk->Class]);
}

MI_POOL_BLOCK *
MipTakeSlotLocked(MIP_SHARD *Shard, ULONG ShardIndex, ULONG Class, BOOLEAN *Reused)
{
    static const ULONG Rest[] = {0, REST_STANDARD, REST_FULL};
    MIP_CLASS *Slots = &Shard->Classes[Class];
    MI_POOL_BLOCK *Block;

    *Reused = FALSE;
    if (Slots->FreedCount > Rest[VfLevel])
    {
        Slots->FreedCount--;
        *Reused = TRUE;
        return CONTAINING_RECORD(RemoveHeadList(&Slots->Freed), MI_POOL_BLOCK, Link);
    }
    if (Slots->Chunk == NULL || Slots->Chunk->Used == Slots->Chunk->SlotCount)
    {
        MIP_CHUNK *Chunk = NewChunkLocked(ShardIndex, Class);

        if (Chunk == NULL)
        {
            return NULL;
        }
        Slots->Chunk = Chunk;
    }
    Block = SlotAt(Slots->Chunk, Slots->Chunk->Used++);
    Block->Shard = (USHORT)ShardIndex;
    Block->Class = (USHORT)Class;
    Block->Room = MipClassStride[Class] - sizeof(MI_POOL_BLOCK);
    return Block;
}

MI_POOL_BLOCK *
MipBlockInChunkLocked(MIP_CHUNK *Chunk, const VOID *Address)
{
    SIZE_T Offset = (SIZE_T)((const char *)Address - (const char *)Chunk);
    SIZE_T Index;

    if (Offset < FIRST_SLOT)
    {
        return NULL;
    }
    Index = (Offset - FIRST_SLOT) / MipClassStride[Chunk->Class];
    return Index < Chunk->Used ? SlotAt(Chunk, (ULONG)Index) : NULL;
}

void
MipFreeChunks(void)
{
    MIP_CHUNK *Chunk;

    OsLockAcquire(&MipChunkLock);
    while ((Chunk = Chunks) != NULL)
    {
        Chunks = Chunk->Next;
        OsLeakRootRemove(Chunk, CHUNK_SIZE);
        MipUnpoison(Chunk, CHUNK_SIZE);  // the address space may be mapped again, by anybody
        OsUnmap(Chunk, CHUNK_SIZE);
    }
    for (SIZE_T Index = 0; Index < sizeof(ChunkMap) / sizeof(ChunkMap[0]); Index++)
    {
        if (ChunkMap[Index] != NULL)
        {
            OsUnmap(ChunkMap[Index], LEAF_SIZE);
            ChunkMap[Index] = NULL;
        }
    }
    OsLockRelease(&MipChunkLock);
}
