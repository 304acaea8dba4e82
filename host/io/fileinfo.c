// SPDX-License-Identifier: MIT
// NtSetInformationFile and NtQueryInformationFile: the classes that the I/O manager answers itself.
//
// Classes that NT passes on to the driver (IRP_MJ_QUERY_INFORMATION, IRP_MJ_SET_INFORMATION) are refused
// with STATUS_INVALID_INFO_CLASS; no driver is called.
#include "io/iop.h"

#define VALID_NOTIFICATION_FLAGS                                            \
    (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE | \
     FILE_SKIP_SET_USER_EVENT_ON_FAST_IO)

static NTSTATUS
SetCompletion(PFILE_OBJECT File, const FILE_COMPLETION_INFORMATION *Information,
              KPROCESSOR_MODE Mode)
{
    IOP_FILE *Private = IopOfFile(File);
    PVOID Port;
    NTSTATUS Status;

    if ((File->Flags & FO_SYNCHRONOUS_IO) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    Status = ObReferenceObjectByHandle(Information->CompletionPort, IO_COMPLETION_MODIFY_STATE,
                                       IopCompletionType, Mode, &Port, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OsLockAcquire(&Private->PortLock);
    if (File->CompletionContext != NULL)
    {
        Status = STATUS_INVALID_PARAMETER;
    }
    else
    {
        Private->Port.Port = Port;
        Private->Port.Key = (PVOID)Information->CompletionKey;
        // Release: pairs with the acquire loads at issue and at completion.
        __atomic_store_n(&File->CompletionContext, &Private->Port, __ATOMIC_RELEASE);
    }
    OsLockRelease(&Private->PortLock);
    if (!NT_SUCCESS(Status))
    {
        ObDereferenceObject(Port);
    }
    return Status;
}

static NTSTATUS
SetNotification(PFILE_OBJECT File, ULONG Flags)
{
    ULONG Set = 0;

    if ((File->Flags & FO_SYNCHRONOUS_IO) != 0 || (Flags & ~(ULONG)VALID_NOTIFICATION_FLAGS) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Flags & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) != 0)
    {
        Set |= FO_SKIP_COMPLETION_PORT;
    }
    if ((Flags & FILE_SKIP_SET_EVENT_ON_HANDLE) != 0)
    {
        Set |= FO_SKIP_SET_EVENT;
    }
    if ((Flags & FILE_SKIP_SET_USER_EVENT_ON_FAST_IO) != 0)
    {
        Set |= FO_SKIP_SET_FAST_IO;
    }
    // Once set they stay, as on NT. Relaxed: completion only asks whether the bit is there.
    __atomic_fetch_or(&File->Flags, Set, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

static NTSTATUS
SetPosition(PFILE_OBJECT File, LARGE_INTEGER Position, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status;

    if ((File->Flags & FO_SYNCHRONOUS_IO) == 0 || Position.QuadPart < 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    Status = IopLockFile(File, Mode);
    if (Status == STATUS_SUCCESS)
    {
        File->CurrentByteOffset = Position;
        IopUnlockFile(File);
    }
    return Status;
}

// The status block of a call that has done its work.
static NTSTATUS
PutIosb(PIO_STATUS_BLOCK To, ULONG_PTR Information)
{
    IO_STATUS_BLOCK Iosb = {.Pointer = NULL};

    Iosb.Status = STATUS_SUCCESS;
    Iosb.Information = Information;
    return MmCopyToCaller(To, &Iosb, sizeof(Iosb));
}

NTSTATUS
NtSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                     ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    union
    {
        FILE_COMPLETION_INFORMATION Completion;
        FILE_IO_COMPLETION_NOTIFICATION_INFORMATION Notification;
        FILE_POSITION_INFORMATION Position;
    } Information;
    PFILE_OBJECT File;
    ULONG Size;
    NTSTATUS Status;

    switch ((int)FileInformationClass)
    {
    case FileCompletionInformation:
        Size = sizeof(Information.Completion);
        break;
    case FileIoCompletionNotificationInformation:
        Size = sizeof(Information.Notification);
        break;
    case FilePositionInformation:
        Size = sizeof(Information.Position);
        break;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
    if (Length < Size)
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status = MmProbeCaller(IoStatusBlock, sizeof(*IoStatusBlock), TRUE);
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyFromCaller(&Information, FileInformation, Size);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObReferenceObjectByHandle(FileHandle, 0, IopFileType, Mode, (PVOID *)&File, NULL);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    switch ((int)FileInformationClass)
    {
    case FileCompletionInformation:
        Status = SetCompletion(File, &Information.Completion, Mode);
        break;
    case FileIoCompletionNotificationInformation:
        Status = SetNotification(File, Information.Notification.Flags);
        break;
    default:
        Status = SetPosition(File, Information.Position.CurrentByteOffset, Mode);
        break;
    }
    ObDereferenceObject(File);
    return Status == STATUS_SUCCESS ? PutIosb(IoStatusBlock, 0) : Status;
}

static ULONG
ModeOf(PFILE_OBJECT File)
{
    ULONG Mode = 0;

    Mode |= (File->Flags & FO_WRITE_THROUGH) != 0 ? FILE_WRITE_THROUGH : 0;
    Mode |= (File->Flags & FO_SEQUENTIAL_ONLY) != 0 ? FILE_SEQUENTIAL_ONLY : 0;
    Mode |= (File->Flags & FO_NO_INTERMEDIATE_BUFFERING) != 0 ? FILE_NO_INTERMEDIATE_BUFFERING : 0;
    if ((File->Flags & FO_SYNCHRONOUS_IO) != 0)
    {
        Mode |= (File->Flags & FO_ALERTABLE_IO) != 0 ? FILE_SYNCHRONOUS_IO_ALERT
                                                     : FILE_SYNCHRONOUS_IO_NONALERT;
    }
    return Mode;
}

static ULONG
NotificationOf(PFILE_OBJECT File)
{
    ULONG Flags = __atomic_load_n(&File->Flags, __ATOMIC_RELAXED);
    ULONG Mode = 0;

    Mode |= (Flags & FO_SKIP_COMPLETION_PORT) != 0 ? FILE_SKIP_COMPLETION_PORT_ON_SUCCESS : 0;
    Mode |= (Flags & FO_SKIP_SET_EVENT) != 0 ? FILE_SKIP_SET_EVENT_ON_HANDLE : 0;
    Mode |= (Flags & FO_SKIP_SET_FAST_IO) != 0 ? FILE_SKIP_SET_USER_EVENT_ON_FAST_IO : 0;
    return Mode;
}

NTSTATUS
NtQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                       ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    OBJECT_HANDLE_INFORMATION Handle;
    LARGE_INTEGER Position = {.QuadPart = 0};
    ULONG Value = 0;
    const VOID *Answer = &Value;
    ULONG Size = sizeof(Value);
    ACCESS_MASK Access = 0;
    PFILE_OBJECT File;
    NTSTATUS Status;

    switch ((int)FileInformationClass)
    {
    case FileModeInformation:
    case FileAccessInformation:
    case FileAlignmentInformation:
    case FileIoCompletionNotificationInformation:
        break;
    case FilePositionInformation:
        Answer = &Position;
        Size = sizeof(Position);
        break;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
    if (Length < Size)
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status =
        ObReferenceObjectByHandle(FileHandle, Access, IopFileType, Mode, (PVOID *)&File, &Handle);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    switch ((int)FileInformationClass)
    {
    case FileModeInformation:
        Value = ModeOf(File);
        break;
    case FileAccessInformation:
        Value = Handle.GrantedAccess;
        break;
    case FileAlignmentInformation:
        Value = File->DeviceObject->AlignmentRequirement;
        break;
    case FileIoCompletionNotificationInformation:
        Value = NotificationOf(File);
        break;
    default:
        if ((File->Flags & FO_SYNCHRONOUS_IO) == 0)
        {
            Status = STATUS_INVALID_PARAMETER;
        }
        else if ((Status = IopLockFile(File, Mode)) == STATUS_SUCCESS)
        {
            Position = File->CurrentByteOffset;
            IopUnlockFile(File);
        }
        break;
    }
    ObDereferenceObject(File);
    if (Status == STATUS_SUCCESS)
    {
        Status = MmCopyToCaller(FileInformation, Answer, Size);
    }
    return Status == STATUS_SUCCESS ? PutIosb(IoStatusBlock, Size) : Status;
}

NTSTATUS
ZwSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                     ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtSetInformationFile(FileHandle, IoStatusBlock, FileInformation, Length,
                                           FileInformationClass);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                       ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtQueryInformationFile(FileHandle, IoStatusBlock, FileInformation, Length,
                                             FileInformationClass);

    KiLeaveZw(Old);
    return Status;
}
