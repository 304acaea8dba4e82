// SPDX-License-Identifier: MIT
// The contract suite: `contract list`, or `contract <signal>.<case>`, which exits 1 if it fails.

#include "cases.h"

enum
{
    Event = 1,
    DriverFirst = 2,
    ApplicationFirst = 4,
    CompletionEvent = 8,
    CompletionPort = 16,
    Once = 32,
};

static const SIGNAL Signals[] = {
    {"event", UPCALL_SIGNAL_EVENT, 0, 0},
    {"driver_first", UPCALL_SIGNAL_NAMED_EVENT, UPCALL_EVENT_ORIGIN_DRIVER, 0},
    {"application_first", UPCALL_SIGNAL_NAMED_EVENT, UPCALL_EVENT_ORIGIN_APPLICATION, 0},
    {"completion_event", UPCALL_SIGNAL_COMPLETION, 0, UPCALL_COMPLETION_EVENT},
    {"completion_port", UPCALL_SIGNAL_COMPLETION, 0, UPCALL_COMPLETION_PORT},
    {"wire", 0, 0, 0},
};
#define SIGNAL_COUNT (sizeof(Signals) / sizeof(Signals[0]))

typedef struct ENTRY
{
    const char *Name;
    CASE *Run;
    DWORD Signals;
} ENTRY;

#define EACH_SIGNAL(Name) \
    {#Name, Name, Event | DriverFirst | ApplicationFirst | CompletionEvent | CompletionPort},
#define EVENTS(Name)            {#Name, Name, Event | DriverFirst | ApplicationFirst},
#define NAMED_DRIVER(Name)      {#Name, Name, DriverFirst},
#define NAMED_APPLICATION(Name) {#Name, Name, ApplicationFirst},
#define COMPLETION(Name)        {#Name, Name, CompletionEvent | CompletionPort},
#define PORT(Name)              {#Name, Name, CompletionPort},
#define ONCE(Name)              {#Name, Name, Once},

static const ENTRY Entries[] = {CONTRACT_CASES(EACH_SIGNAL, EVENTS, NAMED_DRIVER, NAMED_APPLICATION,
                                               COMPLETION, PORT, ONCE, ONCE)};
#define ENTRY_COUNT (sizeof(Entries) / sizeof(Entries[0]))

static void
List(void)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
    {
        for (size_t s = 0; s < SIGNAL_COUNT; s++)
        {
            if (Entries[i].Signals & (1u << s))
            {
                printf("%s.%s\n", Signals[s].Name, Entries[i].Name);
            }
        }
    }
}

static BOOL
Run(const char *Wanted)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
    {
        for (size_t s = 0; s < SIGNAL_COUNT; s++)
        {
            size_t length = strlen(Signals[s].Name);
            if ((Entries[i].Signals & (1u << s)) != 0 &&
                strncmp(Wanted, Signals[s].Name, length) == 0 && Wanted[length] == '.' &&
                strcmp(Wanted + length + 1, Entries[i].Name) == 0)
            {
                Entries[i].Run(&Signals[s]);
                return TRUE;
            }
        }
    }
    return FALSE;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0)
    {
        List();
        return 0;
    }
    if (argc == 2 && Run(argv[1]))
    {
        printf("%s: ok\n", argv[1]);
        return 0;
    }
    fprintf(stderr, "usage: contract list | contract <signal>.<case>   (see `contract list`)\n");
    return 2;
}
