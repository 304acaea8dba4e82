// SPDX-License-Identifier: MIT
// Synchronous handles: one request at a time, the position, and a close that waits.
#include "fixture.h"

#include "syscall/services.h"

static BOOLEAN
CountInFlight(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    (void)Device;
    if (IoGetCurrentIrpStackLocation(Irp)->MajorFunction != IRP_MJ_DEVICE_CONTROL)
    {
        return FALSE;
    }
    OsLockAcquire(&SeenLock);
    if (++Seen.InFlight > Seen.MostInFlight)
    {
        Seen.MostInFlight = Seen.InFlight;
    }
    OsLockRelease(&SeenLock);
    OsYield();
    OsLockAcquire(&SeenLock);
    Seen.InFlight--;
    OsLockRelease(&SeenLock);
    *Status = STATUS_SUCCESS;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return TRUE;
}

static uint32_t Failures;

static void
ManyRequests(void *Context)
{
    for (ULONG Round = 0; Round < ROUNDS(2000u); Round++)
    {
        IO_STATUS_BLOCK Iosb;

        if (Control(Context, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0) != STATUS_SUCCESS ||
            Iosb.Status != STATUS_SUCCESS)
        {
            __atomic_add_fetch(&Failures, 1, __ATOMIC_SEQ_CST);
        }
    }
}

static void
threads_take_turns(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(SYNCHRONOUS);
    APP_THREAD Threads[3];

    (void)State;
    Failures = 0;
    TestHook = CountInFlight;
    for (ULONG Index = 0; Index < 3; Index++)
    {
        StartAppThread(&Threads[Index], ManyRequests, File);
    }
    for (ULONG Index = 0; Index < 3; Index++)
    {
        JoinAppThread(&Threads[Index]);
    }
    TestHook = NULL;
    assert_int_equal(Failures, 0);
    assert_int_equal(Seen.MostInFlight, 1);
    NthostDetachProcess(Process, 0);
}

static void
OneRequest(void *Context)
{
    IO_STATUS_BLOCK Iosb;
    uint64_t Arguments[10] = {(uint64_t)(uintptr_t)Context, 0,         0, 0,
                              (uint64_t)(uintptr_t)&Iosb,   IOCTL_ECHO};

    (void)NthostCall(Nts_NtDeviceIoControlFile, Arguments);
}

static void
second_waits_for_the_first(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(SYNCHRONOUS);
    APP_THREAD First, Second;

    (void)State;
    Plan.Action = ActQueue;
    StartAppThread(&First, OneRequest, File);
    TestAwaitQueued(1);
    StartAppThread(&Second, OneRequest, File);
    AwaitWaiting(Second.Thread);
    assert_int_equal(Seen.Queued, 1);  // the driver has not seen the second
    assert_true(TestRelease(STATUS_SUCCESS, 0));
    JoinAppThread(&First);
    TestAwaitQueued(2);
    while (!TestRelease(STATUS_SUCCESS, 0))
    {
        OsYield();
    }
    JoinAppThread(&Second);
    NthostDetachProcess(Process, 0);
}

static void
CloseIt(void *Context)
{
    uint64_t Handle = (uint64_t)(uintptr_t)Context;

    (void)NthostCall(Nts_NtClose, &Handle);
}

static void
cleanup_waits_for_the_request(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(SYNCHRONOUS);
    APP_THREAD Request, Closer;

    (void)State;
    Plan.Action = ActQueue;
    StartAppThread(&Request, OneRequest, File);
    TestAwaitQueued(1);
    StartAppThread(&Closer, CloseIt, File);
    AwaitWaiting(Closer.Thread);
    assert_int_equal(Seen.Count, 2);  // create and the request: no cleanup yet
    assert_true(TestRelease(STATUS_SUCCESS, 0));
    JoinAppThread(&Request);
    JoinAppThread(&Closer);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 1);
    NthostDetachProcess(Process, 0);
}

static void
death_while_waiting_for_the_lock(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE File = OpenTest(SYNCHRONOUS);
    APP_THREAD First, Second, Closer;

    (void)State;
    Plan.Action = ActQueue;
    StartAppThread(&First, OneRequest, File);
    TestAwaitQueued(1);
    StartAppThread(&Second, OneRequest, File);
    AwaitWaiting(Second.Thread);
    StartAppThread(&Closer, CloseIt, File);
    AwaitWaiting(Closer.Thread);
    NthostDetachProcess(Process, 0);
    JoinAppThread(&First);
    JoinAppThread(&Second);
    JoinAppThread(&Closer);
    // The second may have got the lock from the dying first before its own turn to die came.
    assert_in_range(Seen.Queued, 1, 2);
    assert_int_equal(Seen.Cancelled, Seen.Queued);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 1);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 1);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(threads_take_turns),
        IO_TEST(second_waits_for_the_first),
        IO_TEST(cleanup_waits_for_the_request),
        IO_TEST(death_while_waiting_for_the_lock),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
