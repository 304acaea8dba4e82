// SPDX-License-Identifier: MIT
// What is measured, against what, and the goals.
#include "bench.h"

const MEASURE Measures[MEASURE_COUNT] = {
    {
        .Name = "event set in a DPC -> application running, remote, asleep",
        .Unit = "us",
        .UnitNs = 1000,
        .Peer = "raw futex wake between two processes",
        .Goal = 1.5,
        .GoalOf = GoalOfRatio,
        .Program = "bench_calls",
        .Command = "wake",
        .NeedsTwo = true,
    },
    {
        .Name = "buffered DeviceIoControl, round trip, busy, remote",
        .Unit = "us",
        .UnitNs = 1000,
        .Goal = 3,
        .GoalOf = GoalOfValue,
        .Program = "bench_calls",
        .Command = "call",
        .NeedsTwo = true,
    },
    {
        .Name = "buffered DeviceIoControl, round trip, busy, local",
        .Unit = "ns",
        .UnitNs = 1,
        .Goal = 300,
        .GoalOf = GoalOfValue,
        .Program = "bench_calls",
        .Command = "call",
        .Local = true,
    },
    {
        .Name = "UpcallNotify, 64 bytes, one subscription, consumer awake",
        .Unit = "ns",
        .UnitNs = 1,
        .Goal = 100,
        .GoalOf = GoalOfValue,
        .Program = "bench_notify",
        .Command = "notify",
        .Local = true,
        .NeedsTwo = true,
    },
};
