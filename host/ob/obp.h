// SPDX-License-Identifier: MIT
// The object manager's internal header: object headers, types, namespace, handle tables.
//
// Locks: ObpNamespaceLock (host lock) guards names, security descriptors, handle counts and every
// change of a handle table; it is taken before a type's Lock, KiDispatcherLock and the pool's. Looking
// a handle up takes only a lock bit in the handle's own entry (held for a few instructions, nothing is
// acquired inside). References are counted atomically; the last one deletes at PASSIVE_LEVEL with no
// host lock held, else the object is handed to a worker: dereferencing under a host lock is safe.
//
// Lifetime. An object lives as long as it has a reference; a handle is one, OBJ_PERMANENT is one. A
// name is none: it goes with the last handle of a temporary object, or with the last reference,
// whichever is first. A lookup that meets an object whose references are gone takes the name away.
#ifndef HOST_OB_OBP_H
#define HOST_OB_OBP_H

#include <ntifs.h>

#include "os/os.h"

typedef struct OBP_NAME
{
    struct _OBP_DIRECTORY *Directory;  // referenced
    UNICODE_STRING Name;
    LIST_ENTRY Link;  // in the directory's bucket
    PVOID Object;
} OBP_NAME;

typedef struct _OBJECT_HEADER
{
    LIST_ENTRY TypeLink;       // every live object, guarded by its type's Lock (for reports)
    LONG64 PointerCount;       // atomic
    LONG64 HandleCount;        // guarded by ObpNamespaceLock
    POBJECT_TYPE Type;         // immutable
    OBP_NAME *Name;            // guarded by ObpNamespaceLock
    PVOID SecurityDescriptor;  // self-relative, pool; guarded by ObpNamespaceLock
    ULONG Flags;
    ULONG BodySize;
    PEPROCESS ExclusiveProcess;  // the only one that may hold handles; guarded by ObpNamespaceLock
    struct _OBJECT_HEADER *NextDeferred;  // on the deferred-delete list
    PVOID CreatorStack[8];                // for leak reports
} OBJECT_HEADER;
_Static_assert(sizeof(OBJECT_HEADER) % 16 == 0, "bodies must be 16-byte aligned");
#define OBP_HEADER(Object) ((OBJECT_HEADER *)(Object)-1)
#define OB_FLAG_PERMANENT  0x1u
#define OB_FLAG_EXCLUSIVE  0x2u
#define OB_FLAG_NAMED      0x4u  // had a name once
// Belongs to the executive itself: never in a leak report.
#define OB_FLAG_HOST 0x8u

// Asked of a type that parses the rest of a path itself (Device): open Object with the remaining
// name, which begins with a backslash if it is not empty. Checks access against Object itself. Returns
// a referenced object of any type in *Opened. A handle to it is made next; if that fails, *Opened is
// only dereferenced (no Close).
typedef NTSTATUS OBP_PARSE(PVOID Object, PUNICODE_STRING Remaining, ACCESS_MASK Access,
                           KPROCESSOR_MODE Mode, PVOID Context, PVOID *Opened);

struct _OBJECT_TYPE
{
    const char *Name;  // "Event"
    OS_LOCK Lock;
    LIST_ENTRY Objects;  // OBJECT_HEADER.TypeLink
    ULONG ObjectCount, HandleCount;
    GENERIC_MAPPING Mapping;
    ACCESS_MASK ValidAccess;
    // SYNCHRONIZE is meaningful: where the DISPATCHER_HEADER is in a body; negative: not waitable.
    LONG WaitOffset;
    void (*Delete)(PVOID Object);  // last reference gone; PASSIVE_LEVEL
    // A handle is being closed, by Process; Remaining handles to the object in the whole system
    // *after* this one. PASSIVE_LEVEL, before the handle's reference is dropped.
    void (*Close)(PEPROCESS Process, PVOID Object, ACCESS_MASK Granted, ULONG RemainingInProcess,
                  ULONG Remaining);
    OBP_PARSE *Parse;
    LIST_ENTRY Link;  // every type, guarded by ObpNamespaceLock
    // ObpInsertObject gives a default security descriptor to nameless objects too.
    BOOLEAN SecurityRequired;
};
// Created at ObInitialize and by each component (IoInitialize ...). Name is static.
extern POBJECT_TYPE ObpDirectoryType, ObpSymbolicLinkType, ObpEventType, ObpSectionType,
    ObpThreadType, ObpProcessType, ObpTokenType, IopFileType, IopDeviceType, IopDriverType,
    IopCompletionType;
POBJECT_TYPE ObpCreateType(const char *Name, const struct _OBJECT_TYPE *Template);

// ---- Objects ----
// A zeroed body with one reference, no name, no handle. Its allocation is verifier-tracked.
NTSTATUS ObpCreateObject(POBJECT_TYPE Type, SIZE_T BodySize, PVOID *Object);
// Names it (Attributes may be NULL or nameless), sets its security descriptor (explicit one, else
// the default of the creator's token), checks access and gives a handle (Handle may be NULL).
// OBJ_OPENIF: an existing object of the same type is opened instead: STATUS_OBJECT_NAME_EXISTS and
// *Opened refers to it. In every case the caller's reference on Object is consumed on failure and on
// "opened another"; on success the reference passes to the handle, or stays the caller's if Handle
// is NULL. *Inserted (optional) receives an additional reference to the object behind the handle.
NTSTATUS ObpInsertObject(PVOID Object, POBJECT_ATTRIBUTES Attributes, ACCESS_MASK Access,
                         KPROCESSOR_MODE Mode, PHANDLE Handle, PVOID *Inserted);
