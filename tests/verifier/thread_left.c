// SPDX-License-Identifier: MIT
// A system thread that still runs when the driver is unloaded.
#include "skeleton.h"

static KEVENT StopThread;

static KSTART_ROUTINE ThreadRoutine;

static VOID NTAPI
ThreadRoutine(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    (void)KeWaitForSingleObject(&StopThread, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

CULPRIT NTSTATUS
StartThread(EXTENSION *Extension)
{
    HANDLE Handle;
    KeInitializeEvent(&StopThread, NotificationEvent, FALSE);
    NTSTATUS Status =
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, ThreadRoutine, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (!VIOLATE)
    {
        Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode,
                                           &Extension->Memory, NULL);
    }
    ZwClose(Handle);
    return Status;
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    return Complete(Irp, StartThread(Device->DeviceExtension));
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    EXTENSION *Extension = Driver->DeviceObject->DeviceExtension;
    if (!VIOLATE && Extension->Memory != NULL)
    {
        KeSetEvent(&StopThread, IO_NO_INCREMENT, FALSE);
        (void)KeWaitForSingleObject(Extension->Memory, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Extension->Memory);
    }
}
