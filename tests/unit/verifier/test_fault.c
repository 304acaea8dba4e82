// SPDX-License-Identifier: MIT
// Faults and wrong IRQLs: in kernel code a bugcheck that says where, in an application its own death.
#include "../mm/host.h"

#include <signal.h>
#include <stdlib.h>

BARE static void
WriteForTest(volatile char *Address)
{
    *Address = 1;
    KEEP_FRAME();
}

BARE static char
ReadForTest(const volatile char *Address)
{
    return *Address;
}

BARE static int
DivideForTest(volatile int *Divisor)
{
    int Quotient = 7;

    // Not in C: what divides by zero may do anything there, also nothing.
    __asm__ volatile("cltd\n\tidivl %1" : "+a"(Quotient) : "r"(*Divisor) : "edx", "cc");
    return Quotient;
}

BARE static void
IllegalForTest(void)
{
    __asm__ volatile("ud2");
}

static void
WritePassive(void)
{
    StartHost();
    WriteForTest((char *)0x1234);
}

static void
ReadNull(void)
{
    StartHost();
    (void)ReadForTest(NULL);
}

static void
WriteAtDispatch(void)
{
    KIRQL Irql;

    StartHost();
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    WriteForTest((char *)0x1234);
}

static void
a_bad_access_is_reported_with_its_function(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(WritePassive, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "*** BUGCHECK 0x00000050 PAGE_FAULT_IN_NONPAGED_AREA (1234, 1, ");
    AssertText(&Child, "An invalid address (0x1234) was written at IRQL 0.");
    AssertText(&Child, "WriteForTest+0x");
    AssertBugCheck(ReadNull, "0x00000050 PAGE_FAULT_IN_NONPAGED_AREA (0, 0, ", "was read");
}

static void
a_bad_access_at_dispatch_level_has_its_own_code(void **State)
{
    (void)State;
    AssertBugCheck(WriteAtDispatch, "0x000000D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL (1234, 2, 1, ",
                   "IRQL 2, processor ");
    AssertBugCheck(WriteAtDispatch, "was written at IRQL 2", "WriteForTest");
}

static void
Divide(void)
{
    volatile int Zero = 0;

    StartHost();
    (void)DivideForTest(&Zero);
}

static void
Illegal(void)
{
    StartHost();
    IllegalForTest();
}

static void
AbortInKernel(void)
{
    StartHost();
    abort();
}

static void
other_exceptions_are_reported(void **State)
{
    (void)State;
    AssertBugCheck(Divide, "0x0000003B SYSTEM_SERVICE_EXCEPTION (c0000094, ", "DivideForTest");
    AssertBugCheck(Illegal, "0x0000003B SYSTEM_SERVICE_EXCEPTION (c000001d, ", "IllegalForTest");
    AssertBugCheck(AbortInKernel, "0x0000003B SYSTEM_SERVICE_EXCEPTION (40000015, ",
                   "was aborted by the C library");
}

static void
DpcFault(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    WriteForTest(Context);
}

static void
FaultInDpc(void)
{
    static KDPC Dpc;

    StartHost();
    KeInitializeDpc(&Dpc, DpcFault, (PVOID)0x1234);
    (void)KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static void
a_fault_in_a_dpc_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(FaultInDpc, "0x000000D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL", "WriteForTest");
}

// ---- Applications ----

static void
ApplicationFault(void)
{
    StartHost();
    (void)BecomeApplication();
    // What NthostCall does on its way out: from here on the application's own code runs.
    KiCurrentThread->InSystemCall = FALSE;
    WriteForTest((char *)0x1234);
}

static void
an_applications_own_fault_takes_its_default_course(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(ApplicationFault, &Child);
    AssertNoText(&Child, "BUGCHECK");
    assert_int_equal(Child.Signal, SIGSEGV);
}

static void
FaultInSystemCall(void)
{
    StartHost();
    (void)BecomeApplication();
    WriteForTest((char *)0x1234);
}

static void
a_fault_inside_a_system_call_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(FaultInSystemCall, "0x00000050", "WriteForTest");
}

// ---- IRQL ----

static void
WaitAtDispatch(void)
{
    static KEVENT Event;
    KIRQL Irql;

    StartHost();
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    (void)KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}

static void
PollAtDispatch(void)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    KEVENT Event;
    KIRQL Irql;

    StartHost();
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    CHECK(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Zero) == STATUS_TIMEOUT);
    KeLowerIrql(Irql);
    NthostStop();
}

static void
a_wait_at_dispatch_level_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(WaitAtDispatch, "*** BUGCHECK 0x", "KeWaitForSingleObject");
    AssertClean(PollAtDispatch);
}

static void
PagedAtDispatch(void)
{
    KIRQL Irql;

    StartHost();
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    (void)ExAllocatePoolWithTag(PagedPool, 8, 'tseT');
}

static void
FreePagedAtDispatch(void)
{
    PVOID Block;
    KIRQL Irql;

    StartHost();
    Block = ExAllocatePoolWithTag(PagedPool, 8, 'tseT');
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    ExFreePoolWithTag(Block, 'tseT');
}

static void
NonpagedAtDispatch(void)
{
    KIRQL Irql;

    StartHost();
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPoolNx, 8, 'tseT'), 'tseT');
    KeLowerIrql(Irql);
    NthostStop();
}

static void
paged_pool_at_dispatch_level_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(PagedAtDispatch, "0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION (1, 2, 1, 8)",
                   "Paged pool was allocated at IRQL 2.");
    AssertBugCheck(FreePagedAtDispatch, "0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION (11, 2,",
                   "Paged pool was freed at IRQL 2.");
    AssertClean(NonpagedAtDispatch);
}

static void
CheckIrql(void)
{
    KIRQL Irql;

    StartHost();
    VF_MAX_IRQL(PASSIVE_LEVEL);
    KeRaiseIrql(APC_LEVEL, &Irql);
    VF_MAX_IRQL(APC_LEVEL);
    VF_MAX_IRQL(PASSIVE_LEVEL);
}

static void
a_call_above_its_irql_is_reported_by_name(void **State)
{
    (void)State;
    AssertBugCheck(CheckIrql, "0x0000000A IRQL_NOT_LESS_OR_EQUAL (0, 1, 0, ",
                   "CheckIrql was called at IRQL 1; it may be called at IRQL 0 or lower.");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(a_bad_access_is_reported_with_its_function),
        cmocka_unit_test(a_bad_access_at_dispatch_level_has_its_own_code),
        cmocka_unit_test(other_exceptions_are_reported),
        cmocka_unit_test(a_fault_in_a_dpc_is_reported),
        cmocka_unit_test(an_applications_own_fault_takes_its_default_course),
        cmocka_unit_test(a_fault_inside_a_system_call_is_reported),
        cmocka_unit_test(a_wait_at_dispatch_level_is_reported),
        cmocka_unit_test(paged_pool_at_dispatch_level_is_reported),
        cmocka_unit_test(a_call_above_its_irql_is_reported_by_name),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
