// SPDX-License-Identifier: MIT
// The pool: what it hands out, what it notices, and whom it names. Each case in a process of its own.
#include "../child.h"

#include "mm/mip.h"
#include "verifier/vf.h"

#include <pthread.h>
#include <stdlib.h>

#define TAG       'tseT'
#define OTHER_TAG 'rhtO'

static void
StartAt(VF_LEVEL Level)
{
    CHECK(NT_SUCCESS(VfStart(Level)));
    CHECK(NT_SUCCESS(MmStart()));
}

static void
Start(void)
{
    StartAt(VfStandard);
}

BARE static void
Poke(char *Address, ptrdiff_t Offset, char Value)
{
    ((volatile char *)Address)[Offset] = Value;
}

BARE static char
Peek(const char *Address, ptrdiff_t Offset)
{
    return ((const volatile char *)Address)[Offset];
}

// ---- What it hands out ----

static void
Hand(void)
{
    static const SIZE_T Sizes[] = {0,    1,    15,   16,   17,   64,   255,  256,   257,   1000,
                                   2047, 2048, 4000, 4095, 4096, 4097, 8192, 65536, 100000};

    Start();
    for (size_t Index = 0; Index < sizeof(Sizes) / sizeof(Sizes[0]); Index++)
    {
        for (int Round = 0; Round < 200; Round++)
        {
            char *Zeroed = ExAllocatePoolZero(NonPagedPoolNx, Sizes[Index], TAG);
            char *Plain = ExAllocatePoolWithTag(PagedPool, Sizes[Index], OTHER_TAG);

            CHECK(Zeroed != NULL && Plain != NULL && Zeroed != Plain);
            CHECK((uintptr_t)Zeroed % (Sizes[Index] >= PAGE_SIZE ? PAGE_SIZE : 16) == 0);
            for (SIZE_T Byte = 0; Byte < Sizes[Index]; Byte++)
            {
                CHECK(Zeroed[Byte] == 0);
            }
            memset(Zeroed, 0x11, Sizes[Index]);
            memset(Plain, 0x22, Sizes[Index]);
            CHECK(Sizes[Index] == 0 || Zeroed[Sizes[Index] - 1] == 0x11);
            CHECK(MiPoolCount() == 2 && MiPoolBytes() == 2 * Sizes[Index]);
            ExFreePoolWithTag(Zeroed, TAG);
            ExFreePool(Plain);
            CHECK(MiPoolCount() == 0 && MiPoolBytes() == 0);
        }
    }
    MmStop();
    // Starts again, from nothing.
    Start();
    ExFreePool(ExAllocatePool(NonPagedPool, 24));
    MmStop();
}

static void
hands_out_blocks_of_every_size(void **State)
{
    (void)State;
    AssertClean(Hand);
}

static void
HandAligned(void)
{
    Start();
    for (SIZE_T Size = 1; Size < 5000; Size += 61)
    {
        PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNxCacheAligned, Size, TAG);

        CHECK((uintptr_t)Block % 64 == 0);
        ExFreePoolWithTag(Block, TAG);
    }
    MmStop();
}

static void
cache_aligned_types_are_aligned(void **State)
{
    (void)State;
    AssertClean(HandAligned);
}

static void
HandFlags(void)
{
    PVOID Block;

    Start();
    CHECK(ExAllocatePool2(0, 8, TAG) == NULL);
    CHECK(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, 8, TAG) == NULL);
    CHECK(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_RESERVED3, 8, TAG) == NULL);
    CHECK(MiPoolCount() == 0);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_SPECIAL_POOL, 1000, TAG);
    for (int Byte = 0; Byte < 1000; Byte++)
    {
        CHECK(((char *)Block)[Byte] == 0);
    }
    ExFreePool2(Block, TAG, NULL, 0);
    Block = ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 8, TAG);
    CHECK(Block != NULL);
    ExFreePoolWithTag(Block, TAG);
    MmStop();
}

static void
pool2_flags_are_checked(void **State)
{
    (void)State;
    AssertClean(HandFlags);
}

