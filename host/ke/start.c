// SPDX-License-Identifier: MIT
// Start and stop of ke, and its own host threads: one for timers, one idle thread per processor.
//
// They run drivers' DPCs, so each is an NT thread: an ETHREAD behind an object header that lives in the
// array below and is never deleted. ps does not exist yet when they start; until PsStart has completed
// them no driver is loaded, and nothing asks for their process.
#include "ke/kiwheel.h"

#include "ps/psp.h"
#include "verifier/vf.h"

typedef struct KI_HOST_THREAD
{
    OBJECT_HEADER Header;
    ETHREAD Thread;
    OS_THREAD *Host;
    PKPRCB Prcb;  // NULL: the timer thread
} KI_HOST_THREAD;

static KI_HOST_THREAD KiHostThreads[KI_MAX_PROCESSORS + 1];
static ULONG KiHostThreadCount;

static void
KipHostThread(void *Context)
{
    KI_HOST_THREAD *Self = Context;

    KiBindThread(&Self->Thread.Tcb);
    if (Self->Prcb != NULL)
    {
        KiIdleLoop(Self->Prcb);
    }
    else
    {
        KiTimerLoop();
    }
    KiUnbindThread();
}

static NTSTATUS
KipStartHostThread(PKPRCB Prcb)
{
    KI_HOST_THREAD *Thread = &KiHostThreads[KiHostThreadCount];
    char Name[16] = "ke timer";

    memset(Thread, 0, sizeof(*Thread));
    // One reference that nobody drops: the object is not in any list and never deleted.
    Thread->Header.PointerCount = 1;
    Thread->Header.BodySize = sizeof(ETHREAD);
    Thread->Prcb = Prcb;
    KiInitializeThread(&Thread->Thread.Tcb);
    Thread->Thread.Tcb.IsSystemThread = TRUE;
    InitializeListHead(&Thread->Thread.IrpList);
    if (Prcb != NULL)
    {
        Thread->Thread.Tcb.LastPrcb = Prcb;
        memcpy(Name, "ke idle ??", 11);
        Name[8] = (char)('0' + Prcb->Number / 10);
        Name[9] = (char)('0' + Prcb->Number % 10);
    }
    if (OsThreadStart(KipHostThread, Thread, Name, &Thread->Host) != OS_OK)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KiHostThreadCount++;
    return STATUS_SUCCESS;
}

void
KiEnumerateHostThreads(KI_HOST_THREAD_ROUTINE *Routine, void *Context)
{
    for (ULONG i = 0; i < KiHostThreadCount; i++)
    {
        Routine(Context, &KiHostThreads[i].Thread.Tcb);
    }
}

static void
KipStopHostThreads(void)
{
    for (ULONG i = 0; i < KiHostThreadCount; i++)
    {
        if (KiHostThreads[i].Prcb != NULL)
        {
            KiStopIdle(KiHostThreads[i].Prcb);
        }
        else
        {
            KiStopTimers();
        }
        OsThreadJoin(KiHostThreads[i].Host);
    }
    KiHostThreadCount = 0;
}

NTSTATUS
KiStart(ULONG Processors)
{
    NTSTATUS Status;

    if (Processors == 0)
    {
        Processors = OsProcessorCount();
        Processors = Processors < 2 ? 2 : Processors;
        Processors = Processors > KI_MAX_PROCESSORS ? KI_MAX_PROCESSORS : Processors;
    }
    if (Processors > KI_MAX_PROCESSORS)
    {
        return STATUS_INVALID_PARAMETER;
    }
    memset(KiProcessor, 0, sizeof(KiProcessor));
    KiProcessorCount = Processors;
    for (ULONG i = 0; i < Processors; i++)
    {
        KiProcessor[i].Number = i;
    }
    KiResetTimers();
    KiHostThreadCount = 0;
    Status = KipStartHostThread(NULL);
    for (ULONG i = 0; NT_SUCCESS(Status) && i < Processors; i++)
    {
        Status = KipStartHostThread(&KiProcessor[i]);
    }
    if (!NT_SUCCESS(Status))
    {
        KipStopHostThreads();
    }
    return Status;
}

void
KiStop(void)
{
    PKTIMER Timer;
    PKDPC Dpc;

    // The timer thread is the first of them: afterwards nothing expires any more.
    KipStopHostThreads();
    KiLockDispatcher();
    while ((Timer = KiWheelFind(NULL, (void *)UINTPTR_MAX)) != NULL)
    {
        PVOID Frames[1] = {Timer->Dpc != NULL ? (PVOID)Timer->Dpc->DeferredRoutine : NULL};

        (void)KiRemoveTimer(Timer);
        VfLeak(Frames, Timer->Dpc != NULL ? 1 : 0, "timer %p is still set", (void *)Timer);
    }
    OsLockRelease(&KiDispatcherLock);
    while ((Dpc = KiFindDpcIn(NULL, (void *)UINTPTR_MAX)) != NULL)
    {
        PVOID Frames[1] = {(PVOID)Dpc->DeferredRoutine};

        (void)KeRemoveQueueDpc(Dpc);
        VfLeak(Frames, 1, "DPC %p is still queued", (void *)Dpc);
    }
}
