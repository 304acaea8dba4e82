// SPDX-License-Identifier: MIT
// The waiting services on events, threads and processes.
#include "fixture.h"

static LARGE_INTEGER Now;

static void
CreateMany(HANDLE *Handles, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++)
    {
        assert_status(
            NtCreateEvent(&Handles[i], EVENT_ALL_ACCESS, NULL, SynchronizationEvent, FALSE),
            STATUS_SUCCESS);
    }
}

static void
single(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Handle;

    (void)State;
    CreateMany(&Handle, 1);
    assert_status(NtWaitForSingleObject(Handle, FALSE, &Now), STATUS_TIMEOUT);
    NtSetEvent(Handle, NULL);
    assert_status(NtWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    assert_status(NtWaitForSingleObject(Handle, FALSE, &Now), STATUS_TIMEOUT);
    assert_status(NtWaitForSingleObject((HANDLE)-1, FALSE, &Now), STATUS_TIMEOUT);
    assert_status(NtWaitForSingleObject((HANDLE)-2, FALSE, &Now), STATUS_TIMEOUT);
    assert_status(NtWaitForSingleObject((HANDLE)0x7FF0, FALSE, &Now), STATUS_INVALID_HANDLE);
    assert_status(NtWaitForSingleObject(Handle, FALSE, (PLARGE_INTEGER)(ULONG_PTR)0x1000),
                  STATUS_ACCESS_VIOLATION);
    NthostDetachProcess(Process, 0);
}

static void
not_waitable(void **State)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes = Named(&Name, L"\\BaseNamedObjects", 0);
    HANDLE Directory;

    (void)State;
    assert_status(NtOpenDirectoryObject(&Directory, DIRECTORY_QUERY, &Attributes), STATUS_SUCCESS);
    assert_status(NtWaitForSingleObject(Directory, FALSE, &Now), STATUS_OBJECT_TYPE_MISMATCH);
    NtClose(Directory);
}

static void
multiple(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Handles[MAXIMUM_WAIT_OBJECTS + 1];
    static const ULONG Counts[] = {1, 3, 4, MAXIMUM_WAIT_OBJECTS};

    (void)State;
    CreateMany(Handles, MAXIMUM_WAIT_OBJECTS);
    Handles[MAXIMUM_WAIT_OBJECTS] = Handles[0];
    for (ULONG i = 0; i < RTL_NUMBER_OF(Counts); i++)
    {
        ULONG Last = Counts[i] - 1;

        assert_status(NtWaitForMultipleObjects(Counts[i], Handles, WaitAny, FALSE, &Now),
                      STATUS_TIMEOUT);
        NtSetEvent(Handles[Last], NULL);
        assert_status(NtWaitForMultipleObjects(Counts[i], Handles, WaitAny, FALSE, NULL),
                      STATUS_WAIT_0 + Last);
        assert_status(NtWaitForMultipleObjects(Counts[i], Handles, WaitAny, FALSE, &Now),
                      STATUS_TIMEOUT);
        for (ULONG j = 0; j < Last; j++)
        {
            NtSetEvent(Handles[j], NULL);
        }
        assert_status(NtWaitForMultipleObjects(Counts[i], Handles, WaitAll, FALSE, &Now),
                      STATUS_TIMEOUT);
        NtSetEvent(Handles[Last], NULL);
        assert_status(NtWaitForMultipleObjects(Counts[i], Handles, WaitAll, FALSE, NULL),
                      STATUS_SUCCESS);
        assert_status(NtWaitForMultipleObjects(Counts[i], Handles, WaitAny, FALSE, &Now),
                      STATUS_TIMEOUT);
    }
    assert_status(NtWaitForMultipleObjects(0, Handles, WaitAny, FALSE, &Now),
                  STATUS_INVALID_PARAMETER_1);
    assert_status(NtWaitForMultipleObjects(65, Handles, WaitAny, FALSE, &Now),
                  STATUS_INVALID_PARAMETER_1);
    assert_status(NtWaitForMultipleObjects(2, Handles, 2, FALSE, &Now), STATUS_INVALID_PARAMETER_3);
    Handles[1] = Handles[0];
    assert_status(NtWaitForMultipleObjects(2, Handles, WaitAll, FALSE, &Now),
                  STATUS_INVALID_PARAMETER_MIX);
    assert_status(NtWaitForMultipleObjects(2, Handles, WaitAny, FALSE, &Now), STATUS_TIMEOUT);
    Handles[3] = (HANDLE)0x7FF0;
    assert_status(NtWaitForMultipleObjects(5, Handles, WaitAny, FALSE, &Now),
                  STATUS_INVALID_HANDLE);
    assert_status(NtWaitForMultipleObjects(2, (HANDLE *)(ULONG_PTR)0x1000, WaitAny, FALSE, &Now),
                  STATUS_ACCESS_VIOLATION);
    NthostDetachProcess(Process, 0);
}

static VOID
SetSoon(PVOID Event)
{
    KeSetEvent(Event, 0, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void
woken_by_another_thread(void **State)
{
    HANDLE Handles[6], Thread;
    OBJECT_ATTRIBUTES Attributes;
    PKEVENT Event;

    (void)State;
    CreateMany(Handles, 6);
    Event = EventOf(Handles[4]);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_status(
        PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, SetSoon, Event),
        STATUS_SUCCESS);
    assert_status(NtWaitForMultipleObjects(6, Handles, WaitAny, FALSE, NULL), STATUS_WAIT_0 + 4);
    assert_status(ZwWaitForSingleObject(Thread, FALSE, NULL), STATUS_SUCCESS);
    ZwClose(Thread);
    ObDereferenceObject(Event);
    for (ULONG i = 0; i < 6; i++)
    {
        NtClose(Handles[i]);
    }
}

static void
object_outlives_its_handle_in_a_wait(void **State)
{
    ULONG Before = Living(ObpEventType);
    LARGE_INTEGER Soon = {.QuadPart = -1};
    HANDLE Handles[4];

    (void)State;
    CreateMany(Handles, 4);
    assert_status(NtWaitForMultipleObjects(4, Handles, WaitAny, FALSE, &Soon), STATUS_TIMEOUT);
    for (ULONG i = 0; i < 4; i++)
    {
        NtClose(Handles[i]);
    }
    assert_int_equal(Living(ObpEventType), Before);
}

static void
delay(void **State)
{
    LARGE_INTEGER Short = {.QuadPart = -1};
    NTHOST_PROCESS *Process = BecomeProcess("user");

    (void)State;
    assert_status(NtDelayExecution(FALSE, &Now), STATUS_SUCCESS);
    assert_status(NtDelayExecution(FALSE, &Short), STATUS_SUCCESS);
    assert_status(NtDelayExecution(FALSE, (PLARGE_INTEGER)(ULONG_PTR)0x1000),
                  STATUS_ACCESS_VIOLATION);
    NthostDetachProcess(Process, 0);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(single),
        OB_TEST(not_waitable),
        OB_TEST(multiple),
        OB_TEST(woken_by_another_thread),
        OB_TEST(object_outlives_its_handle_in_a_wait),
        OB_TEST(delay),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
