// SPDX-License-Identifier: MIT
// DPCs: when and where they run, order, removal, flushing, re-queuing, misuse.
#include "test.h"

#include <stdlib.h>

typedef struct RECORD
{
    unsigned Count;  // atomic
    unsigned Order[16];
    PKTHREAD Thread;
    ULONG Processor;
    PVOID Argument1, Argument2;
} RECORD;

static RECORD Seen;

static VOID
Note(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    unsigned Index = __atomic_load_n(&Seen.Count, __ATOMIC_RELAXED);

    UNREFERENCED_PARAMETER(Dpc);
    Seen.Order[Index % 16] = (unsigned)(ULONG_PTR)Context;
    Seen.Thread = KeGetCurrentThread();
    Seen.Processor = KeGetCurrentProcessorNumber();
    Seen.Argument1 = Argument1;
    Seen.Argument2 = Argument2;
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    __atomic_store_n(&Seen.Count, Index + 1, __ATOMIC_RELEASE);
}

static void
AwaitCount(unsigned *Count, unsigned Wanted)
{
    uint64_t Limit = OsMonotonicNs() + TEST_PATIENCE_NS;

    while (__atomic_load_n(Count, __ATOMIC_ACQUIRE) < Wanted)
    {
        assert_true(OsMonotonicNs() < Limit);
        OsYield();
    }
}

static void
RunsBeforeInsertReturnsAtPassive(void **State)
{
    KDPC Dpc;

    (void)State;
    TestStart(2);
    memset(&Seen, 0, sizeof(Seen));
    KeInitializeDpc(&Dpc, Note, (PVOID)7);
    assert_true(KeInsertQueueDpc(&Dpc, (PVOID)1, (PVOID)2));
    assert_int_equal(Seen.Count, 1);
    assert_int_equal(Seen.Order[0], 7);
    assert_ptr_equal(Seen.Thread, KiCurrentThread);
    assert_ptr_equal(Seen.Argument1, (PVOID)1);
    assert_ptr_equal(Seen.Argument2, (PVOID)2);
    assert_false(KeRemoveQueueDpc(&Dpc));
    TestStop();
}

static void
RunsInOrderWhenIrqlDrops(void **State)
{
    KDPC Dpcs[4];
    KIRQL Old;

    (void)State;
    TestStart(2);
    memset(&Seen, 0, sizeof(Seen));
    for (unsigned i = 0; i < 4; i++)
    {
        KeInitializeDpc(&Dpcs[i], Note, (PVOID)(ULONG_PTR)i);
    }
    KeSetImportanceDpc(&Dpcs[2], HighImportance);
    KeSetImportanceDpc(&Dpcs[3], LowImportance);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    for (unsigned i = 0; i < 4; i++)
    {
        assert_true(KeInsertQueueDpc(&Dpcs[i], NULL, NULL));
    }
    assert_false(KeInsertQueueDpc(&Dpcs[0], NULL, NULL));  // queued already
    assert_int_equal(Seen.Count, 0);
    KeLowerIrql(DISPATCH_LEVEL);
    assert_int_equal(Seen.Count, 0);
    assert_true(KeRemoveQueueDpc(&Dpcs[1]));
    assert_false(KeRemoveQueueDpc(&Dpcs[1]));
    KeLowerIrql(Old);
    assert_int_equal(Seen.Count, 3);
    assert_int_equal(Seen.Order[0], 2);
    assert_int_equal(Seen.Order[1], 0);
    assert_int_equal(Seen.Order[2], 3);
    TestStop();
}

