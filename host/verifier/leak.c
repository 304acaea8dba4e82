// SPDX-License-Identifier: MIT
// Leaks: collected while drivers are unloaded and the host stops, reported together in one bugcheck.
//
// Lock: LeakLock guards everything here; it is the innermost of all (a caller may hold any other).
#include "verifier/vfp.h"

#include "verifier/bugcodes.h"

#include <stdio.h>
#include <string.h>

#define LEAK_KINDS  64u
#define LEAK_FRAMES 12u
#define WHAT_SIZE   200
#define FRAME_SIZE  200

// Leaks of one kind: same text, same stack. The stack is kept as text: the module that its addresses
// lie in may be gone when the report is printed.
typedef struct LEAK
{
    char What[WHAT_SIZE];
    PVOID Frames[LEAK_FRAMES];
    char Text[LEAK_FRAMES][FRAME_SIZE];
    ULONG FrameCount;
    ULONG Times;
} LEAK;

static OS_LOCK LeakLock = OS_LOCK_INIT;
static LEAK Leaks[LEAK_KINDS];
static ULONG LeakKinds;  // entries of Leaks in use
static ULONG LeakTotal;  // leaks, those without an entry included

static LEAK *
FindKindLocked(const char *What, PVOID *Frames, ULONG Count)
{
    for (ULONG Index = 0; Index < LeakKinds; Index++)
    {
        LEAK *Leak = &Leaks[Index];

        if (Leak->FrameCount == Count && strcmp(Leak->What, What) == 0 &&
            (Count == 0 || memcmp(Leak->Frames, Frames, Count * sizeof(PVOID)) == 0))
        {
            return Leak;
        }
    }
    return NULL;
}

void
VfLeak(PVOID *Frames, ULONG Count, const char *What, ...)
{
    char Text[WHAT_SIZE];
    va_list Arguments;
    LEAK *Leak;

    va_start(Arguments, What);
    (void)vsnprintf(Text, sizeof(Text), What, Arguments);
    va_end(Arguments);
    if (Frames == NULL)
    {
        Count = 0;
    }
    Count = Count < LEAK_FRAMES ? Count : LEAK_FRAMES;
    for (ULONG Index = 0; Index < Count; Index++)
    {
        if (Frames[Index] == NULL)
        {
            Count = Index;
        }
    }

    OsLockAcquire(&LeakLock);
    LeakTotal++;
    Leak = FindKindLocked(Text, Frames, Count);
    if (Leak == NULL && LeakKinds < LEAK_KINDS)
    {
        Leak = &Leaks[LeakKinds++];
        memset(Leak, 0, sizeof(*Leak));
        memcpy(Leak->What, Text, sizeof(Leak->What));
        Leak->FrameCount = Count;
        for (ULONG Index = 0; Index < Count; Index++)
        {
            Leak->Frames[Index] = Frames[Index];
            OsStackSymbol(Frames[Index], Leak->Text[Index], FRAME_SIZE);
        }
    }
    if (Leak != NULL)
    {
        Leak->Times++;
    }
    OsLockRelease(&LeakLock);
}

ULONG
VfLeakCount(void)
{
    ULONG Count;

    OsLockAcquire(&LeakLock);
    Count = LeakTotal;
    OsLockRelease(&LeakLock);
    return Count;
}

void
VfpForgetLeaks(void)
{
    OsLockAcquire(&LeakLock);
    LeakKinds = 0;
    LeakTotal = 0;
    OsLockRelease(&LeakLock);
}

static void
PrintHeader(const ULONG_PTR Parameters[4], const char *Meaning, ...)
{
    va_list Arguments;

    va_start(Arguments, Meaning);
    VfpPrintHeader(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, Parameters, Meaning, Arguments);
    va_end(Arguments);
}

void
VfFinishLeakReport(const char *Where)
{
    ULONG_PTR Parameters[4] = {0x62, 0, 0, 0};
    ULONG Listed = 0;

    if (VfLeakCount() == 0)
    {
        return;
    }
    VfpClaimReport();
    // Not released again: nobody may add to what is being printed, and the process ends here.
    OsLockAcquire(&LeakLock);
    Parameters[3] = LeakTotal;
    PrintHeader(Parameters, "%u left behind at %s; each is listed with the stack of who made it.",
                (unsigned)LeakTotal, Where);
    for (ULONG Index = 0; Index < LeakKinds; Index++)
    {
        const LEAK *Leak = &Leaks[Index];

        Listed += Leak->Times;
        VfpPrint("Left behind: %s", Leak->What);
        VfpPrint(Leak->Times == 1 ? "\n" : " (%u times)\n", (unsigned)Leak->Times);
        for (ULONG Frame = 0; Frame < Leak->FrameCount; Frame++)
        {
            VfpPrint("    %s\n", Leak->Text[Frame]);
        }
    }
    if (Listed < LeakTotal)
    {
        VfpPrint("And %u more.\n", (unsigned)(LeakTotal - Listed));
    }
    VfpFinishReport();
}
