// SPDX-License-Identifier: MIT
// Handle tables: lookup, types, reuse, growth, duplication, death, deferred deletion, names.
#include "fixture.h"

static HANDLE
CreateNameless(ULONG Flags)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = POISON;

    InitializeObjectAttributes(&Attributes, NULL, Flags, NULL, NULL);
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_SUCCESS);
    return Handle;
}

static void
lookup_checks_type_and_value(void **State)
{
    static const LONG_PTR Bad[] = {
        0, 0x7FFFFFFC, -4, 0x80000000ll, 0x100000004ll, 0x1000000000000ll};
    HANDLE Handle = CreateNameless(0);
    OBJECT_HANDLE_INFORMATION Rights;
    PVOID Object = POISON;

    (void)State;
    assert_int_equal((ULONG_PTR)Handle % 4, 0);
    assert_status(ObReferenceObjectByHandle(Handle, 0, ObpThreadType, KernelMode, &Object, NULL),
                  STATUS_OBJECT_TYPE_MISMATCH);
    assert_null(Object);
    // The two low bits belong to whoever passes the handle.
    assert_status(ObReferenceObjectByHandle((HANDLE)((ULONG_PTR)Handle | 3), 0, *ExEventObjectType,
                                            UserMode, &Object, &Rights),
                  STATUS_SUCCESS);
    assert_int_equal(Rights.GrantedAccess, EVENT_ALL_ACCESS);
    assert_int_equal(Rights.HandleAttributes, 0);
    ObDereferenceObject(Object);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Bad); i++)
    {
        assert_status(ObReferenceObjectByHandle((HANDLE)Bad[i], 0, NULL, UserMode, &Object, NULL),
                      STATUS_INVALID_HANDLE);
        assert_null(Object);
        assert_status(ObCloseHandle((HANDLE)Bad[i], UserMode), STATUS_INVALID_HANDLE);
    }
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    assert_status(NtClose(Handle), STATUS_INVALID_HANDLE);
    assert_status(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Object, NULL),
                  STATUS_INVALID_HANDLE);
}

static void
pseudo_handles(void **State)
{
    PVOID Object;

    (void)State;
    assert_status(ObReferenceObjectByHandle((HANDLE)-1, PROCESS_ALL_ACCESS, *PsProcessType,
                                            UserMode, &Object, NULL),
                  STATUS_SUCCESS);
    assert_ptr_equal(Object, PsGetCurrentProcess());
    ObDereferenceObject(Object);
    assert_status(
        ObReferenceObjectByHandle((HANDLE)-2, 0, *PsThreadType, KernelMode, &Object, NULL),
        STATUS_SUCCESS);
    assert_ptr_equal(Object, KeGetCurrentThread());
    ObDereferenceObject(Object);
    assert_status(
        ObReferenceObjectByHandle((HANDLE)-1, 0, *PsThreadType, KernelMode, &Object, NULL),
        STATUS_OBJECT_TYPE_MISMATCH);
    assert_null(Object);
    assert_status(NtClose((HANDLE)-1), STATUS_SUCCESS);
}

static void
kernel_handles(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    KPROCESSOR_MODE Old;
    HANDLE Kernel, Stripped;
    PVOID Object;

    (void)State;
    Old = KiEnterZw();
    Kernel = CreateNameless(OBJ_KERNEL_HANDLE);
    KiLeaveZw(Old);
    assert_true(ObIsKernelHandle(Kernel));
    assert_status(ObReferenceObjectByHandle(Kernel, 0, NULL, KernelMode, &Object, NULL),
                  STATUS_SUCCESS);
    ObDereferenceObject(Object);
    // An application can neither use nor close nor make one.
    assert_status(ObReferenceObjectByHandle(Kernel, 0, NULL, UserMode, &Object, NULL),
                  STATUS_INVALID_HANDLE);
    assert_status(NtClose(Kernel), STATUS_INVALID_HANDLE);
    Stripped = CreateNameless(OBJ_KERNEL_HANDLE);
    assert_false(ObIsKernelHandle(Stripped));
    NtClose(Stripped);
    NthostDetachProcess(Process, 0);
    assert_status(ZwClose(Kernel), STATUS_SUCCESS);
}

