// SPDX-License-Identifier: MIT
// The poll set: readiness, hang-up, deadlines, wake-ups.
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <unistd.h>

static void
ReadinessAndHangUpAreReported(void **State)
{
    OS_POLL *Poll;
    void *Key = NULL;
    int First[2];
    int Second[2];
    char Byte;

    (void)State;
    assert_int_equal(pipe2(First, O_CLOEXEC), 0);
    assert_int_equal(pipe2(Second, O_CLOEXEC), 0);
    assert_int_equal(OsPollCreate(&Poll), OS_OK);
    assert_int_equal(OsPollAdd(Poll, First[0], First), OS_OK);
    assert_int_equal(OsPollAdd(Poll, Second[0], Second), OS_OK);
    assert_int_equal(OsPollAdd(Poll, Second[0], Second), OS_E_EXISTS);
    assert_int_equal(OsPollAdd(Poll, -1, Second), OS_E_INVALID);
    assert_int_equal(OsPollWait(Poll, 0, &Key), OS_E_TIMEOUT);
    assert_int_equal(write(Second[1], "x", 1), 1);
    assert_int_equal(OsPollWait(Poll, OS_FOREVER, &Key), OS_OK);
    assert_ptr_equal(Key, Second);
    assert_int_equal(OsPollWait(Poll, OS_FOREVER, &Key), OS_OK);  // still readable: still told
    assert_ptr_equal(Key, Second);
    assert_int_equal(read(Second[0], &Byte, 1), 1);
    assert_int_equal(OsPollWait(Poll, 0, &Key), OS_E_TIMEOUT);
    OsClose(First[1]);
    assert_int_equal(OsPollWait(Poll, OS_FOREVER, &Key), OS_OK);
    assert_ptr_equal(Key, First);
    OsPollRemove(Poll, First[0]);
    assert_int_equal(OsPollWait(Poll, 0, &Key), OS_E_TIMEOUT);
    OsPollDelete(Poll);
    OsClose(First[0]);
    OsClose(Second[0]);
    OsClose(Second[1]);
}

static void
DeadlineIsNotEarly(void **State)
{
    OS_POLL *Poll;
    void *Key;
    uint64_t Deadline = OsMonotonicNs() + 2500000;

    (void)State;
    assert_int_equal(OsPollCreate(&Poll), OS_OK);
    assert_int_equal(OsPollWait(Poll, Deadline, &Key), OS_E_TIMEOUT);
    assert_true(OsMonotonicNs() >= Deadline);
    OsPollDelete(Poll);
}

static void
WakeUp(void *Context)
{
    OsPollWakeUp(Context);
}

static void
EachWakeUpEndsOneWait(void **State)
{
    OS_POLL *Poll;
    OS_THREAD *Thread;
    void *Key = State;

    (void)State;
    assert_int_equal(OsPollCreate(&Poll), OS_OK);
    OsPollWakeUp(Poll);
    OsPollWakeUp(Poll);
    assert_int_equal(OsPollWait(Poll, OS_FOREVER, &Key), OS_OK);
    assert_null(Key);
    assert_int_equal(OsPollWait(Poll, OS_FOREVER, &Key), OS_OK);
    assert_int_equal(OsPollWait(Poll, 0, &Key), OS_E_TIMEOUT);
    Key = State;
    assert_int_equal(OsThreadStart(WakeUp, Poll, "wake", &Thread), OS_OK);
    assert_int_equal(OsPollWait(Poll, OS_FOREVER, &Key), OS_OK);
    assert_null(Key);
    OsThreadJoin(Thread);
    OsPollDelete(Poll);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(ReadinessAndHangUpAreReported),
        cmocka_unit_test(DeadlineIsNotEarly),
        cmocka_unit_test(EachWakeUpEndsOneWait),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.poll", Tests, NULL, NULL);
}
