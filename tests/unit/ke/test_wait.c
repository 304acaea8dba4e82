// SPDX-License-Identifier: MIT
// Events and waits: types, any and all, timeouts, order, parking, misuse.
#include "test.h"

#define STATUS_STILL_WAITING ((NTSTATUS)0x7FFFFFFF)

typedef struct WAITER
{
    TEST_THREAD Thread;
    ULONG Count;
    PVOID Objects[8];
    WAIT_TYPE Type;
    KWAIT_BLOCK Blocks[8];
    LARGE_INTEGER Timeout;
    BOOLEAN Timed;
    NTSTATUS Status;  // atomic
} WAITER;

static void
RunWaiter(void *Context)
{
    WAITER *Waiter = Context;
    NTSTATUS Status = KeWaitForMultipleObjects(
        Waiter->Count, Waiter->Objects, Waiter->Type, Executive, KernelMode, FALSE,
        Waiter->Timed ? &Waiter->Timeout : NULL, Waiter->Count > 3 ? Waiter->Blocks : NULL);

    __atomic_store_n(&Waiter->Status, Status, __ATOMIC_RELEASE);
}

static void
StartWaiter(WAITER *Waiter, WAIT_TYPE Type, ULONG Count, ...)
{
    va_list Objects;

    memset(Waiter, 0, sizeof(*Waiter));
    Waiter->Status = STATUS_STILL_WAITING;
    Waiter->Type = Type;
    Waiter->Count = Count;
    va_start(Objects, Count);
    for (ULONG i = 0; i < Count; i++)
    {
        Waiter->Objects[i] = va_arg(Objects, PVOID);
    }
    va_end(Objects);
    TestThreadStart(&Waiter->Thread, RunWaiter, Waiter);
    TestAwaitWaiting(&Waiter->Thread.Thread.Tcb);
}

static NTSTATUS
JoinWaiter(WAITER *Waiter)
{
    TestThreadJoin(&Waiter->Thread);
    return Waiter->Status;
}

static void
EventsHaveTwoTypes(void **State)
{
    KEVENT Event;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    assert_int_equal(TestWait(&Event, 0), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&Event), 1);
    assert_int_equal(KeResetEvent(&Event), 1);
    assert_int_equal(KeResetEvent(&Event), 0);
    assert_int_equal(TestWait(&Event, 0), STATUS_TIMEOUT);
    assert_int_equal(KeSetEvent(&Event, 0, FALSE), 0);
    assert_int_equal(KeSetEvent(&Event, 0, FALSE), 1);
    KeClearEvent(&Event);
    assert_int_equal(KeReadStateEvent(&Event), 0);

    KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
    assert_int_equal(TestWait(&Event, 0), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&Event), 0);
    assert_int_equal(TestWait(&Event, 0), STATUS_TIMEOUT);
    TestStop();
}

static void
ANotificationEventReleasesAll(void **State)
{
    WAITER Waiters[3];
    KEVENT Event;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    for (unsigned i = 0; i < 3; i++)
    {
        StartWaiter(&Waiters[i], WaitAny, 1, &Event);
    }
    assert_int_equal(KeSetEvent(&Event, 0, FALSE), 0);
    for (unsigned i = 0; i < 3; i++)
    {
        assert_int_equal(JoinWaiter(&Waiters[i]), STATUS_SUCCESS);
    }
    assert_int_equal(KeReadStateEvent(&Event), 1);
    assert_true(IsListEmpty(&Event.Header.WaitListHead));
    TestStop();
}

static void
ASynchronizationEventReleasesOneInOrder(void **State)
{
    WAITER Waiters[3];
    KEVENT Event;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    for (unsigned i = 0; i < 3; i++)
    {
        StartWaiter(&Waiters[i], WaitAny, 1, &Event);
    }
    for (unsigned i = 0; i < 3; i++)
    {
        assert_int_equal(KeSetEvent(&Event, 0, FALSE), 0);
        assert_int_equal(KeReadStateEvent(&Event), 0);  // consumed by the waiter, at once
        assert_int_equal(JoinWaiter(&Waiters[i]), STATUS_SUCCESS);
        for (unsigned j = i + 1; j < 3; j++)
        {
            assert_int_equal(TestState(&Waiters[j].Thread.Thread.Tcb), KiStateWaiting);
        }
    }
    TestStop();
}