static void
HandUnlucky(void)
{
    unsigned char *Small;
    unsigned char *Large;

    Start();
    Small = ExAllocatePoolUninitialized(NonPagedPoolNx, 100, TAG);
    Large = ExAllocatePoolUninitialized(NonPagedPoolNx, PAGE_SIZE, TAG);
    CHECK(Small[0] != 0 && Small[99] != 0 && Large[0] != 0 && Large[PAGE_SIZE - 1] != 0);
    ExFreePool(Small);
    ExFreePool(Large);
    MmStop();
}

static void
memory_not_asked_to_be_zeroed_is_not(void **State)
{
    (void)State;
    AssertClean(HandUnlucky);
}

static void
HandHuge(void)
{
    Start();
    CHECK(ExAllocatePoolWithTag(NonPagedPoolNx, (SIZE_T)-1, TAG) == NULL);
    CHECK(ExAllocatePoolWithTag(NonPagedPoolNx, (SIZE_T)1 << 46, TAG) == NULL);
    CHECK(MiPoolCount() == 0 && MiPoolBytes() == 0);
    MmStop();
}

static void
an_impossible_size_is_null(void **State)
{
    (void)State;
    AssertClean(HandHuge);
}

static BOOLEAN
FailAll(const char *Function)
{
    return strcmp(Function, "MiAllocatePool") == 0;
}

static void
HandFaulty(void)
{
    Start();
    VfSetFaultPlan(FailAll);
    CHECK(ExAllocatePoolWithTag(NonPagedPoolNx, 8, TAG) == NULL);
    CHECK(ExAllocatePoolWithTag(NonPagedPoolNx, PAGE_SIZE, TAG) == NULL);
    VfSetFaultPlan(NULL);
    CHECK(MiPoolCount() == 0);
    MmStop();
}

static void
an_injected_fault_is_null(void **State)
{
    (void)State;
    AssertClean(HandFaulty);
}

static void
HandRaising(void)
{
    Start();
    VfSetFaultPlan(FailAll);
    (void)ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 8, TAG);
}

static void
an_exception_nobody_handles_is_a_bugcheck(void **State)
{
    (void)State;
    AssertBugCheck(HandRaising, "0x0000001E KMODE_EXCEPTION_NOT_HANDLED (c000009a",
                   "asked for an exception");
}

// ---- What it notices ----

BARE static PVOID
AllocateForTest(SIZE_T Size)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG);

    KEEP_FRAME();
    return Block;
}

BARE static void
FreeForTest(PVOID Block)
{
    ExFreePoolWithTag(Block, TAG);
    KEEP_FRAME();
}

static void
Overrun(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100);
    Poke(Block, 100, 1);
    FreeForTest(Block);
}

static void
an_overrun_is_reported_with_its_allocation(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(Overrun, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "*** BUGCHECK 0x000000C1 SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION (");
    AssertText(&Child, "byte 1 behind its end");
    AssertText(&Child, "100 bytes with tag 'Test'");
    AssertText(&Child, "\nStack:\n");
    AssertText(&Child, "\nAllocated:\n");
    AssertText(&Child, "FreeForTest");
    assert_non_null(strstr(strstr(Child.Text, "\nAllocated:\n"), "AllocateForTest"));
}

static void
OverrunPage(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(PAGE_SIZE + 100);
    Poke(Block, PAGE_SIZE + 103, 1);
    FreeForTest(Block);
}

static void
an_overrun_of_a_large_block_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(OverrunPage, "0x000000C1", "byte 4 behind its end");
}

static void
OverrunAtStop(void)
{
    Start();
    Poke(AllocateForTest(32), 40, 1);
    MiCheckPool();
}

static void
an_overrun_is_found_without_a_free(void **State)
{
    (void)State;
    AssertBugCheck(OverrunAtStop, "0x000000C1", "byte 9 behind its end");
}

static void
BeyondPages(void)
{
    Start();
    (void)Peek(AllocateForTest(2 * PAGE_SIZE), 2 * PAGE_SIZE);
}

static void
touching_the_page_behind_a_block_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(BeyondPages, "0x000000CD PAGE_FAULT_BEYOND_END_OF_ALLOCATION",
                   "AllocateForTest");
}

static void
Underrun(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100);
    Poke(Block, -1, 1);
    FreeForTest(Block);
}

