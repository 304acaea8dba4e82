// SPDX-License-Identifier: MIT
// Processes: this one, others, and new ones.

#include "win32/k32.h"

#include <ntstatus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

void WINAPI
ExitProcess(DWORD Status)
{
    fflush(NULL);
    WxExitProcess(Status);
}

HANDLE WINAPI
GetCurrentProcess(void)
{
    return (HANDLE) ~(ULONG_PTR)0;
}

DWORD WINAPI
GetCurrentProcessId(void)
{
    return WxProcessId();
}

HANDLE WINAPI
OpenProcess(DWORD Access, BOOL Inherit, DWORD Id)
{
    HANDLE Handle = NULL;
    OBJECT_ATTRIBUTES Attributes;
    CLIENT_ID Client = {.UniqueProcess = (HANDLE)(ULONG_PTR)Id};
    InitializeObjectAttributes(&Attributes, NULL, Inherit ? OBJ_INHERIT : 0, NULL, NULL);
    return K32Result(WX_CALL(NtOpenProcess, WX_POINTER(&Handle), Access, WX_POINTER(&Attributes),
                             WX_POINTER(&Client)))
               ? Handle
               : NULL;
}

BOOL WINAPI
TerminateProcess(HANDLE Process, UINT Status)
{
    if (Process == GetCurrentProcess())
    {
        WxExitProcess(Status);
    }
    return K32Result(WX_CALL(NtTerminateProcess, WX_POINTER(Process), Status));
}

BOOL WINAPI
GetExitCodeProcess(HANDLE Process, LPDWORD Status)
{
    PROCESS_BASIC_INFORMATION Information;
    if (!K32Result(WX_CALL(NtQueryInformationProcess, WX_POINTER(Process), ProcessBasicInformation,
                           WX_POINTER(&Information), sizeof(Information), 0)))
    {
        return FALSE;
    }
    *Status = (DWORD)(ULONG_PTR)Information.Reserved1;  // NT calls this member ExitStatus
    return TRUE;
}

DWORD WINAPI
GetProcessId(HANDLE Process)
{
    PROCESS_BASIC_INFORMATION Information;
    if (!K32Result(WX_CALL(NtQueryInformationProcess, WX_POINTER(Process), ProcessBasicInformation,
                           WX_POINTER(&Information), sizeof(Information), 0)))
    {
        return 0;
    }
    return (DWORD)Information.UniqueProcessId;
}

// ---- CreateProcess ----

#define K32_MAX_ARGUMENTS 256

// Splits a command line as the Microsoft C runtime does: blanks separate, quotes group, 2n
// backslashes before a quote are n, 2n+1 are n and a literal quote. Line is changed in place.
static int
SplitCommandLine(char *Line, char **Arguments)
{
    int Count = 0;
    char *From = Line, *To = Line;
    for (;;)
    {
        while (*From == ' ' || *From == '\t')
        {
            From++;
        }
        if (*From == 0 || Count == K32_MAX_ARGUMENTS)
        {
            Arguments[Count] = NULL;
            return Count;
        }
        Arguments[Count++] = To;
        BOOL Quoted = FALSE;
        while (*From != 0 && (Quoted || (*From != ' ' && *From != '\t')))
        {
            size_t Slashes = strspn(From, "\\");
            From += Slashes;
            if (*From == '"')
            {
                memset(To, '\\', Slashes / 2);
                To += Slashes / 2;
                if (Slashes % 2 != 0)
                {
                    *To++ = '"';
                }
                else
                {
                    Quoted = !Quoted;
                }
                From++;
                continue;
            }
            memset(To, '\\', Slashes);
            To += Slashes;
            if (Slashes == 0)
            {
                *To++ = *From++;
            }
        }
        BOOL End = *From == 0;
        From += !End;
        *To++ = 0;
        if (End)
        {
            Arguments[Count] = NULL;
            return Count;
        }
    }
}

typedef struct K32_REAP
{
    OS_CHILD *Child;
    HANDLE Process;  // our own duplicate
    uint64_t Cookie;
} K32_REAP;

// A thread per child: waits for the host process and tells nthost how it ended.
static void
Reap(void *Context)
{
    K32_REAP Job = *(K32_REAP *)Context;
    free(Context);
    if (WxBindThread(Job.Cookie) != 0)
    {
        return;
    }
    int Status = OsChildWait(Job.Child);
    WX_CALL(NthReportExit, WX_POINTER(Job.Process), (uint32_t)Status);
    WX_CALL(NtClose, WX_POINTER(Job.Process));
    WX_CALL(NthExitThread, 0);
    WxUnbindThread();
}

