// SPDX-License-Identifier: MIT
// driverspecs.h in the spelling that Microsoft's samples use.
#ifndef NTHOST_DRIVERSPECS_MIXED_CASE_H
#define NTHOST_DRIVERSPECS_MIXED_CASE_H

#include <driverspecs.h>

#endif
