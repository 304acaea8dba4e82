// SPDX-License-Identifier: MIT
// What NtReadFile, NtWriteFile and NtDeviceIoControlFile have in common before the driver is called.
//
// Order, as NT: file handle and access, status block, event, then the caller's buffers; then the lock of
// a synchronous file; then the events are cleared; then the IRP. Everything that is held moves into the
// IRP (IopCallIrp), whose end releases it; before that IopEndCall does.
#include "io/iop.h"

NTSTATUS
IopBeginCall(IOP_CALL *Call, HANDLE File, ACCESS_MASK Access, HANDLE Event,
             PIO_APC_ROUTINE ApcRoutine, PIO_STATUS_BLOCK Iosb)
{
    OBJECT_HANDLE_INFORMATION Information;
    NTSTATUS Status;

    Call->Mode = KiCurrentThread->PreviousMode;
    Call->Event = NULL;
    Call->Locked = FALSE;
    if (ApcRoutine != NULL)
    {
        return STATUS_NOT_SUPPORTED;  // user APCs do not exist yet
    }
    Status = ObReferenceObjectByHandle(File, Access, IopFileType, Call->Mode, (PVOID *)&Call->File,
                                       &Information);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Call->Granted = Information.GrantedAccess;
    Call->Device = IoGetRelatedDeviceObject(Call->File);
    if (Call->Mode != KernelMode)
    {
        Status = MmProbeCaller(Iosb, sizeof(*Iosb), TRUE);
    }
    if (NT_SUCCESS(Status) && Event != NULL)
    {
        Status = ObReferenceObjectByHandle(Event, EVENT_MODIFY_STATE, ObpEventType, Call->Mode,
                                           (PVOID *)&Call->Event, NULL);
    }
    if (!NT_SUCCESS(Status))
    {
        IopEndCall(Call);
    }
    return Status;
}

void
IopEndCall(IOP_CALL *Call)
{
    if (Call->Locked)
    {
        IopUnlockFile(Call->File);
    }
    if (Call->Event != NULL)
    {
        ObDereferenceObject(Call->Event);
    }
    ObDereferenceObject(Call->File);
}

NTSTATUS
IopArmCall(IOP_CALL *Call)
{
    if ((Call->File->Flags & FO_SYNCHRONOUS_IO) != 0)
    {
        NTSTATUS Status = IopLockFile(Call->File, Call->Mode);

        if (Status != STATUS_SUCCESS)
        {
            return Status;
        }
        Call->Locked = TRUE;
    }
    if (Call->Event != NULL)
    {
        KeClearEvent(Call->Event);
    }
    // A synchronous file's is cleared when the request turns out to wait (IopIssue). One that is clear
    // needs no lock: a request that sets it now would also have set it after a clear.
    if (!Call->Locked && KeReadStateEvent(&Call->File->Event) != 0)
    {
        KeClearEvent(&Call->File->Event);
    }
    return STATUS_SUCCESS;
}

IOP_IRP *
IopCallIrp(IOP_CALL *Call, PVOID ApcContext, PIO_STATUS_BLOCK Iosb)
{
    PIRP Irp = IopAllocateIrp(Call->Device->StackSize, IopKindService);
    IOP_IRP *Iop;

    if (Irp == NULL)
    {
        return NULL;
    }
    Iop = IopOfIrp(Irp);
    Iop->Mode = Call->Mode;
    Iop->Synchronous = Call->Locked;
    Iop->File = Call->File;
    Iop->UserEvent = Call->Event;
    Iop->ApcContext = ApcContext;
    Irp->RequestorMode = Call->Mode;
    Irp->UserIosb = Iosb;
    Irp->UserEvent = Call->Event;
    Irp->Overlay.AsynchronousParameters.UserApcContext = ApcContext;
    Irp->Tail.Overlay.Thread = PspCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = Call->File;
    IoGetNextIrpStackLocation(Irp)->FileObject = Call->File;
    return Iop;
}

NTSTATUS
IopSystemBuffer(IOP_IRP *Iop, SIZE_T Size, const VOID *Input, SIZE_T Length)
{
    PIRP Irp = IopToIrp(Iop);

    if (!IopAllocateSystemBuffer(Iop, Size))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    return Length != 0 ? MmCopyFromCaller(Iop->SystemBuffer, Input, Length) : STATUS_SUCCESS;
}

NTSTATUS
IopDirectBuffer(IOP_IRP *Iop, PVOID Buffer, ULONG Length, LOCK_OPERATION Operation)
{
    PMDL Mdl = IoAllocateMdl(Buffer, Length, FALSE, FALSE, IopToIrp(Iop));

    if (Mdl == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return MiProbeAndLockPages(Mdl, Iop->Mode, Operation);
}
