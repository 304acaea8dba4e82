// SPDX-License-Identifier: MIT
// System threads: PsCreateSystemThread, PsTerminateSystemThread, the host's own threads.
//
// A system thread that ends, by returning or through PsTerminateSystemThread, first leaves the
// driver's code: the terminate routine jumps back to the frame that called the start routine. Only then
// is the thread object signaled. So a driver that waits for its threads before it unloads cannot be
// unmapped under one of them.
//
// Host threads must be joined by somebody. Each one that ends leaves its handle in PspZombie and joins
// the one it finds there, so at most one is unjoined at any time, and PsStop joins the last.
#include "ps/pspi.h"

#include "verifier/bugcodes.h"

static OS_THREAD *PspZombie;  // atomic
// Atomic futex word: threads and processes that are signaled, or about to be, and whose end still holds
// their object.
static uint32_t PspEnding;
// Atomic futex word: host threads of system threads, from before their start to their last touch.
static uint32_t PspRunning;

void
PspBeginExit(void)
{
    (void)__atomic_fetch_add(&PspEnding, 1, __ATOMIC_RELAXED);
}

void
PspEndExit(void)
{
    // Release: pairs with the acquire in PspFlushExits.
    if (__atomic_sub_fetch(&PspEnding, 1, __ATOMIC_RELEASE) == 0)
    {
        OsWakeWord(&PspEnding, UINT32_MAX, false);
    }
}

void
PspFlushExits(void)
{
    uint32_t Count;

    // Acquire: pairs with the decrement in PspEndExit. Each decrement to 0 wakes.
    while ((Count = __atomic_load_n(&PspEnding, __ATOMIC_ACQUIRE)) != 0)
    {
        (void)OsWaitWord(&PspEnding, Count, OS_FOREVER, false);
    }
}

void
PspJoinLastThread(void)
{
    OS_THREAD *Last;

    uint32_t Count;

    // Acquire: pairs with the decrement in PspSystemThread. Each decrement to 0 wakes. Whoever is still
    // running has been told to end: the leak report before this knows no other.
    while ((Count = __atomic_load_n(&PspRunning, __ATOMIC_ACQUIRE)) != 0)
    {
        (void)OsWaitWord(&PspRunning, Count, OS_FOREVER, false);
    }
    Last = __atomic_exchange_n(&PspZombie, NULL, __ATOMIC_ACQ_REL);
    if (Last != NULL)
    {
        OsThreadJoin(Last);
    }
}

// The frame that PsTerminateSystemThread returns to. Of its own: a function that a jump enters twice
// may not keep anything in registers.
static __attribute__((noinline)) void
PspRunStartRoutine(PETHREAD Thread)
{
    void *Jump[5];

    Thread->ExitJump = Jump;
    if (__builtin_setjmp(Jump) == 0)
    {
        PspCurrentThread()->StartRoutine(PspCurrentThread()->StartContext);
    }
    PspCurrentThread()->ExitJump = NULL;
}

static void
PspSystemThread(void *Context)
{
    PETHREAD Thread = Context;
    OS_THREAD *Host, *Previous;

    KiBindThread(&Thread->Tcb);
    PspRunStartRoutine(Thread);
    if (Thread->Tcb.Irql != PASSIVE_LEVEL)
    {
        VfBugCheck(VfBug_IRQL_NOT_LESS_OR_EQUAL, (ULONG_PTR)Thread->StartRoutine, Thread->Tcb.Irql,
                   0, 0, "The system thread that started at %p returned at IRQL %u.",
                   (void *)Thread->StartRoutine, Thread->Tcb.Irql);
    }
    // Set by the creator right after it started us.
    while (__atomic_load_n(&Thread->HostReady, __ATOMIC_ACQUIRE) == 0)
    {
        (void)OsWaitWord(&Thread->HostReady, 0, OS_FOREVER, false);
    }
    Host = Thread->HostThread;
    PspBeginExit();
    PspExitThread(Thread,
                  Thread->ExitStatus == STATUS_PENDING ? STATUS_SUCCESS : Thread->ExitStatus);
    KiUnbindThread();
    ObDereferenceObjectDeferDelete(Thread);
    Previous = __atomic_exchange_n(&PspZombie, Host, __ATOMIC_ACQ_REL);
    PspEndExit();
    if (Previous != NULL)
    {
        OsThreadJoin(Previous);
    }
    // Release: pairs with the acquire in PspJoinLastThread.
    if (__atomic_sub_fetch(&PspRunning, 1, __ATOMIC_RELEASE) == 0)
    {
        OsWakeWord(&PspRunning, UINT32_MAX, false);
    }
}

