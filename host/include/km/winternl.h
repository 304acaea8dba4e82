// SPDX-License-Identifier: MIT
// libwine's winternl.h without the prototypes that the kernel headers declare as WDK does.
#ifndef NTHOST_KM_WINTERNL_H
#define NTHOST_KM_WINTERNL_H

#include <windef.h>

// Types that differ from WDK's.
#define DbgPrint                  NthostWineDbgPrint
#define DbgPrintEx                NthostWineDbgPrintEx
#define vDbgPrintEx               NthostWineVDbgPrintEx
#define vDbgPrintExWithPrefix     NthostWineVDbgPrintExWithPrefix
#define RtlDuplicateUnicodeString NthostWineRtlDuplicateUnicodeString
#define RtlEqualSid               NthostWineRtlEqualSid
#define RtlInitializeSid          NthostWineRtlInitializeSid
#define RtlRandom                 NthostWineRtlRandom
#define RtlSubAuthorityCountSid   NthostWineRtlSubAuthorityCountSid
#define RtlUpcaseUnicodeString    NthostWineRtlUpcaseUnicodeString
#define RtlTimeToTimeFields       NthostWineRtlTimeToTimeFields
#define RtlGUIDFromString         NthostWineRtlGUIDFromString
#define RtlRaiseException         NthostWineRtlRaiseException
#define RtlValidSid               NthostWineRtlValidSid
#define RtlCopySid                NthostWineRtlCopySid
#define RtlIntegerToUnicodeString NthostWineRtlIntegerToUnicodeString
#define RtlHashUnicodeString      NthostWineRtlHashUnicodeString
#define RemoveHeadList            NthostWineRemoveHeadList
#define RemoveTailList            NthostWineRemoveTailList

#include_next <winternl.h>

#undef DbgPrint
#undef DbgPrintEx
#undef vDbgPrintEx
#undef vDbgPrintExWithPrefix
#undef RtlDuplicateUnicodeString
#undef RtlEqualSid
#undef RtlInitializeSid
#undef RtlRandom
#undef RtlSubAuthorityCountSid
#undef RtlUpcaseUnicodeString
#undef RtlTimeToTimeFields
#undef RtlGUIDFromString
#undef RtlRaiseException
#undef RtlValidSid
#undef RtlCopySid
#undef RtlIntegerToUnicodeString
#undef RtlHashUnicodeString
#undef RemoveHeadList
#undef RemoveTailList

// Macros there, inline functions with WDK's results here (see nt/rtl.h).
#undef InitializeListHead
#undef InsertHeadList
#undef InsertTailList
#undef IsListEmpty
#undef RemoveEntryList
#undef InitializeObjectAttributes
#undef OBJ_VALID_ATTRIBUTES

#endif
