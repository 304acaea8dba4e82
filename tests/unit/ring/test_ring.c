// SPDX-License-Identifier: MIT
// Unit tests of the ring, both sides on one thread: layout, wrap, loss, hostile positions, arming.

#include "ring_fixture.h"

static uint8_t Buffer[1u << 20];

static UPCALL_RING_DRAINED
Drain(FIXTURE *Fixture, uint32_t Room)
{
    UPCALL_RING_DRAINED drained;
    memset(&drained, 0xCC, sizeof(drained));
    memset(Buffer, 0xCC, sizeof(Buffer));
    UpcallRingDrain(&Fixture->Consumer, Buffer, Room, &drained);
    assert_int_equal(Buffer[drained.Bytes], 0xCC);
    return drained;
}

static void
one_record(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    assert_int_equal(UpcallRingIsEmpty(&fixture->Consumer), 1);
    assert_int_equal(FixturePut(fixture, 1, 13, 0), 1);
    // Written but not published: not there.
    assert_int_equal(UpcallRingIsEmpty(&fixture->Consumer), 1);
    UpcallRingPublish(&fixture->Producer);
    assert_int_equal(UpcallRingQueuedBytes(&fixture->Consumer), 32);
    UPCALL_RING_DRAINED drained = Drain(fixture, 4096);
    assert_int_equal(drained.Bytes, 32);
    assert_int_equal(drained.Records, 1);
    assert_int_equal(drained.LostRecords, 0);
    assert_int_equal(drained.PayloadBytes, 13);
    assert_int_equal(drained.NeededBytes, 0);
    assert_int_equal(drained.Corrupt, 0);
    assert_int_equal(CheckRecord(Buffer, 0, 1, 13, 0), 32);
    assert_int_equal(UpcallRingIsEmpty(&fixture->Consumer), 1);
    FixtureFree(fixture);
}

static void
empty_and_timestamped_records(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    assert_int_equal(FixturePut(fixture, 1, 0, 0), 1);
    assert_int_equal(FixturePut(fixture, 2, 0, UPCALL_RECORD_TIMESTAMPED), 1);
    assert_int_equal(FixturePut(fixture, 3, 9, UPCALL_RECORD_TIMESTAMPED), 1);
    UpcallRingPublish(&fixture->Producer);
    UPCALL_RING_DRAINED drained = Drain(fixture, 4096);
    assert_int_equal(drained.Records, 3);
    uint32_t at = CheckRecord(Buffer, 0, 1, 0, 0);
    assert_int_equal(at, 16);
    at = CheckRecord(Buffer, at, 2, 0, UPCALL_RECORD_TIMESTAMPED);
    assert_int_equal(at, 40);
    at = CheckRecord(Buffer, at, 3, 9, UPCALL_RECORD_TIMESTAMPED);
    assert_int_equal(at, drained.Bytes);
    FixtureFree(fixture);
}

// Every length against every place in the ring, across the wrap of the 32-bit positions.
static void
every_length_wraps(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    FixtureStartAt(fixture, 0xFFFFF000u);
    uint64_t sequence = 0;
    uint32_t longest = UPCALL_MAX_QUEUED_BYTES(4096) - UPCALL_RECORD_HEADER_BYTES;
    for (uint32_t length = 0; length <= longest; length++)
    {
        sequence++;
        assert_int_equal(FixturePut(fixture, sequence, length, 0), 1);
        UpcallRingPublish(&fixture->Producer);
        UPCALL_RING_DRAINED drained = Drain(fixture, 4096);
        assert_int_equal(drained.Records, 1);
        assert_int_equal(CheckRecord(Buffer, 0, sequence, length, 0), drained.Bytes);
    }
    assert_int_equal(fixture->Producer.LostTotal, 0);
    FixtureFree(fixture);
}