static void
an_underrun_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(Underrun, "0x000000C1", "was underrun");
}

static void
FreeTwice(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100);
    FreeForTest(Block);
    FreeForTest(Block);
}

static void
a_double_free_is_reported_with_the_first(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(FreeTwice, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "*** BUGCHECK 0x000000C2 BAD_POOL_CALLER (7, ");
    AssertText(&Child, "freed twice");
    AssertText(&Child, "\nAllocated:\n");
    assert_non_null(strstr(strstr(Child.Text, "\nFreed before:\n"), "FreeForTest"));
}

static void
FreePagesTwice(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100000);
    FreeForTest(Block);
    FreeForTest(Block);
}

static void
a_double_free_of_a_large_block_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(FreePagesTwice, "0x000000C2", "freed twice");
}

static void
WriteFreed(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100);
    FreeForTest(Block);
    Poke(Block, 50, 1);
    // Reuse comes in the end, whatever the pool keeps back.
    for (int Round = 0; Round < 100000; Round++)
    {
        ExFreePool(ExAllocatePool(NonPagedPoolNx, 100));
    }
}

static void
a_write_after_free_is_reported_with_both_stacks(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(WriteFreed, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "*** BUGCHECK 0x000000CC PAGE_FAULT_IN_FREED_SPECIAL_POOL (");
    AssertText(&Child, "offset 50 of a block of 100 bytes with tag 'Test'");
    assert_non_null(strstr(strstr(Child.Text, "\nAllocated:\n"), "AllocateForTest"));
    assert_non_null(strstr(strstr(Child.Text, "\nFreed:\n"), "FreeForTest"));
}

static void
WriteFreedLarge(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(1000000);
    FreeForTest(Block);
    Poke(Block, 5000, 1);
}

static void
a_touch_of_a_freed_large_block_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(WriteFreedLarge, "0x000000CC", "written after it had been freed: offset 5000");
}

static void
WrongTag(void)
{
    Start();
    ExFreePoolWithTag(AllocateForTest(8), OTHER_TAG);
}

static void
a_wrong_tag_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(WrongTag, "0x000000C2 BAD_POOL_CALLER (a,",
                   "tag 'Test' was freed with the wrong "
                   "tag 'Othr'");
}

static void
NoTag(void)
{
    Start();
    (void)ExAllocatePoolWithTag(NonPagedPoolNx, 8, 0);
}

static void
a_zero_tag_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(NoTag, "0x000000C2 BAD_POOL_CALLER (9b,", "tag of zero");
}

static void
FreeNull(void)
{
    Start();
    ExFreePool(NULL);
}

static void
FreeStack(void)
{
    char Local[64];

    Start();
    ExFreePool(Local);
}

static void
FreeUnmapped(void)
{
    Start();
    ExFreePool((PVOID)0x7000);
}

static void
FreeWild(void)
{
    Start();
    ExFreePool((PVOID)0xDDDDDDDDDDDDDDDDull);
}

static void
FreeMiddle(void)
{
    Start();
    ExFreePool((char *)AllocateForTest(200) + 64);
}

static void
foreign_addresses_are_reported(void **State)
{
    (void)State;
    AssertBugCheck(FreeNull, "0x000000C2 BAD_POOL_CALLER (46,", "no pool block");
    AssertBugCheck(FreeStack, "0x000000C2 BAD_POOL_CALLER (46,", "no pool block");
    AssertBugCheck(FreeUnmapped, "0x000000C2 BAD_POOL_CALLER (46,", "no pool block");
    AssertBugCheck(FreeWild, "0x000000C2 BAD_POOL_CALLER (46,", "no pool block");
    AssertBugCheck(FreeMiddle, "0x000000C2 BAD_POOL_CALLER (46,", "not the beginning");
}

static void
SmashHeader(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(32);
    for (int Offset = 1; Offset <= 64; Offset++)
    {
        Poke(Block, -Offset, 0);
    }
    FreeForTest(Block);
}

static void
an_overwritten_header_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(SmashHeader, "0x00000019 BAD_POOL_HEADER",
                   "which describe it, were overwritten");
}

