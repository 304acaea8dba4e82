// SPDX-License-Identifier: MIT
// Who may open, create and change what: users, administrators, SYSTEM.
#include "fixture.h"

static void
driver_first_event(void **State)
{
    HANDLE Kernel = CreateSecuredEvent(L"\\BaseNamedObjects\\Signal",
                                       L"O:SYG:SYD:P(A;;0x100000;;;BU)(A;;GA;;;SY)");
    NTHOST_PROCESS *Process = BecomeProcess("user");
    LARGE_INTEGER Now = {.QuadPart = 0};
    PKEVENT Event = EventOf(Kernel);
    HANDLE Handle, Copy = POISON;

    (void)State;
    assert_status(
        OpenEventNamed(L"\\BaseNamedObjects\\Global\\Signal", 0, EVENT_MODIFY_STATE, &Handle),
        STATUS_ACCESS_DENIED);
    assert_ptr_equal(Handle, POISON);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Signal", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_status(
        CreateEventNamed(L"\\BaseNamedObjects\\Signal", OBJ_OPENIF, EVENT_ALL_ACCESS, &Handle),
        STATUS_ACCESS_DENIED);
    assert_ptr_equal(Handle, POISON);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Signal", 0, 0, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Signal", 0, SYNCHRONIZE, &Handle),
                  STATUS_SUCCESS);
    assert_status(NtWaitForSingleObject(Handle, FALSE, &Now), STATUS_TIMEOUT);
    assert_status(NtSetEvent(Handle, NULL), STATUS_ACCESS_DENIED);
    assert_int_equal(KeReadStateEvent(Event), 0);
    // A copy may have no more than the original, unless the event itself grants it.
    assert_status(
        NtDuplicateObject((HANDLE)-1, Handle, (HANDLE)-1, &Copy, EVENT_MODIFY_STATE, 0, 0),
        STATUS_ACCESS_DENIED);
    assert_ptr_equal(Copy, POISON);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Signal", 0, MAXIMUM_ALLOWED, &Handle),
                  STATUS_SUCCESS);
    {
        OBJECT_BASIC_INFORMATION Basic;

        assert_status(NtQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof(Basic), NULL),
                      STATUS_SUCCESS);
        assert_int_equal(Basic.GrantedAccess, SYNCHRONIZE);
    }
    NthostDetachProcess(Process, 0);
    // Kernel mode is not checked, unless it says so.
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Signal", 0, EVENT_MODIFY_STATE, &Handle),
                  STATUS_SUCCESS);
    NtClose(Handle);
    ObDereferenceObject(Event);
    ZwClose(Kernel);
}

static void
force_access_check(void **State)
{
    HANDLE Kernel =
        CreateSecuredEvent(L"\\BaseNamedObjects\\Closed", L"O:BAG:SYD:P(A;;0x100000;;;SY)");
    HANDLE Handle;

    (void)State;
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Closed", OBJ_FORCE_ACCESS_CHECK,
                                 EVENT_MODIFY_STATE, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_ptr_equal(Handle, POISON);
    assert_status(
        OpenEventNamed(L"\\BaseNamedObjects\\Closed", OBJ_FORCE_ACCESS_CHECK, SYNCHRONIZE, &Handle),
        STATUS_SUCCESS);
    NtClose(Handle);
    ZwClose(Kernel);
}

