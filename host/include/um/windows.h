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

#endif
