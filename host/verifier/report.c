// SPDX-License-Identifier: MIT
// The bugcheck report: one a process, on standard error, from any context, then exit status 3.
//
// The failing thread prints the header itself. The stacks are left to a thread that was made for this
// (the printer): names and lines of a stack take the heap, and the failing thread may be in a signal
// handler, or hold the C library's heap lock (a corrupted heap aborts with it held). The failing thread
// then waits, and ends the process with bare addresses if the names do not come in time.
//
// Wake rule: nobody waits for a result here but that thread, and it waits with a deadline. Losers of
// the election sleep on a word that never changes; OsExit takes them along. The printer sleeps on
// JobWord, which is changed before it is woken, so the futex's own comparison makes that wake
// impossible to lose.
#include "verifier/vfp.h"

#include "ke/ki.h"
#include "verifier/bugcodes.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE       640
#define SYMBOL_SIZE     400
#define REPORT_LIMIT_NS (10ull * 1000 * 1000 * 1000)

static uint32_t Reporter;    // atomic: OsTid of the elected thread, 0 none
static uint32_t NeverWord;   // a futex word that is never written
static uint32_t PrinterTid;  // atomic: its OsTid, 0 until it runs
static uint32_t PrinterPid;  // atomic: the process that it is a thread of (not a forked child's)
static uint32_t JobWord;     // atomic futex word: 1 once the job below is set
static const VF_STACK *JobStacks;  // on the elected thread's stack, which stays; guarded by JobWord
static ULONG JobCount;

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
        return;
    }
    if (None == Self || Self == __atomic_load_n(&PrinterTid, __ATOMIC_RELAXED))
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

_Noreturn void
VfpFinishReport(void)
{
    VfpPrint("\n");
    // What a local application printed before. Its other streams may be locked by a thread that reads.
    (void)fflush(stdout);
    OsExit(VFP_STATUS_BUGCHECK);
}

static void
PrintStack(const VF_STACK *Stack, char Driver[VFP_DRIVER_NAME])
{
    char Symbol[SYMBOL_SIZE];

    VfpPrint("%s:\n", Stack->Title);
    if (Stack->Count == 0 || Stack->Frames[0] == NULL)
    {
        VfpPrint("    (not recorded)\n");
        return;
    }
    for (ULONG Index = 0; Index < Stack->Count && Stack->Frames[Index] != NULL; Index++)
    {
        OsStackSymbol(Stack->Frames[Index], Symbol, sizeof(Symbol));
        VfpPrint("    %s\n", Symbol);
        if (Driver[0] == '\0')
        {
            (void)DriverOfSymbol(Symbol, Driver);
        }
    }
}

_Noreturn static void
PrintStacks(const VF_STACK *Stacks, ULONG Count)
{
    char Driver[VFP_DRIVER_NAME] = "";

    for (ULONG Index = 0; Index < Count; Index++)
    {
        PrintStack(&Stacks[Index], Driver);
    }
    if (Driver[0] != '\0')
    {
        VfpPrint("Driver: %s\n", Driver);
    }
    VfpFinishReport();
}

static void
Printer(void *Context)
{
    (void)Context;
    __atomic_store_n(&PrinterTid, OsThreadSelfId(), __ATOMIC_RELAXED);
    // Acquire: pairs with the release in VfpReport.
    while (__atomic_load_n(&JobWord, __ATOMIC_ACQUIRE) == 0)
    {
        (void)OsWaitWord(&JobWord, 0, OS_FOREVER, false);
    }
    PrintStacks(JobStacks, JobCount);
}

// One thread a process, for its whole life: it must exist before the heap is broken.
void
VfpStartPrinter(void)
{
    OS_THREAD *Thread;

    if (__atomic_load_n(&PrinterPid, __ATOMIC_RELAXED) == OsProcessId())
    {
        return;
    }
    __atomic_store_n(&PrinterPid, OsProcessId(), __ATOMIC_RELAXED);
    if (OsThreadStart(Printer, NULL, "nt-report", &Thread) == OS_OK)
    {
        OsThreadDetach(Thread);
        return;
    }
    __atomic_store_n(&PrinterPid, 0, __ATOMIC_RELAXED);  // reports then do without it
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
VfpReport(ULONG Code, const ULONG_PTR Parameters[4], const VF_STACK *Stacks, ULONG StackCount,
          const char *Meaning, va_list Arguments)
{
    uint64_t Deadline = OsMonotonicNs() + REPORT_LIMIT_NS;

    VfpPrintHeader(Code, Parameters, Meaning, Arguments);
    if (__atomic_load_n(&PrinterPid, __ATOMIC_RELAXED) != OsProcessId())
    {
        PrintStacks(Stacks, StackCount);
    }
    JobStacks = Stacks;
    JobCount = StackCount;
    // Release: pairs with the acquire in Printer.
    __atomic_store_n(&JobWord, 1, __ATOMIC_RELEASE);
    OsWakeWord(&JobWord, 1, false);
    while (OsMonotonicNs() < Deadline)
    {
        (void)OsWaitWord(&NeverWord, 0, Deadline, false);
    }
    VfpPrint("\n*** Names could not be found in time. The addresses:\n");
    for (ULONG Index = 0; Index < StackCount; Index++)
    {
        VfpPrint("%s:\n", Stacks[Index].Title);
        for (ULONG Frame = 0; Frame < Stacks[Index].Count && Stacks[Index].Frames[Frame] != NULL;
             Frame++)
        {
            VfpPrint("    0x%llx\n", (unsigned long long)(ULONG_PTR)Stacks[Index].Frames[Frame]);
        }
    }
    OsExit(VFP_STATUS_BUGCHECK);
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
