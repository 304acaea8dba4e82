// SPDX-License-Identifier: MIT
// Fault handling, each fault in a process of its own: what the handler is told, and what ends how.
#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACCESSED ((void *)0x10)

#if defined(__clang__)
#define BARE __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#else
#define BARE __attribute__((noipa, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif

// Shared with the forked child, which cannot assert.
typedef struct REPORT
{
    OS_FAULT Fault;
    void *Frames[16];
    unsigned FrameCount;
    unsigned Calls;
    bool OnAltStack;
} REPORT;
static REPORT *Report;
static sigjmp_buf Escape;

BARE static void
ReadFrom(volatile int *Address)
{
    (void)*Address;
}

BARE static void
WriteTo(volatile int *Address)
{
    *Address = 1;
}

BARE static void
DivideBy(volatile int *Divisor)
{
    volatile int Quotient = 7 / *Divisor;

    (void)Quotient;
}

// Not a tail call: the caller stays on the stack.
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

BARE static unsigned
Overflow(volatile unsigned *Depth)
{
    volatile char Room[4096];

    Room[0] = (char)*Depth;
    *Depth += 1;
    return *Depth == UINT32_MAX ? 0 : Overflow(Depth) + (unsigned)Room[0];
}

static void
Record(const OS_FAULT *Fault)
{
    stack_t Stack;

    Report->Fault = *Fault;
    Report->Calls++;
    Report->FrameCount =
        OsStackCaptureFrom(Fault->Instruction, Fault->FramePointer, Report->Frames, 16);
    Report->OnAltStack = sigaltstack(NULL, &Stack) == 0 && (Stack.ss_flags & SS_ONSTACK) != 0;
}

static bool
RecordAndExit(const OS_FAULT *Fault)
{
    Record(Fault);
    OsExit(77);
}

static bool
RecordAndReturn(const OS_FAULT *Fault)
{
    Record(Fault);
    return true;
}

static bool
RecordAndJump(const OS_FAULT *Fault)
{
    Record(Fault);
    siglongjmp(Escape, 1);
}

static bool
FaultAgain(const OS_FAULT *Fault)
{
    (void)Fault;
    ReadFrom(ACCESSED);
    return true;
}

// Runs Routine in a child and returns its wait status.
static __attribute__((noinline)) int
InChild(void (*Routine)(void))
{
    pid_t Child;
    int Status;

    Report = mmap(NULL, sizeof(*Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(Report != MAP_FAILED);
    Child = fork();
    assert_true(Child >= 0);
    if (Child == 0)
    {
        (void)close(STDERR_FILENO);  // what the default course prints is not this test's output
        Routine();
        _exit(99);
    }
    assert_int_equal(waitpid(Child, &Status, 0), Child);
    return Status;
}

static void
ReadFault(void)
{
    OsFaultInstall(RecordAndExit);
    ReadFrom(ACCESSED);
    KEEP_FRAME();
}

static void
ReadIsDescribed(void **State)
{
    char Text[256];
    int Status = InChild(ReadFault);

    (void)State;
    assert_true(WIFEXITED(Status));
    assert_int_equal(WEXITSTATUS(Status), 77);
    assert_int_equal(Report->Fault.Kind, OS_FAULT_ACCESS);
    assert_ptr_equal(Report->Fault.Address, ACCESSED);
    assert_false(Report->Fault.Write);
    assert_true(Report->OnAltStack);
    assert_true(Report->FrameCount >= 3);
    OsStackSymbol(Report->Frames[0], Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "ReadFrom+0x"), Text);
    OsStackSymbol(Report->Frames[1], Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "ReadFault+0x"), Text);
}

static void
CallNothing(void)
{
    void (*volatile Nothing)(void) = NULL;

    OsFaultInstall(RecordAndExit);
    Nothing();
    KEEP_FRAME();
}

static void
CallerOfNothingIsNamed(void **State)
{
    char Text[256];
    int Status = InChild(CallNothing);

    (void)State;
    assert_true(WIFEXITED(Status) && WEXITSTATUS(Status) == 77);
    assert_null(Report->Fault.Instruction);
    assert_null(Report->Fault.Address);
    assert_true(Report->FrameCount >= 3);
    OsStackSymbol(Report->Frames[1], Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "CallNothing+0x"), Text);
    OsStackSymbol(Report->Frames[2], Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "InChild+0x"), Text);
}

static void
WriteFault(void)
{
    OsFaultInstall(RecordAndExit);
    WriteTo(ACCESSED);
}

static void
WriteIsDescribed(void **State)
{
    int Status = InChild(WriteFault);

    (void)State;
    assert_true(WIFEXITED(Status) && WEXITSTATUS(Status) == 77);
    assert_int_equal(Report->Fault.Kind, OS_FAULT_ACCESS);
    assert_ptr_equal(Report->Fault.Address, ACCESSED);
    assert_true(Report->Fault.Write);
}

static void
DivideFault(void)
{
    volatile int Zero = 0;

    OsFaultInstall(RecordAndExit);
    DivideBy(&Zero);
}

static void
IllegalFault(void)
{
    OsFaultInstall(RecordAndExit);
    __asm__ volatile("ud2");
}

static void
AbortFault(void)
{
    OsFaultInstall(RecordAndExit);
    abort();
}

