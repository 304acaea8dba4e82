// SPDX-License-Identifier: MIT
// Rounds: a probe, every measure with its peer, a probe; rounds that something disturbed do not count.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

// A line that stays within one cluster of cores takes 30 to 150 ns one way, one that leaves it 250 and
// more; virtual processors move between the two.
#define NEAR_LIMIT_NS 190.0
// The probes of a round may differ this much before the processors count as having moved.
#define PROBE_FACTOR 1.6
// A probe lasts a few milliseconds; standing on a run queue this long means somebody else ran.
#define PROBE_DELAY_NS 300e3
// Share of the machine that processes other than ours may use during a round.
#define FOREIGN_SHARE 0.05

#define SAMPLES_A_ROUND 200u

const char *
ClassName(CLASS Class)
{
    return Class == ClassNear ? "near" : "far";
}

static const char *
JudgeRound(const ROUND *Round, double DelayNs, const LOAD *Before, const LOAD *After,
           unsigned Processors)
{
    double Low = Round->ProbeBeforeNs, High = Round->ProbeAfterNs;
    if (Low > High)
    {
        double Swap = Low;
        Low = High;
        High = Swap;
    }
    if (Processors > 1 && High > Low * PROBE_FACTOR)
    {
        return "the processors moved";
    }
    if (DelayNs > PROBE_DELAY_NS)
    {
        return "a probe had to wait for a processor";
    }
    double Room = (After->WhenNs - Before->WhenNs) * Processors;
    double Foreign = (After->AllNs - Before->AllNs) - (After->OwnNs - Before->OwnNs);
    if (Foreign > Room * FOREIGN_SHARE)
    {
        return "other processes worked";
    }
    if (After->StolenNs - Before->StolenNs > Room * FOREIGN_SHARE)
    {
        return "the hypervisor took the processors away";
    }
    return NULL;
}

static bool
MeasureOne(BENCH *Bench, ROUND *Round, unsigned Index, CHILD *Child)
{
    const MEASURE *Measure = &Measures[Index];
    bool HasPeer = Measure->Peer != NULL;
    // Half of the peer's before and half behind, so that a drift of the machine meets both alike.
    if (HasPeer && !FutexPeer(SAMPLES_A_ROUND / 2, &Round->Peer[Index]))
    {
        Bench->Failed[Index] = "the peer could not be run";
        return false;
    }
    if (!ChildMeasure(Child, Measure->Command, SAMPLES_A_ROUND, &Round->Subject[Index]))
    {
        Bench->Failed[Index] = "its application or host ended (see standard error)";
        return false;
    }
    return !HasPeer || FutexPeer(SAMPLES_A_ROUND / 2, &Round->Peer[Index]);
}

static bool
RunRound(BENCH *Bench, ROUND *Round, CHILD **Children)
{
    double DelayBefore = 0, DelayAfter = 0;
    LOAD Before, After;
    memset(Round, 0, sizeof(*Round));
    LoadNow(&Before);
    if (Bench->Processors > 1 && !ProbeLine(&Round->ProbeBeforeNs, &DelayBefore))
    {
        return false;
    }
    for (unsigned Index = 0; Index < MEASURE_COUNT && Interrupted == 0; Index++)
    {
        if (Bench->Failed[Index] == NULL)
        {
            (void)MeasureOne(Bench, Round, Index, Children[Index]);
        }
    }
    if (Bench->Processors > 1 && !ProbeLine(&Round->ProbeAfterNs, &DelayAfter))
    {
        return false;
    }
    LoadNow(&After);
    Round->Class =
        (Round->ProbeBeforeNs + Round->ProbeAfterNs) / 2 < NEAR_LIMIT_NS ? ClassNear : ClassFar;
    Round->Disturbed =
        JudgeRound(Round, DelayBefore + DelayAfter, &Before, &After, Bench->Processors);
    return true;
}

static void
StartAll(BENCH *Bench, CHILD **Children)
{
    for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
    {
        const MEASURE *Measure = &Measures[Index];
        Children[Index] = NULL;
        if (Measure->NeedsTwo && Bench->Processors < 2)
        {
            Bench->Failed[Index] = "this machine has one processor; it takes two";
            continue;
        }
        Children[Index] = ChildStart(Bench, Measure);
        if (Children[Index] == NULL)
        {
            Bench->Failed[Index] = "its application or driver did not start (see standard error)";
        }
        else if (!Measure->Local && Bench->Processors > 1 && !ChildPin(Children[Index]))
        {
            Bench->Failed[Index] = "its processes could not be placed on two processors";
        }
    }
}

static ROUND *
NextRound(BENCH *Bench)
{
    if (Bench->RoundCount == Bench->RoundRoom)
    {
        Bench->RoundRoom = Bench->RoundRoom == 0 ? 32 : Bench->RoundRoom * 2;
        Bench->Rounds = realloc(Bench->Rounds, Bench->RoundRoom * sizeof(*Bench->Rounds));
        if (Bench->Rounds == NULL)
        {
            fputs("upcall-bench: out of memory\n", stderr);
            exit(1);
        }
    }
    return &Bench->Rounds[Bench->RoundCount];
}

bool
RunRounds(BENCH *Bench, size_t Wanted, size_t All, double LimitSeconds)
{
    CHILD *Children[MEASURE_COUNT];
    size_t Counting = 0;
    StartAll(Bench, Children);

    // The first round warms caches and pools up and is not kept.
    bool Warm = false;
    while (Interrupted == 0 && Counting < Wanted && (All == 0 || Bench->RoundCount < All) &&
           NowNs() - Bench->StartedNs < LimitSeconds * 1e9)
    {
        ROUND *Round = NextRound(Bench);
        if (!RunRound(Bench, Round, Children))
        {
            break;
        }
        if (!Warm)
        {
            Warm = true;
            for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
            {
                SamplesFree(&Round->Subject[Index]);
                SamplesFree(&Round->Peer[Index]);
            }
            continue;
        }
        Bench->RoundCount++;
        Counting += Round->Disturbed == NULL;
        fprintf(stderr, "\rround %zu: line %.0f ns, %s%s%s; %zu of %zu count   ", Bench->RoundCount,
                Round->ProbeBeforeNs, ClassName(Round->Class),
                Round->Disturbed != NULL ? ", does not count: " : "",
                Round->Disturbed != NULL ? Round->Disturbed : "", Counting, Wanted);
        fputc('\n', stderr);
    }
    for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
    {
        if (Children[Index] != NULL)
        {
            int Status = ChildEnd(Children[Index]);
            if (Status != 0 && Bench->Failed[Index] == NULL && Interrupted == 0)
            {
                Bench->Failed[Index] = "its run did not end well (see standard error)";
            }
        }
    }
    return Interrupted == 0;
}

void
FreeRounds(BENCH *Bench)
{
    for (size_t At = 0; At < Bench->RoundCount; At++)
    {
        for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
        {
            SamplesFree(&Bench->Rounds[At].Subject[Index]);
            SamplesFree(&Bench->Rounds[At].Peer[Index]);
        }
    }
    free(Bench->Rounds);
}
