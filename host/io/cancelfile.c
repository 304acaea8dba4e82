// SPDX-License-Identifier: MIT
// NtCancelIoFile (this thread's requests on a file, awaited) and NtCancelIoFileEx (the process's).
#include "io/iop.h"

#include <string.h>

static NTSTATUS
PutIosb(PIO_STATUS_BLOCK To, NTSTATUS Status)
{
    IO_STATUS_BLOCK Iosb;
    NTSTATUS Copied;

    memset(&Iosb, 0, sizeof(Iosb));
    Iosb.Status = Status;
    Copied = MmCopyToCaller(To, &Iosb, sizeof(Iosb));
    return NT_SUCCESS(Copied) ? Status : Copied;
}

NTSTATUS
NtCancelIoFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    PETHREAD Thread = PspCurrentThread();
    IOP_MATCH Match = {.Thread = Thread};
    NTSTATUS Status = MmProbeCaller(IoStatusBlock, sizeof(*IoStatusBlock), TRUE);

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (NT_SUCCESS(Status))
    {
        Status =
            ObReferenceObjectByHandle(FileHandle, 0, IopFileType, Mode, (PVOID *)&Match.File, NULL);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (IopCancelList(&Thread->IrpLock, &Thread->IrpList, &Match) +
            IopCancelList(&IopOfFile(Match.File)->IrpLock, &Match.File->IrpList, &Match) !=
        0)
    {
        // As NT the call returns when they have ended. In place: this is rare and short.
        Status = IopWaitList(&Thread->IrpLock, &Thread->IrpList, &Match, Mode, NULL);
        if (Status == STATUS_SUCCESS)
        {
            Status = IopWaitList(&IopOfFile(Match.File)->IrpLock, &Match.File->IrpList, &Match,
                                 Mode, NULL);
        }
    }
    ObDereferenceObject(Match.File);
    return PutIosb(IoStatusBlock, Status);
}

// The threads that the process has now, referenced, in pool; a thread that is created meanwhile issues
// its requests after this call began.
static PETHREAD *
ReferenceThreads(PEPROCESS Process, ULONG *Count)
{
    PETHREAD *Threads = NULL;
    ULONG Room = 0;

    for (;;)
    {
        *Count = 0;
        OsLockAcquire(&Process->Lock);
        for (PLIST_ENTRY Entry = Process->ThreadList.Flink; Entry != &Process->ThreadList;
             Entry = Entry->Flink)
        {
            (*Count)++;
        }
        if (*Count <= Room)
        {
            ULONG Index = 0;

            for (PLIST_ENTRY Entry = Process->ThreadList.Flink; Entry != &Process->ThreadList;
                 Entry = Entry->Flink)
            {
                Threads[Index] = CONTAINING_RECORD(Entry, ETHREAD, ProcessLink);
                ObReferenceObject(Threads[Index++]);
            }
            OsLockRelease(&Process->Lock);
            return Threads;
        }
        Room = *Count + 8;
        OsLockRelease(&Process->Lock);
        if (Threads != NULL)
        {
            MiFreePool(Threads, MI_TAG_HOST, FALSE);
        }
        Threads = MiAllocatePool(NonPagedPoolNx, Room * sizeof(*Threads), MI_TAG_HOST, FALSE);
        if (Threads == NULL)
        {
            return NULL;
        }
    }
}

static NTSTATUS
CancelInThreads(PEPROCESS Process, const IOP_MATCH *Match, ULONG *Found)
{
    ULONG Count;
    PETHREAD *Threads = ReferenceThreads(Process, &Count);

    *Found = 0;
    if (Threads == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (ULONG Index = 0; Index < Count; Index++)
    {
        *Found += IopCancelList(&Threads[Index]->IrpLock, &Threads[Index]->IrpList, Match);
        ObDereferenceObject(Threads[Index]);
    }
    MiFreePool(Threads, MI_TAG_HOST, FALSE);
    return STATUS_SUCCESS;
}

NTSTATUS
NtCancelIoFileEx(HANDLE FileHandle, PIO_STATUS_BLOCK IoRequestToCancel,
                 PIO_STATUS_BLOCK IoStatusBlock)
{
    KPROCESSOR_MODE Mode = KiCurrentThread->PreviousMode;
    PEPROCESS Process = PspCurrentProcess();
    IOP_MATCH Match = {.Process = Process, .Iosb = IoRequestToCancel};
    ULONG Found;
    NTSTATUS Status = MmProbeCaller(IoStatusBlock, sizeof(*IoStatusBlock), TRUE);

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (NT_SUCCESS(Status))
    {
        Status =
            ObReferenceObjectByHandle(FileHandle, 0, IopFileType, Mode, (PVOID *)&Match.File, NULL);
    }
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = CancelInThreads(Process, &Match, &Found);
    if (NT_SUCCESS(Status))
    {
        Found += IopCancelList(&IopOfFile(Match.File)->IrpLock, &Match.File->IrpList, &Match);
    }
    ObDereferenceObject(Match.File);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    return PutIosb(IoStatusBlock, Found != 0 ? STATUS_SUCCESS : STATUS_NOT_FOUND);
}
