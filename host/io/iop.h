// SPDX-License-Identifier: MIT
// The I/O manager's internal header: IRP lifecycle, completion, files, devices, drivers, ports.
//
// Lock order, outermost first: the cancel spin lock (a driver-visible KSPIN_LOCK, DISPATCH_LEVEL);
// IopDeviceLock; EPROCESS.Lock; ETHREAD.IrpLock or IOP_FILE.IrpLock; an IRP shard's lock or a port's
// lock; KiDispatcherLock. All but the first are host locks: no driver routine is called, no event is
// set, no IRQL is raised and no reference is dropped for the last time while one is held.
#ifndef HOST_IO_IOP_H
#define HOST_IO_IOP_H

#include "mm/mi.h"
#include "ob/obp.h"
#include "ps/psp.h"
#include "verifier/bugcodes.h"
#include "verifier/vf.h"

// ---- Completion ports ----
typedef struct IOP_PORT IOP_PORT;  // body of an object of type IopCompletionType
typedef struct IOP_PACKET
{
    LIST_ENTRY Link;  // in a port's queue, guarded by its lock
    BOOLEAN OfIrp;    // lies in an IOP_IRP and holds a reference to it; else it is pool
    ULONG_PTR Key;
    ULONG_PTR ApcContext;
    NTSTATUS Status;
    ULONG_PTR Information;
} IOP_PACKET;
// Queues a packet, or hands it to the remover that came last. IRQL <= DISPATCH_LEVEL.
void IopQueuePacket(IOP_PORT *Port, IOP_PACKET *Packet);

// ---- IRPs ----
typedef enum IOP_KIND
{
    IopKindDriver,    // IoAllocateIrp: its completion routine must take it back
    IopKindThreaded,  // IoBuildDeviceIoControlRequest and the like: ends by itself, kernel buffers
    IopKindInternal,  // create, cleanup, close: the I/O manager waits for it and frees it
    IopKindService,   // a system call of an application or of ZwXxx
} IOP_KIND;

// What the I/O manager keeps beside an IRP (allocated in front of it).
typedef struct IOP_IRP
{
    LIST_ENTRY
    AllLink;  // every live IRP of its shard (or its free list), guarded by the shard's lock
    PVOID AllocationStack[8];
    PVOID CompletionStack[8];  // of the last IoCompleteRequest
    uint32_t State;            // atomic: IOP_IRP_STATE
    // Atomic. Memory stays while it is not 0: one for "not freed", one for each IofCallDriver that has
    // not returned, one for the system call, one for a queued packet, one for each canceller.
    uint32_t References;
    uint64_t Track;              // atomic: what dispatch routines did and said, see track.c
    USHORT Shard;                // immutable
    UCHAR Class;                 // immutable: stack locations there is room for
    UCHAR Kind;                  // IOP_KIND; immutable after setup
    PDRIVER_OBJECT OwnerDriver;  // of the device it was last sent to; atomic, relaxed (reports)
    UCHAR Major;                 // of the last call; atomic, relaxed (reports)
    KPROCESSOR_MODE Mode;        // whose pointers: immutable after setup
    BOOLEAN Synchronous;         // the issuing thread stays in its call until completion
    BOOLEAN Pended;              // a driver marked it pending; written before completion ends
    BOOLEAN Linked;              // in an IRP list, guarded by *ListLock
    BOOLEAN Finishing;           // completion is using the issuer's memory, guarded by *ListLock
    uint32_t Phase;              // atomic: IOP_PHASE, the handover between issuer and completer
    ULONG CancelEpoch;           // guarded by *ListLock
    OS_LOCK *ListLock;           // of the thread or the file it is linked to; NULL: never linked
    // NULL for a driver's own IRPs. Kept alive by being linked to it (its rundown waits), and by a
    // reference if ThreadReferenced: linked to a file, or cut loose from the list.
    PETHREAD IssuingThread;
    BOOLEAN ThreadReferenced;
    PFILE_OBJECT File;   // referenced, or NULL
    PKEVENT UserEvent;   // referenced (services), the driver's own (threaded), or NULL
    PVOID ApcContext;    // OVERLAPPED* for ports
    PVOID SystemBuffer;  // freed with the IRP; NULL: none
    SIZE_T SystemBufferSize;
    USHORT Used;           // bytes of the IRP that are in use, or poisoned since
    USHORT SmallUsed;      // the same of the small system buffer behind it
    SIZE_T OutputLength;   // buffered output: room in Irp->UserBuffer
    NTSTATUS FinalStatus;  // Internal: of the completed IRP
    ULONG_PTR FinalInformation;
    KEVENT Done;  // Synchronous and pended: set when the driver has completed it
    IOP_PACKET Packet;
} IOP_IRP;
_Static_assert(sizeof(IOP_IRP) % 16 == 0, "the IRP behind it must be 16-byte aligned");