NTSTATUS
PspRunSystemThread(PETHREAD Thread, const char *Name)
{
    ObReferenceObject(Thread);  // the host thread's
    (void)__atomic_fetch_add(&PspRunning, 1, __ATOMIC_RELAXED);
    if (OsThreadStart(PspSystemThread, Thread, Name, &Thread->HostThread) != OS_OK)
    {
        (void)__atomic_sub_fetch(&PspRunning, 1, __ATOMIC_RELEASE);
        ObDereferenceObject(Thread);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // The caller's reference keeps Thread. Release: publishes HostThread.
    __atomic_store_n(&Thread->HostReady, 1, __ATOMIC_RELEASE);
    OsWakeWord(&Thread->HostReady, 1, false);
    return STATUS_SUCCESS;
}

static NTSTATUS
PspCreateSystemThread(PEPROCESS Process, PKSTART_ROUTINE Routine, PVOID Context, PETHREAD *Thread)
{
    PETHREAD New;
    NTSTATUS Status = PspCreateThread(Process, &New);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    New->Tcb.IsSystemThread = TRUE;
    New->Tcb.InSystemCall = TRUE;
    New->StartRoutine = Routine;
    New->StartContext = Context;
    *Thread = New;
    return STATUS_SUCCESS;
}

NTSTATUS
PspStartHostThread(PKSTART_ROUTINE Routine, PVOID Context, const char *Name)
{
    PETHREAD Thread;
    NTSTATUS Status = PspCreateSystemThread(PsInitialSystemProcess, Routine, Context, &Thread);

    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    OBP_HEADER(Thread)->Flags |= OB_FLAG_HOST;
    Status = PspRunSystemThread(Thread, Name);
    if (!NT_SUCCESS(Status))
    {
        PspExitThread(Thread, Status);
    }
    ObDereferenceObject(Thread);
    return Status;
}

static NTSTATUS
PspStartDriverThread(PETHREAD Thread, PHANDLE ThreadHandle, ULONG DesiredAccess,
                     POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId)
{
    HANDLE Handle;
    NTSTATUS Status;

    Status =
        ObOpenObjectByPointer(Thread, ObjectAttributes != NULL ? ObjectAttributes->Attributes : 0,
                              NULL, DesiredAccess, ObpThreadType, KernelMode, &Handle);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    // Written before the thread runs, since its routine may look at them.
    *ThreadHandle = Handle;
    if (ClientId != NULL)
    {
        ClientId->UniqueProcess = Thread->Process->UniqueProcessId;
        ClientId->UniqueThread = Thread->UniqueThread;
    }
    Status = PspRunSystemThread(Thread, "nt-system");
    if (!NT_SUCCESS(Status))
    {
        *ThreadHandle = NULL;
        ObCloseHandle(Handle, KernelMode);
    }
    return Status;
}

NTSTATUS
IoCreateSystemThread(PVOID IoObject, PHANDLE ThreadHandle, ULONG DesiredAccess,
                     POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle, PCLIENT_ID ClientId,
                     PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    PEPROCESS Process = PsInitialSystemProcess;
    PETHREAD Thread;
    NTSTATUS Status;

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (ThreadHandle == NULL || StartRoutine == NULL)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (VfFault(__func__))
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (ProcessHandle != NULL)
    {
        Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_CREATE_THREAD, ObpProcessType,
                                           KernelMode, (PVOID *)&Process, NULL);
        if (!NT_SUCCESS(Status))
        {
            return Status;
        }
    }
    else
    {
        ObReferenceObject(Process);
    }
    Status = PspCreateSystemThread(Process, StartRoutine, StartContext, &Thread);
    ObDereferenceObject(Process);
    if (!NT_SUCCESS(Status))
    {
        return Status;
    }
    if (IoObject != NULL)
    {
        ObReferenceObject(IoObject);
        Thread->IoObject = IoObject;
    }
    if (VfLevel != VfOff)
    {
        (void)OsStackCapture(Thread->StartStack, RTL_NUMBER_OF(Thread->StartStack), 1);
    }
    Status = PspStartDriverThread(Thread, ThreadHandle, DesiredAccess, ObjectAttributes, ClientId);
    if (!NT_SUCCESS(Status))
    {
        PspExitThread(Thread, Status);
    }
    ObDereferenceObject(Thread);
    return Status;
}

NTSTATUS
PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                     HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                     PVOID StartContext)
{
    return IoCreateSystemThread(NULL, ThreadHandle, DesiredAccess, ObjectAttributes, ProcessHandle,
                                ClientId, StartRoutine, StartContext);
}

// Returns STATUS_INVALID_PARAMETER if the caller is not a system thread, else does not return.
NTSTATUS
PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    PETHREAD Thread = PspCurrentThread();

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (!Thread->Tcb.IsSystemThread || Thread->ExitJump == NULL)
    {
        return STATUS_INVALID_PARAMETER;
    }
    Thread->ExitStatus = ExitStatus;
    __builtin_longjmp(Thread->ExitJump, 1);
}

void
PspReportThreads(const void *Low, const void *High)
{
    PETHREAD Leaked[16];
    ULONG Count = 0;

    // Collected first: a report allocates and prints, which no lock should wait for.
    OsLockAcquire(&PspListLock);
    for (PLIST_ENTRY Link = PspProcessList.Flink; Link != &PspProcessList; Link = Link->Flink)
    {
        PEPROCESS Process = CONTAINING_RECORD(Link, EPROCESS, GlobalLink);

        OsLockAcquire(&Process->Lock);
        for (PLIST_ENTRY Entry = Process->ThreadList.Flink;
             Entry != &Process->ThreadList && Count < RTL_NUMBER_OF(Leaked); Entry = Entry->Flink)
        {
            PETHREAD Thread = CONTAINING_RECORD(Entry, ETHREAD, ProcessLink);
            ULONG_PTR Start = (ULONG_PTR)Thread->StartRoutine;

            if (Start != 0 && (OBP_HEADER(Thread)->Flags & OB_FLAG_HOST) == 0 &&
                (High == NULL || (Start >= (ULONG_PTR)Low && Start < (ULONG_PTR)High)))
            {
                ObReferenceObject(Thread);
                Leaked[Count++] = Thread;
            }
        }
        OsLockRelease(&Process->Lock);
    }
    OsLockRelease(&PspListLock);
    for (ULONG i = 0; i < Count; i++)
    {
        ULONG Frames = 0;

        while (Frames < RTL_NUMBER_OF(Leaked[i]->StartStack) &&
               Leaked[i]->StartStack[Frames] != NULL)
        {
            Frames++;
        }
        VfLeak(Leaked[i]->StartStack, Frames,
               "system thread %u is still running (it started at %p)",
               (unsigned)(ULONG_PTR)Leaked[i]->UniqueThread, (void *)Leaked[i]->StartRoutine);
        ObDereferenceObject(Leaked[i]);
    }
}
