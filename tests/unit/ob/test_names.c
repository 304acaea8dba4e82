// SPDX-License-Identifier: MIT
// The namespace: lookups, collisions, the end of names, permanence, exclusiveness.
#include "fixture.h"

static void
prefixes_and_case(void **State)
{
    HANDLE Handle, Other;
    static const WCHAR *Same[] = {L"\\BaseNamedObjects\\Global\\Ready",
                                  L"\\BaseNamedObjects\\Local\\Ready",
                                  L"\\BaseNamedObjects\\Global\\Local\\Ready"};
    PKEVENT Event;

    (void)State;
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Ready", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    Event = EventOf(Handle);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Same); i++)
    {
        PKEVENT Found;

        assert_status(OpenEventNamed(Same[i], 0, EVENT_ALL_ACCESS, &Other), STATUS_SUCCESS);
        Found = EventOf(Other);
        assert_ptr_equal(Found, Event);
        ObDereferenceObject(Found);
        assert_status(NtClose(Other), STATUS_SUCCESS);
    }
    assert_status(OpenEventNamed(L"\\basenamedobjects\\GLOBAL\\READY", OBJ_CASE_INSENSITIVE,
                                 EVENT_ALL_ACCESS, &Other),
                  STATUS_SUCCESS);
    NtClose(Other);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\READY", 0, EVENT_ALL_ACCESS, &Other),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    assert_ptr_equal(Other, POISON);
    ObDereferenceObject(Event);
    NtClose(Handle);
}

static void
bad_paths(void **State)
{
    static const struct
    {
        const WCHAR *Path;
        NTSTATUS Status;
    } Cases[] = {
        {L"Ready", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\", STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\NoSuch\\Ready", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\BaseNamedObjects\\\\Ready", STATUS_OBJECT_NAME_INVALID},
        {L"\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID},
        {L"\\BaseNamedObjects", STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\BaseNamedObjects\\Ready\\Below", STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\BaseNamedObjects\\Nobody", STATUS_OBJECT_NAME_NOT_FOUND},
    };
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    HANDLE Handle, Other = POISON;

    (void)State;
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Ready", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Cases); i++)
    {
        assert_status(OpenEventNamed(Cases[i].Path, 0, EVENT_ALL_ACCESS, &Other), Cases[i].Status);
        assert_ptr_equal(Other, POISON);
    }
    Attributes = Named(&Name, L"\\BaseNamedObjects\\Ready", 0);
    Name.Length--;
    assert_status(NtOpenEvent(&Other, EVENT_ALL_ACCESS, &Attributes), STATUS_OBJECT_NAME_INVALID);
    Attributes = Named(&Name, L"\\BaseNamedObjects\\Ready", 0);
    Attributes.Length--;
    assert_status(NtOpenEvent(&Other, EVENT_ALL_ACCESS, &Attributes), STATUS_INVALID_PARAMETER);
    Attributes = Named(&Name, L"\\BaseNamedObjects\\Ready", 0x80000000u);
    assert_status(NtOpenEvent(&Other, EVENT_ALL_ACCESS, &Attributes), STATUS_INVALID_PARAMETER);
    assert_ptr_equal(Other, POISON);
    NtClose(Handle);
}

static void
collision_and_openif(void **State)
{
    ULONG Before = Living(ObpEventType);
    HANDLE First, Second;
    PKEVENT One, Two;

    (void)State;
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\X", 0, EVENT_ALL_ACCESS, &First),
                  STATUS_SUCCESS);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\X", 0, EVENT_ALL_ACCESS, &Second),
                  STATUS_OBJECT_NAME_COLLISION);
    assert_ptr_equal(Second, POISON);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\X", OBJ_OPENIF, EVENT_ALL_ACCESS, &Second),
                  STATUS_OBJECT_NAME_EXISTS);
    One = EventOf(First);
    Two = EventOf(Second);
    assert_ptr_equal(One, Two);
    ObDereferenceObject(One);
    ObDereferenceObject(Two);
    assert_int_equal(Living(ObpEventType), Before + 1);
    NtClose(First);
    // Still named: the second handle is open.
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\X", 0, EVENT_ALL_ACCESS, &First),
                  STATUS_SUCCESS);
    NtClose(First);
    NtClose(Second);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\X", 0, EVENT_ALL_ACCESS, &First),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    assert_status(CreateEventNamed(L"\\Device", OBJ_OPENIF, EVENT_ALL_ACCESS, &First),
                  STATUS_OBJECT_TYPE_MISMATCH);
    assert_ptr_equal(First, POISON);
    assert_int_equal(Living(ObpEventType), Before);
}

