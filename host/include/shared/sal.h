// SPDX-License-Identifier: MIT
// libwine's sal.h plus the annotations that it lacks.
#ifndef NTHOST_SAL_H
#define NTHOST_SAL_H

#include_next <sal.h>
#include "nt_sal.h"

#endif
