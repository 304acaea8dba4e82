// SPDX-License-Identifier: MIT
// Faults: guarded regions unwind, faults of drivers and of the host become bugchecks, faults of a
// local application's own code take their default course.
#include "verifier/vfp.h"

#include "ke/ki.h"
#include "mm/mi.h"
#include "verifier/bugcodes.h"

// Did the executive run (or a driver, which only the executive calls)? A local application's thread is
// the host's business inside a system call only. A host thread that is no NT thread may be one of ours
// or one that a local application made: the executive's own frames on the stack tell.
static bool
IsHostBusiness(PVOID *Frames, ULONG Count)
{
    PKTHREAD Thread = KiCurrentThread;

    if (Thread != NULL)
    {
        return Thread->IsSystemThread || Thread->InSystemCall || Thread->Irql >= DISPATCH_LEVEL;
    }
    for (ULONG Index = 0; Index < Count; Index++)
    {
        if (OsSelfContains(Frames[Index]))
        {
            return true;
        }
    }
    return false;
}

_Noreturn static void Report(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                             const VF_STACK *Stacks, ULONG StackCount, const char *Meaning, ...)
    __attribute__((format(printf, 8, 9)));

_Noreturn static void
Report(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4, const VF_STACK *Stacks,
       ULONG StackCount, const char *Meaning, ...)
{
    const ULONG_PTR Parameters[4] = {P1, P2, P3, P4};
    va_list Arguments;

    VfpClaimReport();
    va_start(Arguments, Meaning);
    VfpReport(Code, Parameters, Stacks, StackCount, Meaning, Arguments);
}

// An access to memory that was pool, or lies just behind a block of pool.
static void
ReportPoolFault(const OS_FAULT *Fault, PVOID *Frames, ULONG Count)
{
    MI_POOL_DESCRIPTION Block;
    VF_STACK Stacks[3];

    if (!MiDescribePoolAddress(Fault->Address, &Block))
    {
        return;
    }
    Stacks[0] = (VF_STACK){"Stack", Frames, Count};
    Stacks[1] = (VF_STACK){"Allocated", Block.Stack, MI_POOL_STACK};
    Stacks[2] = (VF_STACK){"Freed", Block.FreeStack, MI_POOL_FREE_STACK};
    if (Block.Freed)
    {
        Report(
            VfBug_PAGE_FAULT_IN_FREED_SPECIAL_POOL, (ULONG_PTR)Fault->Address, Fault->Write,
            (ULONG_PTR)Fault->Instruction, (ULONG_PTR)Block.Address, Stacks, 3,
            "Memory was %s after it had been freed: offset %lld of a block of %llu bytes with tag "
            "'%.4s'.",
            Fault->Write ? "written" : "read",
            (long long)((char *)Fault->Address - (char *)Block.Address),
            (unsigned long long)Block.Size, (const char *)&Block.Tag);
    }
    Report(VfBug_PAGE_FAULT_BEYOND_END_OF_ALLOCATION, (ULONG_PTR)Fault->Address, Fault->Write,
           (ULONG_PTR)Fault->Instruction, (ULONG_PTR)Block.Address, Stacks, 2,
           "Memory was %s outside its block: offset %lld of a block of %llu bytes with tag '%.4s'.",
           Fault->Write ? "written" : "read",
           (long long)((char *)Fault->Address - (char *)Block.Address),
           (unsigned long long)Block.Size, (const char *)&Block.Tag);
}

static NTSTATUS
StatusOfKind(int Kind, const char **Text)
{
    switch (Kind)
    {
    case OS_FAULT_DIVIDE:
        *Text = "divided by zero";
        return STATUS_INTEGER_DIVIDE_BY_ZERO;
    case OS_FAULT_ILLEGAL:
        *Text = "executed an illegal instruction";
        return STATUS_ILLEGAL_INSTRUCTION;
    default:
        *Text = "was aborted by the C library";
        return STATUS_FATAL_APP_EXIT;
    }
}

static bool
OnFault(const OS_FAULT *Fault)
{
    PVOID Frames[VFP_MAX_FRAMES];
    VF_STACK Stack = {"Stack", Frames, 0};
    KIRQL Irql = VfpIrql();
    const char *Text;
    NTSTATUS Status;

    MiHandleFault(Fault);
    Stack.Count =
        OsStackCaptureFrom(Fault->Instruction, Fault->FramePointer, Frames, VFP_MAX_FRAMES);
    if (!IsHostBusiness(Frames, Stack.Count))
    {
        return true;
    }
    if (Fault->Kind == OS_FAULT_ACCESS || Fault->Kind == OS_FAULT_BUS)
    {
        ReportPoolFault(Fault, Frames, Stack.Count);
        if (Irql >= DISPATCH_LEVEL)
        {
            Report(VfBug_DRIVER_IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Fault->Address, Irql,
                   Fault->Write, (ULONG_PTR)Fault->Instruction, &Stack, 1,
                   "An invalid address (0x%llx) was %s at IRQL %u.",
                   (unsigned long long)(ULONG_PTR)Fault->Address, Fault->Write ? "written" : "read",
                   (unsigned)Irql);
        }
        Report(VfBug_PAGE_FAULT_IN_NONPAGED_AREA, (ULONG_PTR)Fault->Address, Fault->Write,
               (ULONG_PTR)Fault->Instruction, 0, &Stack, 1,
               "An invalid address (0x%llx) was %s at IRQL %u.",
               (unsigned long long)(ULONG_PTR)Fault->Address, Fault->Write ? "written" : "read",
               (unsigned)Irql);
    }
    Status = StatusOfKind(Fault->Kind, &Text);
    Report(VfBug_SYSTEM_SERVICE_EXCEPTION, (ULONG)Status, (ULONG_PTR)Fault->Instruction,
           (ULONG_PTR)Fault->FramePointer, 0, &Stack, 1, "Kernel code %s.", Text);
}

void
VfInstallFaultHandler(void)
{
    OsFaultInstall(OnFault);
}
