// SPDX-License-Identifier: MIT
// Who may open the relay: SYSTEM and administrators fully, users for reading and writing.

#include "relay_driver.h"

// D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;BU) in self-relative form. (IoCreateDeviceSecure would take
// the text, but it lives in a library that not every build of this driver has.)
typedef struct RELAY_ACE
{
    UCHAR Type;
    UCHAR Flags;
    USHORT Size;
    ULONG Access;
    UCHAR SidRevision;
    UCHAR SidCount;
    UCHAR SidAuthority[6];
    ULONG SubAuthority[2];
} RELAY_ACE;

typedef struct RELAY_SECURITY
{
    SECURITY_DESCRIPTOR_RELATIVE Header;
    ACL Acl;
    RELAY_ACE Aces[3];
} RELAY_SECURITY;

#define SID_AUTHORITY_NT \
    {                    \
        0, 0, 0, 0, 0, 5 \
    }

// The device's own rights, as the I/O manager maps GENERIC_READ and GENERIC_WRITE.
static const RELAY_SECURITY Security = {
    .Header = {.Revision = SECURITY_DESCRIPTOR_REVISION,
               .Control = SE_SELF_RELATIVE | SE_DACL_PRESENT | SE_DACL_PROTECTED,
               .Dacl = FIELD_OFFSET(RELAY_SECURITY, Acl)},
    .Acl = {.AclRevision = ACL_REVISION,
            .AclSize = sizeof(ACL) + 3 * sizeof(RELAY_ACE),
            .AceCount = 3},
    .Aces = {
        // S-1-5-32-544, S-1-5-32-545, and S-1-5-18, whose ACE has room for a second sub-authority
        // that its SID does not count.
        {ACCESS_ALLOWED_ACE_TYPE,
         0,
         sizeof(RELAY_ACE),
         FILE_ALL_ACCESS,
         1,
         2,
         SID_AUTHORITY_NT,
         {32, 544}},
        {ACCESS_ALLOWED_ACE_TYPE,
         0,
         sizeof(RELAY_ACE),
         FILE_GENERIC_READ | FILE_GENERIC_WRITE,
         1,
         2,
         SID_AUTHORITY_NT,
         {32, 545}},
        {ACCESS_ALLOWED_ACE_TYPE,
         0,
         sizeof(RELAY_ACE),
         FILE_ALL_ACCESS,
         1,
         1,
         SID_AUTHORITY_NT,
         {18, 0}},
    }};

typedef NTSTATUS NTAPI OPEN_BY_POINTER(PVOID, ULONG, PACCESS_STATE, ACCESS_MASK, POBJECT_TYPE,
                                       KPROCESSOR_MODE, PHANDLE);
typedef NTSTATUS NTAPI SET_SECURITY(HANDLE, SECURITY_INFORMATION, PSECURITY_DESCRIPTOR);

static PVOID
FindRoutine(PCWSTR Name)
{
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, Name);
    return MmGetSystemRoutineAddress(&name);
}

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
RelaySecureDevice(PDEVICE_OBJECT Device)
{
    union
    {
        PVOID Address;
        OPEN_BY_POINTER *Routine;
    } open;
    union
    {
        PVOID Address;
        SET_SECURITY *Routine;
    } set;
    HANDLE handle = NULL;

    open.Address = FindRoutine(L"ObOpenObjectByPointer");
    set.Address = FindRoutine(L"ZwSetSecurityObject");
    if (open.Address == NULL || set.Address == NULL)
    {
        // Every Windows has both. A system without them keeps no security on devices: there is
        // nothing that could be set.
        return STATUS_SUCCESS;
    }
    NTSTATUS status =
        open.Routine(Device, OBJ_KERNEL_HANDLE, NULL, WRITE_DAC, NULL, KernelMode, &handle);
    if (NT_SUCCESS(status))
    {
        status = set.Routine(handle, DACL_SECURITY_INFORMATION, (PSECURITY_DESCRIPTOR)&Security);
        ZwClose(handle);
    }
    return status;
}
