// SPDX-License-Identifier: MIT
// Lists under a spin lock and sequenced lists: results, IRQL, and many threads at once.
#include "../mm/host.h"

#include "ex/exp.h"

typedef struct NODE
{
    SLIST_ENTRY Entry;  // first, 16-byte aligned
    LIST_ENTRY Link;
    SINGLE_LIST_ENTRY Single;
    LONG Taken;
} NODE;

static void
DoublyLinked(void)
{
    LIST_ENTRY Head;
    KSPIN_LOCK Lock;
    NODE A;
    NODE B;

    StartHost();
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Head);
    CHECK(ExInterlockedRemoveHeadList(&Head, &Lock) == NULL);
    CHECK(ExInterlockedInsertTailList(&Head, &A.Link, &Lock) == NULL);
    CHECK(ExInterlockedInsertTailList(&Head, &B.Link, &Lock) == &A.Link);
    CHECK(ExInterlockedRemoveHeadList(&Head, &Lock) == &A.Link);
    CHECK(ExInterlockedInsertHeadList(&Head, &A.Link, &Lock) == &B.Link);
    CHECK(ExInterlockedRemoveHeadList(&Head, &Lock) == &A.Link);
    CHECK(ExInterlockedRemoveHeadList(&Head, &Lock) == &B.Link);
    CHECK(IsListEmpty(&Head));
    CHECK(ExInterlockedInsertHeadList(&Head, &A.Link, &Lock) == NULL);
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    NthostStop();
}

static void
doubly_linked_lists_return_the_former_end(void **State)
{
    (void)State;
    AssertClean(DoublyLinked);
}

