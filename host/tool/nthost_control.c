// SPDX-License-Identifier: MIT
// nthost load, unload, status and stop: one command to a running host.

#include <stdio.h>
#include <string.h>

#include "host/os/os.h"
#include "host/os/os_tool.h"
#include "syscall/port.h"
#include "tool/nthost_tool.h"

static int
Fail(const char *Socket, const char *Why)
{
    fprintf(stderr, "nthost: the host at %s: %s\n", Socket, Why);
    return NthostExitFailed;
}

static int
Connect(const char *Path, int *Socket)
{
    NTH_HELLO Hello = {.Size = sizeof(Hello),
                       .Version = NTH_PROTOCOL_VERSION,
                       .BuildId = NthBuildId(),
                       .Role = NthRoleTool,
                       .ImageName = "nthost"};
    NTH_WELCOME Welcome;
    size_t Size;
    unsigned FdCount = 0;

    int Error = OsSocketConnect(Path, Socket);
    if (Error != OS_OK)
    {
        fprintf(stderr, "nthost: no host listens at %s (%s): start one with nthost start\n", Path,
                OsErrorText(Error));
        return NthostExitFailed;
    }
    if (OsSocketSend(*Socket, &Hello, sizeof(Hello), NULL, 0) != OS_OK ||
        OsSocketReceive(*Socket, &Welcome, sizeof(Welcome), &Size, NULL, &FdCount) != OS_OK ||
        Size != sizeof(Welcome))
    {
        return Fail(Path, "closed the connection: it is ending; try again, or nthost start");
    }
    if (Welcome.Status < 0)
    {
        Welcome.Message[sizeof(Welcome.Message) - 1] = 0;
        return Fail(Path, Welcome.Message);
    }
    return NthostExitOk;
}

int
NthostControl(NTHOST_OPTIONS *Options, unsigned Command, const char *Text)
{
    static NTH_CONTROL_REPLY Reply;
    NTH_CONTROL Control = {.Size = sizeof(Control), .Command = Command};
    const char *Path = Options->Config.SocketPath;
    size_t Size;
    unsigned FdCount = 0;
    int Socket;

    int Status = Connect(Path, &Socket);
    if (Status != NthostExitOk)
    {
        return Status;
    }
    if (strlen(Text) >= sizeof(Control.Text))
    {
        return Fail(Path, "the name is too long");
    }
    strcpy(Control.Text, Text);
    if (OsSocketSend(Socket, &Control, sizeof(Control), NULL, 0) != OS_OK ||
        OsSocketReceive(Socket, &Reply, sizeof(Reply), &Size, NULL, &FdCount) != OS_OK ||
        Size != sizeof(Reply))
    {
        Fail(Path, Command == NthControlStop
                       ? "did not stop cleanly (a bugcheck or a leak): its log says what"
                       : "went away before it answered: its log says why");
        return Command == NthControlStop ? NthostExitBugCheck : NthostExitFailed;
    }
    Reply.Message[sizeof(Reply.Message) - 1] = 0;
    if (Reply.Failed != 0)
    {
        fprintf(stderr, "nthost: %s\n", Reply.Message);
        return NthostExitFailed;
    }
    fputs(Reply.Message, stdout);
    return NthostExitOk;
}
