// SPDX-License-Identifier: MIT
// Views of sections: in processes that live in this address space, and in system space.
//
// Lists: a process's ViewList, guarded by its Lock; MipSystemViews, guarded by MipSystemViewLock. A view
// references its section. Views of remote applications are not here: those map the descriptor
// themselves, and it dies with them.
#include "mm/section.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#include <string.h>

#define VIEW_STACK             12
#define ALLOCATION_GRANULARITY 0x10000

typedef struct MIP_VIEW
{
    LIST_ENTRY Link;
    PVOID Base;
    SIZE_T Size;
    MI_SECTION *Section;  // referenced
    BOOLEAN Mapped;       // FALSE: part of the section's system view, not to be unmapped
    PVOID Stack[VIEW_STACK];
} MIP_VIEW;

static OS_LOCK MipSystemViewLock = OS_LOCK_INIT;
static LIST_ENTRY MipSystemViews = {&MipSystemViews, &MipSystemViews};

static NTSTATUS
MapPages(MIP_VIEW *View, SIZE_T Offset, BOOLEAN Writable)
{
#if NTHOST_TSAN
    // The thread sanitizer knows addresses, not pages: with two addresses for one page it misses real
    // races and, where memory is mapped again, invents others. So all views are one. (A write through
    // a read-only view goes unnoticed here.)
    PVOID Base = NULL;
    NTSTATUS Status = MipSystemView(View->Section, &Base);

    (void)Writable;
    View->Mapped = FALSE;
    View->Base = (char *)Base + Offset;
    return Status;
#else
    View->Mapped = TRUE;
    return OsSharedMap(View->Section->Fd, Offset, View->Size, Writable, &View->Base) == OS_OK
               ? STATUS_SUCCESS
               : STATUS_NO_MEMORY;
#endif
}

static NTSTATUS
NewView(MI_SECTION *Section, SIZE_T Offset, SIZE_T Size, BOOLEAN Writable, MIP_VIEW **Result)
{
    MIP_VIEW *View;
    NTSTATUS Status;

    if (VfFault("MmMapView"))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    View = MiAllocatePool(NonPagedPoolNx, sizeof(*View), MI_TAG_HOST, TRUE);
    if (View == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    View->Section = Section;
    View->Size = Size;
    Status = MapPages(View, Offset, Writable);
    if (!NT_SUCCESS(Status))
    {
        MiFreePool(View, MI_TAG_HOST, TRUE);
        return Status;
    }
    ObReferenceObject(Section);
    if (VfLevel != VfOff)
    {
        (void)OsStackCapture(View->Stack, VIEW_STACK, 0);
    }
    *Result = View;
    return STATUS_SUCCESS;
}

static void
DeleteView(MIP_VIEW *View)
{
    if (View->Mapped)
    {
        OsUnmap(View->Base, View->Size);
    }
    ObDereferenceObject(View->Section);
    MiFreePool(View, MI_TAG_HOST, TRUE);
}

static MIP_VIEW *
FindView(LIST_ENTRY *Head, PVOID Address)
{
    for (LIST_ENTRY *Entry = Head->Flink; Entry != Head; Entry = Entry->Flink)
    {
        MIP_VIEW *View = CONTAINING_RECORD(Entry, MIP_VIEW, Link);

        if ((ULONG_PTR)Address - (ULONG_PTR)View->Base < View->Size)
        {
            return View;
        }
    }
    return NULL;
}

// ---- Processes in this address space ----

static NTSTATUS
MapForProcess(PEPROCESS Process, MI_SECTION *Section, SIZE_T Offset, SIZE_T Size, ULONG Protection,
              PVOID *Address)
{
    BOOLEAN Alive;
    MIP_VIEW *View;
    NTSTATUS Status = NewView(Section, Offset, Size, Protection == PAGE_READWRITE, &View);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OsLockAcquire(&Process->Lock);
    // Rundown empties the list once; a view that came after it would stay for good.
    Alive = Process->State == PspProcessAlive;
    if (Alive)
    {
        InsertTailList(&Process->ViewList, &View->Link);
    }
    OsLockRelease(&Process->Lock);
    if (!Alive)
    {
        DeleteView(View);
        return STATUS_PROCESS_IS_TERMINATING;
    }
    *Address = View->Base;
    return STATUS_SUCCESS;
}

NTSTATUS
MiMapLocalView(PEPROCESS Process, MI_SECTION *Section, ULONG Protection, PVOID *Address)
{
    return MapForProcess(Process, Section, 0, Section->Size, Protection, Address);
}

NTSTATUS
MiUnmapLocalView(PEPROCESS Process, PVOID Address)
{
    MIP_VIEW *View;

    OsLockAcquire(&Process->Lock);
    View = FindView(&Process->ViewList, Address);
    if (View != NULL)
    {
        RemoveEntryList(&View->Link);
    }
    OsLockRelease(&Process->Lock);
    if (View == NULL)
    {
        return STATUS_NOT_MAPPED_VIEW;
    }
    DeleteView(View);
    return STATUS_SUCCESS;
}

void
MiRunDownViews(PEPROCESS Process)
{
    for (;;)
    {
        MIP_VIEW *View = NULL;

        OsLockAcquire(&Process->Lock);
        if (!IsListEmpty(&Process->ViewList))
        {
            View = CONTAINING_RECORD(RemoveHeadList(&Process->ViewList), MIP_VIEW, Link);
        }
        OsLockRelease(&Process->Lock);
        if (View == NULL)
        {
            return;
        }
        DeleteView(View);
    }
}

// ---- Services for kernel callers ----

// Only processes of this address space can be mapped into from here: the system process, and local
// applications. Referenced.
static NTSTATUS
ReferenceProcess(HANDLE Handle, PEPROCESS *Process)
{
    PVOID Object = NULL;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Handle == NtCurrentProcess())
    {
        Object = PspCurrentProcess();
        ObReferenceObject(Object);
    }
    else
    {
        Status = ObReferenceObjectByHandle(Handle, PROCESS_VM_OPERATION, ObpProcessType,
                                           KiCurrentThread->PreviousMode, &Object, NULL);
    }
    if (NT_SUCCESS(Status) && ((PEPROCESS)Object)->MemoryFd >= 0)
    {
        ObDereferenceObject(Object);
        return STATUS_NOT_SUPPORTED;
    }
    *Process = Object;
    return Status;
}

