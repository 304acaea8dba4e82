// SPDX-License-Identifier: MIT
// What is left behind: handles and objects, for the verifier's report.
#include "ob/obi.h"

#include <stdio.h>

#define OBP_TEXT 192

// "Event "\BaseNamedObjects\Ready"" or "Event".
static void
ObpDescribe(OBJECT_HEADER *Header, char *Text, size_t Size)
{
    ULONG Buffer[(sizeof(OBJECT_NAME_INFORMATION) + 256) / sizeof(ULONG)];
    POBJECT_NAME_INFORMATION Name = (POBJECT_NAME_INFORMATION)Buffer;
    ULONG Length;
    int Used = snprintf(Text, Size, "%s", Header->Type->Name);

    if (!NT_SUCCESS(ObQueryNameString(ObpBody(Header), Name, sizeof(Buffer), &Length)) ||
        Name->Name.Length == 0 || (size_t)Used + 4 > Size)
    {
        return;
    }
    Text[Used++] = ' ';
    Text[Used++] = '"';
    for (ULONG i = 0; i < Name->Name.Length / sizeof(WCHAR) && (size_t)Used + 2 < Size; i++)
    {
        WCHAR Character = Name->Name.Buffer[i];

        Text[Used++] = Character >= 32 && Character < 127 ? (char)Character : '?';
    }
    Text[Used++] = '"';
    Text[Used] = 0;
}

static ULONG
ObpStackDepth(PVOID *Stack, ULONG Count)
{
    ULONG Depth = 0;

    while (Depth < Count && Stack[Depth] != NULL)
    {
        Depth++;
    }
    return Depth;
}

typedef struct OBP_LEAK
{
    const char *Owner;
    const void *Low, *High;  // NULL: any maker
} OBP_LEAK;

static void
ObpReportHandle(void *Context, HANDLE Handle, OBJECT_HEADER *Header, ACCESS_MASK Granted,
                PVOID *Stack, ULONG Count)
{
    const OBP_LEAK *Leak = Context;
    ULONG Depth = ObpStackDepth(Stack, Count);
    BOOLEAN Theirs = Leak->Low == NULL;
    char Text[OBP_TEXT];

    for (ULONG i = 0; i < Depth; i++)
    {
        Theirs = Theirs || (Stack[i] >= Leak->Low && Stack[i] < Leak->High);
    }
    if (!Theirs)
    {
        return;
    }
    ObpDescribe(Header, Text, sizeof(Text));
    VfLeak(Stack, Depth, "%s: handle 0x%llx to %s, access 0x%08x, is still open", Leak->Owner,
           (unsigned long long)(ULONG_PTR)Handle, Text, (unsigned)Granted);
}

void
ObpReportHandleLeaks(OBP_HANDLE_TABLE *Table, const char *Owner)
{
    OBP_LEAK Leak = {Owner, NULL, NULL};

    ObpEnumerateStacks(Table, ObpReportHandle, &Leak);
}

void
ObpReportHandlesMadeBy(const void *Low, const void *High, const char *Driver)
{
    OBP_LEAK Leak = {Driver, Low, High};

    ObpEnumerateStacks(PsInitialSystemProcess->Handles, ObpReportHandle, &Leak);
}

static BOOLEAN
ObpMadeIn(const OBJECT_HEADER *Header, const void *Low, const void *High)
{
    for (ULONG i = 0; i < RTL_NUMBER_OF(Header->CreatorStack); i++)
    {
        if (Header->CreatorStack[i] >= Low && Header->CreatorStack[i] < High)
        {
            return TRUE;
        }
    }
    return FALSE;
}

static void
ObpReportObject(void *Context, OBJECT_HEADER *Header)
{
    PVOID Object = ObpBody(Header);
    LONG64 Handles;
    char Text[OBP_TEXT];

    const OBP_LEAK *Leak = Context;

    // What a driver made is told of while its code is still loaded, so that the stack has names. Its
    // devices and links are the I/O manager's to tell.
    if (Leak != NULL && (Header->Type == IopDeviceType || Header->Type == ObpSymbolicLinkType ||
                         !ObpMadeIn(Header, Leak->Low, Leak->High)))
    {
        return;
    }
    OsLockAcquire(&ObpNamespaceLock);
    Handles = Header->HandleCount;
    OsLockRelease(&ObpNamespaceLock);
    // One leak, one entry: an object with handles is told of by them.
    if (Handles != 0 || (Header->Flags & (OB_FLAG_PERMANENT | OB_FLAG_HOST)) != 0 ||
        Object == PsInitialSystemProcess || Object == PsInitialSystemProcess->Token ||
        Object == KiCurrentThread || Object == ObpRootDirectory)
    {
        return;
    }
    ObpDescribe(Header, Text, sizeof(Text));
    // Less the reference that holds it for this report.
    VfLeak(Header->CreatorStack,
           ObpStackDepth(Header->CreatorStack, RTL_NUMBER_OF(Header->CreatorStack)),
           "%s at %p: %lld references are still held", Text, Object,
           (long long)__atomic_load_n(&Header->PointerCount, __ATOMIC_RELAXED) - 1);
}

void
ObpReportObjectsMadeBy(const void *Low, const void *High, const char *Driver)
{
    OBP_LEAK Leak = {Driver, Low, High};

    PspFlushExits();
    ObpFlushDeferred();
    ObpEnumerateObjects(ObpReportObject, &Leak);
}

void
ObpReportLeaks(void)
{
    ObpFlushDeferred();
    ObpReportHandleLeaks(PsInitialSystemProcess->Handles, "system process");
    ObpEnumerateObjects(ObpReportObject, NULL);
}
