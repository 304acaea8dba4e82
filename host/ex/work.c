// SPDX-License-Identifier: MIT
// Work queues: ExQueueWorkItem, and the host's own deferred routines.
//
// Each queue has a Lock (host lock, innermost but for pool) and a Word that changes under it with each
// item queued. Wake rule: a worker reads Word under the lock, with the queue found empty, and sleeps
// only while Word is still that value; who queues changes Word before it wakes. So no wake is lost.
// There is always one worker that waits for items until WORKER_LIMIT are busy: one that takes an item
// while nobody else waits starts another first. So an item that waits for a later one gets it.
#include "ex/exp.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

#define WORKER_LIMIT    16u
#define EMERGENCY_NODES 32u

enum
{
    QueueCritical,
    QueueDelayed,
    QueueInternal,
    QueueCount
};

// On the stack of the worker that runs it.
typedef struct EXP_RUNNING
{
    LIST_ENTRY Link;
    PWORK_QUEUE_ITEM Item;  // may be freed by its routine: compared, never followed
    PWORKER_THREAD_ROUTINE Routine;
} EXP_RUNNING;

typedef struct EXP_QUEUE
{
    OS_LOCK Lock;
    uint32_t Word;  // atomic futex word of the workers
    uint32_t
        IdleWord;  // atomic futex word of those who drain: changes when the queue comes to rest
    LIST_ENTRY Items;
    LIST_ENTRY Running;           // EXP_RUNNING
    ULONG Waiting;                // workers asleep or about to sleep
    ULONG WorkerCount;            // entries of Workers
    ULONG Starting;               // workers being started: an entry each is reserved
    PVOID Workers[WORKER_LIMIT];  // thread objects, referenced
    BOOLEAN Started;
    BOOLEAN Stopping;
} EXP_QUEUE;

typedef struct EXP_NODE
{
    WORK_QUEUE_ITEM Item;  // first
    void (*Routine)(void *Context);
    void *Context;
    BOOLEAN Emergency;
    BOOLEAN InUse;  // of an emergency node; guarded by ExpEmergencyLock
} EXP_NODE;

#define EXP_QUEUE_INIT(Index)                                              \
    {                                                                      \
        .Items = {&ExpQueues[Index].Items, &ExpQueues[Index].Items},       \
        .Running = {&ExpQueues[Index].Running, &ExpQueues[Index].Running}, \
    }
static EXP_QUEUE ExpQueues[QueueCount] = {EXP_QUEUE_INIT(0), EXP_QUEUE_INIT(1), EXP_QUEUE_INIT(2)};
static OS_LOCK ExpEmergencyLock = OS_LOCK_INIT;
static EXP_NODE ExpEmergency[EMERGENCY_NODES];

static NTSTATUS StartWorker(EXP_QUEUE *Queue);

static void
RunItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine)
{
    KIRQL Irql;

    Routine(Item->Parameter);
    Irql = KeGetCurrentIrql();
    if (Irql != PASSIVE_LEVEL)
    {
        VfBugCheck(VfBug_WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)Routine, Irql,
                   (ULONG_PTR)Item, 0, "A work item's routine returned at IRQL %u.",
                   (unsigned)Irql);
    }
}

static BOOLEAN
IsAtRestLocked(const EXP_QUEUE *Queue)
{
    return IsListEmpty(&Queue->Items) && IsListEmpty(&Queue->Running);
}

// The next item, or NULL when the worker is to end. Lock held, dropped while asleep.
static PWORK_QUEUE_ITEM
TakeItemLocked(EXP_QUEUE *Queue)
{
    PWORK_QUEUE_ITEM Item;

    while (IsListEmpty(&Queue->Items))
    {
        uint32_t Seen = __atomic_load_n(&Queue->Word, __ATOMIC_RELAXED);

        if (Queue->Stopping)
        {
            return NULL;
        }
        Queue->Waiting++;
        OsLockRelease(&Queue->Lock);
        (void)OsWaitWord(&Queue->Word, Seen, OS_FOREVER, false);
        OsLockAcquire(&Queue->Lock);
        Queue->Waiting--;
    }
    Item = CONTAINING_RECORD(RemoveHeadList(&Queue->Items), WORK_QUEUE_ITEM, List);
    Item->List.Flink = NULL;  // from here on it may be queued again
    return Item;
}

