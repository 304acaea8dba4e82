// SPDX-License-Identifier: MIT
// Loading modules: what loads, what does not, and that every reason is told.
#define _GNU_SOURCE
#include "test.h"

#include "host/os/os_elf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD    TEST_MODULE_DIRECTORY "/os_module_good.sys"
#define MISSING TEST_MODULE_DIRECTORY "/os_module_missing.sys"
#define OTHER   TEST_MODULE_DIRECTORY "/os_module_other.sys"

static void
GoodModuleLoadsAndUnloads(void **State)
{
    OS_MODULE *Module = NULL;
    OS_MODULE *Second = NULL;
    char Message[256] = "poison";
    char Text[256];
    int (*Entry)(int);

    (void)State;
    // What is loaded after the first look must be seen too.
    OsStackSymbol((char *)OsModuleLoad + 4, Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "OsModuleLoad+0x4"), Text);
    for (unsigned Round = 0; Round < 2; Round++)
    {
        assert_int_equal(OsModuleLoad(GOOD, &Module, Message, sizeof(Message)), OS_OK);
        assert_string_equal(Message, "");
        Entry = (int (*)(int))OsModuleSymbol(Module, "DriverEntry");
        assert_non_null(Entry);
        assert_int_equal(Entry(-4), 5);  // its static data is new each time
        assert_true(OsModuleContains(Module, (void *)Entry));
        assert_false(OsModuleContains(Module, (void *)OsModuleLoad));
        assert_true(OsSelfContains((void *)OsModuleLoad));
        assert_false(OsSelfContains((void *)Entry));
        assert_null(OsModuleSymbol(Module, "NoSuchName"));
        assert_null(OsModuleSymbol(Module, "strtol"));  // another library's
        OsStackSymbol((char *)Entry + 1, Text, sizeof(Text));
        assert_ptr_equal(strstr(Text, "DriverEntry+0x1 (module_good.c:"), Text);
        assert_non_null(strstr(Text, " [os_module_good.sys]"));
        assert_int_equal(OsModuleLoad(GOOD, &Second, Message, sizeof(Message)), OS_E_EXISTS);
        assert_string_equal(Message, "it is loaded already");
        assert_null(Second);
        OsModuleUnload(Module);
    }
}

static void
EveryMissingSymbolIsNamed(void **State)
{
    OS_MODULE *Module = NULL;
    char Message[512];
    char Short[48];

    (void)State;
    assert_int_equal(OsModuleLoad(MISSING, &Module, Message, sizeof(Message)), OS_E_INVALID);
    assert_null(Module);
    assert_non_null(strstr(Message, "NoSuchFunctionOne"));
    assert_non_null(strstr(Message, "NoSuchFunctionTwo"));
    assert_non_null(strstr(Message, "NoSuchVariable"));
    assert_null(strstr(Message, "OptionalFunction"));
    assert_null(strstr(Message, "DriverEntry"));
    // Cut off, not overrun.
    memset(Short, 'x', sizeof(Short));
    assert_int_equal(OsModuleLoad(MISSING, &Module, Short, 20), OS_E_INVALID);
    assert_int_equal(strlen(Short), 19);
    assert_int_equal(Short[20], 'x');
}

static void
AnotherModulesEntryIsNone(void **State)
{
    OS_MODULE *Module = NULL;
    char Message[256];

    (void)State;
    assert_int_equal(OsModuleLoad(OTHER, &Module, Message, sizeof(Message)), OS_OK);
    assert_null(OsModuleSymbol(Module, "DriverEntry"));
    assert_non_null(OsModuleSymbol(Module, "OtherFunction"));
    OsModuleUnload(Module);
}

static void
ABareNameIsAFileHere(void **State)
{
    OS_MODULE *Module = NULL;
    char Message[256];

    (void)State;
    assert_int_equal(chdir("/"), 0);
    // The system has one of that name in its library path: not what is meant.
    assert_int_equal(OsModuleLoad("libc.so.6", &Module, Message, sizeof(Message)), OS_E_NOT_FOUND);
    assert_string_equal(Message, "there is no such file");
    assert_int_equal(chdir(TEST_MODULE_DIRECTORY), 0);
    assert_int_equal(OsModuleLoad("os_module_good.sys", &Module, Message, sizeof(Message)), OS_OK);
    OsModuleUnload(Module);
}

static void
LoadBytes(const void *Bytes, size_t Size, int Expected, const char *Reason)
{
    OS_MODULE *Module = NULL;
    char Path[] = "/tmp/nthost-unit-XXXXXX";
    char Message[256];
    int Fd = mkstemp(Path);

    assert_true(Fd >= 0);
    assert_int_equal(write(Fd, Bytes, Size), (ssize_t)Size);
    OsClose(Fd);
    assert_int_equal(OsModuleLoad(Path, &Module, Message, sizeof(Message)), Expected);
    (void)unlink(Path);
    assert_null(Module);
    assert_non_null(strstr(Message, Reason));
}

