// SPDX-License-Identifier: MIT
// What the files of upcall-bench share: samples, rounds, measures, and the system underneath.
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// ---- Samples, in nanoseconds ----
typedef struct SAMPLES
{
    double *Values;
    size_t Count, Room;
} SAMPLES;

void SamplesAdd(SAMPLES *Samples, double Value);
void SamplesFree(SAMPLES *Samples);
double SamplesQuantile(const SAMPLES *Samples, double Fraction);  // 0 for no samples
double SamplesMedian(const SAMPLES *Samples);

// ---- Rounds ----
typedef enum CLASS
{
    ClassNear,
    ClassFar,
} CLASS;
const char *ClassName(CLASS Class);

#define MEASURE_COUNT 4u

typedef struct ROUND
{
    CLASS Class;
    double ProbeBeforeNs, ProbeAfterNs;  // one way of a cache line, between the two processors
    const char *Disturbed;               // NULL, or why this round does not count
    SAMPLES Subject[MEASURE_COUNT];
    SAMPLES Peer[MEASURE_COUNT];  // empty where a measure has no peer in the round
} ROUND;

// ---- Measures ----
typedef enum GOAL_OF
{
    GoalOfRatio,
    GoalOfValue,
} GOAL_OF;

typedef struct MEASURE
{
    const char *Name;
    const char *Unit;  // of value and peer_value
    double UnitNs;     // nanoseconds in a unit
    const char *Peer;  // NULL: none
    double Goal;       // at most; of the ratio, or of the value in Unit
    GOAL_OF GoalOf;
    const char *Program;  // driver and application of this name
    const char *Command;  // first word of what the application is told each round
    bool Local;
    bool NeedsTwo;  // two processors, or there is nothing to measure
} MEASURE;
extern const MEASURE Measures[MEASURE_COUNT];

typedef struct BENCH
{
    unsigned Processors;
    const char *Verifier;  // --verifier of nthost
    char Folder[4096];     // of this executable
    ROUND *Rounds;
    size_t RoundCount, RoundRoom;
    const char *Failed[MEASURE_COUNT];  // why a measure could not be taken, or NULL
    double StartedNs;
} BENCH;

// Runs rounds until Wanted of them count (or All of them ran, if that is not 0) or the time is up.
// false: interrupted.
bool RunRounds(BENCH *Bench, size_t Wanted, size_t All, double LimitSeconds);
void FreeRounds(BENCH *Bench);
void ReportTable(const BENCH *Bench, FILE *File);
void ReportJson(const BENCH *Bench, FILE *File);
bool ReportSamples(const BENCH *Bench, const char *Path);

// ---- The system (linux_*.c) ----
double NowNs(void);
unsigned ProcessorCount(void);
extern volatile int Interrupted;  // a signal number
void CatchInterrupts(void);
bool FolderOfSelf(char *Folder, size_t Size);

// One way of a cache line between two processors that are both awake. DelayNs: how long the two
// threads stood on a run queue meanwhile. false: it could not be measured.
bool ProbeLine(double *OneWayNs, double *DelayNs);

// Wakes a process that sleeps in a futex, from another one whose own timer has just expired.
bool FutexPeer(unsigned Count, SAMPLES *Samples);

// An application under `nthost run`, told what to do by lines and answering in lines.
typedef struct CHILD CHILD;
CHILD *ChildStart(const BENCH *Bench, const MEASURE *Measure);
// Remote: the host on the first processor, the application on the second, so that they are two.
bool ChildPin(CHILD *Child);
// "Command Count" -> a line of that many numbers.
bool ChildMeasure(CHILD *Child, const char *Command, unsigned Count, SAMPLES *Samples);
int ChildEnd(CHILD *Child);  // its exit status

// What all processors have worked, and what this process and all below it have, in nanoseconds since
// some point.
typedef struct LOAD
{
    double AllNs, OwnNs, StolenNs, WhenNs;
} LOAD;
void LoadNow(LOAD *Load);

#endif
