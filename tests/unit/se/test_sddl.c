// SPDX-License-Identifier: MIT
// Identifiers as text, and the security descriptor definition language, good and bad.
#include "fixture.h"
#include "se/sei.h"

static NTSTATUS
Parse(const WCHAR *Text, PVOID *Descriptor, ULONG *Size)
{
    UNICODE_STRING String;
    NTSTATUS Status;
    WCHAR *Exact;

    RtlInitUnicodeString(&String, Text);
    // In a block of exactly its size, so that a read beyond the end is found.
    Exact = ExAllocatePoolWithTag(NonPagedPoolNx, String.Length ? String.Length : 1, 'tseT');
    memcpy(Exact, String.Buffer, String.Length);
    *Descriptor = POISON;
    *Size = 0x5A5A5A5A;
    Status = SepDescriptorFromSddl(Exact, String.Length / sizeof(WCHAR), Descriptor, Size);
    ExFreePoolWithTag(Exact, 'tseT');
    return Status;
}

static void
AssertSid(PSID Sid, const char *Expected)
{
    UNICODE_STRING Text;

    assert_status(RtlConvertSidToUnicodeString(&Text, Sid, TRUE), STATUS_SUCCESS);
    assert_int_equal(Text.Length, strlen(Expected) * sizeof(WCHAR));
    for (ULONG i = 0; Expected[i] != 0; i++)
    {
        assert_int_equal(Text.Buffer[i], Expected[i]);
    }
    RtlFreeUnicodeString(&Text);
}

static const ACCESS_ALLOWED_ACE *
AceOf(PACL Dacl, ULONG Index)
{
    ULONG Offset = sizeof(ACL);

    while (Index-- > 0)
    {
        Offset += ((ACE_HEADER *)((PUCHAR)Dacl + Offset))->AceSize;
    }
    return (ACCESS_ALLOWED_ACE *)((PUCHAR)Dacl + Offset);
}

static void
whole_descriptor(void **State)
{
    const ACCESS_ALLOWED_ACE *Ace;
    SEP_PARTS Parts;
    PVOID Descriptor;
    ULONG Size;

    (void)State;
    assert_status(Parse(L"O:BAG:SYD:PAI(D;OICINPIO;GW;;;AN)(A;;GRGX;;;wd)(A;ID;0x1f0003;;;"
                        L"S-1-5-21-1-2-3-4294967295)(A;;1048576;;;S-1-0x10000000000-7)",
                        &Descriptor, &Size),
                  STATUS_SUCCESS);
    assert_true(SeValidSecurityDescriptor(Size, Descriptor));
    assert_false(SeValidSecurityDescriptor(Size - 1, Descriptor));
    assert_int_equal(Size, RtlLengthSecurityDescriptor(Descriptor));
    SepGetParts(Descriptor, &Parts);
    AssertSid(Parts.Owner, "S-1-5-32-544");
    AssertSid(Parts.Group, "S-1-5-18");
    assert_int_equal(Parts.Control, SE_DACL_PRESENT | SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED);
    assert_int_equal(Parts.Dacl->AceCount, 4);
    Ace = AceOf(Parts.Dacl, 0);
    assert_int_equal(Ace->Header.AceType, ACCESS_DENIED_ACE_TYPE);
    assert_int_equal(Ace->Header.AceFlags, 0xF);
    assert_int_equal(Ace->Mask, GENERIC_WRITE);
    AssertSid((PSID)&Ace->SidStart, "S-1-5-7");
    Ace = AceOf(Parts.Dacl, 1);
    assert_int_equal(Ace->Mask, GENERIC_READ | GENERIC_EXECUTE);
    AssertSid((PSID)&Ace->SidStart, "S-1-1-0");
    Ace = AceOf(Parts.Dacl, 2);
    assert_int_equal(Ace->Header.AceFlags, INHERITED_ACE);
    assert_int_equal(Ace->Mask, 0x1f0003);
    AssertSid((PSID)&Ace->SidStart, "S-1-5-21-1-2-3-4294967295");
    Ace = AceOf(Parts.Dacl, 3);
    assert_int_equal(Ace->Mask, SYNCHRONIZE);
    AssertSid((PSID)&Ace->SidStart, "S-1-0x010000000000-7");
    ExFreePool(Descriptor);
}

