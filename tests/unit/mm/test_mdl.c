// SPDX-License-Identifier: MIT
// MDLs: over pool, over a local buffer (an alias), over a remote buffer (a copy), partial, and misuse.
#include "host.h"

static MDL *
MakeMdl(PVOID Address, ULONG Length)
{
    MDL *Mdl = ExAllocatePoolZero(NonPagedPoolNx, MmSizeOfMdl(Address, Length), 'tldM');

    CHECK(Mdl != NULL);
    MmInitializeMdl(Mdl, Address, Length);
    return Mdl;
}

static void
OverPool(void)
{
    char *Block;
    MDL *Mdl;

    StartHost();
    Block = ExAllocatePoolZero(NonPagedPoolNx, 10000, 'tseT');
    CHECK(MmSizeOfMdl(Block + 100, 1) == sizeof(MDL) + 8);
    CHECK(MmSizeOfMdl(Block + PAGE_SIZE - 1, 2) == sizeof(MDL) + 16);
    Mdl = MakeMdl(Block + 100, 9000);
    MmBuildMdlForNonPagedPool(Mdl);
    CHECK(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority) == Block + 100);
    CHECK(MmGetMdlByteCount(Mdl) == 9000 && MmGetMdlByteOffset(Mdl) == 100);
    CHECK(MmGetMdlVirtualAddress(Mdl) == Block + 100);
    ExFreePool(Mdl);
    ExFreePool(Block);
    NthostStop();
}

static void
an_mdl_over_pool_is_the_pool(void **State)
{
    (void)State;
    AssertClean(OverPool);
}

// Shared with the clean run: what a driver does with a caller's buffer through an MDL.
static void
LockMapUse(char *Buffer, ULONG Length, LOCK_OPERATION Operation, char Expected, char Value)
{
    MDL *Mdl = MakeMdl(Buffer, Length);
    char *System;

    CHECK(MiProbeAndLockPages(Mdl, UserMode, Operation) == STATUS_SUCCESS);
    CHECK((Mdl->MdlFlags & MDL_PAGES_LOCKED) != 0);
    System = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    CHECK(System != NULL && BYTE_OFFSET(System) == BYTE_OFFSET(Buffer));
    CHECK(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority) == System);
    for (ULONG Index = 0; Index < Length; Index++)
    {
        CHECK(System[Index] == Expected);
    }
    // Only the second half is written.
    memset(System + Length / 2, Value, Length - Length / 2);
    MmUnmapLockedPages(System, Mdl);
    MmUnlockPages(Mdl);
    CHECK((Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA)) == 0);
    ExFreePool(Mdl);
}

static void
CheckHalves(const char *Buffer, ULONG Length, char First, char Second)
{
    for (ULONG Index = 0; Index < Length; Index++)
    {
        CHECK(Buffer[Index] == (Index < Length / 2 ? First : Second));
    }
}

