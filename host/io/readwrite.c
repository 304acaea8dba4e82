// SPDX-License-Identifier: MIT
// NtReadFile and NtWriteFile on buffered and direct devices.
//
// Devices that set neither DO_BUFFERED_IO nor DO_DIRECT_IO get the caller's pointer as it is on NT. That
// is not supported: such a request fails with STATUS_NOT_SUPPORTED and reaches no driver.
#include "io/iop.h"

// LARGE_INTEGER values of ByteOffset that mean a place instead of being one (HighPart is -1).
#define OFFSET_END     ((LONGLONG)-1)
#define OFFSET_CURRENT ((LONGLONG)-2)

// The offset that the driver is told. File lock held if synchronous.
static NTSTATUS
ChooseOffset(IOP_CALL *Call, BOOLEAN Write, BOOLEAN Given, LARGE_INTEGER *Offset)
{
    BOOLEAN AppendOnly =
        Write && (Call->Granted & (FILE_APPEND_DATA | FILE_WRITE_DATA)) == FILE_APPEND_DATA;

    if (AppendOnly)
    {
        Offset->QuadPart = OFFSET_END;
        return STATUS_SUCCESS;
    }
    if (Call->Locked)
    {
        if (!Given || Offset->QuadPart == OFFSET_CURRENT)
        {
            *Offset = Call->File->CurrentByteOffset;
            return STATUS_SUCCESS;
        }
    }
    else if (!Given && (Call->File->Flags & (FO_NAMED_PIPE | FO_MAILSLOT)) == 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    else if (!Given)
    {
        Offset->QuadPart = 0;
        return STATUS_SUCCESS;
    }
    if (Offset->QuadPart < 0 && !(Write && Offset->QuadPart == OFFSET_END))
    {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
AttachBuffer(IOP_CALL *Call, IOP_IRP *Iop, BOOLEAN Write, PVOID Buffer, ULONG Length)
{
    PIRP Irp = IopToIrp(Iop);
    NTSTATUS Status;

    Irp->Flags |= Write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION;
    if (Length == 0)
    {
        return STATUS_SUCCESS;
    }
    if ((Call->Device->Flags & DO_DIRECT_IO) != 0 && (Call->Device->Flags & DO_BUFFERED_IO) == 0)
    {
        return IopDirectBuffer(Iop, Buffer, Length, Write ? IoReadAccess : IoWriteAccess);
    }
    Status = IopSystemBuffer(Iop, Length, Buffer, Write ? Length : 0);
    if (!Write)
    {
        Irp->UserBuffer = Buffer;
        Irp->Flags |= IRP_INPUT_OPERATION;
        Iop->OutputLength = Length;
    }
    return Status;
}

static NTSTATUS
Transfer(IOP_CALL *Call, BOOLEAN Write, PVOID ApcContext, PIO_STATUS_BLOCK Iosb, PVOID Buffer,
         ULONG Length, LARGE_INTEGER Offset, ULONG Key)
{
    IOP_IRP *Iop = IopCallIrp(Call, ApcContext, Iosb);
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status;

    if (Iop == NULL)
    {
        IopEndCall(Call);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = AttachBuffer(Call, Iop, Write, Buffer, Length);
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
    Stack->MajorFunction = Write ? IRP_MJ_WRITE : IRP_MJ_READ;
    if (Write && (Call->File->Flags & FO_WRITE_THROUGH) != 0)
    {
        Stack->Flags = SL_WRITE_THROUGH;
    }
    Stack->Parameters.Read.Length = Length;
    Stack->Parameters.Read.Key = Key;
    Stack->Parameters.Read.ByteOffset = Offset;
    return IopIssue(Call->Device, Iop);
}

static NTSTATUS
ReadOrWrite(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
            PIO_STATUS_BLOCK Iosb, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
            PULONG Key, BOOLEAN Write)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    ULONG LockKey = 0;
    IOP_CALL Call;
    NTSTATUS Status =
        IopBeginCall(&Call, FileHandle, Write ? 0 : FILE_READ_DATA, Event, ApcRoutine, Iosb);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Write && Call.Mode != KernelMode &&
        (Call.Granted & (FILE_WRITE_DATA | FILE_APPEND_DATA)) == 0)
    {
        Status = STATUS_ACCESS_DENIED;
    }
    if (NT_SUCCESS(Status) && Call.Mode != KernelMode)
    {
        Status = MmProbeCaller(Buffer, Length, !Write);
    }
    if (NT_SUCCESS(Status) && ByteOffset != NULL)
    {
        Status = MmCopyFromCaller(&Offset, ByteOffset, sizeof(Offset));
    }
    if (NT_SUCCESS(Status) && Key != NULL)
    {
        Status = MmCopyFromCaller(&LockKey, Key, sizeof(LockKey));
    }
    if (NT_SUCCESS(Status) && (Call.Device->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO)) == 0)
    {
        Status = STATUS_NOT_SUPPORTED;
    }
    if (NT_SUCCESS(Status))
    {
        Status = IopArmCall(&Call);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ChooseOffset(&Call, Write, ByteOffset != NULL, &Offset);
    }
    if (Status != STATUS_SUCCESS)
    {
        IopEndCall(&Call);
        return Status;
    }
    return Transfer(&Call, Write, ApcContext, Iosb, Buffer, Length, Offset, LockKey);
}

NTSTATUS
NtReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
           PULONG Key)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ReadOrWrite(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length,
                       ByteOffset, Key, FALSE);
}

NTSTATUS
NtWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
            PIO_STATUS_BLOCK IoStatusBlock, const VOID *Buffer, ULONG Length,
            PLARGE_INTEGER ByteOffset, PULONG Key)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return ReadOrWrite(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, (PVOID)Buffer,
                       Length, ByteOffset, Key, TRUE);
}

NTSTATUS
ZwReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
           PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
           PULONG Key)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtReadFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer,
                                 Length, ByteOffset, Key);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
            PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
            PULONG Key)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtWriteFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer,
                                  Length, ByteOffset, Key);

    KiLeaveZw(Old);
    return Status;
}