static void
where_a_user_may_create(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    ULONG Before = Living(ObpEventType);
    HANDLE Handle;

    (void)State;
    assert_status(CreateEventNamed(L"\\Device\\Mine", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_status(CreateEventNamed(L"\\Mine", 0, EVENT_ALL_ACCESS, &Handle), STATUS_ACCESS_DENIED);
    assert_status(CreateEventNamed(L"\\??\\Mine", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_ptr_equal(Handle, POISON);
    assert_status(
        CreateEventNamed(L"\\BaseNamedObjects\\Mine", OBJ_PERMANENT, EVENT_ALL_ACCESS, &Handle),
        STATUS_PRIVILEGE_NOT_HELD);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Mine", 0,
                                   EVENT_ALL_ACCESS | ACCESS_SYSTEM_SECURITY, &Handle),
                  STATUS_PRIVILEGE_NOT_HELD);
    assert_ptr_equal(Handle, POISON);
    assert_int_equal(Living(ObpEventType), Before);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Mine", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    NtClose(Handle);
    NthostDetachProcess(Process, 0);
}

static void
defaults_of_creators(void **State)
{
    NTHOST_PROCESS *Admin = BecomeProcess("administrator"), *User;
    HANDLE AdminEvent, UserEvent, Handle, System;
    KPROCESSOR_MODE Old;

    (void)State;
    assert_status(
        CreateEventNamed(L"\\BaseNamedObjects\\OfAdmin", 0, EVENT_ALL_ACCESS, &AdminEvent),
        STATUS_SUCCESS);
    User = BecomeProcess("user");
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\OfAdmin", 0, SYNCHRONIZE, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\OfUser", 0, EVENT_ALL_ACCESS, &UserEvent),
                  STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\OfUser", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    NtClose(Handle);
    // A user's object is the user's: an administrator is not on its list.
    NthostSwitchProcess(Admin);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\OfUser", 0, SYNCHRONIZE, &Handle),
                  STATUS_ACCESS_DENIED);
    NthostSwitchProcess(User);
    NthostDetachProcess(User, 0);
    NthostDetachProcess(Admin, 0);

    // Made on a system thread: administrators may look and wait, users nothing.
    Old = KiEnterZw();
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\OfSystem", OBJ_KERNEL_HANDLE,
                                   EVENT_ALL_ACCESS, &System),
                  STATUS_SUCCESS);
    KiLeaveZw(Old);
    Admin = BecomeProcess("administrator");
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\OfSystem", 0,
                                 SYNCHRONIZE | EVENT_QUERY_STATE, &Handle),
                  STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\OfSystem", 0, EVENT_MODIFY_STATE, &Handle),
                  STATUS_ACCESS_DENIED);
    NthostDetachProcess(Admin, 0);
    User = BecomeProcess("user");
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\OfSystem", 0, SYNCHRONIZE, &Handle),
                  STATUS_ACCESS_DENIED);
    NthostDetachProcess(User, 0);
    ZwClose(System);
}

static void
changing_security(void **State)
{
    NTHOST_PROCESS *User = BecomeProcess("user");
    PVOID Denying, Admins;
    static const WCHAR Nobody[] = L"D:(D;;GA;;;WD)";
    static const WCHAR Taken[] = L"O:BA";
    _Alignas(8) UCHAR Buffer[512];
    SECURITY_DESCRIPTOR_RELATIVE *Read = (SECURITY_DESCRIPTOR_RELATIVE *)Buffer;
    HANDLE Owner, Handle;
    ULONG Needed = 0;

    (void)State;
    assert_status(SepDescriptorFromSddl(Nobody, RTL_NUMBER_OF(Nobody) - 1, &Denying, NULL),
                  STATUS_SUCCESS);
    assert_status(SepDescriptorFromSddl(Taken, RTL_NUMBER_OF(Taken) - 1, &Admins, NULL),
                  STATUS_SUCCESS);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\S", 0, EVENT_ALL_ACCESS, &Owner),
                  STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\S", 0, SYNCHRONIZE, &Handle),
                  STATUS_SUCCESS);
    assert_status(NtSetSecurityObject(Handle, DACL_SECURITY_INFORMATION, Denying),
                  STATUS_ACCESS_DENIED);
    assert_status(
        NtQuerySecurityObject(Handle, DACL_SECURITY_INFORMATION, Buffer, sizeof(Buffer), &Needed),
        STATUS_ACCESS_DENIED);
    NtClose(Handle);
    assert_status(NtSetSecurityObject(Owner, OWNER_SECURITY_INFORMATION, Admins),
                  STATUS_INVALID_OWNER);
    assert_status(NtSetSecurityObject(Owner, SACL_SECURITY_INFORMATION, Denying),
                  STATUS_PRIVILEGE_NOT_HELD);
    assert_status(NtSetSecurityObject(Owner, DACL_SECURITY_INFORMATION, Denying), STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\S", 0, SYNCHRONIZE, &Handle),
                  STATUS_ACCESS_DENIED);
    // The owner can always read and rewrite the list.
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\S", 0, READ_CONTROL | WRITE_DAC, &Handle),
                  STATUS_SUCCESS);
    assert_status(NtQuerySecurityObject(Handle,
                                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                        Buffer, 8, &Needed),
                  STATUS_BUFFER_TOO_SMALL);
    assert_in_range(Needed, 21, sizeof(Buffer));
    assert_status(NtQuerySecurityObject(Handle,
                                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                        Buffer, Needed, &Needed),
                  STATUS_SUCCESS);
    assert_true(SeValidSecurityDescriptor(Needed, Buffer));
    assert_int_equal(Read->Group, 0);
    assert_true(RtlEqualSid(Buffer + Read->Owner, SepCurrentToken()->User));
    NtClose(Handle);
    NtClose(Owner);
    ExFreePool(Denying);
    ExFreePool(Admins);
    NthostDetachProcess(User, 0);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(driver_first_event),      OB_TEST(force_access_check),
        OB_TEST(where_a_user_may_create), OB_TEST(defaults_of_creators),
        OB_TEST(changing_security),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
