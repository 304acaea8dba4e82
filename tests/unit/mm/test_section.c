// SPDX-License-Identifier: MIT
// Sections: parameters, rights, names, views that share their pages, and what ends them.
#include "host.h"

static HANDLE
MakeSection(LONGLONG Bytes, ULONG Protection)
{
    LARGE_INTEGER Size = {.QuadPart = Bytes};
    HANDLE Handle = NULL;

    CHECK(ZwCreateSection(&Handle, SECTION_ALL_ACCESS, NULL, &Size, Protection, SEC_COMMIT, NULL) ==
          STATUS_SUCCESS);
    CHECK(Handle != NULL);
    return Handle;
}

static NTSTATUS
Map(HANDLE Section, LONGLONG At, SIZE_T *Size, ULONG Protection, PVOID *Base)
{
    LARGE_INTEGER Offset = {.QuadPart = At};

    *Base = NULL;
    return ZwMapViewOfSection(Section, NtCurrentProcess(), Base, 0, 0, &Offset, Size, ViewUnmap, 0,
                              Protection);
}

static void
Share(void)
{
    SIZE_T Whole = 0;
    SIZE_T Part = 100;
    HANDLE Section;
    char *First;
    char *Second;

    StartHost();
    Section = MakeSection(0x20001, PAGE_READWRITE);
    CHECK(Map(Section, 0, &Whole, PAGE_READWRITE, (PVOID *)&First) == STATUS_SUCCESS);
    CHECK(Whole == 0x21000);
    CHECK(Map(Section, 0x10000, &Part, PAGE_READONLY, (PVOID *)&Second) == STATUS_SUCCESS);
    CHECK(Part == PAGE_SIZE);
    for (SIZE_T Index = 0; Index < Whole; Index++)
    {
        CHECK(First[Index] == 0);
    }
#if !NTHOST_TSAN
    CHECK(Second != First + 0x10000);
#endif
    First[0x10000] = 'x';
    CHECK(Second[0] == 'x');
    First[0x10000] = 'y';
    CHECK(Second[0] == 'y');
    // The pages outlive the handle, not the views.
    CHECK(ZwClose(Section) == STATUS_SUCCESS);
    First[0x10000] = 'z';
    CHECK(Second[0] == 'z');
    CHECK(ZwUnmapViewOfSection(NtCurrentProcess(), First) == STATUS_SUCCESS);
    CHECK(Second[0] == 'z');
    // Any address inside names the view.
    CHECK(ZwUnmapViewOfSection(NtCurrentProcess(), Second + 5) == STATUS_SUCCESS);
    CHECK(ZwUnmapViewOfSection(NtCurrentProcess(), Second) == STATUS_NOT_MAPPED_VIEW);
    NthostStop();
}

static void
two_views_share_their_pages(void **State)
{
    (void)State;
    AssertClean(Share);
}

static NTSTATUS
Create(LONGLONG Bytes, ULONG Protection, ULONG Attributes, HANDLE File)
{
    LARGE_INTEGER Size = {.QuadPart = Bytes};
    HANDLE Handle = (HANDLE)(ULONG_PTR)0x5A5A;
    NTSTATUS Status =
        ZwCreateSection(&Handle, SECTION_ALL_ACCESS, NULL, &Size, Protection, Attributes, File);

    CHECK(NT_SUCCESS(Status) || Handle == (HANDLE)(ULONG_PTR)0x5A5A);
    return Status;
}

