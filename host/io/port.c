// SPDX-License-Identifier: MIT
// Completion ports: packets in order, handed to removers one by one.
//
// A port's lock guards its packets and its removers; never are there both. A packet that meets removers
// is given to the one that came last (its cache is warm, as NT does), under the lock, and that remover's
// own event is set afterwards: so a packet wakes exactly one thread and a woken thread has its packet.
// A remover is referenced by its call and, while it is in the list or being woken, by the port's side:
// a timeout may end the call between the hand-over and the event. Whoever ends the call looks under the
// lock whether a packet was handed over; if so that counts, not the timeout.
//
// Packets of IRPs are part of the IRP's memory (IOP_IRP.Packet): completion cannot fail for want of a
// packet. A port's concurrency value is accepted and not enforced: every packet wakes a waiting thread.
#include "io/iop.h"

#include <string.h>

#define MAX_TAKE 64u  // packets that one remove call returns at most

struct IOP_PORT
{
    OS_LOCK Lock;
    BOOLEAN Closed;       // no handle is left: removers end
    LIST_ENTRY Packets;   // IOP_PACKET.Link, oldest first
    LIST_ENTRY Removers;  // REMOVER.Link, last come first
};

// Where a remove call's results go: one packet in three places, or an array.
typedef struct TARGET
{
    PULONG_PTR Key, ApcContext;
    PIO_STATUS_BLOCK Iosb;
    FILE_IO_COMPLETION_INFORMATION *Array;  // NULL: the three above
    PULONG Removed;
    ULONG Count;  // room in Array, at most MAX_TAKE
} TARGET;

typedef struct REMOVER
{
    LIST_ENTRY Link;  // guarded by the port's lock, as are Listed, Packet and Abandoned
    BOOLEAN Listed;
    BOOLEAN Abandoned;
    IOP_PACKET *Packet;   // handed over
    uint32_t References;  // atomic
    IOP_PORT *Port;       // referenced
    TARGET Target;
    KEVENT Event;
} REMOVER;

static void
FreePacket(IOP_PACKET *Packet)
{
    if (Packet->OfIrp)
    {
        IopDereferenceIrp(CONTAINING_RECORD(Packet, IOP_IRP, Packet));
    }
    else
    {
        MiFreePool(Packet, MI_TAG_HOST, FALSE);
    }
}

static void
DereferenceRemover(REMOVER *Remover)
{
    if (__atomic_sub_fetch(&Remover->References, 1, __ATOMIC_ACQ_REL) == 0)
    {
        MiFreePool(Remover, MI_TAG_HOST, FALSE);
    }
}

// The remover that gets the next packet, off the list, with the list's reference; or NULL.
static REMOVER *
TakeRemoverLocked(IOP_PORT *Port)
{
    REMOVER *Remover;

    if (IsListEmpty(&Port->Removers))
    {
        return NULL;
    }
    Remover = CONTAINING_RECORD(RemoveHeadList(&Port->Removers), REMOVER, Link);
    Remover->Listed = FALSE;
    return Remover;
}

static void
Wake(REMOVER *Remover)
{
    KeSetEvent(&Remover->Event, IO_NO_INCREMENT, FALSE);
    DereferenceRemover(Remover);
}

static void
Insert(IOP_PORT *Port, IOP_PACKET *Packet, BOOLEAN First)
{
    REMOVER *Remover;

    OsLockAcquire(&Port->Lock);
    Remover = TakeRemoverLocked(Port);
    if (Remover != NULL)
    {
        Remover->Packet = Packet;
    }
    else if (First)
    {
        InsertHeadList(&Port->Packets, &Packet->Link);
    }
    else
    {
        InsertTailList(&Port->Packets, &Packet->Link);
    }
    OsLockRelease(&Port->Lock);
    if (Remover != NULL)
    {
        Wake(Remover);
    }
}

void
IopQueuePacket(IOP_PORT *Port, IOP_PACKET *Packet)
{
    Insert(Port, Packet, FALSE);
}

