// SPDX-License-Identifier: MIT
// The signals by name, and the summary of a monitor as text.

#include "tool/signals.h"

#include <string.h>

#include <upcall/client.h>

const TOOL_SIGNAL ToolSignals[TOOL_SIGNALS] = {
    {"event", UPCALL_SIGNAL_EVENT, UPCALL_EVENT_ORIGIN_NONE, 0},
    {"named-event", UPCALL_SIGNAL_NAMED_EVENT, UPCALL_EVENT_ORIGIN_DRIVER, 0},
    {"named-event-app", UPCALL_SIGNAL_NAMED_EVENT, UPCALL_EVENT_ORIGIN_APPLICATION, 0},
    {"overlapped", UPCALL_SIGNAL_COMPLETION, UPCALL_EVENT_ORIGIN_NONE, UPCALL_COMPLETION_EVENT},
    {"iocp", UPCALL_SIGNAL_COMPLETION, UPCALL_EVENT_ORIGIN_NONE, UPCALL_COMPLETION_PORT},
};

const TOOL_SIGNAL *
ToolFindSignal(const char *Name)
{
    for (unsigned Index = 0; Index < TOOL_SIGNALS; Index++)
    {
        if (strcmp(ToolSignals[Index].Name, Name) == 0)
        {
            return &ToolSignals[Index];
        }
    }
    return NULL;
}

void
SummaryPrint(FILE *File, const char *Signal, const MONITOR_SUMMARY *Summary)
{
    fprintf(File,
            "{\"signal\": \"%s\", \"records\": %llu, \"bytes\": %llu, \"lost\": %llu, \"wakeups\": "
            "%llu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
            Signal, Summary->Records, Summary->Bytes, Summary->Lost, Summary->Wakeups,
            Summary->P50Us, Summary->P99Us);
}

BOOL
SummaryRead(FILE *File, MONITOR_SUMMARY *Summary)
{
    char Signal[32];
    memset(Summary, 0, sizeof(*Summary));
    return fscanf(File,
                  "{\"signal\": \"%31[^\"]\", \"records\": %llu, \"bytes\": %llu, \"lost\": %llu, "
                  "\"wakeups\": %llu, \"p50_us\": %lf, \"p99_us\": %lf}",
                  Signal, &Summary->Records, &Summary->Bytes, &Summary->Lost, &Summary->Wakeups,
                  &Summary->P50Us, &Summary->P99Us) == 7;
}
