// SPDX-License-Identifier: MIT
// File objects: opening through a device (IRP_MJ_CREATE), cleanup at the last handle, close at the end.
//
// A file object holds one count of its device's ReferenceCount from a successful IopReferenceDevice
// until it is deleted; DeviceObject is NULL in one that was never opened, and such a one is only freed.
// IRP_MJ_CLEANUP is sent once, when the last handle in the whole system is closed (or at deletion, if
// a handle never was); IRP_MJ_CLOSE when the last reference is gone. Both at PASSIVE_LEVEL and awaited.
//
// The lock of a synchronous file object: Busy is the lock, Waiters the number of threads that want it,
// Lock (auto-reset) what they sleep on. Release stores Busy = 0 and then reads Waiters; a waiter counts
// itself and then tries Busy once more before it sleeps; all four sequentially consistent. So either the
// waiter gets the lock, or the releaser sees the waiter and sets the event, which stays set until a
// waiter takes it: no wakeup is lost. A thread that does not sleep may take the lock before the woken one.
#include "io/iop.h"

#include <string.h>

// ---- The file lock ----

static inline BOOLEAN
TryLock(PFILE_OBJECT File)
{
    return __atomic_exchange_n(&File->Busy, 1u, __ATOMIC_SEQ_CST) == 0;
}

NTSTATUS
IopLockFile(PFILE_OBJECT File, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (TryLock(File))
    {
        return STATUS_SUCCESS;
    }
    __atomic_add_fetch(&File->Waiters, 1u, __ATOMIC_SEQ_CST);
    while (!TryLock(File))
    {
        // In place even for an application: the request can only be sent on its own thread.
        Status = KeWaitForSingleObject(&File->Lock, Executive, Mode, FALSE, NULL);
        if (Status != STATUS_SUCCESS)
        {
            break;
        }
    }
    __atomic_sub_fetch(&File->Waiters, 1u, __ATOMIC_SEQ_CST);
    return Status;
}

void
IopUnlockFile(PFILE_OBJECT File)
{
    __atomic_store_n(&File->Busy, 0u, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&File->Waiters, __ATOMIC_SEQ_CST) != 0)
    {
        KeSetEvent(&File->Lock, IO_NO_INCREMENT, FALSE);
    }
}

// ---- Opening ----

static NTSTATUS
CheckAccess(PDEVICE_OBJECT Device, BOOLEAN HasName, KPROCESSOR_MODE Mode, IOP_OPEN *Open)
{
    ACCESS_MASK Desired = Open->Access;
    PSECURITY_DESCRIPTOR Descriptor;
    BOOLEAN Allocated;
    NTSTATUS Status;

    RtlMapGenericMask(&Desired, &IopFileType->Mapping);
    if (Mode == KernelMode)
    {
        Open->Access = (Desired & MAXIMUM_ALLOWED) != 0
                           ? (Desired & ~(ACCESS_MASK)MAXIMUM_ALLOWED) | FILE_ALL_ACCESS
                           : Desired;
        return STATUS_SUCCESS;
    }
    // A name behind the device's is the driver's to judge, unless it left that to us.
    if (HasName && (Device->Characteristics & FILE_DEVICE_SECURE_OPEN) == 0)
    {
        Open->Access = (Desired & MAXIMUM_ALLOWED) != 0
                           ? (Desired & ~(ACCESS_MASK)MAXIMUM_ALLOWED) | FILE_ALL_ACCESS
                           : Desired;
        return STATUS_SUCCESS;
    }
    Status = ObGetObjectSecurity(Device, &Descriptor, &Allocated);
    if (NT_SUCCESS(Status))
    {
        Status = SepAccessCheck(Descriptor, SepCurrentToken(), Desired, &IopFileType->Mapping,
                                &Open->Access);
        ObReleaseObjectSecurity(Descriptor, Allocated);
    }
    return Status;
}

static ULONG
FlagsOf(const IOP_OPEN *Open)
{
    ULONG Flags = 0;

    if ((Open->Options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)) != 0)
    {
        Flags |= FO_SYNCHRONOUS_IO;
        if ((Open->Options & FILE_SYNCHRONOUS_IO_ALERT) != 0)
        {
            Flags |= FO_ALERTABLE_IO;
        }
    }
    if ((Open->Options & FILE_NO_INTERMEDIATE_BUFFERING) != 0)
    {
        Flags |= FO_NO_INTERMEDIATE_BUFFERING;
    }
    if ((Open->Options & FILE_WRITE_THROUGH) != 0)
    {
        Flags |= FO_WRITE_THROUGH;
    }
    if ((Open->Options & FILE_SEQUENTIAL_ONLY) != 0)
    {
        Flags |= FO_SEQUENTIAL_ONLY;
    }
    if ((Open->Options & FILE_RANDOM_ACCESS) != 0)
    {
        Flags |= FO_RANDOM_ACCESS;
    }
    if ((Open->Attributes & OBJ_CASE_INSENSITIVE) == 0)
    {
        Flags |= FO_OPENED_CASE_SENSITIVE;
    }
    return Flags;
}

