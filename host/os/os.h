// SPDX-License-Identifier: MIT
// The only door to Linux: blocking, clocks, threads, shared memory, processes, sockets, modules.
//
// Nothing above this header includes a Linux header. It uses plain C types so that it can be read
// beside <ntddk.h> and beside <windows.h> alike. Every block, clock read and thread start of the
// executive goes through here: schedules and virtual time plug in at these functions.
#ifndef HOST_OS_OS_H
#define HOST_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- Errors. Functions that can fail return 0 or a negative OS_E value (never errno itself). ----
enum
{
    OS_OK = 0,
    OS_E_TIMEOUT = -1,
    OS_E_NO_MEMORY = -2,
    OS_E_NOT_FOUND = -3,
    OS_E_EXISTS = -4,
    OS_E_ACCESS = -5,
    OS_E_INVALID = -6,
    OS_E_DISCONNECTED = -7,
    OS_E_NO_SPACE = -8,
    OS_E_BUSY = -9,
    OS_E_FAULT = -10,
    OS_E_OTHER = -11,
};
// A sentence for an OS_E value ("permission denied"). Static storage.
const char *OsErrorText(int Error);

// Per-thread variables of the host. Initial-exec: one load, where a shared object's default is a call.
#define OS_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

// ---- Clocks. All in nanoseconds. ----
uint64_t OsMonotonicNs(void);  // CLOCK_MONOTONIC: since boot, does not count suspend
uint64_t OsRealtimeNs(void);   // since 1970-01-01 UTC
#define OS_FOREVER UINT64_MAX

// ---- Blocking. Word is a 32-bit futex word; Shared says whether other processes wait on it. ----
// Returns OS_OK when woken or when *Word != Expected already, OS_E_TIMEOUT at the absolute
// monotonic DeadlineNs. Spurious returns happen; callers re-check their condition.
int OsWaitWord(uint32_t *Word, uint32_t Expected, uint64_t DeadlineNs, bool Shared);
void OsWakeWord(uint32_t *Word, uint32_t Count, bool Shared);  // Count = UINT32_MAX: all
void OsYield(void);                                            // sched_yield
static inline void
OsPause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// ---- Locks of the host itself (never a driver's). ----
// 3-state futex mutex (0 free, 1 held, 2 held with waiters), spins briefly before it sleeps.
// Not recursive. OsHeldLocks counts those this thread holds: no processor may be taken and no
// DPC drained while it is not 0 (asserted in ke).
typedef struct OS_LOCK
{
    uint32_t State;
    uint32_t OwnerTid;  // for assertions and `nthost threads`; atomic, relaxed
} OS_LOCK;
#define OS_LOCK_INIT \
    {                \
        0, 0         \
    }
void OsLockAcquireSlow(OS_LOCK *Lock);
void OsLockReleaseSlow(OS_LOCK *Lock);
extern OS_THREAD_LOCAL uint32_t OsHeldLocks;
extern OS_THREAD_LOCAL uint32_t OsTid;  // small id, 0 until the first lock or OsThreadSelfId()
uint32_t OsThreadSelfId(void);