// Opens by name. Attributes are already captured into kernel memory.
NTSTATUS ObpOpenByName(POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type, ACCESS_MASK Access,
                       KPROCESSOR_MODE Mode, PVOID ParseContext, PHANDLE Handle, PVOID *Object);
// Resolves a name to a referenced object without any access check, following symbolic links; the
// unparsed rest in *Remaining when a type with Parse was met (a pool copy, or an empty string whose
// Buffer is NULL: the caller frees it with ExFreePool; NULL: a rest is STATUS_OBJECT_TYPE_MISMATCH).
// Path: absolute NT path, or relative to Root (a kernel-mode directory handle). A last component that
// is a link is followed unless Type is ObpSymbolicLinkType. Type: NULL for any.
NTSTATUS ObpLookup(PUNICODE_STRING Path, HANDLE Root, ULONG AttributeFlags, POBJECT_TYPE Type,
                   PVOID *Object, PUNICODE_STRING Remaining);
// Copies OBJECT_ATTRIBUTES, its name and security descriptor from the caller (PreviousMode). Free
// with ObpFreeCapturedAttributes, also after a failure.
typedef struct OBP_CAPTURED
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    PVOID Buffer;              // name characters, pool
    PVOID SecurityDescriptor;  // self-relative, pool
} OBP_CAPTURED;
NTSTATUS ObpCaptureAttributes(POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode,
                              OBP_CAPTURED *Captured);
void ObpFreeCapturedAttributes(OBP_CAPTURED *Captured);
// Takes the name away at once and ends OBJ_PERMANENT (dropping its reference). The caller's own
// reference stays.
void ObpRemoveName(PVOID Object);
// What ZwMakeTemporaryObject does: as above, but a name stays until the last handle is closed.
void ObpMakeTemporary(PVOID Object);
// A new system-wide directory, link or other object of the executive: permanent, not in leak reports.
NTSTATUS ObpCreatePermanentDirectory(const WCHAR *Path, const WCHAR *Sddl);
NTSTATUS ObpCreatePermanentLink(const WCHAR *Path, const WCHAR *Target);
// Replaces the parts of an object's descriptor (a file's: its device's) that Information names by those
// of Descriptor (kernel memory, validated), generic rights mapped. No access check.
NTSTATUS ObpSetDescriptor(PVOID Object, SECURITY_INFORMATION Information, PVOID Descriptor);
// Waits until every object whose deletion was deferred before this call is deleted. PASSIVE_LEVEL, no
// host lock held, not from a Delete or Close routine.
void ObpFlushDeferred(void);

// ---- Handle tables ----
typedef struct OBP_HANDLE_TABLE OBP_HANDLE_TABLE;
NTSTATUS ObpCreateHandleTable(PEPROCESS Process, OBP_HANDLE_TABLE **Table);
// Closes every handle (cleanup, close), sets Process->Handles to NULL and frees the table.
// PASSIVE_LEVEL. No thread of Process runs any more, except the caller.
void ObpDestroyHandleTable(OBP_HANDLE_TABLE *Table);
ULONG ObpHandleCount(OBP_HANDLE_TABLE *Table);
// A handle with Granted access; consumes nothing: takes its own reference.
NTSTATUS ObpCreateHandle(PVOID Object, ACCESS_MASK Granted, ULONG AttributeFlags,
                         KPROCESSOR_MODE Mode, PHANDLE Handle);
NTSTATUS ObpCloseHandle(HANDLE Handle, KPROCESSOR_MODE Mode);
// The last step of a service that returns a handle: stores it in the caller's memory, or closes it
// and returns why that memory could not be written.
NTSTATUS ObpReturnHandle(PHANDLE To, HANDLE Handle, KPROCESSOR_MODE Mode);
// Each live handle in turn (reports): Routine(Context, Process, Handle, Object, Granted). The object is
// referenced while Routine runs; no lock is held.
typedef void OBP_HANDLE_ROUTINE(void *Context, PEPROCESS Process, HANDLE Handle, PVOID Object,
                                ACCESS_MASK Granted);
void ObpEnumerateHandles(OBP_HANDLE_TABLE *Table, OBP_HANDLE_ROUTINE *Routine, void *Context);
// Kernel handles (OBJ_KERNEL_HANDLE) live in the system process's table and have the top bit set.
#define OBP_KERNEL_HANDLE_BIT ((ULONG_PTR)0xFFFFFFFF80000000ull)

// ---- Start and stop ----
// Order: ObStartTypes, SeStart, PsStart, ObStart ... ObStop, PsStop, SeStop, ObStopTypes.
NTSTATUS ObStartTypes(void);  // the types of ob itself; ObpCreateType works from here on
// Root, \Device \Driver \Callback \BaseNamedObjects \GLOBAL?? (also \?? and \DosDevices), the worker.
NTSTATUS ObStart(void);
void ObStop(void);  // after leak reporting: frees what is permanent, ends the worker
void ObStopTypes(void);
// Objects that are still there and handles in the system process, each through VfLeak. Not: permanent
// ones, those with OB_FLAG_HOST, the system process with its token, the calling thread.
void ObpReportLeaks(void);
// Every handle in Table through VfLeak; Owner names it ("process 8 (app)").
void ObpReportHandleLeaks(OBP_HANDLE_TABLE *Table, const char *Owner);
// Kernel handles that were made under code in [Low, High) (a driver that is being unloaded).
void ObpReportHandlesMadeBy(const void *Low, const void *High, const char *Driver);
// Objects (not devices or links) that code in [Low, High) made, that have no handle and are still
// referenced.
void ObpReportObjectsMadeBy(const void *Low, const void *High, const char *Driver);

#endif