static void
OtherFilesAreExplained(void **State)
{
    OS_MODULE *Module = NULL;
    char Message[256];
    char Self[512];

    (void)State;
    LoadBytes("hello, this is no driver at all", 31, OS_E_INVALID, "not an ELF file");
    LoadBytes("", 0, OS_E_INVALID, "not an ELF file");
    LoadBytes("MZ\220\0\3\0\0\0", 8, OS_E_INVALID, "Windows binary");
    assert_int_equal(OsModuleLoad("/tmp", &Module, Message, sizeof(Message)), OS_E_INVALID);
    assert_non_null(strstr(Message, "not a regular file"));
    assert_int_equal(OsModuleLoad("/no/such/file.sys", &Module, Message, sizeof(Message)),
                     OS_E_NOT_FOUND);
    Message[0] = '\0';
    assert_int_equal(OsModuleLoad(TEST_OBJECT, &Module, Message, sizeof(Message)), OS_E_INVALID);
    assert_non_null(strstr(Message, "not linked yet"));
    // An executable: the loader refuses it, and its words are passed on.
    assert_int_equal(OsSelfPath(Self, sizeof(Self)), OS_OK);
    assert_non_null(strstr(Self, "unit_os_module"));
    Message[0] = '\0';
    assert_int_not_equal(OsModuleLoad(Self, &Module, Message, sizeof(Message)), OS_OK);
    assert_string_not_equal(Message, "");
    assert_null(Module);
    assert_int_equal(OsSelfPath(Self, 3), OS_E_NO_SPACE);
}

static bool
CountSymbol(void *Context, const OS_ELF_SYMBOL *Symbol)
{
    unsigned *Count = Context;

    assert_true(strlen(Symbol->Name) > 0);
    *Count += 1;
    return true;
}

// Every truncation and many damages of a real module: an error or a walk within bounds, never a crash
// (the address sanitizer watches).
static void
DamagedFilesDoNotCrashTheReader(void **State)
{
    char Path[] = "/tmp/nthost-unit-XXXXXX";
    unsigned char *Bytes;
    struct stat Status;
    uint64_t Random = 12345;
    int Source = open(OTHER, O_RDONLY | O_CLOEXEC);
    int Fd = mkstemp(Path);

    (void)State;
    assert_true(Source >= 0 && Fd >= 0);
    assert_int_equal(fstat(Source, &Status), 0);
    Bytes = malloc((size_t)Status.st_size);
    assert_int_equal(read(Source, Bytes, (size_t)Status.st_size), Status.st_size);
    for (unsigned Round = 0; Round < 600; Round++)
    {
        char Message[128] = "";
        unsigned Count = 0;
        size_t Ignored;
        size_t Size = (size_t)Status.st_size;
        OS_ELF *Elf;

        if (Round % 3 == 0)
        {
            Size = Size * (Round / 3) / 200;
        }
        assert_int_equal(pwrite(Fd, Bytes, Size, 0), (ssize_t)Size);
        assert_int_equal(ftruncate(Fd, (off_t)Size), 0);
        for (unsigned Damage = 0; Round % 3 != 0 && Damage < 8; Damage++)
        {
            uint64_t Value;
            // The tables' descriptions: the header, or the section headers at the end.
            off_t At;

            Random = Random * 6364136223846793005u + 1442695040888963407u;
            At = Round % 3 == 1 ? (off_t)((Random >> 33) % 64)
                                : (off_t)(Size - 1 - (Random >> 33) % 2048);
            Value = Random >> 56;
            assert_int_equal(pwrite(Fd, &Value, 1, At), 1);
        }
        if (OsElfOpen(Path, &Elf, Message, sizeof(Message)) == OS_OK)
        {
            OsElfSymbols(Elf, CountSymbol, &Count);
            (void)OsElfNeeded(Elf, 0);
            (void)OsElfSection(Elf, ".text", &Ignored);
            OsElfClose(Elf);
        }
        else
        {
            assert_null(Elf);
            assert_string_not_equal(Message, "");
        }
    }
    free(Bytes);
    OsClose(Source);
    OsClose(Fd);
    (void)unlink(Path);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(GoodModuleLoadsAndUnloads),
        cmocka_unit_test(EveryMissingSymbolIsNamed),
        cmocka_unit_test(AnotherModulesEntryIsNone),
        cmocka_unit_test(ABareNameIsAFileHere),
        cmocka_unit_test(OtherFilesAreExplained),
        cmocka_unit_test(DamagedFilesDoNotCrashTheReader),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.module", Tests, NULL, NULL);
}