typedef enum IOP_IRP_STATE
{
    IopIrpAllocated = 1,
    IopIrpActive,      // with a driver
    IopIrpCompleting,  // in IoCompleteRequest, outside completion routines
    IopIrpCompleted,   // IoCompleteRequest is through with it
    IopIrpFreed,
} IOP_IRP_STATE;

typedef enum IOP_PHASE
{
    IopPhaseRunning,
    IopPhaseCompleted,  // the driver is done; the issuer finishes it
    IopPhaseAbandoned,  // the issuer is gone; the completer finishes it
} IOP_PHASE;

// AllocationFlags of an IRP that has an IOP_IRP in front of it. The pattern of freed IRPs has it too.
#define IOP_IRP_OURS   0x80
#define IOP_IRP_POISON 0xDE
#define IOP_TAG_IRP    'IprI'

static inline PIRP
IopToIrp(IOP_IRP *Iop)
{
    return (PIRP)(Iop + 1);
}
// NULL: memory of the driver's own (IoInitializeIrp).
static inline IOP_IRP *
IopOfIrp(PIRP Irp)
{
    return (Irp->AllocationFlags & IOP_IRP_OURS) != 0 ? (IOP_IRP *)(PVOID)Irp - 1 : NULL;
}

// A zeroed IRP that no list but its shard's knows; NULL when memory is short.
PIRP IopAllocateIrp(CCHAR StackSize, IOP_KIND Kind);
void IopFreeIrp(IOP_IRP *Iop);      // drops the reference of "not freed"
void IopFreeIrpHeld(IOP_IRP *Iop);  // and one more of the caller's
// Iop->SystemBuffer of Size uninitialised bytes: in the IRP's own memory if it is small, else pool.
BOOLEAN IopAllocateSystemBuffer(IOP_IRP *Iop, SIZE_T Size);
void IopFreeSystemBuffer(IOP_IRP *Iop);  // checks that nobody wrote beyond it
// Keeps the calling stack as the place that issued the IRP. Any State.
void IopRecordIssuer(IOP_IRP *Iop);
static inline void
IopReferenceIrp(IOP_IRP *Iop)
{
    // Relaxed: the caller already has one, or the lock of a list that the IRP is on.
    __atomic_add_fetch(&Iop->References, 1, __ATOMIC_RELAXED);
}
void IopDereferenceIrp(IOP_IRP *Iop);
// Every live IRP; no lock is held while Routine runs. For reports.
typedef struct IOP_IRP_VIEW
{
    PIRP Irp;  // may be freed by now: an address, no more
    uint32_t State;
    IOP_KIND Kind;
    UCHAR Major;
    PDRIVER_OBJECT OwnerDriver;
    PVOID AllocationStack[8];
} IOP_IRP_VIEW;
typedef void IOP_IRP_ROUTINE(void *Context, const IOP_IRP_VIEW *View);
void IopEnumerateIrps(IOP_IRP_ROUTINE *Routine, void *Context);
void IopStartIrps(void);
void IopStopIrps(void);

// ---- Calling drivers and completion ----
// IofCallDriver for the I/O manager's own IRPs, whose reference it already has.
NTSTATUS IopCallDriverHeld(PDEVICE_OBJECT Device, IOP_IRP *Iop);
// Sends an Internal IRP and waits for it in place. Cancellable: a caller that is being terminated
// cancels it, and still waits. Returns its status; FinalInformation is set. The IRP remains the caller's.
NTSTATUS IopCallInternal(PDEVICE_OBJECT Device, IOP_IRP *Iop, BOOLEAN Cancellable);
// Sends a Service IRP that is set up and turns its outcome into the call's (may park). Consumes the
// IRP, its references and the file lock that it holds.
NTSTATUS IopIssue(PDEVICE_OBJECT Device, IOP_IRP *Iop);
// A Service or Threaded IRP has passed its last stack location. completer's context.
void IopCompleteService(IOP_IRP *Iop);
// Releases what an IRP that was never sent holds.
void IopAbandonUnsent(IOP_IRP *Iop);

// track.c: pending rules. Generation is what IopTrackCall returned; Level is the callee's location.
ULONG IopTrackCall(IOP_IRP *Iop);
void IopTrackReturn(IOP_IRP *Iop, ULONG Generation, UCHAR Level, NTSTATUS Status,
                    PDRIVER_OBJECT Driver);
