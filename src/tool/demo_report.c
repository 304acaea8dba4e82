// SPDX-License-Identifier: MIT
// What came of the demonstration: compared with what was fed, and shown.

#include <errno.h>
#include <string.h>

#include "tool/demo.h"
#include "tool/pcapfile.h"

// How a process ends that the system killed, where exit codes say it (128 + signal number).
#define EXIT_KILLED 137u

static BOOL
ReadSummary(DEMO_MONITOR *Monitor)
{
    FILE *File = fopen(Monitor->SummaryFile, "rb");
    BOOL Read = File != NULL && SummaryRead(File, &Monitor->Summary);
    if (File != NULL)
    {
        fclose(File);
    }
    return Read;
}

static BOOL
CompareMonitor(const DEMO *Demo, DEMO_MONITOR *Monitor)
{
    const char *Name = Monitor->Signal->Name;
    char Difference[2 * DEMO_PATH + 128];
    uint64_t Packets;

    if (Monitor->ExitCode == EXIT_KILLED)
    {
        ToolSay("the application with signal %s died: it was killed", Name);
        return FALSE;
    }
    if (Monitor->ExitCode != 0 || !ReadSummary(Monitor))
    {
        ToolSay("the application with signal %s died with exit status %u", Name,
                (unsigned)Monitor->ExitCode);
        return FALSE;
    }
    Monitor->Complete = TRUE;
    Monitor->Identical =
        PcapSame(Demo->FedFile, Monitor->File, &Packets, Difference, sizeof(Difference));
    if (Monitor->Summary.Lost != 0)
    {
        ToolSay("signal %s: %llu records were lost", Name, Monitor->Summary.Lost);
        return FALSE;
    }
    if (!Monitor->Identical)
    {
        ToolSay("signal %s: what it received is not what was fed: %s", Name, Difference);
        return FALSE;
    }
    if (Packets != Demo->Fed.Fed || Monitor->Summary.Records != Demo->Fed.Fed)
    {
        ToolSay("signal %s: %llu packets were fed, %llu are in the file, %llu were received", Name,
                Demo->Fed.Fed, (COUNT)Packets, Monitor->Summary.Records);
        Monitor->Identical = FALSE;
        return FALSE;
    }
    return TRUE;
}

BOOL
DemoCompare(DEMO *Demo)
{
    BOOL All = TRUE;
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        All = CompareMonitor(Demo, &Demo->Monitors[Index]) && All;
    }
    return All;
}

static void
ReportJson(const DEMO *Demo)
{
    printf("{\"fed\": %llu, \"signals\": [", Demo->Fed.Fed);
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        const DEMO_MONITOR *Monitor = &Demo->Monitors[Index];
        const MONITOR_SUMMARY *Summary = &Monitor->Summary;
        printf("%s{\"signal\": \"%s\", ", Index != 0 ? ", " : "", Monitor->Signal->Name);
        if (Monitor->Complete)
        {
            printf("\"records\": %llu, \"lost\": %llu, \"wakeups\": %llu, \"p50_us\": %.1f, "
                   "\"p99_us\": %.1f, ",
                   Summary->Records, Summary->Lost, Summary->Wakeups, Summary->P50Us,
                   Summary->P99Us);
        }
        else
        {
            printf("\"records\": null, \"lost\": null, \"wakeups\": null, \"p50_us\": null, "
                   "\"p99_us\": null, ");
        }
        printf("\"identical\": %s}", Monitor->Identical ? "true" : "false");
    }
    printf("]}\n");
}

void
DemoReport(const DEMO *Demo)
{
    if (Demo->Plan.Json)
    {
        ReportJson(Demo);
        return;
    }
    printf("%llu packets, %llu bytes fed", Demo->Fed.Fed, Demo->Fed.Bytes);
    if (Demo->Fed.Dropped != 0)
    {
        printf("; the system dropped %llu before the capture library got them", Demo->Fed.Dropped);
    }
    if (Demo->Fed.Cut != 0)
    {
        printf("; %llu were cut to the longest record", Demo->Fed.Cut);
    }
    printf("\n\n%-16s %9s %11s %7s %8s %9s %9s  %s\n", "signal", "records", "bytes", "lost",
           "wakeups", "p50 us", "p99 us", "identical");
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        const DEMO_MONITOR *Monitor = &Demo->Monitors[Index];
        const MONITOR_SUMMARY *Summary = &Monitor->Summary;
        if (!Monitor->Complete)
        {
            printf("%-16s died (exit status %u)\n", Monitor->Signal->Name,
                   (unsigned)Monitor->ExitCode);
            continue;
        }
        printf("%-16s %9llu %11llu %7llu %8llu %9.1f %9.1f  %s\n", Monitor->Signal->Name,
               Summary->Records, Summary->Bytes, Summary->Lost, Summary->Wakeups, Summary->P50Us,
               Summary->P99Us, Monitor->Identical ? "yes" : "NO");
    }
}

static void
RemoveFile(const char *Path)
{
    if (*Path != 0 && remove(Path) != 0 && errno != ENOENT)
    {
        ToolSay("cannot remove %s: %s", Path, strerror(errno));
    }
}

void
DemoRemoveFiles(const DEMO *Demo)
{
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        RemoveFile(Demo->Monitors[Index].File);
        RemoveFile(Demo->Monitors[Index].SummaryFile);
    }
    RemoveFile(Demo->FedFile);
}
