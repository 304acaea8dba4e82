// SPDX-License-Identifier: MIT
// Faults: signal handlers that run on an alternate stack and describe the fault to the host.
//
// A fault inside the handler must end the process with a message, not recurse. The handler blocks
// OSP_FAULT_MARK while it runs; a fault whose interrupted context has it blocked came from inside a
// handler. A flag of our own would stay set when the handler is left by siglongjmp (a driver's
// __except); the mask is put back by it.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unwind.h>

#if !defined(__x86_64__)
#error "fault contexts are only known for x86-64"
#endif

// Reports are made on it, line numbers included, and the DWARF reader is hungry.
#define ALT_STACK_SIZE   ((size_t)512 * 1024)
#define GUARD_SIZE       ((size_t)4096)
#define PAGE_FAULT_TRAP  14
#define PAGE_FAULT_WRITE 2
#define PAGE_FAULT_FETCH 16
#define DWARF_RBP        6  // its number in unwind tables

OS_THREAD_LOCAL uintptr_t OspFaultFrame[2];

static const int FaultSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define FAULT_SIGNALS (sizeof(FaultSignals) / sizeof(FaultSignals[0]))

static OS_FAULT_HANDLER *FaultHandler;  // atomic
static pthread_once_t AltStackOnce = PTHREAD_ONCE_INIT;
static pthread_key_t AltStackKey;  // immutable after AltStackOnce

