// SPDX-License-Identifier: MIT
// A program that speaks nthost's wire itself, and badly: the host and its other clients must not mind.
//
//   port_scribbler ROUNDS SEED PROGRAM [ARGUMENT...]
//
// Each round is a child process that connects and attacks in one way chosen by the seed. Then PROGRAM
// (a well-behaved application) runs against the same host; its exit status is ours. What was leaked or
// broken in the host is the host's to report: nthost run then exits with 3.

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/os/os.h"
#include "syscall/port.h"

static uint64_t State;

static uint32_t
Random(void)
{
    State = State * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(State >> 33);
}

typedef struct CLIENT
{
    int Socket;
    int PortFd;
    NTH_PORT *Port;
} CLIENT;

static int
SendHello(CLIENT *Client, const NTH_HELLO *Hello, size_t Size, int MemoryFd)
{
    NTH_WELCOME Welcome;
    size_t Length = 0;
    unsigned Count = 1;

    Client->PortFd = -1;
    if (OsSocketConnect(OsEnvironment("NTHOST_SOCKET"), &Client->Socket) != OS_OK)
    {
        fprintf(stderr, "the host does not answer any more\n");
        _exit(1);
    }
    if (OsSocketSend(Client->Socket, Hello, Size, &MemoryFd, MemoryFd >= 0) != OS_OK ||
        OsSocketReceive(Client->Socket, &Welcome, sizeof(Welcome), &Length, &Client->PortFd,
                        &Count) != OS_OK)
    {
        return -1;
    }
    return Welcome.Status < 0 || Count != 1 ? -1 : 0;
}

static NTH_HELLO
GoodHello(void)
{
    return (NTH_HELLO){.Size = sizeof(NTH_HELLO),
                       .Version = NTH_PROTOCOL_VERSION,
                       .BuildId = NthBuildId(),
                       .ImageName = "scribbler"};
}

static void
Connect(CLIENT *Client)
{
    NTH_HELLO Hello = GoodHello();
    int Memory;
    void *Port;

    if (OsOpenOwnMemory(&Memory) != OS_OK ||
        SendHello(Client, &Hello, sizeof(Hello), Memory) != 0 ||
        OsSharedMap(Client->PortFd, 0, sizeof(NTH_PORT), true, &Port) != OS_OK)
    {
        fprintf(stderr, "a well-formed hello was refused\n");
        _exit(1);
    }
    Client->Port = Port;
}

// ---- Attacks ----

static void
BadHello(void)
{
    NTH_HELLO Hello = GoodHello();
    CLIENT Client;
    size_t Size = sizeof(Hello);
    int Memory = -1;
    unsigned Kind = Random() % 6;

    (void)OsOpenOwnMemory(&Memory);
    switch (Kind)
    {
    case 0:
        Size = Random() % (sizeof(Hello) - 1) + 1;
        break;
    case 1:
        Hello.BuildId ^= 1;
        break;
    case 2:
        Hello.Role = 77;
        break;
    case 3:
        Memory = -1;
        break;
    case 4:
        Memory = memfd_create("not memory", 0);
        break;
    default:
        Hello.Version = 99;
        memset(Hello.ImageName, 'x', sizeof(Hello.ImageName));
    }
    if (SendHello(&Client, &Hello, Size, Memory) == 0)
    {
        fprintf(stderr, "bad hello %u was accepted\n", Kind);
        _exit(1);
    }
}

static void
FillRandom(NTH_PORT *Port)
{
    Port->Service = Random() % (NtsCount + 4);
    // What ends this process is left out: the attack should go on.
    if (Port->Service == Nts_NthExitProcess || Port->Service == Nts_NthExitThread)
    {
        Port->Service = Nts_NtClose;
    }
    Port->WindowCount = Random() % 7;
    for (unsigned Index = 0; Index < NTH_MAX_ARGUMENTS; Index++)
    {
        static const uint64_t Values[] = {0, 1, 4, 8, 12, ~0ull, ~1ull, 0xFFFFFFFF80000004ull};
        switch (Random() % 4)
        {
        case 0:
            Port->Arguments[Index] = Values[Random() % 8];
            break;
        case 1:
            Port->Arguments[Index] = (uint64_t)Random() << 31 | Random();
            break;
        case 2:
            Port->Arguments[Index] = Random() % 256;
            break;
        default:
            Port->Arguments[Index] = (uintptr_t)&State;
        }
    }
    for (unsigned Index = 0; Index < NTH_MAX_WINDOWS; Index++)
    {
        Port->Windows[Index].Address = Random() % 2 != 0 ? (uintptr_t)&State : Random();
        Port->Windows[Index].Length = Random() % 3 != 0 ? Random() % 64 : Random();
        Port->Windows[Index].Flags = Random() % 5;
    }
}