static void
RemovingTheLastKeepsTheQueueWhole(void **State)
{
    KDPC Dpcs[3];
    KIRQL Old;

    (void)State;
    TestStart(1);
    memset(&Seen, 0, sizeof(Seen));
    for (unsigned i = 0; i < 3; i++)
    {
        KeInitializeDpc(&Dpcs[i], Note, (PVOID)(ULONG_PTR)i);
    }
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&Dpcs[0], NULL, NULL);
    KeInsertQueueDpc(&Dpcs[1], NULL, NULL);
    assert_true(KeRemoveQueueDpc(&Dpcs[1]));
    KeInsertQueueDpc(&Dpcs[2], NULL, NULL);
    assert_true(KeRemoveQueueDpc(&Dpcs[0]));
    assert_true(KeRemoveQueueDpc(&Dpcs[2]));
    KeInsertQueueDpc(&Dpcs[1], NULL, NULL);
    KeLowerIrql(Old);
    assert_int_equal(Seen.Count, 1);
    assert_int_equal(Seen.Order[0], 1);
    TestStop();
}

static void
ATargetedDpcRunsOnItsProcessor(void **State)
{
    PROCESSOR_NUMBER Bad = {0, 3, 0};
    KDPC Dpc;

    (void)State;
    TestStart(3);
    for (ULONG Target = 0; Target < 3; Target++)
    {
        memset(&Seen, 0, sizeof(Seen));
        KeInitializeDpc(&Dpc, Note, NULL);
        KeSetTargetProcessorDpc(&Dpc, (CCHAR)Target);
        assert_true(KeInsertQueueDpc(&Dpc, NULL, NULL));
        AwaitCount(&Seen.Count, 1);
        KeFlushQueuedDpcs();
        assert_int_equal(Seen.Processor, Target);
    }
    assert_int_equal(KeSetTargetProcessorDpcEx(&Dpc, &Bad), STATUS_INVALID_PARAMETER);
    TestStop();
}

typedef struct REQUEUE
{
    KDPC Dpc;
    unsigned Count;  // atomic
    unsigned Stop;   // atomic
} REQUEUE;

static VOID
Requeue(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    REQUEUE *Self = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    __atomic_add_fetch(&Self->Count, 1, __ATOMIC_RELAXED);
    if (!__atomic_load_n(&Self->Stop, __ATOMIC_RELAXED))
    {
        assert_true(KeInsertQueueDpc(Dpc, NULL, NULL));
    }
}

static void
ADpcThatRequeuesItselfLetsTheThreadGo(void **State)
{
    REQUEUE Self = {.Count = 0};
    KIRQL Old;

    (void)State;
    TestStart(2);
    KeInitializeDpc(&Self.Dpc, Requeue, &Self);
    assert_true(KeInsertQueueDpc(&Self.Dpc, NULL, NULL));
    // We came back although it never leaves the queue; it goes on elsewhere,
    AwaitCount(&Self.Count, __atomic_load_n(&Self.Count, __ATOMIC_RELAXED) + 1000);
    // and we can still run at DISPATCH_LEVEL.
    for (unsigned i = 0; i < 100; i++)
    {
        Old = KeRaiseIrqlToDpcLevel();
        KeLowerIrql(Old);
    }
    __atomic_store_n(&Self.Stop, 1, __ATOMIC_RELAXED);
    KeFlushQueuedDpcs();
    assert_true(Self.Count > 64);
    TestStop();
}

static VOID
RequeueOften(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (++((REQUEUE *)Context)->Count < 1000)
    {
        assert_true(KeInsertQueueDpc(Dpc, NULL, NULL));
    }
}

// One of high importance overtakes the other again and again, for longer than one drain lasts.
static void
AFlushRunsWhatWasOvertakenToo(void **State)
{
    REQUEUE Self = {.Count = 0};
    KDPC Last;
    KIRQL Old;

    (void)State;
    TestStart(1);
    memset(&Seen, 0, sizeof(Seen));
    KeInitializeDpc(&Self.Dpc, RequeueOften, &Self);
    KeSetImportanceDpc(&Self.Dpc, HighImportance);
    KeInitializeDpc(&Last, Note, NULL);
    Old = KeRaiseIrqlToDpcLevel();
    assert_true(KeInsertQueueDpc(&Self.Dpc, NULL, NULL));
    assert_true(KeInsertQueueDpc(&Last, NULL, NULL));
    KeLowerIrql(Old);
    KeFlushQueuedDpcs();
    assert_int_equal(Seen.Count, 1);
    assert_int_equal(Self.Count, 1000);
    TestStop();
}

