// SPDX-License-Identifier: MIT
// Completion ports alone: order, several packets at once, timeouts, waiters, the last close.
#include "fixture.h"

#include "syscall/services.h"

static HANDLE
MakePort(void)
{
    HANDLE Port = POISON_HANDLE;

    assert_status(NtCreateIoCompletion(&Port, IO_COMPLETION_ALL_ACCESS, NULL, 0), STATUS_SUCCESS);
    return Port;
}

static void
in_order(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Port = MakePort();
    LARGE_INTEGER Now = {.QuadPart = 0};
    ULONG_PTR Key, Apc;
    IO_STATUS_BLOCK Iosb;

    (void)State;
    for (ULONG Index = 1; Index <= 100; Index++)
    {
        assert_status(NtSetIoCompletion(Port, Index, Index * 2, (NTSTATUS)(Index * 3), Index * 4),
                      STATUS_SUCCESS);
    }
    for (ULONG Index = 1; Index <= 100; Index++)
    {
        assert_status(NtRemoveIoCompletion(Port, &Key, &Apc, &Iosb, &Now), STATUS_SUCCESS);
        assert_int_equal(Key, Index);
        assert_int_equal(Apc, Index * 2);
        assert_status(Iosb.Status, Index * 3);
        assert_int_equal(Iosb.Information, Index * 4);
    }
    PoisonIosb(&Iosb);
    assert_status(NtRemoveIoCompletion(Port, &Key, &Apc, &Iosb, &Now), STATUS_TIMEOUT);
    assert_status(Iosb.Status, POISON_STATUS);
    assert_status(NtClose(Port), STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
several_at_once(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Port = MakePort();
    LARGE_INTEGER Now = {.QuadPart = 0};
    FILE_IO_COMPLETION_INFORMATION Entries[8];
    ULONG Removed = 99;

    (void)State;
    for (ULONG Index = 1; Index <= 10; Index++)
    {
        assert_status(NtSetIoCompletion(Port, Index, 0, STATUS_SUCCESS, 0), STATUS_SUCCESS);
    }
    assert_status(NtRemoveIoCompletionEx(Port, Entries, 0, &Removed, &Now, FALSE),
                  STATUS_INVALID_PARAMETER);
    assert_status(
        NtRemoveIoCompletionEx(Port, (FILE_IO_COMPLETION_INFORMATION *)8, 8, &Removed, &Now, FALSE),
        STATUS_ACCESS_VIOLATION);
    assert_int_equal(Removed, 99);
    assert_status(NtRemoveIoCompletionEx(Port, Entries, 8, &Removed, &Now, FALSE), STATUS_SUCCESS);
    assert_int_equal(Removed, 8);
    assert_int_equal(Entries[0].CompletionKey, 1);
    assert_int_equal(Entries[7].CompletionKey, 8);
    assert_status(NtRemoveIoCompletionEx(Port, Entries, 8, &Removed, &Now, TRUE), STATUS_SUCCESS);
    assert_int_equal(Removed, 2);
    assert_int_equal(Entries[0].CompletionKey, 9);
    assert_status(NtRemoveIoCompletionEx(Port, Entries, 8, &Removed, &Now, FALSE), STATUS_TIMEOUT);
    assert_int_equal(Removed, 0);
    NthostDetachProcess(Process, 0);
}

static void
rights_and_types(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Port = MakePort();
    HANDLE Event = MakeEvent(NotificationEvent);
    HANDLE Weak;
    LARGE_INTEGER Now = {.QuadPart = 0};
    ULONG_PTR Key, Apc;
    IO_STATUS_BLOCK Iosb;

    (void)State;
    assert_status(
        NtDuplicateObject((HANDLE)-1, Port, (HANDLE)-1, &Weak, IO_COMPLETION_QUERY_STATE, 0, 0),
        STATUS_SUCCESS);
    assert_status(NtSetIoCompletion(Weak, 1, 1, 0, 0), STATUS_ACCESS_DENIED);
    assert_status(NtRemoveIoCompletion(Weak, &Key, &Apc, &Iosb, &Now), STATUS_ACCESS_DENIED);
    assert_status(NtSetIoCompletion(Event, 1, 1, 0, 0), STATUS_OBJECT_TYPE_MISMATCH);
    // Not waitable.
    assert_int_not_equal(NtWaitForSingleObject(Port, FALSE, &Now), STATUS_SUCCESS);
    assert_status(NtCreateIoCompletion((PHANDLE)8, IO_COMPLETION_ALL_ACCESS, NULL, 0),
                  STATUS_ACCESS_VIOLATION);
    NthostDetachProcess(Process, 0);
}

typedef struct WAITER
{
    HANDLE Port;
    NTSTATUS Status;
    ULONG_PTR Key;
    uint32_t Order;  // when it woke
} WAITER;
static uint32_t WakeOrder;

static void
WaitOnPort(void *Context)
{
    WAITER *Waiter = Context;
    ULONG_PTR Apc;
    IO_STATUS_BLOCK Iosb;
    uint64_t Arguments[5] = {(uint64_t)(uintptr_t)Waiter->Port, (uint64_t)(uintptr_t)&Waiter->Key,
                             (uint64_t)(uintptr_t)&Apc, (uint64_t)(uintptr_t)&Iosb, 0};

    Waiter->Status = NthostCall(Nts_NtRemoveIoCompletion, Arguments);
    Waiter->Order = __atomic_add_fetch(&WakeOrder, 1, __ATOMIC_SEQ_CST);
}

static void
last_waiter_first(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Port = MakePort();
    WAITER Waiters[3];
    APP_THREAD Threads[3];

    (void)State;
    WakeOrder = 0;
    for (ULONG Index = 0; Index < 3; Index++)
    {
        Waiters[Index] = (WAITER){.Port = Port};
        StartAppThread(&Threads[Index], WaitOnPort, &Waiters[Index]);
        AwaitWaiting(Threads[Index].Thread);
    }
    for (ULONG Index = 0; Index < 3; Index++)
    {
        assert_status(NtSetIoCompletion(Port, 10 + Index, 0, 0, 0), STATUS_SUCCESS);
        JoinAppThread(&Threads[2 - Index]);
    }
    for (ULONG Index = 0; Index < 3; Index++)
    {
        assert_status(Waiters[Index].Status, STATUS_SUCCESS);
        assert_int_equal(Waiters[Index].Key, 12 - Index);
        assert_int_equal(Waiters[Index].Order, 3 - Index);
    }
    NthostDetachProcess(Process, 0);
}

static void
abandoned_by_the_last_close(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Port = MakePort();
    WAITER Waiters[2];
    APP_THREAD Threads[2];

    (void)State;
    for (ULONG Index = 0; Index < 2; Index++)
    {
        Waiters[Index] = (WAITER){.Port = Port};
        StartAppThread(&Threads[Index], WaitOnPort, &Waiters[Index]);
        AwaitWaiting(Threads[Index].Thread);
    }
    assert_status(NtClose(Port), STATUS_SUCCESS);
    for (ULONG Index = 0; Index < 2; Index++)
    {
        JoinAppThread(&Threads[Index]);
        assert_status(Waiters[Index].Status, STATUS_ABANDONED_WAIT_0);
    }
    NthostDetachProcess(Process, 0);
}

// Producers, consumers with short timeouts: every packet arrives exactly once.
#define PRODUCERS 2
#define CONSUMERS 2
#define PACKETS   ROUNDS(5000u)

static HANDLE StressPort;
static uint32_t Arrived[PRODUCERS * PACKETS];
static uint32_t ArrivedCount;

static void
Produce(void *Context)
{
    ULONG First = (ULONG)(uintptr_t)Context * PACKETS;

    for (ULONG Index = 0; Index < PACKETS; Index++)
    {
        if (NtSetIoCompletion(StressPort, First + Index, 0, 0, 0) != STATUS_SUCCESS)
        {
            return;
        }
    }
}

static void
Consume(void *Context)
{
    LARGE_INTEGER Short = {.QuadPart = -50};  // 5 us: times out and races the hand-over

    (void)Context;
    while (__atomic_load_n(&ArrivedCount, __ATOMIC_SEQ_CST) < PRODUCERS * PACKETS)
    {
        FILE_IO_COMPLETION_INFORMATION Entries[4];
        ULONG Removed = 0;

        if (NtRemoveIoCompletionEx(StressPort, Entries, 4, &Removed, &Short, FALSE) ==
            STATUS_SUCCESS)
        {
            for (ULONG Index = 0; Index < Removed; Index++)
            {
                __atomic_add_fetch(&Arrived[Entries[Index].CompletionKey], 1, __ATOMIC_SEQ_CST);
                __atomic_add_fetch(&ArrivedCount, 1, __ATOMIC_SEQ_CST);
            }
        }
    }
}

static void
timeouts_race_packets(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    APP_THREAD Threads[PRODUCERS + CONSUMERS];

    (void)State;
    StressPort = MakePort();
    for (ULONG Index = 0; Index < PRODUCERS + CONSUMERS; Index++)
    {
        StartAppThread(&Threads[Index], Index < PRODUCERS ? Produce : Consume,
                       (void *)(uintptr_t)Index);
    }
    for (ULONG Index = 0; Index < PRODUCERS + CONSUMERS; Index++)
    {
        JoinAppThread(&Threads[Index]);
    }
    for (ULONG Index = 0; Index < PRODUCERS * PACKETS; Index++)
    {
        assert_int_equal(Arrived[Index], 1);
    }
    NthostDetachProcess(Process, 0);
}

static void
death_of_waiters(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Port = MakePort();
    WAITER Waiter = {.Port = Port};
    APP_THREAD Thread;

    (void)State;
    StartAppThread(&Thread, WaitOnPort, &Waiter);
    AwaitWaiting(Thread.Thread);
    assert_status(NtSetIoCompletion(Port, 1, 1, 0, 0), STATUS_SUCCESS);
    JoinAppThread(&Thread);
    StartAppThread(&Thread, WaitOnPort, &Waiter);
    AwaitWaiting(Thread.Thread);
    NthostDetachProcess(Process, 0);  // ends the wait
    JoinAppThread(&Thread);
    assert_status(Waiter.Status, STATUS_THREAD_IS_TERMINATING);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(in_order),
        IO_TEST(several_at_once),
        IO_TEST(rights_and_types),
        IO_TEST(last_waiter_first),
        IO_TEST(abandoned_by_the_last_close),
        IO_TEST(timeouts_race_packets),
        IO_TEST(death_of_waiters),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