static NTSTATUS
CreateFileObject(PUNICODE_STRING Name, const IOP_OPEN *Open, PFILE_OBJECT *Result)
{
    PFILE_OBJECT File;
    NTSTATUS Status =
        ObpCreateObject(IopFileType, sizeof(FILE_OBJECT) + sizeof(IOP_FILE), (PVOID *)&File);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    File->Type = IO_TYPE_FILE;
    File->Size = sizeof(FILE_OBJECT);
    File->Flags = FlagsOf(Open);
    File->RelatedFileObject = Open->Related;
    KeInitializeEvent(&File->Event, NotificationEvent, FALSE);
    KeInitializeEvent(&File->Lock, SynchronizationEvent, FALSE);
    InitializeListHead(&File->IrpList);
    if (Name->Length != 0)
    {
        File->FileName.Buffer =
            MiAllocatePool(NonPagedPoolNx, Name->Length + sizeof(WCHAR), MI_TAG_HOST, TRUE);
        if (File->FileName.Buffer == NULL)
        {
            ObDereferenceObject(File);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        memcpy(File->FileName.Buffer, Name->Buffer, Name->Length);
        File->FileName.Length = Name->Length;
        File->FileName.MaximumLength = (USHORT)(Name->Length + sizeof(WCHAR));
    }
    *Result = File;
    return STATUS_SUCCESS;
}

static void
DescribeAccess(ACCESS_STATE *State, IO_SECURITY_CONTEXT *Context, ACCESS_MASK Desired,
               const IOP_OPEN *Open)
{
    memset(State, 0, sizeof(*State));
    State->OriginalDesiredAccess = Desired;
    State->PreviouslyGrantedAccess = Open->Access;
    State->SubjectSecurityContext.PrimaryToken = SepCurrentToken();
    State->SubjectSecurityContext.ProcessAuditId = PspCurrentProcess()->UniqueProcessId;
    memset(Context, 0, sizeof(*Context));
    Context->AccessState = State;
    Context->DesiredAccess = Open->Access;
    Context->FullCreateOptions = Open->Options;
}

static NTSTATUS
SendCreate(PDEVICE_OBJECT Device, PFILE_OBJECT File, ACCESS_MASK Desired, KPROCESSOR_MODE Mode,
           IOP_OPEN *Open)
{
    PDEVICE_OBJECT Top = IoGetAttachedDevice(Device);
    IO_SECURITY_CONTEXT Context;
    ACCESS_STATE State;
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status;
    PIRP Irp = IopAllocateIrp(Top->StackSize, IopKindInternal);

    if (Irp == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    DescribeAccess(&State, &Context, Desired, Open);
    Irp->Flags = IRP_CREATE_OPERATION | IRP_SYNCHRONOUS_API | IRP_DEFER_IO_COMPLETION;
    Irp->RequestorMode = Mode;
    Irp->Tail.Overlay.Thread = PspCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = File;
    Irp->Overlay.AllocationSize = Open->AllocationSize;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = IRP_MJ_CREATE;
    Stack->Flags =
        (UCHAR)(((Open->Attributes & OBJ_CASE_INSENSITIVE) == 0 ? SL_CASE_SENSITIVE : 0) |
                ((Open->Attributes & OBJ_FORCE_ACCESS_CHECK) != 0 ? SL_FORCE_ACCESS_CHECK : 0));
    Stack->FileObject = File;
    Stack->Parameters.Create.SecurityContext = &Context;
    Stack->Parameters.Create.Options = Open->Disposition << 24 | Open->Options;
    Stack->Parameters.Create.FileAttributes = (USHORT)Open->FileAttributes;
    Stack->Parameters.Create.ShareAccess = (USHORT)Open->ShareAccess;

    Status = IopCallInternal(Top, IopOfIrp(Irp), TRUE);
    Open->Status.Status = Status;
    Open->Status.Information = IopOfIrp(Irp)->FinalInformation;
    IopFreeIrp(IopOfIrp(Irp));
    // A success to the driver, but "open that other name" to us: names of devices are not reparsed.
    return Status == STATUS_REPARSE ? STATUS_NOT_SUPPORTED : Status;
}

NTSTATUS
IopParseDevice(PVOID Object, PUNICODE_STRING Remaining, ACCESS_MASK Access, KPROCESSOR_MODE Mode,
               PVOID Context, PVOID *Opened)
{
    PDEVICE_OBJECT Device = Object;
    IOP_OPEN *Open = Context;
    ACCESS_MASK Desired;
    PFILE_OBJECT File;
    NTSTATUS Status;

    (void)Access;  // Open->Access, which the caller's handle gets when it is granted
    if (Open == NULL)
    {
        return STATUS_OBJECT_TYPE_MISMATCH;  // only a file is opened through a device
    }
    if ((Open->Attributes & OBJ_FORCE_ACCESS_CHECK) != 0)
    {
        Mode = UserMode;
    }
    Desired = Open->Access;
    Status = CheckAccess(Device, Remaining->Length != 0, Mode, Open);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = CreateFileObject(Remaining, Open, &File);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = IopReferenceDevice(Device);
    if (!NT_SUCCESS(Status))
    {
        ObDereferenceObject(File);
        return Status;
    }
    File->DeviceObject = Device;
    File->Vpb = Device->Vpb;
    Status = SendCreate(Device, File, Desired, KiCurrentThread->PreviousMode, Open);
    File->RelatedFileObject = NULL;  // valid during the create only
    if (!NT_SUCCESS(Status))
    {
        // Never opened: neither cleanup nor close may reach the driver.
        File->DeviceObject = NULL;
        ObDereferenceObject(File);
        IopDereferenceDevice(Device);
        return Status;
    }
    File->Flags |= FO_FILE_OPEN;
    *Opened = File;
    return STATUS_SUCCESS;
}

// ---- The end ----

static void
SendLast(PFILE_OBJECT File, UCHAR Major)
{
    PDEVICE_OBJECT Top = IoGetRelatedDeviceObject(File);
    LARGE_INTEGER Interval = {.QuadPart = -10000};
    PIO_STACK_LOCATION Stack;
    PIRP Irp;

    // A driver that never hears of a cleanup leaks what the handle stood for: it is sent, whatever the
    // memory situation; the one we wait for here frees some.
    while ((Irp = IopAllocateIrp(Top->StackSize, IopKindInternal)) == NULL)
    {
        KeDelayExecutionThread(KernelMode, FALSE, &Interval);
    }
    Irp->Flags = (Major == IRP_MJ_CLOSE ? IRP_CLOSE_OPERATION : 0) | IRP_SYNCHRONOUS_API;
    Irp->RequestorMode = KernelMode;
    Irp->Tail.Overlay.Thread = PspCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = File;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = Major;
    Stack->FileObject = File;
    // The status says nothing: neither can be refused.
    (void)IopCallInternal(Top, IopOfIrp(Irp), FALSE);
    IopFreeIrp(IopOfIrp(Irp));
}

static void
Cleanup(PFILE_OBJECT File)
{
    BOOLEAN Synchronous = (File->Flags & FO_SYNCHRONOUS_IO) != 0;
    KPROCESSOR_MODE Old = KiEnterZw();

    if (Synchronous)
    {
        // As NT: a request of another thread on this synchronous handle ends first. That thread's
        // death releases the lock, so this wait need not be breakable.
        (void)IopLockFile(File, KernelMode);
    }
    SendLast(File, IRP_MJ_CLEANUP);
    __atomic_fetch_or(&File->Flags, FO_CLEANUP_COMPLETE, __ATOMIC_RELAXED);
    if (Synchronous)
    {
        IopUnlockFile(File);
    }
    KiLeaveZw(Old);
}

void
IopCloseFile(PEPROCESS Process, PVOID Object, ACCESS_MASK Granted, ULONG RemainingInProcess,
             ULONG Remaining)
{
    PFILE_OBJECT File = Object;

    (void)Granted;
    if (RemainingInProcess == 0 &&
        __atomic_load_n(&File->CompletionContext, __ATOMIC_ACQUIRE) != NULL)
    {
        BOOLEAN Dying;

        OsLockAcquire(&Process->Lock);
        Dying = Process->State != PspProcessAlive;
        OsLockRelease(&Process->Lock);
        IopCancelFileIrps(File, Process, Dying);
    }
    if (Remaining == 0)
    {
        Cleanup(File);
    }
}

void
IopDeleteFile(PVOID Object)
{
    PFILE_OBJECT File = Object;
    PDEVICE_OBJECT Device = File->DeviceObject;

    if (Device != NULL)
    {
        if ((File->Flags & FO_CLEANUP_COMPLETE) == 0)
        {
            Cleanup(File);  // opened, but no handle was ever made
        }
        KPROCESSOR_MODE Old = KiEnterZw();
        SendLast(File, IRP_MJ_CLOSE);
        KiLeaveZw(Old);
    }
    if (File->CompletionContext != NULL)
    {
        ObDereferenceObject(File->CompletionContext->Port);
    }
    if (File->FileName.Buffer != NULL)
    {
        MiFreePool(File->FileName.Buffer, MI_TAG_HOST, FALSE);
    }
    if (Device != NULL)
    {
        IopDereferenceDevice(Device);
    }
}
