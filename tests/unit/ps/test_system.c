// SPDX-License-Identifier: MIT
// System threads: start, identity, both ways to end, leaks, misuse.
#include "fixture.h"

static PETHREAD
StartSystemThread(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle = POISON;
    PETHREAD Thread;

    assert_status(
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context),
        STATUS_SUCCESS);
    assert_status(ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode,
                                            (PVOID *)&Thread, NULL),
                  STATUS_SUCCESS);
    assert_status(ZwClose(Handle), STATUS_SUCCESS);
    return Thread;
}

typedef struct IDENTITY
{
    PETHREAD Thread;
    PEPROCESS Process;
    HANDLE ThreadId, ProcessId;
    KIRQL Irql;
    BOOLEAN System;
} IDENTITY;

static VOID
TellIdentity(PVOID Context)
{
    IDENTITY *Identity = Context;

    Identity->Thread = PsGetCurrentThread();
    Identity->Process = PsGetCurrentProcess();
    Identity->ThreadId = PsGetCurrentThreadId();
    Identity->ProcessId = PsGetCurrentProcessId();
    Identity->Irql = KeGetCurrentIrql();
    Identity->System = PsIsSystemThread(PsGetCurrentThread());
}

static void
AThreadRunsAndEndsByReturning(void **State)
{
    IDENTITY Identity;
    PETHREAD Thread;
    ULONG Before;

    (void)State;
    Start();
    Before = Living(ObpThreadType);
    memset(&Identity, 0, sizeof(Identity));
    Thread = StartSystemThread(TellIdentity, &Identity);
    assert_status(Await(Thread), STATUS_SUCCESS);
    assert_ptr_equal(Identity.Thread, Thread);
    assert_ptr_equal(Identity.Process, PsInitialSystemProcess);
    assert_ptr_equal(Identity.ThreadId, PsGetThreadId(Thread));
    assert_ptr_equal(Identity.ProcessId, (HANDLE)4);
    assert_int_equal(Identity.Irql, PASSIVE_LEVEL);
    assert_true(Identity.System);
    assert_status(Thread->ExitStatus, STATUS_SUCCESS);
    ObDereferenceObject(Thread);
    AwaitLiving(ObpThreadType, Before);
    Stop();
}

static BOOLEAN CameBack;

static __attribute__((noinline)) void
EndDeep(unsigned Depth)
{
    volatile char Frame[256];

    Frame[0] = (char)Depth;
    if (Depth == 0)
    {
        PsTerminateSystemThread(STATUS_DEVICE_BUSY);
        CameBack = TRUE;
        return;
    }
    EndDeep(Depth - 1);
    Frame[1] = Frame[0];
}

static VOID
EndFromDeepDown(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    EndDeep(20);
}

static void
TerminateDoesNotReturn(void **State)
{
    THREAD_BASIC_INFORMATION Basic;
    PETHREAD Thread;
    HANDLE Handle;

    (void)State;
    Start();
    assert_status(
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, EndFromDeepDown, NULL),
        STATUS_SUCCESS);
    assert_status(
        ObReferenceObjectByHandle(Handle, 0, *PsThreadType, KernelMode, (PVOID *)&Thread, NULL),
        STATUS_SUCCESS);
    assert_status(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    assert_false(CameBack);
    assert_status(
        ZwQueryInformationThread(Handle, ThreadBasicInformation, &Basic, sizeof(Basic), NULL),
        STATUS_SUCCESS);
    assert_status(Basic.ExitStatus, STATUS_DEVICE_BUSY);
    assert_ptr_equal(Basic.ClientId.UniqueThread, PsGetThreadId(Thread));
    ZwClose(Handle);
    ObDereferenceObject(Thread);
    Stop();
}

typedef struct GATE
{
    KEVENT Entered, Leave;
} GATE;

static VOID
WaitAtGate(PVOID Context)
{
    GATE *Gate = Context;

    KeSetEvent(&Gate->Entered, 0, FALSE);
    KeWaitForSingleObject(&Gate->Leave, Executive, KernelMode, FALSE, NULL);
}

