// SPDX-License-Identifier: MIT
// Internals of the two ways into the service table: thunks, the remote server, ports.
#ifndef HOST_SYSCALL_NTP_H
#define HOST_SYSCALL_NTP_H

#include "io/iop.h"
#include "nthost.h"
#include "syscall/port.h"
#include "verifier/vf.h"

// Runs one service in the calling NT thread. PreviousMode must be UserMode. May return
// STATUS_KI_PARKED if the thread may park.
NTSTATUS NtpDispatch(ULONG Service, const uint64_t *Arguments);

// ---- Host-private services (NtpServices.c and the ports implement them) ----
NTSTATUS NthMapView(HANDLE Section, ULONG Protection, PSIZE_T Size, PVOID *Address,
                    uint64_t *Cookie);
NTSTATUS NthUnmapView(PVOID Address);
NTSTATUS NthCreateThread(PHANDLE Handle, ACCESS_MASK Access, uint64_t *Cookie);
NTSTATUS NthExitThread(NTSTATUS Status);
NTSTATUS NthExitProcess(NTSTATUS Status);
NTSTATUS NthCreateProcess(PHANDLE Handle, ACCESS_MASK Access, ULONG HostPid, PULONG ProcessId);
NTSTATUS NthReportExit(HANDLE Process, NTSTATUS Status);

// ---- Remote connections ----
typedef struct NTP_CONNECTION
{
    LIST_ENTRY Link;  // NtpConnections, guarded by NtpLock
    int Socket;
    OS_LOCK SendLock;  // one message at a time
    uint32_t HostPid;
    PEPROCESS Process;  // referenced; NULL for tools
    OS_THREAD *HostThread;
    uint32_t KillCall, KillPoint;
    uint32_t CallNumber;  // atomic: calls submitted by this process
    uint32_t Leaving;     // atomic: it said that it exits, or its end of the socket is closed
} NTP_CONNECTION;

NTSTATUS NtpSendDescriptor(NTP_CONNECTION *Connection, uint32_t Kind, uint64_t Cookie, int Fd);

// ---- Ports ----
// Makes the kernel half of Thread (Thread->Port) and starts its host thread. *Fd: the port's
// descriptor for the application (caller closes it).
NTSTATUS NtpCreatePort(NTP_CONNECTION *Connection, PETHREAD Thread, int *Fd);
void NtpStopThread(PETHREAD Thread);  // PSP_CONNECTION_OPERATIONS.StopThread
extern const MI_WINDOW_OPERATIONS NtpWindowOperations;

// ---- The remote server ----
int NtpStartServer(const NTHOST_CONFIG *Config, char *Message, size_t MessageSize);
// Refuses new connections, ends every process, waits for their rundown.
void NtpStopServer(void);
void NtpWaitForProcesses(void);
// Last step of a stop: tells the tool that asked for it.
void NtpAnswerStop(void);
SEP_WHO NtpWho(const char *As);  // "administrator" | "user"; (SEP_WHO)-1 for anything else

// Text for `nthost status`.
void NtpStatusText(BOOLEAN Json, char *Text, size_t Size);

#endif
