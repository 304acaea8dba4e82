// SPDX-License-Identifier: MIT
// What a finished request tells its caller: status x pending x synchronous x event x port x skip flags.
#include "fixture.h"

typedef struct CASE
{
    BOOLEAN Synchronous;
    ACTION Action;
    NTSTATUS Status;
    BOOLEAN Event;
    BOOLEAN Port;
    ULONG Skip;  // FILE_SKIP_*
} CASE;

// The status rules of NT, as its documentation gives them.
typedef struct EXPECTED
{
    NTSTATUS Returned;
    BOOLEAN Iosb, UserEvent, FileEvent, Packet, Output;
} EXPECTED;

static EXPECTED
Expect(const CASE *Case)
{
    BOOLEAN Pended = Case->Action != ActComplete;
    BOOLEAN Error = NT_ERROR(Case->Status);
    EXPECTED Expected = {0};

    Expected.Output = !Error;
    if (Case->Synchronous)
    {
        Expected.Returned = Case->Status;
        Expected.Iosb = !Error;
        Expected.UserEvent = Case->Event && !Error;
        Expected.FileEvent = !Error || Pended;
        return Expected;
    }
    Expected.Returned = Pended ? STATUS_PENDING : Case->Status;
    if (Error && !Pended)
    {
        return Expected;  // told inline, and by nothing else
    }
    Expected.Iosb = TRUE;
    Expected.UserEvent = Case->Event;
    Expected.FileEvent = !Case->Event && (Case->Skip & FILE_SKIP_SET_EVENT_ON_HANDLE) == 0;
    Expected.Packet = Case->Port && !((Case->Skip & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) != 0 &&
                                      !Pended && NT_SUCCESS(Case->Status));
    return Expected;
}

static void
Releaser(void *Context)
{
    const CASE *Case = Context;

    TestAwaitQueued(1);
    while (!TestRelease(Case->Status, 4))
    {
        OsYield();
    }
}

static HANDLE
MakePort(HANDLE File, ULONG Skip)
{
    FILE_COMPLETION_INFORMATION Completion = {.CompletionKey = 77};
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION Notification = {.Flags = Skip};
    IO_STATUS_BLOCK Iosb;

    assert_status(
        NtCreateIoCompletion(&Completion.CompletionPort, IO_COMPLETION_ALL_ACCESS, NULL, 0),
        STATUS_SUCCESS);
    assert_status(NtSetInformationFile(File, &Iosb, &Completion, sizeof(Completion),
                                       FileCompletionInformation),
                  STATUS_SUCCESS);
    if (Skip != 0)
    {
        assert_status(NtSetInformationFile(File, &Iosb, &Notification, sizeof(Notification),
                                           FileIoCompletionNotificationInformation),
                      STATUS_SUCCESS);
    }
    return Completion.CompletionPort;
}

static void
CheckPacket(HANDLE Port, const CASE *Case, BOOLEAN Expected, PVOID Context)
{
    LARGE_INTEGER Now = {.QuadPart = 0};
    ULONG_PTR Key = 0, Apc = 0;
    IO_STATUS_BLOCK Iosb;
    NTSTATUS Status;

    PoisonIosb(&Iosb);
    Status = NtRemoveIoCompletion(Port, &Key, &Apc, &Iosb, &Now);
    assert_status(Status, Expected ? STATUS_SUCCESS : STATUS_TIMEOUT);
    if (Expected)
    {
        assert_int_equal(Key, 77);
        assert_int_equal(Apc, (ULONG_PTR)Context);
        assert_status(Iosb.Status, Case->Status);
        assert_int_equal(Iosb.Information, 4);
        assert_status(NtRemoveIoCompletion(Port, &Key, &Apc, &Iosb, &Now), STATUS_TIMEOUT);
    }
    else
    {
        assert_status(Iosb.Status, POISON_STATUS);
    }
}

