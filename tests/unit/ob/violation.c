// SPDX-License-Identifier: MIT
// One violation of the object manager's rules a run, named by the argument, and a clean twin.
#include <stdio.h>
#include <string.h>

#include "nthost.h"
#include "ob/obi.h"

static HANDLE
NewEvent(const WCHAR *Path, ULONG Flags)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = NULL;

    RtlInitUnicodeString(&Name, Path);
    InitializeObjectAttributes(&Attributes, Path ? &Name : NULL, Flags, NULL, NULL);
    NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE);
    KiLeaveZw(Old);
    return Handle;
}

static PVOID
Reference(HANDLE Handle)
{
    PVOID Object = NULL;

    ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Object, NULL);
    return Object;
}

int
main(int Count, char **Arguments)
{
    static const NTHOST_CONFIG Config = {.Processors = 2, .VerifierLevel = VfFull};
    const char *What = Count == 2 ? Arguments[1] : "";
    char Message[256];
    HANDLE Handle;
    PVOID Object;

    if (NthostStart(&Config, Message, sizeof(Message)) != 0)
    {
        fprintf(stderr, "NthostStart: %s\n", Message);
        return 1;
    }
    Handle = NewEvent(L"\\BaseNamedObjects\\Leaked", OBJ_KERNEL_HANDLE);
    Object = Reference(Handle);
    if (strcmp(What, "over_dereference") == 0)
    {
        ObDereferenceObject(Object);
        ObDereferenceObject(Object);
    }
    else if (strcmp(What, "kernel_handle_closed_twice") == 0)
    {
        ZwClose(Handle);
        ZwClose(Handle);
    }
    else if (strcmp(What, "user_handle_with_kernel_mode") == 0)
    {
        NTHOST_PROCESS *Process;

        NthostAttachProcess("victim", "user", &Process, NULL, NULL);
        Reference(NewEvent(NULL, 0));
    }
    else if (strcmp(What, "leaked_reference") == 0)
    {
        ZwClose(Handle);
    }
    else if (strcmp(What, "leaked_kernel_handle") == 0)
    {
        ObDereferenceObject(Object);
    }
    else if (strcmp(What, "clean") == 0)
    {
        ObDereferenceObject(Object);
        ZwClose(Handle);
    }
    NthostStop();
    printf("nothing was violated\n");
    return 0;
}
