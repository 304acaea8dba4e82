// SPDX-License-Identifier: MIT
// Makes libwine's headers speak the native ABI: calling conventions, va_list, visibility, declspec.
#ifndef NTHOST_NT_ABI_H
#define NTHOST_NT_ABI_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// libwine hides what it "imports" (DECLSPEC_IMPORT); here an import is a default-visibility symbol
// of another shared object, and a definition of it in a library built hidden is an export.
#define DECLSPEC_HIDDEN __attribute__((visibility("default")))

// Of several definitions of one datum (GUIDs, mostly) the linker keeps one.
#define DECLSPEC_SELECTANY __attribute__((weak))

#define __ms_va_list             va_list
#define __ms_va_start(list, arg) va_start(list, arg)
#define __ms_va_end(list)        va_end(list)
#define __ms_va_copy(dest, src)  va_copy(dest, src)

// __declspec(x): what changes layout, linkage or control flow keeps its meaning, what only places
// code or data does not exist here, and an unknown one is a compile error rather than a surprise.
#ifndef __declspec
#define __declspec(x) NTHOST_DECLSPEC_##x
#define _declspec(x) NTHOST_DECLSPEC_##x
#endif
#define NTHOST_DECLSPEC_align(n) __attribute__((aligned(n)))
#define NTHOST_DECLSPEC_allocate(section)
#define NTHOST_DECLSPEC_allocator
#define NTHOST_DECLSPEC_code_seg(section)
#define NTHOST_DECLSPEC_deprecated __attribute__((deprecated))
#define NTHOST_DECLSPEC_dllexport  __attribute__((visibility("default")))
#define NTHOST_DECLSPEC_dllimport
#define NTHOST_DECLSPEC_guard(x)
#define NTHOST_DECLSPEC_noalias
#define NTHOST_DECLSPEC_noinline __attribute__((noinline))
#define NTHOST_DECLSPEC_noreturn __attribute__((noreturn))
#define NTHOST_DECLSPEC_nothrow  __attribute__((nothrow))
#define NTHOST_DECLSPEC_novtable
#define NTHOST_DECLSPEC_restrict
#define NTHOST_DECLSPEC_selectany DECLSPEC_SELECTANY
#define NTHOST_DECLSPEC_thread    __thread
#define NTHOST_DECLSPEC_uuid(x)

#ifndef __forceinline
#define __forceinline inline __attribute__((always_inline))
#endif
#ifndef _inline
#define _inline inline
#endif
#ifndef __ptr64
#define __ptr64
#endif

#endif
