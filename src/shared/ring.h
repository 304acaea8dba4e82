// SPDX-License-Identifier: MIT
// The queue of one subscription: a ring of records with one producer, one consumer and a doorbell.
#ifndef UPCALL_SHARED_RING_H
#define UPCALL_SHARED_RING_H

#include <stdint.h>

#include <upcall/protocol.h>

// Shared positions are free-running 32-bit byte counts; the capacity is a power of two, so position
// & (capacity - 1) is the place. Records are UPCALL_RECORD_ALIGNMENT-aligned and never wrap: a pad
// fills the ring's end. The bytes from Head up to Tail are the consumer's, all others the
// producer's; the hand-overs are Tail (stored with release, loaded with acquire) one way and Head
// the other.
//
// The doorbell, when the consumer has drained and wants to sleep:
//
//     producer                                   consumer
//     store Tail or LostMark    (release)        store Armed = 1
//     FULL FENCE                                 FULL FENCE
//     load Armed; if set, exchange it with 0;    load Tail and LostMark; if new: Armed = 0, go on
//       if it was 1: ring                          else sleep
//
// Of the two loads at least one sees the other side's store, or both fences would have come first.
// Hence no sleeper is missed, and each arming rings at most once. Release and acquire are not
// enough, on x86 either: there, too, a load may pass an older store.

// Two lines of 64 bytes: processors prefetch them as a pair.
#define UPCALL_LINE_PAIR 128u

// Written by the producer only.
typedef struct UPCALL_RING_PRODUCER_LINE
{
    uint32_t Tail;      // end of what is published
    uint32_t LostMark;  // low half of the cumulative lost count; news if not the one told
    uint8_t Padding[UPCALL_LINE_PAIR - 8];
} UPCALL_RING_PRODUCER_LINE;

// Written by the consumer; Armed also taken back by the producer.
typedef struct UPCALL_RING_CONSUMER_LINES
{
    uint32_t Head;  // end of what has been consumed
    uint8_t HeadPadding[UPCALL_LINE_PAIR - 4];
    uint32_t Armed;  // 1: the consumer wants the doorbell
    uint8_t ArmedPadding[UPCALL_LINE_PAIR - 4];
} UPCALL_RING_CONSUMER_LINES;

_Static_assert(sizeof(UPCALL_RING_PRODUCER_LINE) == UPCALL_LINE_PAIR, "producer line");
_Static_assert(sizeof(UPCALL_RING_CONSUMER_LINES) == 2 * UPCALL_LINE_PAIR, "consumer lines");
_Static_assert(offsetof(UPCALL_RING_CONSUMER_LINES, Armed) == UPCALL_LINE_PAIR, "Armed's line");

// A ring as both sides see it.
typedef struct UPCALL_RING
{
    UPCALL_RING_PRODUCER_LINE *Producer;
    UPCALL_RING_CONSUMER_LINES *Consumer;
    uint8_t *Data;      // aligned to UPCALL_RECORD_ALIGNMENT
    uint32_t Capacity;  // power of two, UPCALL_MIN_QUEUE_BYTES or more
} UPCALL_RING;

// The producer's private state. One thread at a time (the driver: under the channel's lock).
typedef struct UPCALL_RING_PRODUCER
{
    UPCALL_RING Ring;
    uint32_t Tail;       // end of what has been written, published or not
    uint32_t KnownHead;  // Head as last read and found good
    uint32_t Broken;     // 1: Head was impossible; the ring takes no record any more
    uint64_t LossCount;  // records missed since the last one that was put: the open gap
    uint64_t LossFirst;  // sequence numbers of its ends
    uint64_t LossLast;
    uint64_t LostTotal;  // records missed since the beginning
    uint64_t PutTotal;   // records put since the beginning
} UPCALL_RING_PRODUCER;

// The consumer's private state. One thread at a time (the driver: under the subscription's lock).
typedef struct UPCALL_RING_CONSUMER
{
    UPCALL_RING Ring;
    uint32_t Head;       // end of what has been consumed, published or not
    uint32_t KnownTail;  // Tail as last read
    uint32_t LostTold;   // LostMark up to which losses have been told
} UPCALL_RING_CONSUMER;

