// SPDX-License-Identifier: MIT
// Names: directories, the walk along a path, symbolic links in it, attaching and detaching.
#include "ob/obi.h"

OS_LOCK ObpNamespaceLock = OS_LOCK_INIT;
OBP_DIRECTORY *ObpRootDirectory;

// One hash for both kinds of lookup: of the upper-case characters.
static ULONG
ObpBucketOf(const UNICODE_STRING *Name)
{
    ULONG Hash = 2166136261u;

    for (ULONG i = 0; i < Name->Length / sizeof(WCHAR); i++)
    {
        Hash = (Hash ^ RtlUpcaseUnicodeChar(Name->Buffer[i])) * 16777619u;
    }
    return Hash % OBP_BUCKETS;
}

OBP_NAME *
ObpAllocateName(USHORT Bytes)
{
    OBP_NAME *Name = ObpAllocate(sizeof(*Name) + Bytes + sizeof(WCHAR));

    if (Name != NULL)
    {
        Name->Directory = NULL;
        Name->Name.Buffer = (WCHAR *)(Name + 1);
        Name->Name.MaximumLength = Bytes + sizeof(WCHAR);
        Name->Name.Length = 0;
    }
    return Name;
}

void
ObpFreeName(OBP_NAME *Name)
{
    if (Name != NULL)
    {
        if (Name->Directory != NULL)
        {
            ObDereferenceObject(Name->Directory);
        }
        ObpFree(Name);
    }
}

BOOLEAN
ObpAttachNameLocked(OBJECT_HEADER *Header, OBP_NAME *Name, OBP_DIRECTORY *Directory,
                    const UNICODE_STRING *Last)
{
    if (!ObpTryReference(OBP_HEADER(Directory)))
    {
        return FALSE;
    }
    Name->Directory = Directory;
    memcpy(Name->Name.Buffer, Last->Buffer, Last->Length);
    Name->Name.Buffer[Last->Length / sizeof(WCHAR)] = 0;
    Name->Name.Length = Last->Length;
    Name->Object = ObpBody(Header);
    InsertTailList(&Directory->Buckets[ObpBucketOf(Last)], &Name->Link);
    Header->Name = Name;
    Header->Flags |= OB_FLAG_NAMED;
    return TRUE;
}

OBP_NAME *
ObpDetachNameLocked(OBJECT_HEADER *Header)
{
    OBP_NAME *Name = Header->Name;

    if (Name != NULL)
    {
        RemoveEntryList(&Name->Link);
        Header->Name = NULL;
    }
    return Name;
}

// The object of that name, referenced, or NULL.
static OBJECT_HEADER *
ObpFindLocked(OBP_DIRECTORY *Directory, const UNICODE_STRING *Name, BOOLEAN CaseInsensitive)
{
    PLIST_ENTRY Bucket = &Directory->Buckets[ObpBucketOf(Name)];

    for (PLIST_ENTRY Link = Bucket->Flink, Next = Link->Flink; Link != Bucket;
         Link = Next, Next = Link->Flink)
    {
        OBP_NAME *Entry = CONTAINING_RECORD(Link, OBP_NAME, Link);

        if (RtlEqualUnicodeString(&Entry->Name, Name, CaseInsensitive))
        {
            OBJECT_HEADER *Header = OBP_HEADER(Entry->Object);

            if (ObpTryReference(Header))
            {
                return Header;
            }
            // Its last reference is gone and its deletion waits for this lock. The header is still
            // there (deletion frees it only after taking the lock), the name is free from now on.
            ObpFreeName(ObpDetachNameLocked(Header));
        }
    }
    return NULL;
}

static void
ObpAdvance(UNICODE_STRING *Name, ULONG Bytes)
{
    Name->Buffer += Bytes / sizeof(WCHAR);
    Name->Length -= (USHORT)Bytes;
    Name->MaximumLength = Name->Length;
}

