// SPDX-License-Identifier: MIT
// Shared pages and their seals, private pages, probing, and memory through a descriptor.
#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static void
SharedPagesAreShared(void **State)
{
    struct stat Status;
    char *First;
    char *Second;
    void *Reserved;
    int Fd;

    (void)State;
    assert_int_equal(OsSharedCreate("test", 5000, &Fd), OS_OK);
    assert_int_equal(fstat(Fd, &Status), 0);
    assert_int_equal(Status.st_size, 2 * PAGE);
    assert_true((fcntl(Fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(OsSharedMap(Fd, 0, 2 * PAGE, true, (void **)&First), OS_OK);
    assert_int_equal(OsSharedMap(Fd, PAGE, PAGE, false, (void **)&Second), OS_OK);
    First[PAGE + 7] = 42;
    assert_int_equal(Second[7], 42);
    assert_int_equal(OsPagesAllocate(PAGE, &Reserved), OS_OK);
    assert_int_equal(OsSharedMapAt(Fd, PAGE, PAGE, true, Reserved), OS_OK);
    ((char *)Reserved)[8] = 43;
    assert_int_equal(First[PAGE + 8], 43);
    OsUnmap(Reserved, PAGE);
    OsUnmap(Second, PAGE);
    OsUnmap(First, 2 * PAGE);
    OsClose(Fd);
}

static void
SizeIsSealed(void **State)
{
    struct stat Status;
    int Fd;

    (void)State;
    assert_int_equal(OsSharedCreate("test", PAGE, &Fd), OS_OK);
    assert_int_equal(ftruncate(Fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(Fd, 2 * (off_t)PAGE), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fstat(Fd, &Status), 0);
    assert_int_equal(Status.st_size, PAGE);
    OsClose(Fd);
}

static void
SealedWritesKeepOurMappingOnly(void **State)
{
    char Path[64];
    volatile char *Ours;
    void *Theirs = (void *)1;
    int Fd;
    int Again;

    (void)State;
    assert_int_equal(OsSharedCreate("test", PAGE, &Fd), OS_OK);
    assert_int_equal(OsSharedMap(Fd, 0, PAGE, true, (void **)&Ours), OS_OK);
    assert_int_equal(OsSharedSealWrites(Fd), OS_OK);
    Ours[0] = 9;
    assert_int_equal(OsSharedMap(Fd, 0, PAGE, true, &Theirs), OS_E_ACCESS);
    assert_ptr_equal(Theirs, (void *)1);
    assert_int_equal(write(Fd, "x", 1), -1);
    // Not by opening it anew either, nor by making a read-only mapping writable.
    snprintf(Path, sizeof(Path), "/proc/self/fd/%d", Fd);
    Again = open(Path, O_RDWR | O_CLOEXEC);
    if (Again >= 0)
    {
        assert_int_equal(OsSharedMap(Again, 0, PAGE, true, &Theirs), OS_E_ACCESS);
        OsClose(Again);
    }
    assert_int_equal(OsSharedMap(Fd, 0, PAGE, false, &Theirs), OS_OK);
    assert_int_equal(OsPagesProtect(Theirs, PAGE, true, true), OS_E_ACCESS);
    assert_int_equal(*(char *)Theirs, 9);
    OsUnmap(Theirs, PAGE);
    OsUnmap((void *)Ours, PAGE);
    OsClose(Fd);
}

static void
SealedSealsStay(void **State)
{
    int Fd;

    (void)State;
    assert_int_equal(OsSharedCreate("test", PAGE, &Fd), OS_OK);
    assert_int_equal(OsSharedSealSeals(Fd), OS_OK);
    assert_int_equal(OsSharedSealWrites(Fd), OS_E_ACCESS);
    OsClose(Fd);
}

static void
BadSizesAreRefused(void **State)
{
    void *Address = (void *)1;
    int Fd = -7;

    (void)State;
    assert_int_equal(OsSharedCreate("test", 0, &Fd), OS_E_INVALID);
    assert_int_equal(OsSharedCreate("test", SIZE_MAX, &Fd), OS_E_INVALID);
    assert_int_equal(Fd, -7);
    assert_int_equal(OsPagesAllocate(0, &Address), OS_E_INVALID);
    assert_int_equal(OsPagesAllocate(SIZE_MAX - 1, &Address), OS_E_INVALID);
    assert_int_equal(OsPagesAllocate((size_t)1 << 60, &Address), OS_E_NO_MEMORY);
    assert_int_equal(OsSharedMap(-1, 0, PAGE, true, &Address), OS_E_INVALID);
    assert_ptr_equal(Address, (void *)1);
}

static void
ProbeTellsProtections(void **State)
{
    char *Pages;

    (void)State;
    assert_int_equal(OsPagesAllocate(4 * PAGE, (void **)&Pages), OS_OK);
    Pages[PAGE - 1] = 1;
    assert_int_equal(OsPagesProtect(Pages + PAGE, PAGE, true, false), OS_OK);
    assert_int_equal(OsPagesProtect(Pages + 2 * PAGE, PAGE, false, false), OS_OK);
    OsUnmap(Pages + 3 * PAGE, PAGE);

    assert_true(OsProbe(Pages, PAGE, true));
    assert_true(OsProbe(Pages + PAGE - 1, 1, true));
    assert_false(OsProbe(Pages + PAGE - 1, 2, true));  // one byte over, into read-only
    assert_true(OsProbe(Pages, 2 * PAGE, false));
    assert_false(OsProbe(Pages, 2 * PAGE + 1, false));
    assert_false(OsProbe(Pages + 2 * PAGE, 1, false));
    assert_false(OsProbe(Pages + 3 * PAGE, 1, false));
    assert_true(OsProbe(Pages + 3 * PAGE, 0, true));
    assert_false(OsProbe(NULL, 1, false));
    assert_false(OsProbe((void *)(UINTPTR_MAX - 4), 100, false));
    assert_false(OsProbe((void *)0xffff800000000000u, 1, false));
    assert_false(OsProbe((void *)0x4141414141414141u, 1, false));  // not canonical
    assert_true(OsProbe("constant", 8, false));
    assert_false(OsProbe("constant", 8, true));
    assert_int_equal(Pages[PAGE - 1], 1);
    OsUnmap(Pages, 3 * PAGE);
}

static void
OwnMemoryIsAllOrFault(void **State)
{
    char *Pages;
    char Copy[8] = "";
    int Memory;

    (void)State;
    assert_int_equal(OsOpenOwnMemory(&Memory), OS_OK);
    assert_int_equal(OsPagesAllocate(2 * PAGE, (void **)&Pages), OS_OK);
    memcpy(Pages, "hello", 6);
    assert_int_equal(OsMemoryRead(Memory, Copy, (uintptr_t)Pages, 6), OS_OK);
    assert_string_equal(Copy, "hello");
    assert_int_equal(OsMemoryWrite(Memory, (uintptr_t)Pages + 1, "a", 1), OS_OK);
    assert_string_equal(Pages, "hallo");
    OsUnmap(Pages + PAGE, PAGE);
    assert_int_equal(OsMemoryRead(Memory, Copy, (uintptr_t)Pages + PAGE - 4, 8), OS_E_FAULT);
    assert_int_equal(OsMemoryWrite(Memory, (uintptr_t)Pages + PAGE, "a", 1), OS_E_FAULT);
    assert_int_equal(OsMemoryRead(Memory, Copy, 0, 1), OS_E_FAULT);
    assert_int_equal(OsMemoryRead(Memory, Copy, UINT64_MAX, 1), OS_E_FAULT);
    assert_int_equal(OsMemoryWrite(Memory, UINT64_MAX - 3, "abcd", 4), OS_E_FAULT);
    OsUnmap(Pages, PAGE);
    OsClose(Memory);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(SharedPagesAreShared),
        cmocka_unit_test(SizeIsSealed),
        cmocka_unit_test(SealedWritesKeepOurMappingOnly),
        cmocka_unit_test(SealedSealsStay),
        cmocka_unit_test(BadSizesAreRefused),
        cmocka_unit_test(ProbeTellsProtections),
        cmocka_unit_test(OwnMemoryIsAllOrFault),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.memory", Tests, NULL, NULL);
}