static BOOL
StartReaper(OS_CHILD *Child, HANDLE Process)
{
    HANDLE ThreadHandle = NULL;
    OS_THREAD *Thread;
    K32_REAP *Job = malloc(sizeof(*Job));
    if (Job == NULL)
    {
        return FALSE;
    }
    Job->Child = Child;
    Job->Process = NULL;
    if (!DuplicateHandle(GetCurrentProcess(), Process, GetCurrentProcess(), &Job->Process, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
    {
        free(Job);
        return FALSE;
    }
    HANDLE Duplicate = Job->Process;
    if (!K32Result(WX_CALL(NthCreateThread, WX_POINTER(&ThreadHandle), THREAD_ALL_ACCESS,
                           WX_POINTER(&Job->Cookie))))
    {
        CloseHandle(Duplicate);
        free(Job);
        return FALSE;
    }
    WX_CALL(NtClose, WX_POINTER(ThreadHandle));
    if (OsThreadStart(Reap, Job, "reaper", &Thread) != OS_OK)
    {
        CloseHandle(Duplicate);
        free(Job);
        return FALSE;
    }
    OsThreadDetach(Thread);
    return TRUE;
}

static DWORD
ChildError(int Error)
{
    switch (Error)
    {
    case OS_E_NOT_FOUND:
        return ERROR_FILE_NOT_FOUND;
    case OS_E_ACCESS:
        return ERROR_ACCESS_DENIED;
    default:
        return ERROR_NOT_ENOUGH_MEMORY;
    }
}

BOOL WINAPI
CreateProcessA(LPCSTR Application, LPSTR CommandLine, LPSECURITY_ATTRIBUTES ProcessSecurity,
               LPSECURITY_ATTRIBUTES ThreadSecurity, BOOL Inherit, DWORD Flags, LPVOID Environment,
               LPCSTR Directory, LPSTARTUPINFOA Startup, LPPROCESS_INFORMATION Information)
{
    (void)ProcessSecurity;
    (void)ThreadSecurity;
    (void)Startup;
    char *Arguments[K32_MAX_ARGUMENTS + 1];
    OS_CHILD *Child = NULL;
    uint32_t Pid;
    ULONG Id = 0;
    HANDLE Process = NULL;

    // What would change the child in a way that this host cannot do is refused, not ignored.
    if ((Application == NULL && CommandLine == NULL) || Information == NULL || Inherit ||
        Environment != NULL || Directory != NULL || (Flags & CREATE_SUSPENDED) != 0)
    {
        SetLastError(Inherit || Environment != NULL || Directory != NULL ||
                             (Flags & CREATE_SUSPENDED) != 0
                         ? ERROR_NOT_SUPPORTED
                         : ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    if (WxIsLocal())
    {
        SetLastError(ERROR_NOT_SUPPORTED);
        return FALSE;
    }
    char *Line = strdup(CommandLine != NULL ? CommandLine : Application);
    if (Line == NULL)
    {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    SplitCommandLine(Line, Arguments);
    const char *Path = Application != NULL ? Application : Arguments[0];
    if (Path == NULL)
    {
        free(Line);
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    fflush(NULL);
    // The child executes only after nthost knows whose process it is, so that its handle is there
    // from its first instruction.
    int Error = OsChildCreate(Path, Arguments, &Child, &Pid);
    free(Line);
    if (Error != OS_OK)
    {
        SetLastError(ChildError(Error));
        return FALSE;
    }
    BOOL Announced = K32Result(
        WX_CALL(NthCreateProcess, WX_POINTER(&Process), PROCESS_ALL_ACCESS, Pid, WX_POINTER(&Id)));
    // Released before the reaper runs, which frees it as soon as the process is gone.
    if (!Announced)
    {
        OsKillProcess(Pid);
    }
    OsChildRelease(Child);
    if (!Announced || !StartReaper(Child, Process))
    {
        DWORD Saved = GetLastError();
        OsKillProcess(Pid);
        OsChildWait(Child);
        if (Announced)
        {
            WX_CALL(NthReportExit, WX_POINTER(Process), (uint32_t)STATUS_UNSUCCESSFUL);
            CloseHandle(Process);
        }
        SetLastError(Saved != 0 ? Saved : ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    Information->hProcess = Process;
    Information->hThread = NULL;  // this host gives no handle to another process's first thread
    Information->dwProcessId = Id;
    Information->dwThreadId = 0;
    return TRUE;
}
