// SPDX-License-Identifier: MIT
// Character classes as ntoskrnl exports them: the system's <ctype.h> needs the C library's tables.
#ifndef NTHOST_KM_CTYPE_H
#define NTHOST_KM_CTYPE_H

#include "nt/crt_export.h"

#define isalpha  nt_isalpha
#define isupper  nt_isupper
#define islower  nt_islower
#define isdigit  nt_isdigit
#define isxdigit nt_isxdigit
#define isspace  nt_isspace
#define isalnum  nt_isalnum
#define isprint  nt_isprint
#define toupper  nt_toupper
#define tolower  nt_tolower

#endif
