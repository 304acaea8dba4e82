// SPDX-License-Identifier: MIT
// Object types: their creation, the types of the object manager itself, and the exported names.
#include "ob/obi.h"

static LIST_ENTRY ObpTypes;  // guarded by ObpNamespaceLock

POBJECT_TYPE ObpDirectoryType, ObpSymbolicLinkType, ObpEventType, ObpSectionType, ObpThreadType,
    ObpProcessType, ObpTokenType;

POBJECT_TYPE *ExEventObjectType = &ObpEventType;
POBJECT_TYPE *PsThreadType = &ObpThreadType;
POBJECT_TYPE *PsProcessType = &ObpProcessType;
POBJECT_TYPE *SeTokenObjectType = &ObpTokenType;
POBJECT_TYPE *MmSectionObjectType = &ObpSectionType;

POBJECT_TYPE
ObpCreateType(const char *Name, const struct _OBJECT_TYPE *Template)
{
    POBJECT_TYPE Type = ObpAllocate(sizeof(*Type));

    if (Type == NULL)
    {
        return NULL;
    }
    *Type = *Template;
    Type->Name = Name;
    Type->Lock = (OS_LOCK)OS_LOCK_INIT;
    InitializeListHead(&Type->Objects);
    Type->ObjectCount = 0;
    Type->HandleCount = 0;
    OsLockAcquire(&ObpNamespaceLock);
    InsertTailList(&ObpTypes, &Type->Link);
    OsLockRelease(&ObpNamespaceLock);
    return Type;
}

static void
ObpDeleteLink(PVOID Object)
{
    ObpFree(((OBP_LINK *)Object)->Target.Buffer);
}

NTSTATUS
ObStartTypes(void)
{
    static const struct _OBJECT_TYPE DirectoryTemplate = {
        .Mapping = {STANDARD_RIGHTS_READ | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
                    STANDARD_RIGHTS_WRITE | DIRECTORY_CREATE_OBJECT | DIRECTORY_CREATE_SUBDIRECTORY,
                    STANDARD_RIGHTS_EXECUTE | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
                    DIRECTORY_ALL_ACCESS},
        .ValidAccess = DIRECTORY_ALL_ACCESS,
        .WaitOffset = -1,
        // No Delete: each name references its directory, so a directory that goes is empty.
    };
    static const struct _OBJECT_TYPE LinkTemplate = {
        .Mapping = {STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY, STANDARD_RIGHTS_WRITE,
                    STANDARD_RIGHTS_EXECUTE | SYMBOLIC_LINK_QUERY, SYMBOLIC_LINK_ALL_ACCESS},
        .ValidAccess = SYMBOLIC_LINK_ALL_ACCESS,
        .WaitOffset = -1,
        .Delete = ObpDeleteLink,
    };
    static const struct _OBJECT_TYPE EventTemplate = {
        .Mapping = {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE,
                    STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE,
                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS},
        .ValidAccess = EVENT_ALL_ACCESS,
        .WaitOffset = 0,
    };

    InitializeListHead(&ObpTypes);
    ObpDirectoryType = ObpCreateType("Directory", &DirectoryTemplate);
    ObpSymbolicLinkType = ObpCreateType("SymbolicLink", &LinkTemplate);
    ObpEventType = ObpCreateType("Event", &EventTemplate);
    if (ObpDirectoryType == NULL || ObpSymbolicLinkType == NULL || ObpEventType == NULL)
    {
        ObStopTypes();
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

void
ObStopTypes(void)
{
    LIST_ENTRY Types;

    ObpDrainDeferred();
    InitializeListHead(&Types);
    OsLockAcquire(&ObpNamespaceLock);
    while (!IsListEmpty(&ObpTypes))
    {
        InsertTailList(&Types, RemoveHeadList(&ObpTypes));
    }
    OsLockRelease(&ObpNamespaceLock);
    while (!IsListEmpty(&Types))
    {
        POBJECT_TYPE Type = CONTAINING_RECORD(RemoveHeadList(&Types), struct _OBJECT_TYPE, Link);

        // An object that outlived its leak report (verifier off) keeps its type: its last
        // dereference may still come.
        if (Type->ObjectCount == 0)
        {
            ObpFree(Type);
        }
    }
    ObpDirectoryType = ObpSymbolicLinkType = ObpEventType = NULL;
}

// Calls Routine for every live object of every type, referenced, with no lock held.
void
ObpEnumerateObjects(OBP_OBJECT_ROUTINE *Routine, void *Context)
{
    OsLockAcquire(&ObpNamespaceLock);
    for (PLIST_ENTRY TypeLink = ObpTypes.Flink; TypeLink != &ObpTypes; TypeLink = TypeLink->Flink)
    {
        POBJECT_TYPE Type = CONTAINING_RECORD(TypeLink, struct _OBJECT_TYPE, Link);
        OBJECT_HEADER *Previous = NULL;

        // Types are never removed while the executive runs. The object just reported stays
        // referenced, and so on the list, until its successor is found.
        for (;;)
        {
            OBJECT_HEADER *Header = NULL;

            OsLockAcquire(&Type->Lock);
            for (PLIST_ENTRY Link = Previous ? Previous->TypeLink.Flink : Type->Objects.Flink;
                 Link != &Type->Objects && Header == NULL; Link = Link->Flink)
            {
                Header = CONTAINING_RECORD(Link, OBJECT_HEADER, TypeLink);
                if (!ObpTryReference(Header))
                {
                    Header = NULL;
                }
            }
            OsLockRelease(&Type->Lock);
            OsLockRelease(&ObpNamespaceLock);
            if (Previous != NULL)
            {
                ObDereferenceObject(ObpBody(Previous));
            }
            if (Header != NULL)
            {
                Routine(Context, Header);
            }
            OsLockAcquire(&ObpNamespaceLock);
            Previous = Header;
            if (Header == NULL)
            {
                break;
            }
        }
    }
    OsLockRelease(&ObpNamespaceLock);
}