void IopTrackWalk(IOP_IRP *Iop, UCHAR Level, BOOLEAN Marked);
void IopTrackReuse(IOP_IRP *Iop);

// ---- IRP lists and cancellation ----
void IopLinkIrp(IOP_IRP *Iop);
void IopUnlinkIrp(IOP_IRP *Iop);
// Completion is about to touch the issuer's memory: TRUE if the issuer still waits for that.
BOOLEAN IopBeginFinish(IOP_IRP *Iop);
// What to cancel or to wait for. NULL matches all.
typedef struct IOP_MATCH
{
    PFILE_OBJECT File;
    PETHREAD Thread;
    PEPROCESS Process;
    PIO_STATUS_BLOCK Iosb;
} IOP_MATCH;
// Cancels what matches in the list of Thread; or in that of File. Number of IRPs found.
ULONG IopCancelList(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match);
// Waits until nothing in the list matches. UserMode: ends early with STATUS_THREAD_IS_TERMINATING.
NTSTATUS IopWaitList(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match, KPROCESSOR_MODE Mode,
                     const LARGE_INTEGER *Timeout);
// Cancels every IRP that Thread issued, and waits until none is left. PASSIVE_LEVEL. After
// IopRundownPatienceMs the rest is cut loose, as NT does after five minutes: a driver that completes
// such an IRP later only frees it; one that never does is reported at its unload.
void IopCancelThreadIrps(PETHREAD Thread);
extern ULONG IopRundownPatienceMs;  // atomic, relaxed
// The same for IRPs in a file's list (ports) that Process issued.
void IopCancelFileIrps(PFILE_OBJECT File, PEPROCESS Process, BOOLEAN Wait);
void IopCancelHeld(IOP_IRP *Iop);  // IoCancelIrp for one that the caller holds a reference to

// ---- Files ----
// Behind the FILE_OBJECT in the object's body.
typedef struct IOP_FILE
{
    OS_LOCK IrpLock;   // FILE_OBJECT.IrpList: IRPs that outlive their thread (the file has a port)
    OS_LOCK PortLock;  // setting CompletionContext
    IO_COMPLETION_CONTEXT Port;  // CompletionContext points here once set
} IOP_FILE;
static inline IOP_FILE *
IopOfFile(PFILE_OBJECT File)
{
    return (IOP_FILE *)(File + 1);
}
// What NtCreateFile asks; ParseContext of an open.
typedef struct IOP_OPEN
{
    ACCESS_MASK Access;  // in: desired; out: granted
    ULONG ShareAccess, Disposition, Options, FileAttributes;
    LARGE_INTEGER AllocationSize;
    ULONG Attributes;  // OBJ_*
    PFILE_OBJECT Related;
    IO_STATUS_BLOCK Status;
} IOP_OPEN;
OBP_PARSE IopParseDevice;
void IopDeleteFile(PVOID Object);
void IopCloseFile(PEPROCESS Process, PVOID Object, ACCESS_MASK Granted, ULONG RemainingInProcess,
                  ULONG Remaining);
// The lock of a synchronous file object. Mode UserMode: fails when the thread is being terminated.
NTSTATUS IopLockFile(PFILE_OBJECT File, KPROCESSOR_MODE Mode);
void IopUnlockFile(PFILE_OBJECT File);  // IRQL <= DISPATCH_LEVEL

// ---- Preparing a call ----
typedef struct IOP_CALL
{
    PFILE_OBJECT File;  // referenced
    PDEVICE_OBJECT Device;
    ACCESS_MASK Granted;
    KPROCESSOR_MODE Mode;
    PKEVENT Event;  // referenced or NULL
    BOOLEAN Locked;
} IOP_CALL;
// Looks up the file (with Access) and the event, probes the status block. On failure nothing is held.
NTSTATUS IopBeginCall(IOP_CALL *Call, HANDLE File, ACCESS_MASK Access, HANDLE Event,
                      PIO_APC_ROUTINE ApcRoutine, PIO_STATUS_BLOCK Iosb);
void IopEndCall(IOP_CALL *Call);  // before an IRP took over what is held
// Takes the file lock of a synchronous file and clears the events.
NTSTATUS IopArmCall(IOP_CALL *Call);
// An IRP that owns what Call holds. NULL: no memory, Call still holds it.
IOP_IRP *IopCallIrp(IOP_CALL *Call, PVOID ApcContext, PIO_STATUS_BLOCK Iosb);
// A system buffer of Size; copies Length bytes of Input into it.
NTSTATUS IopSystemBuffer(IOP_IRP *Iop, SIZE_T Size, const VOID *Input, SIZE_T Length);
// A locked MDL over the caller's buffer.
NTSTATUS IopDirectBuffer(IOP_IRP *Iop, PVOID Buffer, ULONG Length, LOCK_OPERATION Operation);

