// SPDX-License-Identifier: MIT
// The remote way in: the listening socket, one connection thread a client, its death, tool commands.
//
// A connection thread is an NT system thread that sleeps in a receive on the client's socket. The
// socket carries nothing from an application after its hello, so the receive ends exactly when the
// application has died (or closed its end, which is the same to us); the thread then runs the
// process down. Locks: NtpLock guards the list of connections and Stopping; nothing is called with
// it held. A connection's SendLock orders messages to one application.

#include <stdio.h>
#include <string.h>

#include "syscall/ntp.h"

static OS_LOCK NtpLock = OS_LOCK_INIT;
static LIST_ENTRY NtpConnections;    // guarded by NtpLock
static uint32_t NtpConnectionCount;  // atomic futex word: connection threads alive
static BOOLEAN NtpStopping;          // guarded by NtpLock
static int NtpListener = -1;
static OS_THREAD *NtpListenerThread;
static SEP_WHO NtpDefaultWho;
static uint32_t NtpKillCall, NtpKillPoint;
static char NtpSocketPath[256];
static int NtpStopSocket = -1;  // guarded by NtpLock while the server runs

SEP_WHO
NtpWho(const char *As)
{
    if (As == NULL || strcmp(As, "administrator") == 0)
    {
        return SepAdministrator;
    }
    return strcmp(As, "user") == 0 ? SepUser : (SEP_WHO)-1;
}

NTSTATUS
NtpSendDescriptor(NTP_CONNECTION *Connection, uint32_t Kind, uint64_t Cookie, int Fd)
{
    NTH_DESCRIPTOR Message = {.Size = sizeof(Message), .Kind = Kind, .Cookie = Cookie};
    OsLockAcquire(&Connection->SendLock);
    int Error = OsSocketSend(Connection->Socket, &Message, sizeof(Message), &Fd, 1);
    OsLockRelease(&Connection->SendLock);
    return Error == OS_OK ? STATUS_SUCCESS : STATUS_PORT_DISCONNECTED;
}

static void
NtpProcessDead(PEPROCESS Process)
{
    NTP_CONNECTION *Connection = Process->Connection;
    // Terminated by another process, or for breaking the protocol: then its Linux process still runs
    // and does not know. The connection is open, so the pid is still its own.
    if (__atomic_load_n(&Connection->Leaving, __ATOMIC_RELAXED) == 0)
    {
        OsKillProcess(Connection->HostPid);
    }
    OsSocketShutdown(Connection->Socket);
}

static const PSP_CONNECTION_OPERATIONS NtpOperations = {
    .StopThread = NtpStopThread,
    .ProcessDead = NtpProcessDead,
};

// ---- Tools ----

// The tool that asked for the stop is answered when the host has stopped: its socket outlives its
// connection thread. FALSE: somebody asked before.
static BOOLEAN
NtpKeepStopSocket(NTP_CONNECTION *Connection)
{
    OsLockAcquire(&NtpLock);
    BOOLEAN First = NtpStopSocket < 0;
    if (First)
    {
        NtpStopSocket = Connection->Socket;
        Connection->Socket = -1;
    }
    OsLockRelease(&NtpLock);
    return First;
}

void
NtpAnswerStop(void)
{
    static NTH_CONTROL_REPLY Reply = {.Size = sizeof(Reply)};
    if (NtpStopSocket >= 0)
    {
        snprintf(Reply.Message, sizeof(Reply.Message), "nthost: stopped\n");
        OsSocketSend(NtpStopSocket, &Reply, sizeof(Reply), NULL, 0);
        OsClose(NtpStopSocket);
        NtpStopSocket = -1;
    }
}