static void
partial_descriptors(void **State)
{
    SEP_PARTS Parts;
    PVOID Descriptor;
    ULONG Size;

    (void)State;
    assert_status(Parse(L"", &Descriptor, &Size), STATUS_SUCCESS);
    assert_int_equal(Size, sizeof(SECURITY_DESCRIPTOR_RELATIVE));
    ExFreePool(Descriptor);
    assert_status(Parse(L"D:P", &Descriptor, &Size), STATUS_SUCCESS);
    SepGetParts(Descriptor, &Parts);
    assert_null(Parts.Owner);
    assert_non_null(Parts.Dacl);  // a list that allows nobody anything
    assert_int_equal(Parts.Dacl->AceCount, 0);
    ExFreePool(Descriptor);
    assert_status(Parse(L"D:NO_ACCESS_CONTROL", &Descriptor, &Size), STATUS_SUCCESS);
    SepGetParts(Descriptor, &Parts);
    assert_null(Parts.Dacl);  // no list: everybody may do everything
    assert_int_equal(Parts.Control, SE_DACL_PRESENT);
    ExFreePool(Descriptor);
    assert_status(Parse(L"D:(A;;FAFRFWFXRCSDWDWO;;;BU)G:BU", &Descriptor, &Size), STATUS_SUCCESS);
    SepGetParts(Descriptor, &Parts);
    assert_int_equal(AceOf(Parts.Dacl, 0)->Mask, FILE_ALL_ACCESS);
    ExFreePool(Descriptor);
    assert_status(Parse(L"D:(A;;CCDCLCSWRPWPDTLOCR;;;BU)", &Descriptor, &Size), STATUS_SUCCESS);
    SepGetParts(Descriptor, &Parts);
    assert_int_equal(AceOf(Parts.Dacl, 0)->Mask, 0x1FF);
    ExFreePool(Descriptor);
}

static void
malformed(void **State)
{
    static const struct
    {
        const WCHAR *Text;
        NTSTATUS Status;
    } Cases[] = {
        {L"X", STATUS_INVALID_PARAMETER},
        {L"O", STATUS_INVALID_PARAMETER},
        {L"O:", STATUS_INVALID_SID},
        {L"O:B", STATUS_INVALID_SID},
        {L"O:ZZ", STATUS_INVALID_SID},
        {L"O:BAX", STATUS_INVALID_PARAMETER},
        {L"O:BAO:BA", STATUS_INVALID_PARAMETER},
        {L"D:D:", STATUS_INVALID_PARAMETER},
        {L"O:S-1", STATUS_INVALID_SID},
        {L"O:S-1-5", STATUS_INVALID_SID},
        {L"O:S-1-5-", STATUS_INVALID_SID},
        {L"O:S-2-5-1", STATUS_INVALID_SID},
        {L"O:S-1-5-4294967296", STATUS_INVALID_SID},
        {L"O:S-1-0x1000000000000-1", STATUS_INVALID_SID},
        {L"O:S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", STATUS_INVALID_SID},
        {L"O:S-1-5-99999999999999999999999999", STATUS_INVALID_SID},
        {L"D:(", STATUS_INVALID_ACL},
        {L"D:(A", STATUS_INVALID_ACL},
        {L"D:(A;", STATUS_INVALID_ACL},
        {L"D:(A;;", STATUS_INVALID_ACL},
        {L"D:(A;;GA", STATUS_INVALID_ACL},
        {L"D:(A;;GA;;;", STATUS_INVALID_SID},
        {L"D:(A;;GA;;;SY", STATUS_INVALID_ACL},
        {L"D:(A;;GA;;SY)", STATUS_INVALID_ACL},
        {L"D:(A;;GA;;;SY;)", STATUS_INVALID_ACL},
        {L"D:(A;ZZ;GA;;;SY)", STATUS_INVALID_ACL},
        {L"D:(A;;GQ;;;SY)", STATUS_INVALID_ACL},
        {L"D:(A;;GAG;;;SY)", STATUS_INVALID_ACL},
        {L"D:(A;;0x;;;SY)", STATUS_INVALID_ACL},
        {L"D:(A;;0x100000000;;;SY)", STATUS_INVALID_ACL},
        {L"D:(A;;GA;;;ZZ)", STATUS_INVALID_SID},
        {L"D:(A;;GA;;;SY))", STATUS_INVALID_PARAMETER},
        {L"D:(A;;GA;;;SY)x", STATUS_INVALID_PARAMETER},
        {L"D:Q(A;;GA;;;SY)", STATUS_INVALID_PARAMETER},
        {L"D:AX", STATUS_INVALID_PARAMETER},
        {L"D:(;;GA;;;SY)", STATUS_INVALID_ACL},
        {L"D:(OA;;GA;;;SY)", STATUS_NOT_SUPPORTED},
        {L"D:(AU;;GA;;;SY)", STATUS_INVALID_ACL},
        {L"S:(AU;SA;GA;;;WD)", STATUS_NOT_SUPPORTED},
    };
    PVOID Descriptor;
    ULONG Size;

    (void)State;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Cases); i++)
    {
        ULONG64 Bytes = MiPoolBytes();
        NTSTATUS Status = Parse(Cases[i].Text, &Descriptor, &Size);

        if (Status != Cases[i].Status)
        {
            fail_msg("case %u: 0x%08x", (unsigned)i, (unsigned)Status);
        }
        assert_null(Descriptor);
        assert_int_equal(Size, 0x5A5A5A5A);
        assert_int_equal(MiPoolBytes(), Bytes);
    }
}

