// SPDX-License-Identifier: MIT
// libwine's winnt.h with empty calling conventions and with our own interlocked operations.
//
// windef.h includes it from its middle: whoever comes here first is sent there, before the guard.
#ifndef _WINDEF_
#include <windef.h>
#endif

#ifndef NTHOST_WINNT_H
#define NTHOST_WINNT_H

// windef.h includes this file between its calling conventions and the first prototype, so this is
// the one place where dropping ms_abi reaches every declaration.
#undef __stdcall
#define __stdcall
#undef __cdecl
#define __cdecl
#undef __fastcall
#define __fastcall
#undef __thiscall
#define __thiscall

// libwine's versions are plain accesses and (for clang) assembly, which TSan cannot see.
#define InterlockedAdd                    NthostWineInterlockedAdd
#define InterlockedAdd64                  NthostWineInterlockedAdd64
#define InterlockedAnd                    NthostWineInterlockedAnd
#define InterlockedAnd64                  NthostWineInterlockedAnd64
#define InterlockedCompareExchange        NthostWineInterlockedCompareExchange
#define InterlockedCompareExchange64      NthostWineInterlockedCompareExchange64
#define InterlockedCompareExchangePointer NthostWineInterlockedCompareExchangePointer
#define InterlockedDecrement              NthostWineInterlockedDecrement
#define InterlockedDecrement16            NthostWineInterlockedDecrement16
#define InterlockedDecrement64            NthostWineInterlockedDecrement64
#define InterlockedExchange               NthostWineInterlockedExchange
#define InterlockedExchangeAdd            NthostWineInterlockedExchangeAdd
#define InterlockedExchangeAdd64          NthostWineInterlockedExchangeAdd64
#define InterlockedExchangePointer        NthostWineInterlockedExchangePointer
#define InterlockedIncrement              NthostWineInterlockedIncrement
#define InterlockedIncrement16            NthostWineInterlockedIncrement16
#define InterlockedIncrement64            NthostWineInterlockedIncrement64
#define InterlockedOr                     NthostWineInterlockedOr
#define InterlockedOr64                   NthostWineInterlockedOr64
#define InterlockedXor                    NthostWineInterlockedXor
#define InterlockedXor64                  NthostWineInterlockedXor64
#define _InterlockedCompareExchange128    NthostWineInterlockedCompareExchange128
#define MemoryBarrier                     NthostWineMemoryBarrier
#define ReadAcquire                       NthostWineReadAcquire
#define ReadNoFence                       NthostWineReadNoFence
#define WriteRelease                      NthostWineWriteRelease
#define WriteNoFence                      NthostWineWriteNoFence
#define YieldProcessor                    NthostWineYieldProcessor
#define BitScanForward                    NthostWineBitScanForward
#define BitScanReverse                    NthostWineBitScanReverse

// Within winnt.h this keeps NtCurrentTeb from reading the gs segment, which belongs to nobody here;
// left defined it would take GetLastError and others out of winbase.h.
#undef WINE_UNIX_LIB
#define WINE_UNIX_LIB
#include_next <winnt.h>
#undef WINE_UNIX_LIB

#undef InterlockedAdd
#undef InterlockedAdd64
#undef InterlockedAnd
#undef InterlockedAnd64
#undef InterlockedCompareExchange
#undef InterlockedCompareExchange64
#undef InterlockedCompareExchangePointer
#undef InterlockedCompareExchange128
#undef InterlockedDecrement
#undef InterlockedDecrement16
#undef InterlockedDecrement64
#undef InterlockedExchange
#undef InterlockedExchangeAdd
#undef InterlockedExchangeAdd64
#undef InterlockedExchangePointer
#undef InterlockedIncrement
#undef InterlockedIncrement16
#undef InterlockedIncrement64
#undef InterlockedOr
#undef InterlockedOr64
#undef InterlockedXor
#undef InterlockedXor64
#undef InterlockedDecrementSizeT
#undef InterlockedExchangeAddSizeT
#undef InterlockedIncrementSizeT
#undef _InterlockedCompareExchange128
#undef MemoryBarrier
#undef ReadAcquire
#undef ReadNoFence
#undef WriteRelease
#undef WriteNoFence
#undef YieldProcessor
#undef BitScanForward
#undef BitScanReverse

// winnt.h leaves NTSYSAPI empty under that macro; what winternl.h and the kernel headers declare
// after it is exported by whoever defines it.
#undef NTSYSAPI
#define NTSYSAPI __attribute__((visibility("default")))

#undef DECLSPEC_CACHEALIGN
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64
#define DECLSPEC_CACHEALIGN         DECLSPEC_ALIGN(SYSTEM_CACHE_ALIGNMENT_SIZE)

#undef C_ASSERT
#define C_ASSERT(e) _Static_assert((e), #e)

#include "nt_interlocked.h"
#include "nt_sal.h"

#endif
