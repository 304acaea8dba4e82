// SPDX-License-Identifier: MIT
// The kernel surface under the name that drivers written before WDM was separate include.
#ifndef NTHOST_NTDDK_H
#define NTHOST_NTDDK_H

#include <wdm.h>

#endif
