// SPDX-License-Identifier: MIT
// The system's <string.h>, with what ntoskrnl exports taken from nthost (see nt/crt_export.h).
#ifndef NTHOST_KM_STRING_H
#define NTHOST_KM_STRING_H

#include_next <string.h>
#include "nt/crt_export.h"

#define strcpy   nt_strcpy
#define strncpy  nt_strncpy
#define strcat   nt_strcat
#define strncat  nt_strncat
#define strcmp   nt_strcmp
#define strncmp  nt_strncmp
#define strchr   nt_strchr
#define strrchr  nt_strrchr
#define strstr   nt_strstr
#define strspn   nt_strspn
#define strcspn  nt_strcspn
#define strnlen  nt_strnlen
#define memchr   nt_memchr
#define strcpy_s nt_strcpy_s
#define strcat_s nt_strcat_s
#define wcsncat  nt_wcsncat
#define wcscpy_s nt_wcscpy_s
#define wcscat_s nt_wcscat_s
#define towupper nt_towupper
#define towlower nt_towlower

#endif