static void
growth_and_reuse(void **State)
{
    enum
    {
        Many = 3000
    };
    static HANDLE Handles[Many];
    ULONG Before = Living(ObpEventType), Handed = ObpHandleCount(PsInitialSystemProcess->Handles);

    (void)State;
    for (ULONG i = 0; i < Many; i++)
    {
        Handles[i] = CreateNameless(0);
        for (ULONG j = i > 3 ? i - 3 : 0; j < i; j++)
        {
            assert_ptr_not_equal(Handles[i], Handles[j]);
        }
    }
    assert_int_equal(Living(ObpEventType), Before + Many);
    assert_int_equal(ObpHandleCount(PsInitialSystemProcess->Handles), Handed + Many);
    for (ULONG i = 0; i < Many; i += 2)
    {
        PKEVENT Event = EventOf(Handles[i]);

        KeSetEvent(Event, 0, FALSE);
        ObDereferenceObject(Event);
        assert_status(NtClose(Handles[i]), STATUS_SUCCESS);
    }
    for (ULONG i = 1; i < Many; i += 2)
    {
        PKEVENT Event = EventOf(Handles[i]);

        assert_int_equal(KeReadStateEvent(Event), 0);
        ObDereferenceObject(Event);
    }
    // A freed place is used again, for the new object.
    {
        HANDLE Last = Handles[Many - 2], New = CreateNameless(0);
        PKEVENT Event = EventOf(New);

        assert_ptr_equal(New, Last);
        assert_int_equal(KeReadStateEvent(Event), 0);
        ObDereferenceObject(Event);
        NtClose(New);
    }
    for (ULONG i = 1; i < Many; i += 2)
    {
        assert_status(NtClose(Handles[i]), STATUS_SUCCESS);
    }
    assert_int_equal(Living(ObpEventType), Before);
    assert_int_equal(ObpHandleCount(PsInitialSystemProcess->Handles), Handed);
}

