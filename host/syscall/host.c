// SPDX-License-Identifier: MIT
// Starts and stops the executive: the components in order, drivers, the server, the leak report.

#include <stdio.h>
#include <string.h>

#include "ex/exp.h"
#include "rtl/rtlp.h"
#include "syscall/ntp.h"

static uint32_t NtpLoaderWord;  // atomic futex word: 1 while a driver is being loaded or unloaded
static BOOLEAN NtpRemote;
static uint32_t NtpStopWord;  // atomic futex word: 1 once a stop is asked for

int
NthostStart(const NTHOST_CONFIG *Config, char *Message, size_t MessageSize)
{
    if (NtpWho(Config->As) == (SEP_WHO)-1)
    {
        snprintf(Message, MessageSize, "--as %s: want administrator or user", Config->As);
        return -1;
    }
    struct
    {
        NTSTATUS Status;
        const char *What;
    } Step = {STATUS_SUCCESS, NULL};
    __atomic_store_n(&NtpStopWord, 0, __ATOMIC_RELAXED);
#define NTP_START(Call)          \
    if (NT_SUCCESS(Step.Status)) \
    {                            \
        Step.Status = (Call);    \
        Step.What = #Call;       \
    }
    NTP_START(VfStart((VF_LEVEL)Config->VerifierLevel));
    NTP_START(MmStart());
    NTP_START(KiStart(Config->Processors));
    NTP_START(ObStartTypes());
    NTP_START(SeStart());
    NTP_START(PsStart());
    NTP_START(ExStart());
    NTP_START(ObStart());
    NTP_START(MmStartSections());
    NTP_START(IoStart());
#undef NTP_START
    if (!NT_SUCCESS(Step.Status))
    {
        snprintf(Message, MessageSize, "%s failed with 0x%08x", Step.What, (unsigned)Step.Status);
        return -1;
    }
    NtpRemote = Config->SocketPath != NULL;
    if (NtpRemote && NtpStartServer(Config, Message, MessageSize) != 0)
    {
        NtpRemote = FALSE;
        NthostStop();
        return -1;
    }
    return 0;
}

// ---- Drivers ----

// Serialises loads and unloads. Not an OS_LOCK: DriverEntry runs inside and takes processors. The
// word changes before each wake, so a waiter on the old value returns.
static void
NtpEnterLoader(void)
{
    while (__atomic_exchange_n(&NtpLoaderWord, 1, __ATOMIC_ACQUIRE) != 0)
    {
        OsWaitWord(&NtpLoaderWord, 1, OS_FOREVER, false);
    }
}

static void
NtpLeaveLoader(void)
{
    __atomic_store_n(&NtpLoaderWord, 0, __ATOMIC_RELEASE);
    OsWakeWord(&NtpLoaderWord, 1, false);
}

typedef struct NTP_FIND
{
    const char *Name;  // NULL: any
    BOOLEAN OnlyUnloadable;
    PDRIVER_OBJECT Driver;
} NTP_FIND;

static void
NtpFindDriver(void *Context, PDRIVER_OBJECT Driver, const char *Name, const char *Path)
{
    NTP_FIND *Find = Context;
    (void)Path;
    if ((Find->Name == NULL || strcmp(Find->Name, Name) == 0) &&
        (!Find->OnlyUnloadable || Driver->DriverUnload != NULL))
    {
        Find->Driver = Driver;
    }
}

int
NthostLoadDriver(const char *Path, char *Message, size_t MessageSize)
{
    PDRIVER_OBJECT Driver;
    char Why[3072] = "";
    Message[0] = 0;
    NtpEnterLoader();
    NTSTATUS Status = IopLoadDriver(Path, NULL, &Driver, Why, sizeof(Why));
    NtpLeaveLoader();
    if (NT_SUCCESS(Status))
    {
        return 0;
    }
    snprintf(Message, MessageSize, "cannot load %s: %s", Path, Why);
    return -1;
}

int
NthostUnloadDriver(const char *Name, char *Message, size_t MessageSize)
{
    NTP_FIND Find = {.Name = Name};
    NTSTATUS Status = STATUS_OBJECT_NAME_NOT_FOUND;
    Message[0] = 0;
    NtpEnterLoader();
    IopEnumerateDrivers(NtpFindDriver, &Find);
    if (Find.Driver == NULL)
    {
        snprintf(Message, MessageSize, "no driver %s is loaded (see nthost status)", Name);
    }
    else
    {
        Status = IopUnloadDriver(Find.Driver, Message, MessageSize);
        VfFinishLeakReport("driver unload");
    }
    NtpLeaveLoader();
    return NT_SUCCESS(Status) ? 0 : -1;
}

// ---- Stop ----

void
NthostRequestStop(void)
{
    // Async-signal-safe: an atomic store and a futex wake.
    __atomic_store_n(&NtpStopWord, 1, __ATOMIC_RELEASE);
    OsWakeWord(&NtpStopWord, UINT32_MAX, false);
}

void
NthostWaitForStop(void)
{
    while (__atomic_load_n(&NtpStopWord, __ATOMIC_ACQUIRE) == 0)
    {
        OsWaitWord(&NtpStopWord, 0, OS_FOREVER, false);
    }
}

void
NthostWaitForProcesses(void)
{
    NtpWaitForProcesses();
}

void
NthostStop(void)
{
    char Message[4096];
    if (NtpRemote)
    {
        NtpStopServer();
        NtpRemote = FALSE;
    }
    for (;;)
    {
        NTP_FIND Find = {.OnlyUnloadable = TRUE};
        IopEnumerateDrivers(NtpFindDriver, &Find);
        if (Find.Driver == NULL)
        {
            break;
        }
        if (!NT_SUCCESS(IopUnloadDriver(Find.Driver, Message, sizeof(Message))))
        {
            VfLeak(NULL, 0, "a driver that cannot be unloaded: %s", Message);
            break;
        }
    }
    NTP_FIND Rest = {0};
    IopEnumerateDrivers(NtpFindDriver, &Rest);
    if (Rest.Driver != NULL && VfLeakCount() == 0)
    {
        // Legal on Windows, where it stays until the machine stops; so it does here, in a process that
        // is about to end. The executive cannot be started again after this.
        static const char Text[] =
            "nthost: a driver without a DriverUnload routine stays loaded; what "
            "it leaves behind is not checked\n";
        OsWriteError(Text, sizeof(Text) - 1);
        RtlpFlushDebugOutput();
        NtpAnswerStop();
        return;
    }
    PspFlushExits();
    ExDrainWork();
    ObpReportLeaks();
    VfFinishLeakReport("stop");

    IoStop();
    ObStop();
    ExStop();
    PsStop();
    SeStop();
    ObStopTypes();
    KiStop();
    MmStop();
    RtlpFlushDebugOutput();
    NtpAnswerStop();
}