static inline void
OsLockAcquire(OS_LOCK *Lock)
{
    uint32_t Free = 0;
    // Acquire: pairs with the release exchange in OsLockRelease.
    if (!__atomic_compare_exchange_n(&Lock->State, &Free, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
    {
        OsLockAcquireSlow(Lock);
    }
    __atomic_store_n(&Lock->OwnerTid, OsTid ? OsTid : OsThreadSelfId(), __ATOMIC_RELAXED);
    OsHeldLocks++;
}

static inline void
OsLockRelease(OS_LOCK *Lock)
{
    OsHeldLocks--;
    __atomic_store_n(&Lock->OwnerTid, 0, __ATOMIC_RELAXED);
    // Release: publishes what the lock guards; a waiter that set 2 is woken (its futex wait
    // re-checks the word, so the wakeup cannot be lost).
    if (__atomic_exchange_n(&Lock->State, 0, __ATOMIC_RELEASE) == 2)
    {
        OsLockReleaseSlow(Lock);
    }
}
static inline bool
OsLockIsMine(OS_LOCK *Lock)
{
    return __atomic_load_n(&Lock->OwnerTid, __ATOMIC_RELAXED) == OsThreadSelfId();
}

// ---- Threads. Started with all signals but faults blocked, with an alternate signal stack. ----
typedef struct OS_THREAD OS_THREAD;
typedef void OS_THREAD_ROUTINE(void *Context);
int OsThreadStart(OS_THREAD_ROUTINE *Routine, void *Context, const char *Name, OS_THREAD **Thread);
void OsThreadJoin(OS_THREAD *Thread);    // waits for its end and frees it; not from itself
void OsThreadDetach(OS_THREAD *Thread);  // frees it when it ends
_Noreturn void OsThreadExit(void);       // ends the calling thread (one that OsThreadStart made)
void OsThreadStackBounds(void **Low, void **High);  // of the calling thread
unsigned OsProcessorCount(void);                    // from sched_getaffinity, at least 1

// ---- Memory. ----
// Shared pages: a memfd of Size bytes (rounded up to pages), size-sealed. The descriptor is owned by
// the caller (OsClose).
int OsSharedCreate(const char *Name, size_t Size, int *Fd);
int OsSharedMap(int Fd, size_t Offset, size_t Size, bool Writable, void **Address);
int OsSharedMapAt(int Fd, size_t Offset, size_t Size, bool Writable, void *Fixed);
int OsSharedSealWrites(int Fd);  // F_SEAL_FUTURE_WRITE: after our own writable mapping exists
// F_SEAL_SEAL: nobody adds a seal after this one (a client could forbid everybody's next mapping).
int OsSharedSealSeals(int Fd);
void OsUnmap(void *Address, size_t Size);
int OsPagesAllocate(size_t Size, void **Address);  // private, zeroed, read-write
int OsPagesProtect(void *Address, size_t Size, bool Readable, bool Writable);
// Is [Address, +Size) readable (or writable) in this process? No fault is raised, no byte changed.
// True for a size of 0. Pages that were never touched are allocated, as a touch would. Linux 5.14.
bool OsProbe(const void *Address, size_t Size, bool Write);
void OsClose(int Fd);
// Tells the leak checker of an address-sanitized build that these pages hold pointers to the heap (it
// does not look into mappings by itself). Other builds have no leak checker to tell. Remove: exactly
// what was added, before it is unmapped.
void OsLeakRootAdd(const void *Address, size_t Size);
void OsLeakRootRemove(const void *Address, size_t Size);

// Another process's memory through its own /proc/self/mem descriptor (design/30-host.md).
int OsMemoryRead(int MemFd, void *To, uint64_t From, size_t Size);         // all or OS_E_FAULT
int OsMemoryWrite(int MemFd, uint64_t To, const void *From, size_t Size);  // all or OS_E_FAULT
int OsOpenOwnMemory(int *MemFd);
// Is MemFd the memory of process Pid and nothing else (a pipe, a file that never answers)?
bool OsIsMemoryOf(int MemFd, uint32_t Pid);

// ---- Local sockets: SOCK_SEQPACKET, mode 0600, with descriptors and peer credentials. ----
int OsSocketListen(const char *Path, int *Fd);   // OS_E_EXISTS: in use; a stale file is replaced
int OsSocketConnect(const char *Path, int *Fd);  // OS_E_NOT_FOUND: nobody listens
int OsSocketAccept(int Listener, int *Fd);
int OsSocketPeer(int Fd, uint32_t *Pid, uint32_t *Uid);
// One message with at most 4 descriptors. Receive: OS_E_DISCONNECTED at end of stream; *FdCount in:
// room, out: received (close-on-exec, owned by the caller).
int OsSocketSend(int Fd, const void *Data, size_t Size, const int *Fds, unsigned FdCount);
int OsSocketReceive(int Fd, void *Data, size_t Room, size_t *Size, int *Fds, unsigned *FdCount);
void OsSocketShutdown(int Fd);  // both ways; a blocked receiver gets OS_E_DISCONNECTED

// A poll set: waits for descriptors to become readable or hung up.
typedef struct OS_POLL OS_POLL;
int OsPollCreate(OS_POLL **Poll);
int OsPollAdd(OS_POLL *Poll, int Fd, void *Key);
void OsPollRemove(OS_POLL *Poll, int Fd);
int OsPollWait(OS_POLL *Poll, uint64_t DeadlineNs, void **Key);  // one ready key, level-triggered
void OsPollWakeUp(OS_POLL *Poll);  // makes one OsPollWait return OS_OK with *Key = NULL
void OsPollDelete(OS_POLL *Poll);

// ---- Modules (drivers). ----
typedef struct OS_MODULE OS_MODULE;
// Loads a shared object. On failure Message (MessageSize bytes) says why in one or more lines, every
// missing symbol named. OS_E_NOT_FOUND, OS_E_ACCESS, OS_E_INVALID (not a driver for this host),
// OS_E_EXISTS (that file is loaded already). A name without a slash is a file of the current folder.
int OsModuleLoad(const char *Path, OS_MODULE **Module, char *Message, size_t MessageSize);
// NULL when the module itself does not export Name (what it depends on does not count).
void *OsModuleSymbol(OS_MODULE *Module, const char *Name);
bool OsModuleContains(OS_MODULE *Module, const void *Address);
void OsModuleBounds(OS_MODULE *Module, const void **Low, const void **High);  // [*Low, *High)
// Whether Address lies in the module that holds this function (libnthost.so, for the executive).
bool OsSelfContains(const void *Address);
void OsModuleUnload(OS_MODULE *Module);

// ---- Faults and stacks. ----
typedef struct OS_FAULT
{
    int Kind;       // one of OS_FAULT_*
    void *Address;  // accessed address, or NULL
    void *Instruction;
    void *FramePointer;  // for OsStackCaptureFrom, on this thread, while the handler runs
    bool Write;
} OS_FAULT;
enum
{
    OS_FAULT_ACCESS = 1,
    OS_FAULT_DIVIDE,
    OS_FAULT_ILLEGAL,
    OS_FAULT_BUS,
    OS_FAULT_ABORT,
};
// The handler runs on the faulting thread's alternate stack. It returns true to let the fault take
// its default course (kill the process) and does not return otherwise.
typedef bool OS_FAULT_HANDLER(const OS_FAULT *Fault);
void OsFaultInstall(OS_FAULT_HANDLER *Handler);  // idempotent; re-installs (cmocka replaces it)
// Called by a handler directly before it leaves by longjmp to a place whose setjmp did not save the
// signal mask: the thread's next fault is then a first one again. Any context, one system call.
void OsFaultLeave(void);

// Return addresses by frame pointers, innermost first, at most Max; no allocation, any context.
unsigned OsStackCapture(void **Frames, unsigned Max, unsigned Skip);
// Frames[0] is Instruction + 1: like a return address, each entry is looked up one byte before it.
unsigned OsStackCaptureFrom(void *Instruction, void *FramePointer, void **Frames, unsigned Max);
// "function+0x12 (file.c:34) [module]" into Text. Slow; for reports only.
void OsStackSymbol(void *Frame, char *Text, size_t TextSize);

// ---- Process matters. ----
void OsWriteError(const char *Text, size_t Length);          // raw write to standard error
_Noreturn void OsExit(int Status);                           // _exit: no handlers run
const char *OsEnvironment(const char *Name);                 // NULL when absent
void OsSetEnvironment(const char *Name, const char *Value);  // Value NULL: removes it
uint32_t OsProcessId(void);
uint32_t OsUserId(void);
void OsProgramName(char *Name, size_t Size);  // base name of this process's executable
// Where `nthost start` listens by default: a socket of this user in the runtime directory.
void OsDefaultSocketPath(char *Path, size_t Size);
void OsRemoveFile(const char *Path);  // no error when it is gone already
void OsKillProcess(uint32_t Pid);     // SIGKILL; no error when it is gone already
// What the module that holds this function exports under Name, or NULL. What its libraries export is
// not found.
void *OsSelfSymbol(const char *Name);
int OsSelfPath(char *Path, size_t Size);  // absolute path of the module that holds this function
uint64_t OsRandom(void);
// Routine runs once when the process exits by exit() or by returning from main, with that status.
int OsAtExit(void (*Routine)(int Status));
// A child that executes Path (searched in PATH if it has no slash) with Arguments (NULL-terminated)
// OS_E_NOT_FOUND and OS_E_ACCESS tell why it cannot be executed.
typedef struct OS_CHILD OS_CHILD;
int OsChildCreate(const char *Path, char *const *Arguments, OS_CHILD **Child, uint32_t *Pid);
void OsChildRelease(OS_CHILD *Child);  // let it execute
// Waits for its end: the exit status, or 128 + signal. Frees the child.
int OsChildWait(OS_CHILD *Child);

#endif