// Mixed lengths, several queued at a time, drained through buffers of any size: whole records only.
static void
batches_are_whole_records(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(8192);
    uint32_t random = 12345;
    uint64_t put = 0;
    uint64_t got = 0;
    uint32_t lengths[64];
    for (uint32_t round = 0; round < 20000; round++)
    {
        random = random * 1664525u + 1013904223u;
        uint32_t length = (random >> 8) % 900u;
        if (put - got < 64 && FixturePut(fixture, put + 1, length, 0))
        {
            lengths[put % 64] = length;
            put++;
            UpcallRingPublish(&fixture->Producer);
            continue;
        }
        // Full, or as many as we remember: the refusal is not to be a loss of this test.
        uint32_t room = (random >> 4) % 4096u;
        UPCALL_RING_DRAINED drained = Drain(fixture, room);
        assert_true(drained.Bytes <= room);
        if (drained.Records == 0)
        {
            assert_int_equal(drained.NeededBytes, UpcallRecordBytes(lengths[got % 64], 0));
            assert_true(drained.NeededBytes > room);
        }
        uint32_t at = 0;
        for (uint32_t i = 0; i < drained.Records; i++)
        {
            UPCALL_RECORD_HEADER header;
            memcpy(&header, Buffer + at, sizeof(header));
            if (header.Flags & UPCALL_RECORD_LOST)
            {
                at += UpcallRecordBytes(header.Length, 0);
                continue;
            }
            at = CheckRecord(Buffer, at, got + 1, lengths[got % 64], 0);
            got++;
        }
        assert_int_equal(at, drained.Bytes);
        if (put - got >= 64 || fixture->Producer.LossCount != 0)
        {
            // The refused one will come again with the same number, and the gap with it.
            fixture->Producer.LossCount = 0;
        }
    }
    assert_true(got > 1000);
    FixtureFree(fixture);
}

static void
full_ring_counts_and_places_the_loss(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    uint64_t sequence = 0;
    while (FixturePut(fixture, ++sequence, 48, 0))
    {
    }
    // 4096 / 64 fit; the next is lost, and two more with gaps in their numbers, as masks make them.
    assert_int_equal(sequence, 65);
    assert_int_equal(FixturePut(fixture, 70, 48, 0), 0);
    assert_int_equal(FixturePut(fixture, 80, 48, 0), 0);
    assert_int_equal(fixture->Producer.LostTotal, 3);
    UpcallRingPublish(&fixture->Producer);

    // Room for one record, but not for the lost record and it: still lost, with no byte written.
    UPCALL_RING_DRAINED drained = Drain(fixture, 64);
    assert_int_equal(drained.Records, 1);
    assert_int_equal(FixturePut(fixture, 81, 48, 0), 0);
    drained = Drain(fixture, 64);
    assert_int_equal(drained.Records, 1);
    assert_int_equal(FixturePut(fixture, 82, 48, 0), 1);
    UpcallRingPublish(&fixture->Producer);
    assert_int_equal(UpcallRingHasUntoldLoss(&fixture->Consumer), 1);

    drained = Drain(fixture, sizeof(Buffer) - 1);
    assert_int_equal(drained.Records, 62 + 1 + 1);
    assert_int_equal(drained.LostRecords, 1);
    uint32_t at = 0;
    for (uint64_t expected = 3; expected <= 64; expected++)
    {
        at = CheckRecord(Buffer, at, expected, 48, 0);
    }
    at = CheckLost(Buffer, at, 65, 81, 4, 4);
    at = CheckRecord(Buffer, at, 82, 48, 0);
    assert_int_equal(at, drained.Bytes);
    assert_int_equal(UpcallRingHasUntoldLoss(&fixture->Consumer), 0);
    FixtureFree(fixture);
}