static void
NtpServeTool(NTP_CONNECTION *Connection)
{
    for (;;)
    {
        NTH_CONTROL Control;
        static const char Unknown[] = "unknown command";
        size_t Size = 0;
        unsigned FdCount = 0;
        if (OsSocketReceive(Connection->Socket, &Control, sizeof(Control), &Size, NULL, &FdCount) !=
            OS_OK)
        {
            return;
        }
        if (Size != sizeof(Control) || Control.Size != sizeof(Control))
        {
            return;
        }
        Control.Text[sizeof(Control.Text) - 1] = 0;
        NTH_CONTROL_REPLY *Reply = MiAllocatePool(PagedPool, sizeof(*Reply), MI_TAG_HOST, TRUE);
        if (Reply == NULL)
        {
            return;
        }
        Reply->Size = sizeof(*Reply);
        switch (Control.Command)
        {
        case NthControlLoad:
            Reply->Failed =
                NthostLoadDriver(Control.Text, Reply->Message, sizeof(Reply->Message)) != 0;
            break;
        case NthControlUnload:
            Reply->Failed =
                NthostUnloadDriver(Control.Text, Reply->Message, sizeof(Reply->Message)) != 0;
            break;
        case NthControlStatus:
            NtpStatusText(strcmp(Control.Text, "json") == 0, Reply->Message,
                          sizeof(Reply->Message));
            break;
        case NthControlStop:
            if (NtpKeepStopSocket(Connection))
            {
                MiFreePool(Reply, MI_TAG_HOST, FALSE);
                NthostRequestStop();
                return;
            }
            Reply->Failed = 1;
            snprintf(Reply->Message, sizeof(Reply->Message), "a stop is under way already");
            break;
        default:
            Reply->Failed = 1;
            memcpy(Reply->Message, Unknown, sizeof(Unknown));
        }
        int Error = OsSocketSend(Connection->Socket, Reply, sizeof(*Reply), NULL, 0);
        MiFreePool(Reply, MI_TAG_HOST, FALSE);
        if (Error != OS_OK)
        {
            return;
        }
    }
}

// ---- Applications ----

static NTSTATUS
NtpAdmitApplication(NTP_CONNECTION *Connection, const NTH_HELLO *Hello, int MemoryFd,
                    NTH_WELCOME *Welcome, int *PortFd)
{
    PEPROCESS Process = PspClaimExpectedProcess(Connection->HostPid);
    NTSTATUS Status = STATUS_SUCCESS;
    if (Process == NULL)
    {
        Status = PspCreateProcess(Hello->ImageName, NtpDefaultWho, &Process);
    }
    if (!NT_SUCCESS(Status))
    {
        OsClose(MemoryFd);
        return Status;
    }
    Process->HostPid = Connection->HostPid;
    Process->MemoryFd = MemoryFd;  // the process closes it at its deletion
    Process->Connection = Connection;
    Process->ConnectionOperations = &NtpOperations;
    Connection->Process = Process;

    PETHREAD Thread;
    Status = PspCreateThread(Process, &Thread);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = NtpCreatePort(Connection, Thread, PortFd);
    Welcome->ProcessId = (uint32_t)(ULONG_PTR)Process->UniqueProcessId;
    Welcome->ThreadId = (uint32_t)(ULONG_PTR)Thread->UniqueThread;
    ObDereferenceObject(Thread);
    return Status;
}

static BOOLEAN
NtpReceiveHello(NTP_CONNECTION *Connection, NTH_HELLO *Hello, int *MemoryFd)
{
    size_t Size = 0;
    unsigned FdCount = 1;
    *MemoryFd = -1;
    if (OsSocketReceive(Connection->Socket, Hello, sizeof(*Hello), &Size, MemoryFd, &FdCount) !=
        OS_OK)
    {
        return FALSE;
    }
    if (FdCount == 0)
    {
        *MemoryFd = -1;
    }
    return Size == sizeof(*Hello) && Hello->Size == sizeof(*Hello);
}

