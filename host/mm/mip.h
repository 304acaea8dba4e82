// SPDX-License-Identifier: MIT
// What the pool's files share: shards, slots, block states, redzones.
//
// Two kinds of blocks. Slots: requests below a page, in chunks of equal slots, each chunk owned by one
// shard. Pages: requests of a page and more, page aligned, with pages of their own between a header
// page and a page that is never accessible. A block's structure lies directly before its data.
//
// Lock: each shard's Lock (host lock, the last in the order of ke/ki.h) guards its lists, its chunks'
// Used and the structure of each of its blocks. One shard lock at a time.
// Lifetime: chunks live until MmStop, so an address inside one can always be looked at.
#ifndef HOST_MM_MIP_H
#define HOST_MM_MIP_H

#include "mm/mi.h"

#define MIP_SHARDS          16u         // by thread; a power of two
#define MIP_PAGE_SHARD      MIP_SHARDS  // the one of all page blocks
#define MIP_CLASS_PAGES     0xFFFFu
#define MIP_CLASSES         18u
#define MIP_MINIMUM_REDZONE 16u
#define MIP_LINE            64u  // data is aligned so, which serves the CacheAligned types

#define MIP_BLOCK_LIVE  0x4C495645u
#define MIP_BLOCK_FREED 0x46524545u

#define MIP_REDZONE_BYTE 0xFA
#define MIP_REDZONE      0xFAFAFAFAFAFAFAFAull
#define MIP_FREED_BYTE   0xDD  // also what a caller finds in memory that it did not ask to be zeroed
#define MIP_FREED        0xDDDDDDDDDDDDDDDDull

typedef struct MIP_CLASS
{
    LIST_ENTRY Freed;  // oldest first: reuse takes the head, so that mistakes have time to show
    ULONG FreedCount;
    struct MIP_CHUNK *Chunk;  // the one that still has slots never used, or NULL
} MIP_CLASS;

typedef struct MIP_SHARD
{
    _Alignas(128) OS_LOCK Lock;
    LIST_ENTRY Live;
    ULONG LiveCount;
    SIZE_T LiveBytes;
    MIP_CLASS Classes[MIP_CLASSES];
} MIP_SHARD;

typedef struct MIP_CHUNK
{
    struct MIP_CHUNK *Next;  // every chunk, guarded by MipChunkLock
    ULONG Shard;             // immutable
    ULONG Class;             // immutable
    ULONG SlotCount;         // immutable
    ULONG Used;              // slots handed out at least once; guarded by the shard's lock
} MIP_CHUNK;

extern MIP_SHARD MipShards[MIP_SHARDS + 1];
extern const USHORT MipClassStride[MIP_CLASSES];  // slot sizes, multiples of MIP_LINE

static inline PVOID
MipData(const MI_POOL_BLOCK *Block)
{
    return (PVOID)(Block + 1);
}

// ---- The address sanitizer sees what we see: redzones and freed data are poisoned. ----
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MIP_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MIP_ASAN 1
#endif
#if defined(MIP_ASAN)
#include <sanitizer/asan_interface.h>
#define MipPoison(Address, Size)   __asan_poison_memory_region((Address), (Size))
#define MipUnpoison(Address, Size) __asan_unpoison_memory_region((Address), (Size))
#else
#define MipPoison(Address, Size)   ((void)(Address), (void)(Size))
#define MipUnpoison(Address, Size) ((void)(Address), (void)(Size))
#endif

// Completes the address sanitizer's reports; nothing without it (pool_asan.c).
void MipHookSanitizer(void);

// ---- Slots (pool_slab.c) ----
ULONG MipClassOf(SIZE_T Size);
// A slot of the shard, its lock held: a freed one that rested long enough, else a new one. NULL: no
// memory. Its structure is unset but for Shard, Class, Room and (reused) what it last was.
MI_POOL_BLOCK *MipTakeSlotLocked(MIP_SHARD *Shard, ULONG ShardIndex, ULONG Class, BOOLEAN *Reused);
// The chunk that Address lies in, or NULL. No lock, never touches Address.
MIP_CHUNK *MipChunkOf(const VOID *Address);
// The block whose slot Address lies in (anywhere in it), or NULL; the shard's lock held.
MI_POOL_BLOCK *MipBlockInChunkLocked(MIP_CHUNK *Chunk, const VOID *Address);
void MipFreeChunks(void);

// ---- Pages (pool_pages.c); MipShards[MIP_PAGE_SHARD].Lock held ----
MI_POOL_BLOCK *MipTakePagesLocked(SIZE_T Size, BOOLEAN *Reused, BOOLEAN *Zeroed);
void MipGivePagesLocked(MI_POOL_BLOCK *Block);             // a freed block goes to rest; bounded
MI_POOL_BLOCK *MipFindPagesLocked(const VOID *Data);       // live or resting block with this data
MI_POOL_BLOCK *MipPagesAroundLocked(const VOID *Address);  // header and guard page included
void MipForEachFreedPagesLocked(void (*Each)(MI_POOL_BLOCK *Block));
void MipFreeAllPages(void);
// Is its data filled with the pattern when freed? (Otherwise it is made inaccessible.)
BOOLEAN MipPagesArePatterned(const MI_POOL_BLOCK *Block);

// ---- Checks (pool_check.c): bugcheck or return ----
void MipFillRedzones(MI_POOL_BLOCK *Block);
void MipCheckRedzones(MI_POOL_BLOCK *Block, const char *When);
void MipCheckFreedPattern(MI_POOL_BLOCK *Block, const char *When);
_Noreturn void MipBadCaller(ULONG_PTR Subcode, PVOID Address, const char *Meaning);
_Noreturn void MipDoubleFree(MI_POOL_BLOCK *Block);

// Views in system space that belong to Driver (NULL: all), given to VfLeak (section_view.c).
ULONG MipReportSystemViews(PDRIVER_OBJECT Driver);

#endif
