// SPDX-License-Identifier: MIT
// The upcall command: chooses what to do.

#include "tool/tool.h"
#include "tool/version.h"

#include <string.h>

static const char Usage[] =
    "upcall: feeds, watches and demonstrates channels between a driver and its applications\n"
    "\n"
    "  upcall feed      publishes packets, lines or a file through the driver relay\n"
    "  upcall monitor   subscribes to a channel and shows, or writes, what it receives\n"
    "  upcall demo      packets to one application for each signal, compared at the end\n"
    "  upcall help COMMAND, upcall --help, upcall --version\n"
    "\n"
    "exit status: 0 done, 1 failed midway, 2 wrong usage, 4 could not begin, 130 interrupted\n";

static const struct
{
    const char *Name;
    int (*Run)(int Count, char **Words);
    const char *Help;
} Commands[] = {
    {"feed", FeedCommand, FeedHelp},
    {"monitor", MonitorCommand, MonitorHelp},
    {"demo", DemoCommand, DemoHelp},
};

#define COMMANDS (sizeof(Commands) / sizeof(Commands[0]))

static BOOL
IsHelp(const char *Word)
{
    return strcmp(Word, "--help") == 0 || strcmp(Word, "-h") == 0;
}

static int
Help(int Count, char **Words)
{
    if (Count == 0)
    {
        fputs(Usage, stdout);
        return TOOL_OK;
    }
    for (size_t Index = 0; Index < COMMANDS; Index++)
    {
        if (Count == 1 && strcmp(Words[0], Commands[Index].Name) == 0)
        {
            fputs(Commands[Index].Help, stdout);
            return TOOL_OK;
        }
    }
    return ToolUsage(NULL, "help: there is no command %s; the commands are feed, monitor and demo",
                     Words[0]);
}

int
main(int Count, char **Words)
{
    if (Count < 2)
    {
        fputs(Usage, stderr);
        return TOOL_USAGE;
    }
    const char *Name = Words[1];
    if (IsHelp(Name))
    {
        return Help(0, NULL);
    }
    if (strcmp(Name, "help") == 0)
    {
        return Help(Count - 2, Words + 2);
    }
    if (strcmp(Name, "--version") == 0)
    {
        puts("upcall " UPCALL_VERSION);
        return TOOL_OK;
    }
    for (size_t Index = 0; Index < COMMANDS; Index++)
    {
        if (strcmp(Name, Commands[Index].Name) == 0)
        {
            if (Count == 3 && IsHelp(Words[2]))
            {
                fputs(Commands[Index].Help, stdout);
                return TOOL_OK;
            }
            return Commands[Index].Run(Count - 2, Words + 2);
        }
    }
    return ToolUsage(NULL, "there is no command %s; the commands are feed, monitor and demo", Name);
}
