// SPDX-License-Identifier: MIT
// libwine's windows.h under the native ABI, for console programs linked with libntwin32.so.
#ifndef NTHOST_UM_WINDOWS_H
#define NTHOST_UM_WINDOWS_H

// Sockets, OLE, RPC and multimedia are not part of this system, and their headers clash with the C
// library's (winsock.h with sys/socket.h, which pcap.h needs); so lean is the only form there is.
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif

#include <windef.h>
#include_next <windows.h>

// WinBase.h's, which libwine has in winternl.h (the same tokens, so both may be included).
#ifndef FILE_SKIP_COMPLETION_PORT_ON_SUCCESS
#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS 0x1
#define FILE_SKIP_SET_EVENT_ON_HANDLE        0x2
#endif

#endif
