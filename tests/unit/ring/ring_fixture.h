// SPDX-License-Identifier: MIT
// A ring with both its sides, for tests: memory with guard bytes around the data.
#ifndef RING_FIXTURE_H
#define RING_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "shared/atomics.h"
#include "shared/ring.h"

#define GUARD_BYTES 64u
#define GUARD       0xA5

typedef struct FIXTURE
{
    UPCALL_RING_PRODUCER_LINE ProducerLine;
    UPCALL_RING_CONSUMER_LINES ConsumerLines;
    UPCALL_RING Ring;
    UPCALL_RING_PRODUCER Producer;
    UPCALL_RING_CONSUMER Consumer;
    uint8_t *Memory;
} FIXTURE;

static inline FIXTURE *
FixtureCreate(uint32_t Capacity)
{
    FIXTURE *fixture = aligned_alloc(128, (sizeof(FIXTURE) + 127u) & ~(size_t)127u);
    assert_non_null(fixture);
    memset(fixture, 0, sizeof(*fixture));
    fixture->Memory = aligned_alloc(64, Capacity + 2u * GUARD_BYTES);
    assert_non_null(fixture->Memory);
    memset(fixture->Memory, GUARD, Capacity + 2u * GUARD_BYTES);
    fixture->Ring.Producer = &fixture->ProducerLine;
    fixture->Ring.Consumer = &fixture->ConsumerLines;
    fixture->Ring.Data = fixture->Memory + GUARD_BYTES;
    fixture->Ring.Capacity = Capacity;
    UpcallRingInitializeProducer(&fixture->Producer, &fixture->Ring);
    UpcallRingInitializeConsumer(&fixture->Consumer, &fixture->Ring);
    return fixture;
}

// Moves both positions, so that a test can begin anywhere: near the wrap of 32 bits, for one.
static inline void
FixtureStartAt(FIXTURE *Fixture, uint32_t Position)
{
    Fixture->ProducerLine.Tail = Position;
    Fixture->ConsumerLines.Head = Position;
    Fixture->Producer.Tail = Position;
    Fixture->Producer.KnownHead = Position;
    Fixture->Consumer.Head = Position;
    Fixture->Consumer.KnownTail = Position;
}

static inline void
FixtureFree(FIXTURE *Fixture)
{
    for (uint32_t i = 0; i < GUARD_BYTES; i++)
    {
        assert_int_equal(Fixture->Memory[i], GUARD);
        assert_int_equal(Fixture->Memory[GUARD_BYTES + Fixture->Ring.Capacity + i], GUARD);
    }
    free(Fixture->Memory);
    free(Fixture);
}

// Byte i of record Sequence.
static inline uint8_t
PatternByte(uint64_t Sequence, uint32_t Index)
{
    return (uint8_t)(Sequence * 31u + Index * 7u);
}

static inline uint32_t
FixturePut(FIXTURE *Fixture, uint64_t Sequence, uint32_t Length, uint16_t Flags)
{
    static _Thread_local uint8_t payload[UPCALL_MAX_RECORD_BYTES];
    for (uint32_t i = 0; i < Length; i++)
    {
        payload[i] = PatternByte(Sequence, i);
    }
    UPCALL_RING_RECORD record = {.Data = payload,
                                 .Length = Length,
                                 .Topic = (uint8_t)(Sequence % UPCALL_MAX_TOPICS),
                                 .Flags = Flags,
                                 .Sequence = Sequence,
                                 .Timestamp = Sequence * 1000u};
    return UpcallRingPut(&Fixture->Producer, &record);
}

// Checks one record of a drained buffer and returns the place of the next.
static inline uint32_t
CheckRecord(const uint8_t *Buffer, uint32_t Offset, uint64_t Sequence, uint32_t Length,
            uint16_t Flags)
{
    UPCALL_RECORD_HEADER header;
    memcpy(&header, Buffer + Offset, sizeof(header));
    assert_int_equal(header.Length, Length);
    assert_int_equal(header.Topic, Sequence % UPCALL_MAX_TOPICS);
    assert_int_equal(header.Reserved, 0);
    assert_int_equal(header.Flags, Flags);
    assert_int_equal(header.Sequence, Sequence);
    const uint8_t *payload = Buffer + Offset + sizeof(header);
    if (Flags & UPCALL_RECORD_TIMESTAMPED)
    {
        uint64_t timestamp;
        memcpy(&timestamp, payload, sizeof(timestamp));
        assert_int_equal(timestamp, Sequence * 1000u);
        payload += UPCALL_TIMESTAMP_BYTES;
    }
    for (uint32_t i = 0; i < Length; i++)
    {
        assert_int_equal(payload[i], PatternByte(Sequence, i));
    }
    uint32_t next = Offset + UpcallRecordBytes(Length, Flags);
    // The rounding is zero whatever was in the ring.
    for (const uint8_t *byte = payload + Length; byte < Buffer + next; byte++)
    {
        assert_int_equal(*byte, 0);
    }
    return next;
}

// Checks a lost record and returns the place of the next.
static inline uint32_t
CheckLost(const uint8_t *Buffer, uint32_t Offset, uint64_t First, uint64_t Last, uint64_t Count,
          uint64_t Total)
{
    UPCALL_RECORD_HEADER header;
    UPCALL_LOST lost;
    memcpy(&header, Buffer + Offset, sizeof(header));
    memcpy(&lost, Buffer + Offset + sizeof(header), sizeof(lost));
    assert_int_equal(header.Length, sizeof(lost));
    assert_int_equal(header.Topic, 0);
    assert_int_equal(header.Flags, UPCALL_RECORD_LOST);
    assert_int_equal(header.Sequence, First);
    assert_int_equal(lost.FirstSequence, First);
    assert_int_equal(lost.LastSequence, Last);
    assert_int_equal(lost.Count, Count);
    assert_int_equal(lost.TotalCount, Total);
    return Offset + UpcallRecordBytes(sizeof(lost), 0);
}

#endif
