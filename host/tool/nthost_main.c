// SPDX-License-Identifier: MIT
// The nthost command: parses its arguments and chooses.

#include "tool/nthost_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/os/os.h"
#include "host/os/os_tool.h"
#include "syscall/port.h"

static const char Usage[] =
    "nthost: a user-mode NT executive; runs Windows drivers and their applications on Linux\n"
    "\n"
    "  nthost run [options] [--driver FILE.sys]... -- PROGRAM [ARGUMENT]...\n"
    "      Starts a host, loads the drivers, runs the program, unloads, reports what was left behind.\n"
    "      Exit status: the program's; 3 after a bugcheck, a verifier violation or a leak.\n"
    "  nthost start [options] [--driver FILE.sys]...    a long-running host in the background\n"
    "  nthost load FILE.sys | unload NAME               into or from the running host\n"
    "  nthost status [--json]                           its drivers and processes\n"
    "  nthost stop                                      unloads everything, reports leaks, ends it\n"
    "\n"
    "options:\n"
    "  --local                  (run) the program and the host are one process\n"
    "  --as administrator|user  token of applications (default administrator)\n"
    "  --verifier off|standard|full   checks (default standard)\n"
    "  --processors N           virtual processors, 1 to 64 (default: as many as this machine has)\n"
    "  --kill-at N:POINT        kill each application at its Nth system call; POINT is before,\n"
    "                           in-dispatch, parked or after-reply\n"
    "  --socket PATH            where the host listens (default: in the runtime directory)\n"
    "  --log FILE               (start) where it writes (default: the socket's name with .log)\n"
    "  --foreground             (start) stay in the foreground; Ctrl-C stops it\n"
    "  --help, --version\n"
    "\n"
    "exit status: 0 done, 2 wrong usage, 3 bugcheck or leak, 4 could not start, load or reach,\n"
    "5 the host died while a program ran. Ctrl-C (or SIGTERM) ends the program, then the host, and\n"
    "`nthost run` then dies by the same signal; once more, and it does not wait for the host's drivers.\n";

static int
Refuse(const char *What, const char *Why)
{
    fprintf(stderr, "nthost: %s: %s (nthost --help shows the usage)\n", What, Why);
    return NthostExitUsage;
}

// Takes the value of an option, or says that it is missing.
static const char *
TakeValue(int Count, char **Words, int *At)
{
    if (*At + 1 >= Count)
    {
        return NULL;
    }
    return Words[++*At];
}

static int
ApplyOption(NTHOST_OPTIONS *Options, const char *Name, const char *Value)
{
    static const char *const Levels[] = {"off", "standard", "full"};

    if (strcmp(Name, "--as") == 0)
    {
        if (strcmp(Value, "administrator") != 0 && strcmp(Value, "user") != 0)
        {
            return Refuse("--as", "want administrator or user");
        }
        Options->Config.As = Value;
    }
    else if (strcmp(Name, "--verifier") == 0)
    {
        for (unsigned Level = 0; Level < 3; Level++)
        {
            if (strcmp(Value, Levels[Level]) == 0)
            {
                Options->Config.VerifierLevel = Level;
                return 0;
            }
        }
        return Refuse("--verifier", "want off, standard or full");
    }
    else if (strcmp(Name, "--processors") == 0)
    {
        char *End;
        long Number = strtol(Value, &End, 10);
        if (*Value == 0 || *End != 0 || Number < 1 || Number > 64)
        {
            return Refuse("--processors", "want a number from 1 to 64");
        }
        Options->Config.Processors = (unsigned)Number;
    }
    else if (strcmp(Name, "--driver") == 0)
    {
        if (Options->DriverCount == NTHOST_MAX_DRIVERS)
        {
            return Refuse("--driver", "too many drivers");
        }
        Options->Drivers[Options->DriverCount++] = Value;
    }
    else if (strcmp(Name, "--kill-at") == 0)
    {
        Options->Config.KillAt = Value;
    }
    else if (strcmp(Name, "--socket") == 0)
    {
        Options->Config.SocketPath = Value;
    }
    else if (strcmp(Name, "--log") == 0)
    {
        Options->Log = Value;
    }
    else
    {
        return Refuse(Name, "unknown option");
    }
    return 0;
}

