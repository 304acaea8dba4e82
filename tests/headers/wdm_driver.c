// SPDX-License-Identifier: MIT
// Compile test: a WDM driver with events, a DPC, a timer, a cancel-safe queue and a section.
//
// It compiles unchanged with nthost's kernel headers and with mingw-w64's; nothing here is run.
#include <ntifs.h>
#include <wdmsec.h>

#define PROBE_TAG            'borP'
#define IOCTL_PROBE_REGISTER CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_WRITE_DATA)
#define IOCTL_PROBE_WAIT     CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_OUT_DIRECT, FILE_READ_DATA)

typedef struct _PROBE_EXTENSION
{
    PDEVICE_OBJECT Device;
    KSPIN_LOCK EventLock;
    PKEVENT UserEvent;
    LIST_ENTRY Pending;
    KSPIN_LOCK PendingLock;
    IO_CSQ Queue;
    KTIMER Timer;
    KDPC Dpc;
    PIO_WORKITEM WorkItem;
    volatile LONG WorkQueued;
    volatile LONG64 Ticks;
    KEVENT Stop;
    PVOID Thread;
    HANDLE NamedHandle;
    PKEVENT NamedEvent;
} PROBE_EXTENSION, *PPROBE_EXTENSION;

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD ProbeUnload;
static DRIVER_DISPATCH ProbeCreateClose;
static DRIVER_DISPATCH ProbeCleanup;
static DRIVER_DISPATCH ProbeDeviceControl;
static KDEFERRED_ROUTINE ProbeTimerDpc;
static IO_WORKITEM_ROUTINE ProbeWork;
static KSTART_ROUTINE ProbeThread;
static IO_COMPLETION_ROUTINE ProbeForwarded;
static DRIVER_CANCEL ProbeCancel;

static VOID
ProbeInsertIrp(PIO_CSQ Csq, PIRP Irp)
{
    PPROBE_EXTENSION Extension = CONTAINING_RECORD(Csq, PROBE_EXTENSION, Queue);

    InsertTailList(&Extension->Pending, &Irp->Tail.Overlay.ListEntry);
}

static VOID
ProbeRemoveIrp(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP
ProbePeekNextIrp(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    PPROBE_EXTENSION Extension = CONTAINING_RECORD(Csq, PROBE_EXTENSION, Queue);
    PLIST_ENTRY Entry = Irp == NULL ? Extension->Pending.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    for (; Entry != &Extension->Pending; Entry = Entry->Flink)
    {
        PIRP Next = CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL ||
            IoGetCurrentIrpStackLocation(Next)->FileObject == (PFILE_OBJECT)PeekContext)
            return Next;
    }
    return NULL;
}

static VOID
ProbeAcquireLock(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&CONTAINING_RECORD(Csq, PROBE_EXTENSION, Queue)->PendingLock, Irql);
}

static VOID
ProbeReleaseLock(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&CONTAINING_RECORD(Csq, PROBE_EXTENSION, Queue)->PendingLock, Irql);
}

static VOID
ProbeCompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

static VOID
ProbeCompleteCanceledIrp(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    ProbeCompleteIrp(Irp, STATUS_CANCELLED, 0);
}

static VOID NTAPI
ProbeCancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    ProbeCompleteIrp(Irp, STATUS_CANCELLED, 0);
}

// A request pended by hand, without the queue: the cancel routine race in its usual form.
static NTSTATUS
ProbePendByHand(PIRP Irp)
{
    KIRQL Irql;

    IoMarkIrpPending(Irp);
    IoAcquireCancelSpinLock(&Irql);
    IoSetCancelRoutine(Irp, ProbeCancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
    {
        IoReleaseCancelSpinLock(Irql);
        ProbeCompleteIrp(Irp, STATUS_CANCELLED, 0);
        return STATUS_PENDING;
    }
    IoReleaseCancelSpinLock(Irql);
    return STATUS_PENDING;
}

static VOID NTAPI
ProbeTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PPROBE_EXTENSION Extension = (PPROBE_EXTENSION)Context;
    PIRP Irp;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);

    InterlockedIncrement64(&Extension->Ticks);
    KeAcquireSpinLockAtDpcLevel(&Extension->EventLock);
    if (Extension->UserEvent != NULL)
        KeSetEvent(Extension->UserEvent, EVENT_INCREMENT, FALSE);
    KeReleaseSpinLockFromDpcLevel(&Extension->EventLock);

    Irp = IoCsqRemoveNextIrp(&Extension->Queue, NULL);
    if (Irp != NULL)
    {
        PVOID Buffer = Irp->MdlAddress == NULL
                           ? NULL
                           : MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);

        if (Buffer != NULL && MmGetMdlByteCount(Irp->MdlAddress) >= sizeof(LONG64))
        {
            RtlCopyMemory(Buffer, (PVOID)&Extension->Ticks, sizeof(LONG64));
            ProbeCompleteIrp(Irp, STATUS_SUCCESS, sizeof(LONG64));
        }
        else
            ProbeCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    }
    if (InterlockedCompareExchange(&Extension->WorkQueued, 1, 0) == 0)
        IoQueueWorkItem(Extension->WorkItem, ProbeWork, DelayedWorkQueue, Extension);
}

