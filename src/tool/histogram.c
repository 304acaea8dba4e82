// SPDX-License-Identifier: MIT
// Buckets of equal width below 64, then 32 for each doubling: a value's top six bits choose.

#include "tool/histogram.h"

// Values below HISTOGRAM_STEPS have a bucket each. A larger one is shifted right until it is below,
// which leaves its top six bits: 32 .. 63. So each shift has 32 buckets of its own, at
// 32 * shift + top; shift 0 uses all 64.
static unsigned
BucketOf(uint64_t Value)
{
    unsigned Shift = 0;
    while ((Value >> Shift) >= HISTOGRAM_STEPS)
    {
        Shift++;
    }
    return Shift * (HISTOGRAM_STEPS / 2) + (unsigned)(Value >> Shift);
}

static uint64_t
UpperEnd(unsigned Bucket)
{
    if (Bucket < HISTOGRAM_STEPS)
    {
        return Bucket;
    }
    unsigned Shift = Bucket / (HISTOGRAM_STEPS / 2) - 1;
    uint64_t Top = Bucket - Shift * (HISTOGRAM_STEPS / 2);
    return ((Top + 1) << Shift) - 1;
}

void
HistogramAdd(HISTOGRAM *Histogram, uint64_t Value)
{
    Histogram->Buckets[BucketOf(Value)]++;
    Histogram->Count++;
}

uint64_t
HistogramPercentile(const HISTOGRAM *Histogram, double Percent)
{
    if (Histogram->Count == 0)
    {
        return 0;
    }
    double Exact = (double)Histogram->Count * Percent / 100.0;
    uint64_t Wanted = (uint64_t)Exact;
    Wanted += (double)Wanted < Exact;
    Wanted += Wanted == 0;
    uint64_t Seen = 0;
    unsigned Bucket = 0;
    for (;; Bucket++)
    {
        Seen += Histogram->Buckets[Bucket];
        if (Seen >= Wanted)
        {
            return UpperEnd(Bucket);
        }
    }
}
