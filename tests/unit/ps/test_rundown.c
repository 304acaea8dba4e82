// SPDX-License-Identifier: MIT
// Death: threads that wait, are parked, run in a service or in their own code, and what is left behind.
#include "fixture.h"

typedef struct APP
{
    PEPROCESS Process;
    PETHREAD Thread;
    OS_THREAD *Host;
    KEVENT Event;  // never set by itself
    KEVENT Entered;
    NTSTATUS Status;    // what the wait returned
    BOOLEAN MayGoOn;    // PspLeaveCall's answer
    BOOLEAN MayComeIn;  // PspEnterCall's answer after the death
    uint32_t Leave;     // atomic futex word
    KPROCESSOR_MODE Mode;
} APP;

static void
InitializeApp(APP *App)
{
    memset(App, 0, sizeof(*App));
    KeInitializeEvent(&App->Event, NotificationEvent, FALSE);
    KeInitializeEvent(&App->Entered, NotificationEvent, FALSE);
    assert_status(PspCreateProcess("app", SepUser, &App->Process), STATUS_SUCCESS);
    assert_status(PspCreateThread(App->Process, &App->Thread), STATUS_SUCCESS);
}

// A local application's thread that makes one call, in which it waits.
static void
WaitInCall(void *Context)
{
    APP *App = Context;

    KiBindThread(&App->Thread->Tcb);
    App->Thread->Tcb.PreviousMode = UserMode;
    if (PspEnterCall(App->Thread))
    {
        KeSetEvent(&App->Entered, 0, FALSE);
        App->Status = KeWaitForSingleObject(&App->Event, UserRequest, App->Mode, FALSE, NULL);
        App->MayGoOn = PspLeaveCall(App->Thread);
    }
    PspWaitForProcess(App->Process);
    App->MayComeIn = PspEnterCall(App->Thread);
    KiUnbindThread();
}

// One that runs its own code and never calls.
static void
StayOutside(void *Context)
{
    APP *App = Context;

    KiBindThread(&App->Thread->Tcb);
    KeSetEvent(&App->Entered, 0, FALSE);
    while (__atomic_load_n(&App->Leave, __ATOMIC_ACQUIRE) == 0)
    {
        OsWaitWord(&App->Leave, 0, OS_FOREVER, false);
    }
    App->MayComeIn = PspEnterCall(App->Thread);
    KiUnbindThread();
}

static void
FreeApp(APP *App)
{
    OsThreadJoin(App->Host);
    ObDereferenceObject(App->Thread);
    ObDereferenceObject(App->Process);
}

static void
AUserWaitEndsAtDeath(void **State)
{
    APP App;

    (void)State;
    Start();
    InitializeApp(&App);
    App.Mode = UserMode;
    assert_int_equal(OsThreadStart(WaitInCall, &App, "app", &App.Host), OS_OK);
    AwaitState(App.Thread, KiStateWaiting);
    PspTerminateProcess(App.Process, 42);
    PspWaitForProcess(App.Process);
    assert_status(App.Thread->ExitStatus, 42);
    assert_true(IsSignaled(App.Thread));
    FreeApp(&App);
    assert_status(App.Status, STATUS_THREAD_IS_TERMINATING);
    assert_false(App.MayComeIn);  // (whether it left its call before it was to stop is its luck)
    Stop();
}

static void
AKernelWaitIsAwaited(void **State)
{
    APP App;

    (void)State;
    Start();
    InitializeApp(&App);
    App.Mode = KernelMode;
    assert_int_equal(OsThreadStart(WaitInCall, &App, "app", &App.Host), OS_OK);
    AwaitState(App.Thread, KiStateWaiting);
    PspTerminateProcess(App.Process, 42);
    // The rundown asks the thread to stop, and cannot go on before it left the driver's code.
    while (__atomic_load_n(&App.Thread->CallState, __ATOMIC_ACQUIRE) != PspCallStopAsked)
    {
        OsYield();
    }
    assert_int_equal(__atomic_load_n(&App.Process->DeadWord, __ATOMIC_ACQUIRE), 0);
    assert_int_equal(StateOf(App.Thread), KiStateWaiting);
    KeSetEvent(&App.Event, 0, FALSE);
    PspWaitForProcess(App.Process);
    FreeApp(&App);
    assert_status(App.Status, STATUS_SUCCESS);
    assert_false(App.MayGoOn);
    Stop();
}

