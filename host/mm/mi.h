// SPDX-License-Identifier: MIT
// Memory internals: pool with redzones and owners, access to callers' memory, MDLs, sections, views.
#ifndef HOST_MM_MI_H
#define HOST_MM_MI_H

#include "ps/psp.h"

// ---- Pool. Exported ExAllocatePool* / ExFreePool* are thin wrappers in ex/. ----
#define MI_POOL_STACK      12
#define MI_POOL_FREE_STACK 6
// Lies directly before its data.
typedef struct MI_POOL_BLOCK
{
    LIST_ENTRY Link;  // every live block, guarded by its shard's lock
    SIZE_T Size;
    ULONG Tag;
    POOL_TYPE Type;                       // flags included, as it was asked for
    PVOID Stack[MI_POOL_STACK];           // who allocated it, NULL behind the last frame
    PVOID FreeStack[MI_POOL_FREE_STACK];  // who freed it, once it is freed
    ULONG State;                          // MIP_BLOCK_*, guarded by its shard's lock
    USHORT Shard;
    USHORT Class;  // of its slot; MIP_CLASS_PAGES: pages of its own
    SIZE_T Room;   // bytes between this structure and the end of what it may use, redzone included
    ULONG64 Check[2];  // redzone before the data; another follows it
} MI_POOL_BLOCK;
_Static_assert(sizeof(MI_POOL_BLOCK) % 16 == 0, "data must be 16-byte aligned");
// NULL when exhausted or a fault is injected. IRQL <= DISPATCH_LEVEL (nonpaged), <= APC_LEVEL (paged).
PVOID MiAllocatePool(POOL_TYPE Type, SIZE_T Size, ULONG Tag, BOOLEAN Zero);
void MiFreePool(PVOID Address, ULONG Tag, BOOLEAN CheckTag);  // violations are bugchecks
// Host allocations on behalf of nobody's driver (never in a driver's leak report, still counted).
#define MI_TAG_HOST 'tsoH'
// Live blocks, those with MI_TAG_HOST included. Block is a copy and no lock is held, so Routine may
// allocate and free; it sees the blocks of the moment of the call. PASSIVE_LEVEL.
typedef void MI_POOL_ROUTINE(void *Context, const MI_POOL_BLOCK *Block, PVOID Address);
void MiEnumeratePool(MI_POOL_ROUTINE *Routine, void *Context);
ULONG64 MiPoolBytes(void);  // data bytes of live blocks
ULONG MiPoolCount(void);    // live blocks
// The driver that a stack belongs to: the one whose module holds the innermost frame that lies in any
// driver. NULL: none, the host itself.
PDRIVER_OBJECT MiDriverOfStack(PVOID const *Frames, ULONG Count);
// Gives VfLeak every live block and every view in system space that belongs to Driver by its
// allocation stack, and checks each block's redzones (a broken one is a bugcheck). NULL: every block
// and view there is, whoever made it (the final report). Returns their number. PASSIVE_LEVEL.
ULONG MiReportLeaks(PDRIVER_OBJECT Driver);
// Checks the redzones of every live block and the pattern of every freed one: bugcheck or return.
void MiCheckPool(void);
// What an address has to do with pool, for reports: TRUE if it lies in (or in the redzones of) a block
// that is live or still remembered as freed.
typedef struct MI_POOL_DESCRIPTION
{
    PVOID Address;
    SIZE_T Size;
    ULONG Tag;
    BOOLEAN Freed;
    PVOID Stack[MI_POOL_STACK];
    PVOID FreeStack[MI_POOL_FREE_STACK];
} MI_POOL_DESCRIPTION;
BOOLEAN MiDescribePoolAddress(const VOID *Address, MI_POOL_DESCRIPTION *Description);

