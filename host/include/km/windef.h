// SPDX-License-Identifier: MIT
// The kernel's windef.h: status values are NTSTATUS and come from ntstatus.h, not from winnt.h.
#ifndef NTHOST_KM_WINDEF_H
#define NTHOST_KM_WINDEF_H

#define WIN32_NO_STATUS
#include_next <windef.h>

#endif