static void
WaitAnyTakesTheLowestIndexAndOnlyIt(void **State)
{
    KEVENT A, B, C;
    PVOID Objects[3] = {&A, &B, &C};
    LARGE_INTEGER Zero = {.QuadPart = 0};
    WAITER Waiter;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&A, SynchronizationEvent, FALSE);
    KeInitializeEvent(&B, SynchronizationEvent, TRUE);
    KeInitializeEvent(&C, SynchronizationEvent, TRUE);
    assert_int_equal(
        KeWaitForMultipleObjects(3, Objects, WaitAny, Executive, KernelMode, FALSE, &Zero, NULL),
        STATUS_WAIT_1);
    assert_int_equal(KeReadStateEvent(&C), 1);
    KeResetEvent(&C);
    StartWaiter(&Waiter, WaitAny, 3, &A, &B, &C);
    KeSetEvent(&C, 0, FALSE);
    assert_int_equal(JoinWaiter(&Waiter), STATUS_WAIT_2);
    assert_int_equal(KeReadStateEvent(&C), 0);
    assert_true(IsListEmpty(&A.Header.WaitListHead) && IsListEmpty(&B.Header.WaitListHead));
    TestStop();
}

static void
WaitAnyForTheSameObjectTwice(void **State)
{
    KEVENT A, B;
    WAITER Waiters[3];

    (void)State;
    TestStart(2);
    KeInitializeEvent(&A, NotificationEvent, FALSE);
    KeInitializeEvent(&B, NotificationEvent, FALSE);
    StartWaiter(&Waiters[0], WaitAny, 3, &A, &A, &B);
    StartWaiter(&Waiters[1], WaitAny, 5, &B, &A, &A, &B, &A);
    StartWaiter(&Waiters[2], WaitAny, 2, &B, &A);
    KeSetEvent(&A, 0, FALSE);
    assert_int_equal(JoinWaiter(&Waiters[0]), STATUS_WAIT_0);
    assert_int_equal(JoinWaiter(&Waiters[1]), STATUS_WAIT_1);
    assert_int_equal(JoinWaiter(&Waiters[2]), STATUS_WAIT_1);
    assert_true(IsListEmpty(&A.Header.WaitListHead) && IsListEmpty(&B.Header.WaitListHead));
    TestStop();
}

static void
WaitAllConsumesAllOrNothing(void **State)
{
    KEVENT A, B;
    PVOID Objects[2] = {&A, &B};
    LARGE_INTEGER Zero = {.QuadPart = 0};
    WAITER All, Any;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&A, SynchronizationEvent, TRUE);
    KeInitializeEvent(&B, SynchronizationEvent, FALSE);
    assert_int_equal(
        KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, &Zero, NULL),
        STATUS_TIMEOUT);
    assert_int_equal(KeReadStateEvent(&A), 1);  // not consumed by a wait that failed
    StartWaiter(&All, WaitAll, 2, &A, &B);
    assert_int_equal(KeReadStateEvent(&A), 1);  // nor by one that still waits
    assert_int_equal(TestWait(&A, 0), STATUS_SUCCESS);
    StartWaiter(&Any, WaitAny, 1, &B);
    KeSetEvent(&B, 0, FALSE);  // the first waiter lacks A: the second takes B
    assert_int_equal(JoinWaiter(&Any), STATUS_SUCCESS);
    assert_int_equal(TestState(&All.Thread.Thread.Tcb), KiStateWaiting);
    KeSetEvent(&B, 0, FALSE);
    assert_int_equal(KeReadStateEvent(&B), 1);
    KeSetEvent(&A, 0, FALSE);
    assert_int_equal(JoinWaiter(&All), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&A), 0);
    assert_int_equal(KeReadStateEvent(&B), 0);
    TestStop();
}

