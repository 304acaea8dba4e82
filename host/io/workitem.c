// SPDX-License-Identifier: MIT
// Work items: a driver's routine on a system thread, with the device kept alive meanwhile.
//
// Queued is the ownership of an item: queueing sets it, the worker clears it before it calls the routine,
// which may then free the item or queue it again. The worker keeps copies of what it needs afterwards.
#include "io/iop.h"

#include "ex/exp.h"

#include <string.h>

#define TAG_WORK_ITEM 'WcoI'

struct _IO_WORKITEM
{
    WORK_QUEUE_ITEM Item;
    PVOID IoObject;  // a device or a driver object
    PIO_WORKITEM_ROUTINE Routine;
    PIO_WORKITEM_ROUTINE_EX RoutineEx;  // instead of Routine
    PVOID Context;
    LONG Queued;            // atomic
    LIST_ENTRY Link;        // Items; allocated ones only; guarded by ItemsLock
    PDRIVER_OBJECT Driver;  // compared only, never followed
    PVOID Stack[8];
};

static OS_LOCK ItemsLock = OS_LOCK_INIT;
static LIST_ENTRY Items = {&Items, &Items};

static PDRIVER_OBJECT
DriverOf(PVOID IoObject)
{
    return *(CSHORT *)IoObject == IO_TYPE_DRIVER ? (PDRIVER_OBJECT)IoObject
                                                 : ((PDEVICE_OBJECT)IoObject)->DriverObject;
}

static VOID
RunItem(PVOID Parameter)
{
    PIO_WORKITEM Item = Parameter;
    PVOID Object = Item->IoObject;
    PIO_WORKITEM_ROUTINE Routine = Item->Routine;
    PIO_WORKITEM_ROUTINE_EX RoutineEx = Item->RoutineEx;
    PVOID Context = Item->Context;
    PDRIVER_OBJECT Driver = DriverOf(Object);
    PVOID Address = RoutineEx != NULL ? (PVOID)RoutineEx : (PVOID)Routine;

    // Release: pairs with the acquire exchange in Queue; the copies above were taken before.
    __atomic_store_n(&Item->Queued, 0, __ATOMIC_RELEASE);
    if (RoutineEx != NULL)
    {
        RoutineEx(Object, Context, Item);
    }
    else
    {
        Routine(Object, Context);
    }
    if (KeGetCurrentIrql() != PASSIVE_LEVEL || KiCurrentThread->SpinLocksHeld != 0)
    {
        VfBugCheck(VfBug_IRQL_UNEXPECTED_VALUE, KeGetCurrentIrql(), KiCurrentThread->SpinLocksHeld,
                   (ULONG_PTR)Address, 0,
                   "a work item of %s returned at IRQL %u with %u spin lock(s) held.",
                   IopDriverName(Driver), KeGetCurrentIrql(),
                   (unsigned)KiCurrentThread->SpinLocksHeld);
    }
    ObDereferenceObject(Object);
}

static void
Initialize(PIO_WORKITEM Item, PVOID IoObject)
{
    memset(Item, 0, sizeof(*Item));
    Item->IoObject = IoObject;
    InitializeListHead(&Item->Link);
    ExInitializeWorkItem(&Item->Item, RunItem, Item);
}

static void
Queue(PIO_WORKITEM Item, PIO_WORKITEM_ROUTINE Routine, PIO_WORKITEM_ROUTINE_EX RoutineEx,
      WORK_QUEUE_TYPE Type, PVOID Context)
{
    // Acquire: pairs with the release store in RunItem.
    if (__atomic_exchange_n(&Item->Queued, 1, __ATOMIC_ACQUIRE) != 0)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, (ULONG_PTR)Item, 0, 0,
                   "a work item of %s was queued while it was queued already.",
                   IopDriverName(DriverOf(Item->IoObject)));
    }
    Item->Routine = Routine;
    Item->RoutineEx = RoutineEx;
    Item->Context = Context;
    ObReferenceObject(Item->IoObject);
    ExQueueWorkItem(&Item->Item, Type);
}

PIO_WORKITEM
IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    PIO_WORKITEM Item;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    Item = MiAllocatePool(NonPagedPoolNx, sizeof(*Item), MI_TAG_HOST, FALSE);
    if (Item == NULL)
    {
        return NULL;
    }
    Initialize(Item, DeviceObject);
    Item->Driver = DeviceObject->DriverObject;
    OsStackCapture(Item->Stack, 8, 1);
    OsLockAcquire(&ItemsLock);
    InsertTailList(&Items, &Item->Link);
    OsLockRelease(&ItemsLock);
    return Item;
}

VOID
IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (__atomic_load_n(&IoWorkItem->Queued, __ATOMIC_ACQUIRE) != 0)
    {
        VF_STACK Stacks[] = {{"Allocated by", IoWorkItem->Stack, 8}};

        VfBugCheckStacks(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, (ULONG_PTR)IoWorkItem, 0, 0,
                         Stacks, 1, "a work item of %s was freed while it was queued.",
                         IopDriverName(DriverOf(IoWorkItem->IoObject)));
    }
    OsLockAcquire(&ItemsLock);
    RemoveEntryList(&IoWorkItem->Link);
    OsLockRelease(&ItemsLock);
    MiFreePool(IoWorkItem, MI_TAG_HOST, FALSE);
}

VOID
IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    Queue(IoWorkItem, WorkerRoutine, NULL, QueueType, Context);
}

VOID
IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                  WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    Queue(IoWorkItem, NULL, WorkerRoutine, QueueType, Context);
}

ULONG
IoSizeofWorkItem(VOID)
{
    return sizeof(struct _IO_WORKITEM);
}

VOID
IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    Initialize(IoWorkItem, IoObject);
}

VOID
IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    if (__atomic_load_n(&IoWorkItem->Queued, __ATOMIC_ACQUIRE) != 0)
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, 0, (ULONG_PTR)IoWorkItem, 0, 0,
                   "a work item of %s was uninitialized while it was queued.",
                   IopDriverName(DriverOf(IoWorkItem->IoObject)));
    }
}

void
IopReportWorkItems(PDRIVER_OBJECT Driver)
{
    OsLockAcquire(&ItemsLock);
    for (PLIST_ENTRY Entry = Items.Flink; Entry != &Items; Entry = Entry->Flink)
    {
        PIO_WORKITEM Item = CONTAINING_RECORD(Entry, struct _IO_WORKITEM, Link);

        if (Driver == NULL || Item->Driver == Driver)
        {
            VfLeak(Item->Stack, 8, "a work item (IoAllocateWorkItem without IoFreeWorkItem)");
        }
    }
    OsLockRelease(&ItemsLock);
}
