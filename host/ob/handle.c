// SPDX-License-Identifier: MIT
// Handle tables: a growing array of entries per process, looked up without any lock but the entry's.
//
// A handle is an index times 4 (0 is no handle; the two low bits are the caller's). Entries live in
// segments that double in size, are never moved and are freed with the table. An entry's Value is the
// object's header with bits of its own in the alignment's place; bit 0 locks the entry.
//
// Everything that changes an entry (making, closing) holds ObpNamespaceLock and, to take the value
// out, the entry's lock bit. A lookup takes only the lock bit, references the object while the
// handle's own reference keeps it alive, and lets go. The bit is held for a few instructions and
// nothing is acquired under it, so whoever meets it spins, and yields in case its holder was preempted.
//
// Who may use a table: the process's own threads (it is destroyed after the last of them is gone),
// anyone for the system process's, and others only under ObpNamespaceLock, where Process->Handles
// turns NULL before a table is freed.
#include "ob/obi.h"

#define OBP_SEGMENTS      16
#define OBP_FIRST_SEGMENT 64u
#define OBP_HANDLE_STACK  6

#define OBP_ENTRY_LOCKED  1ull
#define OBP_ENTRY_INHERIT 2ull
#define OBP_ENTRY_BITS    15ull

typedef struct OBP_ENTRY
{
    uint64_t Value;                 // atomic; 0: free
    ACCESS_MASK Granted;            // written while free
    ULONG NextFree;                 // guarded by ObpNamespaceLock
    PVOID Stack[OBP_HANDLE_STACK];  // who made it; guarded by ObpNamespaceLock
} OBP_ENTRY;
_Static_assert(sizeof(OBP_ENTRY) == 64, "one handle, one cache line");

struct OBP_HANDLE_TABLE
{
    PEPROCESS Process;                  // owns the table; immutable
    OBP_ENTRY *Segments[OBP_SEGMENTS];  // atomic; set once, under ObpNamespaceLock
    ULONG Capacity;                     // the rest: guarded by ObpNamespaceLock
    ULONG FreeHead;                     // index, 0: none
    ULONG Count;
    BOOLEAN Closing;
};

// NULL when no handle has that index.
static OBP_ENTRY *
ObpEntry(OBP_HANDLE_TABLE *Table, ULONG Index)
{
    ULONG Place = Index + OBP_FIRST_SEGMENT;
    ULONG Segment = 31u - (ULONG)__builtin_clz(Place) - 6u;
    OBP_ENTRY *Entries;

    _Static_assert(OBP_FIRST_SEGMENT == 1u << 6, "the shift above");
    if (Index == 0 || Segment >= OBP_SEGMENTS)
    {
        return NULL;
    }
    // Acquire: pairs with the release in ObpGrowLocked, which publishes zeroed entries.
    Entries = __atomic_load_n(&Table->Segments[Segment], __ATOMIC_ACQUIRE);
    return Entries == NULL ? NULL : &Entries[Place - (OBP_FIRST_SEGMENT << Segment)];
}

