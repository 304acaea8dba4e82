// SPDX-License-Identifier: MIT
// The kernel core's internal header: processors, IRQL, dispatcher, waits, parking, timers, DPCs.
//
// Lock order (outermost first): virtual processor (IRQL >= DISPATCH_LEVEL), driver spin locks,
// KiDispatcherLock, a processor's DpcLock, pool. KiDispatcherLock is a host lock: it may be taken at
// any IRQL <= DISPATCH_LEVEL, no processor is taken and no DPC is drained while it is held
// (asserted through OsHeldLocks).
//
// Wake rule: exactly one satisfier (object, timeout, termination) claims a waiting thread, under
// KiDispatcherLock, by moving it out of KiStateWaiting / KiStateParked. It takes the thread's wait
// blocks off every list, appends the thread to a KI_WAKE list, drops the lock, then delivers.
#ifndef HOST_KE_KI_H
#define HOST_KE_KI_H

#include <ntifs.h>

#include "os/os.h"

typedef struct _KTHREAD KTHREAD;
typedef struct _KPRCB KPRCB, *PKPRCB;

// ---- Virtual processors ----
#define KI_MAX_PROCESSORS 64
struct _KPRCB
{
    // Atomic futex word: 0 free, else the owner's OsTid (bit 31: waiters).
    _Alignas(128) uint32_t Owner;
    uint32_t Number;    // immutable
    PKTHREAD Current;   // owner-only
    BOOLEAN DpcActive;  // owner-only: DPCs are being drained by the owner
    _Alignas(128) OS_LOCK DpcLock;
    PSINGLE_LIST_ENTRY DpcFirst, DpcLast;  // guarded by DpcLock; linked through DpcListEntry
    uint32_t DpcCount;                     // atomic hint, written under DpcLock
    uint32_t IdleWord;  // futex word of the idle thread that serves DPCs targeted here (dpc.c)
};
extern KPRCB KiProcessor[KI_MAX_PROCESSORS];
extern ULONG KiProcessorCount;

// Raising to DISPATCH_LEVEL takes a processor; lowering below drains its DPCs and gives it back.
// KeRaiseIrql/KeLowerIrql (exported) do that. Nothing else takes processors.
#define KI_ASSERT_NO_HOST_LOCKS() \
    do                            \
    {                             \
        if (OsHeldLocks != 0)     \
        {                         \
            VfFatalHostLock();    \
        }                         \
    } while (0)
_Noreturn void VfFatalHostLock(void);  // verifier: "processor taken with a host lock held"

// Takes Prcb for the current thread and no other processor: idle threads, and flushing. From below
// DISPATCH_LEVEL; KeLowerIrql gives it back.
void KiRaiseOnProcessor(PKPRCB Prcb);
void KiTakeProcessorSlow(PKTHREAD Thread);
// Owner of Prcb, at DISPATCH_LEVEL: runs what is queued now, and a bounded number of what that queues.
void KiRunDpcs(PKPRCB Prcb, PKTHREAD Thread);
// Queues a DPC: on its target, else on the caller's processor (the caller owns one). Host locks may be
// held: nothing is drained, and waking a target's idle thread is a futex call. FALSE: queued already.
BOOLEAN KiInsertDpc(PKDPC Dpc, PVOID Argument1, PVOID Argument2);
// Serves DPCs that other processors queue to Prcb, until KiStopIdle. Runs on an NT thread of its own.
void KiIdleLoop(PKPRCB Prcb);
void KiStopIdle(PKPRCB Prcb);

// ---- Threads ----
typedef enum KI_THREAD_STATE
{
    KiStateRunning = 0,
    KiStateWaiting,  // its host thread sleeps on WaitWord
    KiStateParked,   // no host thread sleeps: a remote application thread sleeps on its port
    KiStateTerminated,
} KI_THREAD_STATE;

#define KI_BUILTIN_WAIT_BLOCKS 4  // THREAD_WAIT_OBJECTS (3) and the timeout's

// Called once when a wait that may park has ended: by the thread itself if it did not have to wait
// or slept on a host thread, or by the satisfier, at IRQL <= DISPATCH_LEVEL, with no lock held, if
// it had been parked. Returns the final status of the system call. It must not wait, may take spin
// locks, must use ObDereferenceObjectDeferDelete for references, and may write to the caller's
// memory only through MmWriteCallerOfThread.
typedef NTSTATUS KI_WAIT_FINISH(PKTHREAD Thread, NTSTATUS WaitStatus, PVOID Context);

struct _KTHREAD
{
    DISPATCHER_HEADER Header;  // ThreadObject; signaled when terminated (dispatcher lock)

