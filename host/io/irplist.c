// SPDX-License-Identifier: MIT
// Where IRPs in flight are listed (thread or file), how they are cancelled and awaited from there.
//
// An IRP of a system call is in its thread's list; on a file with a completion port it is in the file's,
// because such I/O outlives its thread. The list's lock guards membership, Linked, Finishing and
// CancelEpoch. An IRP in a list may be referenced under the lock: its memory then stays, whatever
// completion does, and cancelling a completed one finds no cancel routine.
//
// Waiting for a list: waiters are few and stand in one global list. An IRP leaves its list under the
// list's lock and only then looks at the number of waiters; a waiter counts itself in first and only then
// looks at the list, under the same lock. So either the waiter sees the IRP gone, or the IRP sees the
// waiter and sets its event. A waiter that leaves waits until nobody is about to set its event.
#include "io/iop.h"

typedef struct IOP_WAITER
{
    LIST_ENTRY Link;   // Waiters, guarded by WaitersLock
    ULONG Users;       // setters that are about to use Event, guarded by WaitersLock
    ULONG Generation;  // last wake round that chose it, guarded by WaitersLock
    KEVENT Event;
} IOP_WAITER;

static OS_LOCK WaitersLock = OS_LOCK_INIT;
static LIST_ENTRY Waiters = {&Waiters, &Waiters};
static uint32_t WaiterCount;  // atomic: length of Waiters
static ULONG WakeGeneration;  // guarded by WaitersLock
static ULONG LastEpoch;       // atomic

ULONG IopRundownPatienceMs = 5000;

// ---- Membership ----

void
IopLinkIrp(IOP_IRP *Iop)
{
    PETHREAD Thread = PspCurrentThread();
    OS_LOCK *Lock = &Thread->IrpLock;
    PLIST_ENTRY Head = &Thread->IrpList;

    Iop->IssuingThread = Thread;
    if (Iop->File != NULL && !Iop->Synchronous &&
        __atomic_load_n(&Iop->File->CompletionContext, __ATOMIC_ACQUIRE) != NULL)
    {
        ObReferenceObject(Thread);
        Iop->ThreadReferenced = TRUE;
        Lock = &IopOfFile(Iop->File)->IrpLock;
        Head = &Iop->File->IrpList;
    }
    Iop->ListLock = Lock;
    OsLockAcquire(Lock);
    InsertTailList(Head, &IopToIrp(Iop)->ThreadListEntry);
    Iop->Linked = TRUE;
    OsLockRelease(Lock);
}

static void
WakeWaiters(void)
{
    ULONG Generation;

    OsLockAcquire(&WaitersLock);
    Generation = ++WakeGeneration;
    for (PLIST_ENTRY Entry = Waiters.Flink; Entry != &Waiters;)
    {
        IOP_WAITER *Waiter = CONTAINING_RECORD(Entry, IOP_WAITER, Link);

        // A later round's mark is higher: that round sets the event itself.
        if ((LONG)(Waiter->Generation - Generation) >= 0)
        {
            Entry = Entry->Flink;
            continue;
        }
        Waiter->Generation = Generation;
        Waiter->Users++;
        OsLockRelease(&WaitersLock);
        KeSetEvent(&Waiter->Event, IO_NO_INCREMENT, FALSE);
        OsLockAcquire(&WaitersLock);
        Waiter->Users--;
        // The list may have changed. A newcomer looks at its list after this round began.
        Entry = Waiters.Flink;
    }
    OsLockRelease(&WaitersLock);
}

void
IopUnlinkIrp(IOP_IRP *Iop)
{
    BOOLEAN Was = FALSE;

    if (Iop->ListLock == NULL)
    {
        return;
    }
    OsLockAcquire(Iop->ListLock);
    if (Iop->Linked)
    {
        RemoveEntryList(&IopToIrp(Iop)->ThreadListEntry);
        Iop->Linked = FALSE;
        Was = TRUE;
    }
    OsLockRelease(Iop->ListLock);
    // Sequentially consistent, with the count in IopWaitList: see the head of this file. The thread may
    // be gone from here on.
    if (Was && __atomic_load_n(&WaiterCount, __ATOMIC_SEQ_CST) != 0)
    {
        WakeWaiters();
    }
}

BOOLEAN
IopBeginFinish(IOP_IRP *Iop)
{
    BOOLEAN Ours;

    OsLockAcquire(Iop->ListLock);
    Ours = Iop->Linked;
    Iop->Finishing = TRUE;
    OsLockRelease(Iop->ListLock);
    return Ours;
}

static BOOLEAN
Matches(const IOP_IRP *Iop, PIRP Irp, const IOP_MATCH *Match)
{
    return (Match->File == NULL || Iop->File == Match->File) &&
           (Match->Thread == NULL || Iop->IssuingThread == Match->Thread) &&
           (Match->Process == NULL || Iop->IssuingThread->Process == Match->Process) &&
           (Match->Iosb == NULL || Irp->UserIosb == Match->Iosb);
}

// ---- Cancelling ----