static void
OverLocal(void)
{
    static char Buffer[3 * PAGE_SIZE];
    NTHOST_PROCESS *Process;

    StartHost();
    Process = BecomeApplication();
    memset(Buffer, 0x11, sizeof(Buffer));
    LockMapUse(Buffer + 5, 2 * PAGE_SIZE, IoModifyAccess, 0x11, 0x22);
    CheckHalves(Buffer + 5, 2 * PAGE_SIZE, 0x11, 0x22);
    CHECK(Buffer[4] == 0x11 && Buffer[5 + 2 * PAGE_SIZE] == 0x11);
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_local_buffer_is_an_alias(void **State)
{
    (void)State;
    AssertClean(OverLocal);
}

static void
OverRemote(void)
{
    static char Buffer[3 * PAGE_SIZE];
    NTHOST_PROCESS *Process;
    ULONG Blocks;

    StartHost();
    Process = BecomeApplication();
    BecomeRemote();
    Blocks = MiPoolCount();
    // Read access: the driver's writes to its copy go nowhere.
    memset(Buffer, 0x11, sizeof(Buffer));
    LockMapUse(Buffer + 5, 2 * PAGE_SIZE, IoReadAccess, 0x11, 0x22);
    CheckHalves(Buffer + 5, 2 * PAGE_SIZE, 0x11, 0x11);
    // Write and modify access: they arrive, and what was not written keeps its contents.
    LockMapUse(Buffer + 5, 2 * PAGE_SIZE, IoWriteAccess, 0x11, 0x22);
    CheckHalves(Buffer + 5, 2 * PAGE_SIZE, 0x11, 0x22);
    memset(Buffer, 0x33, sizeof(Buffer));
    LockMapUse(Buffer + 5, 100, IoModifyAccess, 0x33, 0x44);
    CheckHalves(Buffer + 5, 100, 0x33, 0x44);
    CHECK(Buffer[4] == 0x33 && Buffer[105] == 0x33);
    CHECK(MiPoolCount() == Blocks);
    BecomeLocal();
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_remote_buffer_is_a_copy(void **State)
{
    (void)State;
    AssertClean(OverRemote);
}

static void
RemoteIsCopiedAtLockAndUnlock(void)
{
    static char Buffer[100];
    NTHOST_PROCESS *Process;
    char *System;
    MDL *Mdl;

    StartHost();
    Process = BecomeApplication();
    BecomeRemote();
    Mdl = MakeMdl(Buffer, sizeof(Buffer));
    Buffer[0] = 1;
    CHECK(MiProbeAndLockPages(Mdl, UserMode, IoModifyAccess) == STATUS_SUCCESS);
    System = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    Buffer[0] = 2;
    CHECK(System[0] == 1 && System != Buffer);
    System[0] = 3;
    CHECK(Buffer[0] == 2);
    MmUnlockPages(Mdl);
    CHECK(Buffer[0] == 3);
    ExFreePool(Mdl);
    BecomeLocal();
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_remote_buffer_moves_at_lock_and_unlock_only(void **State)
{
    (void)State;
    AssertClean(RemoteIsCopiedAtLockAndUnlock);
}

static void
LockBadly(char *Buffer)
{
    MDL *Mdl = MakeMdl(Buffer, 100);
    ULONG Blocks = MiPoolCount();

    CHECK(MiProbeAndLockPages(Mdl, UserMode, IoReadAccess) == STATUS_ACCESS_VIOLATION);
    CHECK(MiProbeAndLockPages(Mdl, UserMode, IoWriteAccess) == STATUS_ACCESS_VIOLATION);
    CHECK(Mdl->MdlFlags == 0 && MiPoolCount() == Blocks);
    ExFreePool(Mdl);
}

static void
BadBuffers(void)
{
    NTHOST_PROCESS *Process;
    MDL *Mdl;

    StartHost();
    Process = BecomeApplication();
    LockBadly((char *)0x10000);
    LockBadly((char *)0x8000000000000000ull);
    BecomeRemote();
    LockBadly((char *)0x10000);
    LockBadly((char *)0x8000000000000000ull);
    BecomeLocal();
    NthostDetachProcess(Process, 0);
    Mdl = MakeMdl((char *)0x10000, 100);
    CHECK(MiProbeAndLockPages(Mdl, KernelMode, IoReadAccess) == STATUS_ACCESS_VIOLATION);
    ExFreePool(Mdl);
    NthostStop();
}

static void
bad_buffers_are_refused(void **State)
{
    (void)State;
    AssertClean(BadBuffers);
}

static void
RaiseForBadBuffer(void)
{
    StartHost();
    (void)BecomeApplication();
    MmProbeAndLockPages(MakeMdl((char *)0x10000, 100), UserMode, IoReadAccess);
}

static void
an_unhandled_raise_is_a_bugcheck(void **State)
{
    (void)State;
    AssertBugCheck(RaiseForBadBuffer, "0x0000001E KMODE_EXCEPTION_NOT_HANDLED (c0000005",
                   "MmProbeAndLockPages raised");
}

static void
MapToUser(void)
{
    char *Block;
    MDL *Mdl;

    StartHost();
    Block = ExAllocatePoolZero(NonPagedPoolNx, 100, 'tseT');
    Mdl = MakeMdl(Block, 100);
    CHECK(MiProbeAndLockPages(Mdl, KernelMode, IoModifyAccess) == STATUS_SUCCESS);
    CHECK(MmMapLockedPagesSpecifyCache(Mdl, UserMode, MmCached, NULL, FALSE, NormalPagePriority) ==
          NULL);
    CHECK((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0);
    CHECK(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority) == Block);
    MmUnlockPages(Mdl);
    ExFreePool(Mdl);
    ExFreePool(Block);
    NthostStop();
}

static void
a_mapping_into_user_space_is_refused(void **State)
{
    (void)State;
    AssertClean(MapToUser);
}

static void
UnlockUnlocked(void)
{
    char Buffer[8];

    StartHost();
    MmUnlockPages(MakeMdl(Buffer, 8));
}

static void
LockTwice(void)
{
    char Buffer[8] = "";
    MDL *Mdl;

    StartHost();
    Mdl = MakeMdl(Buffer, 8);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
}

static void
MapUnlocked(void)
{
    char Buffer[8];

    StartHost();
    (void)MmGetSystemAddressForMdlSafe(MakeMdl(Buffer, 8), NormalPagePriority);
}

static void
UnmapElsewhere(void)
{
    char Buffer[8] = "";
    MDL *Mdl;

    StartHost();
    Mdl = MakeMdl(Buffer, 8);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
    (void)MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    MmUnmapLockedPages(Buffer + 1, Mdl);
}

static void
misuse_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(UnlockUnlocked, "0x0000001A MEMORY_MANAGEMENT", "MmUnlockPages: the MDL");
    AssertBugCheck(LockTwice, "0x0000001A MEMORY_MANAGEMENT", "was built or locked before");
    AssertBugCheck(MapUnlocked, "0x0000001A MEMORY_MANAGEMENT", "neither built nor locked");
    AssertBugCheck(UnmapElsewhere, "0x0000001A MEMORY_MANAGEMENT", "not mapped at the address");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(an_mdl_over_pool_is_the_pool),
        cmocka_unit_test(a_local_buffer_is_an_alias),
        cmocka_unit_test(a_remote_buffer_is_a_copy),
        cmocka_unit_test(a_remote_buffer_moves_at_lock_and_unlock_only),
        cmocka_unit_test(bad_buffers_are_refused),
        cmocka_unit_test(an_unhandled_raise_is_a_bugcheck),
        cmocka_unit_test(a_mapping_into_user_space_is_refused),
        cmocka_unit_test(misuse_is_reported),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
