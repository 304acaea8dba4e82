// SPDX-License-Identifier: MIT
// Chooses the transport on first use, ends the process in order, passes calls on.

#include "win32/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

static uint32_t WxState;  // atomic futex word: 0 not connected, 1 connecting, 2 connected
static const WX_TRANSPORT *WxTransport;
static uint32_t WxEnding;  // atomic: ExitProcess has begun
static uint32_t WxProcess;
__thread uint32_t WxThread __attribute__((tls_model("initial-exec")));

_Noreturn void
WxFail(const char *Text)
{
    OsWriteError(Text, strlen(Text));
    OsExit(WX_EXIT_NO_HOST);
}

static void
WxAtExit(int Status)
{
    if (__atomic_load_n(&WxState, __ATOMIC_ACQUIRE) == 2)
    {
        fflush(NULL);
        WxExitProcess((uint32_t)Status);
    }
}

static void
WxConnect(void)
{
    uint32_t Expected = 0;
    if (!__atomic_compare_exchange_n(&WxState, &Expected, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE))
    {
        // Another thread connects; the word changes before its wake, so no wakeup is lost.
        while (__atomic_load_n(&WxState, __ATOMIC_ACQUIRE) == 1)
        {
            OsWaitWord(&WxState, 1, OS_FOREVER, false);
        }
        return;
    }
    const char *Local = OsEnvironment("NTHOST_LOCAL");
    WxTransport = Local != NULL && strcmp(Local, "1") == 0 ? &WxLocalTransport : &WxRemoteTransport;
    WxTransport->Connect(&WxProcess, &WxThread);
    OsAtExit(WxAtExit);
    __atomic_store_n(&WxState, 2, __ATOMIC_RELEASE);
    OsWakeWord(&WxState, UINT32_MAX, false);
}

static void
WxRequireConnection(void)
{
    // Acquire: pairs with the release at the end of WxConnect; publishes WxTransport.
    if (__atomic_load_n(&WxState, __ATOMIC_ACQUIRE) != 2)
    {
        WxConnect();
    }
}

int32_t
WxCall(uint32_t Service, const uint64_t *Arguments, unsigned ArgumentCount,
       const NTH_WINDOW *Windows, unsigned WindowCount)
{
    WxRequireConnection();
    // As on Windows: no thread outlives its process's exit, and none gets in after it has begun.
    if (__builtin_expect(__atomic_load_n(&WxEnding, __ATOMIC_ACQUIRE), 0) &&
        Service != Nts_NthExitProcess)
    {
        WxSleepForever();
    }
    int32_t Status = WxTransport->Call(Service, Arguments, ArgumentCount, Windows, WindowCount);
    if (__builtin_expect(__atomic_load_n(&WxEnding, __ATOMIC_RELAXED), 0) &&
        Service != Nts_NthExitProcess)
    {
        WxSleepForever();
    }
    return Status;
}

_Noreturn void
WxSleepForever(void)
{
    uint32_t Never = 0;
    for (;;)
    {
        OsWaitWord(&Never, 0, OS_FOREVER, false);
    }
}

int
WxBindThread(uint64_t Cookie)
{
    WxThread = (uint32_t)Cookie;
    return WxTransport->BindThread(Cookie);
}

void
WxUnbindThread(void)
{
    WxTransport->UnbindThread();
}

int
WxTakeDescriptor(uint32_t Kind, uint64_t Cookie)
{
    return WxTransport->TakeDescriptor(Kind, Cookie);
}

int
WxIsLocal(void)
{
    WxRequireConnection();
    return WxTransport == &WxLocalTransport;
}

uint32_t
WxProcessId(void)
{
    WxRequireConnection();
    return WxProcess;
}

uint32_t
WxThreadId(void)
{
    WxRequireConnection();
    return WxThread;
}

int
WxIsEnding(void)
{
    return __atomic_load_n(&WxEnding, __ATOMIC_RELAXED) != 0;
}

_Noreturn void
WxExitProcess(uint32_t Status)
{
    WxRequireConnection();
    if (__atomic_exchange_n(&WxEnding, 1, __ATOMIC_ACQ_REL) != 0)
    {
        WxSleepForever();  // another thread ends the process
    }
    WxTransport->EndProcess(Status);
    OsExit((int)Status);
}