static void
TimeoutsHaveThreeForms(void **State)
{
    LARGE_INTEGER Time;
    ULONGLONG Before;
    KEVENT Event;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    assert_int_equal(TestWait(&Event, 0), STATUS_TIMEOUT);
    Before = KeQueryInterruptTime();
    assert_int_equal(TestWait(&Event, MS(5)), STATUS_TIMEOUT);
    assert_true(KeQueryInterruptTime() - Before >= 50000);  // never early
    KeQuerySystemTime(&Time);
    assert_int_equal(TestWait(&Event, Time.QuadPart - 1), STATUS_TIMEOUT);
    assert_int_equal(TestWait(&Event, 1), STATUS_TIMEOUT);  // 1601: long ago
    KeQuerySystemTime(&Time);
    assert_int_equal(TestWait(&Event, Time.QuadPart + 50000), STATUS_TIMEOUT);
    KeQuerySystemTime(&Time);
    assert_true(Time.QuadPart > 0);
    assert_true(IsListEmpty(&Event.Header.WaitListHead));
    Time.QuadPart = MS(2);
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &Time), STATUS_SUCCESS);
    Time.QuadPart = 0;
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &Time), STATUS_SUCCESS);
    // Absurdly far away is for ever, not at once.
    KeSetEvent(&Event, 0, FALSE);
    assert_int_equal(TestWait(&Event, INT64_MIN), STATUS_SUCCESS);
    assert_int_equal(KiDeadline(NULL), OS_FOREVER);
    Time.QuadPart = INT64_MIN;
    assert_int_equal(KiDeadline(&Time), OS_FOREVER);
    Time.QuadPart = INT64_MAX;
    assert_int_equal(KiDeadline(&Time), OS_FOREVER);
    TestStop();
}

static void
SixtyFourObjects(void **State)
{
    static KEVENT Events[MAXIMUM_WAIT_OBJECTS];
    static KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS];
    PVOID Objects[MAXIMUM_WAIT_OBJECTS];
    LARGE_INTEGER Zero = {.QuadPart = 0};

    (void)State;
    TestStart(2);
    for (unsigned i = 0; i < MAXIMUM_WAIT_OBJECTS; i++)
    {
        KeInitializeEvent(&Events[i], SynchronizationEvent, i != 63);
        Objects[i] = &Events[i];
    }
    assert_int_equal(
        KeWaitForMultipleObjects(64, Objects, WaitAll, Executive, KernelMode, FALSE, &Zero, Blocks),
        STATUS_TIMEOUT);
    KeSetEvent(&Events[63], 0, FALSE);
    assert_int_equal(
        KeWaitForMultipleObjects(64, Objects, WaitAll, Executive, KernelMode, FALSE, &Zero, Blocks),
        STATUS_SUCCESS);
    KeSetEvent(&Events[63], 0, FALSE);
    assert_int_equal(
        KeWaitForMultipleObjects(64, Objects, WaitAny, Executive, KernelMode, FALSE, &Zero, Blocks),
        STATUS_WAIT_63);
    TestStop();
}

static void
AtDispatchLevelOnlyWithoutWaiting(void **State)
{
    KEVENT Event;
    KIRQL Old;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
    Old = KeRaiseIrqlToDpcLevel();
    assert_int_equal(TestWait(&Event, 0), STATUS_SUCCESS);
    assert_int_equal(TestWait(&Event, 0), STATUS_TIMEOUT);
    KeLowerIrql(Old);
    KeRaiseIrql(APC_LEVEL, &Old);
    assert_int_equal(TestWait(&Event, MS(1)), STATUS_TIMEOUT);
    KeLowerIrql(Old);
    TestStop();
}

static void
SetAndWait(void **State)
{
    KEVENT A, B;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&A, SynchronizationEvent, FALSE);
    KeInitializeEvent(&B, SynchronizationEvent, TRUE);
    assert_int_equal(KeSetEvent(&A, 0, TRUE), 0);
    assert_int_equal(TestWait(&B, 0), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&A), 1);
    assert_false(KiCurrentThread->WaitNext);
    TestStop();
}

