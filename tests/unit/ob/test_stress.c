// SPDX-License-Identifier: MIT
// Many threads on one name and one handle table; meant for the thread sanitizer above all.
#include "fixture.h"

enum
{
    Threads = 4,
    Rounds = 1500
};

static volatile LONG Failures, Created;

#define CHECK(Condition)                     \
    do                                       \
    {                                        \
        if (!(Condition))                    \
        {                                    \
            InterlockedIncrement(&Failures); \
        }                                    \
    } while (0)

static void
RunThreads(PKSTART_ROUTINE Routine)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handles[Threads];

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    for (ULONG_PTR i = 0; i < Threads; i++)
    {
        assert_status(PsCreateSystemThread(&Handles[i], THREAD_ALL_ACCESS, &Attributes, NULL, NULL,
                                           Routine, (PVOID)i),
                      STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < Threads; i++)
    {
        assert_status(ZwWaitForSingleObject(Handles[i], FALSE, NULL), STATUS_SUCCESS);
        ZwClose(Handles[i]);
    }
    assert_int_equal(Failures, 0);
}

static VOID
OneName(PVOID Context)
{
    for (ULONG i = 0; i < Rounds; i++)
    {
        HANDLE Handle, Opened;
        PVOID Event = NULL;
        NTSTATUS Status = CreateEventNamed(L"\\BaseNamedObjects\\Contended", i % 2 ? OBJ_OPENIF : 0,
                                           EVENT_ALL_ACCESS, &Handle);

        if (Status == STATUS_OBJECT_NAME_COLLISION)
        {
            CHECK(i % 2 == 0 && Handle == POISON);
            continue;
        }
        CHECK(Status == STATUS_SUCCESS || Status == STATUS_OBJECT_NAME_EXISTS);
        if (Status == STATUS_SUCCESS)
        {
            InterlockedIncrement(&Created);
        }
        CHECK(ObReferenceObjectByHandle(Handle, 0, *ExEventObjectType, UserMode, &Event, NULL) ==
              STATUS_SUCCESS);
        // While this handle is open the name is there, and is this object.
        CHECK(OpenEventNamed(L"\\BaseNamedObjects\\Contended", 0, SYNCHRONIZE, &Opened) ==
              STATUS_SUCCESS);
        KeSetEvent(Event, 0, FALSE);
        CHECK(NtClose(Handle) == STATUS_SUCCESS);
        if ((i + (ULONG_PTR)Context) % 3 == 0)
        {
            ObDereferenceObjectDeferDelete(Event);
            CHECK(NtClose(Opened) == STATUS_SUCCESS);
        }
        else
        {
            CHECK(NtClose(Opened) == STATUS_SUCCESS);
            ObDereferenceObject(Event);
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void
open_close_create_of_one_name(void **State)
{
    ULONG Before = Living(ObpEventType);
    HANDLE Handle;

    (void)State;
    RunThreads(OneName);
    assert_true(Created > 0);
    assert_int_equal(Living(ObpEventType), Before);
    assert_status(OpenEventNamed(L"\\BaseNamedObjects\\Contended", 0, SYNCHRONIZE, &Handle),
                  STATUS_OBJECT_NAME_NOT_FOUND);
}

static volatile HANDLE Shared;

// Half of the threads make and close a handle in one place of the table, half look it up.
static VOID
OneHandle(PVOID Context)
{
    for (ULONG i = 0; i < Rounds; i++)
    {
        if ((ULONG_PTR)Context % 2 == 0)
        {
            HANDLE Handle;

            CHECK(NtCreateEvent(&Handle, SYNCHRONIZE, NULL, NotificationEvent, FALSE) ==
                  STATUS_SUCCESS);
            InterlockedExchangePointer((PVOID *)&Shared, Handle);
            // Long enough that lookups find it open, short enough that they meet the close.
            for (ULONG j = 0; j < 20; j++)
            {
                PVOID Own;

                CHECK(ObReferenceObjectByHandle(Handle, 0, ObpEventType, KernelMode, &Own, NULL) ==
                      STATUS_SUCCESS);
                ObDereferenceObject(Own);
            }
            CHECK(NtClose(Handle) == STATUS_SUCCESS);
        }
        else
        {
            HANDLE Handle = InterlockedCompareExchangePointer((PVOID *)&Shared, NULL, NULL);
            OBJECT_HANDLE_INFORMATION Rights;
            PVOID Object = POISON;
            NTSTATUS Status =
                ObReferenceObjectByHandle(Handle, 0, ObpEventType, KernelMode, &Object, &Rights);

            // Whatever it is by now: an event with what its maker asked for, or nothing.
            if (NT_SUCCESS(Status))
            {
                CHECK(Rights.GrantedAccess == SYNCHRONIZE ||
                      Rights.GrantedAccess == EVENT_ALL_ACCESS);
                KeSetEvent(Object, 0, FALSE);
                ObDereferenceObject(Object);
            }
            else
            {
                CHECK(Object == NULL &&
                      (Status == STATUS_INVALID_HANDLE || Status == STATUS_OBJECT_TYPE_MISMATCH));
            }
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void
lookup_against_close(void **State)
{
    ULONG Before = Living(ObpEventType);

    (void)State;
    RunThreads(OneHandle);
    assert_int_equal(Living(ObpEventType), Before);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(open_close_create_of_one_name),
        OB_TEST(lookup_against_close),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
