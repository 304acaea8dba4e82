// SPDX-License-Identifier: MIT
// The access check: order, owners, generic rights, "maximum allowed", defaults.
#include "fixture.h"
#include "se/sei.h"

static const GENERIC_MAPPING Events = {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE,
                                       STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE,
                                       STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS};

static void
matrix(void **State)
{
    static const struct
    {
        const WCHAR *Sddl;
        SEP_WHO Who;
        ACCESS_MASK Desired;
        ACCESS_MASK Granted;  // 0: denied
    } Cases[] = {
        {L"D:(A;;GA;;;WD)", SepUser, EVENT_ALL_ACCESS, EVENT_ALL_ACCESS},
        {L"D:(A;;GA;;;WD)", SepUser, GENERIC_READ, READ_CONTROL | EVENT_QUERY_STATE},
        {L"D:(A;;GR;;;BU)", SepUser, GENERIC_READ, READ_CONTROL | EVENT_QUERY_STATE},
        {L"D:(A;;GR;;;BU)", SepUser, GENERIC_WRITE, 0},
        {L"D:(A;;GR;;;BU)", SepUser, GENERIC_READ | SYNCHRONIZE, 0},
        {L"D:(A;;0x2;;;BU)(A;;0x100000;;;IU)", SepUser, 0x100002, 0x100002},
        {L"D:(A;;GA;;;BA)", SepUser, SYNCHRONIZE, 0},
        {L"D:(A;;GA;;;BA)", SepAdministrator, EVENT_ALL_ACCESS, EVENT_ALL_ACCESS},
        {L"D:(A;;GA;;;BA)", SepSystem, EVENT_ALL_ACCESS, EVENT_ALL_ACCESS},
        {L"D:(A;;GA;;;SY)", SepAdministrator, SYNCHRONIZE, 0},
        {L"D:(A;;GA;;;AU)", SepUser, SYNCHRONIZE, SYNCHRONIZE},
        {L"D:(A;;GA;;;AN)", SepUser, SYNCHRONIZE, 0},
        // Order decides between a denial and a grant of the same right.
        {L"D:(D;;0x2;;;BU)(A;;GA;;;WD)", SepUser, EVENT_MODIFY_STATE, 0},
        {L"D:(D;;0x2;;;BU)(A;;GA;;;WD)", SepUser, SYNCHRONIZE, SYNCHRONIZE},
        {L"D:(A;;GA;;;WD)(D;;0x2;;;BU)", SepUser, EVENT_MODIFY_STATE, EVENT_MODIFY_STATE},
        {L"D:(D;;GA;;;BA)(A;;GA;;;WD)", SepUser, EVENT_ALL_ACCESS, EVENT_ALL_ACCESS},
        {L"D:(D;;GA;;;BA)(A;;GA;;;WD)", SepAdministrator, SYNCHRONIZE, 0},
        // Inherit-only entries are for children.
        {L"D:(A;IO;GA;;;WD)", SepUser, SYNCHRONIZE, 0},
        {L"D:(D;IO;GA;;;WD)(A;;GA;;;WD)", SepUser, SYNCHRONIZE, SYNCHRONIZE},
        // Owners.
        {L"O:BUD:", SepUser, READ_CONTROL | WRITE_DAC, READ_CONTROL | WRITE_DAC},
        {L"O:BUD:", SepUser, WRITE_OWNER, 0},
        {L"O:BUD:(D;;GA;;;WD)", SepUser, WRITE_DAC, WRITE_DAC},
        {L"O:BAD:", SepUser, READ_CONTROL, 0},
        {L"O:BUD:(A;;0x100000;;;OW)", SepUser, WRITE_DAC, 0},
        {L"O:BUD:(A;;0x100000;;;OW)", SepUser, SYNCHRONIZE, SYNCHRONIZE},
        {L"O:BAD:(A;;0x100000;;;OW)", SepUser, SYNCHRONIZE, 0},
        // All that is allowed.
        {L"D:(A;;0x3;;;BU)(D;;0x1;;;WD)", SepUser, MAXIMUM_ALLOWED, 0x3},
        {L"D:(D;;0x1;;;WD)(A;;0x3;;;BU)", SepUser, MAXIMUM_ALLOWED, 0x2},
        {L"D:(D;;0x1;;;WD)(A;;0x3;;;BU)", SepUser, MAXIMUM_ALLOWED | 0x1, 0},
        {L"D:(D;;0x1;;;WD)(A;;0x3;;;BU)", SepUser, MAXIMUM_ALLOWED | 0x2, 0x2},
        {L"O:BUD:(A;;0x2;;;BU)", SepUser, MAXIMUM_ALLOWED, READ_CONTROL | WRITE_DAC | 0x2},
        {L"D:(A;;GA;;;BA)", SepUser, MAXIMUM_ALLOWED, 0},
        {L"D:NO_ACCESS_CONTROL", SepUser, MAXIMUM_ALLOWED, EVENT_ALL_ACCESS},
        {L"D:NO_ACCESS_CONTROL", SepUser, GENERIC_ALL, EVENT_ALL_ACCESS},
        {L"O:BA", SepUser, EVENT_ALL_ACCESS, EVENT_ALL_ACCESS},
        // Nobody is given nothing.
        {L"D:(A;;GA;;;WD)", SepUser, 0, 0},
    };

    (void)State;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Cases); i++)
    {
        ACCESS_MASK Granted = 0x5A5A5A5A;
        UNICODE_STRING Sddl;
        SEP_TOKEN *Token;
        PVOID Descriptor;
        NTSTATUS Status;

        RtlInitUnicodeString(&Sddl, Cases[i].Sddl);
        assert_status(
            SepDescriptorFromSddl(Sddl.Buffer, Sddl.Length / sizeof(WCHAR), &Descriptor, NULL),
            STATUS_SUCCESS);
        assert_status(SepCreateToken(Cases[i].Who, &Token), STATUS_SUCCESS);
        Status = SepAccessCheck(Descriptor, Token, Cases[i].Desired, &Events, &Granted);
        if (Status != (Cases[i].Granted ? STATUS_SUCCESS : STATUS_ACCESS_DENIED) ||
            Granted != Cases[i].Granted)
        {
            fail_msg("case %u: 0x%08x, granted 0x%x", (unsigned)i, (unsigned)Status,
                     (unsigned)Granted);
        }
        ObDereferenceObject(Token);
        ExFreePool(Descriptor);
    }
}

