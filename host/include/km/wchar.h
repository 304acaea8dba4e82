// SPDX-License-Identifier: MIT
// Wide strings of 16-bit characters: nthost's alone, the system's <wchar.h> means 32-bit ones.
#ifndef NTHOST_KM_WCHAR_H
#define NTHOST_KM_WCHAR_H

#include <stddef.h>
#include <string.h>

#include "nt/crt.h"

typedef unsigned short wint_t;
typedef unsigned short wctype_t;

#define WEOF        ((wint_t)0xFFFF)
#define swprintf_s  nt_swprintf_s
#define vswprintf_s nt_vswprintf_s

#endif
