// SPDX-License-Identifier: MIT
// Device types and CTL_CODE, under the name that code shared by a driver and its application uses.
#ifndef NTHOST_DEVIOCTL_H
#define NTHOST_DEVIOCTL_H

#include <winioctl.h>

#endif
