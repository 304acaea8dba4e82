// SPDX-License-Identifier: MIT
// The bugcheck codes that the executive raises, under Windows' names: one table, names and numbers.
#ifndef HOST_VERIFIER_BUGCODES_H
#define HOST_VERIFIER_BUGCODES_H

#include <stdint.h>

// X(Name, Code). The same numbers and names as in Windows' own bugcheck reference.
#define VF_BUGCODES(X)                                \
    X(APC_INDEX_MISMATCH, 0x00000001)                 \
    X(INVALID_PROCESS_ATTACH_ATTEMPT, 0x00000005)     \
    X(IRQL_NOT_GREATER_OR_EQUAL, 0x00000009)          \
    X(IRQL_NOT_LESS_OR_EQUAL, 0x0000000A)             \
    X(MAXIMUM_WAIT_OBJECTS_EXCEEDED, 0x0000000C)      \
    X(KERNEL_APC_PENDING_DURING_EXIT, 0x00000020)     \
    X(SPIN_LOCK_ALREADY_OWNED, 0x0000000F)            \
    X(SPIN_LOCK_NOT_OWNED, 0x00000010)                \
    X(REFERENCE_BY_POINTER, 0x00000018)               \
    X(BAD_POOL_HEADER, 0x00000019)                    \
    X(MEMORY_MANAGEMENT, 0x0000001A)                  \
    X(KMODE_EXCEPTION_NOT_HANDLED, 0x0000001E)        \
    X(CANCEL_STATE_IN_COMPLETED_IRP, 0x00000048)      \
    X(PAGE_FAULT_IN_NONPAGED_AREA, 0x00000050)        \
    X(SYSTEM_SERVICE_EXCEPTION, 0x0000003B)           \
    X(MUST_SUCCEED_POOL_EMPTY, 0x00000041)            \
    X(MULTIPLE_IRP_COMPLETE_REQUESTS, 0x00000044)     \
    X(NO_MORE_IRP_STACK_LOCATIONS, 0x00000035)        \
    X(INVALID_DATA_ACCESS_TRAP, 0x00000004)           \
    X(PROCESS_HAS_LOCKED_PAGES, 0x00000076)           \
    X(ATTEMPTED_SWITCH_FROM_DPC, 0x000000B8)          \
    X(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, 0x000000C1) \
    X(BAD_POOL_CALLER, 0x000000C2)                    \
    X(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x000000C4) \
    X(DRIVER_CORRUPTED_EXPOOL, 0x000000C5)            \
    X(TIMER_OR_DPC_INVALID, 0x000000C7)               \
    X(IRQL_UNEXPECTED_VALUE, 0x000000C8)              \
    X(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x000000C9) \
    X(DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS, 0x000000CB) \
    X(PAGE_FAULT_IN_FREED_SPECIAL_POOL, 0x000000CC)   \
    X(PAGE_FAULT_BEYOND_END_OF_ALLOCATION, 0x000000CD) \
    X(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, 0x000000CE) \
    X(DRIVER_IRQL_NOT_LESS_OR_EQUAL, 0x000000D1)      \
    X(MANUALLY_INITIATED_CRASH, 0x000000E2)           \
    X(CRITICAL_PROCESS_DIED, 0x000000EF)              \
    X(KERNEL_SECURITY_CHECK_FAILURE, 0x00000139)

// Enumerators carry a prefix of their own: a driver header may define the bare names.
enum
{
#define VF_BUGCODE_ENUMERATOR(Name, Code) VfBug_##Name = Code,
    VF_BUGCODES(VF_BUGCODE_ENUMERATOR)
#undef VF_BUGCODE_ENUMERATOR
};

// "IRQL_NOT_LESS_OR_EQUAL", or NULL for a code that is not in the table. Static storage.
const char *VfBugCodeName(uint32_t Code);

#endif