// ---- Devices ----
extern OS_LOCK IopDeviceLock;  // device lists, attachment, reference counts, pending deletion
// Behind the device extension in the object's body; DEVICE_OBJECT.DeviceObjectExtension points here.
typedef struct IOP_DEVICE
{
    DEVOBJ_EXTENSION Public;
    BOOLEAN DeletePending, UnloadPending;  // IopDeviceLock
    PDEVICE_OBJECT AttachedTo;             // IopDeviceLock
    LIST_ENTRY Link;                       // IOP_DRIVER.Devices, until it is freed; IopDeviceLock
    SIZE_T ExtensionSize;
    PVOID Stack[8];  // who created it
} IOP_DEVICE;
static inline IOP_DEVICE *
IopOfDevice(PDEVICE_OBJECT Device)
{
    return CONTAINING_RECORD(Device->DeviceObjectExtension, IOP_DEVICE, Public);
}
void IopDeleteDeviceBody(PVOID Object);
// An open's hold on a device. FALSE: the device is going away, or is exclusive and open.
NTSTATUS IopReferenceDevice(PDEVICE_OBJECT Device);
void IopDereferenceDevice(PDEVICE_OBJECT Device);  // PASSIVE_LEVEL
// "\Device\Relay", or "an unnamed device".
void IopDeviceName(PDEVICE_OBJECT Device, char *Text, size_t Size);
void IopReportLinks(PDRIVER_OBJECT Driver);  // leaked symbolic links through VfLeak
void IopForgetLinks(void);

// ---- Drivers ----
typedef struct IOP_DRIVER
{
    DRIVER_EXTENSION Extension;
    LIST_ENTRY Link;     // IopDrivers, guarded by IopDriverLock
    LIST_ENTRY Devices;  // IOP_DEVICE.Link, guarded by IopDeviceLock
    OS_MODULE *Module;   // NULL: part of this program (unit tests)
    char Name[64];
    char Path[512];
    WCHAR NameBuffer[80];
    WCHAR RegistryBuffer[160];
    UNICODE_STRING RegistryPath;
} IOP_DRIVER;
static inline IOP_DRIVER *
IopOfDriver(PDRIVER_OBJECT Driver)
{
    return CONTAINING_RECORD(Driver->DriverExtension, IOP_DRIVER, Extension);
}
DRIVER_DISPATCH IopInvalidDeviceRequest;
// Loads Path as driver Name (NULL: base name without extension), calls DriverEntry. On failure
// Message says why; it does not repeat Path. Not thread safe against itself (the tool's loader lock).
NTSTATUS IopLoadDriver(const char *Path, const char *Name, PDRIVER_OBJECT *Driver, char *Message,
                       size_t MessageSize);
// A driver whose DriverEntry is part of this program: unit tests.
NTSTATUS IopCreateDriverInProcess(const char *Name, PDRIVER_INITIALIZE Initialize,
                                  PDRIVER_OBJECT *Driver, char *Message, size_t MessageSize);
// Calls DriverUnload, checks what was left behind (devices, links, IRPs, timers, DPCs, work items,
// threads, pool, handles, references) and reports it through VfLeak; unloads the module. Refused, with
// the reason in Message, while a process holds a handle to one of its devices.
NTSTATUS IopUnloadDriver(PDRIVER_OBJECT Driver, char *Message, size_t MessageSize);
// Everything above that Driver has left behind, through VfLeak.
void IopReportDriverLeaks(PDRIVER_OBJECT Driver);
// The driver whose module contains Address, or NULL.
PDRIVER_OBJECT IopDriverFromAddress(const VOID *Address);
typedef void IOP_DRIVER_ROUTINE(void *Context, PDRIVER_OBJECT Driver, const char *Name,
                                const char *Path);
void IopEnumerateDrivers(IOP_DRIVER_ROUTINE *Routine, void *Context);
void IopStopDrivers(void);
static inline const char *
IopDriverName(PDRIVER_OBJECT Driver)
{
    return Driver != NULL ? IopOfDriver(Driver)->Name : "no driver";
}

// ---- Work items ----
void IopReportWorkItems(PDRIVER_OBJECT Driver);  // allocated and not freed, through VfLeak

// ---- Ports ----
void IopDeletePort(PVOID Object);
void IopClosePort(PEPROCESS Process, PVOID Object, ACCESS_MASK Granted, ULONG RemainingInProcess,
                  ULONG Remaining);

NTSTATUS IoStart(void);
void IoStop(void);

#endif
