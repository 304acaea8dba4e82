// SPDX-License-Identifier: MIT
// The system service table: one list, two ways in (a call, or a port).
//
// Included by the executive (which implements it) and by host/win32 (which calls it by number). The
// wire carries numbers, so both sides must come from the same build; the hello message checks.
#ifndef HOST_SYSCALL_SERVICES_H
#define HOST_SYSCALL_SERVICES_H

#include <stdint.h>

// X(Name, ArgumentCount). Arguments are 64-bit; pointers are addresses in the caller's memory.
#define NTH_SERVICES(X)             \
    X(NtClose, 1)                   \
    X(NtDuplicateObject, 7)         \
    X(NtQueryObject, 5)             \
    X(NtWaitForSingleObject, 3)     \
    X(NtWaitForMultipleObjects, 5)  \
    X(NtDelayExecution, 2)          \
    X(NtCreateEvent, 5)             \
    X(NtOpenEvent, 3)               \
    X(NtSetEvent, 2)                \
    X(NtResetEvent, 2)              \
    X(NtClearEvent, 1)              \
    X(NtQueryEvent, 5)              \
    X(NtCreateFile, 11)             \
    X(NtReadFile, 9)                \
    X(NtWriteFile, 9)               \
    X(NtDeviceIoControlFile, 10)    \
    X(NtCancelIoFile, 2)            \
    X(NtCancelIoFileEx, 3)          \
    X(NtSetInformationFile, 5)      \
    X(NtQueryInformationFile, 5)    \
    X(NtCreateIoCompletion, 4)      \
    X(NtSetIoCompletion, 5)         \
    X(NtRemoveIoCompletion, 5)      \
    X(NtRemoveIoCompletionEx, 6)    \
    X(NtCreateSection, 7)           \
    X(NtOpenSection, 3)             \
    X(NthMapView, 5)                \
    X(NthUnmapView, 1)              \
    X(NthCreateThread, 3)           \
    X(NthExitThread, 1)             \
    X(NthExitProcess, 1)            \
    X(NthCreateProcess, 4)          \
    X(NthReportExit, 2)             \
    X(NtOpenProcess, 4)             \
    X(NtTerminateProcess, 2)        \
    X(NtQueryInformationProcess, 5) \
    X(NtQueryInformationThread, 5)  \
    X(NtSetSecurityObject, 3)

enum NTH_SERVICE
{
#define NTH_SERVICE_NUMBER(Name, Count) Nts_##Name,
    NTH_SERVICES(NTH_SERVICE_NUMBER)
#undef NTH_SERVICE_NUMBER
    NtsCount
};

#define NTH_MAX_ARGUMENTS 12

// A piece of the caller's memory that a call reads or writes: remote calls carry it inline.
#define NTH_WINDOW_IN  1u
#define NTH_WINDOW_OUT 2u
typedef struct NTH_WINDOW
{
    uint64_t Address;
    uint32_t Length;
    uint32_t Flags;
} NTH_WINDOW;
#define NTH_MAX_WINDOWS 4

#endif