static void
duplicate_within_a_process(void **State)
{
    ULONG Before = Living(ObpEventType);
    HANDLE Handle = CreateNameless(OBJ_INHERIT), Copy = POISON;
    OBJECT_BASIC_INFORMATION Basic;
    PVOID Object;

    (void)State;
    assert_status(NtDuplicateObject((HANDLE)-1, Handle, (HANDLE)-1, &Copy, SYNCHRONIZE, 0, 0),
                  STATUS_SUCCESS);
    assert_ptr_not_equal(Copy, Handle);
    assert_status(NtQueryObject(Copy, ObjectBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Basic.GrantedAccess, SYNCHRONIZE);
    assert_int_equal(Basic.Attributes, 0);
    assert_int_equal(Basic.HandleCount, 2);
    assert_int_equal(Basic.PointerCount, 2);
    assert_status(
        ObReferenceObjectByHandle(Copy, EVENT_MODIFY_STATE, NULL, UserMode, &Object, NULL),
        STATUS_ACCESS_DENIED);
    assert_null(Object);
    // The source is closed even when nothing comes of the copy.
    assert_status(NtDuplicateObject((HANDLE)-1, Handle, (HANDLE)0x7FFC, &Copy, 0, 0,
                                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                  STATUS_INVALID_HANDLE);
    assert_status(NtClose(Handle), STATUS_INVALID_HANDLE);
    Handle = POISON;
    assert_status(NtDuplicateObject((HANDLE)-1, Copy, (HANDLE)-1, &Handle, 0, OBJ_INHERIT,
                                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                  STATUS_SUCCESS);
    assert_status(NtQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Basic.GrantedAccess, SYNCHRONIZE);
    assert_int_equal(Basic.Attributes, OBJ_INHERIT);
    assert_int_equal(Basic.HandleCount, 1);
    NtClose(Handle);
    assert_int_equal(Living(ObpEventType), Before);
}

static void
duplicate_pseudo_handles(void **State)
{
    HANDLE Thread = POISON;
    PVOID Object;

    (void)State;
    assert_status(
        NtDuplicateObject((HANDLE)-1, (HANDLE)-2, (HANDLE)-1, &Thread, 0, 0, DUPLICATE_SAME_ACCESS),
        STATUS_SUCCESS);
    assert_status(ObReferenceObjectByHandle(Thread, 0, *PsThreadType, UserMode, &Object, NULL),
                  STATUS_SUCCESS);
    assert_ptr_equal(Object, KeGetCurrentThread());
    ObDereferenceObject(Object);
    NtClose(Thread);
}

static void
duplicate_between_processes_and_death(void **State)
{
    ULONG Before = Living(ObpEventType), Processes = Living(ObpProcessType);
    NTHOST_PROCESS *Source = BecomeProcess("administrator");
    NTHOST_PROCESS *Target = BecomeProcess("administrator");
    PEPROCESS TargetProcess = PsGetCurrentProcess();
    CLIENT_ID Client = {PsGetCurrentProcessId(), NULL};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Event, Into = POISON, Handle = POISON;

    (void)State;
    NthostSwitchProcess(Source);
    Event = CreateNameless(0);
    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    assert_status(NtOpenProcess(&Into, PROCESS_DUP_HANDLE, &Attributes, &Client), STATUS_SUCCESS);
    assert_status(NtDuplicateObject((HANDLE)-1, Event, Into, &Handle, 0, 0, DUPLICATE_SAME_ACCESS),
                  STATUS_SUCCESS);
    NthostSwitchProcess(Target);
    assert_status(NtSetEvent(Handle, NULL), STATUS_SUCCESS);
    NthostSwitchProcess(Source);
    {
        EVENT_BASIC_INFORMATION Basic = {0};

        assert_status(NtQueryEvent(Event, EventBasicInformation, &Basic, sizeof(Basic), NULL),
                      STATUS_SUCCESS);
        assert_int_equal(Basic.EventState, 1);
    }
    // The target dies while its process object is still referenced: nothing can be put there.
    NthostDetachProcess(Target, 0);
    assert_null(TargetProcess->Handles);
    Handle = POISON;
    assert_status(NtDuplicateObject((HANDLE)-1, Event, Into, &Handle, 0, 0, DUPLICATE_SAME_ACCESS),
                  STATUS_PROCESS_IS_TERMINATING);
    assert_ptr_equal(Handle, POISON);
    assert_status(NtDuplicateObject(Into, Handle, (HANDLE)-1, &Handle, 0, 0, DUPLICATE_SAME_ACCESS),
                  STATUS_INVALID_HANDLE);
    assert_ptr_equal(Handle, POISON);
    NthostDetachProcess(Source, 0);
    assert_int_equal(Living(ObpEventType), Before);
    assert_int_equal(Living(ObpProcessType), Processes);
}

static void
death_closes_handles_and_names(void **State)
{
    ULONG Before = Living(ObpEventType);
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE Handle;

    (void)State;
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\Mine", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_SUCCESS);
    for (ULONG i = 0; i < 200; i++)
    {
        CreateNameless(0);
    }
    assert_int_equal(Living(ObpEventType), Before + 201);
    NthostDetachProcess(Process, 0);
    assert_int_equal(Living(ObpEventType), Before);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Mine", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_OBJECT_NAME_NOT_FOUND);
}

static void
last_reference_at_dispatch_level(void **State)
{
    ULONG Before = Living(ObpEventType);
    HANDLE Handle = CreateNameless(0);
    PKEVENT Event = EventOf(Handle);
    KIRQL Irql;

    (void)State;
    NtClose(Handle);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    assert_int_equal(ObDereferenceObject(Event), 0);
    KeLowerIrql(Irql);
    assert_int_equal(Living(ObpEventType), Before);
    Handle = CreateNameless(0);
    Event = EventOf(Handle);
    NtClose(Handle);
    ObDereferenceObjectDeferDelete(Event);
    assert_int_equal(Living(ObpEventType), Before);
}

static void
query_object(void **State)
{
    UCHAR Buffer[256];
    POBJECT_NAME_INFORMATION Name = (POBJECT_NAME_INFORMATION)Buffer;
    POBJECT_TYPE_INFORMATION Type = (POBJECT_TYPE_INFORMATION)Buffer;
    OBJECT_BASIC_INFORMATION Basic;
    static const WCHAR Path[] = L"\\BaseNamedObjects\\Named";
    ULONG Length = 0;
    HANDLE Handle, Nameless = CreateNameless(0);
    PKEVENT Event;

    (void)State;
    assert_status(
        CreateEventNamed(L"\\BaseNamedObjects\\Global\\Named", 0, EVENT_ALL_ACCESS, &Handle),
        STATUS_SUCCESS);
    assert_status(NtQueryObject(Handle, ObjectNameInformation, Buffer, sizeof(Buffer), &Length),
                  STATUS_SUCCESS);
    assert_int_equal(Length, sizeof(*Name) + sizeof(Path));
    assert_int_equal(Name->Name.Length, sizeof(Path) - sizeof(WCHAR));
    assert_ptr_equal(Name->Name.Buffer, Name + 1);
    assert_memory_equal(Name->Name.Buffer, Path, sizeof(Path));
    memset(Buffer, 0xEE, sizeof(Buffer));
    assert_status(NtQueryObject(Handle, ObjectNameInformation, Buffer, Length - 1, &Length),
                  STATUS_BUFFER_OVERFLOW);
    assert_int_equal(Length, sizeof(*Name) + sizeof(Path));
    assert_int_equal(Buffer[0], 0xEE);
    assert_status(NtQueryObject(Handle, ObjectNameInformation, Buffer, 15, &Length),
                  STATUS_INFO_LENGTH_MISMATCH);
    assert_status(NtQueryObject(Nameless, ObjectNameInformation, Buffer, sizeof(Buffer), &Length),
                  STATUS_SUCCESS);
    assert_int_equal(Length, sizeof(*Name));
    assert_int_equal(Name->Name.Length, 0);
    assert_null(Name->Name.Buffer);
    assert_status(NtQueryObject(Handle, ObjectTypeInformation, Buffer, sizeof(Buffer), &Length),
                  STATUS_SUCCESS);
    assert_int_equal(Type->TypeName.Length, 10);
    assert_memory_equal(Type->TypeName.Buffer, L"Event", 12);
    assert_int_equal(Type->ValidAccessMask, EVENT_ALL_ACCESS);
    assert_status(NtQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof(Basic) - 1, NULL),
                  STATUS_INFO_LENGTH_MISMATCH);
    assert_status(NtQueryObject(Handle, (OBJECT_INFORMATION_CLASS)9, &Basic, sizeof(Basic), NULL),
                  STATUS_INVALID_INFO_CLASS);
    Event = EventOf(Handle);
    assert_status(ObQueryNameString(Event, Name, sizeof(Buffer), &Length), STATUS_SUCCESS);
    assert_memory_equal(Name->Name.Buffer, Path, sizeof(Path));
    assert_status(ObQueryNameString(Event, Name, 0, &Length), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(Length, sizeof(*Name) + sizeof(Path));
    ObDereferenceObject(Event);
    NtClose(Handle);
    NtClose(Nameless);
}

static void
handle_that_cannot_be_returned_is_closed(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    ULONG Before = Living(ObpEventType), Handed = ObpHandleCount(PsGetCurrentProcess()->Handles);
    PHANDLE Nowhere = (PHANDLE)(ULONG_PTR)0x1000;
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes = Named(&Name, L"\\BaseNamedObjects\\Never", 0);
    HANDLE Handle = POISON;

    (void)State;
    assert_status(NtCreateEvent(Nowhere, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_ACCESS_VIOLATION);
    assert_status(ObpReturnHandle(Nowhere, CreateNameless(0), UserMode), STATUS_ACCESS_VIOLATION);
    Name.Buffer = (PWSTR)(ULONG_PTR)0x1000;
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_ACCESS_VIOLATION);
    Attributes.ObjectName = (PUNICODE_STRING)(ULONG_PTR)0x1000;
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, (POBJECT_ATTRIBUTES)(ULONG_PTR)0x1000,
                                NotificationEvent, FALSE),
                  STATUS_ACCESS_VIOLATION);
    Attributes = Named(&Name, L"\\BaseNamedObjects\\Never", 0);
    Attributes.SecurityDescriptor = (PVOID)(ULONG_PTR)0x1000;
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_ACCESS_VIOLATION);
    assert_ptr_equal(Handle, POISON);
    assert_int_equal(Living(ObpEventType), Before);
    assert_int_equal(ObpHandleCount(PsGetCurrentProcess()->Handles), Handed);
    NthostDetachProcess(Process, 0);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(lookup_checks_type_and_value),
        OB_TEST(pseudo_handles),
        OB_TEST(kernel_handles),
        OB_TEST(growth_and_reuse),
        OB_TEST(duplicate_within_a_process),
        OB_TEST(duplicate_pseudo_handles),
        OB_TEST(duplicate_between_processes_and_death),
        OB_TEST(death_closes_handles_and_names),
        OB_TEST(last_reference_at_dispatch_level),
        OB_TEST(query_object),
        OB_TEST(handle_that_cannot_be_returned_is_closed),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