    // Owner thread only.
    KIRQL Irql;
    KPROCESSOR_MODE PreviousMode;  // UserMode while a system call of an application runs
    BOOLEAN IsSystemThread;
    BOOLEAN MayPark;       // set by the port's kernel half around a system call
    BOOLEAN InSystemCall;  // a local application's thread is in the kernel (always TRUE elsewhere)
    PKPRCB Prcb;           // the processor owned, NULL below DISPATCH_LEVEL
    PKPRCB LastPrcb;       // the one owned last: tried first
    ULONG SpinLocksHeld;   // verifier: driver spin locks held
    BOOLEAN WaitNext;      // KeSetEvent(Wait = TRUE): the next call must be a wait
    LONG KernelApcDisable, SpecialApcDisable;  // depth of critical and guarded regions
    KPRIORITY Priority;                        // atomic; kept and reported, Linux schedules

    // Guarded by KiDispatcherLock.
    KI_THREAD_STATE State;
    BOOLEAN Alertable;
    KPROCESSOR_MODE WaitMode;
    NTSTATUS WaitStatus;
    PKWAIT_BLOCK WaitBlocks;  // array in use
    ULONG WaitCount;
    WAIT_TYPE WaitType;
    KWAIT_BLOCK BuiltinWaitBlocks[KI_BUILTIN_WAIT_BLOCKS];
    KTIMER WaitTimer;
    BOOLEAN WaitTimerSet;
    BOOLEAN Terminating;  // UserMode waits fail with STATUS_THREAD_IS_TERMINATING from now on
    struct _KTHREAD *NextToWake;  // link in a KI_WAKE list

    // Atomic futex word (private): 0 a wait began, 2 its host thread sleeps, 1 it was claimed and the
    // satisfier will not touch the thread again.
    uint32_t WaitWord;
    // Atomic futex word: satisfiers that claimed this thread while it was parked and still deliver
    // (bit 31: its exit waits for them).
    uint32_t Deliveries;

    // Parking: immutable while State is KiStateParked. Finish is NULL while a host thread waits.
    KI_WAIT_FINISH *Finish;
    PVOID FinishContext;
    // Writes the reply of the parked call and wakes the application; set once by the port.
    // It must not touch the thread after the reply is visible.
    void (*Reply)(PKTHREAD Thread, NTSTATUS Status);

    void *StackLow, *StackHigh;  // bounds of the host thread that runs it (fault and stack walks)
    void *ExceptionFrame;        // mm: innermost guarded region
};

// The calling host thread's NT thread; NULL in host threads that are not NT threads.
extern __thread PKTHREAD KiCurrentThread __attribute__((tls_model("initial-exec")));

// ZwXxx(...) is NtXxx(...) between these two: pointers are then the kernel's own and nothing parks.
static inline KPROCESSOR_MODE
KiEnterZw(void)
{
    KPROCESSOR_MODE Old = KiCurrentThread->PreviousMode;
    KiCurrentThread->PreviousMode = KernelMode;
    return Old;
}
static inline void
KiLeaveZw(KPROCESSOR_MODE Old)
{
    KiCurrentThread->PreviousMode = Old;
}

// ---- Dispatcher ----
extern OS_LOCK KiDispatcherLock;

// Zero-initialized before KiLockDispatcher.
typedef struct KI_WAKE
{
    PKTHREAD First, Last;  // in the order of their claims
    BOOLEAN WakeTimers;    // the timer thread must look at a new earliest deadline
} KI_WAKE;

void KiLockDispatcher(void);
// Drops the lock, then delivers every wake collected (futex wake, or Finish + Reply if parked). When
// parked threads may be among them no other host lock may be held: Finish runs here.
void KiUnlockDispatcher(KI_WAKE *Wake);
// An object became signaled: satisfy what waits on it. Dispatcher lock held.
void KiSignalObject(DISPATCHER_HEADER *Object, KI_WAKE *Wake);
// Ends a wait with Status, if the thread waits at all. Dispatcher lock held. TRUE if claimed.
BOOLEAN KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KI_WAKE *Wake);
// SignalState is written under the dispatcher lock and read without it by KeReadStateXxx.
static inline LONG
KiSignalState(const DISPATCHER_HEADER *Object)
{
    return __atomic_load_n(&Object->SignalState, __ATOMIC_RELAXED);
}
static inline void
KiSetSignalState(DISPATCHER_HEADER *Object, LONG State)
{
    __atomic_store_n(&Object->SignalState, State, __ATOMIC_RELAXED);
}
// Types of dispatcher objects (DISPATCHER_HEADER.Type), NT's numbers.
enum
{
    KiEventNotification = 0,
    KiEventSynchronization = 1,
    KiProcessObject = 3,
    KiThreadObject = 6,
    KiTimerNotification = 8,
    KiTimerSynchronization = 9,
    KiDpcObject = 19,
    KiWaitTimer = 200,  // KTHREAD.WaitTimer: ends a parked wait, nobody can wait for it
};
void KiInitializeHeader(DISPATCHER_HEADER *Object, UCHAR Type, LONG State);
// Immutable from KiInitializeHeader on, so it can be looked at without the lock.
#define KI_INITIALIZED 0xA5
static inline BOOLEAN
KiIsInitialized(const DISPATCHER_HEADER *Object)
{
    return Object->Signalling == KI_INITIALIZED;
}

