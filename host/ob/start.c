// SPDX-License-Identifier: MIT
// The namespace that every executive starts with, and its end.
#include "ob/obi.h"

// Everyone may look and pass, administrators may do all: who may create there differs.
#define OBP_SDDL_CLOSED L"O:BAG:SYD:(A;;0x20003;;;WD)(A;;GA;;;SY)(A;;GA;;;BA)"
#define OBP_SDDL_OPEN   L"O:BAG:SYD:(A;;0x2000f;;;WD)(A;;GA;;;SY)(A;;GA;;;BA)"
#define OBP_SDDL_LINK   L"O:BAG:SYD:(A;;GRGX;;;WD)(A;;GA;;;SY)(A;;GA;;;BA)"

static NTSTATUS
ObpInsertPermanent(PVOID Object, const WCHAR *Path, const WCHAR *Sddl)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    PVOID Descriptor, Inserted;
    SIZE_T Length = 0;
    NTSTATUS Status;

    while (Sddl[Length] != 0)
    {
        Length++;
    }
    RtlInitUnicodeString(&Name, Path);
    Status = SepDescriptorFromSddl(Sddl, Length, &Descriptor, NULL);
    if (!NT_SUCCESS(Status))
    {
        ObDereferenceObject(Object);
        return Status;
    }
    InitializeObjectAttributes(&Attributes, &Name, OBJ_PERMANENT, NULL, Descriptor);
    // With no handle the caller's reference would stay: Inserted tells success, then both go.
    Status = ObpInsertObject(Object, &Attributes, 0, KernelMode, NULL, &Inserted);
    ObpFree(Descriptor);
    if (NT_SUCCESS(Status))
    {
        OBP_HEADER(Inserted)->Flags |= OB_FLAG_HOST;
        ObDereferenceObject(Inserted);
        ObDereferenceObject(Object);
    }
    return Status;
}

NTSTATUS
ObpCreatePermanentDirectory(const WCHAR *Path, const WCHAR *Sddl)
{
    PVOID Object;
    NTSTATUS Status = ObpCreateDirectoryBody(&Object);

    return NT_SUCCESS(Status) ? ObpInsertPermanent(Object, Path, Sddl) : Status;
}

NTSTATUS
ObpCreatePermanentLink(const WCHAR *Path, const WCHAR *Target)
{
    UNICODE_STRING Source, Copy = {0};
    PVOID Object;
    NTSTATUS Status = STATUS_SUCCESS;

    RtlInitUnicodeString(&Source, Target);
    if (Source.Length != 0)
    {
        Status = ObpCaptureString(&Source, KernelMode, &Copy);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateLinkBody(&Copy, &Object);
    }
    ObpFree(Copy.Buffer);
    return NT_SUCCESS(Status) ? ObpInsertPermanent(Object, Path, OBP_SDDL_LINK) : Status;
}

NTSTATUS
ObStart(void)
{
    static const struct
    {
        const WCHAR *Path, *Sddl;
    } Directories[] = {
        {L"\\Device", OBP_SDDL_CLOSED},         {L"\\Driver", OBP_SDDL_CLOSED},
        {L"\\Callback", OBP_SDDL_CLOSED},       {L"\\GLOBAL??", OBP_SDDL_CLOSED},
        {L"\\BaseNamedObjects", OBP_SDDL_OPEN},
    };
    // Everything lives in session 0, so both prefixes of a Win32 name lead to the same place.
    static const struct
    {
        const WCHAR *Path, *Target;
    } Links[] = {
        {L"\\??", L"\\GLOBAL??"},
        {L"\\DosDevices", L"\\??"},
        {L"\\GLOBAL??\\Global", L"\\GLOBAL??"},
        {L"\\GLOBAL??\\GLOBALROOT", L""},
        {L"\\BaseNamedObjects\\Global", L"\\BaseNamedObjects"},
        {L"\\BaseNamedObjects\\Local", L"\\BaseNamedObjects"},
    };
    PVOID Root;
    NTSTATUS Status = ObpCreateDirectoryBody(&Root);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OBP_HEADER(Root)->Flags |= OB_FLAG_HOST;
    ObpRootDirectory = Root;
    Status = SepDescriptorFromSddl(OBP_SDDL_CLOSED, RTL_NUMBER_OF(OBP_SDDL_CLOSED) - 1,
                                   &OBP_HEADER(Root)->SecurityDescriptor, NULL);
    for (ULONG i = 0; NT_SUCCESS(Status) && i < RTL_NUMBER_OF(Directories); i++)
    {
        Status = ObpCreatePermanentDirectory(Directories[i].Path, Directories[i].Sddl);
    }
    for (ULONG i = 0; NT_SUCCESS(Status) && i < RTL_NUMBER_OF(Links); i++)
    {
        Status = ObpCreatePermanentLink(Links[i].Path, Links[i].Target);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpStartWorker();
    }
    if (!NT_SUCCESS(Status))
    {
        ObStop();
    }
    return Status;
}

static void
ObpEndPermanent(void *Context, OBJECT_HEADER *Header)
{
    UNREFERENCED_PARAMETER(Context);
    if (Header->Flags & OB_FLAG_PERMANENT)
    {
        ObpRemoveName(ObpBody(Header));
    }
}

void
ObStop(void)
{
    ObpEnumerateObjects(ObpEndPermanent, NULL);
    if (ObpRootDirectory != NULL)
    {
        ObDereferenceObject(ObpRootDirectory);
        ObpRootDirectory = NULL;
    }
    ObpStopWorker();
}
