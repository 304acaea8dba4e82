// SPDX-License-Identifier: MIT
// Cancelling: by file, by request, by thread exit, by death, and every one of them against completion.
#include "fixture.h"

#include "syscall/services.h"

static void
one_request(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(0);
    IO_STATUS_BLOCK First, Second, Iosb;

    (void)State;
    Plan.Action = ActQueue;
    assert_status(NtCancelIoFileEx(File, NULL, &Iosb), STATUS_NOT_FOUND);
    assert_status(Control(File, NULL, NULL, &First, IOCTL_ECHO, NULL, 0, NULL, 0), STATUS_PENDING);
    assert_status(Control(File, NULL, NULL, &Second, IOCTL_ECHO, NULL, 0, NULL, 0), STATUS_PENDING);
    assert_status(NtCancelIoFileEx(File, &Second, &Iosb), STATUS_SUCCESS);
    assert_status(Second.Status, STATUS_CANCELLED);
    assert_status(First.Status, POISON_STATUS);
    assert_status(NtCancelIoFileEx(File, &Second, &Iosb), STATUS_NOT_FOUND);
    assert_status(NtCancelIoFileEx(File, NULL, &Iosb), STATUS_SUCCESS);
    assert_status(First.Status, STATUS_CANCELLED);
    assert_int_equal(Seen.Cancelled, 2);
    assert_false(TestRelease(STATUS_SUCCESS, 0));
    NthostDetachProcess(Process, 0);
}

static void
all_of_a_file(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(0);
    HANDLE Other = OpenTest(0);
    IO_STATUS_BLOCK Mine[40], Theirs, Iosb;

    (void)State;
    Plan.Action = ActQueue;
    for (ULONG Index = 0; Index < 40; Index++)
    {
        assert_status(Control(File, NULL, NULL, &Mine[Index], IOCTL_ECHO, NULL, 0, NULL, 0),
                      STATUS_PENDING);
    }
    assert_status(Control(Other, NULL, NULL, &Theirs, IOCTL_ECHO, NULL, 0, NULL, 0),
                  STATUS_PENDING);
    assert_status(NtCancelIoFile(File, &Iosb), STATUS_SUCCESS);
    assert_status(Iosb.Status, STATUS_SUCCESS);
    for (ULONG Index = 0; Index < 40; Index++)
    {
        assert_status(Mine[Index].Status, STATUS_CANCELLED);
    }
    assert_status(Theirs.Status, POISON_STATUS);
    assert_true(TestRelease(STATUS_SUCCESS, 0));
    assert_status(Theirs.Status, STATUS_SUCCESS);
    assert_status(NtCancelIoFile(File, &Iosb), STATUS_SUCCESS);  // nothing to cancel is no error
    NthostDetachProcess(Process, 0);
}

// ---- Threads ----

typedef struct ISSUE
{
    HANDLE File;
    IO_STATUS_BLOCK Iosb;
    NTSTATUS Status;
} ISSUE;

static void
IssueOne(void *Context)
{
    ISSUE *Issue = Context;
    uint64_t Arguments[10] = {
        (uint64_t)(uintptr_t)Issue->File,  0,         0, (uint64_t)(uintptr_t)&Issue->Iosb,
        (uint64_t)(uintptr_t)&Issue->Iosb, IOCTL_ECHO};

    PoisonIosb(&Issue->Iosb);
    Issue->Status = NthostCall(Nts_NtDeviceIoControlFile, Arguments);
}

static void
exit_of_the_thread(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ISSUE Issue = {.File = OpenTest(0)};
    APP_THREAD Thread;

    (void)State;
    Plan.Action = ActQueue;
    StartAppThread(&Thread, IssueOne, &Issue);
    JoinAppThread(&Thread);
    assert_status(Issue.Status, STATUS_PENDING);
    assert_int_equal(Seen.Cancelled, 1);
    assert_status(Issue.Iosb.Status, STATUS_CANCELLED);
    NthostDetachProcess(Process, 0);
}

static void
with_a_port_it_outlives_its_thread(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ISSUE Issue = {.File = OpenTest(0)};
    FILE_COMPLETION_INFORMATION Completion = {.CompletionKey = 5};
    LARGE_INTEGER Now = {.QuadPart = 0};
    ULONG_PTR Key, Apc;
    IO_STATUS_BLOCK Iosb;
    APP_THREAD Thread;

    (void)State;
    assert_status(
        NtCreateIoCompletion(&Completion.CompletionPort, IO_COMPLETION_ALL_ACCESS, NULL, 0),
        STATUS_SUCCESS);
    assert_status(NtSetInformationFile(Issue.File, &Iosb, &Completion, sizeof(Completion),
                                       FileCompletionInformation),
                  STATUS_SUCCESS);
    Plan.Action = ActQueue;
    StartAppThread(&Thread, IssueOne, &Issue);
    JoinAppThread(&Thread);
    assert_int_equal(Seen.Cancelled, 0);
    assert_true(TestRelease(STATUS_SUCCESS, 0));
    assert_status(NtRemoveIoCompletion(Completion.CompletionPort, &Key, &Apc, &Iosb, &Now),
                  STATUS_SUCCESS);
    assert_int_equal(Apc, (ULONG_PTR)&Issue.Iosb);
    assert_status(Issue.Iosb.Status, STATUS_SUCCESS);

    // But not the process's last handle.
    StartAppThread(&Thread, IssueOne, &Issue);
    JoinAppThread(&Thread);
    assert_int_equal(Seen.Cancelled, 0);
    assert_status(NtClose(Issue.File), STATUS_SUCCESS);
    assert_int_equal(Seen.Cancelled, 1);
    assert_status(NtRemoveIoCompletion(Completion.CompletionPort, &Key, &Apc, &Iosb, &Now),
                  STATUS_SUCCESS);
    assert_status(Iosb.Status, STATUS_CANCELLED);
    NthostDetachProcess(Process, 0);
}