static VOID
Worker(PVOID Context)
{
    EXP_QUEUE *Queue = Context;
    PWORK_QUEUE_ITEM Item;

    OsLockAcquire(&Queue->Lock);
    while ((Item = TakeItemLocked(Queue)) != NULL)
    {
        EXP_RUNNING Running = {.Item = Item, .Routine = Item->WorkerRoutine};
        BOOLEAN Grow = Queue->Waiting == 0 && Queue->WorkerCount + Queue->Starting < WORKER_LIMIT;

        Queue->Starting += Grow;
        InsertTailList(&Queue->Running, &Running.Link);
        OsLockRelease(&Queue->Lock);
        if (Grow)
        {
            (void)StartWorker(Queue);  // without it the item only waits its turn
        }
        RunItem(Item, Running.Routine);
        OsLockAcquire(&Queue->Lock);
        RemoveEntryList(&Running.Link);
        if (IsAtRestLocked(Queue))
        {
            __atomic_fetch_add(&Queue->IdleWord, 1, __ATOMIC_RELEASE);
            OsWakeWord(&Queue->IdleWord, UINT32_MAX, false);
        }
    }
    OsLockRelease(&Queue->Lock);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS
MakeWorkerThread(EXP_QUEUE *Queue, PVOID *Thread)
{
    OBJECT_ATTRIBUTES Attributes;
    NTSTATUS Status;
    HANDLE Handle;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    Status =
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Worker, Queue);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    Status = ObReferenceObjectByHandle(Handle, 0, ObpThreadType, KernelMode, Thread, NULL);
    (void)ObpCloseHandle(Handle, KernelMode);
    if (NT_SUCCESS(Status))
    {
        OBP_HEADER(*Thread)->Flags |= OB_FLAG_HOST;
    }
    return Status;
}

// The caller counted it in Starting.
static NTSTATUS
StartWorker(EXP_QUEUE *Queue)
{
    PVOID Thread;
    NTSTATUS Status = MakeWorkerThread(Queue, &Thread);

    OsLockAcquire(&Queue->Lock);
    Queue->Starting--;
    if (NT_SUCCESS(Status))
    {
        Queue->Workers[Queue->WorkerCount++] = Thread;
    }
    OsLockRelease(&Queue->Lock);
    return Status;
}

static EXP_QUEUE *
QueueOfType(WORK_QUEUE_TYPE Type)
{
    return &ExpQueues[Type == CriticalWorkQueue || Type == HyperCriticalWorkQueue ||
                              Type == SuperCriticalWorkQueue || Type == RealTimeWorkQueue
                          ? QueueCritical
                          : QueueDelayed];
}

// TRUE if the caller has to run it itself: there are no workers, and it may.
static BOOLEAN
Enqueue(EXP_QUEUE *Queue, PWORK_QUEUE_ITEM Item)
{
    BOOLEAN RunHere;

    OsLockAcquire(&Queue->Lock);
    RunHere =
        !Queue->Started && (KiCurrentThread == NULL || KiCurrentThread->Irql == PASSIVE_LEVEL);
    if (!RunHere)
    {
        InsertTailList(&Queue->Items, &Item->List);
        __atomic_fetch_add(&Queue->Word, 1, __ATOMIC_RELEASE);
    }
    OsLockRelease(&Queue->Lock);
    if (!RunHere)
    {
        OsWakeWord(&Queue->Word, 1, false);
    }
    return RunHere;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID
ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (WorkItem->List.Flink != NULL || WorkItem->WorkerRoutine == NULL)
    {
        VfBugCheck(VfBug_WORKER_INVALID, 0x0, (ULONG_PTR)WorkItem, (ULONG_PTR)WorkItem->List.Flink,
                   (ULONG_PTR)WorkItem->WorkerRoutine,
                   "A work item was queued that is queued already or was not initialised.");
    }
    if (Enqueue(QueueOfType(QueueType), WorkItem))
    {
        RunItem(WorkItem, WorkItem->WorkerRoutine);
    }
}

static EXP_NODE *
TakeEmergencyNode(void)
{
    EXP_NODE *Node = NULL;

    OsLockAcquire(&ExpEmergencyLock);
    for (ULONG Index = 0; Index < EMERGENCY_NODES && Node == NULL; Index++)
    {
        if (!ExpEmergency[Index].InUse)
        {
            Node = &ExpEmergency[Index];
            Node->InUse = TRUE;
            Node->Emergency = TRUE;
        }
    }
    OsLockRelease(&ExpEmergencyLock);
    if (Node == NULL)
    {
        VfBugCheck(VfBug_MUST_SUCCEED_POOL_EMPTY, sizeof(EXP_NODE), EMERGENCY_NODES, 0, 0,
                   "There is no memory left for work that the host itself has to do.");
    }
    return Node;
}

static VOID
RunNode(PVOID Parameter)
{
    EXP_NODE *Node = Parameter;
    void (*Routine)(void *) = Node->Routine;
    void *Context = Node->Context;

    if (Node->Emergency)
    {
        OsLockAcquire(&ExpEmergencyLock);
        Node->InUse = FALSE;
        OsLockRelease(&ExpEmergencyLock);
    }
    else
    {
        MiFreePool(Node, MI_TAG_HOST, TRUE);
    }
    Routine(Context);
}

