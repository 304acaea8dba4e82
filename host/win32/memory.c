// SPDX-License-Identifier: MIT
// Heaps, pages, sections and views.

#include "win32/k32.h"

#include <ntstatus.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "syscall/port.h"

// ---- The process heap is the C library's ----

HANDLE WINAPI
GetProcessHeap(void)
{
    static char Heap;
    return &Heap;
}

LPVOID WINAPI
HeapAlloc(HANDLE Heap, DWORD Flags, SIZE_T Size)
{
    if (Heap != GetProcessHeap())
    {
        SetLastError(ERROR_INVALID_HANDLE);
        return NULL;
    }
    return (Flags & HEAP_ZERO_MEMORY) != 0 ? calloc(1, Size != 0 ? Size : 1)
                                           : malloc(Size != 0 ? Size : 1);
}

BOOL WINAPI
HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory)
{
    (void)Flags;
    if (Heap != GetProcessHeap())
    {
        SetLastError(ERROR_INVALID_HANDLE);
        return FALSE;
    }
    free(Memory);
    return TRUE;
}

// ---- Sections ----

static HANDLE
CreateMapping(HANDLE File, K32_NAME *Name, const SECURITY_ATTRIBUTES *Security, DWORD Protection,
              ULONGLONG Size)
{
    K32_NAME Path;
    OBJECT_ATTRIBUTES Attributes;
    LARGE_INTEGER Maximum = {.QuadPart = (LONGLONG)Size};
    HANDLE Handle = NULL;
    DWORD Access = SECTION_QUERY | SECTION_MAP_READ |
                   (Protection == PAGE_READWRITE ? SECTION_MAP_WRITE : 0) |
                   STANDARD_RIGHTS_REQUIRED;

    if (File != INVALID_HANDLE_VALUE)
    {
        SetLastError(
            ERROR_INVALID_HANDLE);  // devices cannot be mapped; ordinary files are not ours
        return NULL;
    }
    if (Size == 0 || (Protection != PAGE_READWRITE && Protection != PAGE_READONLY))
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    if (!K32ObjectAttributes(Name, Security, OBJ_OPENIF, &Path, &Attributes))
    {
        return NULL;
    }
    NTSTATUS Status = WX_CALL(NtCreateSection, WX_POINTER(&Handle), Access, WX_POINTER(&Attributes),
                              WX_POINTER(&Maximum), Protection, SEC_COMMIT, 0);
    K32FreeName(&Path);
    if (!K32Result(Status))
    {
        return NULL;
    }
    SetLastError(Status == STATUS_OBJECT_NAME_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
    return Handle;
}

HANDLE WINAPI
CreateFileMappingW(HANDLE File, LPSECURITY_ATTRIBUTES Security, DWORD Protection, DWORD High,
                   DWORD Low, LPCWSTR Name)
{
    K32_NAME Wide = {.Buffer = NULL};
    if (Name != NULL && !K32NameFromWide(Name, &Wide))
    {
        return NULL;
    }
    HANDLE Handle = CreateMapping(File, Name != NULL ? &Wide : NULL, Security, Protection,
                                  (ULONGLONG)High << 32 | Low);
    K32FreeName(&Wide);
    return Handle;
}

HANDLE WINAPI
CreateFileMappingA(HANDLE File, LPSECURITY_ATTRIBUTES Security, DWORD Protection, DWORD High,
                   DWORD Low, LPCSTR Name)
{
    K32_NAME Wide = {.Buffer = NULL};
    if (Name != NULL && !K32NameFromUtf8(Name, &Wide))
    {
        return NULL;
    }
    HANDLE Handle = CreateMapping(File, Name != NULL ? &Wide : NULL, Security, Protection,
                                  (ULONGLONG)High << 32 | Low);
    K32FreeName(&Wide);
    return Handle;
}

static HANDLE
OpenMapping(K32_NAME *Name, DWORD Access, BOOL Inherit)
{
    K32_NAME Path;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = NULL;

    if (!K32ObjectAttributes(Name, NULL, Inherit ? OBJ_INHERIT : 0, &Path, &Attributes))
    {
        return NULL;
    }
    // The FILE_MAP_ rights are the section's own.
    NTSTATUS Status = WX_CALL(NtOpenSection, WX_POINTER(&Handle), Access, WX_POINTER(&Attributes));
    K32FreeName(&Path);
    return K32Result(Status) ? Handle : NULL;
}

HANDLE WINAPI
OpenFileMappingW(DWORD Access, BOOL Inherit, LPCWSTR Name)
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
    HANDLE Handle = OpenMapping(&Wide, Access, Inherit);
    K32FreeName(&Wide);
    return Handle;
}