// A record to be put.
typedef struct UPCALL_RING_RECORD
{
    const void *Data;  // Length bytes; may be NULL if Length is 0
    uint32_t Length;
    uint8_t Topic;
    uint16_t Flags;  // 0 or UPCALL_RECORD_TIMESTAMPED
    uint64_t Sequence;
    uint64_t Timestamp;  // if UPCALL_RECORD_TIMESTAMPED
} UPCALL_RING_RECORD;

// Both sides of a ring whose lines and data are zero begin with these.
void UpcallRingInitializeProducer(UPCALL_RING_PRODUCER *Producer, const UPCALL_RING *Ring);
void UpcallRingInitializeConsumer(UPCALL_RING_CONSUMER *Consumer, const UPCALL_RING *Ring);

// Writes the record behind what is there, preceded by a lost record if a gap is open; or, if it
// does not fit, adds it to the open gap and to LostMark. Returns 1 if it was put, 0 if it is lost.
// Nothing of what was put is visible before UpcallRingPublish.
uint32_t UpcallRingPut(UPCALL_RING_PRODUCER *Producer, const UPCALL_RING_RECORD *Record);

// Makes everything put so far visible.
void UpcallRingPublish(UPCALL_RING_PRODUCER *Producer);

// Behind UpcallRingPublish (or a loss) AND a UpcallFullFence: 1 if the doorbell must be rung now.
uint32_t UpcallRingTakeArmed(UPCALL_RING_PRODUCER *Producer);

// If a gap is open and the consumer, at Head, has consumed all that was put before it: closes the
// gap, fills *Lost and returns 1. Else 0. The caller excludes the producer. This is how a loss is
// told when no record follows that could carry the news.
uint32_t UpcallRingTakeGap(UPCALL_RING_PRODUCER *Producer, uint32_t Head, UPCALL_LOST *Lost);

// What UpcallRingDrain moved.
typedef struct UPCALL_RING_DRAINED
{
    uint32_t Bytes;        // written to the buffer; a multiple of UPCALL_RECORD_ALIGNMENT
    uint32_t Records;      // lost records included
    uint32_t LostRecords;  // of these
    uint32_t
        NeededBytes;  // nothing moved although there is a record: the room that it needs; else 0
    uint64_t PayloadBytes;  // lost records not included
    uint32_t Corrupt;       // 1: the ring holds what no producer writes; nothing more can be read
} UPCALL_RING_DRAINED;

// Copies as many whole records as fit into Room bytes, in order, and gives their place back to the
// producer. Buffer is aligned to UPCALL_RECORD_ALIGNMENT.
void UpcallRingDrain(UPCALL_RING_CONSUMER *Consumer, void *Buffer, uint32_t Room,
                     UPCALL_RING_DRAINED *Drained);

// 1 if all that was visible has been consumed. (There may still be an untold loss.)
uint32_t UpcallRingIsEmpty(UPCALL_RING_CONSUMER *Consumer);

// 1 if a loss has been counted that the consumer has not told yet and has not met as a record.
uint32_t UpcallRingHasUntoldLoss(const UPCALL_RING_CONSUMER *Consumer);

// Says that the loss up to the total has been told.
void UpcallRingToldLoss(UPCALL_RING_CONSUMER *Consumer, uint64_t LostTotal);

// The consumer's half of the handshake, when the ring is empty and no loss untold. 1: armed, the
// doorbell will be rung for whatever comes next. 0: something has come, go on draining; a doorbell
// may have been rung for it all the same.
uint32_t UpcallRingArm(UPCALL_RING_CONSUMER *Consumer);

// Bytes visible and not yet consumed.
uint32_t UpcallRingQueuedBytes(UPCALL_RING_CONSUMER *Consumer);

// Bytes that a record takes in a ring and in a batch.
static inline uint32_t
UpcallRecordBytes(uint32_t Length, uint32_t Flags)
{
    uint32_t bytes = UPCALL_RECORD_HEADER_BYTES + Length;
    if (Flags & UPCALL_RECORD_TIMESTAMPED)
    {
        bytes += UPCALL_TIMESTAMP_BYTES;
    }
    return (bytes + UPCALL_RECORD_ALIGNMENT - 1u) & ~(UPCALL_RECORD_ALIGNMENT - 1u);
}

#endif