static void
InitializeGate(GATE *Gate)
{
    KeInitializeEvent(&Gate->Entered, NotificationEvent, FALSE);
    KeInitializeEvent(&Gate->Leave, NotificationEvent, FALSE);
}

static void
ARunningThreadIsFoundAndAsked(void **State)
{
    THREAD_BASIC_INFORMATION Basic;
    CLIENT_ID ClientId;
    PETHREAD Thread, Found = POISON;
    ULONG Length = 0;
    HANDLE Handle;
    GATE Gate;

    (void)State;
    Start();
    InitializeGate(&Gate);
    assert_status(PsCreateSystemThread(&Handle, SYNCHRONIZE | THREAD_QUERY_LIMITED_INFORMATION,
                                       NULL, NULL, &ClientId, WaitAtGate, &Gate),
                  STATUS_SUCCESS);
    assert_status(Await(&Gate.Entered), STATUS_SUCCESS);
    assert_ptr_equal(ClientId.UniqueProcess, PsGetProcessId(PsInitialSystemProcess));
    assert_status(PsLookupThreadByThreadId(ClientId.UniqueThread, &Thread), STATUS_SUCCESS);
    assert_ptr_equal(PsGetThreadId(Thread), ClientId.UniqueThread);
    assert_ptr_equal(IoThreadToProcess(Thread), PsInitialSystemProcess);
    assert_false(PsIsThreadTerminating(Thread));
    assert_status(ZwQueryInformationThread(Handle, ThreadBasicInformation, &Basic,
                                           sizeof(Basic) - 1, &Length),
                  STATUS_INFO_LENGTH_MISMATCH);
    assert_status(
        ZwQueryInformationThread(Handle, (THREADINFOCLASS)200, &Basic, sizeof(Basic), &Length),
        STATUS_INVALID_INFO_CLASS);
    assert_int_equal(Length, 0);
    assert_status(
        ZwQueryInformationThread(Handle, ThreadBasicInformation, &Basic, sizeof(Basic), &Length),
        STATUS_SUCCESS);
    assert_int_equal(Length, sizeof(Basic));
    assert_status(Basic.ExitStatus, STATUS_PENDING);
    KeSetEvent(&Gate.Leave, 0, FALSE);
    assert_status(Await(Thread), STATUS_SUCCESS);
    // Signaled, so not found any more, although references and a handle are left.
    assert_status(PsLookupThreadByThreadId(ClientId.UniqueThread, &Found), STATUS_INVALID_CID);
    assert_ptr_equal(Found, POISON);
    assert_true(PsIsThreadTerminating(Thread));
    ObDereferenceObject(Thread);
    ZwClose(Handle);
    Stop();
}

static void
OnlySystemThreadsTerminateThemselves(void **State)
{
    NTHOST_PROCESS *Process;

    (void)State;
    Start();
    // The starter is a system thread that nothing can jump out of.
    assert_status(PsTerminateSystemThread(STATUS_SUCCESS), STATUS_INVALID_PARAMETER);
    assert_int_equal(NthostAttachProcess("app", "user", &Process, NULL, NULL), 0);
    assert_status(PsTerminateSystemThread(STATUS_SUCCESS), STATUS_INVALID_PARAMETER);
    NthostDetachProcess(Process, 0);
    Stop();
}

static BOOLEAN
FailThreads(const char *Function)
{
    return strcmp(Function, "IoCreateSystemThread") == 0;
}

static void
BadArgumentsChangeNothing(void **State)
{
    HANDLE Handle = POISON;
    ULONG Before;
    GATE Gate;

    (void)State;
    Start();
    Before = Living(ObpThreadType);
    InitializeGate(&Gate);
    assert_status(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, NULL, NULL),
                  STATUS_INVALID_PARAMETER);
    assert_status(PsCreateSystemThread(&Handle, 0, NULL, (HANDLE)0x12344, NULL, WaitAtGate, &Gate),
                  STATUS_INVALID_HANDLE);
    VfFaultPlan = FailThreads;
    assert_status(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, WaitAtGate, &Gate),
                  STATUS_INSUFFICIENT_RESOURCES);
    VfFaultPlan = NULL;
    assert_ptr_equal(Handle, POISON);
    AwaitLiving(ObpThreadType, Before);
    assert_false(IsSignaled(&Gate.Entered));
    Stop();
}

