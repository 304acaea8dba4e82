// SPDX-License-Identifier: MIT
// The report: its form, one a process whoever fails, from any state; leaks; the levels; the names.
#include "../child.h"

#include "ke/ki.h"
#include "mm/mi.h"
#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#include <pthread.h>
#include <stdlib.h>

static void
Start(void)
{
    CHECK(NT_SUCCESS(VfStart(VfStandard)));
    CHECK(NT_SUCCESS(MmStart()));
}

BARE static void
FailForTest(void)
{
    VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0x62, 0xabc, 0, 7, "Meant for %s.",
               "tests");
}

static void
Fail(void)
{
    Start();
    FailForTest();
}

static void
a_report_has_name_code_parameters_meaning_and_stack(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(Fail, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child,
               "*** BUGCHECK 0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION (62, abc, 0, 7)\n"
               "Meant for tests.\n");
    AssertText(&Child, "\nStack:\n");
    AssertText(&Child, "FailForTest+0x");
    AssertText(&Child, "(test_report.c:");
}

static void
FailUnknown(void)
{
    Start();
    VfBugCheck(0xBADC0DE, 1, 2, 3, 4, "Nobody knows.");
}

static void
an_unknown_code_is_still_reported(void **State)
{
    (void)State;
    AssertBugCheck(FailUnknown, "*** BUGCHECK 0x0BADC0DE UNKNOWN_BUGCHECK (1, 2, 3, 4)",
                   "Nobody knows.");
}

static void
FailUnprepared(void)
{
    // Nothing was started: no thread prints for us.
    FailForTest();
}

static void
a_report_needs_no_start(void **State)
{
    (void)State;
    AssertBugCheck(FailUnprepared, "0x000000C4", "FailForTest");
}

static void
FailWithStacks(void)
{
    PVOID Frames[4];
    VF_STACK Stacks[] = {{"Made", Frames, 0}, {"Nowhere", NULL, 0}};

    Start();
    Stacks[0].Count = OsStackCapture(Frames, 4, 0);
    VfBugCheckStacks(VfBug_BAD_POOL_CALLER, 0, 0, 0, 0, Stacks, 2, "Two stacks.");
}

static void
other_stacks_are_printed_under_their_titles(void **State)
{
    (void)State;
    AssertBugCheck(FailWithStacks, "\nMade:\n", "\nNowhere:\n    (not recorded)\n");
}

// ---- Only one ----

#define THREADS 8

static pthread_barrier_t Barrier;

static void *
FailTogether(void *Context)
{
    (void)Context;
    (void)pthread_barrier_wait(&Barrier);
    FailForTest();
    return NULL;
}

static void
FailInManyThreads(void)
{
    pthread_t Threads[THREADS];

    Start();
    CHECK(pthread_barrier_init(&Barrier, NULL, THREADS) == 0);
    for (int Index = 0; Index < THREADS; Index++)
    {
        CHECK(pthread_create(&Threads[Index], NULL, FailTogether, NULL) == 0);
    }
    for (int Index = 0; Index < THREADS; Index++)
    {
        (void)pthread_join(Threads[Index], NULL);
    }
}

static void
many_failing_threads_make_one_report(void **State)
{
    (void)State;
    for (int Round = 0; Round < 10; Round++)
    {
        AssertBugCheck(FailInManyThreads, "0x000000C4", "FailForTest");
    }
}

static void
FailWithLocks(void)
{
    static OS_LOCK Lock = OS_LOCK_INIT;

    Start();
    OsLockAcquire(&Lock);
    // Pool, with its lock held: a double free is found inside.
    PVOID Block = ExAllocatePool(NonPagedPoolNx, 10);
    ExFreePool(Block);
    ExFreePool(Block);
}

static void
locks_that_are_held_do_not_matter(void **State)
{
    (void)State;
    AssertBugCheck(FailWithLocks, "0x000000C2 BAD_POOL_CALLER", "freed twice");
}

static void
FailWithOutput(void)
{
    Start();
    // Into the same stream as the report, buffered: what was printed before must come first... or at
    // least come.
    (void)dup2(2, 1);
    printf("printed before");
    FailForTest();
}

static void
buffered_output_is_not_lost(void **State)
{
    (void)State;
    AssertBugCheck(FailWithOutput, "0x000000C4", "printed before");
}

// ---- Leaks ----

static void
LeakNothing(void)
{
    Start();
    CHECK(VfLeakCount() == 0);
    VfFinishLeakReport("nothing");
    MmStop();
}

