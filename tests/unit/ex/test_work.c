// SPDX-License-Identifier: MIT
// Work items: they run once, at PASSIVE_LEVEL, from any IRQL, also when earlier ones wait for them.
#include "../mm/host.h"

#include "ex/exp.h"

#define ITEMS 200
#define CHAIN 12

static LONG Ran;

static VOID
Count(PVOID Context)
{
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    CHECK(KiCurrentThread->IsSystemThread && PspCurrentProcess() == PsInitialSystemProcess);
    InterlockedAdd(&Ran, (LONG)(LONG_PTR)Context);
}

static void
QueueFromEverywhere(void)
{
    static const WORK_QUEUE_TYPE Types[] = {CriticalWorkQueue, DelayedWorkQueue,
                                            HyperCriticalWorkQueue};
    static WORK_QUEUE_ITEM Items[ITEMS];
    KIRQL Irql;

    StartHost();
    for (int Round = 0; Round < 20; Round++)
    {
        Ran = 0;
        for (int Index = 0; Index < ITEMS; Index++)
        {
            ExInitializeWorkItem(&Items[Index], Count, (PVOID)1);
            KeRaiseIrql(Index % 2 != 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL, &Irql);
            ExQueueWorkItem(&Items[Index], Types[Index % 3]);
            KeLowerIrql(Irql);
        }
        ExpQueueInternal(Count, (PVOID)1000);
        ExDrainWork();
        CHECK(Ran == ITEMS + 1000);
        CHECK(ExpFindWorkItemIn(Items, Items + ITEMS) == NULL);
    }
    NthostStop();
}

static void
items_of_every_queue_run_once(void **State)
{
    (void)State;
    AssertClean(QueueFromEverywhere);
}

// ---- Items that wait for later ones ----

static WORK_QUEUE_ITEM Chain[CHAIN];
static KEVENT ChainEvents[CHAIN + 1];

static VOID
WaitForNext(PVOID Context)
{
    ULONG_PTR Index = (ULONG_PTR)Context;

    CHECK(KeWaitForSingleObject(&ChainEvents[Index + 1], Executive, KernelMode, FALSE, NULL) ==
          STATUS_SUCCESS);
    KeSetEvent(&ChainEvents[Index], 0, FALSE);
}

static void
QueueChain(void)
{
    StartHost();
    for (ULONG_PTR Index = 0; Index <= CHAIN; Index++)
    {
        KeInitializeEvent(&ChainEvents[Index], NotificationEvent, FALSE);
    }
    for (ULONG_PTR Index = 0; Index < CHAIN; Index++)
    {
        ExInitializeWorkItem(&Chain[Index], WaitForNext, (PVOID)Index);
        ExQueueWorkItem(&Chain[Index], DelayedWorkQueue);
    }
    CHECK(ExpFindWorkItemIn(Chain, Chain + CHAIN) != NULL);
    CHECK(ExpFindWorkItemIn((PVOID)WaitForNext, (char *)(ULONG_PTR)WaitForNext + 1) != NULL);
    CHECK(ExpFindWorkItemIn(ChainEvents, ChainEvents + CHAIN) == NULL);
    // The host's own work is not held up by them.
    Ran = 0;
    ExpQueueInternal(Count, (PVOID)1);
    while (InterlockedAdd(&Ran, 0) == 0)
    {
        OsYield();
    }
    KeSetEvent(&ChainEvents[CHAIN], 0, FALSE);
    CHECK(KeWaitForSingleObject(&ChainEvents[0], Executive, KernelMode, FALSE, NULL) ==
          STATUS_SUCCESS);
    ExDrainWork();
    CHECK(ExpFindWorkItemIn(Chain, Chain + CHAIN) == NULL);
    NthostStop();
}

static void
an_item_may_wait_for_a_later_one(void **State)
{
    (void)State;
    AssertClean(QueueChain);
}

// ---- An item may be freed, or queued again, by its own routine ----

static VOID
Again(PVOID Context)
{
    PWORK_QUEUE_ITEM Item = Context;

    if (InterlockedIncrement(&Ran) < 100)
    {
        ExQueueWorkItem(Item, DelayedWorkQueue);
        return;
    }
    ExFreePoolWithTag(Item, 'krow');
}

static void
QueueAgain(void)
{
    PWORK_QUEUE_ITEM Item;

    StartHost();
    Ran = 0;
    Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Item), 'krow');
    ExInitializeWorkItem(Item, Again, Item);
    ExQueueWorkItem(Item, DelayedWorkQueue);
    ExDrainWork();
    CHECK(Ran == 100);
    NthostStop();
}

static void
an_item_may_queue_and_free_itself(void **State)
{
    (void)State;
    AssertClean(QueueAgain);
}

static BOOLEAN
FailPool(const char *Function)
{
    return strcmp(Function, "MiAllocatePool") == 0;
}

static void
QueueWithoutMemory(void)
{
    StartHost();
    Ran = 0;
    VfSetFaultPlan(FailPool);
    for (int Index = 0; Index < 10; Index++)
    {
        ExpQueueInternal(Count, (PVOID)1);
    }
    VfSetFaultPlan(NULL);
    ExDrainWork();
    CHECK(Ran == 10);
    NthostStop();
}

static void
the_hosts_own_work_needs_no_pool(void **State)
{
    (void)State;
    AssertClean(QueueWithoutMemory);
}

// ---- Misuse ----

static VOID
Sleep(PVOID Context)
{
    (void)KeWaitForSingleObject(Context, Executive, KernelMode, FALSE, NULL);
}

static void
QueueTwice(void)
{
    static WORK_QUEUE_ITEM Busy[64];
    static KEVENT Never;

    StartHost();
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    for (int Index = 0; Index < 64; Index++)
    {
        ExInitializeWorkItem(&Busy[Index], Sleep, &Never);
        ExQueueWorkItem(&Busy[Index], DelayedWorkQueue);
    }
    // More items than there ever are workers: the last still is in its queue.
    ExQueueWorkItem(&Busy[63], DelayedWorkQueue);
}

static VOID
ReturnRaised(PVOID Context)
{
    KIRQL Irql;

    (void)Context;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
}

static void
QueueRaising(void)
{
    static WORK_QUEUE_ITEM Item;

    StartHost();
    ExInitializeWorkItem(&Item, ReturnRaised, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    ExDrainWork();
}

static void
misuse_is_reported(void **State)
{
    (void)State;
    AssertBugCheck(QueueTwice, "0x000000E4 WORKER_INVALID", "queued already");
    AssertBugCheck(QueueRaising, "0x000000E1 WORKER_THREAD_RETURNED_AT_BAD_IRQL",
                   "returned at IRQL 2");
}

static void
Restart(void)
{
    for (int Round = 0; Round < 5; Round++)
    {
        static WORK_QUEUE_ITEM Item;

        StartHost();
        Ran = 0;
        ExInitializeWorkItem(&Item, Count, (PVOID)1);
        ExQueueWorkItem(&Item, CriticalWorkQueue);
        NthostStop();
        CHECK(Ran == 1);
    }
}

static void
a_stop_runs_what_is_queued(void **State)
{
    (void)State;
    AssertClean(Restart);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(items_of_every_queue_run_once),
        cmocka_unit_test(an_item_may_wait_for_a_later_one),
        cmocka_unit_test(an_item_may_queue_and_free_itself),
        cmocka_unit_test(the_hosts_own_work_needs_no_pool),
        cmocka_unit_test(misuse_is_reported),
        cmocka_unit_test(a_stop_runs_what_is_queued),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
