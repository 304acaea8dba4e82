// SPDX-License-Identifier: MIT
// The system's <stdlib.h>, with what ntoskrnl exports taken from nthost (see nt/crt_export.h).
#ifndef NTHOST_KM_STDLIB_H
#define NTHOST_KM_STDLIB_H

#include_next <stdlib.h>
#include "nt/crt_export.h"

#define atoi nt_atoi
#define atol nt_atol

#endif
