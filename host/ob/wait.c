// SPDX-License-Identifier: MIT
// The system services that wait: for one object, for several, for time to pass.
//
// A wait may park: the service then returns STATUS_KI_PARKED and its frame is gone, so all that Finish
// needs lies in pool, and Finish, which runs once in every case, drops the references.
#include "ob/obi.h"

static NTSTATUS
ObpCaptureTimeout(const LARGE_INTEGER *From, LARGE_INTEGER *Timeout, PLARGE_INTEGER *Used)
{
    *Used = From == NULL ? NULL : Timeout;
    return From == NULL ? STATUS_SUCCESS : MmCopyFromCaller(Timeout, From, sizeof(*Timeout));
}

// The object behind a handle that may be waited for, and its dispatcher header.
static NTSTATUS
ObpReferenceWaitable(HANDLE Handle, PVOID *Object, PVOID *Dispatcher)
{
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, NULL,
                                                KiCurrentThread->PreviousMode, Object, NULL);
    LONG Offset;

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Offset = OBP_HEADER(*Object)->Type->WaitOffset;
    if (Offset < 0)
    {
        ObDereferenceObject(*Object);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    *Dispatcher = (PUCHAR)*Object + Offset;
    return STATUS_SUCCESS;
}

static NTSTATUS
ObpFinishSingle(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    UNREFERENCED_PARAMETER(Thread);
    ObDereferenceObjectDeferDelete(Context);
    return WaitStatus;
}

NTSTATUS NTAPI
NtWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, const LARGE_INTEGER *Timeout)
{
    LARGE_INTEGER Captured;
    PLARGE_INTEGER Used;
    PVOID Object, Dispatcher;
    NTSTATUS Status;

    VF_MAX_IRQL(APC_LEVEL);
    Status = ObpCaptureTimeout(Timeout, &Captured, &Used);
    if (NT_SUCCESS(Status))
    {
        Status = ObpReferenceWaitable(Handle, &Object, &Dispatcher);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    return KiWaitOrPark(1, &Dispatcher, WaitAny, Alertable, Used, NULL, ObpFinishSingle, Object);
}

typedef struct OBP_MULTIPLE_WAIT
{
    ULONG Count;
    PVOID Objects[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK Blocks[];  // Count + 1 of them if Count > THREAD_WAIT_OBJECTS
} OBP_MULTIPLE_WAIT;

static NTSTATUS
ObpFinishMultiple(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    OBP_MULTIPLE_WAIT *Wait = Context;

    UNREFERENCED_PARAMETER(Thread);
    for (ULONG i = 0; i < Wait->Count; i++)
    {
        ObDereferenceObjectDeferDelete(Wait->Objects[i]);
    }
    ObpFree(Wait);
    return WaitStatus;
}

NTSTATUS NTAPI
NtWaitForMultipleObjects(ULONG Count, const HANDLE *Handles, BOOLEAN WaitAnyOrAll,
                         BOOLEAN Alertable, const LARGE_INTEGER *Timeout)
{
    WAIT_TYPE Type = (WAIT_TYPE)WaitAnyOrAll;
    HANDLE Captured[MAXIMUM_WAIT_OBJECTS];
    PVOID Dispatchers[MAXIMUM_WAIT_OBJECTS];
    LARGE_INTEGER CapturedTimeout;
    PLARGE_INTEGER Used;
    OBP_MULTIPLE_WAIT *Wait;
    BOOLEAN Builtin = Count <= THREAD_WAIT_OBJECTS;
    NTSTATUS Status;

    VF_MAX_IRQL(APC_LEVEL);
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS)
    {
        return STATUS_INVALID_PARAMETER_1;
    }
    if (Type != WaitAny && Type != WaitAll)
    {
        return STATUS_INVALID_PARAMETER_3;
    }
    Status = ObpCaptureTimeout(Timeout, &CapturedTimeout, &Used);
    if (NT_SUCCESS(Status))
    {
        Status = MmCopyFromCaller(Captured, Handles, Count * sizeof(HANDLE));
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Wait = ObpAllocate(sizeof(*Wait) + (Builtin ? 0 : (Count + 1) * sizeof(KWAIT_BLOCK)));
    if (Wait == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Wait->Count = 0;
    while (NT_SUCCESS(Status) && Wait->Count < Count)
    {
        Status = ObpReferenceWaitable(Captured[Wait->Count], &Wait->Objects[Wait->Count],
                                      &Dispatchers[Wait->Count]);
        if (NT_SUCCESS(Status))
        {
            Wait->Count++;
        }
    }
    // One object twice can never be satisfied twice at once.
    for (ULONG i = 1; Type == WaitAll && NT_SUCCESS(Status) && i < Count; i++)
    {
        for (ULONG j = 0; j < i; j++)
        {
            if (Dispatchers[i] == Dispatchers[j])
            {
                Status = STATUS_INVALID_PARAMETER_MIX;
            }
        }
    }
    if (!NT_SUCCESS(Status))
    {
        return ObpFinishMultiple(KiCurrentThread, Status, Wait);
    }
    return KiWaitOrPark(Count, Dispatchers, Type, Alertable, Used, Builtin ? NULL : Wait->Blocks,
                        ObpFinishMultiple, Wait);
}

static NTSTATUS
ObpFinishDelay(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    UNREFERENCED_PARAMETER(Thread);
    UNREFERENCED_PARAMETER(Context);
    return WaitStatus == STATUS_TIMEOUT ? STATUS_SUCCESS : WaitStatus;
}

NTSTATUS NTAPI
NtDelayExecution(BOOLEAN Alertable, const LARGE_INTEGER *DelayInterval)
{
    LARGE_INTEGER Captured;
    NTSTATUS Status;

    VF_MAX_IRQL(APC_LEVEL);
    Status = MmCopyFromCaller(&Captured, DelayInterval, sizeof(Captured));
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    return KiWaitOrPark(0, NULL, WaitAny, Alertable, &Captured, NULL, ObpFinishDelay, NULL);
}

NTSTATUS
ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status = NtWaitForSingleObject(Handle, Alertable, Timeout);

    KiLeaveZw(Old);
    return Status;
}

NTSTATUS
ZwWaitForMultipleObjects(ULONG Count, HANDLE Handles[], WAIT_TYPE WaitType, BOOLEAN Alertable,
                         PLARGE_INTEGER Timeout)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    NTSTATUS Status =
        NtWaitForMultipleObjects(Count, Handles, (BOOLEAN)WaitType, Alertable, Timeout);

    KiLeaveZw(Old);
    return Status;
}
