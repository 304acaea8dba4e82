// SPDX-License-Identifier: MIT
// The remote transport: a port per thread, a watcher thread on the socket that notices nthost's death.
//
// A thread's port is its own: no locks on the call path. The reply's handshake is in syscall/port.h.
// The watcher is the only reader of the socket: it files descriptors under their cookies, and at the
// end of the stream marks every port dead and wakes its sleeper. A thread re-checks WxGone after it
// has announced its sleep (ReplySleeping) and the watcher sets WxGone before it wakes, so no sleeper
// is missed: the wake is repeated until the process has ended.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "syscall/port.h"
#include "win32/transport.h"

// What orders two threads of an application is often a system call each: one sets an event, or ends,
// and the other waits. The order is made in nthost, where the thread sanitizer of this process cannot
// see it, so each call tells it: what came before any call came before what follows a later one. That
// hides some races of an application; a local host hides none.
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
static char WxOrder;
#define WX_ORDER_BEFORE_CALL() __tsan_release(&WxOrder)
#define WX_ORDER_AFTER_CALL()  __tsan_acquire(&WxOrder)
#else
#define WX_ORDER_BEFORE_CALL() ((void)0)
#define WX_ORDER_AFTER_CALL()  ((void)0)
#endif

#define WX_SPIN_NS   20000u
#define WX_GRACE_NS  500000000u  // from nthost's death to our own
#define WX_MAX_FILED 64

typedef struct WX_PORT
{
    NTH_PORT *Shared;
    uint32_t Sequence;  // calls submitted, and so replies seen
    struct WX_PORT *Next, **Link;
} WX_PORT;

static __thread WX_PORT *WxPort __attribute__((tls_model("initial-exec")));
static OS_LOCK WxPortsLock = OS_LOCK_INIT;
static WX_PORT *WxPorts;  // guarded by WxPortsLock

static int WxSocket = -1;
static uint32_t WxGone;  // atomic futex word: the stream has ended
static uint32_t WxKillCall, WxKillPoint, WxCalls;

static struct
{
    NTH_DESCRIPTOR Message;
    int Fd;
} WxFiled[WX_MAX_FILED];  // guarded by WxFiledLock
static OS_LOCK WxFiledLock = OS_LOCK_INIT;
static uint32_t WxFiledWord;  // atomic futex word: counts arrivals

static WX_PORT *
WxMapPort(int Fd)
{
    void *Shared;
    WX_PORT *Port = calloc(1, sizeof(*Port));
    if (Port == NULL || OsSharedMap(Fd, 0, sizeof(NTH_PORT), true, &Shared) != OS_OK)
    {
        free(Port);
        OsClose(Fd);
        return NULL;
    }
    OsClose(Fd);
    Port->Shared = Shared;
    OsLockAcquire(&WxPortsLock);
    Port->Next = WxPorts;
    Port->Link = &WxPorts;
    if (WxPorts != NULL)
    {
        WxPorts->Link = &Port->Next;
    }
    WxPorts = Port;
    OsLockRelease(&WxPortsLock);
    return Port;
}

static void
WxUnmapPort(WX_PORT *Port)
{
    OsLockAcquire(&WxPortsLock);
    *Port->Link = Port->Next;
    if (Port->Next != NULL)
    {
        Port->Next->Link = Port->Link;
    }
    OsLockRelease(&WxPortsLock);
    OsUnmap(Port->Shared, sizeof(NTH_PORT));
    free(Port);
}

// ---- The watcher ----

static void
WxFile(const NTH_DESCRIPTOR *Message, int Fd)
{
    OsLockAcquire(&WxFiledLock);
    for (unsigned Index = 0; Index < WX_MAX_FILED; Index++)
    {
        if (WxFiled[Index].Message.Size == 0)
        {
            WxFiled[Index].Message = *Message;
            WxFiled[Index].Fd = Fd;
            Fd = -1;
            break;
        }
    }
    OsLockRelease(&WxFiledLock);
    if (Fd >= 0)
    {
        OsClose(Fd);  // more answers than calls can be open at once: nobody waits for it
    }
    __atomic_fetch_add(&WxFiledWord, 1, __ATOMIC_RELEASE);
    OsWakeWord(&WxFiledWord, UINT32_MAX, false);
}