static VOID NTAPI
ProbeWork(PDEVICE_OBJECT Device, PVOID Context)
{
    PPROBE_EXTENSION Extension = (PPROBE_EXTENSION)Context;
    LARGE_INTEGER Now;
    TIME_FIELDS Fields;

    UNREFERENCED_PARAMETER(Device);
    PAGED_CODE();
    KeQuerySystemTime(&Now);
    RtlTimeToTimeFields(&Now, &Fields);
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "probe: %I64d ticks in %d\n",
               Extension->Ticks, Fields.Year);
    KdPrint(("probe: free of work\n"));
    InterlockedExchange(&Extension->WorkQueued, 0);
}

static VOID NTAPI
ProbeThread(PVOID Context)
{
    PPROBE_EXTENSION Extension = (PPROBE_EXTENSION)Context;
    PVOID Objects[2];
    LARGE_INTEGER Timeout;
    NTSTATUS Status;

    Objects[0] = &Extension->Stop;
    Objects[1] = Extension->NamedEvent;
    Timeout.QuadPart = -10 * 1000 * 1000;
    KeSetPriorityThread(KeGetCurrentThread(), LOW_REALTIME_PRIORITY);
    do
    {
        Status = KeWaitForMultipleObjects(2, Objects, WaitAny, Executive, KernelMode, FALSE,
                                          &Timeout, NULL);
        if (Status == STATUS_TIMEOUT)
            KeDelayExecutionThread(KernelMode, FALSE, &Timeout);
    } while (Status != STATUS_WAIT_0);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS NTAPI
ProbeForwarded(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS
ProbeForward(PDEVICE_OBJECT Lower, PIRP Irp)
{
    KEVENT Done;
    NTSTATUS Status;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, ProbeForwarded, &Done, TRUE, TRUE, TRUE);
    Status = IoCallDriver(Lower, Irp);
    if (Status == STATUS_PENDING)
    {
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        Status = Irp->IoStatus.Status;
    }
    return Status;
}

static NTSTATUS
ProbeRegister(PPROBE_EXTENSION Extension, HANDLE Handle)
{
    PKEVENT Event;
    KIRQL Irql;
    NTSTATUS Status;

    Status = ObReferenceObjectByHandle(Handle, EVENT_MODIFY_STATE, *ExEventObjectType, UserMode,
                                       (PVOID *)&Event, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    KeAcquireSpinLock(&Extension->EventLock, &Irql);
    Event = (PKEVENT)InterlockedExchangePointer((PVOID volatile *)&Extension->UserEvent, Event);
    KeReleaseSpinLock(&Extension->EventLock, Irql);
    if (Event != NULL)
        ObDereferenceObject(Event);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI
ProbeDeviceControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PPROBE_EXTENSION Extension = (PPROBE_EXTENSION)Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode)
    {
    case IOCTL_PROBE_REGISTER:
        if (Stack->Parameters.DeviceIoControl.InputBufferLength != sizeof(HANDLE))
            Status = STATUS_INVALID_BUFFER_SIZE;
        else
            Status = ProbeRegister(Extension, *(PHANDLE)Irp->AssociatedIrp.SystemBuffer);
        break;
    case IOCTL_PROBE_WAIT:
        if (Stack->MinorFunction != 0)
            return ProbePendByHand(Irp);
        IoCsqInsertIrp(&Extension->Queue, Irp, NULL);
        return STATUS_PENDING;
    default:
        Status = Device->AttachedDevice != NULL ? ProbeForward(Device->AttachedDevice, Irp)
                                                : STATUS_INVALID_DEVICE_REQUEST;
        break;
    }
    ProbeCompleteIrp(Irp, Status, 0);
    return Status;
}

static NTSTATUS NTAPI
ProbeCreateClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    ProbeCompleteIrp(Irp, STATUS_SUCCESS, 0);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI
ProbeCleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    PPROBE_EXTENSION Extension = (PPROBE_EXTENSION)Device->DeviceExtension;
    PIRP Pending;

    while ((Pending = IoCsqRemoveNextIrp(&Extension->Queue,
                                         IoGetCurrentIrpStackLocation(Irp)->FileObject)) != NULL)
        ProbeCompleteIrp(Pending, STATUS_CANCELLED, 0);
    ProbeCompleteIrp(Irp, STATUS_SUCCESS, 0);
    return STATUS_SUCCESS;
}