static void
ThreadsAreWaitable(void **State)
{
    WAITER Waiter;
    KEVENT Event;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    StartWaiter(&Waiter, WaitAny, 1, &Event);
    assert_int_equal(TestWait(&Waiter.Thread.Thread.Tcb, 0), STATUS_TIMEOUT);
    KeSetEvent(&Event, 0, FALSE);
    assert_int_equal(TestWait(&Waiter.Thread.Thread.Tcb, MS(30000)), STATUS_SUCCESS);
    assert_int_equal(TestWait(&Waiter.Thread.Thread.Tcb, 0), STATUS_SUCCESS);  // stays signaled
    assert_int_equal(JoinWaiter(&Waiter), STATUS_SUCCESS);
    TestStop();
}

// ---- Parking ----

typedef struct PARKED
{
    TEST_THREAD Thread;
    KEVENT *Event;
    LARGE_INTEGER *Timeout;
    NTSTATUS Returned;  // what KiWaitOrPark returned
    NTSTATUS Finished;  // what Finish saw
    NTSTATUS Replied;   // atomic
    unsigned Finishes, Replies;
    uint32_t Leave;  // atomic futex word
} PARKED;

static NTSTATUS
FinishParked(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    PARKED *Parked = Context;

    assert_ptr_equal(Thread, &Parked->Thread.Thread.Tcb);
    Parked->Finished = WaitStatus;
    Parked->Finishes++;
    return STATUS_USER_EXISTS;  // anything of its own
}

static void
ReplyParked(PKTHREAD Thread, NTSTATUS Status)
{
    PARKED *Parked = CONTAINING_RECORD(Thread, PARKED, Thread.Thread.Tcb);

    Parked->Replies++;
    __atomic_store_n(&Parked->Replied, Status, __ATOMIC_RELEASE);
}

static void
RunParked(void *Context)
{
    PARKED *Parked = Context;
    PKTHREAD Self = KiCurrentThread;
    PVOID Object = Parked->Event;

    Self->MayPark = TRUE;
    Self->PreviousMode = UserMode;
    Self->Reply = ReplyParked;
    Parked->Returned =
        KiWaitOrPark(1, &Object, WaitAny, FALSE, Parked->Timeout, NULL, FinishParked, Parked);
    while (__atomic_load_n(&Parked->Leave, __ATOMIC_ACQUIRE) == 0)
    {
        OsWaitWord(&Parked->Leave, 0, OS_FOREVER, false);
    }
    KiSetTerminating(Self);
    KiQuiesceThread(Self);
}

static void
StartParked(PARKED *Parked, KEVENT *Event, LARGE_INTEGER *Timeout)
{
    memset(Parked, 0, sizeof(*Parked));
    Parked->Event = Event;
    Parked->Timeout = Timeout;
    Parked->Replied = STATUS_STILL_WAITING;
    TestThreadStart(&Parked->Thread, RunParked, Parked);
}

static void
AwaitReply(PARKED *Parked)
{
    uint64_t Limit = OsMonotonicNs() + TEST_PATIENCE_NS;

    while (__atomic_load_n(&Parked->Replied, __ATOMIC_ACQUIRE) == STATUS_STILL_WAITING)
    {
        assert_true(OsMonotonicNs() < Limit);
        OsYield();
    }
}

static void
JoinParked(PARKED *Parked)
{
    __atomic_store_n(&Parked->Leave, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Parked->Leave, 1, false);
    TestThreadJoin(&Parked->Thread);
}

