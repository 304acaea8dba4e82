// SPDX-License-Identifier: MIT
// Processes: creation, lookup, opening by client id with a token's rights, exit status, expected ones.
#include "fixture.h"

static HANDLE
Open(PEPROCESS Process, ACCESS_MASK Access, NTSTATUS Expected)
{
    OBJECT_ATTRIBUTES Attributes;
    CLIENT_ID Id = {PsGetProcessId(Process), NULL};
    HANDLE Handle = POISON;

    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    assert_status(NtOpenProcess(&Handle, Access, &Attributes, &Id), Expected);
    if (!NT_SUCCESS(Expected))
    {
        assert_ptr_equal(Handle, POISON);
    }
    return Handle;
}

static void
AProcessLivesAndDies(void **State)
{
    PEPROCESS Process, Found = POISON;
    HANDLE Id;
    ULONG Before, Tokens;

    (void)State;
    Start();
    Before = Living(ObpProcessType);
    Tokens = Living(ObpTokenType);
    assert_status(PspCreateProcess("an image with a name far too long for the field that keeps it, "
                                   "which is cut",
                                   SepUser, &Process),
                  STATUS_SUCCESS);
    assert_int_equal(strlen(Process->ImageName), sizeof(Process->ImageName) - 1);
    Id = PsGetProcessId(Process);
    assert_status(PsLookupProcessByProcessId(Id, &Found), STATUS_SUCCESS);
    assert_ptr_equal(Found, Process);
    ObDereferenceObject(Found);
    Found = POISON;
    assert_status(PsGetProcessExitStatus(Process), STATUS_PENDING);
    assert_false(IsSignaled(Process));
    PspTerminateProcess(Process, STATUS_DEVICE_BUSY);
    PspWaitForProcess(Process);
    PspTerminateProcess(Process, STATUS_SUCCESS);  // idempotent
    assert_status(Await(Process), STATUS_SUCCESS);
    assert_status(PsGetProcessExitStatus(Process), STATUS_DEVICE_BUSY);
    assert_status(PsLookupProcessByProcessId(Id, &Found), STATUS_INVALID_CID);
    assert_ptr_equal(Found, POISON);
    ObDereferenceObject(Process);
    AwaitLiving(ObpProcessType, Before);
    AwaitLiving(ObpTokenType, Tokens);
    Stop();
}

static void
NoThreadComesTooLate(void **State)
{
    PETHREAD Thread = POISON;
    PEPROCESS Process;
    ULONG Before;

    (void)State;
    Start();
    Before = Living(ObpThreadType);
    assert_status(PspCreateProcess("app", SepUser, &Process), STATUS_SUCCESS);
    PspTerminateProcess(Process, 1);
    assert_status(PspCreateThread(Process, &Thread), STATUS_PROCESS_IS_TERMINATING);
    assert_null(Thread);
    PspWaitForProcess(Process);
    assert_status(PspCreateThread(Process, &Thread), STATUS_PROCESS_IS_TERMINATING);
    ObDereferenceObject(Process);
    AwaitLiving(ObpThreadType, Before);
    Stop();
}

static void
TheLastThreadEndsTheProcess(void **State)
{
    PETHREAD Threads[2];
    PEPROCESS Process;

    (void)State;
    Start();
    assert_status(PspCreateProcess("app", SepUser, &Process), STATUS_SUCCESS);
    assert_status(PspCreateThread(Process, &Threads[0]), STATUS_SUCCESS);
    assert_status(PspCreateThread(Process, &Threads[1]), STATUS_SUCCESS);
    PspExitThread(Threads[0], 5);
    assert_true(IsSignaled(Threads[0]));
    assert_status(Threads[0]->ExitStatus, 5);
    assert_status(PsGetProcessExitStatus(Process), STATUS_PENDING);
    PspExitThread(Threads[1], 6);
    PspExitThread(Threads[1], 7);  // once only
    PspWaitForProcess(Process);
    assert_status(PsGetProcessExitStatus(Process), 6);
    ObDereferenceObject(Threads[0]);
    ObDereferenceObject(Threads[1]);
    ObDereferenceObject(Process);
    Stop();
}