static void
CreateBadly(void)
{
    HANDLE Handle = NULL;

    StartHost();
    CHECK(Create(1, 0, SEC_COMMIT, NULL) == STATUS_INVALID_PAGE_PROTECTION);
    CHECK(Create(1, PAGE_READWRITE | PAGE_READONLY, SEC_COMMIT, NULL) ==
          STATUS_INVALID_PAGE_PROTECTION);
    CHECK(Create(1, PAGE_EXECUTE_READ, SEC_COMMIT, NULL) == STATUS_NOT_SUPPORTED);
    CHECK(Create(1, PAGE_READWRITE, 0, NULL) == STATUS_INVALID_PARAMETER_6);
    CHECK(Create(1, PAGE_READWRITE, SEC_COMMIT | SEC_RESERVE, NULL) == STATUS_INVALID_PARAMETER_6);
    CHECK(Create(1, PAGE_READWRITE, SEC_RESERVE, NULL) == STATUS_NOT_SUPPORTED);
    CHECK(Create(1, PAGE_READWRITE, SEC_COMMIT, (HANDLE)(ULONG_PTR)4) == STATUS_NOT_SUPPORTED);
    CHECK(Create(0, PAGE_READWRITE, SEC_COMMIT, NULL) == STATUS_INVALID_PARAMETER_4);
    CHECK(Create(-1, PAGE_READWRITE, SEC_COMMIT, NULL) == STATUS_INVALID_PARAMETER_4);
    CHECK(Create(INT64_MAX, PAGE_READWRITE, SEC_COMMIT, NULL) == STATUS_SECTION_TOO_BIG);
    CHECK(ZwCreateSection(&Handle, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT,
                          NULL) == STATUS_INVALID_PARAMETER_4);
    CHECK(Handle == NULL);
    NthostStop();
}

static void
bad_parameters_are_refused(void **State)
{
    (void)State;
    AssertClean(CreateBadly);
}

static void
MapBadly(void)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    PVOID Base = NULL;
    SIZE_T Size = 0;
    HANDLE Section;
    HANDLE ReadOnly;

    StartHost();
    Section = MakeSection(0x20000, PAGE_READWRITE);
    ReadOnly = MakeSection(0x1000, PAGE_READONLY);
    CHECK(Map(Section, 0x1000, &Size, PAGE_READWRITE, &Base) == STATUS_MAPPED_ALIGNMENT);
    CHECK(Map(Section, 0x20000, &Size, PAGE_READWRITE, &Base) == STATUS_INVALID_VIEW_SIZE);
    CHECK(Map(Section, -0x10000, &Size, PAGE_READWRITE, &Base) == STATUS_INVALID_VIEW_SIZE);
    Size = 0x20001;
    CHECK(Map(Section, 0, &Size, PAGE_READWRITE, &Base) == STATUS_INVALID_VIEW_SIZE);
    CHECK(Size == 0x20001 && Base == NULL);
    Size = 0;
    CHECK(Map(Section, 0, &Size, PAGE_NOACCESS, &Base) == STATUS_INVALID_PAGE_PROTECTION);
    CHECK(Map(ReadOnly, 0, &Size, PAGE_READWRITE, &Base) == STATUS_SECTION_PROTECTION);
    CHECK(Map((HANDLE)(ULONG_PTR)0x7F04, 0, &Size, PAGE_READWRITE, &Base) == STATUS_INVALID_HANDLE);
    CHECK(ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, &Offset, &Size, 3, 0,
                             PAGE_READWRITE) == STATUS_INVALID_PARAMETER_8);
    Base = (PVOID)0x100000000;
    CHECK(ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, &Offset, &Size, ViewUnmap, 0,
                             PAGE_READWRITE) == STATUS_NOT_SUPPORTED);
    CHECK(ZwUnmapViewOfSection(NtCurrentProcess(), &Offset) == STATUS_NOT_MAPPED_VIEW);
    ZwClose(ReadOnly);
    ZwClose(Section);
    NthostStop();
}

static void
bad_views_are_refused(void **State)
{
    (void)State;
    AssertClean(MapBadly);
}

