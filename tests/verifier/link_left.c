// SPDX-License-Identifier: MIT
// A symbolic link that is not deleted at unload.
#include "skeleton.h"

static UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\??\\VerifierSecondLink");

CULPRIT NTSTATUS
CreateLink(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\VerifierTest");
    return IoCreateSymbolicLink(&Link, &Name);
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, CreateLink());
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
    if (!VIOLATE)
    {
        IoDeleteSymbolicLink(&Link);
    }
}
