// SPDX-License-Identifier: MIT
// Symbolic links that drivers make, and who made which: a link left behind at unload is reported.
#include "io/iop.h"

#include <string.h>

typedef struct LINK_RECORD
{
    LIST_ENTRY Link;
    PDRIVER_OBJECT Driver;  // whose code made it; compared only, never followed
    PVOID Stack[8];
    UNICODE_STRING Name;
    WCHAR Buffer[];
} LINK_RECORD;

static OS_LOCK LinkLock = OS_LOCK_INIT;
static LIST_ENTRY Links = {&Links, &Links};  // guarded by LinkLock

static LINK_RECORD *
MakeRecord(PUNICODE_STRING Name)
{
    LINK_RECORD *Record =
        MiAllocatePool(NonPagedPoolNx, sizeof(*Record) + Name->Length, MI_TAG_HOST, TRUE);

    if (Record != NULL)
    {
        Record->Name.Buffer = Record->Buffer;
        Record->Name.Length = Name->Length;
        Record->Name.MaximumLength = Name->Length;
        memcpy(Record->Buffer, Name->Buffer, Name->Length);
        OsStackCapture(Record->Stack, 8, 1);
        Record->Driver = MiDriverOfStack(Record->Stack, 8);
    }
    return Record;
}

static NTSTATUS
CreateLink(PUNICODE_STRING Name, PUNICODE_STRING Target, PVOID Descriptor)
{
    OBJECT_ATTRIBUTES Attributes;
    LINK_RECORD *Record;
    HANDLE Handle;
    NTSTATUS Status;

    Record = VfFault(__func__) ? NULL : MakeRecord(Name);
    if (Record == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    InitializeObjectAttributes(&Attributes, Name,
                               OBJ_CASE_INSENSITIVE | OBJ_PERMANENT | OBJ_KERNEL_HANDLE, NULL,
                               Descriptor);
    Status = ZwCreateSymbolicLinkObject(&Handle, SYMBOLIC_LINK_ALL_ACCESS, &Attributes, Target);
    if (!NT_SUCCESS(Status))
    {
        MiFreePool(Record, MI_TAG_HOST, FALSE);
        return Status;
    }
    ZwClose(Handle);
    OsLockAcquire(&LinkLock);
    InsertTailList(&Links, &Record->Link);
    OsLockRelease(&LinkLock);
    return STATUS_SUCCESS;
}

NTSTATUS
IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    VF_MAX_IRQL(PASSIVE_LEVEL);
    return CreateLink(SymbolicLinkName, DeviceName, NULL);
}

NTSTATUS
IoCreateUnprotectedSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    SECURITY_DESCRIPTOR Descriptor = {.Revision = SECURITY_DESCRIPTOR_REVISION,
                                      .Control = SE_DACL_PRESENT};

    VF_MAX_IRQL(PASSIVE_LEVEL);
    return CreateLink(SymbolicLinkName, DeviceName, &Descriptor);  // a NULL DACL: everybody, all
}

static void
ForgetLink(PUNICODE_STRING Name)
{
    LINK_RECORD *Found = NULL;

    OsLockAcquire(&LinkLock);
    for (PLIST_ENTRY Entry = Links.Flink; Entry != &Links && Found == NULL; Entry = Entry->Flink)
    {
        LINK_RECORD *Record = CONTAINING_RECORD(Entry, LINK_RECORD, Link);

        if (RtlEqualUnicodeString(&Record->Name, Name, TRUE))
        {
            RemoveEntryList(&Record->Link);
            Found = Record;
        }
    }
    OsLockRelease(&LinkLock);
    if (Found != NULL)
    {
        MiFreePool(Found, MI_TAG_HOST, FALSE);
    }
}

NTSTATUS
IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    InitializeObjectAttributes(&Attributes, SymbolicLinkName,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenSymbolicLinkObject(&Handle, DELETE, &Attributes);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ZwMakeTemporaryObject(Handle);
    if (NT_SUCCESS(Status))
    {
        ForgetLink(SymbolicLinkName);
    }
    ZwClose(Handle);
    return Status;
}

void
IopReportLinks(PDRIVER_OBJECT Driver)
{
    OsLockAcquire(&LinkLock);
    for (PLIST_ENTRY Entry = Links.Flink; Entry != &Links; Entry = Entry->Flink)
    {
        LINK_RECORD *Record = CONTAINING_RECORD(Entry, LINK_RECORD, Link);

        if (Record->Driver == Driver)
        {
            char Text[128];
            ULONG Length = Record->Name.Length / sizeof(WCHAR);
            ULONG Index;

            for (Index = 0; Index < Length && Index + 1 < sizeof(Text); Index++)
            {
                Text[Index] = Record->Buffer[Index] < 0x80 ? (char)Record->Buffer[Index] : '?';
            }
            Text[Index] = 0;
            VfLeak(Record->Stack, 8, "the symbolic link %s", Text);
        }
    }
    OsLockRelease(&LinkLock);
}

void
IopForgetLinks(void)
{
    while (!IsListEmpty(&Links))
    {
        MiFreePool(CONTAINING_RECORD(RemoveHeadList(&Links), LINK_RECORD, Link), MI_TAG_HOST,
                   FALSE);
    }
}