static void
WxWakeAll(void)
{
    OsLockAcquire(&WxPortsLock);
    for (WX_PORT *Port = WxPorts; Port != NULL; Port = Port->Next)
    {
        OsWakeWord(&Port->Shared->ReplySequence, UINT32_MAX, true);
    }
    OsLockRelease(&WxPortsLock);
    OsWakeWord(&WxFiledWord, UINT32_MAX, false);
    OsWakeWord(&WxGone, UINT32_MAX, false);
}

static void
WxWatch(void *Context)
{
    (void)Context;
    for (;;)
    {
        NTH_DESCRIPTOR Message;
        size_t Size = 0;
        int Fd = -1;
        unsigned FdCount = 1;
        if (OsSocketReceive(WxSocket, &Message, sizeof(Message), &Size, &Fd, &FdCount) != OS_OK)
        {
            break;
        }
        if (Size == sizeof(Message) && FdCount == 1)
        {
            WxFile(&Message, Fd);
        }
        else if (FdCount == 1)
        {
            OsClose(Fd);
        }
    }
    __atomic_store_n(&WxGone, 1, __ATOMIC_SEQ_CST);
    // The application's calls fail from now on; it has half a second to end in its own way.
    static const char Text[] =
        "nthost has gone (stopped, killed or bugchecked): this program ends\n";
    if (!WxIsEnding())
    {
        OsWriteError(Text, sizeof(Text) - 1);
    }
    uint64_t End = OsMonotonicNs() + WX_GRACE_NS;
    uint32_t Never = 0;
    do
    {
        WxWakeAll();
        OsWaitWord(&Never, 0, OsMonotonicNs() + 10000000u, false);
    } while (WxIsEnding() || OsMonotonicNs() < End);
    OsExit(WX_EXIT_HOST_GONE);
}

static int
WxRemoteTake(uint32_t Kind, uint64_t Cookie)
{
    for (;;)
    {
        uint32_t Arrivals = __atomic_load_n(&WxFiledWord, __ATOMIC_ACQUIRE);
        int Fd = -1;
        OsLockAcquire(&WxFiledLock);
        for (unsigned Index = 0; Index < WX_MAX_FILED && Fd < 0; Index++)
        {
            if (WxFiled[Index].Message.Size != 0 && WxFiled[Index].Message.Kind == Kind &&
                WxFiled[Index].Message.Cookie == Cookie)
            {
                Fd = WxFiled[Index].Fd;
                WxFiled[Index].Message.Size = 0;
            }
        }
        OsLockRelease(&WxFiledLock);
        if (Fd >= 0 || __atomic_load_n(&WxGone, __ATOMIC_SEQ_CST) != 0)
        {
            return Fd;
        }
        // An arrival after the look above has changed the word: the wait returns at once.
        OsWaitWord(&WxFiledWord, Arrivals, OS_FOREVER, false);
    }
}

// ---- Calls ----

static bool
WxReplied(NTH_PORT *Shared, uint32_t Sequence)
{
    // Acquire: pairs with the exchange in the kernel's NtpPublishReply.
    return __atomic_load_n(&Shared->ReplySequence, __ATOMIC_ACQUIRE) == Sequence;
}