static void
name_goes_with_handle_object_with_reference(void **State)
{
    ULONG Before = Living(ObpEventType);
    HANDLE Handle, Again;
    PKEVENT Event, Other;

    (void)State;
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Y", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    Event = EventOf(Handle);
    NtClose(Handle);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Y", 0, EVENT_ALL_ACCESS, &Again),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    KeSetEvent(Event, 0, FALSE);
    assert_int_equal(KeReadStateEvent(Event), 1);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Y", 0, EVENT_ALL_ACCESS, &Again),
                  STATUS_SUCCESS);
    Other = EventOf(Again);
    assert_ptr_not_equal(Other, Event);
    assert_int_equal(KeReadStateEvent(Other), 0);
    assert_int_equal(Living(ObpEventType), Before + 2);
    ObDereferenceObject(Event);
    assert_int_equal(Living(ObpEventType), Before + 1);
    // The first object's end did not take the second one's name.
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Y", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    NtClose(Handle);
    ObDereferenceObject(Other);
    NtClose(Again);
    assert_int_equal(Living(ObpEventType), Before);
}

static void
permanent_until_made_temporary(void **State)
{
    ULONG Before = Living(ObpEventType);
    HANDLE Handle;

    (void)State;
    assert_status(
        CreateEventNamed(L"\\BaseNamedObjects\\P", OBJ_PERMANENT, EVENT_ALL_ACCESS, &Handle),
        STATUS_SUCCESS);
    NtClose(Handle);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\P", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    assert_status(NtMakeTemporaryObject(Handle), STATUS_SUCCESS);
    NtClose(Handle);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\P", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(Living(ObpEventType), Before);
}

static void
exclusive_to_one_process(void **State)
{
    HANDLE Mine, Other;
    NTHOST_PROCESS *First = BecomeProcess("administrator"), *Second;

    (void)State;
    assert_status(
        CreateEventNamed(L"\\BaseNamedObjects\\E", OBJ_EXCLUSIVE, EVENT_ALL_ACCESS, &Mine),
        STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\E", 0, EVENT_ALL_ACCESS, &Other),
                  STATUS_SUCCESS);
    NtClose(Other);
    Second = BecomeProcess("administrator");
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\E", 0, EVENT_ALL_ACCESS, &Other),
                  STATUS_ACCESS_DENIED);
    assert_ptr_equal(Other, POISON);
    NthostSwitchProcess(First);
    NtClose(Mine);
    NthostSwitchProcess(Second);
    NthostDetachProcess(Second, 0);
    NthostDetachProcess(First, 0);
}

static void
relative_names(void **State)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    HANDLE Directory, Handle, Same = POISON;

    (void)State;
    Attributes = Named(&Name, L"\\BaseNamedObjects\\Folder", 0);
    assert_status(NtCreateDirectoryObject(&Directory, DIRECTORY_ALL_ACCESS, &Attributes),
                  STATUS_SUCCESS);
    Attributes = Named(&Name, L"Inner", 0);
    Attributes.RootDirectory = Directory;
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Folder\\Inner", 0, EVENT_ALL_ACCESS, &Same),
                  STATUS_SUCCESS);
    NtClose(Same);
    Same = POISON;
    Attributes = Named(&Name, L"\\Inner", 0);
    Attributes.RootDirectory = Directory;
    assert_status(NtOpenEvent(&Same, EVENT_ALL_ACCESS, &Attributes), STATUS_OBJECT_PATH_SYNTAX_BAD);
    Attributes = Named(&Name, L"Inner", 0);
    Attributes.RootDirectory = Handle;
    assert_status(NtOpenEvent(&Same, EVENT_ALL_ACCESS, &Attributes), STATUS_OBJECT_TYPE_MISMATCH);
    assert_ptr_equal(Same, POISON);
    // A directory without a name any more keeps what is in it, and what is in it keeps the directory.
    NtClose(Directory);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Folder\\Inner", 0, EVENT_ALL_ACCESS, &Same),
                  STATUS_OBJECT_PATH_NOT_FOUND);
    NtClose(Handle);
}