static void
every_prefix_is_handled(void **State)
{
    static const WCHAR Text[] =
        L"O:S-1-5-21-1-2-3-500G:SYD:PARAI(D;OICI;GWFA;;;AN)(A;;0x1f;;;S-1-5-32-544)";

    (void)State;
    for (ULONG Length = 0; Length < RTL_NUMBER_OF(Text); Length++)
    {
        WCHAR Prefix[RTL_NUMBER_OF(Text)] = {0};
        ULONG64 Bytes = MiPoolBytes();
        PVOID Descriptor;
        ULONG Size;

        memcpy(Prefix, Text, Length * sizeof(WCHAR));
        if (NT_SUCCESS(Parse(Prefix, &Descriptor, &Size)))
        {
            assert_true(SeValidSecurityDescriptor(Size, Descriptor));
            ExFreePool(Descriptor);
        }
        assert_int_equal(MiPoolBytes(), Bytes);
    }
}

static void
too_many_entries(void **State)
{
    enum
    {
        Entries = 3277
    };
    static WCHAR Text[2 + 12 * Entries + 1];
    static const WCHAR Entry[] = L"(A;;GA;;;SY";
    PVOID Descriptor;
    ULONG Size;

    (void)State;
    for (ULONG Count = 3276; Count <= 3277; Count++)
    {
        ULONG At = 2;

        Text[0] = 'D';
        Text[1] = ':';
        for (ULONG i = 0; i < Count; i++)
        {
            memcpy(&Text[At], Entry, 11 * sizeof(WCHAR));
            At += 11;
            Text[At++] = ')';
        }
        Text[At] = 0;
        // 8 bytes and 20 an entry: 3276 fit into 65532, one more does not.
        assert_status(SepDescriptorFromSddl(Text, At, &Descriptor, &Size),
                      Count == 3276 ? STATUS_SUCCESS : STATUS_INVALID_ACL);
        if (Count == 3276)
        {
            ExFreePool(Descriptor);
        }
    }
}

static void
sid_routines(void **State)
{
    SID_IDENTIFIER_AUTHORITY Authority = {SECURITY_NT_AUTHORITY};
    ULONG Buffer[17];
    PSID Sid = Buffer;
    WCHAR Small[4];
    UNICODE_STRING Text = {0, sizeof(Small), Small};

    (void)State;
    assert_int_equal(RtlLengthRequiredSid(2), 16);
    assert_status(RtlInitializeSid(Sid, &Authority, 16), STATUS_INVALID_PARAMETER);
    assert_status(RtlInitializeSid(Sid, &Authority, 2), STATUS_SUCCESS);
    *RtlSubAuthoritySid(Sid, 0) = 32;
    *RtlSubAuthoritySid(Sid, 1) = 544;
    assert_true(RtlValidSid(Sid));
    assert_int_equal(RtlLengthSid(Sid), 16);
    assert_true(RtlEqualSid(Sid, SeExports->SeAliasAdminsSid));
    assert_false(RtlEqualSid(Sid, SeExports->SeAliasUsersSid));
    assert_status(RtlCopySid(15, Sid, SeExports->SeAliasUsersSid), STATUS_BUFFER_TOO_SMALL);
    assert_true(RtlEqualSid(Sid, SeExports->SeAliasAdminsSid));
    assert_status(RtlCopySid(16, Sid, SeExports->SeAliasUsersSid), STATUS_SUCCESS);
    AssertSid(Sid, "S-1-5-32-545");
    assert_status(RtlConvertSidToUnicodeString(&Text, Sid, FALSE), STATUS_BUFFER_OVERFLOW);
    *RtlSubAuthorityCountSid(Sid) = 16;
    assert_false(RtlValidSid(Sid));
    assert_status(RtlConvertSidToUnicodeString(&Text, Sid, TRUE), STATUS_INVALID_SID);
    assert_false(RtlValidSid(NULL));
    AssertSid(SeExports->SeLocalSystemSid, "S-1-5-18");
    AssertSid(SeExports->SeWorldSid, "S-1-1-0");
    AssertSid(SeExports->SeAuthenticatedUsersSid, "S-1-5-11");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(whole_descriptor),        OB_TEST(partial_descriptors), OB_TEST(malformed),
        OB_TEST(every_prefix_is_handled), OB_TEST(too_many_entries),    OB_TEST(sid_routines),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
