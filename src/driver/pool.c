// SPDX-License-Identifier: MIT
// Memory and rundown: the two small services that the rest of the driver library stands on.

#include "channel.h"

// NonPagedPoolNx by value: headers for old systems lack the name, and old systems the pool.
#define POOL_NX ((POOL_TYPE)512)

// Windows 8 brought the pool type and this routine together; there is no way to ask for the pool
// itself. Asked each time: allocation happens at subscribe, not at notify, and a driver library has
// no global state.
static POOL_TYPE
ChoosePool(VOID)
{
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, L"KeQuerySystemTimePrecise");
    return MmGetSystemRoutineAddress(&name) != NULL ? POOL_NX : NonPagedPool;
}

_IRQL_requires_max_(PASSIVE_LEVEL)
PVOID
UpcallAllocate(SIZE_T Bytes)
{
    PVOID memory = ExAllocatePoolWithTag(ChoosePool(), Bytes, UPCALL_POOL_TAG);
    if (memory != NULL)
    {
        RtlZeroMemory(memory, Bytes);
    }
    return memory;
}

VOID
UpcallFree(PVOID Memory)
{
    if (Memory != NULL)
    {
        ExFreePoolWithTag(Memory, UPCALL_POOL_TAG);
    }
}

_IRQL_requires_max_(PASSIVE_LEVEL)
VOID
UpcallFlushDpcs(VOID)
{
    typedef VOID NTAPI FLUSH(VOID);
    UNICODE_STRING name;
    union
    {
        PVOID Address;
        FLUSH *Routine;
    } found;
    RtlInitUnicodeString(&name, L"KeFlushQueuedDpcs");
    found.Address = MmGetSystemRoutineAddress(&name);
    // Every Windows has it. A system without it (Wine 8) runs no queued DPC at all.
    if (found.Address != NULL)
    {
        found.Routine();
    }
}

VOID
UpcallRundownInitialize(UPCALL_RUNDOWN *Rundown)
{
    Rundown->Users = 1;
    KeInitializeEvent(&Rundown->Idle, NotificationEvent, FALSE);
}

VOID
UpcallRundownAcquire(UPCALL_RUNDOWN *Rundown)
{
    InterlockedIncrement(&Rundown->Users);
}

VOID
UpcallRundownRelease(UPCALL_RUNDOWN *Rundown)
{
    // Interlocked operations are full fences: what the user did is visible to the waiter. The
    // waiter may free the rundown as soon as it is woken; KeSetEvent is done with the event by
    // then.
    if (InterlockedDecrement(&Rundown->Users) == 0)
    {
        KeSetEvent(&Rundown->Idle, IO_NO_INCREMENT, FALSE);
    }
}

_IRQL_requires_max_(PASSIVE_LEVEL)
VOID
UpcallRundownWait(UPCALL_RUNDOWN *Rundown)
{
    // Gives up the owner's own use. The count reaches 0 once, here or in the last release, and
    // whoever brings it there sets the event that stays set: the wakeup cannot be lost.
    UpcallRundownRelease(Rundown);
    KeWaitForSingleObject(&Rundown->Idle, Executive, KernelMode, FALSE, NULL);
}
