// SPDX-License-Identifier: MIT
// The bugcheck report: one a process, on standard error, from any context, then exit status 3.
//
// Wake rule: nobody waits for a result here. Losers of the election sleep on a word that never
// changes; OsExit takes them along. The watchdog sleeps on ReportWord, which the elected thread
// changes before it wakes it, so the futex's own comparison makes that wake impossible to lose.
#include "verifier/vfp.h"

#include "ke/ki.h"
#include "verifier/bugcodes.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 640
#define SYMBOL_SIZE 400
// The symboliser allocates. Where the failing thread held the C library's heap lock (a corrupted heap
// aborts with it held) it never returns; this is how long the report may take.
#define REPORT_LIMIT_NS (10ull * 1000 * 1000 * 1000)

static uint32_t Reporter;       // atomic: OsTid of the elected thread, 0 none
static uint32_t ReportWord;     // atomic futex word: 1 once a report has begun
static uint32_t NeverWord;      // what losers sleep on; never written
static uint32_t WatchdogBegun;  // atomic
static PVOID PendingFrames[VFP_MAX_FRAMES];  // the stack being symbolised, for the watchdog
static uint32_t PendingCount;                // atomic: release after PendingFrames is filled in

KIRQL
VfpIrql(void)
{
    return KiCurrentThread != NULL ? KiCurrentThread->Irql : PASSIVE_LEVEL;
}

void
VfpPrintArguments(const char *Format, va_list Arguments)
{
    char Line[LINE_SIZE];
    int Length = vsnprintf(Line, sizeof(Line), Format, Arguments);

    if (Length < 0)
    {
        return;
    }
    if ((size_t)Length >= sizeof(Line))
    {
        Length = (int)sizeof(Line) - 1;
    }
    OsWriteError(Line, (size_t)Length);
}

void
VfpPrint(const char *Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    VfpPrintArguments(Format, Arguments);
    va_end(Arguments);
}

