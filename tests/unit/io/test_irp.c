// SPDX-License-Identifier: MIT
// IRPs between drivers: stack locations, completion routines, IRPs that drivers make themselves.
#include "fixture.h"

typedef struct STEP
{
    NTSTATUS Answer;
    ULONG Calls;
    PDEVICE_OBJECT Device;
    BOOLEAN Pending;
    KEVENT Event;
} STEP;

static NTSTATUS
Stop(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    STEP *Step = Context;

    Step->Calls++;
    Step->Device = Device;
    Step->Pending = Irp->PendingReturned;
    KeSetEvent(&Step->Event, IO_NO_INCREMENT, FALSE);
    return Step->Answer;
}

static PIRP
MakeIrp(STEP *Step, BOOLEAN OnSuccess, BOOLEAN OnError, BOOLEAN OnCancel)
{
    PIRP Irp = IoAllocateIrp(TestDevice->StackSize, FALSE);

    assert_non_null(Irp);
    assert_int_equal(Irp->Type, IO_TYPE_IRP);
    assert_int_equal(Irp->Size, IoSizeOfIrp(TestDevice->StackSize));
    assert_int_equal(Irp->CurrentLocation, Irp->StackCount + 1);
    memset(Step, 0, sizeof(*Step));
    Step->Answer = STATUS_MORE_PROCESSING_REQUIRED;
    KeInitializeEvent(&Step->Event, NotificationEvent, FALSE);
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(Irp, Stop, Step, OnSuccess, OnError, OnCancel);
    return Irp;
}

static void
own_irp(void **State)
{
    STEP Step;
    PIRP Irp = MakeIrp(&Step, TRUE, TRUE, TRUE);

    (void)State;
    Plan.Information = 17;
    assert_status(IoCallDriver(TestDevice, Irp), STATUS_SUCCESS);
    assert_int_equal(Step.Calls, 1);
    assert_null(Step.Device);  // the maker has no stack location of its own
    assert_false(Step.Pending);
    assert_int_equal(Irp->IoStatus.Information, 17);

    // Again, the same IRP.
    IoReuseIrp(Irp, STATUS_NOT_SUPPORTED);
    assert_status(Irp->IoStatus.Status, STATUS_NOT_SUPPORTED);
    assert_int_equal(Irp->CurrentLocation, Irp->StackCount + 1);
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(Irp, Stop, &Step, TRUE, TRUE, TRUE);
    Plan.Action = ActQueue;
    KeClearEvent(&Step.Event);
    assert_status(IoCallDriver(TestDevice, Irp), STATUS_PENDING);
    assert_int_equal(Step.Calls, 1);
    assert_true(TestRelease(STATUS_DEVICE_NOT_READY, 0));
    assert_int_equal(Step.Calls, 2);
    assert_true(Step.Pending);
    assert_status(Irp->IoStatus.Status, STATUS_DEVICE_NOT_READY);
    IoFreeIrp(Irp);
}

static void
cancel_own_irp(void **State)
{
    STEP Step;
    PIRP Irp = MakeIrp(&Step, FALSE, FALSE, TRUE);

    (void)State;
    Plan.Action = ActQueue;
    assert_false(IoCancelIrp(Irp));  // nobody has it yet
    assert_true(Irp->Cancel);
    assert_status(IoCallDriver(TestDevice, Irp), STATUS_PENDING);
    // The queue saw Cancel when it was inserted.
    assert_int_equal(Step.Calls, 1);
    assert_int_equal(Seen.Cancelled, 1);
    IoFreeIrp(Irp);

    Irp = MakeIrp(&Step, FALSE, TRUE, FALSE);
    assert_status(IoCallDriver(TestDevice, Irp), STATUS_PENDING);
    assert_int_equal(Step.Calls, 0);
    assert_true(IoCancelIrp(Irp));
    assert_int_equal(Step.Calls, 1);
    assert_status(Irp->IoStatus.Status, STATUS_CANCELLED);
    IoFreeIrp(Irp);
}

// ---- A filter above the test device ----

static PDEVICE_OBJECT Filter, Lower;
static BOOLEAN FilterSkips, FilterForgets;
static STEP FilterStep;

static NTSTATUS
FilterDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    STEP *Step = Context;

    Step->Calls++;
    Step->Device = Device;
    Step->Pending = Irp->PendingReturned;
    if (Irp->PendingReturned)
    {
        IoMarkIrpPending(Irp);
    }
    return STATUS_CONTINUE_COMPLETION;
}

static BOOLEAN
FilterHook(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    if (Device != Filter)
    {
        return FALSE;
    }
    if (FilterSkips)
    {
        IoSkipCurrentIrpStackLocation(Irp);
    }
    else
    {
        IoCopyCurrentIrpStackLocationToNext(Irp);
    }
    if (!FilterSkips && !FilterForgets)
    {
        IoSetCompletionRoutine(Irp, FilterDone, &FilterStep, TRUE, TRUE, TRUE);
    }
    *Status = IoCallDriver(Lower, Irp);
    return TRUE;
}

static void
AttachFilter(void)
{
    assert_status(IoCreateDevice(TestDriver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Filter),
                  STATUS_SUCCESS);
    Lower = IoAttachDeviceToDeviceStack(Filter, TestDevice);
    assert_ptr_equal(Lower, TestDevice);
    assert_int_equal(Filter->StackSize, TestDevice->StackSize + 1);
    assert_ptr_equal(IoGetAttachedDevice(TestDevice), Filter);
    Filter->Flags |= TestDevice->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO);
    Filter->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    TestHook = FilterHook;
}