static void
loss_that_is_last_is_taken_once_in_its_place(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    UPCALL_LOST lost;
    uint64_t sequence = 0;
    assert_int_equal(UpcallRingTakeGap(&fixture->Producer, 0, &lost), 0);
    while (FixturePut(fixture, ++sequence, 48, 0))
    {
    }
    UpcallRingPublish(&fixture->Producer);
    // Records before the gap have not been read: its place is not reached.
    assert_int_equal(UpcallRingTakeGap(&fixture->Producer, fixture->Consumer.Head, &lost), 0);
    UPCALL_RING_DRAINED drained = Drain(fixture, sizeof(Buffer) - 1);
    assert_int_equal(drained.Records, 64);
    assert_int_equal(UpcallRingIsEmpty(&fixture->Consumer), 1);
    assert_int_equal(UpcallRingHasUntoldLoss(&fixture->Consumer), 1);
    // An untold loss is news: no sleep.
    assert_int_equal(UpcallRingArm(&fixture->Consumer), 0);
    assert_int_equal(UpcallRingTakeGap(&fixture->Producer, fixture->Consumer.Head, &lost), 1);
    UpcallRingToldLoss(&fixture->Consumer, lost.TotalCount);
    assert_int_equal(lost.Count, 1);
    assert_int_equal(lost.FirstSequence, 65);
    assert_int_equal(lost.LastSequence, 65);
    assert_int_equal(lost.TotalCount, 1);
    assert_int_equal(UpcallRingTakeGap(&fixture->Producer, fixture->Consumer.Head, &lost), 0);
    assert_int_equal(UpcallRingArm(&fixture->Consumer), 1);
    // The next record carries no lost record any more.
    assert_int_equal(FixturePut(fixture, 66, 8, 0), 1);
    UpcallRingPublish(&fixture->Producer);
    drained = Drain(fixture, 4096);
    assert_int_equal(drained.Records, 1);
    assert_int_equal(drained.LostRecords, 0);
    FixtureFree(fixture);
}

static void
record_too_long_for_the_queue_is_always_lost(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    uint32_t longest = UPCALL_MAX_QUEUED_BYTES(4096) - UPCALL_RECORD_HEADER_BYTES;
    for (uint32_t start = 0; start < 4096; start += 8)
    {
        FixtureStartAt(fixture, start);
        fixture->Producer.LossCount = 0;
        // Longest behind a lost record, from every offset of an empty ring, fits.
        assert_int_equal(FixturePut(fixture, 1, longest + 1, 0), 0);
        assert_int_equal(FixturePut(fixture, 2, longest, 0), 1);
        UpcallRingPublish(&fixture->Producer);
        UPCALL_RING_DRAINED drained = Drain(fixture, sizeof(Buffer) - 1);
        assert_int_equal(drained.Records, 2);
        uint32_t at = CheckLost(Buffer, 0, 1, 1, 1, start / 8 + 1);
        assert_int_equal(CheckRecord(Buffer, at, 2, longest, 0), drained.Bytes);
    }
    FixtureFree(fixture);
}

// What an application may write into Head. Each must break its own ring and nothing else.
static void
hostile_head(uint32_t Head)
{
    FIXTURE *fixture = FixtureCreate(4096);
    FixtureStartAt(fixture, 1024);
    for (uint64_t sequence = 1; sequence <= 64; sequence++)
    {
        assert_int_equal(FixturePut(fixture, sequence, 48, 0), 1);
    }
    UpcallRingPublish(&fixture->Producer);
    fixture->ConsumerLines.Head = Head;
    assert_int_equal(FixturePut(fixture, 65, 48, 0), 0);
    assert_int_equal(fixture->Producer.Broken, 1);
    assert_int_equal(fixture->Producer.KnownHead, 1024);
    // For good: an honest Head comes too late.
    fixture->ConsumerLines.Head = 1024 + 4096;
    assert_int_equal(FixturePut(fixture, 66, 48, 0), 0);
    assert_int_equal(fixture->Producer.LostTotal, 2);
    FixtureFree(fixture);
}

