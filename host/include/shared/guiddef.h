// SPDX-License-Identifier: MIT
// libwine's guiddef.h; a GUID defined in several files of a module is one, as with selectany.
//
// No include guard: guiddef.h is included again after <initguid.h> to redefine DEFINE_GUID.
#include "nt_abi.h"
#include_next <guiddef.h>

#ifndef EXTERN_C
#define EXTERN_C extern
#endif

#undef DEFINE_GUID
#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
    extern const GUID name;                                          \
    const GUID name __attribute__((weak, visibility("hidden"))) = {  \
        l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
    EXTERN_C const GUID name __attribute__((visibility("hidden")))
#endif
