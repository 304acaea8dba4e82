// SPDX-License-Identifier: MIT
// Keeps requests in a cancel-safe queue until it is told to complete them, inline or from a DPC.

#include <ntddk.h>

#include "shared.h"

typedef struct EXTENSION
{
    IO_CSQ Queue;
    KSPIN_LOCK Lock;
    LIST_ENTRY List;  // guarded by Lock, as is Waiting
    ULONG Waiting;
    KDPC Dpc;
    OVTEST_RELEASE_REQUEST Release;  // of the DPC, which has run before the next request comes
    ULONG Released;
} EXTENSION;

static DRIVER_DISPATCH Trivial, Control;
static DRIVER_UNLOAD Unload;
DRIVER_INITIALIZE DriverEntry;
static KDEFERRED_ROUTINE ReleaseDpc;

static EXTENSION *
Of(PIO_CSQ Csq)
{
    return CONTAINING_RECORD(Csq, EXTENSION, Queue);
}

static VOID
QueueInsert(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&Of(Csq)->List, &Irp->Tail.Overlay.ListEntry);
    Of(Csq)->Waiting++;
}

static VOID
QueueRemove(PIO_CSQ Csq, PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    Of(Csq)->Waiting--;
}

static PIRP
QueuePeek(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    PLIST_ENTRY Next = Irp == NULL ? Of(Csq)->List.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    UNREFERENCED_PARAMETER(Context);
    return Next == &Of(Csq)->List ? NULL : CONTAINING_RECORD(Next, IRP, Tail.Overlay.ListEntry);
}

static VOID
QueueAcquire(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&Of(Csq)->Lock, Irql);
}

static VOID
QueueRelease(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&Of(Csq)->Lock, Irql);
}

static NTSTATUS
Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static VOID
QueueCancelled(PIO_CSQ Csq, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Csq);
    Complete(Irp, STATUS_CANCELLED, 0);
}

static ULONG
FillBuffer(PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Length = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    PUCHAR To = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    ULONG Index;

    for (Index = 0; To != NULL && Index < Length; Index++)
    {
        To[Index] = (UCHAR)(Index % 251);
    }
    return To != NULL ? Length : 0;
}

static VOID
ReleaseSome(EXTENSION *Extension)
{
    OVTEST_RELEASE_REQUEST *Release = &Extension->Release;
    ULONG Done;

    for (Done = 0; Done < Release->Count; Done++)
    {
        PIRP Irp = IoCsqRemoveNextIrp(&Extension->Queue, NULL);

        if (Irp == NULL)
        {
            break;
        }
        if (Irp->MdlAddress != NULL)
        {
            Complete(Irp, (NTSTATUS)Release->Status, FillBuffer(Irp));
            continue;
        }
        *(UINT64 *)Irp->AssociatedIrp.SystemBuffer = Release->Value + Done;
        Complete(Irp, (NTSTATUS)Release->Status, sizeof(UINT64));
    }
    Extension->Released = Done;
}

static VOID
ReleaseDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument2);
    ReleaseSome(Context);
    KeSetEvent(Argument1, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS
Release(EXTENSION *Extension, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    KEVENT Done;

    if (Stack->Parameters.DeviceIoControl.InputBufferLength != sizeof(OVTEST_RELEASE_REQUEST) ||
        Stack->Parameters.DeviceIoControl.OutputBufferLength != sizeof(UINT32))
    {
        return Complete(Irp, STATUS_INVALID_PARAMETER, 0);
    }
    Extension->Release = *(OVTEST_RELEASE_REQUEST *)Irp->AssociatedIrp.SystemBuffer;
    if (Extension->Release.FromDpc)
    {
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
        KeInsertQueueDpc(&Extension->Dpc, &Done, NULL);
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    }
    else
    {
        ReleaseSome(Extension);
    }
    *(UINT32 *)Irp->AssociatedIrp.SystemBuffer = Extension->Released;
    return Complete(Irp, STATUS_SUCCESS, sizeof(UINT32));
}

static NTSTATUS
Pend(EXTENSION *Extension, PIRP Irp)
{
    IoCsqInsertIrp(&Extension->Queue, Irp, NULL);
    return STATUS_PENDING;
}

static ULONG
Sum(PIRP Irp)
{
    PUCHAR From = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    ULONG Length = MmGetMdlByteCount(Irp->MdlAddress);
    ULONG Index, Total = 0;

    for (Index = 0; From != NULL && Index < Length; Index++)
    {
        Total += From[Index];
    }
    return Total;
}

static NTSTATUS
Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *Extension = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG OutputLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    KIRQL Irql;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode)
    {
    case OVTEST_WAIT:
        return OutputLength == sizeof(UINT64) ? Pend(Extension, Irp)
                                              : Complete(Irp, STATUS_INVALID_PARAMETER, 0);
    case OVTEST_RELEASE:
        return Release(Extension, Irp);
    case OVTEST_COUNT:
        if (OutputLength < sizeof(UINT32))
        {
            return Complete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        }
        KeAcquireSpinLock(&Extension->Lock, &Irql);
        *(UINT32 *)Irp->AssociatedIrp.SystemBuffer = Extension->Waiting;
        KeReleaseSpinLock(&Extension->Lock, Irql);
        return Complete(Irp, STATUS_SUCCESS, sizeof(UINT32));
    case OVTEST_FILL:
        if (Stack->Parameters.DeviceIoControl.InputBufferLength == sizeof(UINT32) &&
            *(UINT32 *)Irp->AssociatedIrp.SystemBuffer != 0)
        {
            return Pend(Extension, Irp);
        }
        return Complete(Irp, STATUS_SUCCESS, FillBuffer(Irp));
    case OVTEST_SUM:
        return Complete(Irp, STATUS_SUCCESS, Sum(Irp));
    default:
        return Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static NTSTATUS
Trivial(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static VOID
Unload(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING Link;

    RtlInitUnicodeString(&Link, L"\\DosDevices\\OverlappedIo");
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(DriverObject->DeviceObject);
}

NTSTATUS
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name, Link;
    PDEVICE_OBJECT Device;
    EXTENSION *Extension;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    RtlInitUnicodeString(&Name, L"\\Device\\OverlappedIo");
    RtlInitUnicodeString(&Link, L"\\DosDevices\\OverlappedIo");
    Status = IoCreateDevice(DriverObject, sizeof(EXTENSION), &Name, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &Device);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Extension = Device->DeviceExtension;
    InitializeListHead(&Extension->List);
    KeInitializeSpinLock(&Extension->Lock);
    KeInitializeDpc(&Extension->Dpc, ReleaseDpc, Extension);
    IoCsqInitialize(&Extension->Queue, QueueInsert, QueueRemove, QueuePeek, QueueAcquire,
                    QueueRelease, QueueCancelled);
    DriverObject->MajorFunction[IRP_MJ_CREATE] = Trivial;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Trivial;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = Trivial;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    DriverObject->DriverUnload = Unload;
    Status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(Status))
    {
        IoDeleteDevice(Device);
    }
    return Status;
}
