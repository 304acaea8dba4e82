// SPDX-License-Identifier: MIT
// Contract cases of two processes: a subscription belongs to the process that made it.

#include "cases.h"

// The two meet by these events; whoever comes first creates them.
typedef struct MEETING
{
    HANDLE Ready;
    HANDLE Done;
} MEETING;

static MEETING
Meet(void)
{
    MEETING meeting;
    meeting.Ready = CreateEventW(NULL, TRUE, FALSE, L"Global\\Contract-foreign-ready");
    meeting.Done = CreateEventW(NULL, TRUE, FALSE, L"Global\\Contract-foreign-done");
    CHECK_CALL(meeting.Ready != NULL);
    CHECK_CALL(meeting.Done != NULL);
    return meeting;
}

void
foreign_owner(const SIGNAL *Signal)
{
    (void)Signal;
    MEETING meeting = Meet();
    UPCALL_CONNECTION *connection = Open();
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    CHECK_CALL(event != NULL);
    HANDLE file = OpenRaw(0);
    HANDLE feeder = OpenFeed();
    UPCALL_SUBSCRIBE_INPUT input = RawInput(event);
    ULONGLONG id;
    CHECK_EQUAL(RawSubscribe(file, &input, &id), ERROR_SUCCESS);
    // The channel's first: the other process knows its number.
    CHECK_EQUAL(id, 1);
    CHECK_CALL(SetEvent(meeting.Ready));
    CHECK_EQUAL(WaitForSingleObject(meeting.Done, DEADLINE_MS), WAIT_OBJECT_0);
    // Nothing has happened to it.
    UPCALL_SUBSCRIPTION_INPUT mine = {.Size = sizeof(mine), .SubscriptionId = id};
    UPCALL_SUBSCRIPTION_STATISTICS statistics;
    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_QUERY_SUBSCRIPTION, &mine, sizeof(mine), &statistics,
                           sizeof(statistics), NULL),
                ERROR_SUCCESS);
    CHECK_EQUAL(statistics.Delivered, 0);
    Feed(feeder, 0, 0, 1, 8);
    CHECK_EQUAL(WaitForSingleObject(event, DEADLINE_MS), WAIT_OBJECT_0);
    CHECK_EQUAL(RawUnsubscribe(file, id), ERROR_SUCCESS);
    CHECK_EQUAL(UpcallClose(connection), ERROR_SUCCESS);
}

void
foreign_intruder(const SIGNAL *Signal)
{
    (void)Signal;
    MEETING meeting = Meet();
    CHECK_EQUAL(WaitForSingleObject(meeting.Ready, DEADLINE_MS), WAIT_OBJECT_0);
    HANDLE file = OpenRaw(0);
    UPCALL_SUBSCRIPTION_INPUT theirs = {.Size = sizeof(theirs), .SubscriptionId = 1};
    UPCALL_SUBSCRIPTION_STATISTICS statistics;
    memset(&statistics, 0xCC, sizeof(statistics));
    CHECK_EQUAL(RawControl(file, UPCALL_IOCTL_QUERY_SUBSCRIPTION, &theirs, sizeof(theirs),
                           &statistics, sizeof(statistics), NULL),
                ERROR_ACCESS_DENIED);
    CHECK_EQUAL(statistics.Size, 0xCCCCCCCCu);
    CHECK_EQUAL(RawUnsubscribe(file, 1), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(RawUnsubscribe(file, 2), ERROR_NOT_FOUND);
    CHECK_CALL(SetEvent(meeting.Done));
    CloseHandle(file);
}
