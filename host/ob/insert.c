// SPDX-License-Identifier: MIT
// Inserting an object (name, security, handle), opening one by name, handles from pointers.
#include "ob/obi.h"

ACCESS_MASK
ObpGrantUnchecked(POBJECT_TYPE Type, ACCESS_MASK Desired)
{
    if (Desired & MAXIMUM_ALLOWED)
    {
        Desired |= GENERIC_ALL;
    }
    SepMapGeneric(&Desired, &Type->Mapping);
    return Desired & (Type->ValidAccess | ACCESS_SYSTEM_SECURITY);
}

NTSTATUS
ObpCheckAccessLocked(OBJECT_HEADER *Header, ACCESS_MASK Desired, BOOLEAN Check,
                     ACCESS_MASK *Granted)
{
    NTSTATUS Status;

    if (!Check)
    {
        *Granted = ObpGrantUnchecked(Header->Type, Desired);
        return STATUS_SUCCESS;
    }
    Status = SepAccessCheck(Header->SecurityDescriptor, SepCurrentToken(), Desired,
                            &Header->Type->Mapping, Granted);
    *Granted &= Header->Type->ValidAccess;
    return Status;
}

static BOOLEAN
ObpMustCheck(const OBJECT_ATTRIBUTES *Attributes, KPROCESSOR_MODE Mode)
{
    return Mode == UserMode ||
           (Attributes != NULL && (Attributes->Attributes & OBJ_FORCE_ACCESS_CHECK) != 0);
}

// What ObpInsertObject prepares before it takes the lock.
typedef struct OBP_INSERTION
{
    OBJECT_HEADER *Header;
    OBJECT_ATTRIBUTES *Attributes;  // never NULL
    ACCESS_MASK Access;
    KPROCESSOR_MODE Mode;
    BOOLEAN Check;
    PHANDLE Handle;
    PVOID Descriptor;  // pool, taken over by the object
    OBP_NAME *Name;    // taken over by the object
} OBP_INSERTION;

// Gives a new object all it gets. Namespace lock held; on failure the object is as it was.
static NTSTATUS
ObpPlaceNewLocked(OBP_INSERTION *Insertion, OBP_WALK *Walk)
{
    OBJECT_HEADER *Header = Insertion->Header;
    ULONG Flags = Insertion->Attributes->Attributes;
    NTSTATUS Status;

    if (Walk != NULL)
    {
        ACCESS_MASK Needed = Header->Type == ObpDirectoryType ? DIRECTORY_CREATE_SUBDIRECTORY
                                                              : DIRECTORY_CREATE_OBJECT;
        ACCESS_MASK Granted;

        Status = ObpCheckAccessLocked(OBP_HEADER(Walk->Parent), Needed, Insertion->Check, &Granted);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
        if (!ObpAttachNameLocked(Header, Insertion->Name, Walk->Parent, &Walk->Last))
        {
            return STATUS_OBJECT_PATH_NOT_FOUND;
        }
    }
    Header->Flags |= Flags & OBJ_EXCLUSIVE ? OB_FLAG_EXCLUSIVE : 0;
    if (Insertion->Handle != NULL)
    {
        Status = ObpCreateHandleLocked(PspCurrentProcess(), Header,
                                       ObpGrantUnchecked(Header->Type, Insertion->Access), Flags,
                                       Insertion->Mode, Insertion->Handle);
        if (!NT_SUCCESS(Status))
        {
            if (Walk != NULL)
            {
                ObDereferenceObject(ObpDetachNameLocked(Header)->Directory);
                Insertion->Name->Directory = NULL;  // the caller frees what it still owns
            }
            return Status;
        }
    }
    if (Walk != NULL)
    {
        Insertion->Name = NULL;
        if (Flags & OBJ_PERMANENT)
        {
            ObReferenceObject(ObpBody(Header));
            Header->Flags |= OB_FLAG_PERMANENT;
        }
    }
    Header->SecurityDescriptor = Insertion->Descriptor;
    Insertion->Descriptor = NULL;
    return STATUS_SUCCESS;
}

