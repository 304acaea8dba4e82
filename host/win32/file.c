// SPDX-License-Identifier: MIT
// Devices as files: open, read, write, control, cancel, close, duplicate.

#include "win32/k32.h"

#include <ntstatus.h>
#include <string.h>

// `\\.\Name` and `\\?\Name` name what lies under \??; anything else is taken from there too, where only
// devices live: ordinary files are the C library's.
static BOOL
DevicePath(const K32_NAME *Name, K32_NAME *Path)
{
    static const WCHAR Prefix[] = L"\\??\\";
    size_t Units = Name->String.Length / sizeof(WCHAR), Skip = 0;
    const WCHAR *Text = Name->Buffer;

    if (Units >= 4 && Text[0] == '\\' && Text[1] == '\\' && (Text[2] == '.' || Text[2] == '?') &&
        Text[3] == '\\')
    {
        Skip = 4;
    }
    if (Units == Skip)
    {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return FALSE;
    }
    WCHAR Whole[1024];
    if (Units - Skip + 4 >= sizeof(Whole) / sizeof(WCHAR))
    {
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
        return FALSE;
    }
    memcpy(Whole, Prefix, 4 * sizeof(WCHAR));
    memcpy(Whole + 4, Text + Skip, (Units - Skip) * sizeof(WCHAR));
    Whole[4 + Units - Skip] = 0;
    return K32NameFromWide(Whole, Path);
}

static ULONG
Disposition(DWORD Creation)
{
    switch (Creation)
    {
    case CREATE_NEW:
        return FILE_CREATE;
    case CREATE_ALWAYS:
        return FILE_OVERWRITE_IF;
    case OPEN_EXISTING:
        return FILE_OPEN;
    case OPEN_ALWAYS:
        return FILE_OPEN_IF;
    case TRUNCATE_EXISTING:
        return FILE_OVERWRITE;
    default:
        return MAXDWORD;
    }
}

static HANDLE
OpenDevice(K32_NAME *Name, DWORD Access, DWORD Share, const SECURITY_ATTRIBUTES *Security,
           DWORD Creation, DWORD Flags)
{
    K32_NAME Path = {.Buffer = NULL};
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK Iosb = {.Information = 0};
    HANDLE Handle = NULL;
    ULONG Options = FILE_NON_DIRECTORY_FILE;

    if (Disposition(Creation) == MAXDWORD)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    if (!DevicePath(Name, &Path))
    {
        return INVALID_HANDLE_VALUE;
    }
    if ((Flags & FILE_FLAG_OVERLAPPED) == 0)
    {
        Options |= FILE_SYNCHRONOUS_IO_NONALERT;
    }
    InitializeObjectAttributes(&Attributes, &Path.String, OBJ_CASE_INSENSITIVE, NULL,
                               Security != NULL ? Security->lpSecurityDescriptor : NULL);
    if (Security != NULL && Security->bInheritHandle)
    {
        Attributes.Attributes |= OBJ_INHERIT;
    }
    NTSTATUS Status =
        WX_CALL(NtCreateFile, WX_POINTER(&Handle), Access | SYNCHRONIZE | FILE_READ_ATTRIBUTES,
                WX_POINTER(&Attributes), WX_POINTER(&Iosb), 0, Flags & 0x7FFFu, Share,
                Disposition(Creation), Options, 0, 0);
    K32FreeName(&Path);
    return K32Result(Status) ? Handle : INVALID_HANDLE_VALUE;
}