// Appends up to Room packets to Taken. Port locked.
static ULONG
TakeLocked(IOP_PORT *Port, IOP_PACKET **Taken, ULONG Room)
{
    ULONG Count = 0;

    while (Count < Room && !IsListEmpty(&Port->Packets))
    {
        Taken[Count++] = CONTAINING_RECORD(RemoveHeadList(&Port->Packets), IOP_PACKET, Link);
    }
    return Count;
}

// ---- Results ----

static NTSTATUS
Put(PETHREAD Thread, PVOID To, const VOID *From, SIZE_T Size)
{
    if (Thread->Tcb.PreviousMode == KernelMode)
    {
        memcpy(To, From, Size);
        return STATUS_SUCCESS;
    }
    return MmWriteCallerOfThread(Thread, To, From, Size);
}

static NTSTATUS
PutArray(PETHREAD Thread, const TARGET *Target, IOP_PACKET **Taken, ULONG Count)
{
    FILE_IO_COMPLETION_INFORMATION Entries[MAX_TAKE];
    NTSTATUS Status = STATUS_SUCCESS;

    memset(Entries, 0, Count * sizeof(Entries[0]));
    for (ULONG Index = 0; Index < Count; Index++)
    {
        Entries[Index].CompletionKey = Taken[Index]->Key;
        Entries[Index].CompletionValue = Taken[Index]->ApcContext;
        Entries[Index].IoStatusBlock.Status = Taken[Index]->Status;
        Entries[Index].IoStatusBlock.Information = Taken[Index]->Information;
    }
    if (Count != 0)
    {
        Status = Put(Thread, Target->Array, Entries, Count * sizeof(Entries[0]));
    }
    return NT_SUCCESS(Status) ? Put(Thread, Target->Removed, &Count, sizeof(Count)) : Status;
}

static NTSTATUS
PutOne(PETHREAD Thread, const TARGET *Target, IOP_PACKET *Packet)
{
    IO_STATUS_BLOCK Iosb;
    NTSTATUS Status = Put(Thread, Target->Key, &Packet->Key, sizeof(Packet->Key));

    memset(&Iosb, 0, sizeof(Iosb));
    Iosb.Status = Packet->Status;
    Iosb.Information = Packet->Information;
    if (NT_SUCCESS(Status))
    {
        Status = Put(Thread, Target->ApcContext, &Packet->ApcContext, sizeof(Packet->ApcContext));
    }
    return NT_SUCCESS(Status) ? Put(Thread, Target->Iosb, &Iosb, sizeof(Iosb)) : Status;
}

// Writes the packets to the caller and frees them. As NT, one whose place cannot be written is lost.
static NTSTATUS
Deliver(PETHREAD Thread, const TARGET *Target, IOP_PACKET **Taken, ULONG Count)
{
    NTSTATUS Status = Target->Array != NULL ? PutArray(Thread, Target, Taken, Count)
                                            : PutOne(Thread, Target, Taken[0]);

    for (ULONG Index = 0; Index < Count; Index++)
    {
        FreePacket(Taken[Index]);
    }
    return Status;
}

// ---- Removing ----

// KI_WAIT_FINISH of a remove call.
static NTSTATUS
FinishRemove(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context)
{
    REMOVER *Remover = Context;
    IOP_PORT *Port = Remover->Port;
    IOP_PACKET *Taken[MAX_TAKE];
    BOOLEAN Dying = WaitStatus == STATUS_THREAD_IS_TERMINATING;
    BOOLEAN Listed;
    ULONG Count = 0;
    NTSTATUS Status = WaitStatus;

    OsLockAcquire(&Port->Lock);
    Listed = Remover->Listed;
    if (Listed)
    {
        RemoveEntryList(&Remover->Link);
        Remover->Listed = FALSE;
    }
    if (Remover->Packet != NULL)
    {
        Taken[Count++] = Remover->Packet;
        if (!Dying)
        {
            Count += TakeLocked(Port, Taken + 1, Remover->Target.Count - 1);
        }
    }
    OsLockRelease(&Port->Lock);
    if (Listed)
    {
        DereferenceRemover(Remover);  // the list's
    }

    if (Dying && Count != 0)
    {
        Insert(Port, Taken[0], TRUE);  // not lost with the thread: the next one gets it
    }
    else if (Count != 0)
    {
        Status = Deliver((PETHREAD)Thread, &Remover->Target, Taken, Count);
    }
    else if (Remover->Abandoned)
    {
        Status = STATUS_ABANDONED_WAIT_0;
    }
    else if (Remover->Target.Array != NULL && !Dying)
    {
        (void)PutArray((PETHREAD)Thread, &Remover->Target, NULL, 0);
    }
    ObDereferenceObjectDeferDelete(Port);
    DereferenceRemover(Remover);
    return Status;
}

