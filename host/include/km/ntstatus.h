// SPDX-License-Identifier: MIT
// libwine's ntstatus.h, complete in whatever order it is included.
#ifndef NTHOST_KM_NTSTATUS_H
#define NTHOST_KM_NTSTATUS_H

#include <windef.h>

// WIN32_NO_STATUS keeps winnt.h from defining a second, unsigned set; it also empties this header.
#undef WIN32_NO_STATUS
#include_next <ntstatus.h>
#define WIN32_NO_STATUS

#endif