// The name is taken: opens what has it, if that was asked for.
static NTSTATUS
ObpOpenExistingLocked(OBP_INSERTION *Insertion, OBP_WALK *Walk)
{
    OBJECT_HEADER *Existing = Walk->Found;
    ACCESS_MASK Granted;
    NTSTATUS Status;

    if ((Insertion->Attributes->Attributes & OBJ_OPENIF) == 0)
    {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    if (Existing->Type != Insertion->Header->Type || Walk->Remaining.Length != 0)
    {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    Status = ObpCheckAccessLocked(Existing, Insertion->Access, Insertion->Check, &Granted);
    if (NT_SUCCESS(Status) && Insertion->Handle != NULL)
    {
        Status = ObpCreateHandleLocked(PspCurrentProcess(), Existing, Granted,
                                       Insertion->Attributes->Attributes, Insertion->Mode,
                                       Insertion->Handle);
    }
    return NT_SUCCESS(Status) ? STATUS_OBJECT_NAME_EXISTS : Status;
}

static NTSTATUS
ObpInsertPrepared(OBP_INSERTION *Insertion, PVOID *Inserted)
{
    POBJECT_ATTRIBUTES Attributes = Insertion->Attributes;
    OBP_WALK Walk = {.Type = Insertion->Header->Type, .Attributes = Attributes->Attributes};
    OBP_DIRECTORY *Root = NULL;
    OBJECT_HEADER *Behind = Insertion->Header;
    NTSTATUS Status;

    if (Insertion->Name != NULL)
    {
        Status = ObpReferenceRoot(Attributes->RootDirectory, Insertion->Mode, &Root);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
    }
    OsLockAcquire(&ObpNamespaceLock);
    if (Insertion->Name == NULL)
    {
        Status = ObpPlaceNewLocked(Insertion, NULL);
    }
    else
    {
        Status = ObpWalkLocked(Attributes->ObjectName, Root, &Walk);
        if (Status == STATUS_OBJECT_NAME_NOT_FOUND && Walk.Parent != NULL)
        {
            Status = ObpPlaceNewLocked(Insertion, &Walk);
        }
        else if (NT_SUCCESS(Status))
        {
            Behind = Walk.Found;
            Status = ObpOpenExistingLocked(Insertion, &Walk);
        }
    }
    if (NT_SUCCESS(Status) && Inserted != NULL)
    {
        ObReferenceObject(ObpBody(Behind));
        *Inserted = ObpBody(Behind);
    }
    OsLockRelease(&ObpNamespaceLock);
    if (Walk.Found != NULL)
    {
        ObDereferenceObject(ObpBody(Walk.Found));
    }
    ObpFree(Walk.Buffer);
    if (Root != NULL)
    {
        ObDereferenceObject(Root);
    }
    return Status;
}

NTSTATUS
ObpInsertObject(PVOID Object, POBJECT_ATTRIBUTES Attributes, ACCESS_MASK Access,
                KPROCESSOR_MODE Mode, PHANDLE Handle, PVOID *Inserted)
{
    static OBJECT_ATTRIBUTES Nameless = {.Length = sizeof(Nameless)};
    OBP_INSERTION Insertion = {
        .Header = OBP_HEADER(Object),
        .Attributes = Attributes == NULL ? &Nameless : Attributes,
        .Access = Access,
        .Mode = Mode,
        .Check = ObpMustCheck(Attributes, Mode),
        .Handle = Handle,
    };
    POBJECT_TYPE Type = Insertion.Header->Type;
    PUNICODE_STRING Name = Insertion.Attributes->ObjectName;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Handle != NULL)
    {
        *Handle = NULL;
    }
    if (Inserted != NULL)
    {
        *Inserted = NULL;
    }
    if (Insertion.Check && ((Access & ACCESS_SYSTEM_SECURITY) != 0 ||
                            (Insertion.Attributes->Attributes & OBJ_PERMANENT) != 0))
    {
        Status = STATUS_PRIVILEGE_NOT_HELD;  // nobody's token has them enabled
    }
    else if (Name != NULL && Name->Length != 0)
    {
        Insertion.Name = ObpAllocateName(Name->Length);
        Status = Insertion.Name == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
    }
    if (NT_SUCCESS(Status) &&
        (Insertion.Name != NULL || Insertion.Attributes->SecurityDescriptor != NULL ||
         Type->SecurityRequired))
    {
        Status = SepAssignDescriptor(Insertion.Attributes->SecurityDescriptor, SepCurrentToken(),
                                     Mode, &Type->Mapping, &Insertion.Descriptor);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpInsertPrepared(&Insertion, Inserted);
    }
    ObpFreeName(Insertion.Name);
    ObpFree(Insertion.Descriptor);
    if (!NT_SUCCESS(Status) || Status == STATUS_OBJECT_NAME_EXISTS || Handle != NULL)
    {
        ObDereferenceObject(Object);
    }
    return Status;
}

// Opens through a type that parses the rest of the path. Takes over the reference on Parser.
static NTSTATUS
ObpOpenParsed(OBJECT_HEADER *Parser, PUNICODE_STRING Remaining, ACCESS_MASK Access,
              KPROCESSOR_MODE Mode, BOOLEAN Check, PVOID ParseContext, POBJECT_TYPE Type,
              PVOID *Opened, ACCESS_MASK *Granted)
{
    NTSTATUS Status = Parser->Type->Parse(ObpBody(Parser), Remaining, Access,
                                          Check ? UserMode : Mode, ParseContext, Opened);

    if (NT_SUCCESS(Status))
    {
        POBJECT_TYPE OpenedType = OBP_HEADER(*Opened)->Type;

        *Granted = ObpGrantUnchecked(OpenedType, Access);
        if (Type != NULL && OpenedType != Type)
        {
            Status = STATUS_OBJECT_TYPE_MISMATCH;
        }
        else if (Check && (Access & MAXIMUM_ALLOWED))
        {
            // "All that I may have" is what the parser's descriptor says, not all there is.
            OsLockAcquire(&ObpNamespaceLock);
            Status = SepAccessCheck(Parser->SecurityDescriptor, SepCurrentToken(), Access,
                                    &OpenedType->Mapping, Granted);
            OsLockRelease(&ObpNamespaceLock);
            *Granted &= OpenedType->ValidAccess;
        }
        if (!NT_SUCCESS(Status))
        {
            ObDereferenceObject(*Opened);
            *Opened = NULL;
        }
    }
    ObDereferenceObject(ObpBody(Parser));
    return Status;
}

NTSTATUS
ObpOpenByName(POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type, ACCESS_MASK Access,
              KPROCESSOR_MODE Mode, PVOID ParseContext, PHANDLE Handle, PVOID *Object)
{
    static UNICODE_STRING NoName;
    OBP_WALK Walk = {.Type = Type, .Attributes = Attributes->Attributes};
    BOOLEAN Check = ObpMustCheck(Attributes, Mode);
    OBP_DIRECTORY *Root;
    PVOID Opened = NULL;
    ACCESS_MASK Granted = 0;
    NTSTATUS Status;

    if (Handle != NULL)
    {
        *Handle = NULL;
    }
    if (Object != NULL)
    {
        *Object = NULL;
    }
    Status = ObpReferenceRoot(Attributes->RootDirectory, Mode, &Root);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OsLockAcquire(&ObpNamespaceLock);
    Status = ObpWalkLocked(Attributes->ObjectName ? Attributes->ObjectName : &NoName, Root, &Walk);
    if (NT_SUCCESS(Status) && (Walk.Found->Type->Parse == NULL || ParseContext == NULL))
    {
        if (Walk.Remaining.Length != 0 || (Type != NULL && Walk.Found->Type != Type))
        {
            Status = STATUS_OBJECT_TYPE_MISMATCH;
        }
        else
        {
            Status = ObpCheckAccessLocked(Walk.Found, Access, Check, &Granted);
        }
        if (NT_SUCCESS(Status) && Handle != NULL)
        {
            Status = ObpCreateHandleLocked(PspCurrentProcess(), Walk.Found, Granted,
                                           Attributes->Attributes, Mode, Handle);
        }
        Opened = ObpBody(Walk.Found);
        OsLockRelease(&ObpNamespaceLock);
    }
    else
    {
        OsLockRelease(&ObpNamespaceLock);
        if (NT_SUCCESS(Status))
        {
            Status = ObpOpenParsed(Walk.Found, &Walk.Remaining, Access, Mode, Check, ParseContext,
                                   Type, &Opened, &Granted);
            if (NT_SUCCESS(Status) && Handle != NULL)
            {
                Status = ObpCreateHandle(Opened, Granted, Attributes->Attributes, Mode, Handle);
            }
        }
    }
    if (NT_SUCCESS(Status) && Object != NULL)
    {
        *Object = Opened;  // the reference goes with it
    }
    else if (Opened != NULL)
    {
        ObDereferenceObject(Opened);
    }
    ObpFree(Walk.Buffer);
    if (Root != NULL)
    {
        ObDereferenceObject(Root);
    }
    return Status;
}

NTSTATUS
ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                      ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                      KPROCESSOR_MODE AccessMode, PHANDLE Handle)
{
    OBJECT_HEADER *Header = OBP_HEADER(Object);
    BOOLEAN Check = AccessMode == UserMode || (HandleAttributes & OBJ_FORCE_ACCESS_CHECK) != 0;
    ACCESS_MASK Granted, Already = 0;
    NTSTATUS Status = STATUS_SUCCESS;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    *Handle = NULL;
    if (ObjectType != NULL && Header->Type != ObjectType)
    {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (PassedAccessState != NULL)
    {
        DesiredAccess = PassedAccessState->RemainingDesiredAccess;
        Already = PassedAccessState->PreviouslyGrantedAccess;
    }
    OsLockAcquire(&ObpNamespaceLock);
    Granted = 0;
    if (DesiredAccess != 0 || Already == 0)
    {
        Status = ObpCheckAccessLocked(ObpSecurityTarget(Object), DesiredAccess, Check, &Granted);
    }
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateHandleLocked(PspCurrentProcess(), Header, Granted | Already,
                                       HandleAttributes, AccessMode, Handle);
    }
    OsLockRelease(&ObpNamespaceLock);
    return Status;
}

NTSTATUS
ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes, PACCESS_STATE AccessState,
                        ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                        KPROCESSOR_MODE AccessMode, PVOID ParseContext, PVOID *Object)
{
    OBJECT_ATTRIBUTES Path;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    InitializeObjectAttributes(&Path, ObjectName, Attributes, NULL, NULL);
    if (AccessState != NULL)
    {
        DesiredAccess = AccessState->RemainingDesiredAccess;
    }
    return ObpOpenByName(&Path, ObjectType, DesiredAccess, AccessMode, ParseContext, NULL, Object);
}