// Returns false when nthost has gone.
static bool
WxAwaitReply(NTH_PORT *Shared, uint32_t Sequence)
{
    if (OsProcessorCount() > 1)
    {
        uint64_t End = 0;
        for (uint32_t Turn = 1; __atomic_load_n(&Shared->Parked, __ATOMIC_RELAXED) == 0; Turn++)
        {
            if (WxReplied(Shared, Sequence))
            {
                return true;
            }
            OsPause();
            if ((Turn & 63u) == 0)
            {
                uint64_t Now = OsMonotonicNs();
                if (End == 0)
                {
                    End = Now + WX_SPIN_NS;
                }
                else if (Now >= End)
                {
                    break;
                }
            }
        }
    }
    bool Here = true;
    while (!WxReplied(Shared, Sequence))
    {
        // Full fence between the flag and the sequence (port.h).
        __atomic_exchange_n(&Shared->ReplySleeping, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&WxGone, __ATOMIC_SEQ_CST) != 0 && !WxReplied(Shared, Sequence))
        {
            Here = false;
            break;
        }
        if (!WxReplied(Shared, Sequence))
        {
            OsWaitWord(&Shared->ReplySequence, Sequence - 1, OS_FOREVER, true);
        }
    }
    __atomic_store_n(&Shared->ReplySleeping, 0, __ATOMIC_RELAXED);
    return Here;
}

static void
WxKillPointHere(uint32_t Point, uint32_t Call)
{
    if (WxKillPoint == Point && Call == WxKillCall)
    {
        OsKillProcess(OsProcessId());
    }
}

static int32_t
WxRemoteCall(uint32_t Service, const uint64_t *Arguments, unsigned ArgumentCount,
             const NTH_WINDOW *Windows, unsigned WindowCount)
{
    WX_PORT *Port = WxPort;
    if (Port == NULL)
    {
        WxFail("a system call from a thread that CreateThread did not make\n");
    }
    NTH_PORT *Shared = Port->Shared;
    if (__atomic_load_n(&WxGone, __ATOMIC_RELAXED) != 0)
    {
        return WX_STATUS_DISCONNECTED;
    }
    uint32_t Call = 0;
    if (WxKillPoint != NthKillNone)
    {
        Call = __atomic_add_fetch(&WxCalls, 1, __ATOMIC_RELAXED);
        WxKillPointHere(NthKillBefore, Call);
    }

    WX_ORDER_BEFORE_CALL();
    Shared->Service = Service;
    memcpy(Shared->Arguments, Arguments, ArgumentCount * sizeof(uint64_t));
    uint32_t Offset = 0, Sent = 0, Offsets[NTH_MAX_WINDOWS];
    const NTH_WINDOW *Carried[NTH_MAX_WINDOWS];
    for (unsigned Index = 0; Index < WindowCount; Index++)
    {
        const NTH_WINDOW *Window = &Windows[Index];
        if (Window->Address == 0 || Window->Length == 0 ||
            Window->Length > NTH_PORT_INLINE - Offset)
        {
            continue;
        }
        if ((Window->Flags & NTH_WINDOW_IN) != 0)
        {
            memcpy(Shared->Inline + Offset, (const void *)(uintptr_t)Window->Address,
                   Window->Length);
        }
        Shared->Windows[Sent] = *Window;
        Carried[Sent] = Window;
        Offsets[Sent++] = Offset;
        Offset += (Window->Length + 7u) & ~7u;
        if (Offset > NTH_PORT_INLINE)
        {
            Offset = NTH_PORT_INLINE;
        }
    }
    Shared->WindowCount = Sent;

    uint32_t Sequence = ++Port->Sequence;
    // The exchange publishes the submission (release) and is the full fence before the sleeping flag
    // is read (port.h); pairs with NtpAwaitSubmission.
    __atomic_exchange_n(&Shared->SubmitSequence, Sequence, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&Shared->SubmitSleeping, __ATOMIC_SEQ_CST) != 0)
    {
        OsWakeWord(&Shared->SubmitSequence, 1, true);
    }
    if (!WxAwaitReply(Shared, Sequence))
    {
        return WX_STATUS_DISCONNECTED;
    }
    WX_ORDER_AFTER_CALL();
    WxKillPointHere(NthKillAfterReply, Call);
    for (uint32_t Index = 0; Index < Sent; Index++)
    {
        uint32_t From = Shared->Written[Index].From, To = Shared->Written[Index].To;
        if (From < To)
        {
            memcpy((uint8_t *)(uintptr_t)Carried[Index]->Address + From,
                   Shared->Inline + Offsets[Index] + From, To - From);
        }
    }
    return Shared->Status;
}

// ---- Threads, start and end ----