static void
SinglyLinked(void)
{
    SINGLE_LIST_ENTRY Head = {NULL};
    LARGE_INTEGER Sum = {.QuadPart = 40};
    LARGE_INTEGER Two = {.QuadPart = 2};
    KSPIN_LOCK Lock;
    ULONG Small = 0xFFFFFFFF;
    KIRQL Irql;
    NODE A;
    NODE B;

    StartHost();
    KeInitializeSpinLock(&Lock);
    // At DISPATCH_LEVEL as well; the IRQL stays.
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    CHECK(ExInterlockedPopEntryList(&Head, &Lock) == NULL);
    CHECK(ExInterlockedPushEntryList(&Head, &A.Single, &Lock) == NULL);
    CHECK(ExInterlockedPushEntryList(&Head, &B.Single, &Lock) == &A.Single);
    CHECK(ExInterlockedPopEntryList(&Head, &Lock) == &B.Single);
    CHECK(ExInterlockedPopEntryList(&Head, &Lock) == &A.Single);
    CHECK(Head.Next == NULL);
    CHECK(KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeLowerIrql(Irql);
    CHECK(ExInterlockedAddLargeInteger(&Sum, Two, &Lock).QuadPart == 40 && Sum.QuadPart == 42);
    CHECK(ExInterlockedAddUlong(&Small, 2, &Lock) == 0xFFFFFFFF && Small == 1);
    NthostStop();
}

static void
singly_linked_lists_and_sums(void **State)
{
    (void)State;
    AssertClean(SinglyLinked);
}

static void
Sequenced(void)
{
    SLIST_HEADER Head;
    NODE *Nodes;

    StartHost();
    Nodes = ExAllocatePoolZero(NonPagedPoolNx, 3 * sizeof(NODE), 'tsiL');
    memset(&Head, 0x5A, sizeof(Head));
    InitializeSListHead(&Head);
    CHECK(ExQueryDepthSList(&Head) == 0);
    CHECK(ExInterlockedPopEntrySList(&Head, NULL) == NULL);
    CHECK(ExInterlockedPushEntrySList(&Head, &Nodes[0].Entry, NULL) == NULL);
    CHECK(ExInterlockedPushEntrySList(&Head, &Nodes[1].Entry, NULL) == &Nodes[0].Entry);
    CHECK(ExInterlockedPushEntrySList(&Head, &Nodes[2].Entry, NULL) == &Nodes[1].Entry);
    CHECK(ExQueryDepthSList(&Head) == 3);
    CHECK(ExInterlockedPopEntrySList(&Head, NULL) == &Nodes[2].Entry);
    CHECK(ExQueryDepthSList(&Head) == 2);
    CHECK(ExInterlockedFlushSList(&Head) == &Nodes[1].Entry);
    CHECK(Nodes[1].Entry.Next == &Nodes[0].Entry && Nodes[0].Entry.Next == NULL);
    CHECK(ExQueryDepthSList(&Head) == 0);
    CHECK(ExInterlockedFlushSList(&Head) == NULL);
    ExFreePool(Nodes);
    NthostStop();
}

static void
sequenced_lists_are_last_in_first_out(void **State)
{
    (void)State;
    AssertClean(Sequenced);
}

// ---- Many threads: every node is in one hand at a time ----

#define THREADS 4
#define NODES   32
#define ROUNDS  20000

static SLIST_HEADER Shared;
static KSPIN_LOCK SharedLock;
static LIST_ENTRY SharedList;

static void
Fight(void *Context)
{
    (void)Context;
    for (int Round = 0; Round < ROUNDS; Round++)
    {
        PSLIST_ENTRY Entry = ExpInterlockedPopEntrySList(&Shared);

        if (Entry != NULL)
        {
            NODE *Node = CONTAINING_RECORD(Entry, NODE, Entry);

            CHECK(InterlockedIncrement(&Node->Taken) == 1);
            CHECK(InterlockedDecrement(&Node->Taken) == 0);
            ExpInterlockedPushEntrySList(&Shared, Entry);
        }
    }
}

static void
FightForLists(void)
{
    OS_THREAD *Threads[THREADS];
    NODE *Nodes;

    StartHost();
    Nodes = ExAllocatePoolZero(NonPagedPoolNx, NODES * sizeof(NODE), 'tsiL');
    InitializeSListHead(&Shared);
    for (int Index = 0; Index < NODES; Index++)
    {
        ExpInterlockedPushEntrySList(&Shared, &Nodes[Index].Entry);
    }
    for (int Index = 0; Index < THREADS; Index++)
    {
        CHECK(OsThreadStart(Fight, NULL, "fight", &Threads[Index]) == OS_OK);
    }
    for (int Index = 0; Index < THREADS; Index++)
    {
        OsThreadJoin(Threads[Index]);
    }
    CHECK(ExQueryDepthSList(&Shared) == NODES);
    ExFreePool(Nodes);
    NthostStop();
}

static void
threads_never_pop_the_same_entry(void **State)
{
    (void)State;
    AssertClean(FightForLists);
}

static LONG Inserted;
static LONG Removed;

static VOID
FightForDoubly(PVOID Context)
{
    NODE *Nodes = Context;

    for (int Round = 0; Round < ROUNDS / 4; Round++)
    {
        PLIST_ENTRY Entry;

        if (Round < NODES)
        {
            ExInterlockedInsertTailList(&SharedList, &Nodes[Round].Link, &SharedLock);
            InterlockedIncrement(&Inserted);
        }
        Entry = ExInterlockedRemoveHeadList(&SharedList, &SharedLock);
        if (Entry != NULL)
        {
            NODE *Node = CONTAINING_RECORD(Entry, NODE, Link);

            CHECK(InterlockedIncrement(&Node->Taken) == 1);
            InterlockedDecrement(&Node->Taken);
            if (Round % 3 == 0)
            {
                InterlockedIncrement(&Removed);
            }
            else
            {
                ExInterlockedInsertHeadList(&SharedList, Entry, &SharedLock);
            }
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void
FightForDoublyLinked(void)
{
    PVOID Threads[THREADS];
    NODE *Nodes;
    LONG Left = 0;

    StartHost();
    Nodes = ExAllocatePoolZero(NonPagedPoolNx, THREADS * NODES * sizeof(NODE), 'tsiL');
    InitializeListHead(&SharedList);
    KeInitializeSpinLock(&SharedLock);
    for (int Index = 0; Index < THREADS; Index++)
    {
        HANDLE Handle;

        CHECK(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, FightForDoubly,
                                   Nodes + Index * NODES) == STATUS_SUCCESS);
        CHECK(ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode,
                                        &Threads[Index], NULL) == STATUS_SUCCESS);
        ZwClose(Handle);
    }
    for (int Index = 0; Index < THREADS; Index++)
    {
        CHECK(KeWaitForSingleObject(Threads[Index], Executive, KernelMode, FALSE, NULL) ==
              STATUS_SUCCESS);
        ObDereferenceObject(Threads[Index]);
    }
    while (ExInterlockedRemoveHeadList(&SharedList, &SharedLock) != NULL)
    {
        Left++;
    }
    CHECK(Inserted == THREADS * NODES && Inserted == Removed + Left);
    ExFreePool(Nodes);
    NthostStop();
}

static void
threads_share_a_list_under_its_lock(void **State)
{
    (void)State;
    AssertClean(FightForDoublyLinked);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(doubly_linked_lists_return_the_former_end),
        cmocka_unit_test(singly_linked_lists_and_sums),
        cmocka_unit_test(sequenced_lists_are_last_in_first_out),
        cmocka_unit_test(threads_never_pop_the_same_entry),
        cmocka_unit_test(threads_share_a_list_under_its_lock),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
