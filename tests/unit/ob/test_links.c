// SPDX-License-Identifier: MIT
// Symbolic links: following, loops, limits, queries.
#include "fixture.h"

static NTSTATUS
CreateLink(const WCHAR *Path, const WCHAR *Target, PHANDLE Handle)
{
    UNICODE_STRING Name, To;
    OBJECT_ATTRIBUTES Attributes = Named(&Name, Path, 0);

    *Handle = POISON;
    RtlInitUnicodeString(&To, Target);
    return NtCreateSymbolicLinkObject(Handle, SYMBOLIC_LINK_ALL_ACCESS, &Attributes, &To);
}

static void
loops_end(void **State)
{
    HANDLE A, B, Event;

    (void)State;
    assert_status(CreateLink(L"\\BaseNamedObjects\\A", L"\\BaseNamedObjects\\B", &A),
                  STATUS_SUCCESS);
    assert_status(CreateLink(L"\\BaseNamedObjects\\B", L"\\BaseNamedObjects\\A", &B),
                  STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\A", 0, EVENT_ALL_ACCESS, &Event),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    assert_ptr_equal(Event, POISON);
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\A\\X", 0, EVENT_ALL_ACCESS, &Event),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    assert_ptr_equal(Event, POISON);
    NtClose(A);
    NtClose(B);
}

static void
chain_up_to_the_limit(void **State)
{
    HANDLE Links[OBP_MAX_LINKS + 1], Event, Found;
    WCHAR From[] = L"\\BaseNamedObjects\\L00", To[] = L"\\BaseNamedObjects\\L00";

    (void)State;
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\L00", 0, EVENT_ALL_ACCESS, &Event),
                  STATUS_SUCCESS);
    for (int i = 1; i <= OBP_MAX_LINKS + 1; i++)
    {
        From[19] = (WCHAR)('0' + i / 10);
        From[20] = (WCHAR)('0' + i % 10);
        To[19] = (WCHAR)('0' + (i - 1) / 10);
        To[20] = (WCHAR)('0' + (i - 1) % 10);
        assert_status(CreateLink(From, To, &Links[i - 1]), STATUS_SUCCESS);
        assert_status(OpenEventNamed(From, 0, EVENT_ALL_ACCESS, &Found),
                      i <= OBP_MAX_LINKS ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND);
        if (i <= OBP_MAX_LINKS)
        {
            NtClose(Found);
        }
    }
    for (int i = 0; i <= OBP_MAX_LINKS; i++)
    {
        NtClose(Links[i]);
    }
    NtClose(Event);
}

static void
targets_that_lead_nowhere(void **State)
{
    HANDLE Dangling, Relative, Empty, Event;

    (void)State;
    assert_status(CreateLink(L"\\BaseNamedObjects\\D", L"\\BaseNamedObjects\\Later", &Dangling),
                  STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\D", 0, EVENT_ALL_ACCESS, &Event),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    // Creating through it makes the target.
    assert_status(CreateEventNamed(L"\\BaseNamedObjects\\D", 0, EVENT_ALL_ACCESS, &Event),
                  STATUS_SUCCESS);
    {
        HANDLE Direct;

        assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Later", 0, EVENT_ALL_ACCESS, &Direct),
                      STATUS_SUCCESS);
        NtClose(Direct);
    }
    NtClose(Event);
    assert_status(CreateLink(L"\\BaseNamedObjects\\R", L"Later", &Relative), STATUS_SUCCESS);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\R", 0, EVENT_ALL_ACCESS, &Event),
                  STATUS_OBJECT_PATH_SYNTAX_BAD);
    assert_status(CreateLink(L"\\BaseNamedObjects\\Z", L"", &Empty), STATUS_INVALID_PARAMETER);
    assert_ptr_equal(Empty, POISON);
    // A link where an object of another type is to be made is followed; where a link is, it collides.
    assert_status(CreateLink(L"\\BaseNamedObjects\\D", L"\\Else", &Empty),
                  STATUS_OBJECT_NAME_COLLISION);
    NtClose(Dangling);
    NtClose(Relative);
}

static void
system_links(void **State)
{
    static const WCHAR *Paths[] = {L"\\DosDevices\\Alias", L"\\??\\Alias", L"\\GLOBAL??\\Alias",
                                   L"\\??\\Global\\Alias", L"\\??\\GLOBALROOT\\GLOBAL??\\Alias"};
    HANDLE Handle, Link;

    (void)State;
    assert_status(CreateLink(L"\\DosDevices\\Alias", L"\\Device", &Link), STATUS_SUCCESS);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Paths); i++)
    {
        UNICODE_STRING Name;
        OBJECT_ATTRIBUTES Attributes = Named(&Name, Paths[i], 0);

        Handle = POISON;
        assert_status(NtOpenDirectoryObject(&Handle, DIRECTORY_QUERY, &Attributes), STATUS_SUCCESS);
        NtClose(Handle);
        Handle = POISON;
        assert_status(NtOpenSymbolicLinkObject(&Handle, SYMBOLIC_LINK_QUERY, &Attributes),
                      STATUS_SUCCESS);
        NtClose(Handle);
        Attributes.Attributes = OBJ_DONT_REPARSE;
        Handle = POISON;
        assert_status(NtOpenDirectoryObject(&Handle, DIRECTORY_QUERY, &Attributes),
                      STATUS_REPARSE_POINT_ENCOUNTERED);
        assert_ptr_equal(Handle, POISON);
    }
    NtClose(Link);
    assert_status(OpenEventNamed(L"\\??\\Alias", 0, EVENT_ALL_ACCESS, &Handle),
                  STATUS_OBJECT_NAME_NOT_FOUND);
}

static void
query(void **State)
{
    WCHAR Buffer[16];
    UNICODE_STRING To = {0, sizeof(Buffer), Buffer};
    ULONG Needed = 0;
    HANDLE Link;

    (void)State;
    assert_status(CreateLink(L"\\BaseNamedObjects\\Q", L"\\Device", &Link), STATUS_SUCCESS);
    memset(Buffer, 0xEE, sizeof(Buffer));
    assert_status(NtQuerySymbolicLinkObject(Link, &To, &Needed), STATUS_SUCCESS);
    assert_int_equal(To.Length, 14);
    assert_int_equal(Needed, 16);
    assert_memory_equal(Buffer, L"\\Device", 16);
    assert_int_equal(Buffer[8], 0xEEEE);
    To.Length = 0;
    To.MaximumLength = 14;
    memset(Buffer, 0xEE, sizeof(Buffer));
    assert_status(NtQuerySymbolicLinkObject(Link, &To, &Needed), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(Needed, 16);
    assert_int_equal(To.Length, 0);
    assert_int_equal(Buffer[0], 0xEEEE);
    assert_status(NtQuerySymbolicLinkObject(Link, &To, NULL), STATUS_SUCCESS);
    assert_int_equal(To.Length, 14);
    assert_int_equal(Buffer[7], 0xEEEE);
    NtClose(Link);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(loops_end),
        OB_TEST(chain_up_to_the_limit),
        OB_TEST(targets_that_lead_nowhere),
        OB_TEST(system_links),
        OB_TEST(query),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
