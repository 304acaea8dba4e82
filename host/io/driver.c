// SPDX-License-Identifier: MIT
// Drivers: loading, DriverEntry, unloading, and who they are by address.
//
// IopDriverLock guards the list of drivers; it is a leaf. Loading and unloading are serialised by the
// caller. A driver object lives from load to unload by the reference it was created with; its devices
// hold one each.
#include "io/iop.h"

#include "ex/exp.h"
#include "rtl/rtlp.h"

#include <stdio.h>
#include <string.h>

static OS_LOCK IopDriverLock = OS_LOCK_INIT;
static LIST_ENTRY IopDrivers = {&IopDrivers, &IopDrivers};

// ---- The list ----

PDRIVER_OBJECT
IopDriverFromAddress(const VOID *Address)
{
    PDRIVER_OBJECT Found = NULL;

    OsLockAcquire(&IopDriverLock);
    for (PLIST_ENTRY Entry = IopDrivers.Flink; Entry != &IopDrivers && Found == NULL;
         Entry = Entry->Flink)
    {
        IOP_DRIVER *Private = CONTAINING_RECORD(Entry, IOP_DRIVER, Link);

        if (Private->Module != NULL && OsModuleContains(Private->Module, Address))
        {
            Found = Private->Extension.DriverObject;
        }
    }
    OsLockRelease(&IopDriverLock);
    return Found;
}

void
IopEnumerateDrivers(IOP_DRIVER_ROUTINE *Routine, void *Context)
{
    PDRIVER_OBJECT Drivers[64];
    ULONG Count = 0;

    OsLockAcquire(&IopDriverLock);
    for (PLIST_ENTRY Entry = IopDrivers.Flink; Entry != &IopDrivers && Count < 64;
         Entry = Entry->Flink)
    {
        Drivers[Count] = CONTAINING_RECORD(Entry, IOP_DRIVER, Link)->Extension.DriverObject;
        ObReferenceObject(Drivers[Count++]);
    }
    OsLockRelease(&IopDriverLock);
    for (ULONG Index = 0; Index < Count; Index++)
    {
        IOP_DRIVER *Private = IopOfDriver(Drivers[Index]);

        Routine(Context, Drivers[Index], Private->Name, Private->Path);
        ObDereferenceObject(Drivers[Index]);
    }
}

// ---- Creating ----

// ASCII or UTF-8 text behind a prefix; FALSE if it does not fit.
static BOOLEAN
Compose(WCHAR *Buffer, size_t Room, const char *Prefix, const char *Name, PUNICODE_STRING String)
{
    size_t Fixed = strlen(Prefix);
    SIZE_T Length;

    for (size_t Index = 0; Index < Fixed; Index++)
    {
        Buffer[Index] = (WCHAR)Prefix[Index];
    }
    Length = RtlpUtf8ToUtf16(Name, strlen(Name), Buffer + Fixed, Room - Fixed - 1);
    if (Fixed + Length + 1 > Room)
    {
        return FALSE;
    }
    Buffer[Fixed + Length] = 0;
    RtlInitUnicodeString(String, Buffer);
    return TRUE;
}