static void
AThreadInItsOwnCodeIsNotAwaited(void **State)
{
    APP App;

    (void)State;
    Start();
    InitializeApp(&App);
    assert_int_equal(OsThreadStart(StayOutside, &App, "app", &App.Host), OS_OK);
    assert_status(Await(&App.Entered), STATUS_SUCCESS);
    PspTerminateProcess(App.Process, 42);
    PspWaitForProcess(App.Process);
    __atomic_store_n(&App.Leave, 1, __ATOMIC_RELEASE);
    OsWakeWord(&App.Leave, 1, false);
    FreeApp(&App);
    assert_false(App.MayComeIn);
    Stop();
}

static VOID
SystemThreadInProcess(PVOID Context)
{
    APP *App = Context;

    KeSetEvent(&App->Entered, 0, FALSE);
    KeWaitForSingleObject(&App->Event, Executive, KernelMode, FALSE, NULL);
    App->Status = PsGetCurrentProcess() == App->Process ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static void
ADriversThreadInTheProcessIsAwaited(void **State)
{
    OBJECT_ATTRIBUTES Attributes;
    CLIENT_ID Id = {NULL, NULL};
    HANDLE ProcessHandle, ThreadHandle;
    APP App;

    (void)State;
    Start();
    InitializeApp(&App);
    App.Status = STATUS_PENDING;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Id.UniqueProcess = PsGetProcessId(App.Process);
    assert_status(ZwOpenProcess(&ProcessHandle, PROCESS_ALL_ACCESS, &Attributes, &Id),
                  STATUS_SUCCESS);
    assert_status(PsCreateSystemThread(&ThreadHandle, SYNCHRONIZE, &Attributes, ProcessHandle, &Id,
                                       SystemThreadInProcess, &App),
                  STATUS_SUCCESS);
    assert_ptr_equal(Id.UniqueProcess, PsGetProcessId(App.Process));
    assert_status(Await(&App.Entered), STATUS_SUCCESS);
    PspTerminateProcess(App.Process, 1);
    assert_status(Await(App.Thread), STATUS_SUCCESS);  // the application's own thread is gone
    assert_int_equal(__atomic_load_n(&App.Process->DeadWord, __ATOMIC_ACQUIRE), 0);
    KeSetEvent(&App.Event, 0, FALSE);
    PspWaitForProcess(App.Process);
    assert_status(App.Status, STATUS_SUCCESS);
    assert_status(ZwWaitForSingleObject(ThreadHandle, FALSE, NULL), STATUS_SUCCESS);
    ZwClose(ThreadHandle);
    ZwClose(ProcessHandle);
    ObDereferenceObject(App.Thread);
    ObDereferenceObject(App.Process);
    Stop();
}

// ---- A remote connection, played by the test ----

typedef struct REMOTE
{
    APP App;
    unsigned Finishes, Replies, Stops, Deaths;  // of one thread each, ordered by the rundown
    NTSTATUS WaitStatus, ReplyStatus, Parked;
    uint32_t Stop;   // atomic futex word
    uint32_t Ended;  // atomic futex word
} REMOTE;

static REMOTE Remote;

static NTSTATUS
FinishRemote(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    UNREFERENCED_PARAMETER(Thread);
    UNREFERENCED_PARAMETER(Context);
    Remote.Finishes++;
    Remote.WaitStatus = WaitStatus;
    return WaitStatus;
}

static void
ReplyRemote(PKTHREAD Thread, NTSTATUS Status)
{
    UNREFERENCED_PARAMETER(Thread);
    Remote.Replies++;
    Remote.ReplyStatus = Status;
}

static void
KernelHalf(void *Context)
{
    PVOID Object = &Remote.App.Event;

    UNREFERENCED_PARAMETER(Context);
    KiBindThread(&Remote.App.Thread->Tcb);
    Remote.App.Thread->Tcb.PreviousMode = UserMode;
    Remote.App.Thread->Tcb.MayPark = TRUE;
    Remote.App.Thread->Tcb.Reply = ReplyRemote;
    Remote.Parked = KiWaitOrPark(1, &Object, WaitAny, FALSE, NULL, NULL, FinishRemote, NULL);
    while (__atomic_load_n(&Remote.Stop, __ATOMIC_ACQUIRE) == 0)
    {
        OsWaitWord(&Remote.Stop, 0, OS_FOREVER, false);
    }
    KiUnbindThread();
    __atomic_store_n(&Remote.Ended, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Remote.Ended, 1, false);
}

static void
StopRemote(PETHREAD Thread)
{
    UNREFERENCED_PARAMETER(Thread);
    Remote.Stops++;
    __atomic_store_n(&Remote.Stop, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Remote.Stop, 1, false);
    while (__atomic_load_n(&Remote.Ended, __ATOMIC_ACQUIRE) == 0)
    {
        OsWaitWord(&Remote.Ended, 0, OS_FOREVER, false);
    }
}

static void
RemoteDead(PEPROCESS Process)
{
    UNREFERENCED_PARAMETER(Process);
    Remote.Deaths++;
}

static void
AParkedThreadIsAnsweredStoppedAndRunDown(void **State)
{
    static const PSP_CONNECTION_OPERATIONS Operations = {StopRemote, RemoteDead};

    (void)State;
    Start();
    memset(&Remote, 0, sizeof(Remote));
    InitializeApp(&Remote.App);
    Remote.App.Process->ConnectionOperations = &Operations;
    OsLockAcquire(&Remote.App.Process->Lock);
    Remote.App.Thread->Port = &Remote;
    OsLockRelease(&Remote.App.Process->Lock);
    assert_int_equal(OsThreadStart(KernelHalf, NULL, "half", &Remote.App.Host), OS_OK);
    AwaitState(Remote.App.Thread, KiStateParked);
    PspTerminateProcess(Remote.App.Process, 1);
    PspWaitForProcess(Remote.App.Process);
    assert_status(Remote.Parked, STATUS_KI_PARKED);
    assert_int_equal(Remote.Finishes, 1);
    assert_int_equal(Remote.Replies, 1);
    assert_int_equal(Remote.Stops, 1);
    assert_int_equal(Remote.Deaths, 1);
    assert_status(Remote.WaitStatus, STATUS_THREAD_IS_TERMINATING);
    assert_status(Remote.ReplyStatus, STATUS_THREAD_IS_TERMINATING);
    assert_true(IsListEmpty(&Remote.App.Event.Header.WaitListHead));
    FreeApp(&Remote.App);
    Stop();
}

// Whoever ends a thread on its behalf need not have told it before.
static void
AnExitOnBehalfAnswersAParkedCall(void **State)
{
    (void)State;
    Start();
    memset(&Remote, 0, sizeof(Remote));
    InitializeApp(&Remote.App);
    assert_int_equal(OsThreadStart(KernelHalf, NULL, "half", &Remote.App.Host), OS_OK);
    AwaitState(Remote.App.Thread, KiStateParked);
    StopRemote(Remote.App.Thread);
    PspExitThread(Remote.App.Thread, 8);
    assert_int_equal(Remote.Finishes, 1);
    assert_int_equal(Remote.Replies, 1);
    assert_status(Remote.ReplyStatus, STATUS_THREAD_IS_TERMINATING);
    PspWaitForProcess(Remote.App.Process);  // it was the last thread
    assert_status(PsGetProcessExitStatus(Remote.App.Process), 8);
    FreeApp(&Remote.App);
    Stop();
}

// ---- What a process leaves behind ----

static void
HandlesAreClosedBeforeTheProcessSignals(void **State)
{
    NTHOST_PROCESS *Local;
    OBJECT_ATTRIBUTES Attributes;
    PEPROCESS Process;
    ULONG Before;

    (void)State;
    Start();
    Before = Living(ObpEventType);
    assert_int_equal(NthostAttachProcess("app", "user", &Local, NULL, NULL), 0);
    Process = PsGetCurrentProcess();
    ObReferenceObject(Process);
    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    for (unsigned i = 0; i < 100; i++)
    {
        HANDLE Handle;

        assert_status(
            NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
            STATUS_SUCCESS);
    }
    NthostDetachProcess(Local, 5);
    assert_null(Process->Handles);
    AwaitLiving(ObpEventType, Before);
    assert_status(PsGetProcessExitStatus(Process), 5);
    ObDereferenceObject(Process);
    Stop();
}

// ---- Races: threads that come, go and call while their process is terminated, from two sides ----

typedef struct STORM
{
    PEPROCESS Process;
    uint32_t Go;  // atomic
} STORM;

static void
ComeAndGo(void *Context)
{
    STORM *Storm = Context;
    PETHREAD Thread;

    while (__atomic_load_n(&Storm->Go, __ATOMIC_ACQUIRE) == 0)
    {
        OsPause();
    }
    while (NT_SUCCESS(PspCreateThread(Storm->Process, &Thread)))
    {
        KiBindThread(&Thread->Tcb);
        Thread->Tcb.PreviousMode = UserMode;
        if (PspEnterCall(Thread))
        {
            LARGE_INTEGER Time = {.QuadPart = -10};
            BOOLEAN Inside;

            (void)KeDelayExecutionThread(UserMode, FALSE, &Time);
            Inside = PspLeaveCall(Thread);
            if (Inside && PspEnterCall(Thread))
            {
                PspExitThread(Thread, STATUS_SUCCESS);
                (void)PspLeaveCall(Thread);
            }
        }
        KiUnbindThread();
        ObDereferenceObjectDeferDelete(Thread);
    }
}

static void
Kill(void *Context)
{
    STORM *Storm = Context;

    while (__atomic_load_n(&Storm->Go, __ATOMIC_ACQUIRE) == 0)
    {
        OsPause();
    }
    OsYield();
    PspTerminateProcess(Storm->Process, 1);
}

static void
DeathAgainstThreadsThatComeAndGo(void **State)
{
    ULONG Threads, Processes;

    (void)State;
    Start();
    Threads = Living(ObpThreadType);
    Processes = Living(ObpProcessType);
    for (unsigned i = 0; i < TEST_ROUNDS(300); i++)
    {
        STORM Storm = {.Go = 0};
        OS_THREAD *Hosts[4];
        PETHREAD Anchor;

        assert_status(PspCreateProcess("app", SepUser, &Storm.Process), STATUS_SUCCESS);
        // Keeps the process from dying of its last thread too early.
        assert_status(PspCreateThread(Storm.Process, &Anchor), STATUS_SUCCESS);
        for (unsigned j = 0; j < 4; j++)
        {
            assert_int_equal(OsThreadStart(j < 2 ? ComeAndGo : Kill, &Storm, "storm", &Hosts[j]),
                             OS_OK);
        }
        __atomic_store_n(&Storm.Go, 1, __ATOMIC_RELEASE);
        PspWaitForProcess(Storm.Process);
        for (unsigned j = 0; j < 4; j++)
        {
            OsThreadJoin(Hosts[j]);
        }
        assert_true(IsListEmpty(&Storm.Process->ThreadList));
        assert_int_equal(Storm.Process->ThreadCount, 0);
        assert_true(IsSignaled(Anchor));
        ObDereferenceObject(Anchor);
        ObDereferenceObject(Storm.Process);
    }
    AwaitLiving(ObpThreadType, Threads);
    AwaitLiving(ObpProcessType, Processes);
    Stop();
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        PS_TEST(AUserWaitEndsAtDeath),
        PS_TEST(AKernelWaitIsAwaited),
        PS_TEST(AThreadInItsOwnCodeIsNotAwaited),
        PS_TEST(ADriversThreadInTheProcessIsAwaited),
        PS_TEST(AParkedThreadIsAnsweredStoppedAndRunDown),
        PS_TEST(AnExitOnBehalfAnswersAParkedCall),
        PS_TEST(HandlesAreClosedBeforeTheProcessSignals),
        PS_TEST(DeathAgainstThreadsThatComeAndGo),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ps.rundown", Tests, NULL, NULL);
}
