// SPDX-License-Identifier: MIT
// The C library's functions that ntoskrnl exports too, under names that cannot meet the system's own.
#ifndef NTHOST_KM_NT_CRT_EXPORT_H
#define NTHOST_KM_NT_CRT_EXPORT_H

#include <stdarg.h>
#include <stddef.h>

// The executive shares its process with the C library, so it cannot define strcpy. It exports nt_strcpy,
// and the overlays <string.h>, <stdio.h>, <stdlib.h>, <ctype.h> and <wchar.h> beside this folder map the
// one to the other by object-like macros. Names that the C library does not have (_stricmp) are NT's own.
// Results are those of Microsoft's run-time library; LONG and %l are 32 bits wide.
#define NTHOST_CRT_EXPORT __attribute__((visibility("default")))

// ---- <string.h>. memcpy, memmove, memset, memcmp and strlen are the compiler's and stay. ----
NTHOST_CRT_EXPORT char *nt_strcpy(char *Destination, const char *Source);
NTHOST_CRT_EXPORT char *nt_strncpy(char *Destination, const char *Source, size_t Count);
NTHOST_CRT_EXPORT char *nt_strcat(char *Destination, const char *Source);
NTHOST_CRT_EXPORT char *nt_strncat(char *Destination, const char *Source, size_t Count);
NTHOST_CRT_EXPORT int nt_strcmp(const char *First, const char *Second);
NTHOST_CRT_EXPORT int nt_strncmp(const char *First, const char *Second, size_t Count);
NTHOST_CRT_EXPORT char *nt_strchr(const char *String, int Character);
NTHOST_CRT_EXPORT char *nt_strrchr(const char *String, int Character);
NTHOST_CRT_EXPORT char *nt_strstr(const char *String, const char *Find);
NTHOST_CRT_EXPORT size_t nt_strspn(const char *String, const char *Set);
NTHOST_CRT_EXPORT size_t nt_strcspn(const char *String, const char *Set);
NTHOST_CRT_EXPORT size_t nt_strnlen(const char *String, size_t Maximum);
NTHOST_CRT_EXPORT void *nt_memchr(const void *Memory, int Byte, size_t Count);
NTHOST_CRT_EXPORT int _stricmp(const char *First, const char *Second);
NTHOST_CRT_EXPORT int _strnicmp(const char *First, const char *Second, size_t Count);
NTHOST_CRT_EXPORT char *_strupr(char *String);
NTHOST_CRT_EXPORT char *_strlwr(char *String);
NTHOST_CRT_EXPORT char *_strrev(char *String);
// 0, EINVAL (22) or ERANGE (34); the destination is then an empty string (if there is one).
NTHOST_CRT_EXPORT int nt_strcpy_s(char *Destination, size_t Size, const char *Source);
NTHOST_CRT_EXPORT int nt_strcat_s(char *Destination, size_t Size, const char *Source);

// ---- <wchar.h>; the rest of its strings is inline in nt/crt.h ----
NTHOST_CRT_EXPORT wchar_t *nt_wcsncat(wchar_t *Destination, const wchar_t *Source, size_t Count);
NTHOST_CRT_EXPORT wchar_t *_wcsupr(wchar_t *String);
NTHOST_CRT_EXPORT wchar_t *_wcslwr(wchar_t *String);
NTHOST_CRT_EXPORT int nt_wcscpy_s(wchar_t *Destination, size_t Size, const wchar_t *Source);
NTHOST_CRT_EXPORT int nt_wcscat_s(wchar_t *Destination, size_t Size, const wchar_t *Source);
NTHOST_CRT_EXPORT unsigned short nt_towupper(unsigned short Character);
NTHOST_CRT_EXPORT unsigned short nt_towlower(unsigned short Character);

// ---- <ctype.h>, for ASCII ----
NTHOST_CRT_EXPORT int nt_isalpha(int Character);
NTHOST_CRT_EXPORT int nt_isupper(int Character);
NTHOST_CRT_EXPORT int nt_islower(int Character);
NTHOST_CRT_EXPORT int nt_isdigit(int Character);
NTHOST_CRT_EXPORT int nt_isxdigit(int Character);
NTHOST_CRT_EXPORT int nt_isspace(int Character);
NTHOST_CRT_EXPORT int nt_isalnum(int Character);
NTHOST_CRT_EXPORT int nt_isprint(int Character);
NTHOST_CRT_EXPORT int nt_toupper(int Character);
NTHOST_CRT_EXPORT int nt_tolower(int Character);

// ---- <stdlib.h>. Numbers that do not fit wrap; nothing is reported. ----
NTHOST_CRT_EXPORT int nt_atoi(const char *String);
NTHOST_CRT_EXPORT int nt_atol(const char *String);  // Windows' long
NTHOST_CRT_EXPORT long long _atoi64(const char *String);
NTHOST_CRT_EXPORT int _wtoi(const wchar_t *String);

// ---- <stdio.h>, with NT's conversions. See nt/crt.h for _vsnprintf and _vsnwprintf. ----
// The number of characters, without the terminator. _snprintf, _snwprintf: negative when they did not
// fit, and no terminator unless there was room for it. The _s ones: -1 and an empty string then.
NTHOST_CRT_EXPORT int nt_sprintf(char *Buffer, const char *Format, ...);
NTHOST_CRT_EXPORT int nt_vsprintf(char *Buffer, const char *Format, va_list Arguments);
NTHOST_CRT_EXPORT int _snprintf(char *Buffer, size_t Count, const char *Format, ...);
NTHOST_CRT_EXPORT int _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments);
NTHOST_CRT_EXPORT int nt_sprintf_s(char *Buffer, size_t Size, const char *Format, ...);
NTHOST_CRT_EXPORT int nt_vsprintf_s(char *Buffer, size_t Size, const char *Format,
                                    va_list Arguments);
NTHOST_CRT_EXPORT int _snwprintf(wchar_t *Buffer, size_t Count, const wchar_t *Format, ...);
NTHOST_CRT_EXPORT int _vsnwprintf(wchar_t *Buffer, size_t Count, const wchar_t *Format,
                                  va_list Arguments);
NTHOST_CRT_EXPORT int nt_swprintf_s(wchar_t *Buffer, size_t Size, const wchar_t *Format, ...);
NTHOST_CRT_EXPORT int nt_vswprintf_s(wchar_t *Buffer, size_t Size, const wchar_t *Format,
                                     va_list Arguments);

#endif
