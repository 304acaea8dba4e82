// SPDX-License-Identifier: MIT
// Waits and sleeps.

#include "win32/k32.h"

#include <ntstatus.h>

static DWORD
WaitResult(NTSTATUS Status)
{
    if (Status == STATUS_TIMEOUT)
    {
        return WAIT_TIMEOUT;
    }
    if (!NT_SUCCESS(Status))
    {
        SetLastError(K32ErrorFromStatus(Status));
        return WAIT_FAILED;
    }
    return (DWORD)Status;  // STATUS_WAIT_0 + n, STATUS_USER_APC, STATUS_ABANDONED_WAIT_0 + n
}

DWORD WINAPI
WaitForSingleObjectEx(HANDLE Handle, DWORD Milliseconds, BOOL Alertable)
{
    LARGE_INTEGER Time;
    PLARGE_INTEGER Timeout = K32Timeout(Milliseconds, &Time);
    const NTH_WINDOW Windows[] = {WX_IN(Timeout, sizeof(Time))};
    return WaitResult(WX_CALL_WINDOWS(Windows, 1, NtWaitForSingleObject, WX_POINTER(Handle),
                                      Alertable != 0, WX_POINTER(Timeout)));
}

DWORD WINAPI
WaitForSingleObject(HANDLE Handle, DWORD Milliseconds)
{
    return WaitForSingleObjectEx(Handle, Milliseconds, FALSE);
}

DWORD WINAPI
WaitForMultipleObjectsEx(DWORD Count, const HANDLE *Handles, BOOL All, DWORD Milliseconds,
                         BOOL Alertable)
{
    LARGE_INTEGER Time;
    PLARGE_INTEGER Timeout = K32Timeout(Milliseconds, &Time);
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return WAIT_FAILED;
    }
    const NTH_WINDOW Windows[] = {WX_IN(Handles, Count * sizeof(HANDLE)),
                                  WX_IN(Timeout, sizeof(Time))};
    // NT's WaitType is 0 for all, 1 for any.
    return WaitResult(WX_CALL_WINDOWS(Windows, 2, NtWaitForMultipleObjects, Count,
                                      WX_POINTER(Handles), !All, Alertable != 0,
                                      WX_POINTER(Timeout)));
}

DWORD WINAPI
WaitForMultipleObjects(DWORD Count, const HANDLE *Handles, BOOL All, DWORD Milliseconds)
{
    return WaitForMultipleObjectsEx(Count, Handles, All, Milliseconds, FALSE);
}

void WINAPI
Sleep(DWORD Milliseconds)
{
    LARGE_INTEGER Time;
    PLARGE_INTEGER Timeout = K32Timeout(Milliseconds, &Time);
    if (Timeout == NULL)
    {
        Time.QuadPart = (LONGLONG)0x8000000000000000ull;  // NtDelayExecution's "for ever"
    }
    const NTH_WINDOW Windows[] = {WX_IN(&Time, sizeof(Time))};
    WX_CALL_WINDOWS(Windows, 1, NtDelayExecution, FALSE, WX_POINTER(&Time));
}
