// SPDX-License-Identifier: MIT
// What is behind a handle: basic information, full names, type names.
#include "ob/obi.h"

// Puts Part in front of what stands at the end of Buffer. FALSE: the name is longer than any may be.
static BOOLEAN
ObpPrepend(WCHAR *Buffer, ULONG *Start, const UNICODE_STRING *Part)
{
    ULONG Characters = Part->Length / sizeof(WCHAR);

    if (*Start < Characters + 1)
    {
        return FALSE;
    }
    *Start -= Characters;
    memcpy(&Buffer[*Start], Part->Buffer, Part->Length);
    Buffer[--*Start] = '\\';
    return TRUE;
}

// The full path of Object: characters from *Start to the end of Buffer (Characters long). An object
// without a name has an empty path. A file's is its device's followed by its own.
static NTSTATUS
ObpBuildName(PVOID Object, WCHAR *Buffer, ULONG Characters, ULONG *Start)
{
    BOOLEAN Fits = TRUE;
    OBP_NAME *Name;

    *Start = Characters;
    if (IopFileType != NULL && OBP_HEADER(Object)->Type == IopFileType)
    {
        PFILE_OBJECT File = Object;

        if (File->FileName.Length / sizeof(WCHAR) > *Start)
        {
            return STATUS_NAME_TOO_LONG;
        }
        if (File->FileName.Length != 0)
        {
            *Start -= File->FileName.Length / sizeof(WCHAR);
            memcpy(&Buffer[*Start], File->FileName.Buffer, File->FileName.Length);
        }
        Object = File->DeviceObject;
    }
    OsLockAcquire(&ObpNamespaceLock);
    if (Object == ObpRootDirectory)
    {
        Buffer[--*Start] = '\\';
    }
    else
    {
        // The names' references keep the directories alive under the lock. A directory that lost
        // its own name ends the path there.
        for (Name = OBP_HEADER(Object)->Name; Fits && Name != NULL;
             Name = OBP_HEADER(Name->Directory)->Name)
        {
            Fits = ObpPrepend(Buffer, Start, &Name->Name);
        }
    }
    OsLockRelease(&ObpNamespaceLock);
    return Fits ? STATUS_SUCCESS : STATUS_NAME_TOO_LONG;
}

// An OBJECT_NAME_INFORMATION in pool as it will look at address Where; *Size bytes in all.
static NTSTATUS
ObpNameInformation(PVOID Object, PVOID Where, POBJECT_NAME_INFORMATION *Information, ULONG *Size)
{
    ULONG Characters = OBP_MAX_NAME_BYTES / sizeof(WCHAR), Start, Bytes;
    WCHAR *Buffer = ObpAllocate(OBP_MAX_NAME_BYTES);
    NTSTATUS Status;

    if (Buffer == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = ObpBuildName(Object, Buffer, Characters, &Start);
    if (NT_SUCCESS(Status))
    {
        Bytes = (Characters - Start) * sizeof(WCHAR);
        *Size = sizeof(**Information) + (Bytes ? Bytes + sizeof(WCHAR) : 0);
        *Information = ObpAllocate(*Size);
        if (*Information == NULL)
        {
            Status = STATUS_INSUFFICIENT_RESOURCES;
        }
        else
        {
            memset(*Information, 0, *Size);
            if (Bytes != 0)
            {
                memcpy(*Information + 1, &Buffer[Start], Bytes);
                (*Information)->Name.Buffer = (PWCHAR)((POBJECT_NAME_INFORMATION)Where + 1);
                (*Information)->Name.Length = (USHORT)Bytes;
                (*Information)->Name.MaximumLength = (USHORT)(Bytes + sizeof(WCHAR));
            }
        }
    }
    ObpFree(Buffer);
    return Status;
}

NTSTATUS
ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length,
                  PULONG ReturnLength)
{
    POBJECT_NAME_INFORMATION Information;
    ULONG Size;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    Status = ObpNameInformation(Object, ObjectNameInfo, &Information, &Size);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    *ReturnLength = Size;
    if (Length < Size)
    {
        Status = STATUS_INFO_LENGTH_MISMATCH;
    }
    else
    {
        memcpy(ObjectNameInfo, Information, Size);
    }
    ObpFree(Information);
    return Status;
}

static NTSTATUS
ObpQueryName(PVOID Object, PVOID To, ULONG Length, ULONG *Returned)
{
    POBJECT_NAME_INFORMATION Information;
    NTSTATUS Status = ObpNameInformation(Object, To, &Information, Returned);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Length < sizeof(*Information))
    {
        Status = STATUS_INFO_LENGTH_MISMATCH;
    }
    else if (Length < *Returned)
    {
        Status = STATUS_BUFFER_OVERFLOW;
    }
    else
    {
        Status = MmCopyToCaller(To, Information, *Returned);
    }
    ObpFree(Information);
    return Status;
}