static void
AllocateNothing(void)
{
    StartAt(VfFull);
    (void)ExAllocatePoolWithTag(NonPagedPoolNx, 0, TAG);
}

static void
full_reports_a_request_of_no_bytes(void **State)
{
    (void)State;
    AssertBugCheck(AllocateNothing, "0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION (0,",
                   "no bytes");
}

static void
WorkAtOff(void)
{
    StartAt(VfOff);
    for (int Round = 0; Round < 10000; Round++)
    {
        PVOID Small = ExAllocatePoolZero(NonPagedPoolNx, 40, TAG);
        PVOID Large = ExAllocatePoolZero(NonPagedPoolNx, 70000, TAG);

        CHECK(*(int *)Small == 0 && *(int *)Large == 0);
        memset(Small, 1, 40);
        memset(Large, 1, 70000);
        ExFreePool(Small);
        ExFreePool(Large);
    }
    MmStop();
}

static void
off_still_zeroes_and_frees(void **State)
{
    (void)State;
    AssertClean(WorkAtOff);
}

// ---- With the address sanitizer the access itself is reported, and the block is described ----

static void
OverrunSeen(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100);
    ((volatile char *)Block)[100] = 1;
    _exit(0);
}

static void
UseFreedSeen(void)
{
    char *Block;

    Start();
    Block = AllocateForTest(100);
    FreeForTest(Block);
    (void)((volatile char *)Block)[50];
    _exit(0);
}

static void
the_address_sanitizer_sees_the_access(void **State)
{
    static CHILD Child;

    (void)State;
#if !defined(MIP_ASAN)
    print_message("skipped: this build has no address sanitizer\n");
    skip();
#endif
    RunChild(OverrunSeen, &Child);
    AssertText(&Child, "use-after-poison");
    AssertText(&Child, "offset 100 of a live pool block of 100 bytes with tag 'Test'");
    assert_non_null(strstr(strstr(Child.Text, "\nAllocated:\n"), "AllocateForTest"));
    assert_int_not_equal(Child.Exit, 0);
    RunChild(UseFreedSeen, &Child);
    AssertText(&Child, "offset 50 of a freed pool block of 100 bytes with tag 'Test'");
    assert_non_null(strstr(strstr(Child.Text, "\nFreed:\n"), "FreeForTest"));
    assert_int_not_equal(Child.Exit, 0);
}

// ---- Whom it names ----

BARE static void
LeakForTest(void)
{
    (void)ExAllocatePoolWithTag(PagedPool, 77, 'kaeL');
    KEEP_FRAME();
}

static void
Leak(void)
{
    // Not unrolled: leaks of one place are one entry, of two places two.
    volatile int Rounds = 3;

    Start();
    for (int Round = 0; Round < Rounds; Round++)
    {
        LeakForTest();
    }
    ExFreePool(AllocateForTest(20));
    MmStop();
}

static void
a_leak_is_reported_once_with_its_function(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(Leak, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "*** BUGCHECK 0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION (62, 0, 0, 3)");
    AssertText(&Child, "3 left behind");
    AssertText(&Child, "a pool block of 77 bytes, tag 'Leak' (paged) (3 times)");
    AssertText(&Child, "LeakForTest");
    AssertNoText(&Child, "AllocateForTest");
}

typedef struct SEEN
{
    ULONG Blocks;
    SIZE_T Bytes;
} SEEN;

static void
See(void *Context, const MI_POOL_BLOCK *Block, PVOID Address)
{
    SEEN *Seen = Context;

    CHECK(Block->Tag == TAG && *(char *)Address == 0x55);
    Seen->Blocks++;
    Seen->Bytes += Block->Size;
    // No lock is held: the pool may be used.
    ExFreePool(ExAllocatePool(NonPagedPoolNx, 8));
}

static void
Enumerate(void)
{
    PVOID Blocks[100];
    SIZE_T Bytes = 0;
    SEEN Seen = {0, 0};

    Start();
    for (int Index = 0; Index < 100; Index++)
    {
        SIZE_T Size = 1 + (SIZE_T)Index * 91;

        Blocks[Index] = ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG);
        memset(Blocks[Index], 0x55, Size);
        Bytes += Size;
    }
    MiEnumeratePool(See, &Seen);
    CHECK(Seen.Blocks == 100 && Seen.Bytes == Bytes && MiPoolBytes() == Bytes);
    for (int Index = 0; Index < 100; Index++)
    {
        ExFreePool(Blocks[Index]);
    }
    MmStop();
}

