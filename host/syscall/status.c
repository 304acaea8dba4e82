// SPDX-License-Identifier: MIT
// What `nthost status` prints: drivers and processes of the running host.

#include <stdarg.h>
#include <stdio.h>

#include "syscall/ntp.h"

typedef struct NTP_TEXT
{
    char *Text;
    size_t Room, Used;
    BOOLEAN Json, First;
} NTP_TEXT;

static void __attribute__((format(printf, 2, 3))) NtpPrint(NTP_TEXT *To, const char *Format, ...)
{
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = vsnprintf(To->Text + To->Used, To->Room - To->Used, Format, Arguments);
    va_end(Arguments);
    if (Length > 0)
    {
        To->Used += (size_t)Length;
        if (To->Used >= To->Room)
        {
            To->Used = To->Room - 1;  // cut off, still terminated
        }
    }
}

// JSON string body: quotes, backslashes and control characters escaped.
static void
NtpPrintEscaped(NTP_TEXT *To, const char *Text)
{
    for (; *Text != 0; Text++)
    {
        unsigned char Byte = (unsigned char)*Text;
        if (Byte == '"' || Byte == '\\')
        {
            NtpPrint(To, "\\%c", Byte);
        }
        else if (Byte < 0x20)
        {
            NtpPrint(To, "\\u%04x", Byte);
        }
        else
        {
            NtpPrint(To, "%c", Byte);
        }
    }
}

static void
NtpPrintDriver(void *Context, PDRIVER_OBJECT Driver, const char *Name, const char *Path)
{
    NTP_TEXT *To = Context;
    ULONG Devices = 0;
    for (PDEVICE_OBJECT Device = Driver->DeviceObject; Device != NULL; Device = Device->NextDevice)
    {
        Devices++;
    }
    if (!To->Json)
    {
        NtpPrint(To, "driver   %-20s %u device(s)  %s\n", Name, Devices, Path);
        return;
    }
    NtpPrint(To, "%s{\"name\": \"", To->First ? "" : ", ");
    NtpPrintEscaped(To, Name);
    NtpPrint(To, "\", \"devices\": %u, \"path\": \"", Devices);
    NtpPrintEscaped(To, Path);
    NtpPrint(To, "\"}");
    To->First = FALSE;
}

static void
NtpPrintProcesses(NTP_TEXT *To)
{
    // PspListLock before a process's Lock: nothing is called out of here but formatting.
    OsLockAcquire(&PspListLock);
    for (PLIST_ENTRY Entry = PspProcessList.Flink; Entry != &PspProcessList; Entry = Entry->Flink)
    {
        PEPROCESS Process = CONTAINING_RECORD(Entry, EPROCESS, GlobalLink);
        if (Process == PsInitialSystemProcess)
        {
            continue;
        }
        unsigned Id = (unsigned)(ULONG_PTR)Process->UniqueProcessId;
        unsigned Handles = ObpHandleCount(Process->Handles);
        if (!To->Json)
        {
            NtpPrint(To, "process  %-20s id %u  pid %u  %u thread(s)  %u handle(s)\n",
                     Process->ImageName, Id, Process->HostPid, Process->ThreadCount, Handles);
            continue;
        }
        NtpPrint(To, "%s{\"image\": \"", To->First ? "" : ", ");
        NtpPrintEscaped(To, Process->ImageName);
        NtpPrint(To, "\", \"id\": %u, \"pid\": %u, \"threads\": %u, \"handles\": %u}", Id,
                 Process->HostPid, Process->ThreadCount, Handles);
        To->First = FALSE;
    }
    OsLockRelease(&PspListLock);
}

void
NtpStatusText(BOOLEAN Json, char *Text, size_t Size)
{
    NTP_TEXT To = {.Text = Text, .Room = Size, .Json = Json, .First = TRUE};
    Text[0] = 0;
    NtpPrint(&To, Json ? "{\"pid\": %u, \"drivers\": [" : "nthost   pid %u\n", OsProcessId());
    IopEnumerateDrivers(NtpPrintDriver, &To);
    if (Json)
    {
        NtpPrint(&To, "], \"processes\": [");
    }
    To.First = TRUE;
    NtpPrintProcesses(&To);
    NtpPrint(&To, Json ? "], \"pool_bytes\": %llu}\n" : "pool     %llu bytes\n",
             (unsigned long long)MiPoolBytes());
}
