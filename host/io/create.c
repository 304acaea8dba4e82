// SPDX-License-Identifier: MIT
// NtCreateFile and NtOpenFile, and IoGetDeviceObjectPointer on top of them.
#include "io/iop.h"

#define VALID_ATTRIBUTES    0x00007FB7u
#define VALID_OPTIONS       0x00FFFFFFu
#define VALID_SHARE         (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define SYNCHRONOUS_OPTIONS (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)
#ifndef FILE_MAXIMUM_DISPOSITION
#define FILE_MAXIMUM_DISPOSITION FILE_OVERWRITE_IF
#endif

static NTSTATUS
CheckParameters(ACCESS_MASK Access, ULONG FileAttributes, ULONG Share, ULONG Disposition,
                ULONG Options)
{
    if ((FileAttributes & ~VALID_ATTRIBUTES) != 0 || (Share & ~(ULONG)VALID_SHARE) != 0 ||
        Disposition > FILE_MAXIMUM_DISPOSITION || (Options & ~VALID_OPTIONS) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    // A synchronous handle is waited on. As NT: the bit itself, not a generic right that implies it.
    if ((Options & SYNCHRONOUS_OPTIONS) != 0 &&
        ((Access & SYNCHRONIZE) == 0 || (Options & SYNCHRONOUS_OPTIONS) == SYNCHRONOUS_OPTIONS))
    {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & FILE_DELETE_ON_CLOSE) != 0 && (Access & DELETE) == 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & FILE_DIRECTORY_FILE) != 0 &&
        ((Options & FILE_NON_DIRECTORY_FILE) != 0 ||
         (Disposition != FILE_CREATE && Disposition != FILE_OPEN && Disposition != FILE_OPEN_IF)))
    {
        return STATUS_INVALID_PARAMETER;
    }
    if ((Options & FILE_NO_INTERMEDIATE_BUFFERING) != 0 && (Access & FILE_APPEND_DATA) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

// Relative to an open file: the driver that opened that one is asked, with RelatedFileObject set.
static NTSTATUS
OpenRelative(OBP_CAPTURED *Captured, PFILE_OBJECT Related, IOP_OPEN *Open, KPROCESSOR_MODE Mode,
             PVOID *File)
{
    Open->Related = Related;
    return IopParseDevice(Related->DeviceObject, &Captured->Name, Open->Access, Mode, Open, File);
}

static NTSTATUS
OpenFile(OBP_CAPTURED *Captured, IOP_OPEN *Open, KPROCESSOR_MODE Mode, PFILE_OBJECT *File)
{
    POBJECT_ATTRIBUTES Attributes = &Captured->Attributes;
    KPROCESSOR_MODE NameMode =
        (Attributes->Attributes & OBJ_FORCE_ACCESS_CHECK) != 0 ? UserMode : Mode;
    PVOID Root = NULL;
    NTSTATUS Status;

    if (Attributes->RootDirectory != NULL &&
        NT_SUCCESS(ObReferenceObjectByHandle(Attributes->RootDirectory, 0, IopFileType, Mode, &Root,
                                             NULL)))
    {
        Status = OpenRelative(Captured, Root, Open, NameMode, (PVOID *)File);
        ObDereferenceObject(Root);
        return Status;
    }
    return ObpOpenByName(Attributes, IopFileType, Open->Access, NameMode, Open, NULL,
                         (PVOID *)File);
}

static NTSTATUS
ReturnHandle(PFILE_OBJECT File, const IOP_OPEN *Open, KPROCESSOR_MODE Mode, PHANDLE FileHandle,
             PIO_STATUS_BLOCK IoStatusBlock)
{
    HANDLE Handle;
    NTSTATUS Status = ObpCreateHandle(
        File, Open->Access, Open->Attributes & (OBJ_INHERIT | OBJ_KERNEL_HANDLE), Mode, &Handle);

    if (!NT_SUCCESS(Status))
    {
        return Status;  // the caller's dereference sends cleanup and close
    }
    __atomic_fetch_or(&File->Flags, FO_HANDLE_CREATED, __ATOMIC_RELAXED);
    Status = MmCopyToCaller(IoStatusBlock, &Open->Status, sizeof(Open->Status));
    if (!NT_SUCCESS(Status))
    {
        ObpCloseHandle(Handle, Mode);
        return Status;
    }
    return ObpReturnHandle(FileHandle, Handle, Mode);
}

NTSTATUS
NtCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
             ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
             ULONG EaLength)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    IOP_OPEN Open = {0};
    OBP_CAPTURED Captured;
    PFILE_OBJECT File = NULL;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = CheckParameters(DesiredAccess, FileAttributes, ShareAccess, CreateDisposition,
                             CreateOptions);
    if (NT_SUCCESS(Status))
    {
        Status = MmProbeCaller(FileHandle, sizeof(*FileHandle), TRUE);
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmProbeCaller(IoStatusBlock, sizeof(*IoStatusBlock), TRUE);
    }
    if (NT_SUCCESS(Status) && AllocationSize != NULL)
    {
        Status = MmCopyFromCaller(&Open.AllocationSize, AllocationSize, sizeof(*AllocationSize));
        if (NT_SUCCESS(Status) && Open.AllocationSize.QuadPart < 0)
        {
            Status = STATUS_INVALID_PARAMETER;
        }
    }
    if (NT_SUCCESS(Status) && EaBuffer != NULL && EaLength != 0)
    {
        Status = STATUS_EAS_NOT_SUPPORTED;
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }

    Status = ObpCaptureAttributes(ObjectAttributes, Mode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Open.Access = DesiredAccess;
        Open.ShareAccess = ShareAccess;
        Open.Disposition = CreateDisposition;
        Open.Options = CreateOptions;
        Open.FileAttributes = FileAttributes;
        Open.Attributes = Captured.Attributes.Attributes;
        Status = OpenFile(&Captured, &Open, Mode, &File);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ReturnHandle(File, &Open, Mode, FileHandle, IoStatusBlock);
        ObDereferenceObject(File);
    }
    ObpFreeCapturedAttributes(&Captured);
    return Status;
}

NTSTATUS
NtOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    return NtCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0,
                        ShareAccess, FILE_OPEN, OpenOptions, NULL, 0);
}

NTSTATUS
ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
             PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
             ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
             ULONG EaLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock,
                                   AllocationSize, FileAttributes, ShareAccess, CreateDisposition,
                                   CreateOptions, EaBuffer, EaLength);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtOpenFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock,
                                 ShareAccess, OpenOptions);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess,
                         PFILE_OBJECT *FileObject, PDEVICE_OBJECT *DeviceObject)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK Iosb;
    HANDLE Handle;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    InitializeObjectAttributes(&Attributes, ObjectName, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenFile(&Handle, DesiredAccess, &Attributes, &Iosb, 0, FILE_NON_DIRECTORY_FILE);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status =
        ObReferenceObjectByHandle(Handle, 0, IopFileType, KernelMode, (PVOID *)FileObject, NULL);
    if (NT_SUCCESS(Status))
    {
        *DeviceObject = IoGetRelatedDeviceObject(*FileObject);
    }
    // As NT: the cleanup comes here, the close when the caller drops its reference.
    ZwClose(Handle);
    return Status;
}