static void
OpeningFollowsTheToken(void **State)
{
    NTHOST_PROCESS *User;
    PEPROCESS Admins, Users;
    HANDLE Handle;

    (void)State;
    Start();
    assert_status(PspCreateProcess("admin", SepAdministrator, &Admins), STATUS_SUCCESS);
    assert_status(PspCreateProcess("user", SepUser, &Users), STATUS_SUCCESS);
    assert_int_equal(NthostAttachProcess("me", "user", &User, NULL, NULL), 0);
    Open(Admins, PROCESS_TERMINATE, STATUS_ACCESS_DENIED);
    Open(Admins, SYNCHRONIZE, STATUS_ACCESS_DENIED);
    Open(Admins, GENERIC_ALL, STATUS_ACCESS_DENIED);
    Open(PsInitialSystemProcess, PROCESS_QUERY_LIMITED_INFORMATION, STATUS_ACCESS_DENIED);
    Handle = Open(Users, SYNCHRONIZE, STATUS_SUCCESS);
    assert_status(NtTerminateProcess(Handle, 1), STATUS_ACCESS_DENIED);  // not asked for
    NtClose(Handle);
    Handle = Open(Users, GENERIC_EXECUTE, STATUS_SUCCESS);  // includes PROCESS_TERMINATE
    assert_status(NtTerminateProcess(Handle, 77), STATUS_SUCCESS);
    assert_status(NtWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    assert_status(NtTerminateProcess(Handle, 78), STATUS_PROCESS_IS_TERMINATING);
    NtClose(Handle);
    NthostDetachProcess(User, 0);
    assert_status(PsGetProcessExitStatus(Users), 77);

    // In kernel mode there is no check, unless it is asked for.
    Handle = POISON;
    {
        OBJECT_ATTRIBUTES Attributes;
        CLIENT_ID Id = {PsGetProcessId(Admins), NULL};

        InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        assert_status(ZwOpenProcess(&Handle, PROCESS_ALL_ACCESS, &Attributes, &Id), STATUS_SUCCESS);
    }
    assert_status(ZwTerminateProcess(Handle, 9), STATUS_SUCCESS);
    ZwClose(Handle);
    PspWaitForProcess(Admins);
    assert_status(PsGetProcessExitStatus(Admins), 9);
    ObDereferenceObject(Admins);
    ObDereferenceObject(Users);
    Stop();
}

static void
OpeningRefusesNonsense(void **State)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    CLIENT_ID Id = {(HANDLE)0x7FFFFFF0, NULL};
    PEPROCESS Process;
    PETHREAD Thread;
    HANDLE Handle = POISON;

    (void)State;
    Start();
    assert_status(PspCreateProcess("app", SepUser, &Process), STATUS_SUCCESS);
    assert_status(PspCreateThread(Process, &Thread), STATUS_SUCCESS);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_status(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_INVALID_CID);
    assert_status(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, NULL),
                  STATUS_INVALID_PARAMETER_MIX);
    Id.UniqueProcess = PsGetProcessId(Process);
    Id.UniqueThread = PsGetCurrentThreadId();  // exists, elsewhere
    assert_status(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_INVALID_CID);
    RtlInitUnicodeString(&Name, L"\\Device\\App");
    Attributes.ObjectName = &Name;
    Id.UniqueThread = NULL;
    assert_status(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id),
                  STATUS_INVALID_PARAMETER_MIX);
    assert_ptr_equal(Handle, POISON);
    Attributes.ObjectName = NULL;
    Id.UniqueThread = PsGetThreadId(Thread);
    assert_status(ZwOpenProcess(&Handle, SYNCHRONIZE, &Attributes, &Id), STATUS_SUCCESS);
    ZwClose(Handle);
    assert_status(ZwTerminateProcess(NULL, 0), STATUS_INVALID_HANDLE);
    assert_status(ZwTerminateProcess(ZwCurrentProcess(), 0), STATUS_ACCESS_DENIED);  // the system's
    PspExitThread(Thread, 0);
    PspWaitForProcess(Process);
    ObDereferenceObject(Thread);
    ObDereferenceObject(Process);
    Stop();
}

