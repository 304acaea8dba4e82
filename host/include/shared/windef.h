// SPDX-License-Identifier: MIT
// libwine's windef.h under the native ABI.
#ifndef NTHOST_WINDEF_H
#define NTHOST_WINDEF_H

#include "nt_abi.h"
#include_next <windef.h>

#endif