HANDLE WINAPI
OpenFileMappingA(DWORD Access, BOOL Inherit, LPCSTR Name)
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
    HANDLE Handle = OpenMapping(&Wide, Access, Inherit);
    K32FreeName(&Wide);
    return Handle;
}

// Views of remote applications: address -> size, since the descriptor is gone once mapped.
typedef struct K32_VIEW
{
    struct K32_VIEW *Next;
    void *Address;
    SIZE_T Size;
} K32_VIEW;
static OS_LOCK K32ViewsLock = OS_LOCK_INIT;
static K32_VIEW *K32Views;  // guarded by K32ViewsLock

LPVOID WINAPI
MapViewOfFile(HANDLE Section, DWORD Access, DWORD OffsetHigh, DWORD OffsetLow, SIZE_T Bytes)
{
    BOOL Write = (Access & FILE_MAP_WRITE) != 0;
    SIZE_T Size = 0;
    PVOID Address = NULL;
    uint64_t Cookie = 0;

    if ((Access & ~(DWORD)(FILE_MAP_READ | FILE_MAP_WRITE | FILE_MAP_ALL_ACCESS)) != 0 ||
        OffsetHigh != 0 || OffsetLow != 0)
    {
        SetLastError(ERROR_INVALID_PARAMETER);  // views are whole sections
        return NULL;
    }
    if (!K32Result(WX_CALL(NthMapView, WX_POINTER(Section), Write ? PAGE_READWRITE : PAGE_READONLY,
                           WX_POINTER(&Size), WX_POINTER(&Address), WX_POINTER(&Cookie))))
    {
        return NULL;
    }
    if (WxIsLocal())
    {
        return Address;
    }
    int Fd = WxTakeDescriptor(NthDescriptorSection, Cookie);
    K32_VIEW *View = malloc(sizeof(*View));
    if (Fd < 0 || View == NULL || Bytes > Size ||
        OsSharedMap(Fd, 0, Size, Write, &Address) != OS_OK)
    {
        if (Fd >= 0)
        {
            OsClose(Fd);
        }
        free(View);
        SetLastError(Bytes > Size ? ERROR_ACCESS_DENIED : ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    OsClose(Fd);
    View->Address = Address;
    View->Size = Size;
    OsLockAcquire(&K32ViewsLock);
    View->Next = K32Views;
    K32Views = View;
    OsLockRelease(&K32ViewsLock);
    return Address;
}

BOOL WINAPI
UnmapViewOfFile(LPCVOID Address)
{
    if (WxIsLocal())
    {
        return K32Result(WX_CALL(NthUnmapView, WX_POINTER(Address)));
    }
    OsLockAcquire(&K32ViewsLock);
    K32_VIEW **Link = &K32Views;
    while (*Link != NULL && (*Link)->Address != Address)
    {
        Link = &(*Link)->Next;
    }
    K32_VIEW *View = *Link;
    if (View != NULL)
    {
        *Link = View->Next;
    }
    OsLockRelease(&K32ViewsLock);
    if (View == NULL)
    {
        SetLastError(ERROR_INVALID_ADDRESS);
        return FALSE;
    }
    OsUnmap(View->Address, View->Size);
    free(View);
    return TRUE;
}
