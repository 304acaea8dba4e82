// SPDX-License-Identifier: MIT
// The verifier's level, its start, and the checks that other components ask for by one call.
#include "verifier/vfp.h"

#include "ke/ki.h"
#include "verifier/bugcodes.h"

VF_LEVEL VfLevel = VfStandard;
VF_FAULT_PLAN *VfFaultPlan;

void
VfSetFaultPlan(VF_FAULT_PLAN *Plan)
{
    __atomic_store_n(&VfFaultPlan, Plan, __ATOMIC_RELAXED);
}

NTSTATUS
VfStart(VF_LEVEL Level)
{
    if (Level < VfOff || Level > VfFull)
    {
        return STATUS_INVALID_PARAMETER;
    }
    VfLevel = Level;
    VfSetFaultPlan(NULL);
    VfpForgetLeaks();
    VfpStartPrinter();
    VfInstallFaultHandler();
    return STATUS_SUCCESS;
}

void
VfCheckMaxIrql(KIRQL Max, const char *Function)
{
    KIRQL Irql = VfpIrql();

    if (Irql > Max)
    {
        VfBugCheck(VfBug_IRQL_NOT_LESS_OR_EQUAL, 0, Irql, 0, (ULONG_PTR)__builtin_return_address(0),
                   "%s was called at IRQL %u; it may be called at IRQL %u or lower.", Function,
                   (unsigned)Irql, (unsigned)Max);
    }
}

_Noreturn void
VfFatalHostLock(void)
{
    VfBugCheck(
        VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, OsHeldLocks, 0, 0,
        "The host took a processor while it held %u of its own locks (a defect of nthost, not "
        "of a driver).",
        (unsigned)OsHeldLocks);
}