HANDLE WINAPI
CreateFileW(LPCWSTR Name, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Security, DWORD Creation,
            DWORD Flags, HANDLE Template)
{
    K32_NAME Wide;
    (void)Template;  // only file systems use its attributes
    if (Name == NULL)
    {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    if (!K32NameFromWide(Name, &Wide))
    {
        return INVALID_HANDLE_VALUE;
    }
    HANDLE Handle = OpenDevice(&Wide, Access, Share, Security, Creation, Flags);
    K32FreeName(&Wide);
    return Handle;
}

HANDLE WINAPI
CreateFileA(LPCSTR Name, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Security, DWORD Creation,
            DWORD Flags, HANDLE Template)
{
    K32_NAME Wide;
    (void)Template;
    if (Name == NULL)
    {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    if (!K32NameFromUtf8(Name, &Wide))
    {
        return INVALID_HANDLE_VALUE;
    }
    HANDLE Handle = OpenDevice(&Wide, Access, Share, Security, Creation, Flags);
    K32FreeName(&Wide);
    return Handle;
}

BOOL WINAPI
CloseHandle(HANDLE Handle)
{
    return K32Result(WX_CALL(NtClose, WX_POINTER(Handle)));
}

BOOL WINAPI
DuplicateHandle(HANDLE FromProcess, HANDLE From, HANDLE ToProcess, LPHANDLE To, DWORD Access,
                BOOL Inherit, DWORD Options)
{
    return K32Result(WX_CALL(NtDuplicateObject, WX_POINTER(FromProcess), WX_POINTER(From),
                             WX_POINTER(ToProcess), WX_POINTER(To), Access,
                             Inherit ? OBJ_INHERIT : 0, Options));
}

// ---- Transfers ----

// The NT event and completion context of an OVERLAPPED: a set low bit of hEvent keeps the completion
// from being queued to a port.
static HANDLE
OverlappedEvent(const OVERLAPPED *Overlapped)
{
    return (HANDLE)((ULONG_PTR)Overlapped->hEvent & ~(ULONG_PTR)1);
}

static uint64_t
OverlappedContext(OVERLAPPED *Overlapped)
{
    return ((ULONG_PTR)Overlapped->hEvent & 1) != 0 ? 0 : WX_POINTER(Overlapped);
}

// After the call of an overlapped transfer.
static BOOL
FinishOverlapped(NTSTATUS Status, const OVERLAPPED *Overlapped, LPDWORD Bytes)
{
    if (Status == STATUS_PENDING)
    {
        SetLastError(ERROR_IO_PENDING);
        return FALSE;
    }
    if (!NT_ERROR(Status) && Bytes != NULL)
    {
        *Bytes = (DWORD)Overlapped->InternalHigh;
    }
    return K32Result(Status);
}

// After the call of a transfer without OVERLAPPED. A handle that was opened for overlapped I/O may
// still return "pending": then the file object itself is signaled at completion.
static BOOL
FinishPlain(HANDLE File, NTSTATUS Status, volatile IO_STATUS_BLOCK *Iosb, LPDWORD Bytes)
{
    if (Status == STATUS_PENDING)
    {
        Status = WX_CALL(NtWaitForSingleObject, WX_POINTER(File), FALSE, 0);
        if (NT_SUCCESS(Status))
        {
            Status = Iosb->Status;
        }
    }
    if (!NT_ERROR(Status) && Bytes != NULL)
    {
        *Bytes = (DWORD)Iosb->Information;
    }
    return K32Result(Status);
}

static BOOL
Transfer(uint32_t Service, HANDLE File, PVOID Buffer, DWORD Length, LPDWORD Bytes,
         LPOVERLAPPED Overlapped)
{
    LARGE_INTEGER Offset = {.QuadPart = 0};
    uint32_t Direction = Service == Nts_NtReadFile ? NTH_WINDOW_OUT : NTH_WINDOW_IN;
    if (Bytes != NULL)
    {
        *Bytes = 0;
    }
    if (Overlapped != NULL)
    {
        Offset.LowPart = Overlapped->Offset;
        Offset.HighPart = (LONG)Overlapped->OffsetHigh;
        Overlapped->Internal = (ULONG_PTR)STATUS_PENDING;
        const NTH_WINDOW Windows[] = {{WX_POINTER(Buffer), Length, Direction},
                                      WX_IN(&Offset, sizeof(Offset))};
        const uint64_t Arguments[] = {WX_POINTER(File),
                                      WX_POINTER(OverlappedEvent(Overlapped)),
                                      0,
                                      OverlappedContext(Overlapped),
                                      WX_POINTER(Overlapped),
                                      WX_POINTER(Buffer),
                                      Length,
                                      WX_POINTER(&Offset),
                                      0};
        NTSTATUS Status = WxCall(Service, Arguments, 9, Windows, 2);
        return FinishOverlapped(Status, Overlapped, Bytes);
    }
    IO_STATUS_BLOCK Iosb = {.Status = STATUS_PENDING, .Information = 0};
    const NTH_WINDOW Windows[] = {{WX_POINTER(Buffer), Length, Direction},
                                  WX_OUT(&Iosb, sizeof(Iosb))};
    const uint64_t Arguments[] = {WX_POINTER(File),   0,      0, 0, WX_POINTER(&Iosb),
                                  WX_POINTER(Buffer), Length, 0, 0};
    NTSTATUS Status = WxCall(Service, Arguments, 9, Windows, 2);
    if (Service == Nts_NtReadFile && Status == STATUS_END_OF_FILE)
    {
        return TRUE;  // ReadFile reports the end of a synchronous file as zero bytes
    }
    return FinishPlain(File, Status, &Iosb, Bytes);
}

BOOL WINAPI
ReadFile(HANDLE File, LPVOID Buffer, DWORD Length, LPDWORD Bytes, LPOVERLAPPED Overlapped)
{
    return Transfer(Nts_NtReadFile, File, Buffer, Length, Bytes, Overlapped);
}

BOOL WINAPI
WriteFile(HANDLE File, LPCVOID Buffer, DWORD Length, LPDWORD Bytes, LPOVERLAPPED Overlapped)
{
    return Transfer(Nts_NtWriteFile, File, (PVOID)(ULONG_PTR)Buffer, Length, Bytes, Overlapped);
}

BOOL WINAPI
DeviceIoControl(HANDLE File, DWORD Code, LPVOID In, DWORD InLength, LPVOID Out, DWORD OutLength,
                LPDWORD Bytes, LPOVERLAPPED Overlapped)
{
    if (Bytes != NULL)
    {
        *Bytes = 0;
    }
    if (Overlapped != NULL)
    {
        Overlapped->Internal = (ULONG_PTR)STATUS_PENDING;
        const NTH_WINDOW Windows[] = {WX_IN(In, InLength)};
        NTSTATUS Status = WX_CALL_WINDOWS(
            Windows, 1, NtDeviceIoControlFile, WX_POINTER(File),
            WX_POINTER(OverlappedEvent(Overlapped)), 0, OverlappedContext(Overlapped),
            WX_POINTER(Overlapped), Code, WX_POINTER(In), InLength, WX_POINTER(Out), OutLength);
        return FinishOverlapped(Status, Overlapped, Bytes);
    }
    IO_STATUS_BLOCK Iosb = {.Status = STATUS_PENDING, .Information = 0};
    // METHOD_IN_DIRECT drivers read the output buffer too: leave that one to the memory descriptor.
    const NTH_WINDOW Windows[] = {WX_IN(In, InLength), WX_OUT(&Iosb, sizeof(Iosb)),
                                  WX_OUT(Out, OutLength)};
    NTSTATUS Status = WX_CALL_WINDOWS(Windows, 3, NtDeviceIoControlFile, WX_POINTER(File), 0, 0, 0,
                                      WX_POINTER(&Iosb), Code, WX_POINTER(In), InLength,
                                      WX_POINTER(Out), OutLength);
    return FinishPlain(File, Status, &Iosb, Bytes);
}

// ---- Results and cancellation ----

BOOL WINAPI
GetOverlappedResult(HANDLE File, LPOVERLAPPED Overlapped, LPDWORD Bytes, BOOL Wait)
{
    // Acquire: Internal is written last (see the I/O manager's completion), so what follows is there.
    NTSTATUS Status = (NTSTATUS)__atomic_load_n(&Overlapped->Internal, __ATOMIC_ACQUIRE);
    if (Status == STATUS_PENDING)
    {
        if (!Wait)
        {
            SetLastError(ERROR_IO_INCOMPLETE);
            return FALSE;
        }
        HANDLE Event = OverlappedEvent(Overlapped);
        if (WaitForSingleObject(Event != NULL ? Event : File, INFINITE) == WAIT_FAILED)
        {
            return FALSE;
        }
        Status = (NTSTATUS)__atomic_load_n(&Overlapped->Internal, __ATOMIC_ACQUIRE);
    }
    *Bytes = (DWORD)__atomic_load_n(&Overlapped->InternalHigh, __ATOMIC_RELAXED);
    return K32Result(Status);
}

BOOL WINAPI
CancelIo(HANDLE File)
{
    IO_STATUS_BLOCK Iosb;
    return K32Result(WX_CALL(NtCancelIoFile, WX_POINTER(File), WX_POINTER(&Iosb)));
}

BOOL WINAPI
CancelIoEx(HANDLE File, LPOVERLAPPED Overlapped)
{
    IO_STATUS_BLOCK Iosb;
    return K32Result(
        WX_CALL(NtCancelIoFileEx, WX_POINTER(File), WX_POINTER(Overlapped), WX_POINTER(&Iosb)));
}
