// SPDX-License-Identifier: MIT
// How the Win32 library reaches the executive: one call, two transports. Plain C types.
#ifndef HOST_WIN32_WX_H
#define HOST_WIN32_WX_H

#include "syscall/services.h"

#pragma GCC visibility push(hidden)

// Makes a system call; connects on first use. Windows tell which memory a remote call may carry
// inline (an optimisation; what is not named is read and written by nthost through this process's
// memory descriptor). Returns an NTSTATUS; STATUS_PORT_DISCONNECTED when nthost has gone.
int32_t WxCall(uint32_t Service, const uint64_t *Arguments, unsigned ArgumentCount,
               const NTH_WINDOW *Windows, unsigned WindowCount);

#define WX_ARGUMENTS(...)   ((const uint64_t[]){__VA_ARGS__})
#define WX_POINTER(Pointer) ((uint64_t)(uintptr_t)(Pointer))
// WX_CALL(NtClose, WX_POINTER(Handle)): no windows.
#define WX_CALL(Name, ...)                        \
    WxCall(Nts_##Name, WX_ARGUMENTS(__VA_ARGS__), \
           sizeof(WX_ARGUMENTS(__VA_ARGS__)) / sizeof(uint64_t), NULL, 0)
#define WX_CALL_WINDOWS(Windows, Count, Name, ...) \
    WxCall(Nts_##Name, WX_ARGUMENTS(__VA_ARGS__),  \
           sizeof(WX_ARGUMENTS(__VA_ARGS__)) / sizeof(uint64_t), (Windows), (Count))
#define WX_IN(Pointer, Size)                                 \
    {                                                        \
        WX_POINTER(Pointer), (uint32_t)(Size), NTH_WINDOW_IN \
    }
#define WX_OUT(Pointer, Size)                                 \
    {                                                         \
        WX_POINTER(Pointer), (uint32_t)(Size), NTH_WINDOW_OUT \
    }

// The descriptor that nthost sent with Cookie (a port or a section), waits for it; -1 when nthost
// has gone. Remote only.
int WxTakeDescriptor(uint32_t Kind, uint64_t Cookie);
// A new host thread takes the NT thread made by NthCreateThread. 0, or -1.
int WxBindThread(uint64_t Cookie);
void WxUnbindThread(void);  // after NthExitThread
int WxIsLocal(void);
uint32_t WxProcessId(void);  // NT's ids of this process and thread
uint32_t WxThreadId(void);
// Ends this process as ExitProcess does: tells the executive, waits for the rundown, _exits.
_Noreturn void WxExitProcess(uint32_t Status);

#pragma GCC visibility pop

#endif
