// SPDX-License-Identifier: MIT
// Copying OBJECT_ATTRIBUTES in from a caller that may be hostile, and handles out to it.
#include "ob/obi.h"

NTSTATUS
ObpCopyIn(KPROCESSOR_MODE Mode, PVOID To, const VOID *From, SIZE_T Size)
{
    if (Mode == KernelMode)
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    return MmCopyFromCaller(To, From, Size);
}

NTSTATUS
ObpCaptureString(PCUNICODE_STRING From, KPROCESSOR_MODE Mode, PUNICODE_STRING String)
{
    UNICODE_STRING Source;
    NTSTATUS Status = ObpCopyIn(Mode, &Source, From, sizeof(Source));

    RtlInitEmptyUnicodeString(String, NULL, 0);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Source.Length % sizeof(WCHAR) != 0 || Source.Length > OBP_MAX_NAME_BYTES)
    {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (Source.Length == 0)
    {
        return STATUS_SUCCESS;
    }
    String->Buffer = ObpAllocate(Source.Length + sizeof(WCHAR));
    if (String->Buffer == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = ObpCopyIn(Mode, String->Buffer, Source.Buffer, Source.Length);
    if (!NT_SUCCESS(Status))
    {
        ObpFree(String->Buffer);
        String->Buffer = NULL;
        return Status;
    }
    String->Buffer[Source.Length / sizeof(WCHAR)] = 0;
    String->Length = Source.Length;
    String->MaximumLength = Source.Length + sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS
ObpCaptureAttributes(POBJECT_ATTRIBUTES Attributes, KPROCESSOR_MODE Mode, OBP_CAPTURED *Captured)
{
    OBJECT_ATTRIBUTES Copy;
    NTSTATUS Status;

    memset(Captured, 0, sizeof(*Captured));
    Captured->Attributes.Length = sizeof(Captured->Attributes);
    if (Attributes == NULL)
    {
        return STATUS_SUCCESS;
    }
    Status = ObpCopyIn(Mode, &Copy, Attributes, sizeof(Copy));
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (Copy.Length != sizeof(Copy) || (Copy.Attributes & ~OBJ_VALID_ATTRIBUTES) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Mode == UserMode)
    {
        // Not the caller's to ask for: as Windows, dropped without an error.
        Copy.Attributes &= ~(OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK);
    }
    Captured->Attributes.Attributes = Copy.Attributes;
    Captured->Attributes.RootDirectory = Copy.RootDirectory;
    if (Copy.ObjectName != NULL)
    {
        Status = ObpCaptureString(Copy.ObjectName, Mode, &Captured->Name);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
        Captured->Buffer = Captured->Name.Buffer;
        Captured->Attributes.ObjectName = Captured->Name.Length ? &Captured->Name : NULL;
    }
    if (Copy.SecurityDescriptor != NULL)
    {
        Status = SepCaptureDescriptor(Copy.SecurityDescriptor, Mode, &Captured->SecurityDescriptor);
        Captured->Attributes.SecurityDescriptor = Captured->SecurityDescriptor;
    }
    return Status;
}

void
ObpFreeCapturedAttributes(OBP_CAPTURED *Captured)
{
    ObpFree(Captured->Buffer);
    ObpFree(Captured->SecurityDescriptor);
    memset(Captured, 0, sizeof(*Captured));
}

NTSTATUS
ObpReturnHandle(PHANDLE To, HANDLE Handle, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status = MmCopyToCaller(To, &Handle, sizeof(Handle));

    if (!NT_SUCCESS(Status))
    {
        ObpCloseHandle(Handle, Mode);
    }
    return Status;
}

NTSTATUS
ObpServiceOpen(PHANDLE Handle, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type, ACCESS_MASK Access)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    OBP_CAPTURED Captured;
    HANDLE Opened;
    NTSTATUS Status = MmProbeCaller(Handle, sizeof(*Handle), TRUE);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCaptureAttributes(Attributes, Mode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = ObpOpenByName(&Captured.Attributes, Type, Access, Mode, NULL, &Opened, NULL);
    }
    ObpFreeCapturedAttributes(&Captured);
    return NT_SUCCESS(Status) ? ObpReturnHandle(Handle, Opened, Mode) : Status;
}

NTSTATUS
ObpServiceInsert(PVOID Object, PHANDLE Handle, OBP_CAPTURED *Captured, ACCESS_MASK Access)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    HANDLE Inserted;
    NTSTATUS Status = ObpInsertObject(Object, &Captured->Attributes, Access, Mode, &Inserted, NULL);

    if (NT_SUCCESS(Status))
    {
        NTSTATUS Returned = ObpReturnHandle(Handle, Inserted, Mode);

        Status = NT_SUCCESS(Returned) ? Status : Returned;
    }
    return Status;
}
