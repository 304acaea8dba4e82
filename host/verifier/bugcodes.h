// SPDX-License-Identifier: MIT
// The bugcheck codes that the executive raises, under Windows' names: one table, names and numbers.
#ifndef HOST_VERIFIER_BUGCODES_H
#define HOST_VERIFIER_BUGCODES_H

#include <stdint.h>

// X(Name, Code). The same numbers and names as in Windows' own bugcheck reference.
#define VF_BUGCODES(X)                                                      \
    X(APC_INDEX_MISMATCH, 0x00000001)                                       \
    X(DEVICE_QUEUE_NOT_BUSY, 0x00000002)                                    \
    X(INVALID_AFFINITY_SET, 0x00000003)                                     \
    X(INVALID_DATA_ACCESS_TRAP, 0x00000004)                                 \
    X(INVALID_PROCESS_ATTACH_ATTEMPT, 0x00000005)                           \
    X(INVALID_PROCESS_DETACH_ATTEMPT, 0x00000006)                           \
    X(INVALID_SOFTWARE_INTERRUPT, 0x00000007)                               \
    X(IRQL_NOT_DISPATCH_LEVEL, 0x00000008)                                  \
    X(IRQL_NOT_GREATER_OR_EQUAL, 0x00000009)                                \
    X(IRQL_NOT_LESS_OR_EQUAL, 0x0000000A)                                   \
    X(NO_EXCEPTION_HANDLING_SUPPORT, 0x0000000B)                            \
    X(MAXIMUM_WAIT_OBJECTS_EXCEEDED, 0x0000000C)                            \
    X(MUTEX_LEVEL_NUMBER_VIOLATION, 0x0000000D)                             \
    X(NO_USER_MODE_CONTEXT, 0x0000000E)                                     \
    X(SPIN_LOCK_ALREADY_OWNED, 0x0000000F)                                  \
    X(SPIN_LOCK_NOT_OWNED, 0x00000010)                                      \
    X(THREAD_NOT_MUTEX_OWNER, 0x00000011)                                   \
    X(TRAP_CAUSE_UNKNOWN, 0x00000012)                                       \
    X(REFERENCE_BY_POINTER, 0x00000018)                                     \
    X(BAD_POOL_HEADER, 0x00000019)                                          \
    X(MEMORY_MANAGEMENT, 0x0000001A)                                        \
    X(KMODE_EXCEPTION_NOT_HANDLED, 0x0000001E)                              \
    X(KERNEL_APC_PENDING_DURING_EXIT, 0x00000020)                           \
    X(QUOTA_UNDERFLOW, 0x00000021)                                          \
    X(PANIC_STACK_SWITCH, 0x0000002B)                                       \
    X(NO_MORE_IRP_STACK_LOCATIONS, 0x00000035)                              \
    X(DEVICE_REFERENCE_COUNT_NOT_ZERO, 0x00000036)                          \
    X(SYSTEM_SERVICE_EXCEPTION, 0x0000003B)                                 \
    X(MUST_SUCCEED_POOL_EMPTY, 0x00000041)                                  \
    X(MULTIPLE_IRP_COMPLETE_REQUESTS, 0x00000044)                           \
    X(INSUFFICIENT_SYSTEM_MAP_REGS, 0x00000045)                             \
    X(CANCEL_STATE_IN_COMPLETED_IRP, 0x00000048)                            \
    X(PAGE_FAULT_WITH_INTERRUPTS_OFF, 0x00000049)                           \
    X(IRQL_GT_ZERO_AT_SYSTEM_SERVICE, 0x0000004A)                           \
    X(PAGE_FAULT_IN_NONPAGED_AREA, 0x00000050)                              \
    X(PROCESS_HAS_LOCKED_PAGES, 0x00000076)                                 \
    X(BUGCODE_NDIS_DRIVER, 0x0000007C)                                      \
    X(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, 0x0000007E)                      \
    X(UNEXPECTED_KERNEL_MODE_TRAP, 0x0000007F)                              \
    X(KERNEL_MODE_EXCEPTION_NOT_HANDLED, 0x0000008E)                        \
    X(INVALID_KERNEL_HANDLE, 0x00000093)                                    \
    X(KERNEL_THREAD_PRIORITY_SET_OUT_OF_RANGE, 0x00000094)                  \
    X(INVALID_WORK_QUEUE_ITEM, 0x00000096)                                  \
    X(ATTEMPTED_SWITCH_FROM_DPC, 0x000000B8)                                \
    X(ATTEMPTED_WRITE_TO_READONLY_MEMORY, 0x000000BE)                       \
    X(MUTEX_ALREADY_OWNED, 0x000000BF)                                      \
    X(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, 0x000000C1)                  \
    X(BAD_POOL_CALLER, 0x000000C2)                                          \
    X(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x000000C4)                       \
    X(DRIVER_CORRUPTED_EXPOOL, 0x000000C5)                                  \
    X(DRIVER_CAUGHT_MODIFYING_FREED_POOL, 0x000000C6)                       \
    X(TIMER_OR_DPC_INVALID, 0x000000C7)                                     \
    X(IRQL_UNEXPECTED_VALUE, 0x000000C8)                                    \
    X(DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x000000C9)                      \
    X(DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS, 0x000000CB)                      \
    X(PAGE_FAULT_IN_FREED_SPECIAL_POOL, 0x000000CC)                         \
    X(PAGE_FAULT_BEYOND_END_OF_ALLOCATION, 0x000000CD)                      \
    X(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, 0x000000CE)    \
    X(DRIVER_CORRUPTED_MMPOOL, 0x000000D0)                                  \
    X(DRIVER_IRQL_NOT_LESS_OR_EQUAL, 0x000000D1)                            \
    X(DRIVER_PORTION_MUST_BE_NONPAGED, 0x000000D3)                          \
    X(SYSTEM_SCAN_AT_RAISED_IRQL_CAUGHT_IMPROPER_DRIVER_UNLOAD, 0x000000D4) \
    X(DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL, 0x000000D5)                  \
    X(DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION, 0x000000D6)               \
    X(DRIVER_UNMAPPING_INVALID_VIEW, 0x000000D7)                            \
    X(LOCKED_PAGES_TRACKER_CORRUPTION, 0x000000D9)                          \
    X(WORKER_THREAD_RETURNED_AT_BAD_IRQL, 0x000000E1)                       \
    X(MANUALLY_INITIATED_CRASH, 0x000000E2)                                 \
    X(RESOURCE_NOT_OWNED, 0x000000E3)                                       \
    X(WORKER_INVALID, 0x000000E4)                                           \
    X(CRITICAL_PROCESS_DIED, 0x000000EF)                                    \
    X(CRITICAL_OBJECT_TERMINATION, 0x000000F4)                              \
    X(DRIVER_OVERRAN_STACK_BUFFER, 0x000000F7)                              \
    X(DRIVER_RETURNED_STATUS_REPARSE_FOR_VOLUME_OPEN, 0x000000F9)           \
    X(ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, 0x000000FC)                    \
    X(CLOCK_WATCHDOG_TIMEOUT, 0x00000101)                                   \
    X(DRIVER_RETURNED_HOLDING_CANCEL_LOCK, 0x0000011B)                      \
    X(DPC_WATCHDOG_VIOLATION, 0x00000133)                                   \
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
