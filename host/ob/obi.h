// SPDX-License-Identifier: MIT
// What the object manager's own files share and nobody else includes.
#ifndef HOST_OB_OBI_H
#define HOST_OB_OBI_H

#include "ke/ki.h"
#include "mm/mi.h"
#include "ob/obp.h"
#include "ps/psp.h"
#include "se/sep.h"
#include "verifier/vf.h"

// A name of at most this many bytes fits a UNICODE_STRING together with its terminator.
#define OBP_MAX_NAME_BYTES 0xFFFCu
// Symbolic links followed in one lookup before it is called a loop.
#define OBP_MAX_LINKS 32

extern OS_LOCK ObpNamespaceLock;

// ---- Objects (object.c) ----
// Adds a reference unless the last one is gone.
BOOLEAN ObpTryReference(OBJECT_HEADER *Header);
NTSTATUS ObpStartWorker(void);
void ObpStopWorker(void);
void ObpDrainDeferred(void);

// Every live object of every type in turn, referenced, no lock held (type.c).
typedef void OBP_OBJECT_ROUTINE(void *Context, OBJECT_HEADER *Header);
void ObpEnumerateObjects(OBP_OBJECT_ROUTINE *Routine, void *Context);

// ---- Names (namespace.c) ----
#define OBP_BUCKETS 37
typedef struct _OBP_DIRECTORY
{
    LIST_ENTRY Buckets[OBP_BUCKETS];  // OBP_NAME.Link, guarded by ObpNamespaceLock
} OBP_DIRECTORY;

typedef struct OBP_LINK
{
    UNICODE_STRING Target;  // immutable; Buffer is pool
} OBP_LINK;

// Bodies with one reference. The link takes over Target->Buffer (and sets it to NULL).
NTSTATUS ObpCreateDirectoryBody(PVOID *Object);
NTSTATUS ObpCreateLinkBody(UNICODE_STRING *Target, PVOID *Object);

extern OBP_DIRECTORY *ObpRootDirectory;

typedef struct OBP_WALK
{
    POBJECT_TYPE Type;         // in: ObpSymbolicLinkType stops at a last component that is a link
    ULONG Attributes;          // in
    OBJECT_HEADER *Found;      // out: referenced
    OBP_DIRECTORY *Parent;     // out with STATUS_OBJECT_NAME_NOT_FOUND: where Last belongs
    UNICODE_STRING Last;       // out: in the path or in Buffer
    UNICODE_STRING Remaining;  // out: what follows Found's name; in the path or in Buffer
    WCHAR *Buffer;             // pool: the path behind the last link; free after use
} OBP_WALK;
// Namespace lock held. Parent and Last are valid only while it is.
NTSTATUS ObpWalkLocked(const UNICODE_STRING *Path, OBP_DIRECTORY *Root, OBP_WALK *Walk);
// Prepared before the lock is taken, so that nothing can fail once the place is known to be free.
OBP_NAME *ObpAllocateName(USHORT Bytes);
// Gives Header the name Last in Directory. Namespace lock held. FALSE: the directory is going away.
BOOLEAN ObpAttachNameLocked(OBJECT_HEADER *Header, OBP_NAME *Name, OBP_DIRECTORY *Directory,
                            const UNICODE_STRING *Last);
OBP_NAME *ObpDetachNameLocked(OBJECT_HEADER *Header);  // what was detached, for ObpFreeName
void ObpFreeName(OBP_NAME *Name);                      // NULL: nothing

// References what a relative path starts from: a directory handle. *Directory is NULL if Root is.
NTSTATUS ObpReferenceRoot(HANDLE Root, KPROCESSOR_MODE Mode, OBP_DIRECTORY **Directory);

// ---- Handles (handle.c) ----
// Namespace lock held. Takes its own reference for the handle.
NTSTATUS ObpCreateHandleLocked(PEPROCESS Process, OBJECT_HEADER *Header, ACCESS_MASK Granted,
                               ULONG AttributeFlags, KPROCESSOR_MODE Mode, PHANDLE Handle);
// A handle of any process, with its rights and attributes. Pseudo handles are not resolved.
NTSTATUS ObpReferenceInProcess(PEPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode,
                               PVOID *Object, ACCESS_MASK *Granted, ULONG *Attributes);
NTSTATUS ObpCloseInProcess(PEPROCESS Process, HANDLE Handle, KPROCESSOR_MODE Mode);
// As ObpEnumerateHandles, with the stack that made the handle.
typedef void OBP_HANDLE_STACK_ROUTINE(void *Context, HANDLE Handle, OBJECT_HEADER *Header,
                                      ACCESS_MASK Granted, PVOID *Stack, ULONG Count);
void ObpEnumerateStacks(OBP_HANDLE_TABLE *Table, OBP_HANDLE_STACK_ROUTINE *Routine, void *Context);

// ---- Access (insert.c) ----
// What a creator, or a caller that is not checked, gets for what it asked for.
ACCESS_MASK ObpGrantUnchecked(POBJECT_TYPE Type, ACCESS_MASK Desired);
// Desired against the object's descriptor. Namespace lock held.
NTSTATUS ObpCheckAccessLocked(OBJECT_HEADER *Header, ACCESS_MASK Desired, BOOLEAN Check,
                              ACCESS_MASK *Granted);

// ---- The caller's memory (capture.c) ----
// As MmCopyFromCaller, for a mode that is given rather than the thread's.
NTSTATUS ObpCopyIn(KPROCESSOR_MODE Mode, PVOID To, const VOID *From, SIZE_T Size);
// A copy of the caller's string in pool (Buffer NULL when empty), terminated. Free Buffer with ObpFree.
NTSTATUS ObpCaptureString(PCUNICODE_STRING From, KPROCESSOR_MODE Mode, PUNICODE_STRING String);
// The whole of a service that opens an object by name.
NTSTATUS ObpServiceOpen(PHANDLE Handle, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type,
                        ACCESS_MASK Access);
// The end of a service that creates an object: inserts it (consuming the reference) and returns the
// handle. Captured stays the caller's.
NTSTATUS ObpServiceInsert(PVOID Object, PHANDLE Handle, OBP_CAPTURED *Captured, ACCESS_MASK Access);

// The object that carries the security of Object: a file's device, else the object itself.
OBJECT_HEADER *ObpSecurityTarget(PVOID Object);

static inline PVOID
ObpBody(OBJECT_HEADER *Header)
{
    return Header + 1;
}
static inline PVOID
ObpAllocate(SIZE_T Size)
{
    return MiAllocatePool(NonPagedPoolNx, Size, MI_TAG_HOST, FALSE);
}
static inline void
ObpFree(PVOID Address)
{
    if (Address != NULL)
    {
        MiFreePool(Address, MI_TAG_HOST, TRUE);
    }
}
static inline ULONG
ObpCaptureStack(PVOID *Frames, ULONG Max)
{
    return VfLevel == VfOff ? 0 : OsStackCapture(Frames, Max, 2);
}

#endif