static NTSTATUS
Remove(HANDLE Handle, const TARGET *Target, PLARGE_INTEGER Timeout, BOOLEAN Alertable)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    IOP_PACKET *Taken[MAX_TAKE];
    LARGE_INTEGER Until;
    REMOVER *Remover;
    IOP_PORT *Port;
    ULONG Count;
    NTSTATUS Status;

    if (Timeout != NULL)
    {
        Status = MmCopyFromCaller(&Until, Timeout, sizeof(Until));
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
    }
    Status = ObReferenceObjectByHandle(Handle, IO_COMPLETION_MODIFY_STATE, IopCompletionType, Mode,
                                       (PVOID *)&Port, NULL);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OsLockAcquire(&Port->Lock);
    Count = TakeLocked(Port, Taken, Target->Count);
    OsLockRelease(&Port->Lock);
    if (Count != 0)
    {
        Status = Deliver(PspCurrentThread(), Target, Taken, Count);
        ObDereferenceObject(Port);
        return Status;
    }

    Remover = MiAllocatePool(NonPagedPoolNx, sizeof(*Remover), MI_TAG_HOST, TRUE);
    if (Remover == NULL)
    {
        ObDereferenceObject(Port);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Remover->Port = Port;
    Remover->Target = *Target;
    Remover->References = 1;
    KeInitializeEvent(&Remover->Event, NotificationEvent, FALSE);
    OsLockAcquire(&Port->Lock);
    // A packet, or the last close, may have come since.
    if (TakeLocked(Port, &Remover->Packet, 1) != 0 || Port->Closed)
    {
        Remover->Abandoned = Remover->Packet == NULL;
        Remover->Event.Header.SignalState = 1;  // nobody else knows the event yet
    }
    else
    {
        Remover->References = 2;
        Remover->Listed = TRUE;
        InsertHeadList(&Port->Removers, &Remover->Link);
    }
    OsLockRelease(&Port->Lock);
    return KiWaitOrPark(1, (PVOID[]){&Remover->Event}, WaitAny, Alertable,
                        Timeout != NULL ? &Until : NULL, NULL, FinishRemove, Remover);
}

// ---- Services ----

NTSTATUS
NtCreateIoCompletion(PHANDLE IoCompletionHandle, ACCESS_MASK DesiredAccess,
                     POBJECT_ATTRIBUTES ObjectAttributes, ULONG Count)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    OBP_CAPTURED Captured;
    HANDLE Handle;
    IOP_PORT *Port;
    NTSTATUS Status = MmProbeCaller(IoCompletionHandle, sizeof(*IoCompletionHandle), TRUE);

    (void)Count;
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObpCaptureAttributes(ObjectAttributes, Mode, &Captured);
    if (NT_SUCCESS(Status))
    {
        Status = ObpCreateObject(IopCompletionType, sizeof(*Port), (PVOID *)&Port);
    }
    if (NT_SUCCESS(Status))
    {
        Port->Lock = (OS_LOCK)OS_LOCK_INIT;
        InitializeListHead(&Port->Packets);
        InitializeListHead(&Port->Removers);
        Status = ObpInsertObject(Port, &Captured.Attributes, DesiredAccess, Mode, &Handle, NULL);
    }
    ObpFreeCapturedAttributes(&Captured);
    return NT_SUCCESS(Status) ? ObpReturnHandle(IoCompletionHandle, Handle, Mode) : Status;
}