static NTSTATUS
CreateDriverObject(const char *Name, const char *Path, OS_MODULE *Module, PDRIVER_OBJECT *Result)
{
    OBJECT_ATTRIBUTES Attributes;
    PDRIVER_OBJECT Driver;
    IOP_DRIVER *Private;
    NTSTATUS Status = ObpCreateObject(IopDriverType, sizeof(DRIVER_OBJECT) + sizeof(IOP_DRIVER),
                                      (PVOID *)&Driver);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Private = (IOP_DRIVER *)(Driver + 1);
    InitializeListHead(&Private->Devices);
    InitializeListHead(&Private->Link);
    Private->Module = Module;
    Private->Extension.DriverObject = Driver;
    snprintf(Private->Name, sizeof(Private->Name), "%s", Name);
    snprintf(Private->Path, sizeof(Private->Path), "%s", Path);
    Driver->Type = IO_TYPE_DRIVER;
    Driver->Size = sizeof(DRIVER_OBJECT);
    Driver->Flags = DRVO_LEGACY_DRIVER;
    Driver->DriverExtension = &Private->Extension;
    Driver->DriverSection = Module;
    if (Module != NULL)
    {
        const void *Low, *High;

        OsModuleBounds(Module, &Low, &High);
        Driver->DriverStart = (PVOID)Low;
        Driver->DriverSize = (ULONG)((ULONG_PTR)High - (ULONG_PTR)Low);
    }
    for (ULONG Major = 0; Major <= IRP_MJ_MAXIMUM_FUNCTION; Major++)
    {
        Driver->MajorFunction[Major] = IopInvalidDeviceRequest;
    }
    if (!Compose(Private->NameBuffer, sizeof(Private->NameBuffer) / sizeof(WCHAR), "\\Driver\\",
                 Name, &Driver->DriverName) ||
        !Compose(Private->RegistryBuffer, sizeof(Private->RegistryBuffer) / sizeof(WCHAR),
                 "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\", Name,
                 &Private->RegistryPath))
    {
        ObDereferenceObject(Driver);
        return STATUS_NAME_TOO_LONG;
    }
    // The service key's name is the last part of the driver's.
    RtlInitUnicodeString(&Private->Extension.ServiceKeyName, Private->NameBuffer + 8);
    InitializeObjectAttributes(&Attributes, &Driver->DriverName,
                               OBJ_CASE_INSENSITIVE | OBJ_PERMANENT | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    Status = ObpInsertObject(Driver, &Attributes, 0, KernelMode, NULL, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OsLockAcquire(&IopDriverLock);
    InsertTailList(&IopDrivers, &Private->Link);
    OsLockRelease(&IopDriverLock);
    *Result = Driver;
    return STATUS_SUCCESS;
}

// Gives up a driver object whose code will not run again, and its module.
static void
Discard(PDRIVER_OBJECT Driver)
{
    IOP_DRIVER *Private = IopOfDriver(Driver);
    OS_MODULE *Module = Private->Module;

    OsLockAcquire(&IopDriverLock);
    RemoveEntryList(&Private->Link);
    InitializeListHead(&Private->Link);
    Private->Module = NULL;
    OsLockRelease(&IopDriverLock);
    ObpRemoveName(Driver);
    ObDereferenceObject(Driver);
    if (Module != NULL)
    {
        OsModuleUnload(Module);
    }
}

// ---- Running a driver's own code, in the system process ----

typedef struct CALLER
{
    PEPROCESS Attached;
    KPROCESSOR_MODE Mode;
} CALLER;

static CALLER
EnterSystem(void)
{
    PETHREAD Thread = PspCurrentThread();
    CALLER Caller = {Thread->AttachedProcess, KiEnterZw()};

    Thread->AttachedProcess = PsInitialSystemProcess;
    return Caller;
}

static void
LeaveSystem(CALLER Caller, const char *Function, const char *Name)
{
    if (KeGetCurrentIrql() != PASSIVE_LEVEL || KiCurrentThread->SpinLocksHeld != 0)
    {
        VfBugCheck(VfBug_IRQL_UNEXPECTED_VALUE, KeGetCurrentIrql(), KiCurrentThread->SpinLocksHeld,
                   0, 0, "%s of %s returned at IRQL %u with %u spin lock(s) held.", Function, Name,
                   KeGetCurrentIrql(), (unsigned)KiCurrentThread->SpinLocksHeld);
    }
    PspCurrentThread()->AttachedProcess = Caller.Attached;
    KiLeaveZw(Caller.Mode);
}

static NTSTATUS
RunEntry(PDRIVER_OBJECT Driver, PDRIVER_INITIALIZE Entry, char *Message, size_t MessageSize)
{
    IOP_DRIVER *Private = IopOfDriver(Driver);
    CALLER Caller = EnterSystem();
    NTSTATUS Status;

    Driver->DriverInit = Entry;
    Status = Entry(Driver, &Private->RegistryPath);
    LeaveSystem(Caller, "DriverEntry", Private->Name);
    if (!NT_SUCCESS(Status))
    {
        snprintf(Message, MessageSize, "DriverEntry of %s failed with %s (0x%08x)", Private->Name,
                 RtlpStatusName(Status), (unsigned)Status);
        return Status;
    }
    Driver->Flags |= DRVO_INITIALIZED;
    // As NT: devices of DriverEntry are open for business when it has returned.
    OsLockAcquire(&IopDeviceLock);
    for (PDEVICE_OBJECT Device = Driver->DeviceObject; Device != NULL; Device = Device->NextDevice)
    {
        Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    }
    OsLockRelease(&IopDeviceLock);
    return Status;
}

// ---- Loading ----

static void
BaseName(const char *Path, char *Name, size_t Size)
{
    const char *Base = strrchr(Path, '/');
    char *Dot;

    snprintf(Name, Size, "%s", Base != NULL ? Base + 1 : Path);
    Dot = strrchr(Name, '.');
    if (Dot != NULL && Dot != Name)
    {
        *Dot = 0;
    }
}

static NTSTATUS
StatusOf(int Error)
{
    switch (Error)
    {
    case OS_E_NOT_FOUND:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    case OS_E_ACCESS:
        return STATUS_ACCESS_DENIED;
    case OS_E_EXISTS:
        return STATUS_IMAGE_ALREADY_LOADED;
    case OS_E_NO_MEMORY:
        return STATUS_INSUFFICIENT_RESOURCES;
    default:
        return STATUS_INVALID_IMAGE_FORMAT;
    }
}

static NTSTATUS
Start(const char *Name, const char *Path, OS_MODULE *Module, PDRIVER_INITIALIZE Entry,
      PDRIVER_OBJECT *Driver, char *Message, size_t MessageSize)
{
    NTSTATUS Status = CreateDriverObject(Name, Path, Module, Driver);

    if (!NT_SUCCESS(Status))
    {
        if (Status == STATUS_OBJECT_NAME_COLLISION)
        {
            snprintf(Message, MessageSize, "a driver named %s is loaded already; unload it first",
                     Name);
        }
        else
        {
            snprintf(Message, MessageSize, "cannot make the driver object of %s: %s (0x%08x)", Name,
                     RtlpStatusName(Status), (unsigned)Status);
        }
        if (Module != NULL)
        {
            OsModuleUnload(Module);
        }
        return Status;
    }
    Status = RunEntry(*Driver, Entry, Message, MessageSize);
    if (!NT_SUCCESS(Status))
    {
        // DriverUnload is not called: DriverEntry had to clean up itself.
        ExDrainWork();
        KiFlushDpcs();
        IopReportDriverLeaks(*Driver);
        if (VfLeakCount() == 0)
        {
            Discard(*Driver);
        }
        *Driver = NULL;
    }
    return Status;
}

NTSTATUS
IopLoadDriver(const char *Path, const char *Name, PDRIVER_OBJECT *Driver, char *Message,
              size_t MessageSize)
{
    PDRIVER_INITIALIZE Entry;
    OS_MODULE *Module;
    char Base[64];
    int Error;

    *Driver = NULL;
    if (Name == NULL)
    {
        BaseName(Path, Base, sizeof(Base));
        Name = Base;
    }
    Error = OsModuleLoad(Path, &Module, Message, MessageSize);
    if (Error != OS_OK)
    {
        return StatusOf(Error);
    }
    Entry = (PDRIVER_INITIALIZE)OsModuleSymbol(Module, "DriverEntry");
    if (Entry == NULL)
    {
        snprintf(
            Message, MessageSize,
            "it has no DriverEntry; build drivers with nthost-cc --driver, and define NTSTATUS "
            "DriverEntry(PDRIVER_OBJECT, PUNICODE_STRING)");
        OsModuleUnload(Module);
        return STATUS_DRIVER_ENTRYPOINT_NOT_FOUND;
    }
    Message[0] = 0;
    return Start(Name, Path, Module, Entry, Driver, Message, MessageSize);
}

NTSTATUS
IopCreateDriverInProcess(const char *Name, PDRIVER_INITIALIZE Initialize, PDRIVER_OBJECT *Driver,
                         char *Message, size_t MessageSize)
{
    *Driver = NULL;
    return Start(Name, "", NULL, Initialize, Driver, Message, MessageSize);
}

// ---- Unloading ----

typedef struct HOLDER
{
    PDRIVER_OBJECT Driver;
    char *Text;
    size_t Size;
    BOOLEAN Found;
} HOLDER;

static void
FindHolder(void *Context, PEPROCESS Process, HANDLE Handle, PVOID Object, ACCESS_MASK Granted)
{
    HOLDER *Holder = Context;
    PFILE_OBJECT File = Object;
    char Device[128];

    (void)Granted;
    if (Holder->Found || OBP_HEADER(Object)->Type != IopFileType || File->DeviceObject == NULL ||
        (File->DeviceObject->DriverObject != Holder->Driver &&
         IoGetRelatedDeviceObject(File)->DriverObject != Holder->Driver))
    {
        return;
    }
    Holder->Found = TRUE;
    IopDeviceName(File->DeviceObject, Device, sizeof(Device));
    snprintf(
        Holder->Text, Holder->Size,
        "%s cannot be unloaded: process %u (%s) has a handle (0x%llx) to %s open; end the process "
        "or let it close the handle",
        IopDriverName(Holder->Driver), (unsigned)(ULONG_PTR)Process->UniqueProcessId,
        Process->ImageName, (unsigned long long)(ULONG_PTR)Handle, Device);
}

// A process that has a handle to one of the driver's devices.
static BOOLEAN
InUse(PDRIVER_OBJECT Driver, char *Message, size_t MessageSize)
{
    HOLDER Holder = {Driver, Message, MessageSize, FALSE};
    PEPROCESS Processes[256];
    ULONG Count = 0;

    OsLockAcquire(&PspListLock);
    for (PLIST_ENTRY Entry = PspProcessList.Flink; Entry != &PspProcessList && Count < 256;
         Entry = Entry->Flink)
    {
        PEPROCESS Process = CONTAINING_RECORD(Entry, EPROCESS, GlobalLink);

        if (ObReferenceObjectSafe(Process))
        {
            Processes[Count++] = Process;
        }
    }
    OsLockRelease(&PspListLock);
    for (ULONG Index = 0; Index < Count; Index++)
    {
        OBP_HANDLE_TABLE *Handles = Processes[Index]->Handles;

        // A process whose handles are gone is past holding any.
        if (Handles != NULL && Processes[Index] != PsInitialSystemProcess)
        {
            ObpEnumerateHandles(Handles, FindHolder, &Holder);
        }
        ObDereferenceObject(Processes[Index]);
    }
    return Holder.Found;
}

static void
FindIrp(void *Context, const IOP_IRP_VIEW *View)
{
    HOLDER *Holder = Context;

    Holder->Found |= View->OwnerDriver == Holder->Driver && View->State == IopIrpActive;
}

// A device that is open though no process has a handle: another driver holds the file object. (A request
// that was never completed holds one too; that is the driver's own leak, and reported as such.)
static BOOLEAN
InUseByDrivers(PDRIVER_OBJECT Driver, char *Message, size_t MessageSize)
{
    HOLDER Holder = {.Driver = Driver};
    PDEVICE_OBJECT Open = NULL;
    char Name[128];

    OsLockAcquire(&IopDeviceLock);
    for (PLIST_ENTRY Entry = IopOfDriver(Driver)->Devices.Flink;
         Entry != &IopOfDriver(Driver)->Devices && Open == NULL; Entry = Entry->Flink)
    {
        PDEVICE_OBJECT Device = CONTAINING_RECORD(Entry, IOP_DEVICE, Link)->Public.DeviceObject;

        if (Device->ReferenceCount != 0 && ObReferenceObjectSafe(Device))
        {
            Open = Device;
        }
    }
    OsLockRelease(&IopDeviceLock);
    if (Open == NULL)
    {
        return FALSE;
    }
    IopEnumerateIrps(FindIrp, &Holder);
    if (!Holder.Found)
    {
        IopDeviceName(Open, Name, sizeof(Name));
        snprintf(
            Message, MessageSize,
            "%s cannot be unloaded: %s is open in another driver (IoGetDeviceObjectPointer or a "
            "kernel handle); unload that one first",
            IopDriverName(Driver), Name);
    }
    ObDereferenceObject(Open);
    return !Holder.Found;
}

static void
SetUnloadPending(PDRIVER_OBJECT Driver, BOOLEAN Pending)
{
    OsLockAcquire(&IopDeviceLock);
    for (PLIST_ENTRY Entry = IopOfDriver(Driver)->Devices.Flink;
         Entry != &IopOfDriver(Driver)->Devices; Entry = Entry->Flink)
    {
        CONTAINING_RECORD(Entry, IOP_DEVICE, Link)->UnloadPending = Pending;
    }
    OsLockRelease(&IopDeviceLock);
}

NTSTATUS
IopUnloadDriver(PDRIVER_OBJECT Driver, char *Message, size_t MessageSize)
{
    IOP_DRIVER *Private = IopOfDriver(Driver);
    CALLER Caller;

    if (Driver->DriverUnload == NULL)
    {
        snprintf(Message, MessageSize,
                 "%s cannot be unloaded: it has no DriverUnload routine; stop the host instead",
                 Private->Name);
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    // No new opens from here on; then who has one open already.
    SetUnloadPending(Driver, TRUE);
    ObpFlushDeferred();  // closes that are on their way to the driver
    if (InUse(Driver, Message, MessageSize) || InUseByDrivers(Driver, Message, MessageSize))
    {
        SetUnloadPending(Driver, FALSE);
        return STATUS_DEVICE_BUSY;
    }
    Driver->Flags |= DRVO_UNLOAD_INVOKED;
    Caller = EnterSystem();
    Driver->DriverUnload(Driver);
    LeaveSystem(Caller, "DriverUnload", Private->Name);

    // Work items hold the device, and so the driver, until they ran; DPCs are over when they are flushed.
    ExDrainWork();
    KiFlushDpcs();
    ObpFlushDeferred();
    IopReportDriverLeaks(Driver);
    if (VfLeakCount() == 0)
    {
        Discard(Driver);
    }
    else
    {
        // Its code may still be called, and its names are wanted in the report: the module stays.
        OsLockAcquire(&IopDriverLock);
        RemoveEntryList(&Private->Link);
        InitializeListHead(&Private->Link);
        OsLockRelease(&IopDriverLock);
    }
    return STATUS_SUCCESS;
}

void
IopStopDrivers(void)
{
    // What is left could not be unloaded; the process is ending and so is its code.
    while (!IsListEmpty(&IopDrivers))
    {
        IOP_DRIVER *Private = CONTAINING_RECORD(IopDrivers.Flink, IOP_DRIVER, Link);

        RemoveEntryList(&Private->Link);
        InitializeListHead(&Private->Link);
    }
}