static void
RunCase(const CASE *Case)
{
    EXPECTED Expected = Expect(Case);
    HANDLE File = OpenTest(Case->Synchronous ? SYNCHRONOUS : 0);
    HANDLE Port = Case->Port ? MakePort(File, Case->Skip) : NULL;
    HANDLE Event = Case->Event ? MakeEvent(NotificationEvent) : NULL;
    IO_STATUS_BLOCK Iosb;
    APP_THREAD Thread;
    UCHAR Input[4] = {1, 2, 3, 4};
    UCHAR Output[8];
    NTSTATUS Status;

    TestClearSeen();
    memset(Output, 0x5A, sizeof(Output));
    Plan.Action = Case->Action;
    Plan.Status = Case->Status;
    Plan.Information = 4;
    if (Event != NULL)
    {
        assert_status(NtSetEvent(Event, NULL), STATUS_SUCCESS);  // the request clears it
    }
    if (Case->Action == ActQueue && Case->Synchronous)
    {
        StartAppThread(&Thread, Releaser, (void *)(uintptr_t)Case);
    }
    Status = Control(File, Event, &Iosb, &Iosb, IOCTL_ECHO, Input, sizeof(Input), Output,
                     sizeof(Output));
    if (Case->Action == ActQueue && Case->Synchronous)
    {
        JoinAppThread(&Thread);
    }
    assert_status(Status, Expected.Returned);
    if (Case->Action == ActQueue && !Case->Synchronous)
    {
        // In flight: nothing has been told yet.
        assert_status(Iosb.Status, POISON_STATUS);
        assert_false(IsSignaled(File));
        assert_false(Event != NULL && IsSignaled(Event));
        assert_int_equal(Output[0], 0x5A);
        assert_true(TestRelease(Case->Status, 4));
    }

    assert_status(Iosb.Status, Expected.Iosb ? Case->Status : POISON_STATUS);
    assert_int_equal(Iosb.Information, Expected.Iosb ? 4 : POISON_INFORMATION);
    assert_int_equal(IsSignaled(File), Expected.FileEvent);
    if (Event != NULL)
    {
        assert_int_equal(IsSignaled(Event), Expected.UserEvent);
    }
    assert_int_equal(Output[0], Expected.Output ? 1 : 0x5A);
    assert_int_equal(Output[3], Expected.Output ? 4 : 0x5A);
    assert_int_equal(Output[4], 0x5A);
    if (Port != NULL)
    {
        CheckPacket(Port, Case, Expected.Packet, &Iosb);
        assert_status(NtClose(Port), STATUS_SUCCESS);
    }
    if (Event != NULL)
    {
        assert_status(NtClose(Event), STATUS_SUCCESS);
    }
    assert_status(NtClose(File), STATUS_SUCCESS);
}

static const NTSTATUS Statuses[] = {STATUS_SUCCESS, STATUS_MORE_ENTRIES, STATUS_BUFFER_OVERFLOW,
                                    STATUS_DEVICE_NOT_READY};
static const ACTION Actions[] = {ActComplete, ActPendAndComplete, ActQueue};

static void
synchronous_handle(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");

    (void)State;
    for (ULONG Status = 0; Status < 4; Status++)
    {
        for (ULONG Action = 0; Action < 3; Action++)
        {
            for (ULONG Event = 0; Event < 2; Event++)
            {
                CASE Case = {TRUE, Actions[Action], Statuses[Status], Event != 0, FALSE, 0};

                RunCase(&Case);
            }
        }
    }
    NthostDetachProcess(Process, 0);
}

static void
asynchronous_handle(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");

    (void)State;
    for (ULONG Status = 0; Status < 4; Status++)
    {
        for (ULONG Action = 0; Action < 3; Action++)
        {
            for (ULONG Event = 0; Event < 2; Event++)
            {
                CASE Case = {FALSE, Actions[Action], Statuses[Status], Event != 0, FALSE, 0};

                RunCase(&Case);
            }
        }
    }
    NthostDetachProcess(Process, 0);
}

