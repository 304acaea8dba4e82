// SPDX-License-Identifier: MIT
// The kernel surface under the name that file system drivers and security code include.
#ifndef NTHOST_NTIFS_H
#define NTHOST_NTIFS_H

#include <wdm.h>

#endif