// What of a section is to be mapped: Size 0 means all behind Offset. Sizes come out in pages.
static NTSTATUS
CheckExtent(const MI_SECTION *Section, LONGLONG Offset, SIZE_T *Size)
{
    if (Offset < 0 || (ULONGLONG)Offset >= Section->Size)
    {
        return STATUS_INVALID_VIEW_SIZE;
    }
    if (*Size > Section->Size - (SIZE_T)Offset)
    {
        return STATUS_INVALID_VIEW_SIZE;
    }
    *Size = *Size == 0 ? Section->Size - (SIZE_T)Offset : ROUND_TO_PAGES(*Size);
    return STATUS_SUCCESS;
}

static NTSTATUS
MapSection(HANDLE SectionHandle, PEPROCESS Process, LONGLONG Offset, SIZE_T *Size, ULONG Protection,
           PVOID *Base)
{
    MI_SECTION *Section;
    NTSTATUS Status = MiReferenceSectionForView(SectionHandle, Protection, &Section);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = CheckExtent(Section, Offset, Size);
    if (NT_SUCCESS(Status))
    {
        Status = MapForProcess(Process, Section, (SIZE_T)Offset, *Size, Protection, Base);
    }
    ObDereferenceObject(Section);
    return Status;
}

NTSTATUS
NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                   ULONG_PTR ZeroBits, SIZE_T CommitSize, const LARGE_INTEGER *SectionOffset,
                   SIZE_T *ViewSize, SECTION_INHERIT InheritDisposition, ULONG AllocationType,
                   ULONG Win32Protect)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    PVOID Base = NULL;
    SIZE_T Size = 0;
    PEPROCESS Process;
    NTSTATUS Status;

    (void)CommitSize;  // all of a section is committed
    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = MmCopyFromCaller(&Base, BaseAddress, sizeof(Base));
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyFromCaller(&Size, ViewSize, sizeof(Size));
    }
    if (NT_SUCCESS(Status) && SectionOffset != NULL)
    {
        Status = MmCopyFromCaller(&Offset, SectionOffset, sizeof(Offset));
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (InheritDisposition != ViewShare && InheritDisposition != ViewUnmap)
    {
        return STATUS_INVALID_PARAMETER_8;
    }
    if (Offset.QuadPart % ALLOCATION_GRANULARITY != 0)
    {
        return STATUS_MAPPED_ALIGNMENT;
    }
    // The place is this host's choice, and there is one way to map.
    if (Base != NULL || ZeroBits != 0 || AllocationType != 0)
    {
        return STATUS_NOT_SUPPORTED;
    }
    Status = ReferenceProcess(ProcessHandle, &Process);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = MapSection(SectionHandle, Process, Offset.QuadPart, &Size, Win32Protect, &Base);
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyToCaller(ViewSize, &Size, sizeof(Size));
        if (NT_SUCCESS(Status))
        {
            Status = MmCopyToCaller(BaseAddress, &Base, sizeof(Base));
        }
        if (!NT_SUCCESS(Status))
        {
            (void)MiUnmapLocalView(Process, Base);
        }
    }
    ObDereferenceObject(Process);
    return Status;
}

