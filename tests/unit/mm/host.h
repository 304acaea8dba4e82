// SPDX-License-Identifier: MIT
// A whole executive in a test's child process, and an application in it.
#ifndef TESTS_UNIT_MM_HOST_H
#define TESTS_UNIT_MM_HOST_H

#include "../child.h"

#include "nthost.h"
#include "ob/obp.h"

#include "mm/mi.h"
#include "verifier/vf.h"

static inline void
StartHost(void)
{
    static const NTHOST_CONFIG Config = {.Processors = 2, .VerifierLevel = VfStandard};
    char Message[256];

    if (NthostStart(&Config, Message, sizeof(Message)) != 0)
    {
        (void)dprintf(2, "NthostStart: %s\n", Message);
        _exit(1);
    }
}

// The calling thread becomes an application's, inside a system call for good: it may call the services
// with its own pointers.
static inline NTHOST_PROCESS *
BecomeApplication(void)
{
    NTHOST_PROCESS *Process = NULL;

    CHECK(NthostAttachProcess("test", "user", &Process, NULL, NULL) == 0);
    CHECK(KiCurrentThread->PreviousMode == UserMode);
    KiCurrentThread->InSystemCall = TRUE;
    return Process;
}

// From here on the application's memory is reached as a remote one's is: through a descriptor. (It is
// this process's own memory, so that the test sees both sides.)
static inline void
BecomeRemote(void)
{
    int MemoryFd;

    CHECK(OsOpenOwnMemory(&MemoryFd) == OS_OK);
    PspCurrentProcess()->MemoryFd = MemoryFd;
}

static inline void
BecomeLocal(void)
{
    OsClose(PspCurrentProcess()->MemoryFd);
    PspCurrentProcess()->MemoryFd = -1;
}

#endif
