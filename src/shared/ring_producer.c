// SPDX-License-Identifier: MIT
// The producer's half of the ring: reserve, write, publish, count what does not fit.

#include <string.h>

#include "atomics.h"
#include "ring.h"

#define LOST_RECORD_BYTES (UPCALL_RECORD_HEADER_BYTES + (uint32_t)sizeof(UPCALL_LOST))

void
UpcallRingInitializeProducer(UPCALL_RING_PRODUCER *Producer, const UPCALL_RING *Ring)
{
    memset(Producer, 0, sizeof(*Producer));
    Producer->Ring = *Ring;
}

// Reads Head once and believes it only if it lies between the last good one and our Tail, aligned.
// In a RING subscription the application writes it and may write anything; a bad one must cost
// nobody but that application.
static void
RefreshHead(UPCALL_RING_PRODUCER *Producer)
{
    // Acquire: pairs with the consumer's release of Head. Its reads of the bytes it gives back have
    // happened before our writes to them.
    uint32_t head = UpcallLoadAcquire(&Producer->Ring.Consumer->Head);
    uint32_t used = Producer->Tail - head;
    uint32_t usedBefore = Producer->Tail - Producer->KnownHead;
    if (used > usedBefore || (head & (UPCALL_RECORD_ALIGNMENT - 1u)) != 0)
    {
        Producer->Broken = 1;
        return;
    }
    Producer->KnownHead = head;
}

// The position at which Bytes fit without wrapping, at Position or behind a pad.
static uint32_t
Place(const UPCALL_RING *Ring, uint32_t Position, uint32_t Bytes)
{
    uint32_t untilEnd = Ring->Capacity - (Position & (Ring->Capacity - 1u));
    return untilEnd < Bytes ? Position + untilEnd : Position;
}

// Fills From..To with a pad. It may be 8 bytes long only, so no more than 8 bytes are written.
static void
WritePad(const UPCALL_RING *Ring, uint32_t From, uint32_t To)
{
    if (From != To)
    {
        uint8_t *at = Ring->Data + (From & (Ring->Capacity - 1u));
        UPCALL_RECORD_HEADER pad = {.Length = To - From, .Flags = UPCALL_RECORD_PAD};
        memcpy(at, &pad, UPCALL_RECORD_ALIGNMENT);
    }
}

static void
WriteRecord(const UPCALL_RING *Ring, uint32_t Position, const UPCALL_RING_RECORD *Record,
            uint32_t Bytes)
{
    uint8_t *at = Ring->Data + (Position & (Ring->Capacity - 1u));
    UPCALL_RECORD_HEADER header = {.Length = Record->Length,
                                   .Topic = Record->Topic,
                                   .Flags = Record->Flags,
                                   .Sequence = Record->Sequence};
    // The rounding is zeroed first, so that a batch is the same bytes whatever the ring held
    // before.
    memset(at + Bytes - UPCALL_RECORD_ALIGNMENT, 0, UPCALL_RECORD_ALIGNMENT);
    memcpy(at, &header, sizeof(header));
    at += sizeof(header);
    if (Record->Flags & UPCALL_RECORD_TIMESTAMPED)
    {
        memcpy(at, &Record->Timestamp, UPCALL_TIMESTAMP_BYTES);
        at += UPCALL_TIMESTAMP_BYTES;
    }
    if (Record->Length != 0)
    {
        memcpy(at, Record->Data, Record->Length);
    }
}

static void
CountLost(UPCALL_RING_PRODUCER *Producer, uint64_t Sequence)
{
    if (Producer->LossCount == 0)
    {
        Producer->LossFirst = Sequence;
    }
    Producer->LossLast = Sequence;
    Producer->LossCount++;
    Producer->LostTotal++;
    // Release: pairs with the consumer's acquire in UpcallRingHasUntoldLoss and UpcallRingArm. A
    // consumer that sees the loss also sees every record published before it.
    UpcallStoreRelease(&Producer->Ring.Producer->LostMark, (uint32_t)Producer->LostTotal);
}

uint32_t
UpcallRingPut(UPCALL_RING_PRODUCER *Producer, const UPCALL_RING_RECORD *Record)
{
    const UPCALL_RING *ring = &Producer->Ring;
    uint32_t bytes = UpcallRecordBytes(Record->Length, Record->Flags);
    uint32_t lostBytes = Producer->LossCount != 0 ? LOST_RECORD_BYTES : 0;
    // A longer record might fit or not, depending on where the ring's end happens to lie. Refusing
    // it always makes the limit a number: pad + lost record + pad + record <= capacity.
    if (bytes > UPCALL_MAX_QUEUED_BYTES(ring->Capacity) || Producer->Broken)
    {
        CountLost(Producer, Record->Sequence);
        return 0;
    }

    uint32_t lostAt = Place(ring, Producer->Tail, lostBytes);
    uint32_t recordAt = Place(ring, lostAt + lostBytes, bytes);
    uint32_t needed = recordAt + bytes - Producer->Tail;
    if (needed > ring->Capacity - (Producer->Tail - Producer->KnownHead))
    {
        RefreshHead(Producer);
        if (Producer->Broken || needed > ring->Capacity - (Producer->Tail - Producer->KnownHead))
        {
            CountLost(Producer, Record->Sequence);
            return 0;
        }
    }

    WritePad(ring, Producer->Tail, lostAt);
    if (lostBytes != 0)
    {
        UPCALL_LOST lost = {.Count = Producer->LossCount,
                            .FirstSequence = Producer->LossFirst,
                            .LastSequence = Producer->LossLast,
                            .TotalCount = Producer->LostTotal};
        UPCALL_RING_RECORD record = {.Data = &lost,
                                     .Length = sizeof(lost),
                                     .Flags = UPCALL_RECORD_LOST,
                                     .Sequence = lost.FirstSequence};
        WriteRecord(ring, lostAt, &record, lostBytes);
        Producer->LossCount = 0;
    }
    WritePad(ring, lostAt + lostBytes, recordAt);
    WriteRecord(ring, recordAt, Record, bytes);
    Producer->Tail = recordAt + bytes;
    Producer->PutTotal++;
    return 1;
}

void
UpcallRingPublish(UPCALL_RING_PRODUCER *Producer)
{
    // Release: pairs with the consumer's acquire of Tail; what was written is visible with it.
    UpcallStoreRelease(&Producer->Ring.Producer->Tail, Producer->Tail);
}

uint32_t
UpcallRingTakeArmed(UPCALL_RING_PRODUCER *Producer)
{
    // Relaxed: the caller's full fence orders it behind the store of Tail or LostMark; it pairs
    // with the fence in UpcallRingArm. The exchange makes one of several finders the only ringer.
    uint32_t *armed = &Producer->Ring.Consumer->Armed;
    return UpcallLoadRelaxed(armed) != 0 && UpcallExchange(armed, 0) == 1u;
}

uint32_t
UpcallRingTakeGap(UPCALL_RING_PRODUCER *Producer, uint32_t Head, UPCALL_LOST *Lost)
{
    // If the consumer is not at our Tail, records were put before this gap that it has not read:
    // the gap's place is behind them.
    if (Producer->LossCount == 0 || Producer->Tail != Head)
    {
        return 0;
    }
    Lost->Count = Producer->LossCount;
    Lost->FirstSequence = Producer->LossFirst;
    Lost->LastSequence = Producer->LossLast;
    Lost->TotalCount = Producer->LostTotal;
    Producer->LossCount = 0;
    return 1;
}