static void
BasicInformation(void **State)
{
    struct
    {
        NTSTATUS ExitStatus;
        PVOID Peb;
        ULONG_PTR Affinity;
        ULONG_PTR Priority;
        ULONG_PTR Id, ParentId;
    } Basic;
    NTHOST_PROCESS *App;
    PEPROCESS Process;
    ULONG Length = 0xABCD;
    HANDLE Handle, Blind;

    (void)State;
    Start();
    assert_status(PspCreateProcess("app", SepUser, &Process), STATUS_SUCCESS);
    assert_int_equal(NthostAttachProcess("me", "user", &App, NULL, NULL), 0);
    Handle = Open(Process, PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, STATUS_SUCCESS);
    Blind = Open(Process, SYNCHRONIZE, STATUS_SUCCESS);
    memset(&Basic, 0x5A, sizeof(Basic));
    assert_status(
        NtQueryInformationProcess(Blind, ProcessBasicInformation, &Basic, sizeof(Basic), &Length),
        STATUS_ACCESS_DENIED);
    assert_status(NtQueryInformationProcess(Handle, ProcessBasicInformation, &Basic,
                                            sizeof(Basic) + 1, &Length),
                  STATUS_INFO_LENGTH_MISMATCH);
    assert_status(
        NtQueryInformationProcess(Handle, (PROCESSINFOCLASS)999, &Basic, sizeof(Basic), &Length),
        STATUS_INVALID_INFO_CLASS);
    assert_int_equal(Length, 0xABCD);
    assert_status(Basic.ExitStatus, 0x5A5A5A5A);
    assert_status(
        NtQueryInformationProcess(Handle, ProcessBasicInformation, &Basic, sizeof(Basic), &Length),
        STATUS_SUCCESS);
    assert_int_equal(Length, sizeof(Basic));
    assert_status(Basic.ExitStatus, STATUS_PENDING);
    assert_ptr_equal(Basic.Id, PsGetProcessId(Process));
    assert_int_equal(Basic.Affinity, 3);
    PspTerminateProcess(Process, 0x1234);
    PspWaitForProcess(Process);
    assert_status(
        NtQueryInformationProcess(Handle, ProcessBasicInformation, &Basic, sizeof(Basic), NULL),
        STATUS_SUCCESS);
    assert_status(Basic.ExitStatus, 0x1234);
    assert_status(NtQueryInformationProcess(NtCurrentProcess(), ProcessBasicInformation, &Basic,
                                            sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    assert_ptr_equal(Basic.Id, PsGetCurrentProcessId());
    NtClose(Handle);
    NtClose(Blind);
    NthostDetachProcess(App, 0);
    ObDereferenceObject(Process);
    Stop();
}

static void
ExpectedProcessesAreClaimedOrReported(void **State)
{
    PEPROCESS Creator, Process, Claimed;
    PETHREAD Thread;

    (void)State;
    Start();
    assert_status(PspCreateProcess("creator", SepUser, &Creator), STATUS_SUCCESS);

    // Never came: its creator's report ends it.
    assert_status(PspExpectProcess(Creator, 4242, &Process), STATUS_SUCCESS);
    assert_ptr_equal(Process->Token, Creator->Token);
    assert_null(PspClaimExpectedProcess(4243));
    PspReportExit(Process, 127);
    PspWaitForProcess(Process);
    assert_status(PsGetProcessExitStatus(Process), 127);
    assert_null(PspClaimExpectedProcess(4242));
    ObDereferenceObject(Process);

    // Came, and broke off: the creator knows better than the connection, early or late.
    for (unsigned Late = 0; Late < 2; Late++)
    {
        assert_status(PspExpectProcess(Creator, 4242, &Process), STATUS_SUCCESS);
        Claimed = PspClaimExpectedProcess(4242);
        assert_ptr_equal(Claimed, Process);
        assert_null(PspClaimExpectedProcess(4242));
        if (!Late)
        {
            PspReportExit(Process, 139);
            assert_int_equal(Process->State, PspProcessAlive);
        }
        PspTerminateProcess(Process, STATUS_UNSUCCESSFUL);
        PspWaitForProcess(Process);
        if (Late)
        {
            PspReportExit(Process, 139);
        }
        assert_status(PsGetProcessExitStatus(Process), 139);
        ObDereferenceObject(Claimed);
        ObDereferenceObject(Process);
    }

    // Said its own status: nobody changes it.
    assert_status(PspExpectProcess(Creator, 4242, &Process), STATUS_SUCCESS);
    Claimed = PspClaimExpectedProcess(4242);
    assert_status(PspCreateThread(Process, &Thread), STATUS_SUCCESS);
    PspExitThread(Thread, 3);
    PspWaitForProcess(Process);
    PspReportExit(Process, 139);
    assert_status(PsGetProcessExitStatus(Process), 3);
    ObDereferenceObject(Thread);
    ObDereferenceObject(Claimed);
    ObDereferenceObject(Process);

    PspTerminateProcess(Creator, 0);
    PspWaitForProcess(Creator);
    ObDereferenceObject(Creator);
    Stop();
}

static void
StartsAgainAndAgain(void **State)
{
    (void)State;
    for (unsigned i = 0; i < 10; i++)
    {
        PEPROCESS Process;

        Start();
        assert_status(PspCreateProcess("app", SepUser, &Process), STATUS_SUCCESS);
        // The same numbers each time: no state survives.
        static HANDLE First;
        assert_true(i == 0 || First == PsGetProcessId(Process));
        First = PsGetProcessId(Process);
        PspTerminateProcess(Process, 0);
        PspWaitForProcess(Process);
        ObDereferenceObject(Process);
        Stop();
    }
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        PS_TEST(AProcessLivesAndDies),
        PS_TEST(NoThreadComesTooLate),
        PS_TEST(TheLastThreadEndsTheProcess),
        PS_TEST(OpeningFollowsTheToken),
        PS_TEST(OpeningRefusesNonsense),
        PS_TEST(BasicInformation),
        PS_TEST(ExpectedProcessesAreClaimedOrReported),
        PS_TEST(StartsAgainAndAgain),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ps.process", Tests, NULL, NULL);
}
