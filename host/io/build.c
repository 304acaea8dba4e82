// SPDX-License-Identifier: MIT
// IRPs that drivers send to other drivers: IoBuildDeviceIoControlRequest and the two for read and write.
//
// The synchronous ones belong to the thread that builds them: they end by themselves, write the caller's
// status block, set its event, and are cancelled when the thread ends. Buffers are kernel memory.
#include "io/iop.h"

#include <string.h>

static IOP_IRP *
Allocate(PDEVICE_OBJECT Device, IOP_KIND Kind, PKEVENT Event, PIO_STATUS_BLOCK Iosb)
{
    PIRP Irp = IopAllocateIrp(Device->StackSize, Kind);
    IOP_IRP *Iop;

    if (Irp == NULL)
    {
        return NULL;
    }
    Iop = IopOfIrp(Irp);
    Iop->UserEvent = Event;
    Irp->UserEvent = Event;
    Irp->UserIosb = Iosb;
    Irp->RequestorMode = KernelMode;
    Irp->Tail.Overlay.Thread = PspCurrentThread();
    return Iop;
}

// Not sent yet, so nothing is held but the buffers. The event is the caller's own.
static PIRP
Discard(IOP_IRP *Iop)
{
    Iop->UserEvent = NULL;
    IopAbandonUnsent(Iop);
    return NULL;
}

static BOOLEAN
AttachSystemBuffer(IOP_IRP *Iop, SIZE_T Size, const VOID *Input, SIZE_T Length)
{
    PIRP Irp = IopToIrp(Iop);

    if (!IopAllocateSystemBuffer(Iop, Size))
    {
        return FALSE;
    }
    Irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    if (Length != 0)
    {
        memcpy(Iop->SystemBuffer, Input, Length);
    }
    return TRUE;
}

static BOOLEAN
AttachMdl(IOP_IRP *Iop, PVOID Buffer, ULONG Length, LOCK_OPERATION Operation)
{
    PMDL Mdl = IoAllocateMdl(Buffer, Length, FALSE, FALSE, IopToIrp(Iop));

    return Mdl != NULL && NT_SUCCESS(MiProbeAndLockPages(Mdl, KernelMode, Operation));
}

static BOOLEAN
AttachControlBuffers(IOP_IRP *Iop, ULONG Code, PVOID Input, ULONG InputLength, PVOID Output,
                     ULONG OutputLength)
{
    PIRP Irp = IopToIrp(Iop);
    ULONG Method = Code & 3;

    if (Method == METHOD_NEITHER)
    {
        Irp->UserBuffer = Output;
        IoGetNextIrpStackLocation(Irp)->Parameters.DeviceIoControl.Type3InputBuffer = Input;
        return TRUE;
    }
    if (Method == METHOD_BUFFERED)
    {
        ULONG Size = InputLength > OutputLength ? InputLength : OutputLength;

        if (Size == 0)
        {
            return TRUE;
        }
        Irp->UserBuffer = Output;
        Iop->OutputLength = OutputLength;
        Irp->Flags |= Output != NULL ? IRP_INPUT_OPERATION : 0;
        return AttachSystemBuffer(Iop, Size, Input, InputLength);
    }
    if (InputLength != 0 && !AttachSystemBuffer(Iop, InputLength, Input, InputLength))
    {
        return FALSE;
    }
    return OutputLength == 0 ||
           AttachMdl(Iop, Output, OutputLength,
                     Method == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
}

PIRP
IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                              ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                              BOOLEAN InternalDeviceIoControl, PKEVENT Event,
                              PIO_STATUS_BLOCK IoStatusBlock)
{
    IOP_IRP *Iop;
    PIO_STACK_LOCATION Stack;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Iop = Allocate(DeviceObject, IopKindThreaded, Event, IoStatusBlock);
    if (Iop == NULL)
    {
        return NULL;
    }
    Stack = IoGetNextIrpStackLocation(IopToIrp(Iop));
    Stack->MajorFunction =
        InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    Stack->Parameters.DeviceIoControl.IoControlCode = IoControlCode;
    Stack->Parameters.DeviceIoControl.InputBufferLength = InputBufferLength;
    Stack->Parameters.DeviceIoControl.OutputBufferLength = OutputBufferLength;
    if (!AttachControlBuffers(Iop, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                              OutputBufferLength))
    {
        return Discard(Iop);
    }
    return IopToIrp(Iop);
}

static PIRP
BuildFsd(IOP_KIND Kind, ULONG Major, PDEVICE_OBJECT Device, PVOID Buffer, ULONG Length,
         PLARGE_INTEGER Offset, PKEVENT Event, PIO_STATUS_BLOCK Iosb)
{
    IOP_IRP *Iop = Allocate(Device, Kind, Event, Iosb);
    PIO_STACK_LOCATION Stack;
    PIRP Irp;

    if (Iop == NULL)
    {
        return NULL;
    }
    Irp = IopToIrp(Iop);
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = (UCHAR)Major;
    if (Major != IRP_MJ_READ && Major != IRP_MJ_WRITE)
    {
        return Irp;
    }
    Irp->Flags |= Major == IRP_MJ_READ ? IRP_READ_OPERATION : IRP_WRITE_OPERATION;
    Stack->Parameters.Read.Length = Length;
    if (Offset != NULL)
    {
        Stack->Parameters.Read.ByteOffset = *Offset;
    }
    if (Length == 0 || (Device->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO)) == 0)
    {
        Irp->UserBuffer = Buffer;
        return Irp;
    }
    if ((Device->Flags & DO_BUFFERED_IO) != 0)
    {
        if (!AttachSystemBuffer(Iop, Length, Buffer, Major == IRP_MJ_WRITE ? Length : 0))
        {
            return Discard(Iop);
        }
        Irp->UserBuffer = Buffer;
        if (Major == IRP_MJ_READ)
        {
            Irp->Flags |= IRP_INPUT_OPERATION;
            Iop->OutputLength = Length;
        }
        return Irp;
    }
    return AttachMdl(Iop, Buffer, Length, Major == IRP_MJ_WRITE ? IoReadAccess : IoWriteAccess)
               ? Irp
               : Discard(Iop);
}

PIRP
IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer,
                             ULONG Length, PLARGE_INTEGER StartingOffset, PKEVENT Event,
                             PIO_STATUS_BLOCK IoStatusBlock)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return BuildFsd(IopKindThreaded, MajorFunction, DeviceObject, Buffer, Length, StartingOffset,
                    Event, IoStatusBlock);
}