static void
completion_port(void **State)
{
    static const ULONG Skips[] = {
        0, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, FILE_SKIP_SET_EVENT_ON_HANDLE,
        FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE};
    NTHOST_PROCESS *Process = BecomeProcess("administrator");

    (void)State;
    for (ULONG Status = 0; Status < 4; Status++)
    {
        for (ULONG Action = 0; Action < 3; Action++)
        {
            for (ULONG Skip = 0; Skip < 4; Skip++)
            {
                for (ULONG Event = 0; Event < 2; Event++)
                {
                    CASE Case = {FALSE, Actions[Action], Statuses[Status], Event != 0,
                                 TRUE,  Skips[Skip]};

                    RunCase(&Case);
                }
            }
        }
    }
    NthostDetachProcess(Process, 0);
}

static void
no_packet_without_context(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE File = OpenTest(0);
    HANDLE Port = MakePort(File, 0);
    LARGE_INTEGER Now = {.QuadPart = 0};
    ULONG_PTR Key, Apc;
    IO_STATUS_BLOCK Iosb, Removed;

    (void)State;
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0), STATUS_SUCCESS);
    assert_status(Iosb.Status, STATUS_SUCCESS);
    assert_status(NtRemoveIoCompletion(Port, &Key, &Apc, &Removed, &Now), STATUS_TIMEOUT);
    NthostDetachProcess(Process, 0);
}

static void
association_rules(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE Synchronous = OpenTest(SYNCHRONOUS);
    HANDLE File = OpenTest(0);
    FILE_COMPLETION_INFORMATION Completion = {.CompletionKey = 1};
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION Notification = {.Flags = 0x10};
    ULONG Flags;
    IO_STATUS_BLOCK Iosb;

    (void)State;
    assert_status(
        NtCreateIoCompletion(&Completion.CompletionPort, IO_COMPLETION_ALL_ACCESS, NULL, 0),
        STATUS_SUCCESS);
    assert_status(NtSetInformationFile(Synchronous, &Iosb, &Completion, sizeof(Completion),
                                       FileCompletionInformation),
                  STATUS_INVALID_PARAMETER);
    assert_status(NtSetInformationFile(File, &Iosb, &Completion, sizeof(Completion) - 1,
                                       FileCompletionInformation),
                  STATUS_INFO_LENGTH_MISMATCH);
    assert_status(NtSetInformationFile(File, &Iosb, &Completion, sizeof(Completion),
                                       FileCompletionInformation),
                  STATUS_SUCCESS);
    assert_status(NtSetInformationFile(File, &Iosb, &Completion, sizeof(Completion),
                                       FileCompletionInformation),
                  STATUS_INVALID_PARAMETER);
    assert_status(NtSetInformationFile(File, &Iosb, &Notification, sizeof(Notification),
                                       FileIoCompletionNotificationInformation),
                  STATUS_INVALID_PARAMETER);
    assert_status(NtSetInformationFile(File, &Iosb, &Notification, sizeof(Notification),
                                       FileDispositionInformation),
                  STATUS_INVALID_INFO_CLASS);
    Notification.Flags = FILE_SKIP_SET_EVENT_ON_HANDLE;
    assert_status(NtSetInformationFile(File, &Iosb, &Notification, sizeof(Notification),
                                       FileIoCompletionNotificationInformation),
                  STATUS_SUCCESS);
    Notification.Flags = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;
    assert_status(NtSetInformationFile(File, &Iosb, &Notification, sizeof(Notification),
                                       FileIoCompletionNotificationInformation),
                  STATUS_SUCCESS);
    // Once set they stay.
    assert_status(NtQueryInformationFile(File, &Iosb, &Flags, sizeof(Flags),
                                         FileIoCompletionNotificationInformation),
                  STATUS_SUCCESS);
    assert_int_equal(Flags, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE);
    assert_status(
        NtQueryInformationFile(Synchronous, &Iosb, &Flags, sizeof(Flags), FileModeInformation),
        STATUS_SUCCESS);
    assert_int_equal(Flags, FILE_SYNCHRONOUS_IO_NONALERT);
    NthostDetachProcess(Process, 0);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(synchronous_handle),        IO_TEST(asynchronous_handle), IO_TEST(completion_port),
        IO_TEST(no_packet_without_context), IO_TEST(association_rules),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
