// SPDX-License-Identifier: MIT
// Ctrl-C: remembered, told to who waits, and acted upon where the work is.

#include "tool/tool.h"

static HANDLE InterruptEvent;  // immutable once the handler is registered
static CRITICAL_SECTION InterruptLock;
static void (*InterruptRoutine)(void *);  // guarded by InterruptLock
static void *InterruptContext;            // guarded by InterruptLock

// Runs on a thread that the system makes for it.
static BOOL WINAPI
HandleInterrupt(DWORD Kind)
{
    (void)Kind;
    SetEvent(InterruptEvent);
    EnterCriticalSection(&InterruptLock);
    if (InterruptRoutine != NULL)
    {
        InterruptRoutine(InterruptContext);
    }
    LeaveCriticalSection(&InterruptLock);
    return TRUE;
}

HANDLE
ToolCatchInterrupt(void)
{
    InterruptEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (InterruptEvent == NULL)
    {
        ToolSay("cannot make an event: %s", ToolErrorText(GetLastError()));
        return NULL;
    }
    InitializeCriticalSection(&InterruptLock);
    if (!SetConsoleCtrlHandler(HandleInterrupt, TRUE))
    {
        ToolSay("cannot catch Ctrl-C: %s", ToolErrorText(GetLastError()));
        CloseHandle(InterruptEvent);
        InterruptEvent = NULL;
        return NULL;
    }
    return InterruptEvent;
}

BOOL
ToolInterrupted(void)
{
    return WaitForSingleObject(InterruptEvent, 0) == WAIT_OBJECT_0;
}

void
ToolOnInterrupt(void (*Routine)(void *Context), void *Context)
{
    EnterCriticalSection(&InterruptLock);
    InterruptRoutine = Routine;
    InterruptContext = Context;
    LeaveCriticalSection(&InterruptLock);
    // An interrupt that came before the routine was there did not call it.
    if (Routine != NULL && ToolInterrupted())
    {
        Routine(Context);
    }
}

void
ToolExitAtOnce(int Status)
{
    fflush(stdout);
    fflush(stderr);
    TerminateProcess(GetCurrentProcess(), (UINT)Status);
}