static void
AParkedWaitIsAnsweredByItsSatisfier(void **State)
{
    KEVENT Event;
    PARKED Parked;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    StartParked(&Parked, &Event, NULL);
    TestAwaitWaiting(&Parked.Thread.Thread.Tcb);
    assert_int_equal(TestState(&Parked.Thread.Thread.Tcb), KiStateParked);
    KeSetEvent(&Event, 0, FALSE);
    // Answered before KeSetEvent returned, on this thread.
    assert_int_equal(Parked.Replied, STATUS_USER_EXISTS);
    assert_int_equal(Parked.Finished, STATUS_SUCCESS);
    JoinParked(&Parked);
    assert_int_equal(Parked.Returned, STATUS_KI_PARKED);
    assert_int_equal(Parked.Finishes, 1);
    assert_int_equal(Parked.Replies, 1);
    TestStop();
}

static void
AWaitThatNeedNotWaitDoesNotPark(void **State)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    KEVENT Event;
    PARKED Parked;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, TRUE);
    for (unsigned i = 0; i < 2; i++)
    {
        StartParked(&Parked, &Event, &Zero);
        JoinParked(&Parked);
        assert_int_equal(Parked.Returned, STATUS_USER_EXISTS);
        assert_int_equal(Parked.Finished, i == 0 ? STATUS_SUCCESS : STATUS_TIMEOUT);
        assert_int_equal(Parked.Finishes, 1);
        assert_int_equal(Parked.Replies, 0);
    }
    TestStop();
}

static void
AParkedWaitTimesOut(void **State)
{
    LARGE_INTEGER Time = {.QuadPart = MS(3)};
    KEVENT Event;
    PARKED Parked;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    StartParked(&Parked, &Event, &Time);
    AwaitReply(&Parked);
    assert_int_equal(Parked.Finished, STATUS_TIMEOUT);
    assert_true(IsListEmpty(&Event.Header.WaitListHead));
    JoinParked(&Parked);
    assert_int_equal(Parked.Finishes, 1);
    assert_null(KiFindTimerIn(NULL, (void *)UINTPTR_MAX));
    TestStop();
}

static void
TerminationEndsUserWaitsOnly(void **State)
{
    LARGE_INTEGER Time = {.QuadPart = MS(60000)};
    KEVENT Event;
    PARKED Parked;
    WAITER Waiter;

    (void)State;
    TestStart(2);
    KeInitializeEvent(&Event, SynchronizationEvent, FALSE);
    StartParked(&Parked, &Event, &Time);
    TestAwaitWaiting(&Parked.Thread.Thread.Tcb);
    KiSetTerminating(&Parked.Thread.Thread.Tcb);
    assert_int_equal(Parked.Finished, STATUS_THREAD_IS_TERMINATING);
    assert_null(KiFindTimerIn(NULL, (void *)UINTPTR_MAX));
    JoinParked(&Parked);

    StartWaiter(&Waiter, WaitAny, 1, &Event);  // KernelMode
    KiSetTerminating(&Waiter.Thread.Thread.Tcb);
    assert_int_equal(TestState(&Waiter.Thread.Thread.Tcb), KiStateWaiting);
    KeSetEvent(&Event, 0, FALSE);
    assert_int_equal(JoinWaiter(&Waiter), STATUS_SUCCESS);

    // From now on as well: a terminating thread's UserMode wait does not begin.
    KiSetTerminating(KiCurrentThread);
    KeSetEvent(&Event, 0, FALSE);
    assert_int_equal(KeWaitForSingleObject(&Event, Executive, UserMode, FALSE, NULL),
                     STATUS_THREAD_IS_TERMINATING);
    assert_int_equal(KeReadStateEvent(&Event), 1);
    assert_int_equal(KeDelayExecutionThread(UserMode, FALSE, &Time), STATUS_THREAD_IS_TERMINATING);
    TestStop();
}

// ---- Misuse ----

static KEVENT BadEvent;

static void
WaitAtDispatch(void)
{
    KeInitializeEvent(&BadEvent, NotificationEvent, TRUE);  // a signaled one is no excuse
    (void)KeRaiseIrqlToDpcLevel();
    KeWaitForSingleObject(&BadEvent, Executive, KernelMode, FALSE, NULL);
}

static void
DelayAtDispatch(void)
{
    LARGE_INTEGER Time = {.QuadPart = -1};

    (void)KeRaiseIrqlToDpcLevel();
    KeDelayExecutionThread(KernelMode, FALSE, &Time);
}

