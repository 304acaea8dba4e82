// SPDX-License-Identifier: MIT
// Event objects by handle, and the named events that drivers create.
#include "fixture.h"

static void
set_reset_clear_query(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    EVENT_BASIC_INFORMATION Basic = {0};
    OBJECT_ATTRIBUTES Attributes;
    ULONG Length = 0;
    LONG Previous = 77;
    HANDLE Handle = POISON;

    (void)State;
    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, (EVENT_TYPE)2, FALSE),
                  STATUS_INVALID_PARAMETER);
    assert_ptr_equal(Handle, POISON);
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, TRUE),
                  STATUS_SUCCESS);
    assert_status(NtQueryEvent(Handle, EventBasicInformation, &Basic, sizeof(Basic), &Length),
                  STATUS_SUCCESS);
    assert_int_equal(Basic.EventType, SynchronizationEvent);
    assert_int_equal(Basic.EventState, 1);
    assert_int_equal(Length, sizeof(Basic));
    assert_status(NtResetEvent(Handle, &Previous), STATUS_SUCCESS);
    assert_int_equal(Previous, 1);
    assert_status(NtSetEvent(Handle, &Previous), STATUS_SUCCESS);
    assert_int_equal(Previous, 0);
    assert_status(NtSetEvent(Handle, NULL), STATUS_SUCCESS);
    assert_status(NtClearEvent(Handle), STATUS_SUCCESS);
    // Nothing is set when the previous state could not be told.
    assert_status(NtSetEvent(Handle, (PLONG)(ULONG_PTR)0x1000), STATUS_ACCESS_VIOLATION);
    assert_status(NtQueryEvent(Handle, EventBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Basic.EventState, 0);
    assert_status(NtQueryEvent(Handle, (EVENT_INFORMATION_CLASS)1, &Basic, sizeof(Basic), NULL),
                  STATUS_INVALID_INFO_CLASS);
    assert_status(NtQueryEvent(Handle, EventBasicInformation, &Basic, sizeof(Basic) + 1, NULL),
                  STATUS_INFO_LENGTH_MISMATCH);
    assert_status(NtSetEvent((HANDLE)-2, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    assert_status(NtSetEvent(Handle, NULL), STATUS_INVALID_HANDLE);
    NthostDetachProcess(Process, 0);
}

static void
rights_of_each_call(void **State)
{
    static const ACCESS_MASK Masks[] = {EVENT_QUERY_STATE, EVENT_MODIFY_STATE, SYNCHRONIZE};
    NTHOST_PROCESS *Process = BecomeProcess("user");
    EVENT_BASIC_INFORMATION Basic;
    LARGE_INTEGER Now = {.QuadPart = 0};

    (void)State;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Masks); i++)
    {
        NTSTATUS Query = Masks[i] == EVENT_QUERY_STATE ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
        NTSTATUS Modify = Masks[i] == EVENT_MODIFY_STATE ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
        NTSTATUS Wait = Masks[i] == SYNCHRONIZE ? STATUS_TIMEOUT : STATUS_ACCESS_DENIED;
        HANDLE Handle;

        assert_status(NtCreateEvent(&Handle, Masks[i], NULL, NotificationEvent, FALSE),
                      STATUS_SUCCESS);
        assert_status(NtWaitForSingleObject(Handle, FALSE, &Now), Wait);
        assert_status(NtQueryEvent(Handle, EventBasicInformation, &Basic, sizeof(Basic), NULL),
                      Query);
        assert_status(NtSetEvent(Handle, NULL), Modify);
        assert_status(NtResetEvent(Handle, NULL), Modify);
        assert_status(NtClearEvent(Handle), Modify);
        NtClose(Handle);
    }
    NthostDetachProcess(Process, 0);
}

static void
driver_events(void **State)
{
    UNICODE_STRING Name;
    HANDLE First = POISON, Second = POISON, Other = POISON, None = POISON;
    PKEVENT One, Two;
    OBJECT_BASIC_INFORMATION Basic;

    (void)State;
    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects\\Driver");
    One = IoCreateSynchronizationEvent(&Name, &First);
    assert_non_null(One);
    assert_true(ObIsKernelHandle(First));
    assert_int_equal(KeReadStateEvent(One), 1);
    KeClearEvent(One);
    // The second caller opens the first one's, whatever kind it asked for, and changes nothing.
    Two = IoCreateNotificationEvent(&Name, &Second);
    assert_ptr_equal(Two, One);
    assert_ptr_not_equal(Second, First);
    assert_int_equal(KeReadStateEvent(Two), 0);
    assert_status(NtQueryObject(First, ObjectBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Basic.HandleCount, 2);
    assert_int_equal(Basic.PointerCount, 2);
    ZwClose(First);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Driver", 0, SYNCHRONIZE, &Other),
                  STATUS_SUCCESS);
    NtClose(Other);
    ZwClose(Second);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Driver", 0, SYNCHRONIZE, &Other),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    RtlInitUnicodeString(&Name, L"\\NoSuchDirectory\\Driver");
    assert_null(IoCreateSynchronizationEvent(&Name, &None));
    RtlInitUnicodeString(&Name, L"\\Device");
    assert_null(IoCreateSynchronizationEvent(&Name, &None));
    One = IoCreateNotificationEvent(NULL, &First);
    assert_non_null(One);
    ZwClose(First);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(set_reset_clear_query),
        OB_TEST(rights_of_each_call),
        OB_TEST(driver_events),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
