// SPDX-License-Identifier: MIT
// Access to callers' memory: good and bad addresses, local and through a descriptor, and guards.
#include "host.h"

#include "mm/mip.h"

#define UNMAPPED      ((char *)0x10000)
#define NOT_CANONICAL ((char *)0x8000000000000000ull)
#define LAST          ((char *)UINTPTR_MAX)

static char *
Pages(int Count)
{
    void *Address;

    CHECK(OsPagesAllocate((size_t)Count * PAGE_SIZE, &Address) == OS_OK);
    return Address;
}

static void
CopyBothWays(void)
{
    char *Memory = Pages(2);
    char Here[64];

    memset(Memory, 0x11, 2 * PAGE_SIZE);
    CHECK(MmCopyFromCaller(Here, Memory + PAGE_SIZE - 32, 64) == STATUS_SUCCESS);
    for (int Index = 0; Index < 64; Index++)
    {
        CHECK(Here[Index] == 0x11);
    }
    memset(Here, 0x22, sizeof(Here));
    CHECK(MmCopyToCaller(Memory + PAGE_SIZE - 32, Here, 64) == STATUS_SUCCESS);
    CHECK(Memory[PAGE_SIZE - 33] == 0x11 && Memory[PAGE_SIZE - 32] == 0x22);
    CHECK(Memory[PAGE_SIZE + 31] == 0x22 && Memory[PAGE_SIZE + 32] == 0x11);
    CHECK(MmCopyFromCaller(Here, UNMAPPED, 0) == STATUS_SUCCESS);
    CHECK(MmCopyToCaller(UNMAPPED, Here, 0) == STATUS_SUCCESS);
    CHECK(MmProbeCaller(UNMAPPED, 0, TRUE) == STATUS_SUCCESS);
    CHECK(MmProbeCaller(Memory + 1, 2 * PAGE_SIZE - 1, TRUE) == STATUS_SUCCESS);
    CHECK(MmWriteCallerOfThread(PspCurrentThread(), Memory, "x", 1) == STATUS_SUCCESS);
    CHECK(Memory[0] == 'x');
    OsUnmap(Memory, 2 * PAGE_SIZE);
}

static void
CopyBadly(void)
{
    static char *const Bad[] = {NULL, UNMAPPED, NOT_CANONICAL, LAST};
    char Here[64];

    for (size_t Index = 0; Index < sizeof(Bad) / sizeof(Bad[0]); Index++)
    {
        // Again and again: what a fault leaves behind (signal mask, guards) must not show.
        for (int Round = 0; Round < 3; Round++)
        {
            CHECK(MmCopyFromCaller(Here, Bad[Index], 64) == STATUS_ACCESS_VIOLATION);
            CHECK(MmCopyToCaller(Bad[Index], Here, 64) == STATUS_ACCESS_VIOLATION);
            CHECK(MmProbeCaller(Bad[Index], 64, FALSE) == STATUS_ACCESS_VIOLATION);
            CHECK(MmProbeCaller(Bad[Index], 64, TRUE) == STATUS_ACCESS_VIOLATION);
        }
    }
    CHECK(KiCurrentThread->ExceptionFrame == NULL);
}

// The second page of two is not there.
static void
CopyAcrossTheEnd(void)
{
    char *Memory = Pages(2);
    char Here[64];

    OsUnmap(Memory + PAGE_SIZE, PAGE_SIZE);
    CHECK(MmCopyFromCaller(Here, Memory + PAGE_SIZE - 32, 64) == STATUS_ACCESS_VIOLATION);
    CHECK(MmProbeCaller(Memory + PAGE_SIZE - 32, 64, FALSE) == STATUS_ACCESS_VIOLATION);
    CHECK(MmCopyFromCaller(Here, Memory + PAGE_SIZE - 64, 64) == STATUS_SUCCESS);
    OsUnmap(Memory, PAGE_SIZE);
}

