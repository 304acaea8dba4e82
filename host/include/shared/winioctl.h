// SPDX-License-Identifier: MIT
// libwine's winioctl.h, self-contained, with control codes that do not overflow a signed shift.
#ifndef NTHOST_WINIOCTL_H
#define NTHOST_WINIOCTL_H

#include <windef.h>
#include_next <winioctl.h>

#undef CTL_CODE
#define CTL_CODE(DeviceType, Function, Method, Access)                                  \
    (((ULONG)(DeviceType) << 16) | ((ULONG)(Access) << 14) | ((ULONG)(Function) << 2) | \
     (ULONG)(Method))

#ifndef DEVICE_TYPE_FROM_CTL_CODE
#define DEVICE_TYPE_FROM_CTL_CODE(ctrlCode) (((ULONG)((ctrlCode)&0xffff0000)) >> 16)
#endif
#ifndef METHOD_FROM_CTL_CODE
#define METHOD_FROM_CTL_CODE(ctrlCode) ((ULONG)((ctrlCode)&3))
#endif
#ifndef METHOD_DIRECT_TO_HARDWARE
#define METHOD_DIRECT_TO_HARDWARE   METHOD_IN_DIRECT
#define METHOD_DIRECT_FROM_HARDWARE METHOD_OUT_DIRECT
#endif

#endif