static void
enumeration_sees_every_live_block(void **State)
{
    (void)State;
    AssertClean(Enumerate);
}

// ---- Many threads ----

#define THREADS 6
#define ROUNDS  4000
#define POSTS   64

static PVOID Posts[POSTS];  // atomic: blocks change owners here

static void *
Churn(void *Context)
{
    unsigned Seed = (unsigned)(uintptr_t)Context;

    for (int Round = 0; Round < ROUNDS; Round++)
    {
        SIZE_T Size = (SIZE_T)rand_r(&Seed) % (Round % 50 == 0 ? 20000 : 600);
        char *Block = ExAllocatePoolWithTag(NonPagedPoolNx, Size, TAG);
        char *Other;

        CHECK(Block != NULL);
        memset(Block, (int)Seed, Size);
        // Release publishes the contents; acquire takes somebody else's block with its contents.
        Other =
            __atomic_exchange_n(&Posts[(unsigned)rand_r(&Seed) % POSTS], Block, __ATOMIC_ACQ_REL);
        if (Other != NULL)
        {
            ExFreePoolWithTag(Other, TAG);
        }
    }
    return NULL;
}

static void
Stress(void)
{
    pthread_t Threads[THREADS];

    Start();
    for (uintptr_t Index = 0; Index < THREADS; Index++)
    {
        CHECK(pthread_create(&Threads[Index], NULL, Churn, (void *)(Index + 1)) == 0);
    }
    for (int Index = 0; Index < 20; Index++)
    {
        MiCheckPool();
    }
    for (int Index = 0; Index < THREADS; Index++)
    {
        CHECK(pthread_join(Threads[Index], NULL) == 0);
    }
    for (int Index = 0; Index < POSTS; Index++)
    {
        if (Posts[Index] != NULL)
        {
            ExFreePoolWithTag(Posts[Index], TAG);
        }
    }
    CHECK(MiPoolCount() == 0 && MiPoolBytes() == 0);
    MmStop();
}

static void
threads_allocate_and_free_each_others_blocks(void **State)
{
    (void)State;
    AssertClean(Stress);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(hands_out_blocks_of_every_size),
        cmocka_unit_test(cache_aligned_types_are_aligned),
        cmocka_unit_test(pool2_flags_are_checked),
        cmocka_unit_test(memory_not_asked_to_be_zeroed_is_not),
        cmocka_unit_test(an_impossible_size_is_null),
        cmocka_unit_test(an_injected_fault_is_null),
        cmocka_unit_test(an_exception_nobody_handles_is_a_bugcheck),
        cmocka_unit_test(an_overrun_is_reported_with_its_allocation),
        cmocka_unit_test(an_overrun_of_a_large_block_is_reported),
        cmocka_unit_test(an_overrun_is_found_without_a_free),
        cmocka_unit_test(touching_the_page_behind_a_block_is_reported),
        cmocka_unit_test(an_underrun_is_reported),
        cmocka_unit_test(a_double_free_is_reported_with_the_first),
        cmocka_unit_test(a_double_free_of_a_large_block_is_reported),
        cmocka_unit_test(a_write_after_free_is_reported_with_both_stacks),
        cmocka_unit_test(a_touch_of_a_freed_large_block_is_reported),
        cmocka_unit_test(a_wrong_tag_is_reported),
        cmocka_unit_test(a_zero_tag_is_reported),
        cmocka_unit_test(foreign_addresses_are_reported),
        cmocka_unit_test(an_overwritten_header_is_reported),
        cmocka_unit_test(full_reports_a_request_of_no_bytes),
        cmocka_unit_test(off_still_zeroes_and_frees),
        cmocka_unit_test(the_address_sanitizer_sees_the_access),
        cmocka_unit_test(a_leak_is_reported_once_with_its_function),
        cmocka_unit_test(enumeration_sees_every_live_block),
        cmocka_unit_test(threads_allocate_and_free_each_others_blocks),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