static void
death_cancels(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ISSUE Blocked = {.File = OpenTest(SYNCHRONOUS)};
    HANDLE File = OpenTest(0);
    HANDLE Event = MakeEvent(NotificationEvent);
    IO_STATUS_BLOCK Iosb[3];
    APP_THREAD Thread;

    (void)State;
    Plan.Action = ActQueue;
    for (ULONG Index = 0; Index < 3; Index++)
    {
        assert_status(Control(File, Event, NULL, &Iosb[Index], IOCTL_ECHO, NULL, 0, NULL, 0),
                      STATUS_PENDING);
    }
    StartAppThread(&Thread, IssueOne, &Blocked);
    TestAwaitQueued(4);
    AwaitWaiting(Thread.Thread);
    NthostDetachProcess(Process, 0);
    JoinAppThread(&Thread);
    assert_int_equal(Seen.Cancelled, 4);
    assert_status(Blocked.Status, STATUS_THREAD_IS_TERMINATING);
    // What a dead thread's request found is told to nobody.
    assert_status(Blocked.Iosb.Status, POISON_STATUS);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 2);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 2);
}

// The exit of a thread waits for what its driver cannot cancel, and is woken by the completion.
static void
exit_waits_for_completion(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ISSUE Issue = {.File = OpenTest(0)};
    APP_THREAD Thread;

    (void)State;
    __atomic_store_n(&IopRundownPatienceMs, 3600 * 1000, __ATOMIC_RELAXED);
    Plan.Action = ActHold;
    StartAppThread(&Thread, IssueOne, &Issue);
    TestAwaitQueued(1);
    AwaitWaiting(Thread.Thread);
    assert_true(TestReleaseHeld(STATUS_SUCCESS));
    JoinAppThread(&Thread);
    assert_status(Issue.Status, STATUS_PENDING);
    // The thread was still there to be told.
    assert_status(Issue.Iosb.Status, STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
IssueAndCancel(void *Context)
{
    ISSUE *Issue = Context;
    IO_STATUS_BLOCK Iosb;
    uint64_t Arguments[2] = {(uint64_t)(uintptr_t)Issue->File, (uint64_t)(uintptr_t)&Iosb};

    IssueOne(Issue);
    Issue->Status = NthostCall(Nts_NtCancelIoFile, Arguments);
}

static void
cancel_of_a_file_waits_too(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ISSUE Issue = {.File = OpenTest(0)};
    APP_THREAD Thread;

    (void)State;
    Plan.Action = ActHold;
    StartAppThread(&Thread, IssueAndCancel, &Issue);
    TestAwaitQueued(1);
    AwaitWaiting(Thread.Thread);
    assert_true(TestReleaseHeld(STATUS_SUCCESS));
    JoinAppThread(&Thread);
    assert_status(Issue.Status, STATUS_SUCCESS);
    assert_status(Issue.Iosb.Status, STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
not_cancellable_is_cut_loose(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(0);
    IO_STATUS_BLOCK Iosb;

    (void)State;
    Plan.Action = ActHold;
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0), STATUS_PENDING);
    __atomic_store_n(&IopRundownPatienceMs, 20, __ATOMIC_RELAXED);
    NthostDetachProcess(Process, 0);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 1);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 0);  // the request still holds the file
    assert_true(TestReleaseHeld(STATUS_SUCCESS));
    assert_status(Iosb.Status, POISON_STATUS);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 1);
}

// ---- Races ----

#define RACES ROUNDS(3000u)

static uint32_t RaceRound, RaceDone;

static void
RaceRelease(void *Context)
{
    (void)Context;
    for (ULONG Round = 1; Round <= RACES; Round++)
    {
        while (__atomic_load_n(&RaceRound, __ATOMIC_ACQUIRE) < Round)
        {
            OsYield();
        }
        (void)TestRelease(STATUS_SUCCESS, 0);
        __atomic_store_n(&RaceDone, Round, __ATOMIC_RELEASE);
    }
}

