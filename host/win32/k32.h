// SPDX-License-Identifier: MIT
// What the Win32 functions share: NT types, error translation, name conversion.
#ifndef HOST_WIN32_K32_H
#define HOST_WIN32_K32_H

#include <windows.h>
#include <winternl.h>

#include "win32/wx.h"

#pragma GCC visibility push(hidden)

// Sets the last error for an NTSTATUS; FALSE for a failure, TRUE for success (last error unchanged).
BOOL K32Result(NTSTATUS Status);
DWORD K32ErrorFromStatus(NTSTATUS Status);

// A UTF-8 string as an NT name. Free with K32FreeName.
typedef struct K32_NAME
{
    UNICODE_STRING String;
    WCHAR *Buffer;  // owned
} K32_NAME;
BOOL K32NameFromUtf8(const char *Text, K32_NAME *Name);  // FALSE: last error set
BOOL K32NameFromWide(const WCHAR *Text, K32_NAME *Name);
void K32FreeName(K32_NAME *Name);
// Turns an object name of Win32 (`Global\X`, `Local\X`, `X`) into a path under \BaseNamedObjects and
// fills Attributes for it; Name may be NULL (nameless). Inherit and descriptor from Security.
BOOL K32ObjectAttributes(K32_NAME *Name, const SECURITY_ATTRIBUTES *Security, ULONG ExtraFlags,
                         K32_NAME *Path, OBJECT_ATTRIBUTES *Attributes);
// A relative NT timeout from milliseconds; NULL for INFINITE.
PLARGE_INTEGER K32Timeout(DWORD Milliseconds, PLARGE_INTEGER Storage);

#pragma GCC visibility pop

#endif
