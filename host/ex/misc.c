// SPDX-License-Identifier: MIT
// The caller's mode, and local time.
#include "ex/exp.h"

KPROCESSOR_MODE
ExGetPreviousMode(VOID)
{
    return KiCurrentThread->PreviousMode;
}

// The host's time zone is UTC, whatever the machine's is: runs are the same everywhere.
VOID
ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    *LocalTime = *SystemTime;
}

VOID
ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)
{
    *SystemTime = *LocalTime;
}