void
ExpQueueInternal(void (*Routine)(void *Context), void *Context)
{
    EXP_NODE *Node = MiAllocatePool(NonPagedPoolNx, sizeof(*Node), MI_TAG_HOST, TRUE);

    if (Node == NULL)
    {
        Node = TakeEmergencyNode();
    }
    Node->Routine = Routine;
    Node->Context = Context;
    ExInitializeWorkItem(&Node->Item, RunNode, Node);
    if (Enqueue(&ExpQueues[QueueInternal], &Node->Item))
    {
        RunNode(Node);
    }
}

PWORK_QUEUE_ITEM
ExpFindWorkItemIn(const VOID *Low, const VOID *High)
{
    ULONG_PTR From = (ULONG_PTR)Low;
    ULONG_PTR Size = (ULONG_PTR)High - From;
    PWORK_QUEUE_ITEM Found = NULL;

    for (ULONG Index = 0; Index < QueueInternal && Found == NULL; Index++)
    {
        EXP_QUEUE *Queue = &ExpQueues[Index];

        OsLockAcquire(&Queue->Lock);
        for (LIST_ENTRY *Entry = Queue->Items.Flink; Entry != &Queue->Items; Entry = Entry->Flink)
        {
            PWORK_QUEUE_ITEM Item = CONTAINING_RECORD(Entry, WORK_QUEUE_ITEM, List);

            if ((ULONG_PTR)Item - From < Size || (ULONG_PTR)Item->WorkerRoutine - From < Size)
            {
                Found = Item;
            }
        }
        for (LIST_ENTRY *Entry = Queue->Running.Flink; Entry != &Queue->Running;
             Entry = Entry->Flink)
        {
            EXP_RUNNING *Running = CONTAINING_RECORD(Entry, EXP_RUNNING, Link);

            if ((ULONG_PTR)Running->Item - From < Size || (ULONG_PTR)Running->Routine - From < Size)
            {
                Found = Running->Item;
            }
        }
        OsLockRelease(&Queue->Lock);
    }
    return Found;
}

// Waits until the queue is at rest; returns with its lock held. TRUE: it had to wait.
static BOOLEAN
DrainAndLock(EXP_QUEUE *Queue)
{
    BOOLEAN Waited = FALSE;

    OsLockAcquire(&Queue->Lock);
    while (!IsAtRestLocked(Queue))
    {
        // Read under the lock, with the queue not at rest: the worker that brings it to rest changes
        // the word first, under the lock.
        uint32_t Seen = __atomic_load_n(&Queue->IdleWord, __ATOMIC_ACQUIRE);

        Waited = TRUE;
        OsLockRelease(&Queue->Lock);
        (void)OsWaitWord(&Queue->IdleWord, Seen, OS_FOREVER, false);
        OsLockAcquire(&Queue->Lock);
    }
    return Waited;
}

void
ExDrainWork(void)
{
    BOOLEAN Waited;

    // An item of one queue may feed another: until a round finds nothing to wait for.
    do
    {
        Waited = FALSE;
        for (ULONG Index = 0; Index < QueueCount; Index++)
        {
            if (ExpQueues[Index].Started)
            {
                Waited |= DrainAndLock(&ExpQueues[Index]);
                OsLockRelease(&ExpQueues[Index].Lock);
            }
        }
    } while (Waited);
}

NTSTATUS
ExStart(void)
{
    for (ULONG Index = 0; Index < QueueCount; Index++)
    {
        EXP_QUEUE *Queue = &ExpQueues[Index];
        NTSTATUS Status;

        Queue->WorkerCount = 0;
        Queue->Starting = 1;
        Queue->Waiting = 0;
        Queue->Stopping = FALSE;
        Status = StartWorker(Queue);
        if (!NT_SUCCESS(Status))
        {
            ExStop();
            return Status;
        }
        OsLockAcquire(&Queue->Lock);
        Queue->Started = TRUE;
        OsLockRelease(&Queue->Lock);
    }
    return STATUS_SUCCESS;
}

void
ExStop(void)
{
    ExDrainWork();
    for (ULONG Index = 0; Index < QueueCount; Index++)
    {
        EXP_QUEUE *Queue = &ExpQueues[Index];

        if (!Queue->Started)
        {
            continue;
        }
        (void)DrainAndLock(Queue);
        Queue->Stopping = TRUE;
        Queue->Started = FALSE;
        __atomic_fetch_add(&Queue->Word, 1, __ATOMIC_RELEASE);
        OsLockRelease(&Queue->Lock);
        OsWakeWord(&Queue->Word, UINT32_MAX, false);
        // A worker starts another only while it runs an item, and none runs: the list is complete.
        for (ULONG Thread = 0; Thread < Queue->WorkerCount; Thread++)
        {
            (void)KeWaitForSingleObject(Queue->Workers[Thread], Executive, KernelMode, FALSE, NULL);
            ObDereferenceObject(Queue->Workers[Thread]);
        }
        Queue->WorkerCount = 0;
    }
}
