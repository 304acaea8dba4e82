// SPDX-License-Identifier: MIT
// The local way in: processes that live in the host's own address space, calls that are calls.

#include <stdio.h>

#include "syscall/ntp.h"

struct NTHOST_PROCESS
{
    PEPROCESS Process;  // referenced
    PETHREAD Thread;    // its first thread, referenced
    PKTHREAD Before;    // what the host thread was when it attached
};

static void
NtpEnterUser(PETHREAD Thread)
{
    KiBindThread(&Thread->Tcb);
    Thread->Tcb.PreviousMode = UserMode;
    Thread->Tcb.MayPark = FALSE;
}

int
NthostAttachProcess(const char *ImageName, const char *As, NTHOST_PROCESS **Process,
                    uint32_t *ProcessId, uint32_t *ThreadId)
{
    SEP_WHO Who = NtpWho(As);
    if (Who == (SEP_WHO)-1)
    {
        return -1;
    }
    NTHOST_PROCESS *New = MiAllocatePool(NonPagedPool, sizeof(*New), MI_TAG_HOST, TRUE);
    if (New == NULL)
    {
        return -1;
    }
    New->Before = KiCurrentThread;
    if (!NT_SUCCESS(PspCreateProcess(ImageName, Who, &New->Process)))
    {
        MiFreePool(New, MI_TAG_HOST, FALSE);
        return -1;
    }
    if (!NT_SUCCESS(PspCreateThread(New->Process, &New->Thread)))
    {
        PspTerminateProcess(New->Process, STATUS_UNSUCCESSFUL);
        PspWaitForProcess(New->Process);
        ObDereferenceObject(New->Process);
        MiFreePool(New, MI_TAG_HOST, FALSE);
        return -1;
    }
    if (KiCurrentThread != NULL)
    {
        KiUnbindThread();
    }
    NtpEnterUser(New->Thread);
    if (ProcessId != NULL)
    {
        *ProcessId = (uint32_t)(ULONG_PTR)New->Process->UniqueProcessId;
    }
    if (ThreadId != NULL)
    {
        *ThreadId = (uint32_t)(ULONG_PTR)New->Thread->UniqueThread;
    }
    *Process = New;
    return 0;
}

int32_t
NthostCall(uint32_t Service, const uint64_t *Arguments)
{
    PETHREAD Thread = PspCurrentThread();
    if (Thread == NULL || !PspEnterCall(Thread))
    {
        KiUnbindThread();
        return STATUS_THREAD_IS_TERMINATING;
    }
    // NthExitThread gives up the list's reference, and the thread is still to leave its call.
    BOOLEAN Exiting = Service == Nts_NthExitThread;
    if (Exiting)
    {
        ObReferenceObject(Thread);
        PspBeginExit();
    }
    Thread->Tcb.InSystemCall = TRUE;
    NTSTATUS Status = NtpDispatch(Service, Arguments);
    Thread->Tcb.InSystemCall = FALSE;
    if (!PspLeaveCall(Thread) || Exiting)
    {
        KiUnbindThread();
    }
    if (Exiting)
    {
        ObDereferenceObjectDeferDelete(Thread);
        PspEndExit();
    }
    return Status;
}

int
NthostBindThread(uint64_t Cookie)
{
    PETHREAD Thread;
    if (!NT_SUCCESS(PsLookupThreadByThreadId((HANDLE)(ULONG_PTR)Cookie, &Thread)))
    {
        return -1;
    }
    NtpEnterUser(Thread);
    // The list's reference (until NthExitThread or the rundown) keeps it from here on.
    ObDereferenceObject(Thread);
    return 0;
}

void
NthostSwitchProcess(NTHOST_PROCESS *Process)
{
    KiUnbindThread();
    NtpEnterUser(Process->Thread);
}

void
NthostDetachProcess(NTHOST_PROCESS *Process, int32_t ExitStatus)
{
    if (KiCurrentThread == &Process->Thread->Tcb)
    {
        KiUnbindThread();
        if (Process->Before != NULL)
        {
            KiBindThread(Process->Before);
        }
    }
    PspTerminateProcess(Process->Process, ExitStatus);
    PspWaitForProcess(Process->Process);
    ObDereferenceObject(Process->Thread);
    ObDereferenceObject(Process->Process);
    MiFreePool(Process, MI_TAG_HOST, FALSE);
}
