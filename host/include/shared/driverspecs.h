// SPDX-License-Identifier: MIT
// libwine's driverspecs.h plus the annotations that it lacks.
#ifndef NTHOST_DRIVERSPECS_H
#define NTHOST_DRIVERSPECS_H

#include_next <driverspecs.h>
#include "nt_sal.h"

#endif