static VOID
CountAndEnd(PVOID Context)
{
    __atomic_add_fetch((unsigned *)Context, 1, __ATOMIC_RELAXED);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void
ManyThreadsComeAndGo(void **State)
{
    unsigned Count = 0;
    ULONG Before;

    (void)State;
    Start();
    Before = Living(ObpThreadType);
    for (unsigned i = 0; i < TEST_ROUNDS(500); i++)
    {
        PETHREAD Threads[4];

        for (unsigned j = 0; j < 4; j++)
        {
            Threads[j] = StartSystemThread(CountAndEnd, &Count);
        }
        for (unsigned j = 0; j < 4; j++)
        {
            assert_status(Await(Threads[j]), STATUS_SUCCESS);
            ObDereferenceObject(Threads[j]);
        }
    }
    assert_int_equal(__atomic_load_n(&Count, __ATOMIC_RELAXED), 4 * TEST_ROUNDS(500));
    AwaitLiving(ObpThreadType, Before);
    Stop();
}

static void
HostThreadsAreNobodysLeak(void **State)
{
    GATE Gate;

    (void)State;
    Start();
    InitializeGate(&Gate);
    assert_status(PspStartHostThread(WaitAtGate, &Gate, "test"), STATUS_SUCCESS);
    assert_status(Await(&Gate.Entered), STATUS_SUCCESS);
    PspReportThreads(NULL, NULL);
    assert_int_equal(VfLeakCount(), 0);
    KeSetEvent(&Gate.Leave, 0, FALSE);
    Stop();
}

static GATE LeakGate;

static void
LeakAThread(void)
{
    HANDLE Handle;

    Start();
    InitializeGate(&LeakGate);
    CHECK(NT_SUCCESS(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, WaitAtGate, &LeakGate)));
    ZwClose(Handle);
    CHECK(Await(&LeakGate.Entered) == STATUS_SUCCESS);
    // By the range of its start routine, as at the unload of a driver.
    PspReportThreads((const void *)((ULONG_PTR)WaitAtGate + 1), (const void *)UINTPTR_MAX);
    PspReportThreads(NULL, (const void *)WaitAtGate);
    CHECK(VfLeakCount() == 0);
    PspReportThreads((const void *)WaitAtGate, (const void *)((ULONG_PTR)WaitAtGate + 1));
    CHECK(VfLeakCount() == 1);
    NthostStop();
}

static VOID
ReturnRaised(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    (void)KeRaiseIrqlToDpcLevel();
}

static VOID
ReturnInRegion(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
}

static void
RunToTheEnd(PKSTART_ROUTINE Routine)
{
    HANDLE Handle;

    Start();
    CHECK(NT_SUCCESS(PsCreateSystemThread(&Handle, SYNCHRONIZE, NULL, NULL, NULL, Routine, NULL)));
    ZwWaitForSingleObject(Handle, FALSE, NULL);
    _exit(97);
}

static void
RunReturnRaised(void)
{
    RunToTheEnd(ReturnRaised);
}

static void
RunReturnInRegion(void)
{
    RunToTheEnd(ReturnInRegion);
}

static void
MisuseIsReported(void **State)
{
    (void)State;
    AssertBugCheck(LeakAThread, "DRIVER_VERIFIER_DETECTED_VIOLATION", "system thread");
    AssertBugCheck(RunReturnRaised, "IRQL_NOT_LESS_OR_EQUAL", "returned at IRQL 2");
    AssertBugCheck(RunReturnInRegion, "KERNEL_APC_PENDING_DURING_EXIT", "critical");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        PS_TEST(AThreadRunsAndEndsByReturning), PS_TEST(TerminateDoesNotReturn),
        PS_TEST(ARunningThreadIsFoundAndAsked), PS_TEST(OnlySystemThreadsTerminateThemselves),
        PS_TEST(BadArgumentsChangeNothing),     PS_TEST(ManyThreadsComeAndGo),
        PS_TEST(HostThreadsAreNobodysLeak),     PS_TEST(MisuseIsReported),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ps.system", Tests, NULL, NULL);
}
