// SPDX-License-Identifier: MIT
// Completion ports.

#include "win32/k32.h"

#include <ntstatus.h>

HANDLE WINAPI
CreateIoCompletionPort(HANDLE File, HANDLE Port, ULONG_PTR Key, DWORD Threads)
{
    HANDLE Made = Port;
    IO_STATUS_BLOCK Iosb;

    if (File == INVALID_HANDLE_VALUE && Port != NULL)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (Port == NULL && !K32Result(WX_CALL(NtCreateIoCompletion, WX_POINTER(&Made),
                                           IO_COMPLETION_ALL_ACCESS, 0, Threads)))
    {
        return NULL;
    }
    if (File != INVALID_HANDLE_VALUE)
    {
        FILE_COMPLETION_INFORMATION Information = {.CompletionPort = Made, .CompletionKey = Key};
        if (!K32Result(WX_CALL(NtSetInformationFile, WX_POINTER(File), WX_POINTER(&Iosb),
                               WX_POINTER(&Information), sizeof(Information),
                               FileCompletionInformation)))
        {
            if (Port == NULL)
            {
                WX_CALL(NtClose, WX_POINTER(Made));
            }
            return NULL;
        }
    }
    return Made;
}

BOOL WINAPI
PostQueuedCompletionStatus(HANDLE Port, DWORD Bytes, ULONG_PTR Key, LPOVERLAPPED Overlapped)
{
    return K32Result(WX_CALL(NtSetIoCompletion, WX_POINTER(Port), Key, WX_POINTER(Overlapped),
                             (uint32_t)STATUS_SUCCESS, Bytes));
}

BOOL WINAPI
GetQueuedCompletionStatus(HANDLE Port, LPDWORD Bytes, PULONG_PTR Key, LPOVERLAPPED *Overlapped,
                          DWORD Milliseconds)
{
    LARGE_INTEGER Time;
    PLARGE_INTEGER Timeout = K32Timeout(Milliseconds, &Time);
    IO_STATUS_BLOCK Iosb;
    ULONG_PTR Packet = 0, Context = 0;
    const NTH_WINDOW Windows[] = {WX_OUT(&Packet, sizeof(Packet)),
                                  WX_OUT(&Context, sizeof(Context)), WX_OUT(&Iosb, sizeof(Iosb)),
                                  WX_IN(Timeout, sizeof(Time))};
    NTSTATUS Status =
        WX_CALL_WINDOWS(Windows, 4, NtRemoveIoCompletion, WX_POINTER(Port), WX_POINTER(&Packet),
                        WX_POINTER(&Context), WX_POINTER(&Iosb), WX_POINTER(Timeout));
    if (Status != STATUS_SUCCESS)
    {
        // No packet was taken: the OVERLAPPED is NULL, and Bytes and Key stay as they were.
        *Overlapped = NULL;
        SetLastError(K32ErrorFromStatus(Status));
        return FALSE;
    }
    *Bytes = (DWORD)Iosb.Information;
    *Key = Packet;
    *Overlapped = (LPOVERLAPPED)Context;
    return K32Result(Iosb.Status);
}

BOOL WINAPI
GetQueuedCompletionStatusEx(HANDLE Port, LPOVERLAPPED_ENTRY Entries, ULONG Room, PULONG Removed,
                            DWORD Milliseconds, BOOL Alertable)
{
    _Static_assert(sizeof(OVERLAPPED_ENTRY) == sizeof(FILE_IO_COMPLETION_INFORMATION),
                   "both are key, context, status and information");
    LARGE_INTEGER Time;
    PLARGE_INTEGER Timeout = K32Timeout(Milliseconds, &Time);
    const NTH_WINDOW Windows[] = {WX_OUT(Removed, sizeof(*Removed)), WX_IN(Timeout, sizeof(Time)),
                                  WX_OUT(Entries, Room * sizeof(*Entries))};
    NTSTATUS Status =
        WX_CALL_WINDOWS(Windows, 3, NtRemoveIoCompletionEx, WX_POINTER(Port), WX_POINTER(Entries),
                        Room, WX_POINTER(Removed), WX_POINTER(Timeout), Alertable != 0);
    if (Status != STATUS_SUCCESS)
    {
        SetLastError(Status == STATUS_USER_APC ? WAIT_IO_COMPLETION : K32ErrorFromStatus(Status));
        return FALSE;
    }
    return TRUE;
}

BOOL WINAPI
SetFileCompletionNotificationModes(HANDLE File, UCHAR Flags)
{
    IO_STATUS_BLOCK Iosb;
    ULONG Information = Flags;
    if ((Flags & ~(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)) != 0)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    return K32Result(WX_CALL(NtSetInformationFile, WX_POINTER(File), WX_POINTER(&Iosb),
                             WX_POINTER(&Information), sizeof(Information),
                             FileIoCompletionNotificationInformation));
}