// The shape of a section shared with an application: created, viewed by the system, locked down.
static NTSTATUS
ProbeShareMemory(SIZE_T Bytes)
{
    HANDLE Section;
    PVOID Object;
    PVOID View = NULL;
    PMDL Mdl;
    OBJECT_ATTRIBUTES Attributes;
    LARGE_INTEGER Size;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Size.QuadPart = (LONGLONG)Bytes;
    Status = ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Attributes, &Size, PAGE_READWRITE,
                             SEC_COMMIT, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Section, SECTION_MAP_READ | SECTION_MAP_WRITE, NULL,
                                       KernelMode, &Object, NULL);
    if (NT_SUCCESS(Status))
    {
        Status = MmMapViewInSystemSpace(Object, &View, &Bytes);
        if (NT_SUCCESS(Status))
        {
            Mdl = IoAllocateMdl(View, (ULONG)Bytes, FALSE, FALSE, NULL);
            if (Mdl != NULL)
            {
                MmProbeAndLockPages(Mdl, KernelMode, IoModifyAccess);
                MmUnlockPages(Mdl);
                IoFreeMdl(Mdl);
            }
            else
                Status = STATUS_INSUFFICIENT_RESOURCES;
            MmUnmapViewInSystemSpace(View);
        }
        ObDereferenceObject(Object);
    }
    ZwClose(Section);
    return Status;
}

static NTSTATUS
ProbeStart(PDRIVER_OBJECT Driver, PPROBE_EXTENSION Extension)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    LARGE_INTEGER Due;
    HANDLE Thread;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Driver);
    KeInitializeSpinLock(&Extension->EventLock);
    KeInitializeSpinLock(&Extension->PendingLock);
    InitializeListHead(&Extension->Pending);
    KeInitializeEvent(&Extension->Stop, NotificationEvent, FALSE);
    KeInitializeDpc(&Extension->Dpc, ProbeTimerDpc, Extension);
    KeInitializeTimerEx(&Extension->Timer, SynchronizationTimer);
    Status = IoCsqInitialize(&Extension->Queue, ProbeInsertIrp, ProbeRemoveIrp, ProbePeekNextIrp,
                             ProbeAcquireLock, ProbeReleaseLock, ProbeCompleteCanceledIrp);
    if (!NT_SUCCESS(Status))
        return Status;
    Extension->WorkItem = IoAllocateWorkItem(Extension->Device);
    if (Extension->WorkItem == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlInitUnicodeString(&Name, L"\\BaseNamedObjects\\Probe");
    Extension->NamedEvent = IoCreateSynchronizationEvent(&Name, &Extension->NamedHandle);
    if (Extension->NamedEvent == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, ProbeThread,
                                  Extension);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Thread, SYNCHRONIZE, *PsThreadType, KernelMode,
                                       &Extension->Thread, NULL);
    ZwClose(Thread);
    if (!NT_SUCCESS(Status))
        return Status;
    Due.QuadPart = -10 * 1000;
    KeSetTimerEx(&Extension->Timer, Due, 1, &Extension->Dpc);
    return ProbeShareMemory(64 * PAGE_SIZE);
}

static VOID NTAPI
ProbeUnload(PDRIVER_OBJECT Driver)
{
    PPROBE_EXTENSION Extension = (PPROBE_EXTENSION)Driver->DeviceObject->DeviceExtension;
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\Global\\Probe");

    KeCancelTimer(&Extension->Timer);
    KeFlushQueuedDpcs();
    KeSetEvent(&Extension->Stop, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(Extension->Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Extension->Thread);
    ZwClose(Extension->NamedHandle);
    IoFreeWorkItem(Extension->WorkItem);
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Probe");
    UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\Global\\Probe");
    UNICODE_STRING Sddl = RTL_CONSTANT_STRING(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    PWCHAR Copy;
    PDEVICE_OBJECT Device;
    NTSTATUS Status;

    Copy = (PWCHAR)ExAllocatePoolWithTag(NonPagedPool, RegistryPath->Length, PROBE_TAG);
    if (Copy == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyMemory(Copy, RegistryPath->Buffer, RegistryPath->Length);
    ExFreePoolWithTag(Copy, PROBE_TAG);

    Status = IoCreateDeviceSecure(Driver, sizeof(PROBE_EXTENSION), &Name, FILE_DEVICE_UNKNOWN,
                                  FILE_DEVICE_SECURE_OPEN, FALSE, &Sddl, NULL, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
        return Status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = ProbeCreateClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = ProbeCreateClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = ProbeCleanup;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = ProbeDeviceControl;
    Driver->DriverUnload = ProbeUnload;
    Device->Flags |= DO_DIRECT_IO;
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    ((PPROBE_EXTENSION)Device->DeviceExtension)->Device = Device;
    return ProbeStart(Driver, (PPROBE_EXTENSION)Device->DeviceExtension);
}
