// SPDX-License-Identifier: MIT
// Internals of the run-time library: NT's printf, text conversion, letter case, names of status codes.
#ifndef HOST_RTL_RTLP_H
#define HOST_RTL_RTLP_H

#include <ntifs.h>

#include <stdarg.h>

// ---- NT's printf: LONG is 32 bits wide, %I64, %wZ, %S ... (printf.c lists what it knows) ----
// Receives Count units of output. Units are UTF-8 bytes or UTF-16 units, by the formatter called.
typedef void RTLP_SINK(void *Context, const void *Units, SIZE_T Count);
// Both return the number of units given to Sink (which may ignore some). Any IRQL at which the strings
// behind the arguments may be touched; no allocation, no lock.
SIZE_T RtlpFormat(RTLP_SINK *Sink, void *Context, const char *Format, va_list Arguments);
SIZE_T RtlpFormatWide(RTLP_SINK *Sink, void *Context, const WCHAR *Format, va_list Arguments);

// ---- Text. The host's ANSI code page is UTF-8. ----
// Decodes one character; malformed input gives U+FFFD and at least one unit consumed. Length > 0.
SIZE_T RtlpDecodeUtf8(const char *Text, SIZE_T Length, ULONG *Character);
SIZE_T RtlpDecodeUtf16(const WCHAR *Text, SIZE_T Length, ULONG *Character);
SIZE_T RtlpEncodeUtf8(ULONG Character, char Text[4]);    // 1 to 4
SIZE_T RtlpEncodeUtf16(ULONG Character, WCHAR Text[2]);  // 1 or 2
// Convert Length units of Text. Return the number of units that the whole result has; at most Room of
// them are stored, whole characters only, no terminator.
SIZE_T RtlpUtf8ToUtf16(const char *Text, SIZE_T Length, WCHAR *To, SIZE_T Room);
SIZE_T RtlpUtf16ToUtf8(const WCHAR *Text, SIZE_T Length, char *To, SIZE_T Room);

// ---- Debug output ----
// Writes out a line that DbgPrint has begun and not ended. For the end of the host and for reports.
void RtlpFlushDebugOutput(void);

// "STATUS_DEVICE_ALREADY_ATTACHED", or "unknown status" for one that has no name here.
const char *RtlpStatusName(NTSTATUS Status);

#define RTLP_TAG_STRING 'grtS'

#endif
