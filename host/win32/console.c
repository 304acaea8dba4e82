// SPDX-License-Identifier: MIT
// Console control handlers: Ctrl-C and termination, on a thread of their own as on Windows.

#include "win32/k32.h"

#include <stdlib.h>

#include "os/os.h"
#include "os/os_tool.h"

#define K32_STATUS_CONTROL_C_EXIT 0xC000013Au

typedef struct K32_CONTROL
{
    struct K32_CONTROL *Next;  // registered before this one
    PHANDLER_ROUTINE Routine;
} K32_CONTROL;

static SRWLOCK K32ControlLock = SRWLOCK_INIT;
static K32_CONTROL *K32Controls;    // guarded by K32ControlLock; the last registered first
static BOOL K32ControlThread;       // guarded by K32ControlLock
static uint32_t K32ControlSignals;  // atomic futex word: signals seen

// Async-signal-safe. The word changes before the wake, so the thread's wait on the old value returns.
static void
NoteSignal(void)
{
    __atomic_fetch_add(&K32ControlSignals, 1, __ATOMIC_RELEASE);
    OsWakeWord(&K32ControlSignals, UINT32_MAX, false);
}

static BOOL
CallHandlers(void)
{
    PHANDLER_ROUTINE Routines[16];
    unsigned Count = 0;
    AcquireSRWLockShared(&K32ControlLock);
    for (K32_CONTROL *Entry = K32Controls; Entry != NULL && Count < 16; Entry = Entry->Next)
    {
        Routines[Count++] = Entry->Routine;
    }
    ReleaseSRWLockShared(&K32ControlLock);
    for (unsigned Index = 0; Index < Count; Index++)
    {
        if (Routines[Index](CTRL_C_EVENT))
        {
            return TRUE;
        }
    }
    return FALSE;
}

static DWORD WINAPI
ControlThread(LPVOID Context)
{
    uint32_t Seen = 0;
    (void)Context;
    for (;;)
    {
        uint32_t Signals = __atomic_load_n(&K32ControlSignals, __ATOMIC_ACQUIRE);
        if (Signals == Seen)
        {
            OsWaitWord(&K32ControlSignals, Seen, OS_FOREVER, false);
            continue;
        }
        Seen = Signals;
        if (!CallHandlers())
        {
            ExitProcess(K32_STATUS_CONTROL_C_EXIT);
        }
    }
    return 0;
}

BOOL WINAPI
SetConsoleCtrlHandler(PHANDLER_ROUTINE Routine, BOOL Add)
{
    BOOL Done = FALSE;
    if (Routine == NULL)
    {
        SetLastError(ERROR_NOT_SUPPORTED);  // "ignore Ctrl-C" as an inherited attribute
        return FALSE;
    }
    if (!Add)
    {
        AcquireSRWLockExclusive(&K32ControlLock);
        for (K32_CONTROL **Link = &K32Controls; *Link != NULL; Link = &(*Link)->Next)
        {
            if ((*Link)->Routine == Routine)
            {
                K32_CONTROL *Entry = *Link;
                *Link = Entry->Next;
                free(Entry);
                Done = TRUE;
                break;
            }
        }
        ReleaseSRWLockExclusive(&K32ControlLock);
        if (!Done)
        {
            SetLastError(ERROR_INVALID_PARAMETER);
        }
        return Done;
    }

    K32_CONTROL *Entry = malloc(sizeof(*Entry));
    if (Entry == NULL)
    {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    Entry->Routine = Routine;
    AcquireSRWLockExclusive(&K32ControlLock);
    if (!K32ControlThread)
    {
        HANDLE Thread = CreateThread(NULL, 0, ControlThread, NULL, 0, NULL);
        if (Thread == NULL)
        {
            ReleaseSRWLockExclusive(&K32ControlLock);
            free(Entry);
            return FALSE;
        }
        CloseHandle(Thread);
        K32ControlThread = TRUE;
        OsToolOnTerminate(NoteSignal);
    }
    Entry->Next = K32Controls;
    K32Controls = Entry;
    ReleaseSRWLockExclusive(&K32ControlLock);
    return TRUE;
}