static VOID
Chain(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    REQUEUE *Self = Context;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    // Runs on one processor at a time, since it is queued once; the next one takes over.
    if (++Self->Count < TEST_ROUNDS(20000))
    {
        KeSetTargetProcessorDpc(Dpc, (CCHAR)(Self->Count % KeQueryActiveProcessorCount(NULL)));
        assert_true(KeInsertQueueDpc(Dpc, NULL, NULL));
        return;
    }
    __atomic_store_n(&Self->Stop, 1, __ATOMIC_RELEASE);
}

static void
DpcsQueueToEachOthersProcessors(void **State)
{
    REQUEUE Self = {.Count = 0};

    (void)State;
    TestStart(2);
    KeInitializeDpc(&Self.Dpc, Chain, &Self);
    assert_true(KeInsertQueueDpc(&Self.Dpc, NULL, NULL));
    AwaitCount(&Self.Stop, 1);
    KeFlushQueuedDpcs();
    assert_int_equal(Self.Count, TEST_ROUNDS(20000));
    TestStop();
}

typedef struct FREED
{
    KDPC Dpc;
    unsigned Runs;
} FREED;

static VOID
Touch(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ((FREED *)Context)->Runs++;
}

// Insert on another processor, flush, free: ASan and TSan see a DPC that is touched afterwards.
static void
AfterAFlushADpcMayBeFreed(void **State)
{
    (void)State;
    TestStart(3);
    for (unsigned i = 0; i < TEST_ROUNDS(5000); i++)
    {
        FREED *Item = malloc(sizeof(*Item));

        Item->Runs = 0;
        KeInitializeDpc(&Item->Dpc, Touch, Item);
        KeSetTargetProcessorDpc(&Item->Dpc, (CCHAR)(i % 3));
        assert_true(KeInsertQueueDpc(&Item->Dpc, NULL, NULL));
        KeFlushQueuedDpcs();
        assert_int_equal(Item->Runs, 1);
        memset(Item, 0xDD, sizeof(*Item));
        free(Item);
    }
    TestStop();
}

typedef struct MANY
{
    KDPC Dpc;
    unsigned Inserted;  // atomic
    unsigned Runs;      // atomic: a DPC may run on two processors at once
    unsigned Removed;   // atomic
} MANY;

static VOID
CountRun(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    assert_ptr_equal(Argument1, Argument2);  // both from one insertion
    __atomic_add_fetch(&((MANY *)Context)->Runs, 1, __ATOMIC_RELAXED);
}

static void
InsertMany(void *Context)
{
    MANY *Many = Context;

    for (ULONG_PTR i = 0; i < TEST_ROUNDS(20000); i++)
    {
        KIRQL Old = KeRaiseIrqlToDpcLevel();

        KeSetTargetProcessorDpc(&Many->Dpc, (CCHAR)(i % 3));
        if (KeInsertQueueDpc(&Many->Dpc, (PVOID)i, (PVOID)i))
        {
            __atomic_add_fetch(&Many->Inserted, 1, __ATOMIC_RELAXED);
        }
        if (i % 7 == 0 && KeRemoveQueueDpc(&Many->Dpc))
        {
            __atomic_add_fetch(&Many->Removed, 1, __ATOMIC_RELAXED);
        }
        KeLowerIrql(Old);
    }
}

static void
EachInsertionRunsOrIsRemovedOnce(void **State)
{
    MANY Many = {.Runs = 0};
    TEST_THREAD Threads[3];

    (void)State;
    TestStart(3);
    KeInitializeDpc(&Many.Dpc, CountRun, &Many);
    for (unsigned i = 0; i < 3; i++)
    {
        TestThreadStart(&Threads[i], InsertMany, &Many);
    }
    for (unsigned i = 0; i < 3; i++)
    {
        TestThreadJoin(&Threads[i]);
    }
    KeFlushQueuedDpcs();
    assert_int_equal(__atomic_load_n(&Many.Runs, __ATOMIC_RELAXED) + Many.Removed, Many.Inserted);
    assert_null(KiFindDpcIn(NULL, (void *)UINTPTR_MAX));
    TestStop();
}