static void
Submit(CLIENT *Client, uint32_t Step)
{
    __atomic_fetch_add(&Client->Port->SubmitSequence, Step, __ATOMIC_SEQ_CST);
    OsWakeWord(&Client->Port->SubmitSequence, 1, true);
}

// Waits for a reply, but not long: many attacks end in none.
static void
AwaitReply(CLIENT *Client, uint32_t Before)
{
    uint64_t Deadline = OsMonotonicNs() + 2000000u;

    while (__atomic_load_n(&Client->Port->ReplySequence, __ATOMIC_ACQUIRE) == Before &&
           OsMonotonicNs() < Deadline)
    {
        OsWaitWord(&Client->Port->ReplySequence, Before, Deadline, true);
    }
}

static void
RandomCalls(void)
{
    CLIENT Client;

    Connect(&Client);
    for (unsigned Call = 0; Call < 50; Call++)
    {
        uint32_t Before = __atomic_load_n(&Client.Port->ReplySequence, __ATOMIC_ACQUIRE);
        FillRandom(Client.Port);
        Submit(&Client, 1);
        AwaitReply(&Client, Before);
    }
}

static void
SubmitIntoOpenCalls(void)
{
    CLIENT Client;

    Connect(&Client);
    for (unsigned Call = 0; Call < 200; Call++)
    {
        // A wait for ever, then calls on top of it.
        Client.Port->Service = Nts_NtDelayExecution;
        Client.Port->WindowCount = 0;
        static const int64_t Forever = INT64_MIN;
        Client.Port->Arguments[0] = 0;
        Client.Port->Arguments[1] = (uintptr_t)&Forever;
        Submit(&Client, Random() % 3);
    }
}

static void
Scribble(void)
{
    CLIENT Client;

    Connect(&Client);
    for (unsigned Round = 0; Round < 200; Round++)
    {
        uint32_t Before = __atomic_load_n(&Client.Port->ReplySequence, __ATOMIC_ACQUIRE);
        FillRandom(Client.Port);
        Submit(&Client, 1);
        for (unsigned Turn = 0; Turn < 50; Turn++)
        {
            ((uint8_t *)Client.Port)[Random() % offsetof(NTH_PORT, Inline)] = (uint8_t)Random();
        }
        AwaitReply(&Client, Before);
    }
}

static void
Reshape(void)
{
    CLIENT Client;

    Connect(&Client);
    if (ftruncate(Client.PortFd, 0) == 0)
    {
        fprintf(stderr, "the port's descriptor could be truncated\n");
        _exit(1);
    }
    munmap(Client.Port, sizeof(NTH_PORT));
}

static void
Silent(void)
{
    int Socket;

    // Connects and says nothing until it dies.
    if (OsSocketConnect(OsEnvironment("NTHOST_SOCKET"), &Socket) == OS_OK)
    {
        usleep(Random() % 3000);
    }
}

static void (*const Attacks[])(void) = {BadHello, RandomCalls, SubmitIntoOpenCalls,
                                        Scribble, Reshape,     Silent};

int
main(int Count, char **Words)
{
    if (Count < 4)
    {
        fprintf(stderr, "usage: port_scribbler ROUNDS SEED PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    unsigned Rounds = (unsigned)atoi(Words[1]);
    State = strtoull(Words[2], NULL, 10);
    for (unsigned Round = 0; Round < Rounds; Round++)
    {
        unsigned Attack = Random() % (sizeof(Attacks) / sizeof(Attacks[0]));
        pid_t Child = fork();
        if (Child == 0)
        {
            Attacks[Attack]();
            _exit(0);
        }
        int Status;
        // Killed is what a program deserves that submits into an open call.
        if (waitpid(Child, &Status, 0) != Child ||
            !(WIFSIGNALED(Status) ? WTERMSIG(Status) == SIGKILL : WEXITSTATUS(Status) == 0))
        {
            fprintf(stderr, "round %u, attack %u: ended with %d\n", Round, Attack, Status);
            return 1;
        }
    }
    execv(Words[3], Words + 3);
    perror(Words[3]);
    return 1;
}
