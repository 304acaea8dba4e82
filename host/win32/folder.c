// SPDX-License-Identifier: MIT
// Folders and the program's own place; paths are those of Linux, in UTF-8.

#include "win32/k32.h"

#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "os/os_files.h"
#include "os/os_tool.h"

static BOOL
FolderResult(int Error)
{
    switch (Error)
    {
    case OS_OK:
        return TRUE;
    case OS_E_EXISTS:
        SetLastError(ERROR_ALREADY_EXISTS);
        return FALSE;
    case OS_E_NOT_FOUND:
        SetLastError(ERROR_PATH_NOT_FOUND);
        return FALSE;
    case OS_E_ACCESS:
        SetLastError(ERROR_ACCESS_DENIED);
        return FALSE;
    case OS_E_BUSY:
        SetLastError(ERROR_DIR_NOT_EMPTY);
        return FALSE;
    case OS_E_NO_SPACE:
        SetLastError(ERROR_DISK_FULL);
        return FALSE;
    default:
        SetLastError(ERROR_GEN_FAILURE);
        return FALSE;
    }
}

BOOL WINAPI
CreateDirectoryA(LPCSTR Path, LPSECURITY_ATTRIBUTES Security)
{
    if (Path == NULL || *Path == 0)
    {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return FALSE;
    }
    // A folder of Linux has no security descriptor. Without one the folder is its maker's alone, as
    // a folder made below a user's own is.
    if (Security != NULL && Security->lpSecurityDescriptor != NULL)
    {
        SetLastError(ERROR_NOT_SUPPORTED);
        return FALSE;
    }
    return FolderResult(OsMakeFolder(Path));
}

BOOL WINAPI
RemoveDirectoryA(LPCSTR Path)
{
    if (Path == NULL || *Path == 0)
    {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return FALSE;
    }
    return FolderResult(OsRemoveEmptyFolder(Path));
}

DWORD WINAPI
GetTempPathA(DWORD Size, LPSTR Path)
{
    const char *Folder = OsEnvironment("TMPDIR");
    if (Folder == NULL || *Folder == 0)
    {
        Folder = "/tmp";
    }
    size_t Length = strlen(Folder);
    BOOL Slash = Folder[Length - 1] != '/';
    if (Length + Slash + 1 > Size)
    {
        return (DWORD)(Length + Slash + 1);  // the room needed, terminator included
    }
    snprintf(Path, Size, "%s%s", Folder, Slash ? "/" : "");
    return (DWORD)(Length + Slash);
}

DWORD WINAPI
GetModuleFileNameA(HMODULE Module, LPSTR Path, DWORD Size)
{
    char Full[4096];
    if (Module != NULL)
    {
        SetLastError(ERROR_NOT_SUPPORTED);  // only the program itself is a module here
        return 0;
    }
    if (Size == 0)
    {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    int Error = OsToolExecutablePath(Full, sizeof(Full));
    if (Error != OS_OK)
    {
        FolderResult(Error);
        return 0;
    }
    size_t Length = strlen(Full);
    if (Length >= Size)
    {
        memcpy(Path, Full, Size - 1);
        Path[Size - 1] = 0;
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return Size;
    }
    memcpy(Path, Full, Length + 1);
    return (DWORD)Length;
}