static int
WxRemoteBind(uint64_t Cookie)
{
    int Fd = WxRemoteTake(NthDescriptorPort, Cookie);
    WxPort = Fd < 0 ? NULL : WxMapPort(Fd);
    return WxPort == NULL ? -1 : 0;
}

static void
WxRemoteUnbind(void)
{
    WX_PORT *Port = WxPort;
    WxPort = NULL;
    if (Port != NULL)
    {
        WxUnmapPort(Port);
    }
}

static void
WxRemoteConnect(uint32_t *ProcessId, uint32_t *ThreadId)
{
    char Path[256], Text[512];
    const char *Socket = OsEnvironment("NTHOST_SOCKET");
    if (Socket == NULL)
    {
        OsDefaultSocketPath(Path, sizeof(Path));
        Socket = Path;
    }
    int Error = OsSocketConnect(Socket, &WxSocket);
    if (Error != OS_OK)
    {
        snprintf(
            Text, sizeof(Text),
            "cannot reach nthost at %s: %s; run this program with `nthost run --driver x.sys -- "
            "program`, or start a host with `nthost start`\n",
            Socket, OsErrorText(Error));
        WxFail(Text);
    }

    NTH_HELLO Hello = {.Size = sizeof(Hello),
                       .Version = NTH_PROTOCOL_VERSION,
                       .BuildId = NthBuildId(),
                       .Role = NthRoleApplication};
    NTH_WELCOME Welcome = {0};
    OsProgramName(Hello.ImageName, sizeof(Hello.ImageName));
    int Memory = -1, PortFd = -1;
    unsigned FdCount = 1;
    size_t Size = 0;
    if (OsOpenOwnMemory(&Memory) != OS_OK ||
        OsSocketSend(WxSocket, &Hello, sizeof(Hello), &Memory, 1) != OS_OK ||
        OsSocketReceive(WxSocket, &Welcome, sizeof(Welcome), &Size, &PortFd, &FdCount) != OS_OK ||
        Size != sizeof(Welcome))
    {
        snprintf(Text, sizeof(Text), "nthost at %s closed the connection\n", Socket);
        WxFail(Text);
    }
    OsClose(Memory);
    if (Welcome.Status < 0 || FdCount != 1)
    {
        Welcome.Message[sizeof(Welcome.Message) - 1] = 0;
        snprintf(Text, sizeof(Text), "nthost at %s refused this program: %s (0x%08x)\n", Socket,
                 Welcome.Message, (unsigned)Welcome.Status);
        WxFail(Text);
    }
    WxKillCall = Welcome.KillCall;
    WxKillPoint = Welcome.KillPoint;
    *ProcessId = Welcome.ProcessId;
    *ThreadId = Welcome.ThreadId;
    WxPort = WxMapPort(PortFd);
    OS_THREAD *Watcher;
    if (WxPort == NULL || OsThreadStart(WxWatch, NULL, "nt-watch", &Watcher) != OS_OK)
    {
        WxFail("not enough memory to connect to nthost\n");
    }
    OsThreadDetach(Watcher);
}

static void
WxRemoteEnd(uint32_t Status)
{
    if (WxPort == NULL)
    {
        return;  // exit() on a foreign thread: the socket's end tells nthost
    }
    const uint64_t Arguments[] = {Status};
    WxRemoteCall(Nts_NthExitProcess, Arguments, 1, NULL, 0);
    // The stream ends when the rundown has finished. The watcher sets the word before it wakes.
    uint64_t Deadline = OsMonotonicNs() + 10000000000u;
    while (__atomic_load_n(&WxGone, __ATOMIC_ACQUIRE) == 0 && OsMonotonicNs() < Deadline)
    {
        OsWaitWord(&WxGone, 0, Deadline, false);
    }
}

const WX_TRANSPORT WxRemoteTransport = {
    .Connect = WxRemoteConnect,
    .Call = WxRemoteCall,
    .BindThread = WxRemoteBind,
    .UnbindThread = WxRemoteUnbind,
    .TakeDescriptor = WxRemoteTake,
    .EndProcess = WxRemoteEnd,
};
