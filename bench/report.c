// SPDX-License-Identifier: MIT
// The report: a line a measure with its peer, ratio and goal, for people or as JSON; samples as CSV.
#include "bench.h"

#include <string.h>

// Rounds of a class that it takes to speak for it.
#define MIN_ROUNDS 3u

typedef enum VERDICT
{
    Met,
    Missed,
    Unknown,
} VERDICT;

typedef struct RESULT
{
    bool Measured;
    CLASS Class;
    unsigned Rounds;
    double Value, Low, High;  // in the measure's unit: median, quartiles over rounds
    double PeerValue;
    double Ratio, RatioLow, RatioHigh;
    VERDICT Verdict;
    const char *Reason;  // of Unknown
} RESULT;

static void
Collect(const BENCH *Bench, unsigned Index, CLASS Class, bool Disturbed, RESULT *Result)
{
    const MEASURE *Measure = &Measures[Index];
    SAMPLES Values = {0}, Peers = {0}, Ratios = {0};
    for (size_t At = 0; At < Bench->RoundCount; At++)
    {
        const ROUND *Round = &Bench->Rounds[At];
        if (Round->Class != Class || (Round->Disturbed != NULL) != Disturbed ||
            Round->Subject[Index].Count == 0)
        {
            continue;
        }
        double Value = SamplesMedian(&Round->Subject[Index]);
        SamplesAdd(&Values, Value / Measure->UnitNs);
        if (Round->Peer[Index].Count != 0)
        {
            double Peer = SamplesMedian(&Round->Peer[Index]);
            SamplesAdd(&Peers, Peer / Measure->UnitNs);
            SamplesAdd(&Ratios, Value / Peer);
        }
    }
    Result->Class = Class;
    Result->Rounds = (unsigned)Values.Count;
    Result->Measured = Values.Count != 0;
    Result->Value = SamplesMedian(&Values);
    Result->Low = SamplesQuantile(&Values, 0.25);
    Result->High = SamplesQuantile(&Values, 0.75);
    Result->PeerValue = SamplesMedian(&Peers);
    Result->Ratio = SamplesMedian(&Ratios);
    Result->RatioLow = SamplesQuantile(&Ratios, 0.25);
    Result->RatioHigh = SamplesQuantile(&Ratios, 0.75);
    SamplesFree(&Values);
    SamplesFree(&Peers);
    SamplesFree(&Ratios);
}

static RESULT
Judge(const BENCH *Bench, unsigned Index)
{
    const MEASURE *Measure = &Measures[Index];
    RESULT Result, Far;
    Collect(Bench, Index, ClassNear, false, &Result);
    Collect(Bench, Index, ClassFar, false, &Far);
    // Absolute goals hold near; ratios hold in either class, so the class with more rounds speaks.
    if (Result.Rounds < MIN_ROUNDS ||
        (Measure->GoalOf == GoalOfRatio && Far.Rounds > Result.Rounds))
    {
        if (Far.Rounds > Result.Rounds)
        {
            Result = Far;
        }
    }
    Result.Verdict = Unknown;
    Result.Reason = NULL;
    if (Bench->Failed[Index] != NULL)
    {
        Result.Reason = Bench->Failed[Index];
        return Result;
    }
    if (Result.Rounds < MIN_ROUNDS)
    {
        if (!Result.Measured)
        {
            // Better a figure that says what it is worth than none.
            Collect(Bench, Index, ClassNear, true, &Result);
            Collect(Bench, Index, ClassFar, true, &Far);
            Result = Far.Rounds > Result.Rounds ? Far : Result;
            Result.Verdict = Unknown;
        }
        Result.Reason =
            "too few rounds were undisturbed: run it on a machine with nothing else to do";
        return Result;
    }
    double Judged = Measure->GoalOf == GoalOfRatio ? Result.Ratio : Result.Value;
    Result.Verdict = Judged <= Measure->Goal ? Met : Missed;
    if (Result.Verdict == Missed && Measure->GoalOf == GoalOfValue && Result.Class == ClassFar)
    {
        Result.Verdict = Unknown;
        Result.Reason = "the goal is for processors that are near, and these were far apart";
    }
    if (Result.Verdict == Missed && BENCH_SANITIZE[0] != 0)
    {
        Result.Verdict = Unknown;
        Result.Reason = "a sanitizer build has no goals";
    }
    return Result;
}

static const char *
VerdictText(VERDICT Verdict)
{
    return Verdict == Met ? "met" : Verdict == Missed ? "MISSED" : "-";
}