// Replaces what was walked so far by the link's target.
static NTSTATUS
ObpSubstitute(const OBP_LINK *Link, const UNICODE_STRING *Rest, OBP_WALK *Walk,
              UNICODE_STRING *Name)
{
    ULONG Bytes = (ULONG)Link->Target.Length + Rest->Length;
    WCHAR *Buffer;

    if (Bytes > OBP_MAX_NAME_BYTES)
    {
        return STATUS_NAME_TOO_LONG;
    }
    Buffer = ObpAllocate(Bytes + 2 * sizeof(WCHAR));
    if (Buffer == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Link->Target.Length != 0)
    {
        memcpy(Buffer, Link->Target.Buffer, Link->Target.Length);
    }
    memcpy((PUCHAR)Buffer + Link->Target.Length, Rest->Buffer, Rest->Length);
    if (Bytes == 0)
    {
        Buffer[0] = '\\';  // an empty target is the root itself
        Bytes = sizeof(WCHAR);
    }
    Buffer[Bytes / sizeof(WCHAR)] = 0;
    ObpFree(Walk->Buffer);  // Rest lay in it
    Walk->Buffer = Buffer;
    Name->Buffer = Buffer;
    Name->Length = Name->MaximumLength = (USHORT)Bytes;
    return STATUS_SUCCESS;
}

