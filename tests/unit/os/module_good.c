// SPDX-License-Identifier: MIT
// A module that loads: one entry, one import that the C library has.
#include <stdlib.h>

__attribute__((visibility("default"))) int DriverEntry(int Value);
int Loads;

int
DriverEntry(int Value)
{
    return strtol("-4", NULL, 10) == Value ? 5 + Loads++ : 0;
}
