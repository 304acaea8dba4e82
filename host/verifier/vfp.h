// SPDX-License-Identifier: MIT
// What the files of host/verifier share among themselves: the one report of a process.
//
// Report rule: VfpClaimReport elects one thread for the life of the process; every later claimant
// sleeps for good (the elected one ends the process), except the elected thread itself, whose second
// failure ends the process at once. Nothing here allocates from the pool or takes a lock of the
// executive: the failing thread may hold any of them.
#ifndef HOST_VERIFIER_VFP_H
#define HOST_VERIFIER_VFP_H

#include "verifier/vf.h"

#define VFP_STATUS_BUGCHECK 3  // the process's exit status after any report
#define VFP_MAX_FRAMES      32

void VfpStartPrinter(void);  // idempotent
void VfpForgetLeaks(void);
void VfpClaimReport(void);  // returns only in the thread that reports
void VfpPrint(const char *Format, ...) __attribute__((format(printf, 1, 2)));
void VfpPrintArguments(const char *Format, va_list Arguments);
#define VFP_DRIVER_NAME 64
// "*** BUGCHECK ..." up to and including the meaning, and where the calling thread stood.
void VfpPrintHeader(ULONG Code, const ULONG_PTR Parameters[4], const char *Meaning,
                    va_list Arguments);
_Noreturn void VfpFinishReport(void);

// The whole of a report whose calling stack was already captured.
_Noreturn void VfpReport(ULONG Code, const ULONG_PTR Parameters[4], const VF_STACK *Stacks,
                         ULONG StackCount, const char *Meaning, va_list Arguments);

// The IRQL of the calling host thread; PASSIVE_LEVEL in one that is not an NT thread.
KIRQL VfpIrql(void);

#endif