static int
ParseOptions(NTHOST_OPTIONS *Options, int Count, char **Words)
{
    for (int At = 0; At < Count; At++)
    {
        const char *Word = Words[At];
        if (strcmp(Word, "--") == 0)
        {
            Options->Application = (const char *const *)&Words[At + 1];
            break;
        }
        if (strcmp(Word, "--local") == 0)
        {
            Options->Local = true;
        }
        else if (strcmp(Word, "--foreground") == 0)
        {
            Options->Foreground = true;
        }
        else if (strcmp(Word, "--json") == 0)
        {
            Options->Json = true;
        }
        else if (strncmp(Word, "--", 2) != 0)
        {
            if (Options->Operand != NULL)
            {
                return Refuse(Word, "one operand too many");
            }
            Options->Operand = Word;
        }
        else
        {
            const char *Value = TakeValue(Count, Words, &At);
            int Status = Value == NULL ? Refuse(Word, "unknown option, or its value is missing")
                                       : ApplyOption(Options, Word, Value);
            if (Status != 0)
            {
                return Status;
            }
        }
    }
    return 0;
}

static int
Load(NTHOST_OPTIONS *Options)
{
    char Path[4096];

    if (Options->Operand == NULL)
    {
        return Refuse("load", "which driver?");
    }
    if (OsToolAbsolutePath(Options->Operand, Path, sizeof(Path)) != OS_OK)
    {
        fprintf(stderr, "nthost: %s: no such file\n", Options->Operand);
        return NthostExitFailed;
    }
    return NthostControl(Options, NthControlLoad, Path);
}

int
main(int Count, char **Words)
{
    NTHOST_OPTIONS Options = {.Config = {.VerifierLevel = 1, .As = "administrator"}};
    static char DefaultSocket[256];

    if (Count < 2 || strcmp(Words[1], "--help") == 0 || strcmp(Words[1], "help") == 0)
    {
        fputs(Usage, Count < 2 ? stderr : stdout);
        return Count < 2 ? NthostExitUsage : NthostExitOk;
    }
    if (strcmp(Words[1], "--version") == 0)
    {
        puts("nthost " NTHOST_VERSION);
        return NthostExitOk;
    }
    const char *Command = Words[1];
    int Status = ParseOptions(&Options, Count - 2, Words + 2);
    if (Status != 0)
    {
        return Status;
    }
    if (strcmp(Command, "run") == 0)
    {
        if (Options.Operand != NULL || Options.Application == NULL || *Options.Application == NULL)
        {
            return Refuse("run", "want options, then --, then the program and its arguments");
        }
        return NthostRun(&Options);
    }

    if (Options.Config.SocketPath == NULL)
    {
        const char *Given = OsEnvironment("NTHOST_SOCKET");
        OsDefaultSocketPath(DefaultSocket, sizeof(DefaultSocket));
        Options.Config.SocketPath = Given != NULL ? Given : DefaultSocket;
    }
    if (strcmp(Command, "start") == 0)
    {
        return NthostStartCommand(&Options);
    }
    if (strcmp(Command, "load") == 0)
    {
        return Load(&Options);
    }
    if (strcmp(Command, "unload") == 0)
    {
        return Options.Operand == NULL ? Refuse("unload", "which driver?")
                                       : NthostControl(&Options, NthControlUnload, Options.Operand);
    }
    if (strcmp(Command, "status") == 0)
    {
        return NthostControl(&Options, NthControlStatus, Options.Json ? "json" : "");
    }
    if (strcmp(Command, "stop") == 0)
    {
        return NthostControl(&Options, NthControlStop, "");
    }
    return Refuse(Command, "unknown command");
}