static void
QueuedDpcsAreFoundByAddress(void **State)
{
    KDPC Dpcs[2];
    KIRQL Old;

    (void)State;
    TestStart(2);
    memset(&Seen, 0, sizeof(Seen));
    KeInitializeDpc(&Dpcs[0], Note, NULL);
    KeInitializeDpc(&Dpcs[1], Note, NULL);
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&Dpcs[1], NULL, NULL);
    assert_null(KiFindDpcIn(&Dpcs[0], &Dpcs[1]));
    assert_ptr_equal(KiFindDpcIn(&Dpcs[1], &Dpcs[2]), &Dpcs[1]);
    KeLowerIrql(Old);
    assert_null(KiFindDpcIn(&Dpcs[0], &Dpcs[2]));
    TestStop();
}

static VOID
LowersIrql(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeLowerIrql(PASSIVE_LEVEL);
}

static VOID
KeepsALock(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    static KSPIN_LOCK Lock;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&Lock);
}

static VOID
Waits(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KEVENT Event;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
}

static void
RunLowersIrql(void)
{
    KDPC Dpc;

    KeInitializeDpc(&Dpc, LowersIrql, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static void
RunKeepsALock(void)
{
    KDPC Dpc;

    KeInitializeDpc(&Dpc, KeepsALock, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static void
RunWaits(void)
{
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Waits, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static void
InsertGarbage(void)
{
    KDPC Dpc;

    memset(&Dpc, 0, sizeof(Dpc));
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static void
InitializeQueued(void)
{
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, NULL);
    (void)KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeInitializeDpc(&Dpc, Note, NULL);
}

static void
FlushTooHigh(void)
{
    (void)KeRaiseIrqlToDpcLevel();
    KeFlushQueuedDpcs();
}

static void
TargetNowhere(void)
{
    KDPC Dpc;

    KeInitializeDpc(&Dpc, Note, NULL);
    KeSetTargetProcessorDpc(&Dpc, 2);
}

static void
MisuseIsABugCheck(void **State)
{
    (void)State;
    TestExpectBugCheck(RunLowersIrql, "DRIVER_VERIFIER_DETECTED_VIOLATION", "lowered IRQL", NULL);
    TestExpectBugCheck(RunKeepsALock, "IRQL_UNEXPECTED_VALUE", "1 spin lock", NULL);
    TestExpectBugCheck(RunWaits, "ATTEMPTED_SWITCH_FROM_DPC", "KeWaitForSingleObject", NULL);
    TestExpectBugCheck(InsertGarbage, "DRIVER_VERIFIER_DETECTED_VIOLATION", "KeInitializeDpc",
                       NULL);
    TestExpectBugCheck(InitializeQueued, "TIMER_OR_DPC_INVALID", "queued", NULL);
    TestExpectBugCheck(FlushTooHigh, "IRQL_NOT_LESS_OR_EQUAL", "KeFlushQueuedDpcs", NULL);
    TestExpectBugCheck(TargetNowhere, "DRIVER_VERIFIER_DETECTED_VIOLATION", "no processor 2", NULL);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(RunsBeforeInsertReturnsAtPassive),
        cmocka_unit_test(RunsInOrderWhenIrqlDrops),
        cmocka_unit_test(RemovingTheLastKeepsTheQueueWhole),
        cmocka_unit_test(ATargetedDpcRunsOnItsProcessor),
        cmocka_unit_test(ADpcThatRequeuesItselfLetsTheThreadGo),
        cmocka_unit_test(AFlushRunsWhatWasOvertakenToo),
        cmocka_unit_test(DpcsQueueToEachOthersProcessors),
        cmocka_unit_test(AfterAFlushADpcMayBeFreed),
        cmocka_unit_test(EachInsertionRunsOrIsRemovedOnce),
        cmocka_unit_test(QueuedDpcsAreFoundByAddress),
        cmocka_unit_test(MisuseIsABugCheck),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("ke.dpc", Tests, NULL, NULL);
}
