// SPDX-License-Identifier: MIT
// Descriptors that callers hand in, malformed in every way, and the Rtl routines that build them.
#include "fixture.h"
#include "se/sei.h"

// A valid self-relative descriptor that each case damages in one place.
typedef struct SAMPLE
{
    SECURITY_DESCRIPTOR_RELATIVE Header;
    SEP_SID Owner, Group;
    ACL Dacl;
    struct
    {
        ACE_HEADER Header;
        ACCESS_MASK Mask;
        UCHAR Sid[16];
    } Ace[2];
} SAMPLE;

static void
MakeSample(SAMPLE *Sample)
{
    memset(Sample, 0, sizeof(*Sample));
    Sample->Header.Revision = SECURITY_DESCRIPTOR_REVISION;
    Sample->Header.Control = SE_SELF_RELATIVE | SE_DACL_PRESENT;
    Sample->Header.Owner = offsetof(SAMPLE, Owner);
    Sample->Header.Group = offsetof(SAMPLE, Group);
    Sample->Header.Dacl = offsetof(SAMPLE, Dacl);
    Sample->Owner = SepKnown[SepUsersSid];
    Sample->Group = SepKnown[SepUsersSid];
    Sample->Dacl.AclRevision = ACL_REVISION;
    Sample->Dacl.AclSize = sizeof(Sample->Dacl) + sizeof(Sample->Ace);
    Sample->Dacl.AceCount = 2;
    for (ULONG i = 0; i < 2; i++)
    {
        Sample->Ace[i].Header.AceType = ACCESS_ALLOWED_ACE_TYPE;
        Sample->Ace[i].Header.AceSize = sizeof(Sample->Ace[i]);
        Sample->Ace[i].Mask = SYNCHRONIZE;
        memcpy(Sample->Ace[i].Sid, &SepKnown[SepUsersSid], 16);
    }
}

// As a user-mode caller. One process for a whole case: the rundown of one frees in the background.
static NTSTATUS
Capture(SAMPLE *Sample)
{
    ULONG64 Bytes = MiPoolBytes();
    PVOID Descriptor = POISON;
    NTSTATUS Status = SepCaptureDescriptor(Sample, UserMode, &Descriptor);

    if (NT_SUCCESS(Status))
    {
        assert_true(SeValidSecurityDescriptor(RtlLengthSecurityDescriptor(Descriptor), Descriptor));
        ExFreePool(Descriptor);
    }
    else
    {
        assert_null(Descriptor);
    }
    assert_int_equal(MiPoolBytes(), Bytes);
    return Status;
}

#define DAMAGED(Expected, Damage)                  \
    do                                             \
    {                                              \
        SAMPLE Sample;                             \
        MakeSample(&Sample);                       \
        Damage;                                    \
        assert_status(Capture(&Sample), Expected); \
    } while (0)

static void
damaged_headers(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");

    (void)State;
    DAMAGED(STATUS_SUCCESS, (void)0);
    DAMAGED(STATUS_UNKNOWN_REVISION, Sample.Header.Revision = 2);
    DAMAGED(STATUS_UNKNOWN_REVISION, Sample.Header.Revision = 0);
    DAMAGED(STATUS_INVALID_SECURITY_DESCR, Sample.Header.Owner = 4);
    DAMAGED(STATUS_INVALID_SECURITY_DESCR, Sample.Header.Group = 21);
    DAMAGED(STATUS_INVALID_SECURITY_DESCR, Sample.Header.Dacl = offsetof(SAMPLE, Dacl) + 1);
    DAMAGED(STATUS_INVALID_SECURITY_DESCR, Sample.Header.Sacl = 8);
    DAMAGED(STATUS_PRIVILEGE_NOT_HELD, Sample.Header.Control |= SE_SACL_PRESENT;
            Sample.Header.Sacl = Sample.Header.Dacl);
    DAMAGED(STATUS_SUCCESS, Sample.Header.Owner = Sample.Header.Group = Sample.Header.Dacl = 0);
    // Not flagged, so not looked at.
    DAMAGED(STATUS_SUCCESS, Sample.Header.Control = SE_SELF_RELATIVE; Sample.Dacl.AclSize = 1);
    NthostDetachProcess(Process, 0);
}

static void
damaged_identifiers(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");

    (void)State;
    DAMAGED(STATUS_INVALID_SID, Sample.Owner.Revision = 2);
    DAMAGED(STATUS_INVALID_SID, Sample.Owner.SubAuthorityCount = 16);
    DAMAGED(STATUS_INVALID_SID, Sample.Group.SubAuthorityCount = 255);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Sid[0] = 0);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[1].Sid[1] = 16);
    // One identifier longer than its entry, which lies inside the list all the same.
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Sid[1] = 3);
    NthostDetachProcess(Process, 0);
}

