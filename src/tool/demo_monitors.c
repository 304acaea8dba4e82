// SPDX-License-Identifier: MIT
// The monitor processes of the demonstration: started, awaited, ended.

#include <string.h>

#include "tool/demo.h"

// A monitor that has not subscribed, or not ended, by then is taken for stuck. Generous: the machine
// may be busy.
#define READY_MS 60000u
#define END_MS   60000u
// Held by each monitor's queue: more than the demonstration feeds by default, so that an application
// which the machine lets wait does not lose records.
#define QUEUE_BYTES 16777216u

DWORD
DemoStart(const char *Program, const char *Command, HANDLE *Process)
{
    char Line[4 * DEMO_PATH];
    STARTUPINFOA Startup;
    PROCESS_INFORMATION Information;

    memset(&Startup, 0, sizeof(Startup));
    Startup.cb = sizeof(Startup);
    *Process = NULL;
    if (strlen(Command) >= sizeof(Line))
    {
        return ERROR_FILENAME_EXCED_RANGE;
    }
    strcpy(Line, Command);  // CreateProcess may write to it
    if (!CreateProcessA(Program, Line, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Information))
    {
        return GetLastError();
    }
    if (Information.hThread != NULL)
    {
        CloseHandle(Information.hThread);
    }
    *Process = Information.hProcess;
    return ERROR_SUCCESS;
}

static int
StartMonitor(DEMO_MONITOR *Monitor, const char *Self)
{
    char Command[4 * DEMO_PATH], Event[64];
    snprintf(Event, sizeof(Event), "Local\\upcall-demo-%u-%s", (unsigned)GetCurrentProcessId(),
             Monitor->Signal->Name);
    Monitor->Ready = CreateEventA(NULL, TRUE, FALSE, Event);
    if (Monitor->Ready == NULL)
    {
        ToolSay("cannot make the event %s: %s", Event, ToolErrorText(GetLastError()));
        return TOOL_CANNOT;
    }
    snprintf(Command, sizeof(Command),
             "\"%s\" monitor --signal %s --queue %u --until-end --quiet --write \"%s\" --summary "
             "\"%s\" --ready-event %s",
             Self, Monitor->Signal->Name, QUEUE_BYTES, Monitor->File, Monitor->SummaryFile, Event);
    DWORD Error = DemoStart(Self, Command, &Monitor->Process);
    if (Error != ERROR_SUCCESS)
    {
        ToolSay("cannot start a monitor process: %s%s", ToolErrorText(Error),
                Error == ERROR_NOT_SUPPORTED ? "; the demonstration needs processes: leave out "
                                               "--local"
                                             : "");
        return TOOL_CANNOT;
    }
    Monitor->Running = TRUE;
    return TOOL_OK;
}

static int
AwaitReady(DEMO *Demo, DEMO_MONITOR *Monitor)
{
    const HANDLE Handles[] = {Monitor->Ready, Monitor->Process, Demo->Interrupt};
    switch (WaitForMultipleObjects(3, Handles, FALSE, READY_MS))
    {
    case WAIT_OBJECT_0:
        return TOOL_OK;
    case WAIT_OBJECT_0 + 1:
        ToolSay("the application with signal %s ended before it had subscribed (see above)",
                Monitor->Signal->Name);
        return TOOL_FAILED;
    case WAIT_OBJECT_0 + 2:
        return TOOL_INTERRUPTED;
    case WAIT_TIMEOUT:
        ToolSay("the application with signal %s has not subscribed within %u seconds",
                Monitor->Signal->Name, READY_MS / 1000);
        return TOOL_FAILED;
    default:
        ToolSay("cannot wait for the applications: %s", ToolErrorText(GetLastError()));
        return TOOL_FAILED;
    }
}

int
DemoStartMonitors(DEMO *Demo)
{
    char Self[DEMO_PATH];
    DWORD Length = GetModuleFileNameA(NULL, Self, sizeof(Self));
    if (Length == 0 || Length >= sizeof(Self))
    {
        ToolSay("cannot find this program's own file: %s", ToolErrorText(GetLastError()));
        return TOOL_CANNOT;
    }
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        int Status = StartMonitor(&Demo->Monitors[Index], Self);
        if (Status != TOOL_OK)
        {
            return Status;
        }
    }
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        int Status = AwaitReady(Demo, &Demo->Monitors[Index]);
        if (Status != TOOL_OK)
        {
            return Status;
        }
        ToolStatus(Demo->Plan.Progress, "%u of %u applications have subscribed", Index + 1,
                   TOOL_SIGNALS);
    }
    return TOOL_OK;
}

static void
NoteEnd(DEMO_MONITOR *Monitor)
{
    Monitor->Running = FALSE;
    Monitor->ExitCode = ~0u;
    GetExitCodeProcess(Monitor->Process, &Monitor->ExitCode);
}

int
DemoAwaitMonitors(DEMO *Demo)
{
    COUNT Begin = GetTickCount64();
    for (;;)
    {
        HANDLE Handles[TOOL_SIGNALS + 1];
        DEMO_MONITOR *Whose[TOOL_SIGNALS + 1];
        DWORD Count = 0;
        for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
        {
            if (Demo->Monitors[Index].Running)
            {
                Whose[Count] = &Demo->Monitors[Index];
                Handles[Count++] = Demo->Monitors[Index].Process;
            }
        }
        if (Count == 0)
        {
            return TOOL_OK;
        }
        Handles[Count] = Demo->Interrupt;
        COUNT Passed = GetTickCount64() - Begin;
        DWORD Woken = Passed >= END_MS ? WAIT_TIMEOUT
                                       : WaitForMultipleObjects(Count + 1, Handles, FALSE,
                                                                (DWORD)(END_MS - Passed));
        if (Woken < WAIT_OBJECT_0 + Count)
        {
            NoteEnd(Whose[Woken - WAIT_OBJECT_0]);
        }
        else if (Woken == WAIT_OBJECT_0 + Count)
        {
            return TOOL_INTERRUPTED;
        }
        else if (Woken == WAIT_TIMEOUT)
        {
            ToolSay("%u applications have not ended within %u seconds of the feed", (unsigned)Count,
                    END_MS / 1000);
            return TOOL_FAILED;
        }
        else
        {
            ToolSay("cannot wait for the applications: %s", ToolErrorText(GetLastError()));
            return TOOL_FAILED;
        }
    }
}

void
DemoEndMonitors(DEMO *Demo)
{
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        DEMO_MONITOR *Monitor = &Demo->Monitors[Index];
        if (Monitor->Running)
        {
            TerminateProcess(Monitor->Process, TOOL_FAILED);
            WaitForSingleObject(Monitor->Process, END_MS);
            NoteEnd(Monitor);
        }
        if (Monitor->Process != NULL)
        {
            CloseHandle(Monitor->Process);
            Monitor->Process = NULL;
        }
        if (Monitor->Ready != NULL)
        {
            CloseHandle(Monitor->Ready);
            Monitor->Ready = NULL;
        }
    }
}
