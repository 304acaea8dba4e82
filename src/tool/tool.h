// SPDX-License-Identifier: MIT
// What all commands of upcall share: exit codes, messages, options, Ctrl-C.
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdio.h>

#include <windows.h>

// All counts. (A 64-bit integer of Windows' own is `long` on some systems, and would need a cast
// wherever it is printed.)
typedef unsigned long long COUNT;

// Exit codes.
#define TOOL_OK          0
#define TOOL_FAILED      1    // it began and did not come to its end
#define TOOL_USAGE       2    // the command line
#define TOOL_CANNOT      4    // it could not begin: no driver, no permission, no such file
#define TOOL_INTERRUPTED 130  // Ctrl-C

// ---- Messages (message.c): to standard error, beginning with "upcall: " ----

void ToolSay(const char *Format, ...);
// Says that the command line is wrong, and how to get help; returns TOOL_USAGE.
int ToolUsage(const char *Command, const char *Format, ...);
// Text of a Win32 error, for a message: "access denied (error 5)". Valid until the thread's next
// call.
const char *ToolErrorText(DWORD Error);
// Why a device could not be opened, and the remedy.
void ToolDescribeNoDevice(const char *Device, DWORD Error, char *Text, size_t Size);
// A line that the next one replaces, if standard error is a terminal or Always; ToolStatusEnd ends
// it. Any other message ends it, too.
void ToolStatus(BOOL Always, const char *Format, ...);
void ToolStatusEnd(void);
// Writes Text, at most 64 KiB, as the inside of a JSON string. UTF-8 stays; of a text that is none,
// bytes above 0x7F become \u00XX.
void ToolPrintJsonText(FILE *File, const void *Text, size_t Length);

// ---- Options (options.c) ----

typedef enum TOOL_OPTION_KIND
{
    ToolFlag,    // BOOL
    ToolText,    // const char *
    ToolNumber,  // COUNT within Least .. Most
    ToolTopics,  // COUNT mask: a list "1,4,10-12", "all", or a number "0x..."
} TOOL_OPTION_KIND;

typedef struct TOOL_OPTION
{
    const char *Name;  // with its dashes
    TOOL_OPTION_KIND Kind;
    void *Value;
    COUNT Least, Most;
} TOOL_OPTION;

// Fills the values named by the table, which ends with a NULL name. TOOL_OK, or TOOL_USAGE after it
// has said what is wrong. Values are "--name value" or "--name=value".
int ToolParse(const char *Command, const TOOL_OPTION *Table, int Count, char **Words);

// ---- Ctrl-C (interrupt.c) ----

// From here on Ctrl-C does not end the process. The event is manual-reset and stays set from the
// first Ctrl-C on. NULL: cannot, and it has said why.
HANDLE ToolCatchInterrupt(void);
BOOL ToolInterrupted(void);
// Has Routine called at Ctrl-C, on the handler's thread, or here and now if it has come already; it
// may be called more than once. NULL: no longer.
void ToolOnInterrupt(void (*Routine)(void *Context), void *Context);

// Ends the process at once. For when another thread may be in a blocking read, and so may hold the
// lock of a stream that the ordinary exit would wait for.
void ToolExitAtOnce(int Status);

// ---- Commands ----

int FeedCommand(int Count, char **Words);
int MonitorCommand(int Count, char **Words);
int DemoCommand(int Count, char **Words);
extern const char FeedHelp[], MonitorHelp[], DemoHelp[];

#endif
