// SPDX-License-Identifier: MIT
// The security descriptor of driver-first events: the driver owns them, the allowed may only wait.

#include "channel.h"

// Built by hand in its self-relative form: a handful of stores, instead of eight more kernel
// imports.

#define SID_AUTHORITY_NT 5u
#define ACE_HEADER_BYTES 8u  // ACE_HEADER and the access mask; the SID follows

// S-1-5-18, S-1-5-32-544 and S-1-5-32-545 as they lie in memory.
static const ULONG SidSystem[] = {0x00000101u, SID_AUTHORITY_NT << 24, 18u};
static const ULONG SidAdministrators[] = {0x00000201u, SID_AUTHORITY_NT << 24, 32u, 544u};
static const ULONG SidUsers[] = {0x00000201u, SID_AUTHORITY_NT << 24, 32u, 545u};

// Bytes of a SID: revision, number of sub-authorities, authority (6 bytes), sub-authorities.
static ULONG
SidBytes(const VOID *Sid)
{
    return 8u + 4u * ((const UCHAR *)Sid)[1];
}

static BOOLEAN
SidIsValid(const VOID *Sid)
{
    const UCHAR *sid = Sid;
    return sid != NULL && sid[0] == 1 && sid[1] >= 1 && sid[1] <= 15;
}

static UCHAR *
AppendAce(UCHAR *At, ACCESS_MASK Access, const VOID *Sid)
{
    ULONG bytes = SidBytes(Sid);
    USHORT aceBytes = (USHORT)(ACE_HEADER_BYTES + bytes);
    At[0] = ACCESS_ALLOWED_ACE_TYPE;
    At[1] = 0;
    RtlCopyMemory(At + 2, &aceBytes, sizeof(aceBytes));
    RtlCopyMemory(At + 4, &Access, sizeof(Access));
    RtlCopyMemory(At + ACE_HEADER_BYTES, Sid, bytes);
    return At + aceBytes;
}

NTSTATUS
UpcallEventSecurityCreate(const PSID *Sids, ULONG Count, PVOID *Descriptor)
{
    const VOID *allowed[UPCALL_MAX_EVENT_SIDS] = {SidAdministrators, SidUsers};
    ULONG count = 2;
    *Descriptor = NULL;
    if (Count > UPCALL_MAX_EVENT_SIDS || (Sids == NULL) != (Count == 0))
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Count != 0)
    {
        for (count = 0; count < Count; count++)
        {
            if (!SidIsValid(Sids[count]))
            {
                return STATUS_INVALID_PARAMETER;
            }
            allowed[count] = Sids[count];
        }
    }

    const ULONG sidBytes = SidBytes(SidSystem);
    ULONG aclBytes = sizeof(ACL) + ACE_HEADER_BYTES + sidBytes;
    for (ULONG i = 0; i < count; i++)
    {
        aclBytes += ACE_HEADER_BYTES + SidBytes(allowed[i]);
    }
    ULONG header = sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    UCHAR *memory = UpcallAllocate(header + 2u * sidBytes + aclBytes);
    if (memory == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }

    SECURITY_DESCRIPTOR_RELATIVE *descriptor = (SECURITY_DESCRIPTOR_RELATIVE *)memory;
    descriptor->Revision = SECURITY_DESCRIPTOR_REVISION;
    descriptor->Control = SE_SELF_RELATIVE | SE_DACL_PRESENT | SE_DACL_PROTECTED;
    descriptor->Owner = header;
    descriptor->Group = header + sidBytes;
    descriptor->Dacl = header + 2u * sidBytes;
    RtlCopyMemory(memory + descriptor->Owner, SidSystem, sidBytes);
    RtlCopyMemory(memory + descriptor->Group, SidSystem, sidBytes);

    ACL *acl = (ACL *)(memory + descriptor->Dacl);
    acl->AclRevision = ACL_REVISION;
    acl->AclSize = (USHORT)aclBytes;
    acl->AceCount = (USHORT)(1u + count);
    UCHAR *at = AppendAce((UCHAR *)(acl + 1), EVENT_ALL_ACCESS, SidSystem);
    for (ULONG i = 0; i < count; i++)
    {
        at = AppendAce(at, SYNCHRONIZE, allowed[i]);
    }
    *Descriptor = memory;
    return STATUS_SUCCESS;
}