static void
DetachFilter(void)
{
    TestHook = NULL;
    IoDetachDevice(Lower);
    assert_ptr_equal(IoGetAttachedDevice(TestDevice), TestDevice);
    IoDeleteDevice(Filter);
}

static void
through_a_filter(void **State)
{
    NTHOST_PROCESS *Process;
    HANDLE File;
    IO_STATUS_BLOCK Iosb;

    (void)State;
    AttachFilter();
    for (ULONG Way = 0; Way < 3; Way++)
    {
        FilterSkips = Way == 1;
        FilterForgets =
            Way == 2;  // no completion routine: the I/O manager passes "pending" up itself
        Plan.Action = ActComplete;
        Plan.Information = 0;
        Process = BecomeProcess("user");
        File = OpenTest(0);
        memset(&FilterStep, 0, sizeof(FilterStep));
        assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0),
                      STATUS_SUCCESS);
        assert_status(Iosb.Status, STATUS_SUCCESS);
        assert_int_equal(FilterStep.Calls, Way == 0 ? 1 : 0);
        Plan.Action = ActPendAndComplete;
        assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0),
                      STATUS_PENDING);
        assert_status(Iosb.Status, STATUS_SUCCESS);
        Plan.Action = ActQueue;
        assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0),
                      STATUS_PENDING);
        assert_true(TestRelease(STATUS_DEVICE_NOT_READY, 0));
        assert_status(Iosb.Status, STATUS_DEVICE_NOT_READY);
        if (Way == 0)
        {
            assert_int_equal(FilterStep.Calls, 3);
            assert_ptr_equal(FilterStep.Device, Filter);
            assert_true(FilterStep.Pending);
        }
        NthostDetachProcess(Process, 0);
    }
    DetachFilter();
}

// ---- IRPs that end by themselves ----

static void
build_control(void **State)
{
    IO_STATUS_BLOCK Iosb;
    KEVENT Event;
    UCHAR Input[4] = {9, 8, 7, 6};
    UCHAR Output[4] = {0};
    char Data[] = "data";
    PIRP Irp;

    (void)State;
    for (ULONG Way = 0; Way < 2; Way++)
    {
        memset(Output, 0, sizeof(Output));
        PoisonIosb(&Iosb);
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        Irp = IoBuildDeviceIoControlRequest(IOCTL_ECHO, TestDevice, Input, sizeof(Input), Output,
                                            sizeof(Output), FALSE, &Event, &Iosb);
        assert_non_null(Irp);
        Plan.Action = Way == 0 ? ActComplete : ActQueue;
        Plan.Information = 4;
        if (IoCallDriver(TestDevice, Irp) == STATUS_PENDING)
        {
            assert_true(TestRelease(STATUS_SUCCESS, 4));
        }
        assert_status(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL),
                      STATUS_SUCCESS);
        assert_status(Iosb.Status, STATUS_SUCCESS);
        assert_int_equal(Iosb.Information, 4);
        assert_memory_equal(Output, Input, 4);
    }
    Irp = IoBuildSynchronousFsdRequest(IRP_MJ_WRITE, TestDevice, Data, 4, NULL, &Event, &Iosb);
    assert_non_null(Irp);
    KeClearEvent(&Event);
    Plan.Action = ActComplete;
    assert_status(IoCallDriver(TestDevice, Irp), STATUS_SUCCESS);
    assert_memory_equal(Seen.Data, "data", 4);
    assert_true(KeReadStateEvent(&Event) != 0);
}

// ---- Work items ----

static PDEVICE_OBJECT WorkDevice;
static KEVENT WorkDone;

static VOID
Work(PDEVICE_OBJECT Device, PVOID Context)
{
    WorkDevice = Device;
    IoFreeWorkItem(Context);
    KeSetEvent(&WorkDone, IO_NO_INCREMENT, FALSE);
}

static VOID
WorkEx(PVOID Object, PVOID Context, PIO_WORKITEM Item)
{
    WorkDevice = Object;
    if (*(PULONG)Context != 0)
    {
        --*(PULONG)Context;
        IoQueueWorkItemEx(Item, WorkEx, DelayedWorkQueue, Context);
        return;
    }
    IoFreeWorkItem(Item);
    KeSetEvent(&WorkDone, IO_NO_INCREMENT, FALSE);
}

static void
work_items(void **State)
{
    PIO_WORKITEM Item = IoAllocateWorkItem(TestDevice);
    ULONG Again = 100;
    KIRQL Irql;

    (void)State;
    KeInitializeEvent(&WorkDone, SynchronizationEvent, FALSE);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    IoQueueWorkItem(Item, Work, DelayedWorkQueue, Item);
    KeLowerIrql(Irql);
    assert_status(KeWaitForSingleObject(&WorkDone, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    assert_ptr_equal(WorkDevice, TestDevice);
    Item = IoAllocateWorkItem(TestDevice);
    IoQueueWorkItemEx(Item, WorkEx, CriticalWorkQueue, &Again);
    assert_status(KeWaitForSingleObject(&WorkDone, Executive, KernelMode, FALSE, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Again, 0);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(own_irp),       IO_TEST(cancel_own_irp), IO_TEST(through_a_filter),
        IO_TEST(build_control), IO_TEST(work_items),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