// Locks the entry and returns its value without the lock bit, or 0 (and no lock) if it is free.
static uint64_t
ObpLockEntry(OBP_ENTRY *Entry)
{
    uint64_t Value = __atomic_load_n(&Entry->Value, __ATOMIC_RELAXED);

    for (ULONG Spins = 0; Value != 0; Spins++)
    {
        if ((Value & OBP_ENTRY_LOCKED) == 0)
        {
            // Acquire: pairs with the release stores of ObpUnlockEntry and of whoever made the
            // handle, so Granted and the object are visible.
            if (__atomic_compare_exchange_n(&Entry->Value, &Value, Value | OBP_ENTRY_LOCKED, true,
                                            __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            {
                return Value;
            }
            continue;
        }
        if (Spins < 100)
        {
            OsPause();
        }
        else
        {
            OsYield();
        }
        Value = __atomic_load_n(&Entry->Value, __ATOMIC_RELAXED);
    }
    return 0;
}

static void
ObpUnlockEntry(OBP_ENTRY *Entry, uint64_t Value)
{
    __atomic_store_n(&Entry->Value, Value, __ATOMIC_RELEASE);
}

static OBJECT_HEADER *
ObpHeaderOf(uint64_t Value)
{
    return (OBJECT_HEADER *)(ULONG_PTR)(Value & ~OBP_ENTRY_BITS);
}

static BOOLEAN
ObpIsPseudo(HANDLE Handle)
{
    return (LONG_PTR)Handle == -1 || (LONG_PTR)Handle == -2;
}

BOOLEAN
ObIsKernelHandle(HANDLE Handle)
{
    return ((ULONG_PTR)Handle & OBP_KERNEL_HANDLE_BIT) == OBP_KERNEL_HANDLE_BIT &&
           !ObpIsPseudo(Handle);
}

// The index of a handle, and whether it is one of the system process. 0: no handle at all.
static ULONG
ObpIndexOf(HANDLE Handle, KPROCESSOR_MODE Mode, BOOLEAN *Kernel)
{
    ULONG_PTR Value = (ULONG_PTR)Handle;

    *Kernel = ObIsKernelHandle(Handle);
    if (*Kernel)
    {
        return Mode == KernelMode ? (ULONG)((Value & ~OBP_KERNEL_HANDLE_BIT) / 4) : 0;
    }
    return Value >= 0x80000000u ? 0 : (ULONG)(Value / 4);
}

NTSTATUS
ObpCreateHandleTable(PEPROCESS Process, OBP_HANDLE_TABLE **Table)
{
    *Table = MiAllocatePool(NonPagedPoolNx, sizeof(**Table), MI_TAG_HOST, TRUE);
    if (*Table == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    (*Table)->Process = Process;
    return STATUS_SUCCESS;
}

static BOOLEAN
ObpGrowLocked(OBP_HANDLE_TABLE *Table)
{
    for (ULONG Segment = 0; Segment < OBP_SEGMENTS; Segment++)
    {
        ULONG Entries = OBP_FIRST_SEGMENT << Segment;
        ULONG First = Entries - OBP_FIRST_SEGMENT;
        OBP_ENTRY *New;

        if (Table->Segments[Segment] != NULL)
        {
            continue;
        }
        New = MiAllocatePool(NonPagedPoolNx, (SIZE_T)Entries * sizeof(*New), MI_TAG_HOST, TRUE);
        if (New == NULL)
        {
            return FALSE;
        }
        for (ULONG i = Entries; i-- > 0;)
        {
            if (First + i != 0)
            {
                New[i].NextFree = Table->FreeHead;
                Table->FreeHead = First + i;
            }
        }
        __atomic_store_n(&Table->Segments[Segment], New, __ATOMIC_RELEASE);
        Table->Capacity = First + Entries;
        return TRUE;
    }
    return FALSE;
}

NTSTATUS
ObpCreateHandleLocked(PEPROCESS Process, OBJECT_HEADER *Header, ACCESS_MASK Granted,
                      ULONG AttributeFlags, KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    BOOLEAN Kernel = Mode == KernelMode && (AttributeFlags & OBJ_KERNEL_HANDLE) != 0;
    OBP_HANDLE_TABLE *Table;
    OBP_ENTRY *Entry;
    ULONG Index;

    Process = Kernel ? PsInitialSystemProcess : Process;
    Table = Process->Handles;
    if (Table == NULL || Table->Closing)
    {
        return STATUS_PROCESS_IS_TERMINATING;
    }
    if (Header->HandleCount != 0 && Header->ExclusiveProcess != Process &&
        (Header->ExclusiveProcess != NULL || (AttributeFlags & OBJ_EXCLUSIVE) != 0))
    {
        return STATUS_ACCESS_DENIED;
    }
    if (Table->FreeHead == 0 && !ObpGrowLocked(Table))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Header->HandleCount == 0 &&
        ((AttributeFlags & OBJ_EXCLUSIVE) != 0 || (Header->Flags & OB_FLAG_EXCLUSIVE) != 0))
    {
        Header->ExclusiveProcess = Process;
    }
    Index = Table->FreeHead;
    Entry = ObpEntry(Table, Index);
    Table->FreeHead = Entry->NextFree;
    Table->Count++;
    Entry->Granted = Granted;
    memset(Entry->Stack, 0, sizeof(Entry->Stack));
    ObpCaptureStack(Entry->Stack, OBP_HANDLE_STACK);
    ObReferenceObject(ObpBody(Header));
    Header->HandleCount++;
    Header->Type->HandleCount++;
    // Release: publishes Granted and the object to lookups.
    __atomic_store_n(&Entry->Value,
                     (uint64_t)(ULONG_PTR)Header |
                         (AttributeFlags & OBJ_INHERIT ? OBP_ENTRY_INHERIT : 0),
                     __ATOMIC_RELEASE);
    *Handle = (HANDLE)((ULONG_PTR)Index * 4 | (Kernel ? OBP_KERNEL_HANDLE_BIT : 0));
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCreateHandle(PVOID Object, ACCESS_MASK Granted, ULONG AttributeFlags, KPROCESSOR_MODE Mode,
                PHANDLE Handle)
{
    NTSTATUS Status;

    *Handle = NULL;
    OsLockAcquire(&ObpNamespaceLock);
    Status = ObpCreateHandleLocked(PspCurrentProcess(), OBP_HEADER(Object), Granted, AttributeFlags,
                                   Mode, Handle);
    OsLockRelease(&ObpNamespaceLock);
    return Status;
}

static ULONG
ObpCountInTableLocked(OBP_HANDLE_TABLE *Table, OBJECT_HEADER *Header)
{
    ULONG Count = 0;

    for (ULONG Index = 1; Index < Table->Capacity; Index++)
    {
        uint64_t Value = __atomic_load_n(&ObpEntry(Table, Index)->Value, __ATOMIC_RELAXED);

        Count += Value != 0 && ObpHeaderOf(Value) == Header;
    }
    return Count;
}

// Closes the handle at Index. Called with ObpNamespaceLock held, returns without it.
static NTSTATUS
ObpCloseLocked(OBP_HANDLE_TABLE *Table, ULONG Index)
{
    OBP_ENTRY *Entry = ObpEntry(Table, Index);
    uint64_t Value = Entry == NULL ? 0 : ObpLockEntry(Entry);
    PEPROCESS Process = Table->Process;
    OBP_NAME *Name = NULL;
    OBJECT_HEADER *Header;
    ACCESS_MASK Granted;
    ULONG InProcess = 0, Remaining;

    if (Value == 0)
    {
        OsLockRelease(&ObpNamespaceLock);
        return STATUS_INVALID_HANDLE;
    }
    Header = ObpHeaderOf(Value);
    Granted = Entry->Granted;
    ObpUnlockEntry(Entry, 0);
    Entry->NextFree = Table->FreeHead;
    Table->FreeHead = Index;
    Table->Count--;
    Header->Type->HandleCount--;
    Remaining = (ULONG)--Header->HandleCount;
    if (Remaining == 0)
    {
        Header->ExclusiveProcess = NULL;
        if ((Header->Flags & OB_FLAG_PERMANENT) == 0)
        {
            // In the same breath as the count: nobody opens by name what was just given up.
            Name = ObpDetachNameLocked(Header);
        }
    }
    else if (Header->Type->Close != NULL)
    {
        InProcess = ObpCountInTableLocked(Table, Header);
    }
    OsLockRelease(&ObpNamespaceLock);
    if (Header->Type->Close != NULL)
    {
        Header->Type->Close(Process, ObpBody(Header), Granted, InProcess, Remaining);
    }
    ObpFreeName(Name);
    ObDereferenceObject(ObpBody(Header));
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCloseInProcess(PEPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode)
{
    BOOLEAN Kernel;
    ULONG Index = ObpIndexOf(Handle, Mode, &Kernel);
    OBP_HANDLE_TABLE *Table;

    OsLockAcquire(&ObpNamespaceLock);
    Table = Kernel ? PsInitialSystemProcess->Handles : Process->Handles;
    if (Table == NULL)
    {
        OsLockRelease(&ObpNamespaceLock);
        return STATUS_INVALID_HANDLE;
    }
    return ObpCloseLocked(Table, Index);
}

NTSTATUS
ObpCloseHandle(HANDLE Handle, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status;

    if (ObpIsPseudo(Handle))
    {
        return STATUS_SUCCESS;  // as Windows: closing them does nothing
    }
    Status = ObpCloseInProcess(PspCurrentProcess(), Handle, Mode);
    if (Status == STATUS_INVALID_HANDLE && Mode == KernelMode && ObIsKernelHandle(Handle) &&
        VfLevel != VfOff)
    {
        VfBugCheck(INVALID_KERNEL_HANDLE, (ULONG_PTR)Handle, 0, 0, 0,
                   "A kernel handle was closed that is not open (closed twice?).");
    }
    return Status;
}

void
ObpDestroyHandleTable(OBP_HANDLE_TABLE *Table)
{
    OsLockAcquire(&ObpNamespaceLock);
    Table->Closing = TRUE;
    for (ULONG Index = 1; Index < Table->Capacity; Index++)
    {
        ObpCloseLocked(Table, Index);
        OsLockAcquire(&ObpNamespaceLock);
    }
    if (Table->Process->Handles == Table)
    {
        Table->Process->Handles = NULL;
    }
    OsLockRelease(&ObpNamespaceLock);
    for (ULONG Segment = 0; Segment < OBP_SEGMENTS; Segment++)
    {
        ObpFree(Table->Segments[Segment]);
    }
    ObpFree(Table);
}

ULONG
ObpHandleCount(OBP_HANDLE_TABLE *Table)
{
    ULONG Count;

    OsLockAcquire(&ObpNamespaceLock);
    Count = Table->Count;
    OsLockRelease(&ObpNamespaceLock);
    return Count;
}

// References the object of a handle whose table may be used as the file's head says.
static NTSTATUS
ObpReferenceEntry(OBP_HANDLE_TABLE *Table, ULONG Index, PVOID *Object, ACCESS_MASK *Granted,
                  ULONG *Attributes)
{
    OBP_ENTRY *Entry = ObpEntry(Table, Index);
    uint64_t Value = Entry == NULL ? 0 : ObpLockEntry(Entry);

    if (Value == 0)
    {
        return STATUS_INVALID_HANDLE;
    }
    *Object = ObpBody(ObpHeaderOf(Value));
    *Granted = Entry->Granted;
    *Attributes = Value & OBP_ENTRY_INHERIT ? OBJ_INHERIT : 0;
    __atomic_fetch_add(&ObpHeaderOf(Value)->PointerCount, 1, __ATOMIC_RELAXED);
    ObpUnlockEntry(Entry, Value);
    return STATUS_SUCCESS;
}

NTSTATUS
ObpReferenceInProcess(PEPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object,
                      ACCESS_MASK *Granted, ULONG *Attributes)
{
    PETHREAD Thread = PspCurrentThread();
    NTSTATUS Status = STATUS_INVALID_HANDLE;
    OBP_HANDLE_TABLE *Table;
    BOOLEAN Kernel;
    ULONG Index = ObpIndexOf(Handle, Mode, &Kernel);

    if (Kernel || Process == Thread->Process)
    {
        Table = Kernel ? PsInitialSystemProcess->Handles : Process->Handles;
        return Table == NULL ? Status
                             : ObpReferenceEntry(Table, Index, Object, Granted, Attributes);
    }
    OsLockAcquire(&ObpNamespaceLock);
    Table = Process->Handles;
    if (Table != NULL)
    {
        Status = ObpReferenceEntry(Table, Index, Object, Granted, Attributes);
    }
    OsLockRelease(&ObpNamespaceLock);
    return Status;
}

NTSTATUS
ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                          KPROCESSOR_MODE AccessMode, PVOID *Object,
                          POBJECT_HANDLE_INFORMATION HandleInformation)
{
    PVOID Found;
    ACCESS_MASK Granted;
    ULONG Attributes = 0;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    *Object = NULL;
    if (ObpIsPseudo(Handle))
    {
        Found = (LONG_PTR)Handle == -1 ? (PVOID)PspCurrentProcess() : (PVOID)PspCurrentThread();
        if (ObjectType != NULL && OBP_HEADER(Found)->Type != ObjectType)
        {
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        ObReferenceObject(Found);
        Granted = OBP_HEADER(Found)->Type->ValidAccess;
    }
    else
    {
        PEPROCESS Process = PspCurrentProcess();

        if (VfLevel == VfFull && AccessMode == KernelMode && Process != PsInitialSystemProcess &&
            !ObIsKernelHandle(Handle))
        {
            VfBugCheck(
                DRIVER_VERIFIER_DETECTED_VIOLATION, 0xF6, (ULONG_PTR)Handle, (ULONG_PTR)Process,
                (ULONG_PTR)__builtin_return_address(0),
                "A handle of an application was used with KernelMode: its rights and owner "
                "are not checked. Use UserMode, or make a kernel handle (OBJ_KERNEL_HANDLE).");
        }
        Status = ObpReferenceInProcess(Process, Handle, AccessMode, &Found, &Granted, &Attributes);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
        if (ObjectType != NULL && OBP_HEADER(Found)->Type != ObjectType)
        {
            ObDereferenceObject(Found);
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        if (AccessMode != KernelMode && (DesiredAccess & ~Granted) != 0)
        {
            ObDereferenceObject(Found);
            return STATUS_ACCESS_DENIED;
        }
    }
    if (HandleInformation != NULL)
    {
        HandleInformation->HandleAttributes = Attributes;
        HandleInformation->GrantedAccess = Granted;
    }
    *Object = Found;
    return STATUS_SUCCESS;
}

NTSTATUS
ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                 KPROCESSOR_MODE AccessMode, ULONG Tag, PVOID *Object,
                                 POBJECT_HANDLE_INFORMATION HandleInformation)
{
    UNREFERENCED_PARAMETER(Tag);  // a mark for a debugger's reference trace
    return ObReferenceObjectByHandle(Handle, DesiredAccess, ObjectType, AccessMode, Object,
                                     HandleInformation);
}

void
ObpEnumerateStacks(OBP_HANDLE_TABLE *Table, OBP_HANDLE_STACK_ROUTINE *Routine, void *Context)
{
    OsLockAcquire(&ObpNamespaceLock);
    for (ULONG Index = 1; Index < Table->Capacity; Index++)
    {
        OBP_ENTRY *Entry = ObpEntry(Table, Index);
        PVOID Stack[OBP_HANDLE_STACK], Object;
        ACCESS_MASK Granted;
        ULONG Attributes;

        if (!NT_SUCCESS(ObpReferenceEntry(Table, Index, &Object, &Granted, &Attributes)))
        {
            continue;
        }
        memcpy(Stack, Entry->Stack, sizeof(Stack));
        OsLockRelease(&ObpNamespaceLock);
        Routine(Context, (HANDLE)((ULONG_PTR)Index * 4), OBP_HEADER(Object), Granted, Stack,
                OBP_HANDLE_STACK);
        ObDereferenceObject(Object);
        OsLockAcquire(&ObpNamespaceLock);
    }
    OsLockRelease(&ObpNamespaceLock);
}

typedef struct OBP_ENUMERATION
{
    OBP_HANDLE_ROUTINE *Routine;
    void *Context;
    PEPROCESS Process;
} OBP_ENUMERATION;

static void
ObpForwardHandle(void *Context, HANDLE Handle, OBJECT_HEADER *Header, ACCESS_MASK Granted,
                 PVOID *Stack, ULONG Count)
{
    OBP_ENUMERATION *Enumeration = Context;

    UNREFERENCED_PARAMETER(Stack);
    UNREFERENCED_PARAMETER(Count);
    Enumeration->Routine(Enumeration->Context, Enumeration->Process, Handle, ObpBody(Header),
                         Granted);
}

void
ObpEnumerateHandles(OBP_HANDLE_TABLE *Table, OBP_HANDLE_ROUTINE *Routine, void *Context)
{
    OBP_ENUMERATION Enumeration = {Routine, Context, Table->Process};

    ObpEnumerateStacks(Table, ObpForwardHandle, &Enumeration);
}