static void
Name(void)
{
    UNICODE_STRING Path;
    OBJECT_ATTRIBUTES Attributes;
    LARGE_INTEGER Size = {.QuadPart = PAGE_SIZE};
    NTHOST_PROCESS *Process;
    HANDLE Created;
    HANDLE Opened;
    HANDLE Again;
    SIZE_T Whole = 0;
    PVOID Base;
    NTSTATUS Status;

    StartHost();
    Process = BecomeApplication();
    RtlInitUnicodeString(&Path, L"\\BaseNamedObjects\\UpcallTestSection");
    InitializeObjectAttributes(&Attributes, &Path, 0, NULL, NULL);
    CHECK(NtOpenSection(&Opened, SECTION_MAP_READ, &Attributes) == STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK(NtCreateSection(&Created, SECTION_ALL_ACCESS, &Attributes, &Size, PAGE_READWRITE,
                          SEC_COMMIT, NULL) == STATUS_SUCCESS);
    CHECK(NtCreateSection(&Again, SECTION_ALL_ACCESS, &Attributes, &Size, PAGE_READWRITE,
                          SEC_COMMIT, NULL) == STATUS_OBJECT_NAME_COLLISION);
    Attributes.Attributes = OBJ_OPENIF;
    Status = NtCreateSection(&Again, SECTION_ALL_ACCESS, &Attributes, &Size, PAGE_READWRITE,
                             SEC_COMMIT, NULL);
    CHECK(Status == STATUS_OBJECT_NAME_EXISTS);
    CHECK(NtOpenSection(&Opened, SECTION_MAP_READ, &Attributes) == STATUS_SUCCESS);
    // The right to read is not the right to write.
    Base = NULL;
    CHECK(NtMapViewOfSection(Opened, NtCurrentProcess(), &Base, 0, 0, NULL, &Whole, ViewUnmap, 0,
                             PAGE_READWRITE) == STATUS_ACCESS_DENIED);
    CHECK(Base == NULL && Whole == 0);
    CHECK(NtMapViewOfSection(Opened, NtCurrentProcess(), &Base, 0, 0, NULL, &Whole, ViewUnmap, 0,
                             PAGE_READONLY) == STATUS_SUCCESS);
    // The view and the handles end with the process.
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
names_and_rights_are_checked(void **State)
{
    (void)State;
    AssertClean(Name);
}

static void
CreateIntoNowhere(void)
{
    LARGE_INTEGER Size = {.QuadPart = PAGE_SIZE};
    NTHOST_PROCESS *Process;
    ULONG Objects;

    StartHost();
    Process = BecomeApplication();
    Objects = ObpSectionType->ObjectCount;
    CHECK(NtCreateSection((HANDLE *)0x10000, SECTION_ALL_ACCESS, NULL, &Size, PAGE_READWRITE,
                          SEC_COMMIT, NULL) == STATUS_ACCESS_VIOLATION);
    CHECK(ObpSectionType->ObjectCount == Objects);
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_handle_that_cannot_be_returned_is_closed(void **State)
{
    (void)State;
    AssertClean(CreateIntoNowhere);
}

static PVOID
SectionOf(HANDLE Handle)
{
    PVOID Object;

    CHECK(ObReferenceObjectByHandle(Handle, SECTION_ALL_ACCESS, *MmSectionObjectType, KernelMode,
                                    &Object, NULL) == STATUS_SUCCESS);
    return Object;
}

static void
MapInSystemSpace(void)
{
    SIZE_T Whole = 0;
    SIZE_T Size = 0;
    HANDLE Section;
    PVOID Object;
    char *System;
    char *View;

    StartHost();
    Section = MakeSection(3 * PAGE_SIZE, PAGE_READWRITE);
    Object = SectionOf(Section);
    CHECK(MmMapViewInSystemSpace(PsInitialSystemProcess, (PVOID *)&System, &Size) ==
          STATUS_OBJECT_TYPE_MISMATCH);
    Size = 4 * PAGE_SIZE;
    CHECK(MmMapViewInSystemSpace(Object, (PVOID *)&System, &Size) == STATUS_INVALID_VIEW_SIZE);
    Size = 0;
    CHECK(MmMapViewInSystemSpace(Object, (PVOID *)&System, &Size) == STATUS_SUCCESS);
    CHECK(Size == 3 * PAGE_SIZE);
    CHECK(Map(Section, 0, &Whole, PAGE_READWRITE, (PVOID *)&View) == STATUS_SUCCESS);
    System[5] = 1;
    View[6] = 2;
    CHECK(View[5] == 1 && System[6] == 2);
    ZwClose(Section);
    ObDereferenceObject(Object);
    CHECK(MmUnmapViewInSystemSpace(System + PAGE_SIZE) == STATUS_NOT_MAPPED_VIEW);
    CHECK(MmUnmapViewInSystemSpace(System) == STATUS_SUCCESS);
    CHECK(ZwUnmapViewOfSection(NtCurrentProcess(), View) == STATUS_SUCCESS);
    NthostStop();
}

static void
the_system_space_sees_the_same_pages(void **State)
{
    (void)State;
    AssertClean(MapInSystemSpace);
}

BARE static void
LeakView(PVOID Object)
{
    SIZE_T Size = 0;
    PVOID System;

    CHECK(MmMapViewInSystemSpace(Object, &System, &Size) == STATUS_SUCCESS);
    KEEP_FRAME();
}

static void
LeaveViewMapped(void)
{
    HANDLE Section;
    PVOID Object;

    StartHost();
    Section = MakeSection(PAGE_SIZE, PAGE_READWRITE);
    Object = SectionOf(Section);
    LeakView(Object);
    ObDereferenceObject(Object);
    ZwClose(Section);
    CHECK(MiReportLeaks(NULL) > 0);
    VfFinishLeakReport("the end of the test");
}

static void
a_view_left_in_system_space_is_reported(void **State)
{
    static CHILD Child;

    (void)State;
    RunChild(LeaveViewMapped, &Child);
    assert_int_equal(Child.Exit, 3);
    AssertText(&Child, "Left behind: a view of 4096 bytes in system space\n");
    AssertText(&Child, "LeakView");
}

static void
MapRemote(void)
{
    NTHOST_PROCESS *Process;
    SIZE_T Whole = 0;
    HANDLE Section;
    PVOID Base;

    StartHost();
    Process = BecomeApplication();
    BecomeRemote();
    Section = MakeSection(PAGE_SIZE, PAGE_READWRITE);
    CHECK(Map(Section, 0, &Whole, PAGE_READWRITE, &Base) == STATUS_NOT_SUPPORTED);
    CHECK(ZwUnmapViewOfSection(NtCurrentProcess(), &Base) == STATUS_NOT_SUPPORTED);
    BecomeLocal();
    ZwClose(Section);
    NthostDetachProcess(Process, 0);
    NthostStop();
}

static void
a_remote_process_is_not_mapped_into(void **State)
{
    (void)State;
    AssertClean(MapRemote);
}

static void
Routines(void)
{
    UNICODE_STRING Name;

    StartHost();
    // Of an executable there are no exports: nothing is found, and nothing of its libraries either.
    RtlInitUnicodeString(&Name, L"malloc");
    CHECK(MmGetSystemRoutineAddress(&Name) == NULL);
    RtlInitUnicodeString(&Name, L"");
    CHECK(MmGetSystemRoutineAddress(&Name) == NULL);
    RtlInitUnicodeString(&Name, L"KeSetEv\x00e9nt");
    CHECK(MmGetSystemRoutineAddress(&Name) == NULL);
    NthostStop();
}

static void
what_is_no_system_routine_is_not_found(void **State)
{
    (void)State;
    AssertClean(Routines);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(two_views_share_their_pages),
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(bad_views_are_refused),
        cmocka_unit_test(names_and_rights_are_checked),
        cmocka_unit_test(a_handle_that_cannot_be_returned_is_closed),
        cmocka_unit_test(the_system_space_sees_the_same_pages),
        cmocka_unit_test(a_view_left_in_system_space_is_reported),
        cmocka_unit_test(a_remote_process_is_not_mapped_into),
        cmocka_unit_test(what_is_no_system_routine_is_not_found),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
