// SPDX-License-Identifier: MIT
// A NULL pointer read in a dispatch routine.
#include "skeleton.h"

CULPRIT ULONG
ReadField(const volatile ULONG *Field)
{
    return *Field;
}

static NTSTATUS
Trigger(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG Value = 0;
    // Volatile, so that the compiler cannot see where it points and judge that it may do anything.
    const volatile ULONG *volatile Field = VIOLATE ? NULL : &Value;
    UNREFERENCED_PARAMETER(Device);
    return Complete(Irp, ReadField(Field) == 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
}

static VOID
Undo(PDRIVER_OBJECT Driver)
{
    UNREFERENCED_PARAMETER(Driver);
}
