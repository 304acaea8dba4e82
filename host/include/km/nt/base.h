// SPDX-License-Identifier: MIT
// What every other kernel header stands on: libwine's base headers, linkage, assertions, printing.
#ifndef NTHOST_KM_NT_BASE_H
#define NTHOST_KM_NT_BASE_H

#include <windef.h>
#include <ntstatus.h>
#include <winternl.h>
#include <winioctl.h>
#include <driverspecs.h>
#include <bugcodes.h>

// A kernel routine is default visibility: declared here and defined in the executive it is
// exported; declared and not defined it does not exist, and linking a driver against it names it.
#define NTKERNELAPI __attribute__((visibility("default")))
#define NTHALAPI    NTKERNELAPI

#ifndef DBG
#define DBG 0
#endif

#define POINTER_ALIGNMENT DECLSPEC_ALIGN(8)

#ifndef ALLOC_PRAGMA
// Pageable sections do not exist here: `#pragma alloc_text` would only warn.
#endif

#ifndef INIT_FUNCTION
#define INIT_FUNCTION
#endif

#define PAGED_CODE()        ASSERT(KeGetCurrentIrql() <= APC_LEVEL)
#define PAGED_CODE_LOCKED() ((void)0)

NTSYSAPI ULONG DbgPrint(PCSTR Format, ...);
NTSYSAPI ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
NTSYSAPI ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCCH Format, va_list Arguments);
NTSYSAPI ULONG vDbgPrintExWithPrefix(PCCH Prefix, ULONG ComponentId, ULONG Level, PCCH Format,
                                     va_list Arguments);
NTSYSAPI VOID DbgBreakPoint(VOID);
NTSYSAPI VOID DbgBreakPointWithStatus(ULONG Status);
NTSYSAPI VOID RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message);

#define DPFLTR_SYSTEM_ID       0
#define DPFLTR_IHVDRIVER_ID    77
#define DPFLTR_IHVVIDEO_ID     78
#define DPFLTR_IHVAUDIO_ID     79
#define DPFLTR_IHVNETWORK_ID   80
#define DPFLTR_IHVSTREAMING_ID 81
#define DPFLTR_IHVBUS_ID       82
#define DPFLTR_DEFAULT_ID      101

#if DBG
#define KdPrint(x)     DbgPrint x
#define KdPrintEx(x)   DbgPrintEx x
#define KdBreakPoint() DbgBreakPoint()
#define ASSERT(e)      ((e) ? (void)0 : RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, NULL))
#define ASSERTMSG(m, e) \
    ((e) ? (void)0 : RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, (PSTR)(m)))
#else
#define KdPrint(x)      ((void)0)
#define KdPrintEx(x)    ((void)0)
#define KdBreakPoint()  ((void)0)
#define ASSERT(e)       ((void)0)
#define ASSERTMSG(m, e) ((void)0)
#endif
#define RTL_SOFT_ASSERT(e)       ASSERT(e)
#define RTL_SOFT_ASSERTMSG(m, e) ASSERTMSG(m, e)
#define NT_ASSERT(e)             ASSERT(e)
#define NT_ASSERTMSG(m, e)       ASSERTMSG(m, e)

#define NT_VERIFY(e) ((e) ? 1 : (RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, NULL), 0))

#define NT_ANALYSIS_ASSUME(e) ((void)0)

#ifndef UNREFERENCED_PARAMETER
#define UNREFERENCED_PARAMETER(P) ((void)(P))
#endif
#ifndef DBG_UNREFERENCED_PARAMETER
#define DBG_UNREFERENCED_PARAMETER(P)      ((void)(P))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(V) ((void)(V))
#endif
#ifndef MAXUSHORT
#define MAXUCHAR  0xff
#define MAXUSHORT 0xffff
#define MAXULONG  0xffffffffu
#endif
#define ARGUMENT_PRESENT(ArgumentPointer) ((CHAR *)(ArgumentPointer) != (CHAR *)NULL)

#endif
