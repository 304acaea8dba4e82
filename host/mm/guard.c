// SPDX-License-Identifier: MIT
// Guarded regions: code whose faults are a status, not a bugcheck.
//
// A guard is a jump buffer on the stack of the thread that runs the region, linked through its
// KTHREAD's ExceptionFrame. setjmp here does not save the signal mask (that is a system call, and a
// local system call makes several guarded copies); the one who jumps out of the fault handler undoes
// what its entry changed (OsFaultLeave).
#include "mm/guard.h"

#include <string.h>

static OS_THREAD_LOCAL void *HostThreadFrame;  // of host threads that are not NT threads

static void **
FrameOfThisThread(void)
{
    return KiCurrentThread != NULL ? &KiCurrentThread->ExceptionFrame : &HostThreadFrame;
}

void
MipEnterGuard(MIP_GUARD *Guard, const VOID *Address, SIZE_T Size)
{
    void **Frame = FrameOfThisThread();

    Guard->Low = (ULONG_PTR)Address;
    Guard->Size = Size;
    Guard->Outer = *Frame;
    *Frame = Guard;
    // The fault handler of this same thread reads what was just written.
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void
MipLeaveGuard(MIP_GUARD *Guard)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *FrameOfThisThread() = Guard->Outer;
}

void
MiHandleFault(const OS_FAULT *Fault)
{
    MIP_GUARD *Guard = *FrameOfThisThread();
    ULONG_PTR Address = (ULONG_PTR)Fault->Address;

    if (Guard == NULL || (Fault->Kind != OS_FAULT_ACCESS && Fault->Kind != OS_FAULT_BUS))
    {
        return;
    }
#if !defined(MIP_ASAN)
    // A fault elsewhere is the host's own. An address of 0 is a non-canonical one (or NULL): it is the
    // guarded memory's only if that holds such an address. (The address sanitizer faults in its own
    // shadow before the access itself does.)
    if (Guard->Size != 0 && Address - Guard->Low >= Guard->Size &&
        !(Address == 0 && (Guard->Low + Guard->Size - 1) >> 47 != 0))
    {
        return;
    }
#else
    (void)Address;
#endif
    *FrameOfThisThread() = Guard->Outer;
    OsFaultLeave();
    longjmp(Guard->Environment, 1);
}

NTSTATUS
MiGuarded(void (*Routine)(void *Context), void *Context)
{
    MIP_GUARD Guard;

    if (setjmp(Guard.Environment) != 0)
    {
        return STATUS_ACCESS_VIOLATION;
    }
    MipEnterGuard(&Guard, NULL, 0);
    Routine(Context);
    MipLeaveGuard(&Guard);
    return STATUS_SUCCESS;
}

NTSTATUS
MipGuardedCopy(PVOID To, const VOID *From, SIZE_T Size, BOOLEAN ToIsGuarded)
{
    MIP_GUARD Guard;

    if (setjmp(Guard.Environment) != 0)
    {
        return STATUS_ACCESS_VIOLATION;
    }
    MipEnterGuard(&Guard, ToIsGuarded ? To : From, Size);
    memcpy(To, From, Size);
    MipLeaveGuard(&Guard);
    return STATUS_SUCCESS;
}

// Touches one byte. Invisible to the sanitizers: the caller's threads may write there meanwhile, which
// is their affair, and an instruction that writes nothing new is no race.
static inline void
Touch(const char *Address, BOOLEAN Write)
{
    char Byte;

    if (Write)
    {
        __asm__ volatile("lock orb $0, %0" : "+m"(*(volatile char *)(ULONG_PTR)Address) : : "cc");
    }
    else
    {
        __asm__ volatile("movb %1, %0" : "=q"(Byte) : "m"(*(const volatile char *)Address));
    }
}

NTSTATUS
MipGuardedProbe(const VOID *Address, SIZE_T Size, BOOLEAN Write)
{
    MIP_GUARD Guard;
    const char *First = Address;

    if (setjmp(Guard.Environment) != 0)
    {
        return STATUS_ACCESS_VIOLATION;
    }
    MipEnterGuard(&Guard, Address, Size);
    Touch(First, Write);
    for (SIZE_T Offset = PAGE_SIZE - BYTE_OFFSET(First); Offset < Size; Offset += PAGE_SIZE)
    {
        Touch(First + Offset, Write);
    }
    MipLeaveGuard(&Guard);
    return STATUS_SUCCESS;
}