// Completion against CancelIoEx: each request ends exactly once, with one of the two statuses.
static void
completion_races_cancel(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(0);
    HANDLE Event = MakeEvent(SynchronizationEvent);
    ULONG Cancelled = 0;
    APP_THREAD Thread;

    (void)State;
    RaceRound = RaceDone = 0;
    Plan.Action = ActQueue;
    StartAppThread(&Thread, RaceRelease, NULL);
    for (ULONG Round = 1; Round <= RACES; Round++)
    {
        IO_STATUS_BLOCK Iosb, Unused;

        assert_status(Control(File, Event, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0),
                      STATUS_PENDING);
        __atomic_store_n(&RaceRound, Round, __ATOMIC_RELEASE);
        (void)NtCancelIoFileEx(File, &Iosb, &Unused);
        assert_status(NtWaitForSingleObject(Event, FALSE, NULL), STATUS_SUCCESS);
        assert_true(Iosb.Status == STATUS_SUCCESS || Iosb.Status == STATUS_CANCELLED);
        Cancelled += Iosb.Status == STATUS_CANCELLED;
        while (__atomic_load_n(&RaceDone, __ATOMIC_ACQUIRE) < Round)
        {
            OsYield();
        }
        assert_false(IsSignaled(Event));
    }
    JoinAppThread(&Thread);
    assert_int_equal(Seen.Cancelled, Cancelled);
    NthostDetachProcess(Process, 0);
}

// The same for a synchronous call, whose issuer frees the IRP while the completer sets its event.
static void
RaceSynchronous(void *Context)
{
    ISSUE *Issue = Context;

    for (ULONG Round = 1; Round <= RACES; Round++)
    {
        IssueOne(Issue);
        if (Issue->Status != STATUS_SUCCESS && Issue->Status != STATUS_CANCELLED)
        {
            return;
        }
        __atomic_store_n(&RaceDone, Round, __ATOMIC_RELEASE);
    }
}

static void
synchronous_completion_races_cancel(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ISSUE Issue = {.File = OpenTest(SYNCHRONOUS)};
    APP_THREAD Thread;
    uint64_t Limit = OsMonotonicNs() + PATIENCE_NS;
    ULONG Turn = 0;

    (void)State;
    RaceDone = 0;
    Plan.Action = ActQueue;
    StartAppThread(&Thread, RaceSynchronous, &Issue);
    while (__atomic_load_n(&RaceDone, __ATOMIC_ACQUIRE) < RACES)
    {
        IO_STATUS_BLOCK Unused;

        if (++Turn % 2 == 0)
        {
            (void)TestRelease(STATUS_SUCCESS, 0);
        }
        else
        {
            (void)NtCancelIoFileEx(Issue.File, NULL, &Unused);
        }
        assert_true(OsMonotonicNs() < Limit);
    }
    JoinAppThread(&Thread);
    NthostDetachProcess(Process, 0);
}

// Death of the process against completion, many times over.
static void
RaceRelentless(void *Context)
{
    uint32_t *Stop = Context;

    while (__atomic_load_n(Stop, __ATOMIC_ACQUIRE) == 0)
    {
        (void)TestRelease(STATUS_SUCCESS, 0);
    }
}

static VOID
RelentlessThread(PVOID Context)
{
    RaceRelentless(Context);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void
completion_races_death(void **State)
{
    uint32_t Stop = 0;
    HANDLE Handle;
    PVOID Thread;

    (void)State;
    Plan.Action = ActQueue;
    assert_status(
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, RelentlessThread, &Stop),
        STATUS_SUCCESS);
    assert_status(
        ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Thread, NULL),
        STATUS_SUCCESS);
    for (ULONG Round = 0; Round < ROUNDS(300u); Round++)
    {
        NTHOST_PROCESS *Process = BecomeProcess("user");
        HANDLE File = OpenTest(0);
        IO_STATUS_BLOCK Iosb[4];

        for (ULONG Index = 0; Index < 4; Index++)
        {
            assert_status(Control(File, NULL, NULL, &Iosb[Index], IOCTL_ECHO, NULL, 0, NULL, 0),
                          STATUS_PENDING);
        }
        NthostDetachProcess(Process, 0);
    }
    __atomic_store_n(&Stop, 1, __ATOMIC_RELEASE);
    assert_status(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    ObDereferenceObject(Thread);
    ZwClose(Handle);
    assert_int_equal(TestSeen(IRP_MJ_CREATE) != 0, 1);
    assert_int_equal(TestDevice->ReferenceCount, 0);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(one_request),
        IO_TEST(all_of_a_file),
        IO_TEST(exit_of_the_thread),
        IO_TEST(with_a_port_it_outlives_its_thread),
        IO_TEST(death_cancels),
        IO_TEST(exit_waits_for_completion),
        IO_TEST(cancel_of_a_file_waits_too),
        IO_TEST(not_cancellable_is_cut_loose),
        IO_TEST(completion_races_cancel),
        IO_TEST(synchronous_completion_races_cancel),
        IO_TEST(completion_races_death),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