static void
no_leak_is_no_report(void **State)
{
    (void)State;
    AssertClean(LeakNothing);
}

BARE static void
CaptureForTest(PVOID *Frames, ULONG Count)
{
    (void)OsStackCapture(Frames, Count, 0);
    KEEP_FRAME();
}

static void
LeakThings(void)
{
    PVOID Frames[8] = {NULL};

    Start();
    CaptureForTest(Frames, 7);
    for (int Index = 0; Index < 5; Index++)
    {
        VfLeak(Frames, 8, "a thing of kind %d", Index / 3);
    }
    VfLeak(NULL, 0, "a thing without a stack");
    CHECK(VfLeakCount() == 6);
    VfFinishLeakReport("the test's end");
}

static void
equal_leaks_are_counted_together(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(LeakThings, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "DRIVER_VERIFIER_DETECTED_VIOLATION (62, 0, 0, 6)\n"
                       "6 left behind at the test's end");
    AssertText(&Child, "Left behind: a thing of kind 0 (3 times)\n");
    AssertText(&Child, "Left behind: a thing of kind 1 (2 times)\n");
    AssertText(&Child, "Left behind: a thing without a stack\n");
    AssertText(&Child, "CaptureForTest");
}

static void
LeakManyKinds(void)
{
    Start();
    for (int Index = 0; Index < 1000; Index++)
    {
        VfLeak(NULL, 0, "thing %d", Index);
    }
    CHECK(VfLeakCount() == 1000);
    VfFinishLeakReport("the test's end");
}

static void
leaks_without_an_entry_are_counted(void **State)
{
    (void)State;
    AssertBugCheck(LeakManyKinds, "1000 left behind", "And 936 more.");
}

static void
StartAnew(void)
{
    Start();
    VfLeak(NULL, 0, "a thing");
    CHECK(VfLeakCount() == 1);
    MmStop();
}

static void
ForgetLeaks(void)
{
    Start();
    CHECK(NT_SUCCESS(VfStart(VfFull)) && VfLevel == VfFull);
    VfLeak(NULL, 0, "a thing");
    CHECK(NT_SUCCESS(VfStart(VfOff)) && VfLevel == VfOff && VfLeakCount() == 0);
    CHECK(VfStart((VF_LEVEL)3) == STATUS_INVALID_PARAMETER && VfLevel == VfOff);
    VfFinishLeakReport("nothing");
    MmStop();
}

static void
leaks_do_not_survive_a_start(void **State)
{
    (void)State;
    AssertBugCheck(StartAnew, "1 left behind at stop", "a thing");
    AssertClean(ForgetLeaks);
}

// ---- Checks ----

static void
FailHostLock(void)
{
    static OS_LOCK Lock = OS_LOCK_INIT;

    Start();
    OsLockAcquire(&Lock);
    VfFatalHostLock();
}

static void
a_host_lock_is_the_hosts_own_fault(void **State)
{
    (void)State;
    AssertBugCheck(FailHostLock, "0x000000C4", "a defect of nthost");
}

static void
names_of_codes(void **State)
{
    (void)State;
    assert_string_equal(VfBugCodeName(0x0A), "IRQL_NOT_LESS_OR_EQUAL");
    assert_string_equal(VfBugCodeName(0xC4), "DRIVER_VERIFIER_DETECTED_VIOLATION");
    assert_string_equal(VfBugCodeName(0xD1), "DRIVER_IRQL_NOT_LESS_OR_EQUAL");
    assert_string_equal(VfBugCodeName(0x139), "KERNEL_SECURITY_CHECK_FAILURE");
    assert_null(VfBugCodeName(0xBADC0DE));
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(a_report_has_name_code_parameters_meaning_and_stack),
        cmocka_unit_test(an_unknown_code_is_still_reported),
        cmocka_unit_test(a_report_needs_no_start),
        cmocka_unit_test(other_stacks_are_printed_under_their_titles),
        cmocka_unit_test(many_failing_threads_make_one_report),
        cmocka_unit_test(locks_that_are_held_do_not_matter),
        cmocka_unit_test(buffered_output_is_not_lost),
        cmocka_unit_test(no_leak_is_no_report),
        cmocka_unit_test(equal_leaks_are_counted_together),
        cmocka_unit_test(leaks_without_an_entry_are_counted),
        cmocka_unit_test(leaks_do_not_survive_a_start),
        cmocka_unit_test(a_host_lock_is_the_hosts_own_fault),
        cmocka_unit_test(names_of_codes),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
