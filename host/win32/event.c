// SPDX-License-Identifier: MIT
// Events.

#include "win32/k32.h"

#include <ntstatus.h>

static HANDLE
CreateNamed(K32_NAME *Name, const SECURITY_ATTRIBUTES *Security, DWORD Flags, DWORD Access)
{
    K32_NAME Path;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = NULL;

    if (!K32ObjectAttributes(Name, Security, OBJ_OPENIF, &Path, &Attributes))
    {
        return NULL;
    }
    NTSTATUS Status =
        WX_CALL(NtCreateEvent, WX_POINTER(&Handle), Access, WX_POINTER(&Attributes),
                (Flags & CREATE_EVENT_MANUAL_RESET) != 0 ? NotificationEvent : SynchronizationEvent,
                (Flags & CREATE_EVENT_INITIAL_SET) != 0);
    K32FreeName(&Path);
    // An existing object of another type is ERROR_INVALID_HANDLE, as documented for CreateEvent.
    if (!K32Result(Status))
    {
        return NULL;
    }
    SetLastError(Status == STATUS_OBJECT_NAME_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
    return Handle;
}

HANDLE WINAPI
CreateEventExW(LPSECURITY_ATTRIBUTES Security, LPCWSTR Name, DWORD Flags, DWORD Access)
{
    K32_NAME Wide = {.Buffer = NULL};
    if (Name != NULL && !K32NameFromWide(Name, &Wide))
    {
        return NULL;
    }
    HANDLE Handle = CreateNamed(Name != NULL ? &Wide : NULL, Security, Flags, Access);
    K32FreeName(&Wide);
    return Handle;
}

HANDLE WINAPI
CreateEventExA(LPSECURITY_ATTRIBUTES Security, LPCSTR Name, DWORD Flags, DWORD Access)
{
    K32_NAME Wide = {.Buffer = NULL};
    if (Name != NULL && !K32NameFromUtf8(Name, &Wide))
    {
        return NULL;
    }
    HANDLE Handle = CreateNamed(Name != NULL ? &Wide : NULL, Security, Flags, Access);
    K32FreeName(&Wide);
    return Handle;
}

static DWORD
EventFlags(BOOL Manual, BOOL Set)
{
    return (Manual ? CREATE_EVENT_MANUAL_RESET : 0u) | (Set ? CREATE_EVENT_INITIAL_SET : 0u);
}

HANDLE WINAPI
CreateEventW(LPSECURITY_ATTRIBUTES Security, BOOL Manual, BOOL Set, LPCWSTR Name)
{
    return CreateEventExW(Security, Name, EventFlags(Manual, Set), EVENT_ALL_ACCESS);
}

HANDLE WINAPI
CreateEventA(LPSECURITY_ATTRIBUTES Security, BOOL Manual, BOOL Set, LPCSTR Name)
{
    return CreateEventExA(Security, Name, EventFlags(Manual, Set), EVENT_ALL_ACCESS);
}

static HANDLE
OpenNamed(K32_NAME *Name, DWORD Access, BOOL Inherit)
{
    K32_NAME Path;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = NULL;

    if (!K32ObjectAttributes(Name, NULL, Inherit ? OBJ_INHERIT : 0, &Path, &Attributes))
    {
        return NULL;
    }
    NTSTATUS Status = WX_CALL(NtOpenEvent, WX_POINTER(&Handle), Access, WX_POINTER(&Attributes));
    K32FreeName(&Path);
    return K32Result(Status) ? Handle : NULL;
}

HANDLE WINAPI
OpenEventW(DWORD Access, BOOL Inherit, LPCWSTR Name)
{
    K32_NAME Wide;
    if (Name == NULL)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!K32NameFromWide(Name, &Wide))
    {
        return NULL;
    }
    HANDLE Handle = OpenNamed(&Wide, Access, Inherit);
    K32FreeName(&Wide);
    return Handle;
}

HANDLE WINAPI
OpenEventA(DWORD Access, BOOL Inherit, LPCSTR Name)
{
    K32_NAME Wide;
    if (Name == NULL)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!K32NameFromUtf8(Name, &Wide))
    {
        return NULL;
    }
    HANDLE Handle = OpenNamed(&Wide, Access, Inherit);
    K32FreeName(&Wide);
    return Handle;
}

BOOL WINAPI
SetEvent(HANDLE Event)
{
    return K32Result(WX_CALL(NtSetEvent, WX_POINTER(Event), 0));
}

BOOL WINAPI
ResetEvent(HANDLE Event)
{
    return K32Result(WX_CALL(NtClearEvent, WX_POINTER(Event)));
}
