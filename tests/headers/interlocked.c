// SPDX-License-Identifier: MIT
// Interlocked operations return what Windows' return, and order what they say between two threads.
#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <sched.h>

#define CHECK(e)                                                    \
    do                                                              \
    {                                                               \
        if (!(e))                                                   \
        {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e); \
            exit(1);                                                \
        }                                                           \
    } while (0)

static void
CheckReturnValues(void)
{
    volatile LONG Value = 5;
    volatile LONG64 Wide = (LONG64)1 << 40;
    volatile SHORT Short = -1;
    PVOID volatile Pointer = NULL;
    LONG64 __attribute__((aligned(16))) Pair[2] = {1, 2};
    LONG64 Comparand[2] = {1, 3};
    int Target = 0;
    ULONG Index = 0;

    CHECK(InterlockedIncrement(&Value) == 6);
    CHECK(InterlockedDecrementRelease(&Value) == 5);
    CHECK(InterlockedAdd(&Value, 3) == 8);
    CHECK(InterlockedExchangeAdd(&Value, 2) == 8 && Value == 10);
    CHECK(InterlockedExchangeAcquire(&Value, 12) == 10);
    CHECK(InterlockedAnd(&Value, 4) == 12 && Value == 4);
    CHECK(InterlockedOrNoFence(&Value, 3) == 4 && Value == 7);
    CHECK(InterlockedXor(&Value, 7) == 7 && Value == 0);
    CHECK(InterlockedCompareExchange(&Value, 1, 9) == 0 && Value == 0);
    CHECK(InterlockedCompareExchangeAcquire(&Value, 1, 0) == 0 && Value == 1);
    CHECK(InterlockedBitTestAndSet(&Value, 4) == 0 && Value == 17);
    CHECK(InterlockedBitTestAndReset(&Value, 0) == 1 && Value == 16);

    CHECK(InterlockedIncrement64(&Wide) == ((LONG64)1 << 40) + 1);
    CHECK(InterlockedAnd64Acquire(&Wide, 1) == ((LONG64)1 << 40) + 1 && Wide == 1);
    CHECK(InterlockedCompareExchangeRelease64(&Wide, -1, 1) == 1 && Wide == -1);
    CHECK(InterlockedExchangeAddNoFence64(&Wide, 1) == -1 && ReadNoFence64(&Wide) == 0);
    CHECK(InterlockedIncrement16(&Short) == 0);
    CHECK(InterlockedExchangePointer(&Pointer, &Target) == NULL);
    CHECK(InterlockedCompareExchangePointer(&Pointer, NULL, &Index) == (PVOID)&Target);
    CHECK(ReadPointerAcquire(&Pointer) == (PVOID)&Target);

    CHECK(InterlockedCompareExchange128(Pair, 8, 7, Comparand) == 0);
    CHECK(Comparand[0] == 1 && Comparand[1] == 2 && Pair[0] == 1 && Pair[1] == 2);
    CHECK(InterlockedCompareExchange128(Pair, 8, 7, Comparand) == 1);
    CHECK(Pair[0] == 7 && Pair[1] == 8);

    CHECK(BitScanForward(&Index, 0) == 0);
    CHECK(BitScanForward(&Index, 0x50) && Index == 4);
    CHECK(BitScanReverse(&Index, 0x50) && Index == 6);
    CHECK(BitScanReverse64(&Index, (ULONG64)1 << 63) && Index == 63);

    CHECK(CTL_CODE(0xffff, 0xfff, METHOD_NEITHER, FILE_ANY_ACCESS) == 0xffff3fffu);
}

#define ROUNDS 50000

static LONG Payload;
static volatile LONG Published;
static volatile LONG Consumed;
static volatile LONG LeftFlag, RightFlag;
static volatile LONG Started, Finished;
static LONG LeftSaw;

static void
AwaitRound(volatile LONG *Word, LONG Round)
{
    LONG Spins = 0;

    // Where one processor serves both threads, spinning alone would wait out a time slice a round.
    while (ReadAcquire(Word) != Round)
    {
        if (++Spins > 2000)
            sched_yield();
    }
}

// Message passing: the payload is an ordinary variable, so under TSan this also shows that the
// release and the acquire are visible to it.
static void *
PublishThread(void *Unused)
{
    LONG Round;

    (void)Unused;
    for (Round = 1; Round <= ROUNDS; Round++)
    {
        Payload = Round * 3;
        WriteRelease(&Published, Round);
        AwaitRound(&Consumed, Round);
    }
    return NULL;
}

static void
CheckMessagePassing(void)
{
    pthread_t Thread;
    LONG Round;

    CHECK(pthread_create(&Thread, NULL, PublishThread, NULL) == 0);
    for (Round = 1; Round <= ROUNDS; Round++)
    {
        AwaitRound(&Published, Round);
        CHECK(Payload == Round * 3);
        WriteRelease(&Consumed, Round);
    }
    CHECK(pthread_join(Thread, NULL) == 0);
}

// Store buffering: with a full fence on both sides at least one side sees the other's store.
// Without it both may miss, on x86 too, if the two meet within the life of a store in its buffer:
// so they start on a shared word, not on a barrier, and the head start varies.
static void *
LeftThread(void *Unused)
{
    LONG Round;

    (void)Unused;
    for (Round = 1; Round <= ROUNDS; Round++)
    {
        AwaitRound(&Started, Round);
        WriteNoFence(&LeftFlag, 1);
        MemoryBarrier();
        LeftSaw = ReadNoFence(&RightFlag);
        WriteRelease(&Finished, Round);
    }
    return NULL;
}

static void
CheckStoreBuffering(void)
{
    pthread_t Thread;
    LONG Round;
    LONG Delay;
    LONG RightSaw;

    CHECK(pthread_create(&Thread, NULL, LeftThread, NULL) == 0);
    for (Round = 1; Round <= ROUNDS; Round++)
    {
        WriteNoFence(&LeftFlag, 0);
        WriteNoFence(&RightFlag, 0);
        WriteRelease(&Started, Round);
        for (Delay = Round % 64; Delay != 0; Delay--)
            ReadNoFence(&Consumed);
        WriteNoFence(&RightFlag, 1);
        MemoryBarrier();
        RightSaw = ReadNoFence(&LeftFlag);
        AwaitRound(&Finished, Round);
        CHECK(LeftSaw == 1 || RightSaw == 1);
    }
    CHECK(pthread_join(Thread, NULL) == 0);
}

int
main(void)
{
    CheckReturnValues();
    CheckMessagePassing();
    CheckStoreBuffering();
    printf("interlocked: ok\n");
    return 0;
}