ULONG
IopCancelList(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match)
{
    // Each round marks the IRPs that it takes, so every IRP is cancelled once though the lock is dropped
    // in between. A later canceller's mark is higher: it takes care of that IRP itself.
    ULONG Epoch = __atomic_add_fetch(&LastEpoch, 1, __ATOMIC_RELAXED);
    ULONG Found = 0;

    for (;;)
    {
        IOP_IRP *Batch[16];
        ULONG Count = 0;

        OsLockAcquire(Lock);
        for (PLIST_ENTRY Entry = Head->Flink; Entry != Head && Count < 16; Entry = Entry->Flink)
        {
            PIRP Irp = CONTAINING_RECORD(Entry, IRP, ThreadListEntry);
            IOP_IRP *Iop = IopOfIrp(Irp);

            if (Iop->CancelEpoch < Epoch && Matches(Iop, Irp, Match))
            {
                Iop->CancelEpoch = Epoch;
                IopReferenceIrp(Iop);
                Batch[Count++] = Iop;
            }
        }
        OsLockRelease(Lock);
        if (Count == 0)
        {
            return Found;
        }
        Found += Count;
        for (ULONG Index = 0; Index < Count; Index++)
        {
            IopCancelHeld(Batch[Index]);
            IopDereferenceIrp(Batch[Index]);
        }
    }
}

// ---- Waiting ----

static BOOLEAN
AnyMatch(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match)
{
    BOOLEAN Any = FALSE;

    OsLockAcquire(Lock);
    for (PLIST_ENTRY Entry = Head->Flink; Entry != Head && !Any; Entry = Entry->Flink)
    {
        PIRP Irp = CONTAINING_RECORD(Entry, IRP, ThreadListEntry);

        Any = Matches(IopOfIrp(Irp), Irp, Match);
    }
    OsLockRelease(Lock);
    return Any;
}

NTSTATUS
IopWaitList(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match, KPROCESSOR_MODE Mode,
            const LARGE_INTEGER *Timeout)
{
    LARGE_INTEGER Until = {.QuadPart = 0};
    NTSTATUS Status = STATUS_SUCCESS;
    IOP_WAITER Waiter;

    if (!AnyMatch(Lock, Head, Match))
    {
        return STATUS_SUCCESS;
    }
    if (Timeout != NULL)
    {
        Until.QuadPart =
            Timeout->QuadPart < 0 ? KiSystemTime() - Timeout->QuadPart : Timeout->QuadPart;
    }
    Waiter.Users = 0;
    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    OsLockAcquire(&WaitersLock);
    Waiter.Generation = WakeGeneration;
    InsertTailList(&Waiters, &Waiter.Link);
    OsLockRelease(&WaitersLock);
    // Sequentially consistent, before the list is looked at: see the head of this file.
    __atomic_add_fetch(&WaiterCount, 1, __ATOMIC_SEQ_CST);

    while (Status == STATUS_SUCCESS && AnyMatch(Lock, Head, Match))
    {
        Status = KeWaitForSingleObject(&Waiter.Event, Executive, Mode, FALSE,
                                       Timeout != NULL ? &Until : NULL);
    }

    __atomic_sub_fetch(&WaiterCount, 1, __ATOMIC_SEQ_CST);
    OsLockAcquire(&WaitersLock);
    RemoveEntryList(&Waiter.Link);
    while (Waiter.Users != 0)
    {
        OsLockRelease(&WaitersLock);
        OsYield();  // a setter is inside KeSetEvent, which does not wait
        OsLockAcquire(&WaitersLock);
    }
    OsLockRelease(&WaitersLock);
    return Status;
}

// Takes what matches out of the list for good: its completion then touches neither thread nor process.
static void
CutLoose(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match)
{
    OsLockAcquire(Lock);
    for (PLIST_ENTRY Entry = Head->Flink; Entry != Head;)
    {
        PIRP Irp = CONTAINING_RECORD(Entry, IRP, ThreadListEntry);
        IOP_IRP *Iop = IopOfIrp(Irp);

        Entry = Entry->Flink;
        if (!Iop->Finishing && Matches(Iop, Irp, Match))
        {
            RemoveEntryList(&Irp->ThreadListEntry);
            Iop->Linked = FALSE;
            if (!Iop->ThreadReferenced)
            {
                ObReferenceObject(Iop->IssuingThread);
                Iop->ThreadReferenced = TRUE;
            }
        }
    }
    OsLockRelease(Lock);
}

static void
CancelAndWait(OS_LOCK *Lock, PLIST_ENTRY Head, const IOP_MATCH *Match)
{
    LARGE_INTEGER Patience = {
        .QuadPart = -(LONGLONG)__atomic_load_n(&IopRundownPatienceMs, __ATOMIC_RELAXED) * 10000};

    (void)IopCancelList(Lock, Head, Match);
    if (IopWaitList(Lock, Head, Match, KernelMode, &Patience) == STATUS_TIMEOUT)
    {
        CutLoose(Lock, Head, Match);
        // What is left is being finished at this moment, by code that does not wait.
        (void)IopWaitList(Lock, Head, Match, KernelMode, NULL);
    }
}

void
IopCancelThreadIrps(PETHREAD Thread)
{
    IOP_MATCH Match = {.Thread = Thread};

    CancelAndWait(&Thread->IrpLock, &Thread->IrpList, &Match);
}

void
IopCancelFileIrps(PFILE_OBJECT File, PEPROCESS Process, BOOLEAN Wait)
{
    IOP_MATCH Match = {.File = File, .Process = Process};

    if (Wait)
    {
        CancelAndWait(&IopOfFile(File)->IrpLock, &File->IrpList, &Match);
    }
    else
    {
        (void)IopCancelList(&IopOfFile(File)->IrpLock, &File->IrpList, &Match);
    }
}
