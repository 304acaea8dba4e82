// SPDX-License-Identifier: MIT
// The system's <stdio.h>, with what ntoskrnl exports taken from nthost (see nt/crt_export.h).
#ifndef NTHOST_KM_STDIO_H
#define NTHOST_KM_STDIO_H

#include_next <stdio.h>
#include "nt/crt_export.h"

// snprintf and vsnprintf stay the system's: no kernel exports them, and the executive itself, which
// compiles against these headers, formats its reports with them.
#define sprintf     nt_sprintf
#define vsprintf    nt_vsprintf
#define sprintf_s   nt_sprintf_s
#define vsprintf_s  nt_vsprintf_s
#define swprintf_s  nt_swprintf_s
#define vswprintf_s nt_vswprintf_s

#endif
