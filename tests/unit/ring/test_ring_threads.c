// SPDX-License-Identifier: MIT
// Two threads on one ring: order, contents, exact losses, and a doorbell that misses no sleeper.

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "ring_fixture.h"

// As the driver does it: the producer under a lock that the consumer takes only to claim a gap.
typedef struct STRESS
{
    FIXTURE *Fixture;
    pthread_mutex_t ProducerLock;
    sem_t Signal;  // the auto-reset event, or rather more: it counts, so a storm shows
    uint64_t Records;
    uint32_t MaxLength;
    uint32_t Batch;
    atomic_uint_fast64_t Rings;
    atomic_uint_fast64_t Armings;
} STRESS;

static void *
Produce(void *Context)
{
    STRESS *stress = Context;
    uint32_t random = 1;
    for (uint64_t sequence = 1; sequence <= stress->Records;)
    {
        pthread_mutex_lock(&stress->ProducerLock);
        for (uint32_t i = 0; i < stress->Batch && sequence <= stress->Records; i++, sequence++)
        {
            random = random * 1664525u + 1013904223u;
            FixturePut(stress->Fixture, sequence, (random >> 8) % (stress->MaxLength + 1u), 0);
        }
        UpcallRingPublish(&stress->Fixture->Producer);
        UpcallFullFence();
        if (UpcallRingTakeArmed(&stress->Fixture->Producer))
        {
            atomic_fetch_add(&stress->Rings, 1);
            sem_post(&stress->Signal);
        }
        pthread_mutex_unlock(&stress->ProducerLock);
        if ((random >> 20) % 64u == 0)
        {
            sched_yield();
        }
    }
    return NULL;
}

// Sleeps until the doorbell; a minute without it is a lost wakeup.
static void
Sleep(STRESS *Stress)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    assert_int_equal(sem_timedwait(&Stress->Signal, &deadline), 0);
}

typedef struct TALLY
{
    uint64_t LastSequence;
    uint64_t Records;
    uint64_t Lost;
} TALLY;

static void
TakeLost(TALLY *Tally, const UPCALL_LOST *Lost)
{
    // No mask: the gap is exactly the numbers between its ends, right behind the last record.
    assert_int_equal(Lost->FirstSequence, Tally->LastSequence + 1);
    assert_int_equal(Lost->LastSequence - Lost->FirstSequence + 1, Lost->Count);
    Tally->Lost += Lost->Count;
    Tally->LastSequence = Lost->LastSequence;
    assert_int_equal(Lost->TotalCount, Tally->Lost);
}

static void
TakeBatch(TALLY *Tally, const uint8_t *Buffer, uint32_t Bytes)
{
    for (uint32_t at = 0; at < Bytes;)
    {
        UPCALL_RECORD_HEADER header;
        memcpy(&header, Buffer + at, sizeof(header));
        if (header.Flags & UPCALL_RECORD_LOST)
        {
            UPCALL_LOST lost;
            memcpy(&lost, Buffer + at + sizeof(header), sizeof(lost));
            TakeLost(Tally, &lost);
            at += UpcallRecordBytes(header.Length, 0);
            continue;
        }
        assert_int_equal(header.Sequence, Tally->LastSequence + 1);
        at = CheckRecord(Buffer, at, header.Sequence, header.Length, 0);
        Tally->LastSequence = header.Sequence;
        Tally->Records++;
    }
}

static void
Consume(STRESS *Stress)
{
    static uint8_t buffer[65536];
    FIXTURE *fixture = Stress->Fixture;
    TALLY tally = {0};
    while (tally.LastSequence < Stress->Records)
    {
        UPCALL_RING_DRAINED drained;
        UPCALL_LOST lost;
        UpcallRingDrain(&fixture->Consumer, buffer, sizeof(buffer), &drained);
        assert_int_equal(drained.Corrupt, 0);
        TakeBatch(&tally, buffer, drained.Bytes);
        if (drained.Records != 0)
        {
            continue;
        }
        if (UpcallRingHasUntoldLoss(&fixture->Consumer))
        {
            pthread_mutex_lock(&Stress->ProducerLock);
            uint32_t taken = UpcallRingTakeGap(&fixture->Producer, fixture->Consumer.Head, &lost);
            pthread_mutex_unlock(&Stress->ProducerLock);
            if (taken)
            {
                UpcallRingToldLoss(&fixture->Consumer, lost.TotalCount);
                TakeLost(&tally, &lost);
            }
            continue;
        }
        atomic_fetch_add(&Stress->Armings, 1);
        if (UpcallRingArm(&fixture->Consumer))
        {
            Sleep(Stress);
        }
    }
    assert_int_equal(tally.Records + tally.Lost, Stress->Records);
    assert_int_equal(fixture->Producer.LostTotal, tally.Lost);
}

static void
Run(uint32_t Capacity, uint64_t Records, uint32_t MaxLength, uint32_t Batch)
{
    STRESS stress = {.Fixture = FixtureCreate(Capacity),
                     .Records = Records,
                     .MaxLength = MaxLength,
                     .Batch = Batch};
    pthread_t producer;
    FixtureStartAt(stress.Fixture, 0xFFFF0000u);
    pthread_mutex_init(&stress.ProducerLock, NULL);
    sem_init(&stress.Signal, 0, 0);
    assert_int_equal(pthread_create(&producer, NULL, Produce, &stress), 0);
    Consume(&stress);
    pthread_join(producer, NULL);
    assert_true(atomic_load(&stress.Rings) <= atomic_load(&stress.Armings));
    sem_destroy(&stress.Signal);
    pthread_mutex_destroy(&stress.ProducerLock);
    FixtureFree(stress.Fixture);
}

static void
one_at_a_time_in_a_small_ring(void **State)
{
    (void)State;
    Run(4096, 200000, 100, 1);
}

static void
batches_in_a_small_ring(void **State)
{
    (void)State;
    Run(4096, 200000, 300, 7);
}

static void
large_records_some_too_long(void **State)
{
    (void)State;
    Run(8192, 20000, 5000, 2);
}

static void
large_ring(void **State)
{
    (void)State;
    Run(1u << 20, 200000, 64, 16);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_in_a_small_ring),
        cmocka_unit_test(batches_in_a_small_ring),
        cmocka_unit_test(large_records_some_too_long),
        cmocka_unit_test(large_ring),
    };
    if (argc > 1)
    {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests_name("ring_threads", tests, NULL, NULL);
}