void
ReportTable(const BENCH *Bench, FILE *File)
{
    unsigned Counting = 0;
    for (size_t At = 0; At < Bench->RoundCount; At++)
    {
        Counting += Bench->Rounds[At].Disturbed == NULL;
    }
    fprintf(File, "\n%-58s %10s %17s %10s %7s %17s %-8s %s\n", "what", "median", "quartiles",
            "peer", "ratio", "quartiles", "goal", "");
    for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
    {
        const MEASURE *Measure = &Measures[Index];
        RESULT Result = Judge(Bench, Index);
        char Value[32] = "-", Spread[40] = "", Peer[32] = "-", Ratio[32] = "-",
             RatioSpread[40] = "";
        char Goal[32];
        if (Result.Measured)
        {
            snprintf(Value, sizeof(Value), "%.2f %s", Result.Value, Measure->Unit);
            snprintf(Spread, sizeof(Spread), "%.2f - %.2f", Result.Low, Result.High);
        }
        if (Result.PeerValue != 0)
        {
            snprintf(Peer, sizeof(Peer), "%.2f %s", Result.PeerValue, Measure->Unit);
            snprintf(Ratio, sizeof(Ratio), "%.2f", Result.Ratio);
            snprintf(RatioSpread, sizeof(RatioSpread), "%.2f - %.2f", Result.RatioLow,
                     Result.RatioHigh);
        }
        snprintf(Goal, sizeof(Goal), "%g%s%s", Measure->Goal,
                 Measure->GoalOf == GoalOfRatio ? "x" : " ",
                 Measure->GoalOf == GoalOfRatio ? "" : Measure->Unit);
        fprintf(File, "%-58s %10s %17s %10s %7s %17s %-8s %s\n", Measure->Name, Value, Spread, Peer,
                Ratio, RatioSpread, Goal, VerdictText(Result.Verdict));
        fprintf(File, "    %u rounds, %s%s%s%s%s\n", Result.Rounds, ClassName(Result.Class),
                Measure->Peer != NULL ? "; peer: " : "", Measure->Peer != NULL ? Measure->Peer : "",
                Result.Reason != NULL ? "; not judged: " : "",
                Result.Reason != NULL ? Result.Reason : "");
    }
    fprintf(File,
            "\n%zu rounds, of which %u count; %u processors; verifier %s; compiler %s%s%s; "
            "remote: host on one processor, application on the other; %.0f s\n",
            Bench->RoundCount, Counting, Bench->Processors, Bench->Verifier, BENCH_COMPILER,
            BENCH_SANITIZE[0] != 0 ? " -fsanitize=" : "", BENCH_SANITIZE,
            (NowNs() - Bench->StartedNs) / 1e9);
}

static void
PrintNumber(FILE *File, const char *Name, bool Known, double Value)
{
    if (Known)
    {
        fprintf(File, "\"%s\": %.4g, ", Name, Value);
    }
    else
    {
        fprintf(File, "\"%s\": null, ", Name);
    }
}

static void
PrintText(FILE *File, const char *Name, const char *Text)
{
    // The texts are our own: none holds a quote or a control character.
    if (Text != NULL)
    {
        fprintf(File, "\"%s\": \"%s\", ", Name, Text);
    }
    else
    {
        fprintf(File, "\"%s\": null, ", Name);
    }
}

void
ReportJson(const BENCH *Bench, FILE *File)
{
    fputs("[\n", File);
    for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
    {
        const MEASURE *Measure = &Measures[Index];
        RESULT Result = Judge(Bench, Index);
        bool HasPeer = Result.PeerValue != 0;
        fputs("  {", File);
        PrintText(File, "name", Measure->Name);
        PrintNumber(File, "value", Result.Measured, Result.Value);
        PrintText(File, "unit", Measure->Unit);
        PrintText(File, "peer", Measure->Peer);
        PrintNumber(File, "peer_value", HasPeer, Result.PeerValue);
        PrintNumber(File, "ratio", HasPeer, Result.Ratio);
        PrintNumber(File, "goal", true, Measure->Goal);
        PrintText(File, "goal_of", Measure->GoalOf == GoalOfRatio ? "ratio" : "value");
        fprintf(File, "\"met\": %s, ",
                Result.Verdict == Unknown ? "null"
                : Result.Verdict == Met   ? "true"
                                          : "false");
        PrintText(File, "reason", Result.Verdict == Unknown ? Result.Reason : NULL);
        PrintNumber(File, "low", Result.Measured, Result.Low);
        PrintNumber(File, "high", Result.Measured, Result.High);
        PrintNumber(File, "ratio_low", HasPeer, Result.RatioLow);
        PrintNumber(File, "ratio_high", HasPeer, Result.RatioHigh);
        PrintText(File, "class", ClassName(Result.Class));
        PrintText(File, "verifier", Bench->Verifier);
        PrintText(File, "compiler", BENCH_COMPILER);
        PrintText(File, "sanitize", BENCH_SANITIZE);
        fprintf(File, "\"processors\": %u, \"rounds\": %u, \"rounds_run\": %zu}%s\n",
                Bench->Processors, Result.Rounds, Bench->RoundCount,
                Index + 1 < MEASURE_COUNT ? "," : "");
    }
    fputs("]\n", File);
}

static void
WriteSamples(FILE *File, size_t Number, const ROUND *Round, const char *Name, const char *Who,
             const SAMPLES *Samples)
{
    for (size_t Index = 0; Index < Samples->Count; Index++)
    {
        fprintf(File, "%zu,%s,%.1f,%.1f,%s,\"%s\",%s,%zu,%.1f\n", Number, ClassName(Round->Class),
                Round->ProbeBeforeNs, Round->ProbeAfterNs,
                Round->Disturbed != NULL ? Round->Disturbed : "yes", Name, Who, Index,
                Samples->Values[Index]);
    }
}

bool
ReportSamples(const BENCH *Bench, const char *Path)
{
    FILE *File = fopen(Path, "w");
    if (File == NULL)
    {
        fprintf(stderr, "upcall-bench: cannot write %s: no such folder, or no permission\n", Path);
        return false;
    }
    fputs("round,class,probe_before_ns,probe_after_ns,counts,measure,who,index,ns\n", File);
    for (size_t At = 0; At < Bench->RoundCount; At++)
    {
        const ROUND *Round = &Bench->Rounds[At];
        for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
        {
            WriteSamples(File, At, Round, Measures[Index].Name, "subject", &Round->Subject[Index]);
            WriteSamples(File, At, Round, Measures[Index].Name, "peer", &Round->Peer[Index]);
        }
    }
    bool Failed = ferror(File) != 0;
    if (fclose(File) != 0 || Failed)
    {
        fprintf(stderr, "upcall-bench: cannot write %s: is the disk full?\n", Path);
        return false;
    }
    return true;
}
