// SPDX-License-Identifier: MIT
// Events: notification and synchronization type.
#include "ke/ki.h"

#include "verifier/bugcodes.h"
#include "verifier/vf.h"

VOID
KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    KiInitializeHeader(&Event->Header,
                       Type == NotificationEvent ? KiEventNotification : KiEventSynchronization,
                       State ? 1 : 0);
    Event->Header.Size = sizeof(KEVENT) / sizeof(LONG);
}

static __attribute__((noinline, noreturn)) void
KipBadEvent(PRKEVENT Event, const char *Function)
{
    VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Event, Event->Header.Type, 0, 0,
               "%s: %p is not an initialized event.", Function, (void *)Event);
}

static inline void
KipCheckEvent(PRKEVENT Event, const char *Function)
{
    if (__builtin_expect(
            Event->Header.Type > KiEventSynchronization || !KiIsInitialized(&Event->Header), 0))
    {
        KipBadEvent(Event, Function);
    }
}

static inline void
KipCheckNext(const char *Function)
{
    PKTHREAD Thread = KiCurrentThread;

    if (__builtin_expect(Thread != NULL && Thread->WaitNext, 0))
    {
        VfBugCheck(VfBug_DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Thread, 0, 0, 0,
                   "%s was called after KeSetEvent with Wait = TRUE: the next call must be "
                   "KeWaitForSingleObject or KeWaitForMultipleObjects.",
                   Function);
    }
}

// Increment boosts the waiter's priority in NT; Linux schedules here. Wait = TRUE promises that the
// caller waits next: the event is set at once, and the promise is checked.
LONG
KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    KI_WAKE Wake = {0};
    LONG Old;

    UNREFERENCED_PARAMETER(Increment);
    VF_MAX_IRQL(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    KipCheckEvent(Event, __func__);
    KipCheckNext(__func__);
    KiLockDispatcher();
    Old = KiSignalState(&Event->Header);
    KiSetSignalState(&Event->Header, 1);
    if (Old == 0 && !IsListEmpty(&Event->Header.WaitListHead))
    {
        KiSignalObject(&Event->Header, &Wake);
    }
    KiUnlockDispatcher(&Wake);
    if (Wait && KiCurrentThread != NULL)
    {
        KiCurrentThread->WaitNext = TRUE;
    }
    return Old;
}

LONG
KeResetEvent(PRKEVENT Event)
{
    LONG Old;

    VF_MAX_IRQL(DISPATCH_LEVEL);
    KipCheckEvent(Event, __func__);
    KipCheckNext(__func__);
    KiLockDispatcher();
    Old = KiSignalState(&Event->Header);
    KiSetSignalState(&Event->Header, 0);
    OsLockRelease(&KiDispatcherLock);
    return Old;
}

VOID
KeClearEvent(PRKEVENT Event)
{
    (void)KeResetEvent(Event);
}

LONG
KeReadStateEvent(PRKEVENT Event)
{
    VF_MAX_IRQL(DISPATCH_LEVEL);
    KipCheckEvent(Event, __func__);
    return KiSignalState(&Event->Header);
}
