// SPDX-License-Identifier: MIT
// Connections: open, hello, limits, the channel's counters, close.

#include <stdlib.h>
#include <string.h>

#include "connection.h"

DWORD
UpcallControl(HANDLE File, HANDLE Event, DWORD Code, const void *Input, DWORD InputBytes,
              void *Output, DWORD OutputBytes)
{
    OVERLAPPED overlapped;
    DWORD returned = 0;
    memset(&overlapped, 0, sizeof(overlapped));
    overlapped.hEvent = Event;
    // The cast: the parameter is not const in the API, and is not written through.
    BOOL done = DeviceIoControl(File, Code, (void *)(ULONG_PTR)Input, InputBytes, Output,
                                OutputBytes, &returned, Event != NULL ? &overlapped : NULL);
    if (!done && Event != NULL && GetLastError() == ERROR_IO_PENDING)
    {
        done = GetOverlappedResult(File, &overlapped, &returned, TRUE);
    }
    if (!done)
    {
        return GetLastError();
    }
    // A driver that answers with less than it promises speaks another protocol.
    return returned == OutputBytes ? ERROR_SUCCESS : ERROR_INVALID_DATA;
}

static DWORD
Hello(UPCALL_CONNECTION *Connection)
{
    UPCALL_HELLO_INPUT input;
    memset(&input, 0, sizeof(input));
    input.Size = sizeof(input);
    input.Version = UPCALL_PROTOCOL_VERSION;
    input.VersionOldest = UPCALL_PROTOCOL_VERSION_OLDEST;
    DWORD error = UpcallControl(Connection->Control, NULL, UPCALL_IOCTL_HELLO, &input,
                                sizeof(input), &Connection->Limits, sizeof(Connection->Limits));
    if (error != ERROR_SUCCESS)
    {
        return error;
    }
    if (Connection->Limits.Size != sizeof(Connection->Limits))
    {
        return ERROR_INVALID_DATA;
    }
    if (Connection->Limits.Version < UPCALL_PROTOCOL_VERSION_OLDEST ||
        Connection->Limits.Version > UPCALL_PROTOCOL_VERSION)
    {
        return ERROR_REVISION_MISMATCH;
    }
    return ERROR_SUCCESS;
}

static WCHAR *
CopyPath(const WCHAR *Path)
{
    size_t units = 0;
    while (Path[units] != 0)
    {
        units++;
    }
    WCHAR *copy = malloc((units + 1) * sizeof(WCHAR));
    if (copy != NULL)
    {
        memcpy(copy, Path, (units + 1) * sizeof(WCHAR));
    }
    return copy;
}

DWORD WINAPI
UpcallOpen(const WCHAR *DevicePath, UPCALL_CONNECTION **Connection)
{
    DWORD error;
    if (Connection == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    *Connection = NULL;
    if (DevicePath == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }

    UPCALL_CONNECTION *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
    {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    connection->DevicePath = CopyPath(DevicePath);
    if (connection->DevicePath == NULL)
    {
        error = ERROR_NOT_ENOUGH_MEMORY;
        goto FreeConnection;
    }
    connection->Control = CreateFileW(DevicePath, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                      NULL, OPEN_EXISTING, 0, NULL);
    if (connection->Control == INVALID_HANDLE_VALUE)
    {
        error = GetLastError();
        goto FreePath;
    }
    error = Hello(connection);
    if (error != ERROR_SUCCESS)
    {
        goto CloseControl;
    }
    InitializeCriticalSection(&connection->Lock);
    *Connection = connection;
    return ERROR_SUCCESS;

CloseControl:
    CloseHandle(connection->Control);
FreePath:
    free(connection->DevicePath);
FreeConnection:
    free(connection);
    return error;
}

DWORD WINAPI
UpcallGetLimits(UPCALL_CONNECTION *Connection, UPCALL_HELLO_OUTPUT *Limits)
{
    if (Connection == NULL || Limits == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    *Limits = Connection->Limits;
    return ERROR_SUCCESS;
}

DWORD WINAPI
UpcallQueryChannel(UPCALL_CONNECTION *Connection, UPCALL_CHANNEL_STATISTICS *Statistics)
{
    UPCALL_CHANNEL_INPUT input;
    if (Connection == NULL || Statistics == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    memset(&input, 0, sizeof(input));
    input.Size = sizeof(input);
    memset(Statistics, 0, sizeof(*Statistics));
    return UpcallControl(Connection->Control, NULL, UPCALL_IOCTL_QUERY_CHANNEL, &input,
                         sizeof(input), Statistics, sizeof(*Statistics));
}

DWORD WINAPI
UpcallClose(UPCALL_CONNECTION *Connection)
{
    if (Connection == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    // Asked of all before any is ended: a refusal changes nothing.
    BOOL ownCallback = FALSE;
    EnterCriticalSection(&Connection->Lock);
    for (UPCALL_SUBSCRIPTION *s = Connection->First; s != NULL; s = s->Next)
    {
        ownCallback = ownCallback || UpcallIsOwnCallback(s);
    }
    LeaveCriticalSection(&Connection->Lock);
    if (ownCallback)
    {
        return ERROR_POSSIBLE_DEADLOCK;
    }

    // No other thread may be in a call with the connection: the list changes under our hands only.
    while (Connection->First != NULL)
    {
        (void)UpcallUnsubscribe(Connection->First);
    }
    DeleteCriticalSection(&Connection->Lock);
    CloseHandle(Connection->Control);
    free(Connection->DevicePath);
    free(Connection);
    return ERROR_SUCCESS;
}