NTSTATUS
NtSetIoCompletion(HANDLE IoCompletionHandle, ULONG_PTR KeyContext, ULONG_PTR ApcContext,
                  NTSTATUS IoStatus, SIZE_T IoStatusInformation)
{
    IOP_PACKET *Packet;
    IOP_PORT *Port;
    NTSTATUS Status =
        ObReferenceObjectByHandle(IoCompletionHandle, IO_COMPLETION_MODIFY_STATE, IopCompletionType,
                                  KiCurrentThread->PreviousMode, (PVOID *)&Port, NULL);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Packet = VfFault(__func__) ? NULL
                               : MiAllocatePool(NonPagedPoolNx, sizeof(*Packet), MI_TAG_HOST, TRUE);
    if (Packet == NULL)
    {
        Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    else
    {
        Packet->Key = KeyContext;
        Packet->ApcContext = ApcContext;
        Packet->Status = IoStatus;
        Packet->Information = IoStatusInformation;
        IopQueuePacket(Port, Packet);
    }
    ObDereferenceObject(Port);
    return Status;
}

NTSTATUS
NtRemoveIoCompletion(HANDLE IoCompletionHandle, PULONG_PTR KeyContext, PULONG_PTR ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER Timeout)
{
    TARGET Target = {
        .Key = KeyContext, .ApcContext = ApcContext, .Iosb = IoStatusBlock, .Count = 1};
    NTSTATUS Status = MmProbeCaller(KeyContext, sizeof(*KeyContext), TRUE);

    if (NT_SUCCESS(Status))
    {
        Status = MmProbeCaller(ApcContext, sizeof(*ApcContext), TRUE);
    }
    if (NT_SUCCESS(Status))
    {
        Status = MmProbeCaller(IoStatusBlock, sizeof(*IoStatusBlock), TRUE);
    }
    return NT_SUCCESS(Status) ? Remove(IoCompletionHandle, &Target, Timeout, FALSE) : Status;
}

NTSTATUS
NtRemoveIoCompletionEx(HANDLE IoCompletionHandle, FILE_IO_COMPLETION_INFORMATION *Information,
                       ULONG Count, PULONG NumEntriesRemoved, PLARGE_INTEGER Timeout,
                       BOOLEAN Alertable)
{
    TARGET Target = {.Array = Information,
                     .Removed = NumEntriesRemoved,
                     .Count = Count < MAX_TAKE ? Count : MAX_TAKE};
    NTSTATUS Status;

    if (Count == 0 || Count > ~(ULONG)0 / sizeof(*Information))
    {
        return STATUS_INVALID_PARAMETER;
    }
    Status = MmProbeCaller(Information, (SIZE_T)Count * sizeof(*Information), TRUE);
    if (NT_SUCCESS(Status))
    {
        Status = MmProbeCaller(NumEntriesRemoved, sizeof(*NumEntriesRemoved), TRUE);
    }
    return NT_SUCCESS(Status) ? Remove(IoCompletionHandle, &Target, Timeout, Alertable) : Status;
}

// ---- The object ----

void
IopClosePort(PEPROCESS Process, PVOID Object, ACCESS_MASK Granted, ULONG RemainingInProcess,
             ULONG Remaining)
{
    IOP_PORT *Port = Object;

    (void)Process;
    (void)Granted;
    (void)RemainingInProcess;
    if (Remaining != 0)
    {
        return;
    }
    for (;;)
    {
        REMOVER *Remover;

        OsLockAcquire(&Port->Lock);
        Port->Closed = TRUE;
        Remover = TakeRemoverLocked(Port);
        if (Remover != NULL)
        {
            Remover->Abandoned = TRUE;
        }
        OsLockRelease(&Port->Lock);
        if (Remover == NULL)
        {
            return;
        }
        Wake(Remover);
    }
}

void
IopDeletePort(PVOID Object)
{
    IOP_PORT *Port = Object;

    // No reference is left: no remover, no file that could bring packets, no lock needed.
    while (!IsListEmpty(&Port->Packets))
    {
        FreePacket(CONTAINING_RECORD(RemoveHeadList(&Port->Packets), IOP_PACKET, Link));
    }
}