static void
Local(void)
{
    NTHOST_PROCESS *Process;
    char *ReadOnly;
    char Here[8] = "";

    StartHost();
    Process = BecomeApplication();
    CopyBothWays();
    CopyBadly();
    CopyAcrossTheEnd();
    ReadOnly = Pages(1);
    CHECK(OsPagesProtect(ReadOnly, PAGE_SIZE, true, false) == OS_OK);
    CHECK(MmProbeCaller(ReadOnly, 8, FALSE) == STATUS_SUCCESS);
    CHECK(MmProbeCaller(ReadOnly, 8, TRUE) == STATUS_ACCESS_VIOLATION);
    CHECK(MmCopyFromCaller(Here, ReadOnly, 8) == STATUS_SUCCESS);
    CHECK(MmCopyToCaller(ReadOnly, Here, 8) == STATUS_ACCESS_VIOLATION);
    OsUnmap(ReadOnly, PAGE_SIZE);
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_local_callers_bad_addresses_are_a_status(void **State)
{
    (void)State;
    AssertClean(Local);
}

static void
Remote(void)
{
    NTHOST_PROCESS *Process;

    StartHost();
    Process = BecomeApplication();
    BecomeRemote();
    CopyBothWays();
    CopyBadly();
    CopyAcrossTheEnd();
    BecomeLocal();
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_remote_callers_bad_addresses_are_a_status(void **State)
{
    (void)State;
    AssertClean(Remote);
}

// ---- Windows ----

static const char *WindowLow;
static int WindowCalls;

static BOOLEAN
ReadWindow(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size)
{
    CHECK(Thread == PspCurrentThread());
    WindowCalls++;
    if (From != WindowLow)
    {
        return FALSE;
    }
    memset(To, 0x77, Size);
    return TRUE;
}

static BOOLEAN
WriteWindow(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size)
{
    (void)From;
    (void)Size;
    CHECK(Thread == PspCurrentThread());
    WindowCalls++;
    return To == WindowLow;
}

static void
Windows(void)
{
    static const MI_WINDOW_OPERATIONS Operations = {ReadWindow, WriteWindow};
    NTHOST_PROCESS *Process;
    char Window[8] = "window";
    char Outside[8] = "outside";
    char Here[8];

    StartHost();
    Process = BecomeApplication();
    MiWindows = &Operations;
    WindowLow = Window;
    // A local caller has none.
    CHECK(MmCopyFromCaller(Here, Window, 8) == STATUS_SUCCESS && Here[0] == 'w' &&
          WindowCalls == 0);
    BecomeRemote();
    CHECK(MmCopyFromCaller(Here, Window, 8) == STATUS_SUCCESS && Here[0] == 0x77);
    CHECK(MmCopyFromCaller(Here, Outside, 8) == STATUS_SUCCESS && Here[0] == 'o');
    CHECK(MmCopyToCaller(Window, "changed", 8) == STATUS_SUCCESS && Window[0] == 'w');
    CHECK(MmCopyToCaller(Outside, "changed", 8) == STATUS_SUCCESS && Outside[0] == 'c');
    CHECK(WindowCalls == 4);
    // Completion in any context has none either.
    CHECK(MmWriteProcess(PspCurrentProcess(), Window, "written", 8) == STATUS_SUCCESS);
    CHECK(strcmp(Window, "written") == 0 && WindowCalls == 4);
    BecomeLocal();
    MiWindows = NULL;
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
windows_come_before_the_descriptor(void **State)
{
    (void)State;
    AssertClean(Windows);
}

// ---- Guards ----

BARE static void
ReadBadly(void *Context)
{
    (void)*(volatile char *)Context;
}

static void
NestGuards(void *Context)
{
    int *Passed = Context;

    CHECK(MiGuarded(ReadBadly, UNMAPPED) == STATUS_ACCESS_VIOLATION);
    ++*Passed;
    CHECK(MiGuarded(ReadBadly, Passed) == STATUS_SUCCESS);
    ++*Passed;
    ReadBadly(NOT_CANONICAL);
    ++*Passed;
}

static void
Guards(void)
{
    int Passed = 0;

    StartHost();
    CHECK(MiGuarded(NestGuards, &Passed) == STATUS_ACCESS_VIOLATION);
    CHECK(Passed == 2 && KiCurrentThread->ExceptionFrame == NULL);
    CHECK(MiGuarded(ReadBadly, UNMAPPED) == STATUS_ACCESS_VIOLATION);
    NthostStop();
}

static void
guards_nest(void **State)
{
    (void)State;
    AssertClean(Guards);
}

static void
CopyToBadKernelAddress(void)
{
    char Good[8] = "";

    StartHost();
    (void)BecomeApplication();
    (void)MmCopyFromCaller(UNMAPPED, Good, sizeof(Good));
}

static void
a_fault_on_the_kernels_side_of_a_copy_is_a_bugcheck(void **State)
{
    (void)State;
#if defined(MIP_ASAN)
    print_message(
        "skipped: the address sanitizer's memcpy faults in its shadow first, whose address "
        "does not tell the two sides apart\n");
    skip();
#endif
    AssertBugCheck(CopyToBadKernelAddress, "0x00000050 PAGE_FAULT_IN_NONPAGED_AREA (10000, 1,",
                   "was written");
}

static void
ValidAddresses(void)
{
    char Here = 0;

    StartHost();
    CHECK(MmIsAddressValid(&Here));
    CHECK(!MmIsAddressValid(UNMAPPED) && !MmIsAddressValid(NULL));
    CHECK(!MmIsAddressValid(NOT_CANONICAL) && !MmIsAddressValid(LAST));
    NthostStop();
}

static void
addresses_are_told_valid(void **State)
{
    (void)State;
    AssertClean(ValidAddresses);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(a_local_callers_bad_addresses_are_a_status),
        cmocka_unit_test(a_remote_callers_bad_addresses_are_a_status),
        cmocka_unit_test(windows_come_before_the_descriptor),
        cmocka_unit_test(guards_nest),
        cmocka_unit_test(a_fault_on_the_kernels_side_of_a_copy_is_a_bugcheck),
        cmocka_unit_test(addresses_are_told_valid),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
