// SPDX-License-Identifier: MIT
// One record at a time, each sent only when the last was taken: a wakeup that is missed stays missed.
//
// Under a stream of records the next one heals a missed wakeup. Here nothing follows until the consumer
// answers. To make arming and publishing meet, the consumer dawdles longer after a record that it had to
// sleep for and shorter after one that it met awake: it hovers where the two happen at once.

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "ring_fixture.h"

#define RECORDS     100000u
#define MOST_DAWDLE 2000u

typedef struct LOCKSTEP
{
    FIXTURE *Fixture;
    sem_t Signal;
    _Alignas(128) atomic_uint Taken;  // the last record that the consumer has
    atomic_bool GaveUp;
} LOCKSTEP;

static void
Dawdle(uint32_t Turns)
{
    for (volatile uint32_t turn = 0; turn < Turns; turn++)
    {
    }
}

static void *
Produce(void *Context)
{
    LOCKSTEP *lockstep = Context;
    uint32_t random = 7;
    for (uint32_t sequence = 1; sequence <= RECORDS; sequence++)
    {
        for (uint32_t turn = 0; atomic_load(&lockstep->Taken) != sequence - 1; turn++)
        {
            if (atomic_load(&lockstep->GaveUp))
            {
                return NULL;
            }
            if (turn % 256u == 255u)
            {
                sched_yield();  // on one processor the consumer needs it to get on
            }
        }
        random = random * 1664525u + 1013904223u;
        Dawdle((random >> 16) % 8u);
        FixturePut(lockstep->Fixture, sequence, 8, 0);
        UpcallRingPublish(&lockstep->Fixture->Producer);
        UpcallFullFence();
        if (UpcallRingTakeArmed(&lockstep->Fixture->Producer))
        {
            sem_post(&lockstep->Signal);
        }
    }
    return NULL;
}

// false if nobody rings for a while with a record in the ring: a lost wakeup.
static bool
Sleep(LOCKSTEP *Lockstep)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    return sem_timedwait(&Lockstep->Signal, &deadline) == 0 ||
           UpcallRingIsEmpty(&Lockstep->Fixture->Consumer);
}

static void
no_wakeup_is_missed(void **State)
{
    static uint8_t buffer[65536];
    LOCKSTEP lockstep = {.Fixture = FixtureCreate(4096)};
    uint32_t dawdle = 0, taken = 0;
    bool awake = true, slept = false;
    pthread_t producer;

    (void)State;
    sem_init(&lockstep.Signal, 0, 0);
    assert_int_equal(pthread_create(&producer, NULL, Produce, &lockstep), 0);
    while (awake && taken < RECORDS)
    {
        UPCALL_RING_DRAINED drained;
        UpcallRingDrain(&lockstep.Fixture->Consumer, buffer, sizeof(buffer), &drained);
        if (drained.Records != 0)
        {
            taken += drained.Records;
            atomic_store(&lockstep.Taken, taken);
            dawdle = slept && dawdle < MOST_DAWDLE ? dawdle + 1
                     : !slept && dawdle > 0        ? dawdle - 1
                                                   : dawdle;
            slept = false;
            Dawdle(dawdle);
        }
        else if (UpcallRingArm(&lockstep.Fixture->Consumer))
        {
            slept = true;
            awake = Sleep(&lockstep);
        }
    }
    atomic_store(&lockstep.GaveUp, true);
    pthread_join(producer, NULL);
    assert_true(awake);
    sem_destroy(&lockstep.Signal);
    FixtureFree(lockstep.Fixture);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wakeup_is_missed),
    };
    if (argc > 1)
    {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests_name("ring_lockstep", tests, NULL, NULL);
}
