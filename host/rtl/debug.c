// SPDX-License-Identifier: MIT
// DbgPrint and assertions. What drivers print goes to standard error.
//
// A driver may print a line in pieces, several drivers at once. Pieces are kept until the line ends,
// so that lines arrive whole; a line that another thread interrupts is ended first.
// Guarded by LineLock (a host lock, taken at any IRQL; nothing is called under it but the write): all.
#include "rtl/rtlp.h"
#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#include "os/os.h"

#define MAX_PRINT 512  // what one call prints at most, as on Windows

static OS_LOCK LineLock = OS_LOCK_INIT;
static char Line[2 * MAX_PRINT];
static SIZE_T LineUsed;
static ULONG LineOwner;  // OsThreadSelfId() of who began it

static void
WriteLineLocked(void)
{
    OsWriteError(Line, LineUsed);
    LineUsed = 0;
}

static void
EndLineLocked(void)
{
    if (LineUsed > 0)
    {
        Line[LineUsed++] = '\n';  // one byte is always left for it
        WriteLineLocked();
    }
}

static void
Print(const char *Text, SIZE_T Length)
{
    ULONG Self = OsThreadSelfId();

    OsLockAcquire(&LineLock);
    if (LineOwner != Self)
    {
        EndLineLocked();
        LineOwner = Self;
    }
    for (SIZE_T Index = 0; Index < Length; Index++)
    {
        if (LineUsed == sizeof(Line) - 1)
        {
            WriteLineLocked();  // longer than any sensible line: in parts
        }
        Line[LineUsed++] = Text[Index];
        if (Text[Index] == '\n')
        {
            WriteLineLocked();
        }
    }
    OsLockRelease(&LineLock);
}

void
RtlpFlushDebugOutput(void)
{
    if (OsLockIsMine(&LineLock))
    {
        return;  // a fault while printing: the report must not wait for itself
    }
    OsLockAcquire(&LineLock);
    EndLineLocked();
    OsLockRelease(&LineLock);
}

ULONG
vDbgPrintExWithPrefix(PCCH Prefix, ULONG ComponentId, ULONG Level, PCCH Format, va_list Arguments)
{
    char Text[MAX_PRINT];
    SIZE_T Used = min(strlen(Prefix), sizeof(Text));
    int Length;

    // Windows filters by component and level, and hides most by default; here everything is shown.
    (void)ComponentId;
    (void)Level;
    memcpy(Text, Prefix, Used);
    Length = _vsnprintf(Text + Used, sizeof(Text) - Used, Format, Arguments);
    if (Length < 0)
    {
        Length = (int)(sizeof(Text) - Used);
        Text[sizeof(Text) - 1] = '\n';  // it was cut off, its newline with it
    }
    Print(Text, Used + (SIZE_T)Length);
    return STATUS_SUCCESS;
}

ULONG
vDbgPrintEx(ULONG ComponentId, ULONG Level, PCCH Format, va_list Arguments)
{
    return vDbgPrintExWithPrefix("", ComponentId, Level, Format, Arguments);
}

ULONG
DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    (void)vDbgPrintEx(ComponentId, Level, Format, Arguments);
    va_end(Arguments);
    return STATUS_SUCCESS;
}

ULONG
DbgPrint(PCSTR Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    (void)vDbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_INFO_LEVEL, Format, Arguments);
    va_end(Arguments);
    return STATUS_SUCCESS;
}

// There is never a debugger here; nothing breaks, as on a Windows whose exceptions are handled.
VOID
DbgBreakPoint(VOID)
{
}

VOID
DbgBreakPointWithStatus(ULONG Status)
{
    (void)Status;
}

// On Windows a failed assertion without a debugger ends in a bugcheck too, after the same text.
VOID
RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message)
{
    DbgPrint("\n*** Assertion failed: %s%s\n***   Source File: %s, line %lu\n\n",
             Message == NULL ? "" : Message, FailedAssertion, FileName, LineNumber);
    RtlpFlushDebugOutput();
    VfBugCheck(VfBug_KMODE_EXCEPTION_NOT_HANDLED, (ULONG)STATUS_ASSERTION_FAILURE,
               (ULONG_PTR)__builtin_return_address(0), 0, 0,
               "An assertion of the driver failed: %s (%s, line %u).",
               (const char *)FailedAssertion, (const char *)FileName, LineNumber);
}