int
OspAltStackEnter(OSP_ALT_STACK *AltStack)
{
    stack_t Ours = {.ss_size = ALT_STACK_SIZE};
    int Error;

    memset(AltStack, 0, sizeof(*AltStack));
    AltStack->Base = mmap(NULL, GUARD_SIZE + ALT_STACK_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (AltStack->Base == MAP_FAILED)
    {
        AltStack->Base = NULL;
        return OS_E_NO_MEMORY;
    }
    // An overflow of the alternate stack must fault too, not run into what lies below.
    Ours.ss_sp = (char *)AltStack->Base + GUARD_SIZE;
    if (mprotect(AltStack->Base, GUARD_SIZE, PROT_NONE) != 0 ||
        sigaltstack(&Ours, &AltStack->Former) != 0)
    {
        Error = OspError(errno);
        (void)munmap(AltStack->Base, GUARD_SIZE + ALT_STACK_SIZE);
        AltStack->Base = NULL;
        return Error;
    }
    OspStack.AltLow = (uintptr_t)Ours.ss_sp;
    OspStack.AltHigh = OspStack.AltLow + ALT_STACK_SIZE;
    return OS_OK;
}

void
OspAltStackLeave(OSP_ALT_STACK *AltStack)
{
    stack_t Current;

    if (AltStack->Base == NULL)
    {
        return;
    }
    OspStack.AltLow = 0;
    OspStack.AltHigh = 0;
    // Somebody else's by now (or already unmapped by the sanitizer at thread exit): not ours to free.
    if (sigaltstack(NULL, &Current) == 0 && Current.ss_sp == (char *)AltStack->Base + GUARD_SIZE &&
        sigaltstack(&AltStack->Former, NULL) == 0)
    {
        (void)munmap(AltStack->Base, GUARD_SIZE + ALT_STACK_SIZE);
    }
    AltStack->Base = NULL;
}

static void
FreeForeignAltStack(void *Value)
{
    OspAltStackLeave(Value);
    free(Value);
}

static void
MakeAltStackKey(void)
{
    (void)pthread_key_create(&AltStackKey, FreeForeignAltStack);
}

// For a thread that OsThreadStart did not make: freed when the thread ends.
static void
GiveForeignThreadAltStack(void)
{
    OSP_ALT_STACK *AltStack;

    if (OspStack.AltHigh != 0)
    {
        return;
    }
    (void)pthread_once(&AltStackOnce, MakeAltStackKey);
    AltStack = malloc(sizeof(*AltStack));
    if (AltStack == NULL)
    {
        return;  // the handler then runs on the thread's own stack: all but an overflow is reported
    }
    if (OspAltStackEnter(AltStack) != OS_OK)
    {
        free(AltStack);
        return;
    }
    if (pthread_setspecific(AltStackKey, AltStack) != 0)
    {
        FreeForeignAltStack(AltStack);
    }
}

static int
KindOf(int Signal)
{
    switch (Signal)
    {
    case SIGSEGV:
        return OS_FAULT_ACCESS;
    case SIGBUS:
        return OS_FAULT_BUS;
    case SIGFPE:
        return OS_FAULT_DIVIDE;
    case SIGILL:
        return OS_FAULT_ILLEGAL;
    default:
        return OS_FAULT_ABORT;
    }
}

// Marks this thread as inside the handler, and lets a fault in it come here: blocked (as the kernel's
// default and the thread sanitizer's own handler leave it), it would kill without a word.
static void
MarkInside(void)
{
    sigset_t Mask;

    (void)pthread_sigmask(SIG_BLOCK, NULL, &Mask);
    for (size_t Index = 0; Index < FAULT_SIGNALS; Index++)
    {
        sigdelset(&Mask, FaultSignals[Index]);
    }
    sigaddset(&Mask, OSP_FAULT_MARK);
    (void)pthread_sigmask(SIG_SETMASK, &Mask, NULL);
}

// Where the interrupted function returns to, and with which frame pointer.
typedef struct CALLER
{
    const void *Instruction;  // of the interrupted function
    bool Passed;
    uintptr_t FramePointer;
    uintptr_t Return;
} CALLER;

static _Unwind_Reason_Code
LookForCaller(struct _Unwind_Context *Context, void *Argument)
{
    CALLER *Caller = Argument;

    if (!Caller->Passed)
    {
        Caller->Passed = (const void *)_Unwind_GetIP(Context) == Caller->Instruction;
        return _URC_NO_REASON;
    }
    Caller->Return = _Unwind_GetIP(Context);
    Caller->FramePointer = _Unwind_GetGR(Context, DWARF_RBP);
    return _URC_END_OF_STACK;
}

// Compilers give a small leaf function no frame at all, and the first instructions of others run
// before theirs is made; after a call of something that is no code there is none either. The frame
// pointer is then the caller's, and a walk from it would not name the caller: the very line to look
// at. So the one step out of the interrupted function is made with its unwind table, and its result is
// given out as a frame where it differs.
static uintptr_t
FindFrame(const greg_t *Registers)
{
    uintptr_t Frame = (uintptr_t)Registers[REG_RBP];
    const uintptr_t *Top = (const uintptr_t *)Registers[REG_RSP];
    CALLER Caller = {.Instruction = (void *)Registers[REG_RIP]};

    if ((uintptr_t)Top % sizeof(*Top) != 0 || !OsProbe(Top, 2 * sizeof(*Top), false))
    {
        return Frame;  // the stack itself is at fault
    }
    if (!OsProbe(Caller.Instruction, 1, false) ||
        (Registers[REG_TRAPNO] == PAGE_FAULT_TRAP && (Registers[REG_ERR] & PAGE_FAULT_FETCH) != 0))
    {
        Caller.FramePointer = Frame;
        Caller.Return = *Top;
    }
    else
    {
        (void)_Unwind_Backtrace(LookForCaller, &Caller);
    }
    if (Caller.Return == 0 || (Frame % sizeof(uintptr_t) == 0 &&
                               OsProbe((const void *)Frame, 2 * sizeof(uintptr_t), false) &&
                               ((const uintptr_t *)Frame)[1] == Caller.Return))
    {
        return Frame;
    }
    OspFaultFrame[0] = Caller.FramePointer;
    OspFaultFrame[1] = Caller.Return;
    return (uintptr_t)OspFaultFrame;
}

static void
OnFault(int Signal, siginfo_t *Info, void *Context)
{
    static const char Nested[] = "nthost: a fault inside the fault handler; giving up\n";
    const ucontext_t *Interrupted = Context;
    const greg_t *Registers = Interrupted->uc_mcontext.gregs;
    OS_FAULT_HANDLER *Handler = __atomic_load_n(&FaultHandler, __ATOMIC_ACQUIRE);
    int SavedErrno = errno;
    OS_FAULT Fault;

    if (sigismember(&Interrupted->uc_sigmask, OSP_FAULT_MARK) == 1)
    {
        OsWriteError(Nested, sizeof(Nested) - 1);
        OsExit(3);
    }
    MarkInside();
    memset(&Fault, 0, sizeof(Fault));
    Fault.Kind = KindOf(Signal);
    Fault.Instruction = (void *)Registers[REG_RIP];
    // Only a page fault has an address (a non-canonical one raises a general protection fault), and
    // only the kernel's word counts: a signal sent by a process carries that process's data.
    if ((Signal == SIGSEGV || Signal == SIGBUS) && Info->si_code > 0 &&
        Registers[REG_TRAPNO] == PAGE_FAULT_TRAP)
    {
        Fault.Address = Info->si_addr;
        Fault.Write = (Registers[REG_ERR] & PAGE_FAULT_WRITE) != 0;
    }
    Fault.FramePointer = (void *)FindFrame(Registers);
    if (Handler(&Fault))
    {
        // The default course: with no handler left, the instruction faults again as we return to it.
        // What was sent rather than caused (abort, kill) must be sent again.
        (void)signal(Signal, SIG_DFL);
        if (Info->si_code <= 0)
        {
            (void)raise(Signal);
        }
    }
    errno = SavedErrno;
}

void
OsFaultInstall(OS_FAULT_HANDLER *Handler)
{
    struct sigaction Action;
    sigset_t Mark;

    // Release: pairs with the acquire in OnFault, which may run on any thread from now on.
    __atomic_store_n(&FaultHandler, Handler, __ATOMIC_RELEASE);
    (void)OsThreadSelfId();  // learns the stack bounds, which a handler could not
    GiveForeignThreadAltStack();
    sigemptyset(&Mark);
    sigaddset(&Mark, OSP_FAULT_MARK);
    (void)pthread_sigmask(SIG_UNBLOCK, &Mark, NULL);  // some parent may have left us it blocked

    memset(&Action, 0, sizeof(Action));
    Action.sa_sigaction = OnFault;
    Action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (size_t Index = 0; Index < FAULT_SIGNALS; Index++)
    {
        (void)sigaction(FaultSignals[Index], &Action, NULL);
    }
}

void
OsFaultLeave(void)
{
    sigset_t Mark;

    sigemptyset(&Mark);
    sigaddset(&Mark, OSP_FAULT_MARK);
    (void)pthread_sigmask(SIG_UNBLOCK, &Mark, NULL);
}
