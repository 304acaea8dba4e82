// SPDX-License-Identifier: MIT
// The pending rule, checked: a dispatch routine returns STATUS_PENDING exactly when it marked the IRP.
//
// Two parties know the two halves, in either order and on any threads: whoever called the dispatch
// routine learns what it returned; completion, walking up the stack, learns whether the location was
// marked. Each adds its half to IOP_IRP.Track with one atomic operation, and whoever finds the other
// half there already compares. No plain field of the IRP is read after the dispatch routine returned.
//
// Track: four bits a stack location (1 is the lowest) for the first twelve, and a generation in the top
// 16 bits that IoReuseIrp steps, so that a late return does not judge the IRP's next use. It is checked
// at every verifier level: the I/O manager's own handover (complete.c) stands on this rule.
#include "io/iop.h"

#define TRACK_LEVELS           12u
#define TRACK_WALKED           1u
#define TRACK_MARKED           2u
#define TRACK_RETURNED         4u
#define TRACK_SAID_PENDING     8u
#define TRACK_GENERATION_SHIFT 48

static inline ULONG
BitsOf(uint64_t Track, UCHAR Level)
{
    return (ULONG)(Track >> ((Level - 1u) * 4)) & 15u;
}

static void
Judge(IOP_IRP *Iop, ULONG Bits, PDRIVER_OBJECT Driver)
{
    BOOLEAN Marked = (Bits & TRACK_MARKED) != 0;
    BOOLEAN Said = (Bits & TRACK_SAID_PENDING) != 0;
    VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8},
                         {"Completed by", Iop->CompletionStack, 8}};

    if ((Bits & (TRACK_WALKED | TRACK_RETURNED)) != (TRACK_WALKED | TRACK_RETURNED) ||
        Marked == Said)
    {
        return;
    }
    if (Said)
    {
        VfBugCheckStacks(
            VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)IopToIrp(Iop), Bits,
            (ULONG_PTR)Driver, Stacks, 2,
            "a dispatch routine of %s returned STATUS_PENDING for an IRP that it had not "
            "marked with IoMarkIrpPending.",
            IopDriverName(Driver));
    }
    VfBugCheckStacks(VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)IopToIrp(Iop), Bits,
                     (ULONG_PTR)Driver, Stacks, 2,
                     "a dispatch routine of %s marked an IRP pending but did not return "
                     "STATUS_PENDING.",
                     IopDriverName(Driver));
}

ULONG
IopTrackCall(IOP_IRP *Iop)
{
    return (ULONG)(__atomic_load_n(&Iop->Track, __ATOMIC_RELAXED) >> TRACK_GENERATION_SHIFT);
}

void
IopTrackReturn(IOP_IRP *Iop, ULONG Generation, UCHAR Level, NTSTATUS Status, PDRIVER_OBJECT Driver)
{
    uint64_t Bits = TRACK_RETURNED | (Status == STATUS_PENDING ? TRACK_SAID_PENDING : 0);
    uint64_t Old = __atomic_load_n(&Iop->Track, __ATOMIC_RELAXED);
    uint64_t New;

    if (Level > TRACK_LEVELS)
    {
        return;
    }
    do
    {
        if (Old >> TRACK_GENERATION_SHIFT != Generation)
        {
            return;
        }
        New = Old | Bits << ((Level - 1u) * 4);
        // Acquire-release: pairs with the same in IopTrackWalk; the second of the two sees both halves,
        // and the stack that the other one recorded.
    } while (!__atomic_compare_exchange_n(&Iop->Track, &Old, New, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    if (Status != STATUS_PENDING && (BitsOf(New, Level) & TRACK_WALKED) == 0)
    {
        VF_STACK Stacks[] = {{"Allocated by", Iop->AllocationStack, 8}};

        VfBugCheckStacks(
            VfBug_DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0, (ULONG_PTR)IopToIrp(Iop),
            (ULONG_PTR)(ULONG)Status, (ULONG_PTR)Driver, Stacks, 1,
            "a dispatch routine of %s returned 0x%08x without having completed the IRP; "
            "only STATUS_PENDING says that it will be completed later.",
            IopDriverName(Driver), (unsigned)Status);
    }
    Judge(Iop, BitsOf(New, Level), Driver);
}

void
IopTrackWalk(IOP_IRP *Iop, UCHAR Level, BOOLEAN Marked)
{
    uint64_t Bits = TRACK_WALKED | (Marked ? TRACK_MARKED : 0);
    uint64_t Track;

    if (Level > TRACK_LEVELS)
    {
        return;
    }
    // Acquire-release: pairs with IopTrackReturn.
    Track = __atomic_or_fetch(&Iop->Track, Bits << ((Level - 1u) * 4), __ATOMIC_ACQ_REL);
    Judge(Iop, BitsOf(Track, Level), __atomic_load_n(&Iop->OwnerDriver, __ATOMIC_RELAXED));
}

void
IopTrackReuse(IOP_IRP *Iop)
{
    uint64_t Old = __atomic_load_n(&Iop->Track, __ATOMIC_RELAXED);
    uint64_t New = ((Old >> TRACK_GENERATION_SHIFT) + 1) << TRACK_GENERATION_SHIFT;

    // A return that comes between the two is for the old generation, and is forgotten with it.
    while (!__atomic_compare_exchange_n(&Iop->Track, &Old, New, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
    {
        New = ((Old >> TRACK_GENERATION_SHIFT) + 1) << TRACK_GENERATION_SHIFT;
    }
}
