// SPDX-License-Identifier: MIT
// nthost run and nthost start: the host in a process of its own, the application beside it.
//
// `run` is a supervisor without threads: it forks the host, runs the application, stops the host and
// removes what was made, so nothing is left behind even when the host bugchecks or is killed.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/os/os.h"
#include "host/os/os_tool.h"
#include "tool/nthost_tool.h"

static int
LoadDrivers(const NTHOST_OPTIONS *Options, char *Message, size_t Size)
{
    for (unsigned Index = 0; Index < Options->DriverCount; Index++)
    {
        if (NthostLoadDriver(Options->Drivers[Index], Message, Size) != 0)
        {
            return -1;
        }
    }
    return 0;
}

// The host process. Its exit status is 0, NthostExitFailed, or 3 from a bugcheck or leak report.
static int
Serve(void *Context, int Ready)
{
    const NTHOST_OPTIONS *Options = Context;
    char Message[4000];

    if (NthostStart(&Options->Config, Message, sizeof(Message)) != 0)
    {
        OsToolReady(Ready, true, Message);
        return NthostExitFailed;
    }
    if (LoadDrivers(Options, Message, sizeof(Message)) != 0)
    {
        NthostStop();
        OsToolReady(Ready, true, Message);
        return NthostExitFailed;
    }
    OsToolOnTerminate(NthostRequestStop);
    OsToolReady(Ready, false, "");
    NthostWaitForStop();
    NthostStop();
    return NthostExitOk;
}

static int
RunLocal(NTHOST_OPTIONS *Options)
{
    static const char *const Levels[] = {"off", "standard", "full"};
    char Drivers[8192] = "", Path[4096];
    int Status;

    for (unsigned Index = 0; Index < Options->DriverCount; Index++)
    {
        if (OsToolAbsolutePath(Options->Drivers[Index], Path, sizeof(Path)) != OS_OK)
        {
            fprintf(stderr, "nthost: driver %s: no such file\n", Options->Drivers[Index]);
            return NthostExitFailed;
        }
        size_t Used = strlen(Drivers);
        snprintf(Drivers + Used, sizeof(Drivers) - Used, "%s%s", Used != 0 ? ":" : "", Path);
    }
    OsSetEnvironment("NTHOST_LOCAL", "1");
    OsSetEnvironment("NTHOST_DRIVERS", Drivers);
    OsSetEnvironment("NTHOST_AS", Options->Config.As);
    OsSetEnvironment("NTHOST_VERIFIER", Levels[Options->Config.VerifierLevel]);
    OsToolCatchInterrupts();
    int Error = OsToolRun(Options->Application, &Status);
    if (Error != OS_OK)
    {
        fprintf(stderr, "nthost: cannot run %s: %s\n", Options->Application[0], OsErrorText(Error));
        return NthostExitFailed;
    }
    if (OsToolInterrupted() != 0)
    {
        OsToolDieBySignal(OsToolInterrupted());
    }
    return Status;
}

static int
RunApplication(NTHOST_OPTIONS *Options, int HostPid)
{
    int Status = NthostExitFailed;
    int Error = OsToolRun(Options->Application, &Status);

    if (Error != OS_OK)
    {
        fprintf(stderr, "nthost: cannot run %s: %s\n", Options->Application[0], OsErrorText(Error));
    }
    OsToolTerminate(HostPid);
    int HostStatus = OsToolWait(HostPid);
    if (HostStatus == NthostExitBugCheck)
    {
        return NthostExitBugCheck;
    }
    if (HostStatus != NthostExitOk)
    {
        // An impatient second interrupt ended it; no need to say so.
        if (OsToolInterrupted() == 0)
        {
            fprintf(stderr, "nthost: the host process ended with status %d\n", HostStatus);
        }
        return NthostExitGone;
    }
    return Status;
}

int
NthostRun(NTHOST_OPTIONS *Options)
{
    char Folder[256], Socket[320], Text[4096];
    int HostPid, Status = NthostExitFailed;

    if (Options->Local)
    {
        if (Options->Config.KillAt != NULL)
        {
            fprintf(stderr, "nthost: --kill-at needs a remote host: leave out --local\n");
            return NthostExitUsage;
        }
        return RunLocal(Options);
    }
    // From here on an interrupt is noted, and what was made is removed first.
    OsToolCatchInterrupts();
    const char *Temporary = OsEnvironment("TMPDIR");
    if (OsToolTemporaryFolder(Temporary != NULL ? Temporary : "/tmp", "nthost-", Folder,
                              sizeof(Folder)) != OS_OK)
    {
        fprintf(stderr,
                "nthost: cannot make a folder for the socket: set TMPDIR to a writable one\n");
        return NthostExitFailed;
    }
    snprintf(Socket, sizeof(Socket), "%s/socket", Folder);
    Options->Config.SocketPath = Socket;
    int Error = OsToolServe(Serve, Options, NULL, &HostPid, Text, sizeof(Text));
    if (Error != OS_OK && OsToolInterrupted() != 0)
    {
        Status = NthostExitFailed;
    }
    else if (Error != OS_OK)
    {
        fprintf(stderr, "nthost: %s\n", Text[0] != 0 ? Text : OsErrorText(Error));
    }
    else
    {
        OsSetEnvironment("NTHOST_SOCKET", Socket);
        Status = RunApplication(Options, HostPid);
    }
    OsToolRemoveFolder(Folder);
    if (OsToolInterrupted() != 0 && Status != NthostExitBugCheck)
    {
        OsToolDieBySignal(OsToolInterrupted());
    }
    return Status;
}

int
NthostStartCommand(NTHOST_OPTIONS *Options)
{
    char Log[320], Text[4096];
    int Pid;

    if (Options->Operand != NULL || Options->Application != NULL)
    {
        fprintf(stderr, "nthost: start takes options only (nthost --help shows the usage)\n");
        return NthostExitUsage;
    }
    if (Options->Foreground)
    {
        if (NthostStart(&Options->Config, Text, sizeof(Text)) != 0)
        {
            fprintf(stderr, "nthost: %s\n", Text);
            return NthostExitFailed;
        }
        OsToolOnTerminate(NthostRequestStop);
        if (LoadDrivers(Options, Text, sizeof(Text)) != 0)
        {
            fprintf(stderr, "nthost: %s\n", Text);
            NthostStop();
            return NthostExitFailed;
        }
        fprintf(stderr, "nthost: listening at %s\n", Options->Config.SocketPath);
        NthostWaitForStop();
        NthostStop();
        return NthostExitOk;
    }
    if (Options->Log == NULL)
    {
        snprintf(Log, sizeof(Log), "%s.log", Options->Config.SocketPath);
        Options->Log = Log;
    }
    // The host has nobody but its log to talk to.
    FILE *Try = fopen(Options->Log, "a");
    if (Try == NULL)
    {
        fprintf(stderr, "nthost: cannot write the log %s: give --log a file that you may write\n",
                Options->Log);
        return NthostExitFailed;
    }
    fclose(Try);
    int Error = OsToolServe(Serve, Options, Options->Log, &Pid, Text, sizeof(Text));
    if (Error != OS_OK)
    {
        fprintf(stderr, "nthost: %s\n", Text[0] != 0 ? Text : OsErrorText(Error));
        return NthostExitFailed;
    }
    printf("nthost: pid %d listens at %s and writes to %s\n", Pid, Options->Config.SocketPath,
           Options->Log);
    return NthostExitOk;
}
