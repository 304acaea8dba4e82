// SPDX-License-Identifier: MIT
// A histogram of times, fine where they are short: at most 1.6% off, whatever the range.
#ifndef TOOL_HISTOGRAM_H
#define TOOL_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64u  // buckets below it are one wide; half as many for each doubling above

typedef struct HISTOGRAM
{
    uint64_t Count;
    uint64_t Buckets[(64u - 5u) * (HISTOGRAM_STEPS / 2u) + HISTOGRAM_STEPS];
} HISTOGRAM;

void HistogramAdd(HISTOGRAM *Histogram, uint64_t Value);
// The value that at least Percent of all are not above; the upper end of its bucket, 0 if there are
// none. Percent is 0 .. 100.
uint64_t HistogramPercentile(const HISTOGRAM *Histogram, double Percent);

#endif