NTSTATUS
NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    PEPROCESS Process;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ReferenceProcess(ProcessHandle, &Process);
    if (NT_SUCCESS(Status))
    {
        Status = MiUnmapLocalView(Process, BaseAddress);
        ObDereferenceObject(Process);
    }
    return Status;
}

NTSTATUS
ZwMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress,
                   ULONG_PTR ZeroBits, SIZE_T CommitSize, PLARGE_INTEGER SectionOffset,
                   PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition, ULONG AllocationType,
                   ULONG Win32Protect)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtMapViewOfSection(SectionHandle, ProcessHandle, BaseAddress, ZeroBits,
                                         CommitSize, SectionOffset, ViewSize, InheritDisposition,
                                         AllocationType, Win32Protect);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtUnmapViewOfSection(ProcessHandle, BaseAddress);

    KiLeaveZw(Old);
    return Status;
}

// ---- System space ----

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
MmMapViewInSystemSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize)
{
    MI_SECTION *Object = Section;
    SIZE_T Size = *ViewSize;
    MIP_VIEW *View;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (OBP_HEADER(Section)->Type != ObpSectionType)
    {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    Status = CheckExtent(Object, 0, &Size);
    if (NT_SUCCESS(Status))
    {
        Status = NewView(Object, 0, Size, Object->Protection == PAGE_READWRITE, &View);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    *MappedBase = View->Base;
    *ViewSize = Size;
    OsLockAcquire(&MipSystemViewLock);
    InsertTailList(&MipSystemViews, &View->Link);
    OsLockRelease(&MipSystemViewLock);
    return STATUS_SUCCESS;
}

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS
MmUnmapViewInSystemSpace(PVOID MappedBase)
{
    MIP_VIEW *View;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    OsLockAcquire(&MipSystemViewLock);
    View = FindView(&MipSystemViews, MappedBase);
    if (View != NULL && View->Base == MappedBase)
    {
        RemoveEntryList(&View->Link);
    }
    OsLockRelease(&MipSystemViewLock);
    if (View == NULL || View->Base != MappedBase)
    {
        return STATUS_NOT_MAPPED_VIEW;
    }
    DeleteView(View);
    return STATUS_SUCCESS;
}

ULONG
MipReportSystemViews(PDRIVER_OBJECT Driver)
{
    ULONG Count = 0;

    // Views come and go at PASSIVE_LEVEL; at unload nobody but the driver made those that are its.
    OsLockAcquire(&MipSystemViewLock);
    for (LIST_ENTRY *Entry = MipSystemViews.Flink; Entry != &MipSystemViews; Entry = Entry->Flink)
    {
        MIP_VIEW *View = CONTAINING_RECORD(Entry, MIP_VIEW, Link);

        if (Driver == NULL || MiDriverOfStack(View->Stack, VIEW_STACK) == Driver)
        {
            VfLeak(View->Stack, VIEW_STACK, "a view of %llu bytes in system space",
                   (unsigned long long)View->Size);
            Count++;
        }
    }
    OsLockRelease(&MipSystemViewLock);
    return Count;
}
