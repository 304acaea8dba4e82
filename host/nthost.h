// SPDX-License-Identifier: MIT
// The executive as a library: what the nthost tool, local mode and the unit tests call.
//
// Plain C types. The executive starts and stops repeatedly in one process; no state survives a stop.
// Every function is called from host threads at PASSIVE_LEVEL.
#ifndef HOST_NTHOST_H
#define HOST_NTHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "syscall/services.h"

#define NTHOST_API __attribute__((visibility("default")))

typedef struct NTHOST_CONFIG
{
    unsigned Processors;     // virtual processors, 0: as many as the machine gives, at least 2
    unsigned VerifierLevel;  // 0 off, 1 standard, 2 full
    const char *SocketPath;  // NULL: local only
    const char *As;          // "administrator" (default) or "user": token of new applications
    const char *KillAt;      // "N:before|in-dispatch|parked|after-reply" or NULL
} NTHOST_CONFIG;

// Starts the executive; the calling thread becomes a system thread until NthostStop. 0, or -1 with
// Message saying why and what to do.
NTHOST_API int NthostStart(const NTHOST_CONFIG *Config, char *Message, size_t MessageSize);
// Unloads all drivers, ends all processes, reports leaks (which ends the process with status 3).
NTHOST_API void NthostStop(void);

NTHOST_API int NthostLoadDriver(const char *Path, char *Message, size_t MessageSize);
NTHOST_API int NthostUnloadDriver(const char *Name, char *Message, size_t MessageSize);

// Remote: serves clients on threads of its own from NthostStart on. This waits until a tool client
// asked for a stop or NthostRequestStop was called (async-signal-safe).
NTHOST_API void NthostWaitForStop(void);
NTHOST_API void NthostRequestStop(void);
// Remote: waits until every application process that had connected is run down.
NTHOST_API void NthostWaitForProcesses(void);

// ---- Local applications ----
typedef struct NTHOST_PROCESS NTHOST_PROCESS;
// A process in the local way; the calling host thread becomes its first thread. As: as above.
// Ids (optional): NT's ids of the process and of its first thread.
NTHOST_API int NthostAttachProcess(const char *ImageName, const char *As, NTHOST_PROCESS **Process,
                                   uint32_t *ProcessId, uint32_t *ThreadId);
// The calling thread makes a system call in its process. Windows are ignored.
NTHOST_API int32_t NthostCall(uint32_t Service, const uint64_t *Arguments);
// A thread made by NthCreateThread (its cookie) takes the calling host thread.
NTHOST_API int NthostBindThread(uint64_t Cookie);
// Ends the process (all handles closed when it returns); the calling thread is an NT thread no more.
NTHOST_API void NthostDetachProcess(NTHOST_PROCESS *Process, int32_t ExitStatus);
// For tests with several processes in one address space: switches the calling host thread to
// another attached process's first thread.
NTHOST_API void NthostSwitchProcess(NTHOST_PROCESS *Process);

#endif
