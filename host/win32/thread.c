// SPDX-License-Identifier: MIT
// Threads and thread-local storage.

#include "win32/k32.h"

#include <ntstatus.h>
#include <stdlib.h>

#include "os/os.h"

typedef struct K32_START
{
    LPTHREAD_START_ROUTINE Routine;
    LPVOID Parameter;
    uint64_t Cookie;
} K32_START;

static _Noreturn void
EndThread(DWORD Status)
{
    WX_CALL(NthExitThread, Status);
    WxUnbindThread();
    OsThreadExit();
}

static void
RunThread(void *Context)
{
    K32_START Start = *(K32_START *)Context;
    free(Context);
    if (WxBindThread(Start.Cookie) != 0)
    {
        return;  // nthost has gone: the process is about to end
    }
    EndThread(Start.Routine(Start.Parameter));
}

HANDLE WINAPI
CreateThread(LPSECURITY_ATTRIBUTES Security, SIZE_T StackSize, LPTHREAD_START_ROUTINE Routine,
             LPVOID Parameter, DWORD Flags, LPDWORD Id)
{
    (void)Security;   // thread handles are not inheritable here
    (void)StackSize;  // the host's default of 8 MiB is never less than what Windows gives
    HANDLE Handle = NULL;
    OS_THREAD *Thread;

    if (Routine == NULL || (Flags & ~(DWORD)STACK_SIZE_PARAM_IS_A_RESERVATION) != 0)
    {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    K32_START *Start = malloc(sizeof(*Start));
    if (Start == NULL)
    {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    Start->Routine = Routine;
    Start->Parameter = Parameter;
    if (!K32Result(WX_CALL(NthCreateThread, WX_POINTER(&Handle), THREAD_ALL_ACCESS,
                           WX_POINTER(&Start->Cookie))))
    {
        free(Start);
        return NULL;
    }
    if (Id != NULL)
    {
        *Id = (DWORD)Start->Cookie;
    }
    if (OsThreadStart(RunThread, Start, "app-thread", &Thread) != OS_OK)
    {
        // The NT thread without a host thread ends with the process.
        free(Start);
        WX_CALL(NtClose, WX_POINTER(Handle));
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    OsThreadDetach(Thread);
    return Handle;
}

void WINAPI
ExitThread(DWORD Status)
{
    EndThread(Status);
}

HANDLE WINAPI
GetCurrentThread(void)
{
    return (HANDLE) ~(ULONG_PTR)1;
}

DWORD WINAPI
GetCurrentThreadId(void)
{
    return WxThreadId();
}

BOOL WINAPI
GetExitCodeThread(HANDLE Thread, LPDWORD Status)
{
    THREAD_BASIC_INFORMATION Information;
    if (!K32Result(WX_CALL(NtQueryInformationThread, WX_POINTER(Thread), ThreadBasicInformation,
                           WX_POINTER(&Information), sizeof(Information), 0)))
    {
        return FALSE;
    }
    *Status = (DWORD)Information.ExitStatus;
    return TRUE;
}

BOOL WINAPI
SwitchToThread(void)
{
    OsYield();
    return TRUE;
}