static void
NtpServeConnection(NTP_CONNECTION *Connection)
{
    NTH_HELLO Hello;
    NTH_WELCOME Welcome = {.Size = sizeof(Welcome)};
    int MemoryFd, PortFd = -1;
    if (!NtpReceiveHello(Connection, &Hello, &MemoryFd))
    {
        if (MemoryFd >= 0)
        {
            OsClose(MemoryFd);
        }
        return;
    }
    Hello.ImageName[sizeof(Hello.ImageName) - 1] = 0;

    NTSTATUS Status = STATUS_SUCCESS;
    if (Hello.Version != NTH_PROTOCOL_VERSION || Hello.BuildId != NthBuildId())
    {
        Status = STATUS_REVISION_MISMATCH;
        snprintf(Welcome.Message, sizeof(Welcome.Message),
                 "this program and nthost are of different builds; rebuild it with this nthost-cc");
    }
    else if (Hello.Role == NthRoleApplication &&
             (MemoryFd < 0 || !OsIsMemoryOf(MemoryFd, Connection->HostPid)))
    {
        // Anything else could keep a driver's DPC waiting when an IRP completes.
        Status = STATUS_INVALID_PARAMETER;
        snprintf(Welcome.Message, sizeof(Welcome.Message),
                 "the hello carries no descriptor of the application's own memory");
    }
    else if (Hello.Role == NthRoleApplication)
    {
        Welcome.KillCall = Connection->KillCall = NtpKillCall;
        Welcome.KillPoint = Connection->KillPoint = NtpKillPoint;
        Status = NtpAdmitApplication(Connection, &Hello, MemoryFd, &Welcome, &PortFd);
        MemoryFd = -1;
    }
    else if (Hello.Role != NthRoleTool)
    {
        Status = STATUS_INVALID_PARAMETER;
    }
    if (MemoryFd >= 0)
    {
        OsClose(MemoryFd);
    }

    Welcome.Status = Status;
    int Sent = OsSocketSend(Connection->Socket, &Welcome, sizeof(Welcome), &PortFd,
                            NT_SUCCESS(Status) && PortFd >= 0 ? 1 : 0);
    if (PortFd >= 0)
    {
        OsClose(PortFd);
    }
    if (NT_SUCCESS(Status) && Sent == OS_OK && Hello.Role == NthRoleTool)
    {
        NtpServeTool(Connection);
    }
    else if (NT_SUCCESS(Status) && Sent == OS_OK)
    {
        // Nothing more is due from an application: this ends when it dies, or is run down.
        char Byte;
        size_t Size;
        unsigned FdCount = 0;
        while (OsSocketReceive(Connection->Socket, &Byte, sizeof(Byte), &Size, NULL, &FdCount) ==
               OS_OK)
        {
            FdCount = 0;
        }
    }
    if (Connection->Process != NULL)
    {
        __atomic_store_n(&Connection->Leaving, 1, __ATOMIC_RELAXED);
        PspTerminateProcess(Connection->Process, STATUS_UNSUCCESSFUL);
        PspWaitForProcess(Connection->Process);
    }
}

static void
NtpConnectionThread(PVOID Context)
{
    NTP_CONNECTION *Connection = Context;
    NtpServeConnection(Connection);

    OsLockAcquire(&NtpLock);
    RemoveEntryList(&Connection->Link);
    OsLockRelease(&NtpLock);
    if (Connection->Socket >= 0)
    {
        OsClose(Connection->Socket);
    }
    if (Connection->Process != NULL)
    {
        ObDereferenceObject(Connection->Process);
    }
    MiFreePool(Connection, MI_TAG_HOST, FALSE);
    // Release: pairs with the acquire loads of NtpStopServer and NtpWaitForProcesses.
    __atomic_fetch_sub(&NtpConnectionCount, 1, __ATOMIC_RELEASE);
    OsWakeWord(&NtpConnectionCount, UINT32_MAX, false);
}

static void
NtpAccept(int Socket)
{
    uint32_t Pid, Uid;
    NTP_CONNECTION *Connection = NULL;
    if (OsSocketPeer(Socket, &Pid, &Uid) != OS_OK || (Uid != OsUserId() && Uid != 0))
    {
        OsClose(Socket);
        return;
    }
    Connection = MiAllocatePool(NonPagedPool, sizeof(*Connection), MI_TAG_HOST, TRUE);
    if (Connection == NULL)
    {
        OsClose(Socket);
        return;
    }
    Connection->Socket = Socket;
    Connection->HostPid = Pid;
    OsLockAcquire(&NtpLock);
    BOOLEAN Stopping = NtpStopping;
    if (!Stopping)
    {
        InsertTailList(&NtpConnections, &Connection->Link);
        __atomic_fetch_add(&NtpConnectionCount, 1, __ATOMIC_RELAXED);
    }
    OsLockRelease(&NtpLock);
    if (!Stopping && NT_SUCCESS(PspStartHostThread(NtpConnectionThread, Connection, "nt-client")))
    {
        return;
    }
    if (!Stopping)
    {
        OsLockAcquire(&NtpLock);
        RemoveEntryList(&Connection->Link);
        OsLockRelease(&NtpLock);
        __atomic_fetch_sub(&NtpConnectionCount, 1, __ATOMIC_RELEASE);
    }
    OsClose(Socket);
    MiFreePool(Connection, MI_TAG_HOST, FALSE);
}

