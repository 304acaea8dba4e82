// SPDX-License-Identifier: MIT
// The verifier: bugcheck reports, leak collection, fault points, kill points.
#ifndef HOST_VERIFIER_VF_H
#define HOST_VERIFIER_VF_H

#include <ntifs.h>

#include "os/os.h"

typedef enum VF_LEVEL
{
    VfOff,       // no tracking beyond what correctness needs
    VfStandard,  // default
    VfFull,
} VF_LEVEL;
extern VF_LEVEL VfLevel;

// Prints a Windows-style report (name, code, four parameters, Meaning as one sentence, stack) to
// standard error and ends the process with status 3. Any IRQL, any lock held; the first caller wins.
_Noreturn void VfBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                          const char *Meaning, ...) __attribute__((format(printf, 6, 7)));
// Same, with a stack that was captured elsewhere (allocation site) printed under its own title.
typedef struct VF_STACK
{
    const char *Title;
    PVOID *Frames;
    ULONG Count;
} VF_STACK;
_Noreturn void VfBugCheckStacks(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                                const VF_STACK *Stacks, ULONG StackCount, const char *Meaning, ...)
    __attribute__((format(printf, 8, 9)));

// Leaks are collected while a driver is unloaded or the host stops, then reported in one bugcheck
// (DRIVER_VERIFIER_DETECTED_VIOLATION, 0xC4; pool: subcode 0x62). Each entry: what, name, stack.
void VfLeak(PVOID *Frames, ULONG Count, const char *What, ...)
    __attribute__((format(printf, 3, 4)));
ULONG VfLeakCount(void);
// Prints all collected leaks and ends with status 3 if there is any; otherwise returns.
void VfFinishLeakReport(const char *Where);

// Requires: current IRQL <= Max, else IRQL_NOT_LESS_OR_EQUAL (0xA) naming Function.
#define VF_MAX_IRQL(Max) VfCheckMaxIrql((Max), __func__)
void VfCheckMaxIrql(KIRQL Max, const char *Function);

// Fault injection's one question, at every fallible call. FALSE unless a plan says so. Only
// --fault of a later issue sets a plan; the seam is here from the start.
typedef BOOLEAN VF_FAULT_PLAN(const char *Function);
extern VF_FAULT_PLAN *VfFaultPlan;  // atomic
// NULL: no faults. Threads may be in fallible calls meanwhile: each asks the old plan or the new one.
void VfSetFaultPlan(VF_FAULT_PLAN *Plan);
static inline BOOLEAN
VfFault(const char *Function)
{
    // Relaxed: a plan is code and its own state, which it guards itself.
    VF_FAULT_PLAN *Plan = __atomic_load_n(&VfFaultPlan, __ATOMIC_RELAXED);

    return Plan != NULL && Plan(Function);
}

// The fault handler of the host: driver and host faults become bugchecks.
void VfInstallFaultHandler(void);
NTSTATUS VfStart(VF_LEVEL Level);

#endif