static void
FourWithoutBlocks(void)
{
    PVOID Objects[4] = {&BadEvent, &BadEvent, &BadEvent, &BadEvent};

    KeInitializeEvent(&BadEvent, NotificationEvent, TRUE);
    KeWaitForMultipleObjects(4, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
}

static void
WaitForGarbage(void)
{
    memset(&BadEvent, 0, sizeof(BadEvent));
    KeWaitForSingleObject(&BadEvent, Executive, KernelMode, FALSE, NULL);
}

static void
SetGarbage(void)
{
    memset(&BadEvent, 0, sizeof(BadEvent));
    KeSetEvent(&BadEvent, 0, FALSE);
}

static void
SetAboveDispatch(void)
{
    KIRQL Old;

    KeInitializeEvent(&BadEvent, NotificationEvent, FALSE);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    KeSetEvent(&BadEvent, 0, FALSE);
}

static void
SetWaitAtDispatch(void)
{
    KeInitializeEvent(&BadEvent, NotificationEvent, FALSE);
    (void)KeRaiseIrqlToDpcLevel();
    KeSetEvent(&BadEvent, 0, TRUE);
}

static void
SetWaitWithoutWait(void)
{
    KeInitializeEvent(&BadEvent, NotificationEvent, FALSE);
    KeSetEvent(&BadEvent, 0, TRUE);
    KeResetEvent(&BadEvent);
}

static void
MisuseIsABugCheck(void **State)
{
    (void)State;
    TestExpectBugCheck(WaitAtDispatch, "IRQL_NOT_LESS_OR_EQUAL", "KeWaitForSingleObject",
                       "timeout of zero", NULL);
    TestExpectBugCheck(DelayAtDispatch, "IRQL_NOT_LESS_OR_EQUAL", "KeDelayExecutionThread", NULL);
    TestExpectBugCheck(FourWithoutBlocks, "MAXIMUM_WAIT_OBJECTS_EXCEEDED", "4 objects", NULL);
    TestExpectBugCheck(WaitForGarbage, "DRIVER_VERIFIER_DETECTED_VIOLATION", "never initialized",
                       NULL);
    TestExpectBugCheck(SetGarbage, "DRIVER_VERIFIER_DETECTED_VIOLATION", "KeSetEvent", NULL);
    TestExpectBugCheck(SetAboveDispatch, "IRQL_NOT_LESS_OR_EQUAL", "KeSetEvent", NULL);
    TestExpectBugCheck(SetWaitAtDispatch, "IRQL_NOT_LESS_OR_EQUAL", "KeSetEvent", NULL);
    TestExpectBugCheck(SetWaitWithoutWait, "DRIVER_VERIFIER_DETECTED_VIOLATION", "Wait = TRUE",
                       NULL);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(EventsHaveTwoTypes),
        cmocka_unit_test(ANotificationEventReleasesAll),
        cmocka_unit_test(ASynchronizationEventReleasesOneInOrder),
        cmocka_unit_test(WaitAnyTakesTheLowestIndexAndOnlyIt),
        cmocka_unit_test(WaitAnyForTheSameObjectTwice),
        cmocka_unit_test(WaitAllConsumesAllOrNothing),
        cmocka_unit_test(TimeoutsHaveThreeForms),
        cmocka_unit_test(SixtyFourObjects),
        cmocka_unit_test(AtDispatchLevelOnlyWithoutWaiting),
        cmocka_unit_test(SetAndWait),
        cmocka_unit_test(ThreadsAreWaitable),
        cmocka_unit_test(AParkedWaitIsAnsweredByItsSatisfier),
        cmocka_unit_test(AWaitThatNeedNotWaitDoesNotPark),
        cmocka_unit_test(AParkedWaitTimesOut),
        cmocka_unit_test(TerminationEndsUserWaitsOnly),
        cmocka_unit_test(MisuseIsABugCheck),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ke.wait", Tests, NULL, NULL);
}
