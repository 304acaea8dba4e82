// SPDX-License-Identifier: MIT
// Small questions about an IRP or the calling thread.
#include "io/iop.h"

PEPROCESS
IoGetRequestorProcess(PIRP Irp)
{
    PETHREAD Thread = Irp->Tail.Overlay.Thread;

    return Thread != NULL ? Thread->Process : NULL;
}

ULONG
IoGetRequestorProcessId(PIRP Irp)
{
    PEPROCESS Process = IoGetRequestorProcess(Irp);

    return Process != NULL ? (ULONG)(ULONG_PTR)Process->UniqueProcessId : 0;
}

NTSTATUS
IoGetRequestorSessionId(PIRP Irp, PULONG pSessionId)
{
    PEPROCESS Process = IoGetRequestorProcess(Irp);

    if (Process == NULL)
    {
        *pSessionId = (ULONG)-1;
        return STATUS_UNSUCCESSFUL;
    }
    *pSessionId = Process->Token->SessionId;
    return STATUS_SUCCESS;
}

BOOLEAN
IoIs32bitProcess(PIRP Irp)
{
    (void)Irp;
    return FALSE;  // applications of this host are 64-bit
}

VOID
IoGetStackLimits(PULONG_PTR LowLimit, PULONG_PTR HighLimit)
{
    *LowLimit = (ULONG_PTR)KiCurrentThread->StackLow;
    *HighLimit = (ULONG_PTR)KiCurrentThread->StackHigh;
}

ULONG_PTR
IoGetRemainingStackSize(VOID)
{
    return (ULONG_PTR)__builtin_frame_address(0) - (ULONG_PTR)KiCurrentThread->StackLow;
}
