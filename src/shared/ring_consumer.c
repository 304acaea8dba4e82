// SPDX-License-Identifier: MIT
// The consumer's half of the ring: drain whole records, meet losses, arm the doorbell.

#include <string.h>

#include "atomics.h"
#include "ring.h"

void
UpcallRingInitializeConsumer(UPCALL_RING_CONSUMER *Consumer, const UPCALL_RING *Ring)
{
    memset(Consumer, 0, sizeof(*Consumer));
    Consumer->Ring = *Ring;
}

static void
RefreshTail(UPCALL_RING_CONSUMER *Consumer)
{
    // Acquire: pairs with the release in UpcallRingPublish; the records up to it are complete.
    Consumer->KnownTail = UpcallLoadAcquire(&Consumer->Ring.Producer->Tail);
}

static void
PublishHead(UPCALL_RING_CONSUMER *Consumer)
{
    // Release: pairs with the producer's acquire in RefreshHead; our copies out of these bytes are
    // done.
    UpcallStoreRelease(&Consumer->Ring.Consumer->Head, Consumer->Head);
}

uint32_t
UpcallRingIsEmpty(UPCALL_RING_CONSUMER *Consumer)
{
    if (Consumer->Head == Consumer->KnownTail)
    {
        RefreshTail(Consumer);
    }
    return Consumer->Head == Consumer->KnownTail;
}

uint32_t
UpcallRingQueuedBytes(UPCALL_RING_CONSUMER *Consumer)
{
    RefreshTail(Consumer);
    return Consumer->KnownTail - Consumer->Head;
}

uint32_t
UpcallRingHasUntoldLoss(const UPCALL_RING_CONSUMER *Consumer)
{
    // Acquire: pairs with the release in CountLost.
    return UpcallLoadAcquire(&Consumer->Ring.Producer->LostMark) != Consumer->LostTold;
}

void
UpcallRingToldLoss(UPCALL_RING_CONSUMER *Consumer, uint64_t LostTotal)
{
    Consumer->LostTold = (uint32_t)LostTotal;
}

// Bytes from the record or pad at Head to the next one; 0 if no producer wrote it. Bounds are
// checked even where the ring lies in the driver's own memory: a corrupted length must not become
// an overrun.
static uint32_t
NextBytes(const UPCALL_RING_CONSUMER *Consumer, UPCALL_RECORD_HEADER *Header)
{
    const UPCALL_RING *ring = &Consumer->Ring;
    uint32_t offset = Consumer->Head & (ring->Capacity - 1u);
    uint32_t limit = Consumer->KnownTail - Consumer->Head;
    uint32_t untilEnd = ring->Capacity - offset;
    if (limit > untilEnd)
    {
        limit = untilEnd;
    }
    if (limit < UPCALL_RECORD_ALIGNMENT)
    {
        return 0;
    }
    memset(Header, 0, sizeof(*Header));
    memcpy(Header, ring->Data + offset, UPCALL_RECORD_ALIGNMENT);
    if (Header->Flags & UPCALL_RECORD_PAD)
    {
        return Header->Length == untilEnd && Header->Length <= limit ? Header->Length : 0;
    }
    if (limit < UPCALL_RECORD_HEADER_BYTES || Header->Length > UPCALL_MAX_RECORD_BYTES)
    {
        return 0;
    }
    memcpy(Header, ring->Data + offset, sizeof(*Header));
    uint32_t bytes = UpcallRecordBytes(Header->Length, Header->Flags);
    return bytes <= limit ? bytes : 0;
}

// A lost record met in the ring has told the loss it carries.
static void
MeetLost(UPCALL_RING_CONSUMER *Consumer, const uint8_t *Record, const UPCALL_RECORD_HEADER *Header)
{
    if (Header->Length == sizeof(UPCALL_LOST))
    {
        UPCALL_LOST lost;
        memcpy(&lost, Record + UPCALL_RECORD_HEADER_BYTES, sizeof(lost));
        UpcallRingToldLoss(Consumer, lost.TotalCount);
    }
}

void
UpcallRingDrain(UPCALL_RING_CONSUMER *Consumer, void *Buffer, uint32_t Room,
                UPCALL_RING_DRAINED *Drained)
{
    const UPCALL_RING *ring = &Consumer->Ring;
    uint8_t *out = Buffer;
    memset(Drained, 0, sizeof(*Drained));

    // Tail is read once more only when all that was known is gone: one miss per drained stretch.
    while (!UpcallRingIsEmpty(Consumer))
    {
        UPCALL_RECORD_HEADER header;
        uint32_t bytes = NextBytes(Consumer, &header);
        if (bytes == 0)
        {
            Drained->Corrupt = 1;
            break;
        }
        if (header.Flags & UPCALL_RECORD_PAD)
        {
            Consumer->Head += bytes;
            continue;
        }
        if (bytes > Room - Drained->Bytes)
        {
            if (Drained->Records == 0)
            {
                Drained->NeededBytes = bytes;
            }
            break;
        }
        const uint8_t *record = ring->Data + (Consumer->Head & (ring->Capacity - 1u));
        memcpy(out + Drained->Bytes, record, bytes);
        if (header.Flags & UPCALL_RECORD_LOST)
        {
            MeetLost(Consumer, record, &header);
            Drained->LostRecords++;
        }
        else
        {
            Drained->PayloadBytes += header.Length;
        }
        Drained->Bytes += bytes;
        Drained->Records++;
        Consumer->Head += bytes;
    }
    PublishHead(Consumer);
}

uint32_t
UpcallRingArm(UPCALL_RING_CONSUMER *Consumer)
{
    uint32_t *armed = &Consumer->Ring.Consumer->Armed;
    UpcallStoreRelaxed(armed, 1u);
    // Pairs with the fence between the producer's store of Tail or LostMark and its load of Armed:
    // if both loads below miss the producer's store, its load of Armed sees ours, and it rings.
    UpcallFullFence();
    if (UpcallRingIsEmpty(Consumer) && !UpcallRingHasUntoldLoss(Consumer))
    {
        return 1;
    }
    // Relaxed: the producer may have taken it already and rung; that is a spurious wakeup, no lost
    // one.
    UpcallStoreRelaxed(armed, 0);
    return 0;
}