static void
privileged_rights(void **State)
{
    SEP_TOKEN *Token = SepCurrentToken();
    ACCESS_MASK Granted;

    (void)State;
    assert_true(Token->IsSystem);
    assert_status(SepAccessCheck(NULL, Token, ACCESS_SYSTEM_SECURITY, &Events, &Granted),
                  STATUS_PRIVILEGE_NOT_HELD);
    assert_int_equal(Granted, 0);
    assert_status(SepAccessCheck(NULL, Token, SYNCHRONIZE, &Events, &Granted), STATUS_SUCCESS);
    assert_int_equal(Granted, SYNCHRONIZE);
}

static void
check_of_drivers(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    static const WCHAR Sddl[] = L"D:(A;;0x100000;;;BU)";
    GENERIC_MAPPING Mapping = Events;
    SECURITY_SUBJECT_CONTEXT Subject;
    ACCESS_MASK Granted;
    NTSTATUS Status;
    PVOID Descriptor;

    (void)State;
    assert_status(SepDescriptorFromSddl(Sddl, RTL_NUMBER_OF(Sddl) - 1, &Descriptor, NULL),
                  STATUS_SUCCESS);
    SeCaptureSubjectContext(&Subject);
    assert_false(SeTokenIsAdmin(SeQuerySubjectContextToken(&Subject)));
    assert_true(SeAccessCheck(Descriptor, &Subject, FALSE, SYNCHRONIZE, 0, NULL, &Mapping, UserMode,
                              &Granted, &Status));
    assert_int_equal(Granted, SYNCHRONIZE);
    assert_false(SeAccessCheck(Descriptor, &Subject, FALSE, EVENT_MODIFY_STATE, SYNCHRONIZE, NULL,
                               &Mapping, UserMode, &Granted, &Status));
    assert_status(Status, STATUS_ACCESS_DENIED);
    assert_int_equal(Granted, 0);
    assert_true(SeAccessCheck(Descriptor, &Subject, FALSE, 0, EVENT_MODIFY_STATE, NULL, &Mapping,
                              UserMode, &Granted, &Status));
    assert_int_equal(Granted, EVENT_MODIFY_STATE);
    assert_true(SeAccessCheck(Descriptor, &Subject, FALSE, EVENT_MODIFY_STATE, 0, NULL, &Mapping,
                              KernelMode, &Granted, &Status));
    assert_false(SeAccessCheck(NULL, &Subject, FALSE, SYNCHRONIZE, 0, NULL, &Mapping, UserMode,
                               &Granted, &Status));
    SeReleaseSubjectContext(&Subject);
    ExFreePool(Descriptor);
    NthostDetachProcess(Process, 0);
}

static void
defaults(void **State)
{
    static const struct
    {
        SEP_WHO Who;
        SEP_KNOWN Owner, Second;
        ACCESS_MASK Mask;
    } Cases[] = {
        {SepSystem, SepAdminsSid, SepAdminsSid, GENERIC_READ | GENERIC_EXECUTE | READ_CONTROL},
        {SepAdministrator, SepAdminsSid, SepAdminsSid, GENERIC_ALL},
        {SepUser, SepMachineUserSid, SepMachineUserSid, GENERIC_ALL},
    };

    (void)State;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Cases); i++)
    {
        const ACCESS_ALLOWED_ACE *First, *Second;
        SEP_TOKEN *Token;
        SEP_PARTS Parts;
        PVOID Descriptor;

        assert_status(SepCreateToken(Cases[i].Who, &Token), STATUS_SUCCESS);
        assert_status(SepDefaultDescriptor(Token, &Descriptor), STATUS_SUCCESS);
        assert_true(SeValidSecurityDescriptor(RtlLengthSecurityDescriptor(Descriptor), Descriptor));
        SepGetParts(Descriptor, &Parts);
        assert_true(RtlEqualSid(Parts.Owner, SepSid(Cases[i].Owner)));
        assert_non_null(Parts.Group);
        assert_int_equal(Parts.Dacl->AceCount, 2);
        First = (ACCESS_ALLOWED_ACE *)(Parts.Dacl + 1);
        Second = (ACCESS_ALLOWED_ACE *)((PUCHAR)First + First->Header.AceSize);
        assert_true(RtlEqualSid((PSID)&First->SidStart, SepSid(SepSystemSid)));
        assert_int_equal(First->Mask, GENERIC_ALL);
        assert_true(RtlEqualSid((PSID)&Second->SidStart, SepSid(Cases[i].Second)));
        assert_int_equal(Second->Mask, Cases[i].Mask);
        ExFreePool(Descriptor);
        ObDereferenceObject(Token);
    }
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(matrix),
        OB_TEST(privileged_rights),
        OB_TEST(check_of_drivers),
        OB_TEST(defaults),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
