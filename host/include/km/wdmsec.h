// SPDX-License-Identifier: MIT
// Device objects created with an explicit security descriptor.
#ifndef NTHOST_WDMSEC_H
#define NTHOST_WDMSEC_H

#include <wdm.h>

// Microsoft's wdmsec.lib links these strings into the driver; here each file has its own constants.
#define NTHOST_SDDL(_name, _text)                                        \
    static const WCHAR _name##_buffer[] __attribute__((unused)) = _text; \
    static const UNICODE_STRING _name __attribute__((unused)) = {        \
        sizeof(_text) - sizeof(WCHAR), sizeof(_text), (PWCH)_name##_buffer}

NTHOST_SDDL(SDDL_DEVOBJ_KERNEL_ONLY, L"D:P");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL, L"D:P(A;;GA;;;SY)");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RX, L"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R,
            L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R,
            L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)");
NTHOST_SDDL(SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX,
            L"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)");
#define SDDL_DEVOBJ_INF_SUPPLIED SDDL_DEVOBJ_KERNEL_ONLY

// As IoCreateDevice, with the device's security descriptor in SDDL. DeviceClassGuid names a class
// whose administrator's settings would override DefaultSDDLString on Windows; may be NULL.
NTKERNELAPI NTSTATUS WdmlibIoCreateDeviceSecure(
    PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
    DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
    PCUNICODE_STRING DefaultSDDLString, LPCGUID DeviceClassGuid, PDEVICE_OBJECT *DeviceObject);
#define IoCreateDeviceSecure WdmlibIoCreateDeviceSecure

#endif