static NTSTATUS
ObpQueryBasic(PVOID Object, ACCESS_MASK Granted, ULONG Attributes, PVOID To, ULONG Length,
              ULONG *Returned)
{
    OBJECT_BASIC_INFORMATION Information = {0};
    OBJECT_HEADER *Header = OBP_HEADER(Object);

    *Returned = sizeof(Information);
    if (Length != sizeof(Information))
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    OsLockAcquire(&ObpNamespaceLock);
    Information.Attributes = Attributes | (Header->Flags & OB_FLAG_PERMANENT ? OBJ_PERMANENT : 0) |
                             (Header->Flags & OB_FLAG_EXCLUSIVE ? OBJ_EXCLUSIVE : 0);
    Information.GrantedAccess = Granted;
    Information.HandleCount = (ULONG)Header->HandleCount;
    // Less this service's own reference.
    Information.PointerCount = (ULONG)__atomic_load_n(&Header->PointerCount, __ATOMIC_RELAXED) - 1;
    Information.NameInformationLength =
        Header->Name != NULL ? sizeof(UNICODE_STRING) + Header->Name->Name.Length : 0;
    Information.TypeInformationLength =
        (ULONG)(sizeof(OBJECT_TYPE_INFORMATION) + strlen(Header->Type->Name) * sizeof(WCHAR));
    Information.SecurityDescriptorLength =
        Header->SecurityDescriptor != NULL ? RtlLengthSecurityDescriptor(Header->SecurityDescriptor)
                                           : 0;
    OsLockRelease(&ObpNamespaceLock);
    return MmCopyToCaller(To, &Information, sizeof(Information));
}

static NTSTATUS
ObpQueryType(PVOID Object, PVOID To, ULONG Length, ULONG *Returned)
{
    struct
    {
        OBJECT_TYPE_INFORMATION Information;
        WCHAR Name[64];
    } Answer;
    POBJECT_TYPE Type = OBP_HEADER(Object)->Type;
    ULONG Characters = (ULONG)strlen(Type->Name);

    memset(&Answer, 0, sizeof(Answer));
    *Returned = (ULONG)(sizeof(Answer.Information) + (Characters + 1) * sizeof(WCHAR));
    if (Length < *Returned)
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    for (ULONG i = 0; i < Characters; i++)
    {
        Answer.Name[i] = (UCHAR)Type->Name[i];
    }
    Answer.Information.TypeName.Buffer = (PWCHAR)((POBJECT_TYPE_INFORMATION)To + 1);
    Answer.Information.TypeName.Length = (USHORT)(Characters * sizeof(WCHAR));
    Answer.Information.TypeName.MaximumLength = (USHORT)((Characters + 1) * sizeof(WCHAR));
    OsLockAcquire(&ObpNamespaceLock);
    OsLockAcquire(&Type->Lock);
    Answer.Information.TotalNumberOfObjects = Type->ObjectCount;
    Answer.Information.TotalNumberOfHandles = Type->HandleCount;
    OsLockRelease(&Type->Lock);
    OsLockRelease(&ObpNamespaceLock);
    Answer.Information.GenericMapping = Type->Mapping;
    Answer.Information.ValidAccessMask = Type->ValidAccess;
    Answer.Information.SecurityRequired = Type->SecurityRequired;
    return MmCopyToCaller(To, &Answer, *Returned);
}

NTSTATUS NTAPI
NtQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass,
              PVOID ObjectInformation, ULONG ObjectInformationLength, PULONG ReturnLength)
{
    OBJECT_HANDLE_INFORMATION Rights;
    ULONG Returned = 0;
    PVOID Object;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (ObjectInformationClass != ObjectBasicInformation &&
        ObjectInformationClass != ObjectNameInformation &&
        ObjectInformationClass != ObjectTypeInformation)
    {
        return STATUS_INVALID_INFO_CLASS;
    }
    Status =
        ObReferenceObjectByHandle(Handle, 0, NULL, KiCurrentThread->PreviousMode, &Object, &Rights);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (ObjectInformationClass == ObjectBasicInformation)
    {
        Status = ObpQueryBasic(Object, Rights.GrantedAccess, Rights.HandleAttributes,
                               ObjectInformation, ObjectInformationLength, &Returned);
    }
    else if (ObjectInformationClass == ObjectNameInformation)
    {
        Status = ObpQueryName(Object, ObjectInformation, ObjectInformationLength, &Returned);
    }
    else
    {
        Status = ObpQueryType(Object, ObjectInformation, ObjectInformationLength, &Returned);
    }
    ObDereferenceObject(Object);
    if (ReturnLength != NULL && Returned != 0)
    {
        NTSTATUS Written = MmCopyToCaller(ReturnLength, &Returned, sizeof(Returned));

        Status = NT_SUCCESS(Written) ? Status : Written;
    }
    return Status;
}

NTSTATUS
ZwQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass,
              PVOID ObjectInformation, ULONG ObjectInformationLength, PULONG ReturnLength)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtQueryObject(Handle, ObjectInformationClass, ObjectInformation,
                                    ObjectInformationLength, ReturnLength);

    KiLeaveZw(Old);
    return Status;
}