void
VfpClaimReport(void)
{
    uint32_t Self = OsThreadSelfId();
    uint32_t None = 0;

    // Relaxed: the winner publishes nothing through this word.
    if (__atomic_compare_exchange_n(&Reporter, &None, Self, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
    {
        // Release: pairs with the acquire in Watchdog.
        __atomic_store_n(&ReportWord, 1, __ATOMIC_RELEASE);
        OsWakeWord(&ReportWord, UINT32_MAX, false);
        return;
    }
    if (None == Self)
    {
        static const char Nested[] = "\n*** The report itself failed; what is above is all.\n\n";

        OsWriteError(Nested, sizeof(Nested) - 1);
        OsExit(VFP_STATUS_BUGCHECK);
    }
    for (;;)
    {
        (void)OsWaitWord(&NeverWord, 0, OS_FOREVER, false);
    }
}

// Ends a report that is stuck. It prints addresses only: names are what it was stuck on.
static void
Watchdog(void *Context)
{
    uint64_t Deadline;
    uint32_t Count;

    (void)Context;
    while (__atomic_load_n(&ReportWord, __ATOMIC_ACQUIRE) == 0)
    {
        (void)OsWaitWord(&ReportWord, 0, OS_FOREVER, false);
    }
    Deadline = OsMonotonicNs() + REPORT_LIMIT_NS;
    while (OsMonotonicNs() < Deadline)
    {
        (void)OsWaitWord(&NeverWord, 0, Deadline, false);
    }
    // Acquire: pairs with the release in VfpPrintStack.
    Count = __atomic_load_n(&PendingCount, __ATOMIC_ACQUIRE);
    if (Count != 0)
    {
        VfpPrint("\n*** The names of this stack could not be found in time. Its addresses:\n");
    }
    for (uint32_t Index = 0; Index < Count; Index++)
    {
        VfpPrint("    0x%llx\n", (unsigned long long)(ULONG_PTR)PendingFrames[Index]);
    }
    OsExit(VFP_STATUS_BUGCHECK);
}

// One thread a process, for its whole life: it must already exist when the heap is broken.
void
VfpStartWatchdog(void)
{
    OS_THREAD *Thread;

    if (__atomic_exchange_n(&WatchdogBegun, 1, __ATOMIC_RELAXED) != 0)
    {
        return;
    }
    if (OsThreadStart(Watchdog, NULL, "nt-watchdog", &Thread) == OS_OK)
    {
        OsThreadDetach(Thread);
        return;
    }
    __atomic_store_n(&WatchdogBegun, 0, __ATOMIC_RELAXED);  // the next start tries again
}

// The module of a symbolised frame ("... [name.sys]") if that is a driver. Reading it from the text
// needs no lock, where asking the I/O manager would.
static bool
DriverOfSymbol(const char *Symbol, char Driver[VFP_DRIVER_NAME])
{
    const char *Open = strrchr(Symbol, '[');
    const char *End = Open != NULL ? strstr(Open, ".sys") : NULL;
    size_t Length;

    if (End == NULL)
    {
        return false;
    }
    Length = (size_t)(End - Open) - 1 + strlen(".sys");
    if (Length >= VFP_DRIVER_NAME)
    {
        Length = VFP_DRIVER_NAME - 1;
    }
    memcpy(Driver, Open + 1, Length);
    Driver[Length] = '\0';
    return true;
}

void
VfpPrintStack(PVOID *Frames, ULONG Count, char Driver[VFP_DRIVER_NAME])
{
    char Symbol[SYMBOL_SIZE];

    Driver[0] = '\0';
    __atomic_store_n(&PendingCount, 0, __ATOMIC_RELAXED);
    for (ULONG Index = 0; Index < Count && Index < VFP_MAX_FRAMES; Index++)
    {
        PendingFrames[Index] = Frames[Index];
        // Release: pairs with the acquire in Watchdog.
        __atomic_store_n(&PendingCount, Index + 1, __ATOMIC_RELEASE);
    }
    for (ULONG Index = 0; Index < Count && Frames[Index] != NULL; Index++)
    {
        OsStackSymbol(Frames[Index], Symbol, sizeof(Symbol));
        VfpPrint("    %s\n", Symbol);
        if (Driver[0] == '\0')
        {
            (void)DriverOfSymbol(Symbol, Driver);
        }
    }
    if (Count == 0 || Frames[0] == NULL)
    {
        VfpPrint("    (not recorded)\n");
    }
}

void
VfpPrintHeader(ULONG Code, const ULONG_PTR Parameters[4], const char *Meaning, va_list Arguments)
{
    const char *Name = VfBugCodeName(Code);
    PKTHREAD Thread = KiCurrentThread;

    VfpPrint("\n*** BUGCHECK 0x%08X %s (%llx, %llx, %llx, %llx)\n", (unsigned)Code,
             Name != NULL ? Name : "UNKNOWN_BUGCHECK", (unsigned long long)Parameters[0],
             (unsigned long long)Parameters[1], (unsigned long long)Parameters[2],
             (unsigned long long)Parameters[3]);
    VfpPrintArguments(Meaning, Arguments);
    if (Thread == NULL)
    {
        VfpPrint("\nIn a thread of the host itself.\n");
    }
    else if (Thread->Prcb != NULL)
    {
        VfpPrint("\nIRQL %u, processor %u, thread %p.\n", (unsigned)Thread->Irql,
                 (unsigned)Thread->Prcb->Number, (void *)Thread);
    }
    else
    {
        VfpPrint("\nIRQL %u, thread %p.\n", (unsigned)Thread->Irql, (void *)Thread);
    }
}

_Noreturn void
VfpFinishReport(void)
{
    VfpPrint("\n");
    __atomic_store_n(&PendingCount, 0, __ATOMIC_RELAXED);
    // What a local application printed before. Its other streams may be locked by a thread that reads.
    (void)fflush(stdout);
    OsExit(VFP_STATUS_BUGCHECK);
}

_Noreturn void
VfpReport(ULONG Code, const ULONG_PTR Parameters[4], const VF_STACK *Stacks, ULONG StackCount,
          const char *Meaning, va_list Arguments)
{
    char Driver[VFP_DRIVER_NAME];
    char Named[VFP_DRIVER_NAME] = "";

    VfpPrintHeader(Code, Parameters, Meaning, Arguments);
    for (ULONG Index = 0; Index < StackCount; Index++)
    {
        VfpPrint("%s:\n", Stacks[Index].Title);
        VfpPrintStack(Stacks[Index].Frames, Stacks[Index].Count, Driver);
        if (Named[0] == '\0')
        {
            memcpy(Named, Driver, sizeof(Named));
        }
    }
    if (Named[0] != '\0')
    {
        VfpPrint("Driver: %s\n", Named);
    }
    VfpFinishReport();
}

_Noreturn void
VfBugCheckStacks(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                 const VF_STACK *Stacks, ULONG StackCount, const char *Meaning, ...)
{
    const ULONG_PTR Parameters[4] = {P1, P2, P3, P4};
    PVOID Frames[VFP_MAX_FRAMES];
    VF_STACK All[8];
    ULONG Count = 0;
    va_list Arguments;

    VfpClaimReport();
    All[Count].Title = "Stack";
    All[Count].Frames = Frames;
    All[Count++].Count = OsStackCapture(Frames, VFP_MAX_FRAMES, 0);
    while (StackCount > 0 && Count < sizeof(All) / sizeof(All[0]))
    {
        All[Count++] = *Stacks++;
        StackCount--;
    }
    va_start(Arguments, Meaning);
    VfpReport(Code, Parameters, All, Count, Meaning, Arguments);
}

_Noreturn void
VfBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const char *Meaning,
           ...)
{
    const ULONG_PTR Parameters[4] = {P1, P2, P3, P4};
    PVOID Frames[VFP_MAX_FRAMES];
    VF_STACK Stack = {"Stack", Frames, 0};
    va_list Arguments;

    VfpClaimReport();
    Stack.Count = OsStackCapture(Frames, VFP_MAX_FRAMES, 0);
    va_start(Arguments, Meaning);
    VfpReport(Code, Parameters, &Stack, 1, Meaning, Arguments);
}