// ---- Callers' memory ----
// The caller is the current thread: KernelMode (PreviousMode) copies plainly; UserMode local copies
// under a guard; UserMode remote takes what the port carried inline (windows) and reads or writes
// the rest through the process's own memory descriptor. STATUS_ACCESS_VIOLATION on bad addresses,
// STATUS_DATATYPE_MISALIGNMENT never.
NTSTATUS MmCopyFromCaller(PVOID To, const VOID *From, SIZE_T Size);
NTSTATUS MmCopyToCaller(PVOID To, const VOID *From, SIZE_T Size);
// Submission-time check that the caller could read or write there (no data moved).
NTSTATUS MmProbeCaller(const VOID *Address, SIZE_T Size, BOOLEAN Write);
// Any context, IRQL <= DISPATCH_LEVEL, no caller needed: IRP completion. Fails cleanly after death.
NTSTATUS MmWriteProcess(PEPROCESS Process, PVOID To, const VOID *From, SIZE_T Size);
NTSTATUS MmReadProcess(PEPROCESS Process, PVOID To, const VOID *From, SIZE_T Size);
// A status block that the application may be polling: Information first, then Status.
NTSTATUS MmWriteStatusBlock(PEPROCESS Process, PIO_STATUS_BLOCK To, NTSTATUS Status,
                            ULONG_PTR Information);
// To the caller of a system call that Thread still has open (running or parked): uses its windows,
// falls back to MmWriteProcess.
NTSTATUS MmWriteCallerOfThread(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size);
// Set by host/syscall when it is remote. Returns TRUE when [To, +Size) lay in a window and was
// handled. Thread's call must be open.
typedef struct MI_WINDOW_OPERATIONS
{
    BOOLEAN (*Read)(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size);
    BOOLEAN (*Write)(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size);
} MI_WINDOW_OPERATIONS;
extern const MI_WINDOW_OPERATIONS *MiWindows;
// Runs Routine(Context) so that a fault inside returns STATUS_ACCESS_VIOLATION instead of a bugcheck.
NTSTATUS MiGuarded(void (*Routine)(void *Context), void *Context);
// From the fault handler: unwinds into the innermost MiGuarded of this thread if Address is not the
// host's business. Does not return when it unwinds.
void MiHandleFault(const OS_FAULT *Fault);

// ---- Memory descriptor lists ----
// MmProbeAndLockPages with a status where that raises: STATUS_ACCESS_VIOLATION,
// STATUS_INSUFFICIENT_RESOURCES. For UserMode the buffer is the current process's; a remote one is
// copied in here and (IoWriteAccess, IoModifyAccess) out by MmUnlockPages.
NTSTATUS MiProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation);

// ---- Sections and views ----
typedef struct MI_SECTION
{
    int Fd;  // size-sealed memfd
    SIZE_T Size;
    ULONG Protection;
    PVOID SystemView;  // host's mapping, NULL until someone needs it
} MI_SECTION;
// The section behind an application's handle if it grants SECTION_MAP_READ (PAGE_READONLY) or also
// SECTION_MAP_WRITE (PAGE_READWRITE); referenced.
NTSTATUS MiReferenceSectionForView(HANDLE Handle, ULONG Protection, MI_SECTION **Section);
// Local applications: maps it whole into this address space and notes it in Process->ViewList.
NTSTATUS MiMapLocalView(PEPROCESS Process, MI_SECTION *Section, ULONG Protection, PVOID *Address);
NTSTATUS MiUnmapLocalView(PEPROCESS Process, PVOID Address);
// Every view of a dying process. Local mappings are unmapped; remote ones die with the process.
void MiRunDownViews(PEPROCESS Process);

// Pool and callers' memory: needs nothing but VfStart.
NTSTATUS MmStart(void);
// Sections: needs ObStart.
NTSTATUS MmStartSections(void);
// The last to stop. Reports what is still allocated, whoever made it (MiReportLeaks(NULL)) and ends the
// process if there is anything; else gives all memory back.
void MmStop(void);

#endif
