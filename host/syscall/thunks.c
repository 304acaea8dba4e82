// SPDX-License-Identifier: MIT
// The service table: unpacks 64-bit arguments and calls the service with its own types.

#include "syscall/ntp.h"

#define P(Type, Index) ((Type)(uintptr_t)A[Index])
#define H(Index)       ((HANDLE)(uintptr_t)A[Index])
#define U(Index)       ((ULONG)A[Index])
#define B(Index)       ((BOOLEAN)(A[Index] != 0))

typedef NTSTATUS NTP_THUNK(const uint64_t *A);
#define THUNK(Name, ...)                           \
    static NTSTATUS Thunk##Name(const uint64_t *A) \
    {                                              \
        return Name(__VA_ARGS__);                  \
    }

THUNK(NtClose, H(0))
THUNK(NtDuplicateObject, H(0), H(1), H(2), P(PHANDLE, 3), U(4), U(5), U(6))
THUNK(NtQueryObject, H(0), (OBJECT_INFORMATION_CLASS)U(1), P(PVOID, 2), U(3), P(PULONG, 4))
THUNK(NtWaitForSingleObject, H(0), B(1), P(PLARGE_INTEGER, 2))
THUNK(NtWaitForMultipleObjects, U(0), P(HANDLE *, 1), B(2), B(3), P(PLARGE_INTEGER, 4))
THUNK(NtDelayExecution, B(0), P(PLARGE_INTEGER, 1))
THUNK(NtCreateEvent, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2), (EVENT_TYPE)U(3), B(4))
THUNK(NtOpenEvent, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2))
THUNK(NtSetEvent, H(0), P(PLONG, 1))
THUNK(NtResetEvent, H(0), P(PLONG, 1))
THUNK(NtClearEvent, H(0))
THUNK(NtQueryEvent, H(0), (EVENT_INFORMATION_CLASS)U(1), P(PVOID, 2), U(3), P(PULONG, 4))
THUNK(NtCreateFile, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2), P(PIO_STATUS_BLOCK, 3),
      P(PLARGE_INTEGER, 4), U(5), U(6), U(7), U(8), P(PVOID, 9), U(10))
THUNK(NtReadFile, H(0), H(1), P(PIO_APC_ROUTINE, 2), P(PVOID, 3), P(PIO_STATUS_BLOCK, 4),
      P(PVOID, 5), U(6), P(PLARGE_INTEGER, 7), P(PULONG, 8))
THUNK(NtWriteFile, H(0), H(1), P(PIO_APC_ROUTINE, 2), P(PVOID, 3), P(PIO_STATUS_BLOCK, 4),
      P(PVOID, 5), U(6), P(PLARGE_INTEGER, 7), P(PULONG, 8))
THUNK(NtDeviceIoControlFile, H(0), H(1), P(PIO_APC_ROUTINE, 2), P(PVOID, 3), P(PIO_STATUS_BLOCK, 4),
      U(5), P(PVOID, 6), U(7), P(PVOID, 8), U(9))
THUNK(NtCancelIoFile, H(0), P(PIO_STATUS_BLOCK, 1))
THUNK(NtCancelIoFileEx, H(0), P(PIO_STATUS_BLOCK, 1), P(PIO_STATUS_BLOCK, 2))
THUNK(NtSetInformationFile, H(0), P(PIO_STATUS_BLOCK, 1), P(PVOID, 2), U(3),
      (FILE_INFORMATION_CLASS)U(4))
THUNK(NtQueryInformationFile, H(0), P(PIO_STATUS_BLOCK, 1), P(PVOID, 2), U(3),
      (FILE_INFORMATION_CLASS)U(4))
THUNK(NtCreateIoCompletion, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2), U(3))
THUNK(NtSetIoCompletion, H(0), A[1], A[2], (NTSTATUS)A[3], A[4])
THUNK(NtRemoveIoCompletion, H(0), P(PULONG_PTR, 1), P(PULONG_PTR, 2), P(PIO_STATUS_BLOCK, 3),
      P(PLARGE_INTEGER, 4))
THUNK(NtRemoveIoCompletionEx, H(0), P(PFILE_IO_COMPLETION_INFORMATION, 1), U(2), P(PULONG, 3),
      P(PLARGE_INTEGER, 4), B(5))
THUNK(NtCreateSection, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2), P(PLARGE_INTEGER, 3), U(4),
      U(5), H(6))
THUNK(NtOpenSection, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2))
THUNK(NthMapView, H(0), U(1), P(PSIZE_T, 2), P(PVOID *, 3), P(uint64_t *, 4))
THUNK(NthUnmapView, P(PVOID, 0))
THUNK(NthCreateThread, P(PHANDLE, 0), U(1), P(uint64_t *, 2))
THUNK(NthExitThread, (NTSTATUS)A[0])
THUNK(NthExitProcess, (NTSTATUS)A[0])
THUNK(NthCreateProcess, P(PHANDLE, 0), U(1), U(2), P(PULONG, 3))
THUNK(NthReportExit, H(0), (NTSTATUS)A[1])
THUNK(NtOpenProcess, P(PHANDLE, 0), U(1), P(POBJECT_ATTRIBUTES, 2), P(PCLIENT_ID, 3))
THUNK(NtTerminateProcess, H(0), (NTSTATUS)A[1])
THUNK(NtQueryInformationProcess, H(0), (PROCESSINFOCLASS)U(1), P(PVOID, 2), U(3), P(PULONG, 4))
THUNK(NtQueryInformationThread, H(0), (THREADINFOCLASS)U(1), P(PVOID, 2), U(3), P(PULONG, 4))
THUNK(NtSetSecurityObject, H(0), U(1), P(PSECURITY_DESCRIPTOR, 2))

static NTP_THUNK *const NtpTable[NtsCount] = {
#define NTP_ENTRY(Name, Count) [Nts_##Name] = Thunk##Name,
    NTH_SERVICES(NTP_ENTRY)
#undef NTP_ENTRY
};

NTSTATUS
NtpDispatch(ULONG Service, const uint64_t *Arguments)
{
    if (Service >= NtsCount)
    {
        return STATUS_INVALID_SYSTEM_SERVICE;
    }
    NTSTATUS Status = NtpTable[Service](Arguments);

    // A service that returns to its caller must have put everything back.
    PKTHREAD Thread = KiCurrentThread;
    if (Status != STATUS_KI_PARKED && Thread->Irql != PASSIVE_LEVEL)
    {
        VfBugCheck(IRQL_GT_ZERO_AT_SYSTEM_SERVICE, Service, Thread->Irql, 0, 0,
                   "a driver returned from a system call at an IRQL above PASSIVE_LEVEL");
    }
    return Status;
}
