// SPDX-License-Identifier: MIT
// DbgPrint: lines arrive whole, whoever prints; and what an assertion does.
#include "test.h"

#include "os/os.h"
#include "verifier/bugcodes.h"

#include <fcntl.h>
#include <unistd.h>

static char Captured[8192];

// Runs Routine with standard error redirected to a pipe (its output must fit the pipe's 64 KiB).
static void
Capture(void (*Routine)(void))
{
    int Ends[2];
    int Former = dup(STDERR_FILENO);
    ssize_t Length;

    assert_int_equal(pipe(Ends), 0);
    assert_true(dup2(Ends[1], STDERR_FILENO) >= 0);
    Routine();
    assert_true(dup2(Former, STDERR_FILENO) >= 0);
    OsClose(Former);
    OsClose(Ends[1]);
    Length = read(Ends[0], Captured, sizeof(Captured) - 1);
    assert_true(Length >= 0);
    Captured[Length] = 0;
    OsClose(Ends[0]);
}

static void
PrintPieces(void)
{
    DbgPrint("one ");
    DbgPrint("%s\n", "line");
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "two\nand a half");
}

static void
PiecesBecomeLines(void **State)
{
    (void)State;
    Capture(PrintPieces);
    assert_string_equal(Captured, "one line\ntwo\n");  // the rest waits for its end
    Capture(RtlpFlushDebugOutput);
    assert_string_equal(Captured, "and a half\n");
    Capture(RtlpFlushDebugOutput);
    assert_string_equal(Captured, "");
}

static void
PrintOther(void *Context)
{
    (void)Context;
    DbgPrint("other\n");
}

static void
PrintInterrupted(void)
{
    OS_THREAD *Thread;

    DbgPrint("begun");
    assert_int_equal(OsThreadStart(PrintOther, NULL, "other", &Thread), OS_OK);
    OsThreadJoin(Thread);
    DbgPrint(" ended\n");
}

static void
AnotherThreadGetsItsOwnLine(void **State)
{
    (void)State;
    Capture(PrintInterrupted);
    assert_string_equal(Captured, "begun\nother\n ended\n");
}

static void
PrintLong(void)
{
    char Text[600];

    memset(Text, 'x', sizeof(Text));
    Text[sizeof(Text) - 2] = '\n';
    Text[sizeof(Text) - 1] = 0;
    DbgPrint("%s", Text);
}

static void
LongTextIsCutOffAtALine(void **State)
{
    (void)State;
    Capture(PrintLong);
    assert_int_equal(strlen(Captured), 512);
    assert_int_equal(Captured[510], 'x');
    assert_int_equal(Captured[511], '\n');
}

static void
Fail(void)
{
    if (setjmp(BugCheckJump) == 0)
    {
        RtlAssert((PVOID) "Value > 0", (PVOID) "driver.c", 42, NULL);
    }
}

static void
AssertionIsABugcheck(void **State)
{
    (void)State;
    Capture(Fail);
    assert_non_null(strstr(Captured, "*** Assertion failed: Value > 0\n"));
    assert_non_null(strstr(Captured, "driver.c, line 42\n"));
    assert_int_equal(BugCheckCode, VfBug_KMODE_EXCEPTION_NOT_HANDLED);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(PiecesBecomeLines),
        cmocka_unit_test(AnotherThreadGetsItsOwnLine),
        cmocka_unit_test(LongTextIsCutOffAtALine),
        cmocka_unit_test(AssertionIsABugcheck),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("rtl.debug", Tests, NULL, NULL);
}