static void
BeyondTheFile(void)
{
    int Fd = memfd_create("short", MFD_CLOEXEC);
    void *Mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, Fd, 0);

    OsFaultInstall(RecordAndExit);
    ReadFrom(Mapped);
}

static void
OtherKindsAreTold(void **State)
{
    static void (*const Routines[])(void) = {DivideFault, IllegalFault, AbortFault, BeyondTheFile};
    static const int Kinds[] = {OS_FAULT_DIVIDE, OS_FAULT_ILLEGAL, OS_FAULT_ABORT, OS_FAULT_BUS};

    (void)State;
    for (unsigned Index = 0; Index < 4; Index++)
    {
        int Status = InChild(Routines[Index]);

        assert_true(WIFEXITED(Status) && WEXITSTATUS(Status) == 77);
        assert_int_equal(Report->Fault.Kind, Kinds[Index]);
        assert_int_equal(Report->Fault.Address != NULL, Kinds[Index] == OS_FAULT_BUS);
    }
}

static void
UnhandledRead(void)
{
    OsFaultInstall(RecordAndReturn);
    ReadFrom(ACCESSED);
}

static void
UnhandledAbort(void)
{
    OsFaultInstall(RecordAndReturn);
    abort();
}

static void
TrueTakesTheDefaultCourse(void **State)
{
    int Status = InChild(UnhandledRead);

    (void)State;
    assert_true(WIFSIGNALED(Status));
    assert_int_equal(WTERMSIG(Status), SIGSEGV);
    assert_int_equal(Report->Calls, 1);
    Status = InChild(UnhandledAbort);
    assert_true(WIFSIGNALED(Status));
    assert_int_equal(WTERMSIG(Status), SIGABRT);
    assert_int_equal(Report->Calls, 1);
}

static void
NestedFault(void)
{
    OsFaultInstall(FaultAgain);
    ReadFrom(ACCESSED);
}

static void
FaultInTheHandlerEndsWithThree(void **State)
{
    int Status = InChild(NestedFault);

    (void)State;
    assert_true(WIFEXITED(Status));
    assert_int_equal(WEXITSTATUS(Status), 3);
}

static void
FaultAndEscapeTwice(void)
{
    OsFaultInstall(RecordAndJump);
    OsFaultInstall(RecordAndJump);
    for (volatile unsigned Round = 0; Round < 3; Round++)
    {
        if (sigsetjmp(Escape, 1) == 0)
        {
            WriteTo(ACCESSED);
            _exit(98);
        }
    }
    _exit(Report->Calls == 3 ? 55 : 56);
}

static void
EscapedFaultsAreNotNested(void **State)
{
    int Status = InChild(FaultAndEscapeTwice);

    (void)State;
    assert_true(WIFEXITED(Status));
    assert_int_equal(WEXITSTATUS(Status), 55);
}

static void
OverflowRoutine(void *Context)
{
    volatile unsigned Depth = 0;

    (void)Context;
    (void)Overflow(&Depth);
}

static void
OverflowInThread(void)
{
    OS_THREAD *Thread;

    OsFaultInstall(RecordAndExit);
    if (OsThreadStart(OverflowRoutine, NULL, "overflow", &Thread) == OS_OK)
    {
        OsThreadJoin(Thread);
    }
}

static void
StackOverflowIsReported(void **State)
{
    int Status = InChild(OverflowInThread);

    (void)State;
    assert_true(WIFEXITED(Status));
    assert_int_equal(WEXITSTATUS(Status), 77);
    assert_int_equal(Report->Fault.Kind, OS_FAULT_ACCESS);
    assert_int_equal(Report->FrameCount, 16);
    assert_true(Report->OnAltStack);
}

static void *
ForeignFault(void *Context)
{
    (void)Context;
    WriteTo(ACCESSED);
    KEEP_FRAME();
    return NULL;
}

static void
FaultInForeignThread(void)
{
    pthread_t Thread;

    OsFaultInstall(RecordAndExit);
    (void)pthread_create(&Thread, NULL, ForeignFault, NULL);
    (void)pthread_join(Thread, NULL);
}

static void
ForeignThreadIsReported(void **State)
{
    char Text[256];
    int Status = InChild(FaultInForeignThread);

    (void)State;
    assert_true(WIFEXITED(Status));
    assert_int_equal(WEXITSTATUS(Status), 77);
    assert_ptr_equal(Report->Fault.Address, ACCESSED);
    assert_true(Report->FrameCount >= 2);
    OsStackSymbol(Report->Frames[1], Text, sizeof(Text));
    assert_ptr_equal(strstr(Text, "ForeignFault+0x"), Text);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(ReadIsDescribed),
        cmocka_unit_test(CallerOfNothingIsNamed),
        cmocka_unit_test(WriteIsDescribed),
        cmocka_unit_test(OtherKindsAreTold),
        cmocka_unit_test(TrueTakesTheDefaultCourse),
        cmocka_unit_test(FaultInTheHandlerEndsWithThree),
        cmocka_unit_test(EscapedFaultsAreNotNested),
        cmocka_unit_test(StackOverflowIsReported),
        cmocka_unit_test(ForeignThreadIsReported),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.fault", Tests, NULL, NULL);
}
