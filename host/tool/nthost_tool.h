// SPDX-License-Identifier: MIT
// The nthost command's own pieces.
#ifndef HOST_TOOL_NTHOST_TOOL_H
#define HOST_TOOL_NTHOST_TOOL_H

#include <stdbool.h>

#include "nthost.h"

enum
{
    NthostExitOk = 0,
    NthostExitUsage = 2,
    NthostExitBugCheck = 3,  // a bugcheck, a verifier violation or a leak
    NthostExitFailed = 4,    // could not start, load or reach; the message says why
    NthostExitGone = 5,      // the host was killed under a running application
};

#define NTHOST_MAX_DRIVERS 32

typedef struct NTHOST_OPTIONS
{
    NTHOST_CONFIG Config;
    const char *Drivers[NTHOST_MAX_DRIVERS];
    unsigned DriverCount;
    const char *Log;
    bool Local, Foreground, Json;
    const char *const *Application;  // after --, NULL-terminated
    const char *Operand;             // driver of load and unload
} NTHOST_OPTIONS;

int NthostRun(NTHOST_OPTIONS *Options);
int NthostStartCommand(NTHOST_OPTIONS *Options);
// load, unload, status, stop: talk to a running host.
int NthostControl(NTHOST_OPTIONS *Options, unsigned Command, const char *Text);

#endif