// ---- Timers (dispatcher lock held) ----
BOOLEAN KiTimerInserted(const KTIMER *Timer);
void KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime, KI_WAKE *Wake);  // DueTime: interrupt time
BOOLEAN KiRemoveTimer(PKTIMER Timer);                                 // TRUE if it was inserted
// Interrupt time at which an NT timeout ends, for one read of the clock (Now: interrupt time). A due
// time that has passed is 0; one too far away is UINT64_MAX.
ULONGLONG KiDueTime(LONGLONG Timeout, ULONGLONG Now);
void KiTimerLoop(void);  // body of the timer thread, until KiStopTimers
void KiStopTimers(void);
void KiWakeTimerThread(void);
void KiResetTimers(void);

// The wait behind every system call that may block. If nothing blocks, or the thread may not park
// (it parks only if MayPark is set and PreviousMode is UserMode; KeWaitForXxx never parks), waits in place and returns Finish(...). Otherwise returns STATUS_KI_PARKED: the caller must return
// that value up to the port at once, touching nothing of the call.
// Objects: bodies' DISPATCHER_HEADERs; Count <= MAXIMUM_WAIT_OBJECTS. Blocks: NULL when Count <= 3,
// else nonpaged storage that Finish frees.
#define STATUS_KI_PARKED ((NTSTATUS)0x6FFF0001)
NTSTATUS KiWaitOrPark(ULONG Count, PVOID Objects[], WAIT_TYPE Type, BOOLEAN Alertable,
                      PLARGE_INTEGER Timeout, PKWAIT_BLOCK Blocks, KI_WAIT_FINISH *Finish,
                      PVOID Context);

void KiInitializeThread(PKTHREAD Thread);  // before its host thread runs
void KiBindThread(PKTHREAD Thread);        // makes it the calling host thread's NT thread
void KiUnbindThread(void);
// Signals the thread object and wakes its waiters; the thread's last act.
void KiTerminateThread(PKTHREAD Thread);
// UserMode waits of this thread end with STATUS_THREAD_IS_TERMINATING, now and from now on.
void KiSetTerminating(PKTHREAD Thread);
// Waits until no satisfier delivers a parked call of this thread any more: before its port or its
// memory goes. Its wait must have been ended (KiSetTerminating) or answered.
void KiQuiesceThread(PKTHREAD Thread);

// The threads that ke itself needs (timers, idle). They exist before ps does; PsStart completes each
// as a system thread through this. Object: the ETHREAD behind an OBJECT_HEADER.
typedef void KI_HOST_THREAD_ROUTINE(void *Context, PKTHREAD Thread);
void KiEnumerateHostThreads(KI_HOST_THREAD_ROUTINE *Routine, void *Context);

// ---- Start and stop (host thread, no NT thread needed) ----
NTSTATUS KiStart(ULONG Processors);  // 0: as many as this machine gives us, at least 2
// Stops timer and idle threads. Everything must have been run down. Reports through the verifier
// what is still queued (timers, DPCs).
void KiStop(void);
// Waits until every queued DPC ran, on every processor (driver unload).
void KiFlushDpcs(void);
// A timer or DPC object that lies in [Low, High) and is still queued, else NULL (verifier: freed or
// unloaded memory with an active timer).
PKTIMER KiFindTimerIn(const void *Low, const void *High);
PKDPC KiFindDpcIn(const void *Low, const void *High);

// ---- Time ----
LONGLONG KiInterruptTime(void);      // 100 ns units since boot
LONGLONG KiSystemTime(void);         // 100 ns units since 1601
#define KI_TIME_INCREMENT    156250  // 100 ns units per tick, as on a PC
#define KI_COUNTER_FREQUENCY 10000000
// Deadline in OS monotonic ns for an NT timeout (NULL: OS_FOREVER; negative: relative).
uint64_t KiDeadline(const LARGE_INTEGER *Timeout);

#endif