static void
damaged_lists(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");

    (void)State;
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AclRevision = 1);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AclRevision = 5);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AclSize = 0);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AclSize = 7);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AclSize -= 1);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AclSize -= 4);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AceCount = 3);
    DAMAGED(STATUS_INVALID_ACL, Sample.Dacl.AceCount = 65535);
    DAMAGED(STATUS_SUCCESS, Sample.Dacl.AceCount = 1);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Header.AceSize = 0);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Header.AceSize = 8);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Header.AceSize = 25);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[1].Header.AceSize = 28);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[1].Header.AceSize = 65532);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Header.AceType = SYSTEM_AUDIT_ACE_TYPE);
    DAMAGED(STATUS_INVALID_ACL, Sample.Ace[0].Header.AceType = 0xFF);
    NthostDetachProcess(Process, 0);
}

static void
bad_memory(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    SECURITY_DESCRIPTOR Absolute = {.Revision = SECURITY_DESCRIPTOR_REVISION};
    PVOID Nowhere = (PVOID)(ULONG_PTR)0x1000, Descriptor = POISON;

    (void)State;
    assert_status(SepCaptureDescriptor(Nowhere, UserMode, &Descriptor), STATUS_ACCESS_VIOLATION);
    Absolute.Owner = Nowhere;
    assert_status(SepCaptureDescriptor(&Absolute, UserMode, &Descriptor), STATUS_ACCESS_VIOLATION);
    Absolute.Owner = NULL;
    Absolute.Control = SE_DACL_PRESENT;
    Absolute.Dacl = Nowhere;
    assert_status(SepCaptureDescriptor(&Absolute, UserMode, &Descriptor), STATUS_ACCESS_VIOLATION);
    assert_null(Descriptor);
    NthostDetachProcess(Process, 0);
}

static void
built_by_a_driver(void **State)
{
    ULONG Buffer[64];
    PACL Acl = (PACL)Buffer;
    SECURITY_DESCRIPTOR Absolute;
    _Alignas(8) UCHAR Relative[256];
    ULONG Length = 10;
    PVOID Descriptor;
    SEP_PARTS Parts;

    (void)State;
    assert_status(RtlCreateSecurityDescriptor(&Absolute, 2), STATUS_UNKNOWN_REVISION);
    assert_status(RtlCreateSecurityDescriptor(&Absolute, SECURITY_DESCRIPTOR_REVISION),
                  STATUS_SUCCESS);
    assert_int_equal(RtlLengthSecurityDescriptor(&Absolute), sizeof(Absolute));
    assert_status(RtlCreateAcl(Acl, 7, ACL_REVISION), STATUS_BUFFER_TOO_SMALL);
    assert_status(RtlCreateAcl(Acl, 65536, ACL_REVISION), STATUS_INVALID_PARAMETER);
    assert_status(RtlCreateAcl(Acl, sizeof(Buffer), 9), STATUS_INVALID_PARAMETER);
    assert_status(RtlCreateAcl(Acl, 8 + 20 + 19, ACL_REVISION), STATUS_SUCCESS);
    assert_status(RtlAddAccessAllowedAce(Acl, ACL_REVISION, SYNCHRONIZE, SeExports->SeWorldSid),
                  STATUS_SUCCESS);
    assert_status(RtlAddAccessAllowedAce(Acl, ACL_REVISION, SYNCHRONIZE, SeExports->SeWorldSid),
                  STATUS_ALLOTTED_SPACE_EXCEEDED);
    assert_int_equal(Acl->AceCount, 1);
    assert_status(RtlSetDaclSecurityDescriptor(&Absolute, TRUE, Acl, FALSE), STATUS_SUCCESS);
    assert_status(RtlSetOwnerSecurityDescriptor(&Absolute, SeExports->SeLocalSystemSid, FALSE),
                  STATUS_SUCCESS);
    assert_true(RtlValidSecurityDescriptor(&Absolute));
    memset(Relative, 0xEE, sizeof(Relative));
    assert_status(RtlAbsoluteToSelfRelativeSD(&Absolute, Relative, &Length),
                  STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(Relative[0], 0xEE);
    assert_status(RtlAbsoluteToSelfRelativeSD(&Absolute, Relative, &Length), STATUS_SUCCESS);
    assert_true(SeValidSecurityDescriptor(Length, Relative));
    assert_int_equal(Relative[Length], 0xEE);
    assert_true(RtlValidSecurityDescriptor(Relative));
    assert_status(RtlAbsoluteToSelfRelativeSD((PVOID)Relative, Relative, &Length),
                  STATUS_BAD_DESCRIPTOR_FORMAT);
    assert_status(RtlSetDaclSecurityDescriptor(Relative, FALSE, NULL, FALSE),
                  STATUS_INVALID_SECURITY_DESCR);
    assert_status(SepCaptureDescriptor(&Absolute, KernelMode, &Descriptor), STATUS_SUCCESS);
    SepGetParts(Descriptor, &Parts);
    assert_true(RtlEqualSid(Parts.Owner, SeExports->SeLocalSystemSid));
    assert_int_equal(Parts.Dacl->AceCount, 1);
    ExFreePool(Descriptor);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        OB_TEST(damaged_headers), OB_TEST(damaged_identifiers), OB_TEST(damaged_lists),
        OB_TEST(bad_memory),      OB_TEST(built_by_a_driver),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
