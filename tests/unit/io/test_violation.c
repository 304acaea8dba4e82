// SPDX-License-Identifier: MIT
// What the verifier says about IRPs: each violation in a child process that must end with status 3.
#include "fixture.h"

#include "../child.h"

static void
Start(void)
{
    CHECK(StartHost(NULL) == 0);
}

static NTSTATUS
SendOne(void)
{
    NTHOST_PROCESS *Process;
    IO_STATUS_BLOCK Iosb;
    NTSTATUS Status;
    HANDLE File;

    CHECK(NthostAttachProcess("test", "user", &Process, NULL, NULL) == 0);
    CHECK(OpenDevice(L"\\??\\IoTest", GENERIC_READ | GENERIC_WRITE, 0, &File) == STATUS_SUCCESS);
    UCHAR Output[8];
    Status = Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, Output, sizeof(Output));
    CHECK(NtClose(File) == STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
    return Status;
}

// The hook of the violation under test sees device controls only.
static BOOLEAN
IsControl(PIRP Irp)
{
    return IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_DEVICE_CONTROL;
}

static void
Finish(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

static BOOLEAN
Clean(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    Finish(Irp, STATUS_SUCCESS, 8);
    *Status = STATUS_SUCCESS;
    return TRUE;
}

static BOOLEAN
Twice(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    (void)Status;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    Finish(Irp, STATUS_SUCCESS, 0);
    Finish(Irp, STATUS_SUCCESS, 0);
    return TRUE;
}

static PIRP Kept;

static BOOLEAN
Keep(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    Kept = Irp;
    Finish(Irp, STATUS_SUCCESS, 0);
    *Status = STATUS_SUCCESS;
    return TRUE;
}

static VOID
NeverCalled(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    (void)Irp;
}

static BOOLEAN
CancelSet(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    (void)Status;
    if (IsControl(Irp))
    {
        (void)IoSetCancelRoutine(Irp, NeverCalled);
        Finish(Irp, STATUS_SUCCESS, 0);
    }
    return FALSE;
}

static BOOLEAN
WithPending(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    (void)Status;
    if (IsControl(Irp))
    {
        Finish(Irp, STATUS_PENDING, 0);
    }
    return FALSE;
}

static BOOLEAN
UnmarkedPending(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    Finish(Irp, STATUS_SUCCESS, 0);
    *Status = STATUS_PENDING;
    return TRUE;
}

static BOOLEAN
MarkedNotPending(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    IoMarkIrpPending(Irp);
    Finish(Irp, STATUS_SUCCESS, 0);
    *Status = STATUS_SUCCESS;
    return TRUE;
}

static BOOLEAN
NotCompleted(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    *Status = STATUS_SUCCESS;
    return TRUE;
}

static BOOLEAN
TooMuch(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    Finish(Irp, STATUS_BUFFER_OVERFLOW, 9);
    *Status = STATUS_BUFFER_OVERFLOW;
    return TRUE;
}

static BOOLEAN
UnderLock(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    static KSPIN_LOCK Lock;
    KIRQL Irql;

    (void)Device;
    (void)Status;
    if (IsControl(Irp))
    {
        KeAcquireSpinLock(&Lock, &Irql);
        Finish(Irp, STATUS_SUCCESS, 0);
    }
    return FALSE;
}

static BOOLEAN
LeavesRaised(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    KIRQL Irql;

    (void)Device;
    if (!IsControl(Irp))
    {
        return FALSE;
    }
    Finish(Irp, STATUS_SUCCESS, 0);
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    *Status = STATUS_SUCCESS;
    return TRUE;
}

#define RUN(Name, Hook)         \
    static void Run##Name(void) \
    {                           \
        Start();                \
        TestHook = Hook;        \
        (void)SendOne();        \
        TestHook = NULL;        \
        NthostStop();           \
    }
RUN(Clean, Clean)
RUN(Twice, Twice)
RUN(CancelSet, CancelSet)
RUN(WithPending, WithPending)
RUN(UnmarkedPending, UnmarkedPending)
RUN(MarkedNotPending, MarkedNotPending)
RUN(NotCompleted, NotCompleted)
RUN(TooMuch, TooMuch)
RUN(UnderLock, UnderLock)
RUN(LeavesRaised, LeavesRaised)

#define CASE(Name, Routine, Header, Text)      \
    static void Name(void **State)             \
    {                                          \
        (void)State;                           \
        AssertBugCheck(Routine, Header, Text); \
    }
// AddressSanitizer, where it is, speaks first.
#define BUFFER_CASE(Name, Routine, Code, Meaning)                             \
    static void Name(void **State)                                            \
    {                                                                         \
        static CHILD Child;                                                   \
        (void)State;                                                          \
        RunChild(Routine, &Child);                                            \
        assert_int_not_equal(Child.Exit, 0);                                  \
        if (strstr(Child.Text, "AddressSanitizer: use-after-poison") == NULL) \
        {                                                                     \
            AssertText(&Child, Code);                                         \
            AssertText(&Child, Meaning);                                      \
            assert_int_equal(Child.Exit, 3);                                  \
        }                                                                     \
    }
#define IOMANAGER "DRIVER_VERIFIER_IOMANAGER_VIOLATION"

static void
clean(void **State)
{
    (void)State;
    AssertClean(RunClean);
}
CASE(completed_twice, RunTwice, "MULTIPLE_IRP_COMPLETE_REQUESTS", "Completed first by")
CASE(cancel_routine_set, RunCancelSet, IOMANAGER, "cancel routine was still set")
CASE(completed_with_pending, RunWithPending, IOMANAGER, "completed with the status 0x00000103")
CASE(pending_not_marked, RunUnmarkedPending, IOMANAGER,
     "of iotest returned STATUS_PENDING for an IRP that it had not marked")
CASE(marked_not_pending, RunMarkedNotPending, IOMANAGER,
     "of iotest marked an IRP pending but did not return")
CASE(returned_without_completion, RunNotCompleted, IOMANAGER,
     "of iotest returned 0x00000000 without having completed the IRP")
CASE(information_too_large, RunTooMuch, IOMANAGER,
     "Information 9, but the caller's buffer has 8 bytes")
CASE(completed_under_lock, RunUnderLock, "DRIVER_VERIFIER_DETECTED_VIOLATION",
     "IoCompleteRequest was called with 1 spin lock(s) held")
CASE(dispatch_leaves_irql, RunLeavesRaised, IOMANAGER,
     "was called at IRQL 0 and returned at IRQL 2")

// ---- After the end ----

static void
RunTouched(void)
{
    Start();
    TestHook = Keep;
    (void)SendOne();
    TestHook = NULL;
    Kept->IoStatus.Information = 1;  // the driver's stale pointer
    for (ULONG Index = 0; Index < 200; Index++)
    {
        (void)SendOne();
    }
}
CASE(written_after_completion, RunTouched, IOMANAGER,
     "was written to at offset 0x38 after it had been completed and freed; iotest had it last")

static PVOID KeptBuffer;

static BOOLEAN
KeepBuffer(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    if (IsControl(Irp))
    {
        KeptBuffer = Irp->AssociatedIrp.SystemBuffer;
    }
    return Keep(Device, Irp, Status);
}

static void
RunBufferTouched(void)
{
    Start();
    TestHook = KeepBuffer;
    (void)SendOne();
    TestHook = NULL;
    ((PUCHAR)KeptBuffer)[3] = 1;
    for (ULONG Index = 0; Index < 200; Index++)
    {
        (void)SendOne();
    }
}
BUFFER_CASE(buffer_written_after_completion, RunBufferTouched, IOMANAGER,
            "the system buffer of an IRP was written to at offset 0x3")

static BOOLEAN
Overrun(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    if (IsControl(Irp))
    {
        ((PUCHAR)Irp->AssociatedIrp.SystemBuffer)[8] = 1;
    }
    return Keep(Device, Irp, Status);
}
RUN(Overrun, Overrun)
BUFFER_CASE(buffer_overrun, RunOverrun, "DRIVER_CORRUPTED_EXPOOL",
            "iotest wrote beyond the end of a system buffer of 8 bytes (byte 8)")

static void
RunCompletedLate(void)
{
    Start();
    TestHook = Keep;
    (void)SendOne();
    Finish(Kept, STATUS_SUCCESS, 0);
}
CASE(completed_after_free, RunCompletedLate, "MULTIPLE_IRP_COMPLETE_REQUESTS",
     "already completed or freed; iotest had it last")

static VOID
ForgetsTheLock(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    (void)Irp;
}

static void
RunCancelLock(void)
{
    PIRP Irp;

    Start();
    Irp = IoAllocateIrp(1, FALSE);
    (void)IoSetCancelRoutine(Irp, ForgetsTheLock);
    (void)IoCancelIrp(Irp);
}
CASE(cancel_routine_keeps_lock, RunCancelLock, IOMANAGER, "must release the cancel spin lock, once")

static void
RunFreeTwice(void)
{
    PIRP Irp;

    Start();
    Irp = IoAllocateIrp(1, FALSE);
    IoFreeIrp(Irp);
    IoFreeIrp(Irp);
}
CASE(freed_twice, RunFreeTwice, IOMANAGER, "IoFreeIrp")

static void
RunOwnToTheEnd(void)
{
    PIRP Irp;

    Start();
    Irp = IoAllocateIrp(TestDevice->StackSize, FALSE);
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    (void)IoCallDriver(TestDevice, Irp);
}
CASE(own_irp_without_routine, RunOwnToTheEnd, IOMANAGER, "came to the end of its stack")

static void
RunNoStack(void)
{
    PIRP Irp;

    Start();
    Irp = IoAllocateIrp(1, FALSE);
    IoSetNextIrpStackLocation(Irp);
    (void)IoCallDriver(TestDevice, Irp);
}
CASE(no_stack_location_left, RunNoStack, "NO_MORE_IRP_STACK_LOCATIONS",
     "has no stack location left")

// ---- At unload ----

static void
RunForgottenIrp(void)
{
    Start();
    Plan.Action = ActHold;
    IopRundownPatienceMs = 10;
    (void)SendOne();
    NthostStop();
}
CASE(forgotten_irp, RunForgottenIrp, "DRIVER_VERIFIER_DETECTED_VIOLATION",
     "an IRP (IRP_MJ_DEVICE_CONTROL) that iotest never completed")

static VOID
LazyUnload(PDRIVER_OBJECT Driver)
{
    (void)Driver;
}

static void
RunLeftDevice(void)
{
    Start();
    TestDriver->DriverUnload = LazyUnload;
    NthostStop();
}
CASE(forgotten_device, RunLeftDevice, "DRIVER_VERIFIER_DETECTED_VIOLATION",
     "the device \\Device\\IoDirect (IoCreateDevice without IoDeleteDevice)")

static void
RunLeftWorkItem(void)
{
    Start();
    (void)IoAllocateWorkItem(TestDevice);
    NthostStop();
}
CASE(forgotten_work_item, RunLeftWorkItem, "DRIVER_VERIFIER_DETECTED_VIOLATION",
     "a work item (IoAllocateWorkItem without IoFreeWorkItem)")

static VOID
EmptyWork(PDEVICE_OBJECT Device, PVOID Context)
{
    (void)Device;
    (void)KeWaitForSingleObject(Context, Executive, KernelMode, FALSE, NULL);
}

static void
RunQueuedTwice(void)
{
    static KEVENT Never;
    PIO_WORKITEM Items[2];

    Start();
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    Items[0] = IoAllocateWorkItem(TestDevice);
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    // Whether a worker took it already does not matter: it waits for ever, and the second is queued.
    for (ULONG Index = 0; Index < 64; Index++)
    {
        IoQueueWorkItem(IoAllocateWorkItem(TestDevice), EmptyWork, DelayedWorkQueue, &Never);
    }
    IoQueueWorkItem(Items[0], EmptyWork, DelayedWorkQueue, &Never);
    IoQueueWorkItem(Items[0], EmptyWork, DelayedWorkQueue, &Never);
}
CASE(work_item_queued_twice, RunQueuedTwice, "DRIVER_VERIFIER_DETECTED_VIOLATION",
     "was queued while it was queued already")

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_REPORT(clean),
        IO_REPORT(completed_twice),
        IO_REPORT(cancel_routine_set),
        IO_REPORT(completed_with_pending),
        IO_REPORT(pending_not_marked),
        IO_REPORT(marked_not_pending),
        IO_REPORT(returned_without_completion),
        IO_REPORT(information_too_large),
        IO_REPORT(completed_under_lock),
        IO_REPORT(dispatch_leaves_irql),
        IO_REPORT(written_after_completion),
        IO_REPORT(buffer_written_after_completion),
        IO_REPORT(buffer_overrun),
        IO_REPORT(completed_after_free),
        IO_REPORT(cancel_routine_keeps_lock),
        IO_REPORT(freed_twice),
        IO_REPORT(own_irp_without_routine),
        IO_REPORT(no_stack_location_left),
        IO_REPORT(forgotten_irp),
        IO_REPORT(forgotten_device),
        IO_REPORT(forgotten_work_item),
        IO_REPORT(work_item_queued_twice),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
