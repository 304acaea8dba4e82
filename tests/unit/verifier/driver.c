// SPDX-License-Identifier: MIT
// A driver that does one thing wrong, chosen when it is compiled, or nothing (DRIVER_CLEAN).
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;
DRIVER_UNLOAD DriverUnload;

#if defined(DRIVER_LEAK)
static __attribute__((noinline)) void
LeakInDriver(void)
{
    PVOID volatile Block = ExAllocatePoolWithTag(PagedPool, 123, 'kaeL');

    (void)Block;
}
#endif

#if defined(DRIVER_FAULT)
static __attribute__((noinline)) void
FaultInDriver(volatile ULONG *Address)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, 3, "about to write\n");
    *Address = 1;
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, 3, "written\n");
}
#endif

#if defined(DRIVER_CLEAN)
static PVOID
Find(PCWSTR Name)
{
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    return MmGetSystemRoutineAddress(&String);
}

static BOOLEAN
FindsWhatIsExported(void)
{
    return Find(L"KeSetEvent") == (PVOID)KeSetEvent && Find(L"KeNoSuchRoutine") == NULL &&
           Find(L"NthostStart") == NULL && Find(L"malloc") == NULL &&
           Find(L"MiAllocatePool") == NULL;
}
#endif

VOID
DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
}

NTSTATUS
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
#if defined(DRIVER_LEAK)
    LeakInDriver();
#elif defined(DRIVER_FAULT)
    FaultInDriver((volatile ULONG *)0x1234);
#else
    ExFreePoolWithTag(ExAllocatePoolWithTag(PagedPool, 123, 'kaeL'), 'kaeL');
    if (!FindsWhatIsExported())
    {
        return STATUS_UNSUCCESSFUL;
    }
#endif
    return STATUS_SUCCESS;
}
