// SPDX-License-Identifier: MIT
// NtDeviceIoControlFile: METHOD_BUFFERED, METHOD_IN_DIRECT and METHOD_OUT_DIRECT.
//
// METHOD_NEITHER hands the driver the caller's pointers as they are. That is not supported: such a
// request fails with STATUS_NOT_SUPPORTED and reaches no driver.
#include "io/iop.h"

typedef struct CONTROL
{
    ULONG Code;
    PVOID Input;
    ULONG InputLength;
    PVOID Output;
    ULONG OutputLength;
} CONTROL;

// The two access bits of the code, against what the handle was granted.
static NTSTATUS
CheckAccess(const IOP_CALL *Call, ULONG Code)
{
    ULONG Wanted = (Code >> 14) & (FILE_READ_ACCESS | FILE_WRITE_ACCESS);

    // FILE_READ_ACCESS is FILE_READ_DATA, FILE_WRITE_ACCESS is FILE_WRITE_DATA.
    return Call->Mode == KernelMode || (Call->Granted & Wanted) == Wanted ? STATUS_SUCCESS
                                                                          : STATUS_ACCESS_DENIED;
}

static NTSTATUS
AttachBuffers(IOP_IRP *Iop, const CONTROL *Control)
{
    PIRP Irp = IopToIrp(Iop);
    ULONG Method = Control->Code & 3;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Method == METHOD_BUFFERED)
    {
        ULONG Size = Control->InputLength > Control->OutputLength ? Control->InputLength
                                                                  : Control->OutputLength;

        if (Size == 0)
        {
            return STATUS_SUCCESS;
        }
        Irp->UserBuffer = Control->Output;
        Iop->OutputLength = Control->OutputLength;
        if (Control->Output != NULL)
        {
            Irp->Flags |= IRP_INPUT_OPERATION;
        }
        return IopSystemBuffer(Iop, Size, Control->Input, Control->InputLength);
    }
    if (Control->InputLength != 0)
    {
        Status = IopSystemBuffer(Iop, Control->InputLength, Control->Input, Control->InputLength);
    }
    if (NT_SUCCESS(Status) && Control->OutputLength != 0)
    {
        Status = IopDirectBuffer(Iop, Control->Output, Control->OutputLength,
                                 Method == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
    }
    return Status;
}

static NTSTATUS
SendControl(IOP_CALL *Call, const CONTROL *Control, PVOID ApcContext, PIO_STATUS_BLOCK Iosb)
{
    IOP_IRP *Iop = IopCallIrp(Call, ApcContext, Iosb);
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status;

    if (Iop == NULL)
    {
        IopEndCall(Call);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = AttachBuffers(Iop, Control);
    if (!NT_SUCCESS(Status))
    {
        if (Call->Locked)
        {
            IopUnlockFile(Call->File);
        }
        IopAbandonUnsent(Iop);
        return Status;
    }
    Stack = IoGetNextIrpStackLocation(IopToIrp(Iop));
    Stack->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    Stack->Parameters.DeviceIoControl.IoControlCode = Control->Code;
    Stack->Parameters.DeviceIoControl.InputBufferLength = Control->InputLength;
    Stack->Parameters.DeviceIoControl.OutputBufferLength = Control->OutputLength;
    return IopIssue(Call->Device, Iop);
}

NTSTATUS
NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                      PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                      ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    // As NT: no buffer, no length.
    CONTROL Control = {IoControlCode, InputBuffer, InputBuffer != NULL ? InputBufferLength : 0,
                       OutputBuffer, OutputBuffer != NULL ? OutputBufferLength : 0};
    IOP_CALL Call;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = IopBeginCall(&Call, FileHandle, 0, Event, ApcRoutine, IoStatusBlock);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = CheckAccess(&Call, IoControlCode);
    if (NT_SUCCESS(Status) && (IoControlCode & 3) == METHOD_NEITHER)
    {
        Status = STATUS_NOT_SUPPORTED;
    }
    if (NT_SUCCESS(Status) && Call.Mode != KernelMode && Control.OutputLength != 0 &&
        (IoControlCode & 3) == METHOD_BUFFERED)
    {
        Status = MmProbeCaller(OutputBuffer, Control.OutputLength, TRUE);
    }
    if (NT_SUCCESS(Status))
    {
        Status = IopArmCall(&Call);
    }
    if (Status != STATUS_SUCCESS)
    {
        IopEndCall(&Call);
        return Status;
    }
    return SendControl(&Call, &Control, ApcContext, IoStatusBlock);
}

NTSTATUS
ZwDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                      PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer,
                      ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtDeviceIoControlFile(FileHandle, Event, ApcRoutine, ApcContext,
                                            IoStatusBlock, IoControlCode, InputBuffer,
                                            InputBufferLength, OutputBuffer, OutputBufferLength);

    KiLeaveZw(Old);
    return Status;
}