static void
NtpListenerRoutine(void *Context)
{
    (void)Context;
    int Socket;
    while (OsSocketAccept(NtpListener, &Socket) == OS_OK)
    {
        NtpAccept(Socket);
    }
}

static BOOLEAN
NtpParseKillAt(const char *Text)
{
    static const char *const Names[] = {"before", "in-dispatch", "parked", "after-reply"};
    char Point[32];
    unsigned Call;
    if (sscanf(Text, "%u:%31s", &Call, Point) != 2 || Call == 0)
    {
        return FALSE;
    }
    for (uint32_t Index = 0; Index < 4; Index++)
    {
        if (strcmp(Point, Names[Index]) == 0)
        {
            NtpKillCall = Call;
            NtpKillPoint = Index + 1;
            return TRUE;
        }
    }
    return FALSE;
}

int
NtpStartServer(const NTHOST_CONFIG *Config, char *Message, size_t MessageSize)
{
    InitializeListHead(&NtpConnections);
    NtpStopping = FALSE;
    NtpConnectionCount = 0;
    NtpKillCall = NtpKillPoint = 0;
    NtpDefaultWho = NtpWho(Config->As);
    if (Config->KillAt != NULL && !NtpParseKillAt(Config->KillAt))
    {
        snprintf(Message, MessageSize,
                 "--kill-at %s: want N:before, N:in-dispatch, N:parked or N:after-reply, N from 1",
                 Config->KillAt);
        return -1;
    }
    int Error = OsSocketListen(Config->SocketPath, &NtpListener);
    if (Error != OS_OK)
    {
        snprintf(Message, MessageSize, "cannot listen on %s: %s%s", Config->SocketPath,
                 OsErrorText(Error),
                 Error == OS_E_EXISTS
                     ? "; another nthost uses it: stop that one (nthost stop) or give --socket"
                     : "; give --socket a short path in a folder that you may write to");
        return -1;
    }
    snprintf(NtpSocketPath, sizeof(NtpSocketPath), "%s", Config->SocketPath);
    MiWindows = &NtpWindowOperations;
    if (OsThreadStart(NtpListenerRoutine, NULL, "nt-listen", &NtpListenerThread) != OS_OK)
    {
        OsClose(NtpListener);
        OsRemoveFile(NtpSocketPath);
        snprintf(Message, MessageSize, "cannot start a thread");
        return -1;
    }
    return 0;
}

void
NtpWaitForProcesses(void)
{
    for (;;)
    {
        // Acquire: pairs with the release in NtpConnectionThread, whose wake comes after its change
        // of the word, so a wait on an old value returns.
        uint32_t Count = __atomic_load_n(&NtpConnectionCount, __ATOMIC_ACQUIRE);
        if (Count == 0)
        {
            return;
        }
        OsWaitWord(&NtpConnectionCount, Count, OS_FOREVER, false);
    }
}

void
NtpStopServer(void)
{
    OsSocketShutdown(NtpListener);
    OsThreadJoin(NtpListenerThread);
    OsClose(NtpListener);
    OsRemoveFile(NtpSocketPath);

    OsLockAcquire(&NtpLock);
    NtpStopping = TRUE;
    for (PLIST_ENTRY Entry = NtpConnections.Flink; Entry != &NtpConnections; Entry = Entry->Flink)
    {
        int Socket = CONTAINING_RECORD(Entry, NTP_CONNECTION, Link)->Socket;
        if (Socket >= 0)
        {
            OsSocketShutdown(Socket);
        }
    }
    OsLockRelease(&NtpLock);
    NtpWaitForProcesses();
    MiWindows = NULL;
}