NTSTATUS
ObpWalkLocked(const UNICODE_STRING *Path, OBP_DIRECTORY *Root, OBP_WALK *Walk)
{
    BOOLEAN CaseInsensitive = (Walk->Attributes & OBJ_CASE_INSENSITIVE) != 0;
    OBP_DIRECTORY *Directory = Root;
    UNICODE_STRING Name = *Path;
    ULONG Links = 0;

    Walk->Found = NULL;
    Walk->Parent = NULL;
    Walk->Buffer = NULL;
    memset(&Walk->Remaining, 0, sizeof(Walk->Remaining));
    if (Name.Length % sizeof(WCHAR) != 0)
    {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (Root != NULL && Name.Length != 0 && Name.Buffer[0] == '\\')
    {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    if (Root != NULL && Name.Length == 0)
    {
        ObReferenceObject(Root);
        Walk->Found = OBP_HEADER(Root);
        return STATUS_SUCCESS;
    }
    for (;;)
    {
        OBJECT_HEADER *Header;
        UNICODE_STRING Component, Rest;
        ULONG Length = 0;

        if (Directory == NULL)
        {
            if (Name.Length == 0 || Name.Buffer[0] != '\\')
            {
                return STATUS_OBJECT_PATH_SYNTAX_BAD;
            }
            Directory = ObpRootDirectory;
            ObpAdvance(&Name, sizeof(WCHAR));
            if (Name.Length == 0)
            {
                ObReferenceObject(Directory);
                Walk->Found = OBP_HEADER(Directory);
                return STATUS_SUCCESS;
            }
        }
        while (Length < Name.Length && Name.Buffer[Length / sizeof(WCHAR)] != '\\')
        {
            Length += sizeof(WCHAR);
        }
        Component = Name;
        Component.Length = Component.MaximumLength = (USHORT)Length;
        Rest = Name;
        ObpAdvance(&Rest, Length);
        if (Length == 0)
        {
            return STATUS_OBJECT_NAME_INVALID;
        }
        Header = ObpFindLocked(Directory, &Component, CaseInsensitive);
        if (Header == NULL)
        {
            if (Rest.Length != 0)
            {
                return STATUS_OBJECT_PATH_NOT_FOUND;
            }
            Walk->Parent = Directory;
            Walk->Last = Component;
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        if (Header->Type == ObpSymbolicLinkType &&
            (Rest.Length != 0 ||
             (Walk->Type != ObpSymbolicLinkType && (Walk->Attributes & OBJ_OPENLINK) == 0)))
        {
            NTSTATUS Status;

            if (Walk->Attributes & OBJ_DONT_REPARSE)
            {
                Status = STATUS_REPARSE_POINT_ENCOUNTERED;
            }
            else if (++Links > OBP_MAX_LINKS)
            {
                Status = STATUS_OBJECT_NAME_NOT_FOUND;
            }
            else
            {
                Status = ObpSubstitute(ObpBody(Header), &Rest, Walk, &Name);
            }
            ObDereferenceObject(ObpBody(Header));
            if (!NT_SUCCESS(Status))
            {
                return Status;
            }
            Directory = NULL;
            continue;
        }
        if (Rest.Length == 0 || Header->Type->Parse != NULL)
        {
            Walk->Found = Header;
            Walk->Remaining = Rest;
            return STATUS_SUCCESS;
        }
        // The name in the directory keeps it alive while the lock is held: a reference is not needed
        // on the way, and a deletion that is due meanwhile waits for the lock.
        ObDereferenceObject(ObpBody(Header));
        if (Header->Type != ObpDirectoryType)
        {
            return STATUS_OBJECT_TYPE_MISMATCH;
        }
        Directory = ObpBody(Header);
        Name = Rest;
        ObpAdvance(&Name, sizeof(WCHAR));
    }
}

NTSTATUS
ObpReferenceRoot(HANDLE Root, KPROCESSOR_MODE Mode, OBP_DIRECTORY **Directory)
{
    PVOID Object;
    NTSTATUS Status;

    *Directory = NULL;
    if (Root == NULL)
    {
        return STATUS_SUCCESS;
    }
    Status = ObReferenceObjectByHandle(Root, 0, ObpDirectoryType, Mode, &Object, NULL);
    if (NT_SUCCESS(Status))
    {
        *Directory = Object;
    }
    return Status;
}

NTSTATUS
ObpLookup(PUNICODE_STRING Path, HANDLE Root, ULONG AttributeFlags, POBJECT_TYPE Type, PVOID *Object,
          PUNICODE_STRING Remaining)
{
    OBP_WALK Walk = {.Type = Type, .Attributes = AttributeFlags};
    OBP_DIRECTORY *Directory;
    NTSTATUS Status;

    *Object = NULL;
    if (Remaining != NULL)
    {
        RtlInitEmptyUnicodeString(Remaining, NULL, 0);
    }
    Status = ObpReferenceRoot(Root, KernelMode, &Directory);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OsLockAcquire(&ObpNamespaceLock);
    Status = ObpWalkLocked(Path, Directory, &Walk);
    OsLockRelease(&ObpNamespaceLock);
    if (NT_SUCCESS(Status) && Walk.Remaining.Length != 0)
    {
        Status = STATUS_OBJECT_TYPE_MISMATCH;
        if (Remaining != NULL)
        {
            PWCHAR Copy = ObpAllocate(Walk.Remaining.Length);

            Status = STATUS_INSUFFICIENT_RESOURCES;
            if (Copy != NULL)
            {
                memcpy(Copy, Walk.Remaining.Buffer, Walk.Remaining.Length);
                RtlInitEmptyUnicodeString(Remaining, Copy, Walk.Remaining.Length);
                Remaining->Length = Walk.Remaining.Length;
                Status = STATUS_SUCCESS;
            }
        }
    }
    if (NT_SUCCESS(Status) && Walk.Remaining.Length == 0 && Type != NULL &&
        Walk.Found->Type != Type)
    {
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (NT_SUCCESS(Status))
    {
        *Object = ObpBody(Walk.Found);
    }
    else if (Walk.Found != NULL)
    {
        ObDereferenceObject(ObpBody(Walk.Found));
    }
    ObpFree(Walk.Buffer);
    if (Directory != NULL)
    {
        ObDereferenceObject(Directory);
    }
    return Status;
}

// Ends OBJ_PERMANENT. Namespace lock held; TRUE: the caller drops the reference that it was.
static BOOLEAN
ObpEndPermanentLocked(OBJECT_HEADER *Header)
{
    BOOLEAN Was = (Header->Flags & OB_FLAG_PERMANENT) != 0;

    Header->Flags &= ~OB_FLAG_PERMANENT;
    return Was;
}

static void
ObpEndName(PVOID Object, BOOLEAN DespiteHandles)
{
    OBJECT_HEADER *Header = OBP_HEADER(Object);
    OBP_NAME *Name = NULL;
    BOOLEAN Drop;

    OsLockAcquire(&ObpNamespaceLock);
    Drop = ObpEndPermanentLocked(Header);
    if (DespiteHandles || Header->HandleCount == 0)
    {
        Name = ObpDetachNameLocked(Header);
    }
    OsLockRelease(&ObpNamespaceLock);
    ObpFreeName(Name);
    if (Drop)
    {
        ObDereferenceObject(Object);
    }
}

void
ObpRemoveName(PVOID Object)
{
    ObpEndName(Object, TRUE);
}

void
ObpMakeTemporary(PVOID Object)
{
    ObpEndName(Object, FALSE);
}

VOID
ObMakeTemporaryObject(PVOID Object)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    ObpMakeTemporary(Object);
}
