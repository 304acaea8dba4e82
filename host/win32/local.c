// SPDX-License-Identifier: MIT
// The local transport: loads the executive into this process; a system call is a call.

#include <stdio.h>
#include <string.h>

#include "nthost.h"
#include "os/os.h"
#include "win32/transport.h"

static struct
{
    __typeof__(&NthostStart) Start;
    __typeof__(&NthostStop) Stop;
    __typeof__(&NthostLoadDriver) LoadDriver;
    __typeof__(&NthostAttachProcess) AttachProcess;
    __typeof__(&NthostCall) Call;
    __typeof__(&NthostBindThread) BindThread;
    __typeof__(&NthostDetachProcess) DetachProcess;
} WxHost;
static NTHOST_PROCESS *WxLocalProcess;

static void
WxLoadExecutive(void)
{
    char Path[4096], Message[4096];
    OS_MODULE *Module;
    if (OsSelfPath(Path, sizeof(Path)) != OS_OK)
    {
        WxFail("cannot find the directory of libntwin32.so\n");
    }
    char *Slash = strrchr(Path, '/');
    snprintf(Slash + 1, sizeof(Path) - (size_t)(Slash + 1 - Path), "libnthost.so");
    if (OsModuleLoad(Path, &Module, Message, sizeof(Message)) != OS_OK)
    {
        WxFail(Message);
    }
#define WX_BIND(Name)                                                              \
    if ((*(void **)&WxHost.Name = OsModuleSymbol(Module, "Nthost" #Name)) == NULL) \
    {                                                                              \
        WxFail("libnthost.so lacks Nthost" #Name "\n");                            \
    }
    WX_BIND(Start);
    WX_BIND(Stop);
    WX_BIND(LoadDriver);
    WX_BIND(AttachProcess);
    WX_BIND(Call);
    WX_BIND(BindThread);
    WX_BIND(DetachProcess);
#undef WX_BIND
}

static void
WxLoadDrivers(void)
{
    const char *List = OsEnvironment("NTHOST_DRIVERS");
    while (List != NULL && *List != 0)
    {
        const char *End = strchr(List, ':');
        size_t Length = End == NULL ? strlen(List) : (size_t)(End - List);
        char Path[4096], Message[4096];
        if (Length >= sizeof(Path))
        {
            WxFail("NTHOST_DRIVERS: a path is too long\n");
        }
        memcpy(Path, List, Length);
        Path[Length] = 0;
        if (Length != 0 && WxHost.LoadDriver(Path, Message, sizeof(Message) - 1) != 0)
        {
            strcat(Message, "\n");
            WxFail(Message);
        }
        List = End == NULL ? NULL : End + 1;
    }
}

static void
WxLocalConnect(uint32_t *ProcessId, uint32_t *ThreadId)
{
    char Message[1024], Name[64];
    const char *Verifier = OsEnvironment("NTHOST_VERIFIER");
    const char *As = OsEnvironment("NTHOST_AS");
    NTHOST_CONFIG Config = {.VerifierLevel = 1, .As = As};
    if (Verifier != NULL && strcmp(Verifier, "off") == 0)
    {
        Config.VerifierLevel = 0;
    }
    else if (Verifier != NULL && strcmp(Verifier, "full") == 0)
    {
        Config.VerifierLevel = 2;
    }
    WxLoadExecutive();
    if (WxHost.Start(&Config, Message, sizeof(Message) - 1) != 0)
    {
        strcat(Message, "\n");
        WxFail(Message);
    }
    WxLoadDrivers();
    OsProgramName(Name, sizeof(Name));
    if (WxHost.AttachProcess(Name, As, &WxLocalProcess, ProcessId, ThreadId) != 0)
    {
        WxFail("cannot attach this program to the executive\n");
    }
}

static int32_t
WxLocalCall(uint32_t Service, const uint64_t *Arguments, unsigned ArgumentCount,
            const NTH_WINDOW *Windows, unsigned WindowCount)
{
    (void)ArgumentCount;
    (void)Windows;
    (void)WindowCount;
    return WxHost.Call(Service, Arguments);
}

static int
WxLocalBind(uint64_t Cookie)
{
    return WxHost.BindThread(Cookie);
}

static void
WxLocalUnbind(void)
{
}

static int
WxLocalTake(uint32_t Kind, uint64_t Cookie)
{
    (void)Kind;
    (void)Cookie;
    return -1;
}

static void
WxLocalEnd(uint32_t Status)
{
    WxHost.DetachProcess(WxLocalProcess, (int32_t)Status);
    WxHost.Stop();
}

const WX_TRANSPORT WxLocalTransport = {
    .Connect = WxLocalConnect,
    .Call = WxLocalCall,
    .BindThread = WxLocalBind,
    .UnbindThread = WxLocalUnbind,
    .TakeDescriptor = WxLocalTake,
    .EndProcess = WxLocalEnd,
};
