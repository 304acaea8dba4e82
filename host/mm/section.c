// SPDX-License-Identifier: MIT
// Section objects: sealed shared memory behind a handle, and the services that make and open them.
//
// A section's descriptor, size and protection are immutable after creation; SystemView is guarded by
// MipSectionLock (host lock, inside every lock of ob).
#include "mm/section.h"

#include "verifier/vf.h"

#include <string.h>

#define MAXIMUM_SECTION ((LONGLONG)1 << 40)

static OS_LOCK MipSectionLock = OS_LOCK_INIT;

static void
DeleteSection(PVOID Object)
{
    MI_SECTION *Section = Object;

    if (Section->SystemView != NULL)
    {
        OsUnmap(Section->SystemView, Section->Size);
    }
    if (Section->Fd >= 0)
    {
        OsClose(Section->Fd);
    }
}

NTSTATUS
MmStartSections(void)
{
    static const struct _OBJECT_TYPE Template = {
        .Mapping = {STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ,
                    STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE,
                    STANDARD_RIGHTS_EXECUTE | SECTION_MAP_EXECUTE, SECTION_ALL_ACCESS},
        .ValidAccess = SECTION_ALL_ACCESS,
        .WaitOffset = -1,
        .Delete = DeleteSection,
    };

    ObpSectionType = ObpCreateType("Section", &Template);
    return ObpSectionType != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

// The host's own view of the whole section, made once, kept as long as the section.
NTSTATUS
MipSystemView(MI_SECTION *Section, PVOID *View)
{
    void *Mapped;
    int Error = OS_OK;

    OsLockAcquire(&MipSectionLock);
    if (Section->SystemView == NULL)
    {
        Error = OsSharedMap(Section->Fd, 0, Section->Size, true, &Mapped);
        if (Error == OS_OK)
        {
            Section->SystemView = Mapped;
        }
    }
    *View = Section->SystemView;
    OsLockRelease(&MipSectionLock);
    return Error == OS_OK ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS
CheckCreate(ULONG Protection, ULONG Attributes, HANDLE File)
{
    const ULONG Kinds = SEC_COMMIT | SEC_RESERVE | SEC_IMAGE;

    switch (Protection)
    {
    case PAGE_READONLY:
    case PAGE_READWRITE:
        break;
    case PAGE_WRITECOPY:
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE:
    case PAGE_EXECUTE_WRITECOPY:
        return STATUS_NOT_SUPPORTED;
    default:
        return STATUS_INVALID_PAGE_PROTECTION;
    }
    if ((Attributes & Kinds) == 0 || ((Attributes & Kinds) & ((Attributes & Kinds) - 1)) != 0)
    {
        return STATUS_INVALID_PARAMETER_6;
    }
    // Sections over files, images and reserved memory do not exist here.
    if (File != NULL || Attributes != SEC_COMMIT)
    {
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
NewSection(LONGLONG Size, ULONG Protection, MI_SECTION **Section)
{
    MI_SECTION *New;
    NTSTATUS Status;
    PVOID Object;

    if (VfFault("NtCreateSection"))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = ObpCreateObject(ObpSectionType, sizeof(MI_SECTION), &Object);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    New = Object;
    New->Size = ROUND_TO_PAGES(Size);
    New->Protection = Protection;
    New->SystemView = NULL;
    New->Fd = -1;
    if (OsSharedCreate("nt-section", New->Size, &New->Fd) != OS_OK)
    {
        New->Fd = -1;
        ObDereferenceObject(New);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *Section = New;
    return STATUS_SUCCESS;
}

NTSTATUS
NtCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                const OBJECT_ATTRIBUTES *ObjectAttributes, const LARGE_INTEGER *MaximumSize,
                ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    LARGE_INTEGER Size = {.QuadPart = 0};
    HANDLE Handle = NULL;
    OBP_CAPTURED Captured;
    MI_SECTION *Section;
    NTSTATUS Status;
    NTSTATUS Write;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = CheckCreate(SectionPageProtection, AllocationAttributes, FileHandle);
    if (NT_SUCCESS(Status) && MaximumSize != NULL)
    {
        Status = MmCopyFromCaller(&Size, MaximumSize, sizeof(Size));
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Size.QuadPart <= 0)
    {
        return STATUS_INVALID_PARAMETER_4;
    }
    if (Size.QuadPart > MAXIMUM_SECTION)
    {
        return STATUS_SECTION_TOO_BIG;
    }
    Status = ObpCaptureAttributes((POBJECT_ATTRIBUTES)(ULONG_PTR)ObjectAttributes, Mode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = NewSection(Size.QuadPart, SectionPageProtection, &Section);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpInsertObject(Section, &Captured.Attributes, DesiredAccess, Mode, &Handle, NULL);
    }
    ObpFreeCapturedAttributes(&Captured);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Write = MmCopyToCaller(SectionHandle, &Handle, sizeof(Handle));
    if (!NT_SUCCESS(Write))
    {
        (void)ObpCloseHandle(Handle, Mode);
        return Write;
    }
    return Status;
}

NTSTATUS
NtOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
              const OBJECT_ATTRIBUTES *ObjectAttributes)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    HANDLE Handle = NULL;
    OBP_CAPTURED Captured;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObpCaptureAttributes((POBJECT_ATTRIBUTES)(ULONG_PTR)ObjectAttributes, Mode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = ObpOpenByName(&Captured.Attributes, ObpSectionType, DesiredAccess, Mode, NULL,
                               &Handle, NULL);
    }
    ObpFreeCapturedAttributes(&Captured);
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(SectionHandle, &Handle, sizeof(Handle));
        if (!NT_SUCCESS(Status))
        {
            (void)ObpCloseHandle(Handle, Mode);
        }
    }
    return Status;
}

NTSTATUS
ZwCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
                ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtCreateSection(SectionHandle, DesiredAccess, ObjectAttributes, MaximumSize,
                                      SectionPageProtection, AllocationAttributes, FileHandle);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtOpenSection(SectionHandle, DesiredAccess, ObjectAttributes);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
MiReferenceSectionForView(HANDLE Handle, ULONG Protection, MI_SECTION **Section)
{
    ACCESS_MASK Access = SECTION_MAP_READ;
    NTSTATUS Status;
    PVOID Object;

    if (Protection != PAGE_READONLY && Protection != PAGE_READWRITE)
    {
        return STATUS_INVALID_PAGE_PROTECTION;
    }
    if (Protection == PAGE_READWRITE)
    {
        Access |= SECTION_MAP_WRITE;
    }
    Status = ObReferenceObjectByHandle(Handle, Access, ObpSectionType,
                                       KiCurrentThread->PreviousMode, &Object, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Protection == PAGE_READWRITE && ((MI_SECTION *)Object)->Protection != PAGE_READWRITE)
    {
        ObDereferenceObject(Object);
        return STATUS_SECTION_PROTECTION;
    }
    *Section = Object;
    return STATUS_SUCCESS;
}
