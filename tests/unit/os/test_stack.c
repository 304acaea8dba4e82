// SPDX-License-Identifier: MIT
// Stack capture on all kinds of threads, and the text of a frame.
#define _GNU_SOURCE
#include "test.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef struct CAPTURE
{
    void *Frames[32];
    unsigned Count;
} CAPTURE;

#if defined(__clang__)
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noinline, noipa))
#endif

// Not a tail call: the caller stays on the stack.
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

KEPT static int
InnerFunction(CAPTURE *Capture)
{
    Capture->Count = OsStackCapture(Capture->Frames, 32, 0);
    KEEP_FRAME();
    return 1;
}

KEPT static int
MiddleFunction(CAPTURE *Capture)
{
    int Depth = InnerFunction(Capture);

    KEEP_FRAME();
    return Depth + 1;
}

KEPT static int
OuterFunction(CAPTURE *Capture)
{
    int Depth = MiddleFunction(Capture);

    KEEP_FRAME();
    return Depth + 1;
}

static void
CheckNested(const CAPTURE *Capture)
{
    static const char *const Expected[] = {"InnerFunction+0x", "MiddleFunction+0x",
                                           "OuterFunction+0x"};
    char Text[256];

    assert_true(Capture->Count >= 4);
    for (unsigned Index = 0; Index < 3; Index++)
    {
        OsStackSymbol(Capture->Frames[Index], Text, sizeof(Text));
        assert_ptr_equal(strstr(Text, Expected[Index]), Text);
        assert_non_null(strstr(Text, "(test_stack.c:"));
        assert_non_null(strstr(Text, " [unit_os_stack]"));
    }
}

static void
NestedFunctionsAreCaptured(void **State)
{
    CAPTURE Capture;
    void *Skipped[2];
    unsigned Count;

    (void)State;
    assert_int_equal(OuterFunction(&Capture), 3);
    CheckNested(&Capture);
    assert_int_equal(OsStackCapture(Skipped, 0, 0), 0);
    Count = OsStackCapture(Skipped, 2, 1000);
    assert_int_equal(Count, 0);
}

static void
CaptureInOsThread(void *Context)
{
    (void)OuterFunction(Context);
}

static void *
CaptureInForeignThread(void *Context)
{
    CAPTURE *Captures = Context;

    (void)OuterFunction(&Captures[0]);  // stack bounds unknown
    (void)OsThreadSelfId();
    (void)OuterFunction(&Captures[1]);  // known
    return NULL;
}

static void
EveryThreadCanCapture(void **State)
{
    CAPTURE Capture;
    CAPTURE Foreign[2];
    OS_THREAD *Thread;
    pthread_t Handle;

    (void)State;
    assert_int_equal(OsThreadStart(CaptureInOsThread, &Capture, "stack", &Thread), OS_OK);
    OsThreadJoin(Thread);
    CheckNested(&Capture);
    assert_int_equal(pthread_create(&Handle, NULL, CaptureInForeignThread, Foreign), 0);
    assert_int_equal(pthread_join(Handle, NULL), 0);
    CheckNested(&Foreign[0]);
    CheckNested(&Foreign[1]);
}

static void
GarbageFramePointersEndTheWalk(void **State)
{
    void *Frames[8];
    uintptr_t Fake[8];
    int Marker;

    (void)State;
    (void)OsThreadSelfId();
    assert_int_equal(OsStackCaptureFrom(&Marker, NULL, Frames, 8), 1);
    assert_ptr_equal(Frames[0], (char *)&Marker + 1);
    assert_int_equal(OsStackCaptureFrom(&Marker, (void *)0x4141414141414141u, Frames, 8), 1);
    assert_int_equal(OsStackCaptureFrom(&Marker, (void *)UINTPTR_MAX, Frames, 8), 1);
    assert_int_equal(OsStackCaptureFrom(&Marker, (void *)(UINTPTR_MAX - 7), Frames, 8), 1);
    assert_int_equal(OsStackCaptureFrom(&Marker, (char *)Fake + 1, Frames, 8), 1);
    assert_int_equal(OsStackCaptureFrom(&Marker, NULL, Frames, 0), 0);
    // A frame that points to itself, and one that points down: one entry each, no loop.
    Fake[0] = (uintptr_t)&Fake[0];
    Fake[1] = 0x123456;
    assert_int_equal(OsStackCaptureFrom(&Marker, &Fake[0], Frames, 8), 2);
    assert_ptr_equal(Frames[1], (void *)0x123456);
    Fake[4] = (uintptr_t)&Fake[0];
    Fake[5] = 0x654321;
    assert_int_equal(OsStackCaptureFrom(&Marker, &Fake[4], Frames, 8), 2);
    // A small return address is none.
    Fake[5] = 7;
    assert_int_equal(OsStackCaptureFrom(&Marker, &Fake[4], Frames, 8), 1);
}

static void
UnknownAddressesHaveAText(void **State)
{
    char Text[256];
    void *Page;
    void *Libc = dlsym(RTLD_DEFAULT, "getpid");

    (void)State;
    OsStackSymbol(NULL, Text, sizeof(Text));
    assert_string_equal(Text, "0x0");
    OsStackSymbol((void *)0x1234, Text, sizeof(Text));
    assert_string_equal(Text, "0x1234");
    assert_int_equal(OsPagesAllocate(4096, &Page), OS_OK);
    OsStackSymbol((char *)Page + 16, Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "0x"), Text);
    OsUnmap(Page, 4096);
    OsStackSymbol(Page, Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "0x"), Text);
    OsStackSymbol((char *)Libc + 4, Text, sizeof(Text));
    assert_non_null(strstr(Text, "[libc.so.6]"));
    Text[1] = 'x';
    OsStackSymbol(Libc, Text, 1);
    assert_string_equal(Text, "");
    assert_int_equal(Text[1], 'x');
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(NestedFunctionsAreCaptured),
        cmocka_unit_test(EveryThreadCanCapture),
        cmocka_unit_test(GarbageFramePointersEndTheWalk),
        cmocka_unit_test(UnknownAddressesHaveAText),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.stack", Tests, NULL, NULL);
}
