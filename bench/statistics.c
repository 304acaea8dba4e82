// SPDX-License-Identifier: MIT
// Samples and their order statistics.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

void
SamplesAdd(SAMPLES *Samples, double Value)
{
    if (Samples->Count == Samples->Room)
    {
        Samples->Room = Samples->Room == 0 ? 256 : Samples->Room * 2;
        double *Larger = realloc(Samples->Values, Samples->Room * sizeof(*Larger));
        if (Larger == NULL)
        {
            fputs("upcall-bench: out of memory\n", stderr);
            exit(1);
        }
        Samples->Values = Larger;
    }
    Samples->Values[Samples->Count++] = Value;
}

void
SamplesFree(SAMPLES *Samples)
{
    free(Samples->Values);
    memset(Samples, 0, sizeof(*Samples));
}

static int
Compare(const void *Left, const void *Right)
{
    double A = *(const double *)Left, B = *(const double *)Right;
    return (A > B) - (A < B);
}

double
SamplesQuantile(const SAMPLES *Samples, double Fraction)
{
    if (Samples->Count == 0)
    {
        return 0;
    }
    // The order of arrival is what --samples writes, so a copy is sorted.
    double *Sorted = malloc(Samples->Count * sizeof(*Sorted));
    if (Sorted == NULL)
    {
        fputs("upcall-bench: out of memory\n", stderr);
        exit(1);
    }
    memcpy(Sorted, Samples->Values, Samples->Count * sizeof(*Sorted));
    qsort(Sorted, Samples->Count, sizeof(*Sorted), Compare);
    double Place = Fraction * (double)(Samples->Count - 1);
    size_t Below = (size_t)Place;
    double Value = Sorted[Below];
    if (Below + 1 < Samples->Count)
    {
        Value += (Sorted[Below + 1] - Value) * (Place - (double)Below);
    }
    free(Sorted);
    return Value;
}

double
SamplesMedian(const SAMPLES *Samples)
{
    return SamplesQuantile(Samples, 0.5);
}