static void
longest_name(void **State)
{
    static WCHAR Long[32767];
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    HANDLE Handle = POISON, Link;

    (void)State;
    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects\\");
    memcpy(Long, Name.Buffer, Name.Length);
    for (ULONG i = Name.Length / sizeof(WCHAR); i < RTL_NUMBER_OF(Long); i++)
    {
        Long[i] = 'x';
    }
    Name.Buffer = Long;
    Name.Length = Name.MaximumLength = OBP_MAX_NAME_BYTES;
    InitializeObjectAttributes(&Attributes, &Name, 0, NULL, NULL);
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_SUCCESS);
    NtClose(Handle);
    Handle = POISON;
    Name.Length = 65534;
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_OBJECT_NAME_INVALID);
    // Through a link the path becomes longer than any may be.
    Attributes = Named(&Name, L"\\BaseNamedObjects\\L", 0);
    {
        UNICODE_STRING Target;

        RtlInitUnicodeString(&Target, L"\\BaseNamedObjects\\Global\\Global\\Global");
        assert_status(
            NtCreateSymbolicLinkObject(&Link, SYMBOLIC_LINK_ALL_ACCESS, &Attributes, &Target),
            STATUS_SUCCESS);
    }
    Long[18] = 'L';
    Long[19] = '\\';
    Name.Buffer = Long;
    Name.Length = Name.MaximumLength = OBP_MAX_NAME_BYTES;
    assert_status(NtOpenEvent(&Handle, EVENT_ALL_ACCESS, &Attributes), STATUS_NAME_TOO_LONG);
    assert_ptr_equal(Handle, POISON);
    NtClose(Link);
}

static ULONG AllocationsLeft;

static BOOLEAN
FailOneAllocation(const char *Function)
{
    (void)Function;
    return AllocationsLeft != 0 && --AllocationsLeft == 0;
}

static void
every_allocation_fails_once(void **State)
{
    ULONG Before = Living(ObpEventType);
    ULONG64 Bytes = MiPoolBytes();
    ULONG Failures = 0;
    HANDLE Handle;

    (void)State;
    for (ULONG Which = 1;; Which++)
    {
        NTSTATUS Status;

        AllocationsLeft = Which;
        VfFaultPlan = FailOneAllocation;
        // The last link makes the walk allocate, too.
        Status = CreateEventNamed(L"\\BaseNamedObjects\\Global\\Local\\Fragile", 0,
                                  EVENT_ALL_ACCESS, &Handle);
        VfFaultPlan = NULL;
        if (NT_SUCCESS(Status))
        {
            assert_true(AllocationsLeft > 0);
            NtClose(Handle);
            break;
        }
        Failures++;
        assert_status(Status, STATUS_INSUFFICIENT_RESOURCES);
        assert_ptr_equal(Handle, POISON);
        assert_int_equal(Living(ObpEventType), Before);
        assert_int_equal(MiPoolBytes(), Bytes);
        assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Fragile", 0, SYNCHRONIZE, &Handle),
                      STATUS_OBJECT_NAME_NOT_FOUND);
    }
    assert_in_range(Failures, 5, 100);
    assert_int_equal(MiPoolBytes(), Bytes);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(prefixes_and_case),
        OB_TEST(bad_paths),
        OB_TEST(collision_and_openif),
        OB_TEST(name_goes_with_handle_object_with_reference),
        OB_TEST(permanent_until_made_temporary),
        OB_TEST(exclusive_to_one_process),
        OB_TEST(relative_names),
        OB_TEST(longest_name),
        OB_TEST(every_allocation_fails_once),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
