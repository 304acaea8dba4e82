// SPDX-License-Identifier: MIT
// The two transports behind wx.h.
#ifndef HOST_WIN32_TRANSPORT_H
#define HOST_WIN32_TRANSPORT_H

#include "win32/wx.h"

#define WX_EXIT_NO_HOST        4                      // no nthost could be reached or started
#define WX_EXIT_HOST_GONE      5                      // nthost went away while the application ran
#define WX_STATUS_DISCONNECTED ((int32_t)0xC0000037)  // STATUS_PORT_DISCONNECTED

#pragma GCC visibility push(hidden)

typedef struct WX_TRANSPORT
{
    // The calling thread becomes the process's first NT thread. Ends the process with a message if
    // it cannot.
    void (*Connect)(uint32_t *ProcessId, uint32_t *ThreadId);
    int32_t (*Call)(uint32_t Service, const uint64_t *Arguments, unsigned ArgumentCount,
                    const NTH_WINDOW *Windows, unsigned WindowCount);
    int (*BindThread)(uint64_t Cookie);
    void (*UnbindThread)(void);
    int (*TakeDescriptor)(uint32_t Kind, uint64_t Cookie);
    // Runs the process down; returns when every handle is closed.
    void (*EndProcess)(uint32_t Status);
} WX_TRANSPORT;
extern const WX_TRANSPORT WxLocalTransport, WxRemoteTransport;

_Noreturn void WxFail(const char *Text);  // message to standard error, exit WX_EXIT_NO_HOST
_Noreturn void WxSleepForever(void);
int WxIsEnding(void);

#pragma GCC visibility pop

#endif