static void
head_moved_backward(void **State)
{
    (void)State;
    hostile_head(1016);
}

static void
head_past_tail(void **State)
{
    (void)State;
    hostile_head(1024 + 4096 + 8);
}

static void
head_misaligned(void **State)
{
    (void)State;
    hostile_head(1024 + 12);
}

static void
head_half_the_number_space_away(void **State)
{
    (void)State;
    hostile_head(1024u + 0x80000000u);
}

static void
corrupt_records_are_not_followed(void **State)
{
    (void)State;
    const UPCALL_RECORD_HEADER bad[] = {
        {.Length = 0xFFFFFFF0u},
        {.Length = UPCALL_MAX_RECORD_BYTES + 1},
        {.Length = 33},                             // past Tail
        {.Length = 8, .Flags = UPCALL_RECORD_PAD},  // a pad that does not reach the end
        {.Length = 0, .Flags = UPCALL_RECORD_PAD},
        {.Length = 30, .Flags = UPCALL_RECORD_TIMESTAMPED},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        FIXTURE *fixture = FixtureCreate(4096);
        assert_int_equal(FixturePut(fixture, 1, 8, 0), 1);
        assert_int_equal(FixturePut(fixture, 2, 32, 0), 1);
        memcpy(fixture->Ring.Data + 24, &bad[i], sizeof(bad[i]));
        UpcallRingPublish(&fixture->Producer);
        UPCALL_RING_DRAINED drained = Drain(fixture, 4096);
        assert_int_equal(drained.Corrupt, 1);
        assert_int_equal(drained.Records, 1);
        assert_int_equal(CheckRecord(Buffer, 0, 1, 8, 0), drained.Bytes);
        FixtureFree(fixture);
    }
}

static void
doorbell_rings_once_for_each_arming(void **State)
{
    (void)State;
    FIXTURE *fixture = FixtureCreate(4096);
    // Not armed: no ring.
    assert_int_equal(FixturePut(fixture, 1, 8, 0), 1);
    UpcallRingPublish(&fixture->Producer);
    assert_int_equal(UpcallRingTakeArmed(&fixture->Producer), 0);
    // Not empty: not armed.
    assert_int_equal(UpcallRingArm(&fixture->Consumer), 0);
    assert_int_equal(UpcallRingTakeArmed(&fixture->Producer), 0);
    Drain(fixture, 4096);
    assert_int_equal(UpcallRingArm(&fixture->Consumer), 1);
    assert_int_equal(FixturePut(fixture, 2, 8, 0), 1);
    UpcallRingPublish(&fixture->Producer);
    assert_int_equal(UpcallRingTakeArmed(&fixture->Producer), 1);
    assert_int_equal(UpcallRingTakeArmed(&fixture->Producer), 0);
    // A loss rings like a record.
    Drain(fixture, 4096);
    assert_int_equal(UpcallRingArm(&fixture->Consumer), 1);
    assert_int_equal(FixturePut(fixture, 3, 4000, 0), 0);
    assert_int_equal(UpcallRingTakeArmed(&fixture->Producer), 1);
    FixtureFree(fixture);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_record),
        cmocka_unit_test(empty_and_timestamped_records),
        cmocka_unit_test(every_length_wraps),
        cmocka_unit_test(batches_are_whole_records),
        cmocka_unit_test(full_ring_counts_and_places_the_loss),
        cmocka_unit_test(loss_that_is_last_is_taken_once_in_its_place),
        cmocka_unit_test(record_too_long_for_the_queue_is_always_lost),
        cmocka_unit_test(head_moved_backward),
        cmocka_unit_test(head_past_tail),
        cmocka_unit_test(head_misaligned),
        cmocka_unit_test(head_half_the_number_space_away),
        cmocka_unit_test(corrupt_records_are_not_followed),
        cmocka_unit_test(doorbell_rings_once_for_each_arming),
    };
    if (argc > 1)
    {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
