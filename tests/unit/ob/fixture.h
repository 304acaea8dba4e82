// SPDX-License-Identifier: MIT
// What the tests of host/ob share: an executive around each case, short ways to say what they do.
#ifndef TESTS_UNIT_OB_FIXTURE_H
#define TESTS_UNIT_OB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "nthost.h"
#include "ob/obi.h"

#include <cmocka.h>

// Handle outputs start as this, so that a test sees what was not written.
#define POISON ((HANDLE)(ULONG_PTR)0x5A5A5A5A)

static inline int
StartHost(void **State)
{
    static const NTHOST_CONFIG Config = {.Processors = 2, .VerifierLevel = VfStandard};
    char Message[256];

    (void)State;
    if (NthostStart(&Config, Message, sizeof(Message)) != 0)
    {
        fprintf(stderr, "NthostStart: %s\n", Message);
        return -1;
    }
    return 0;
}

// Reports what the case left behind, and then ends the process with status 3.
static inline int
StopHost(void **State)
{
    (void)State;
    NthostStop();
    return 0;
}

#define OB_TEST(Function)                   cmocka_unit_test_setup_teardown(Function, StartHost, StopHost)
#define assert_status(Expression, Expected) assert_int_equal((ULONG)(Expression), (ULONG)(Expected))

static inline OBJECT_ATTRIBUTES
Named(UNICODE_STRING *Name, const WCHAR *Text, ULONG Flags)
{
    OBJECT_ATTRIBUTES Attributes;

    RtlInitUnicodeString(Name, Text);
    InitializeObjectAttributes(&Attributes, Name, Flags, NULL, NULL);
    return Attributes;
}

// A manual-reset event in the current mode; *Handle is poisoned first.
static inline NTSTATUS
CreateEventNamed(const WCHAR *Text, ULONG Flags, ACCESS_MASK Access, PHANDLE Handle)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes = Named(&Name, Text, Flags);

    *Handle = POISON;
    return NtCreateEvent(Handle, Access, &Attributes, NotificationEvent, FALSE);
}

static inline NTSTATUS
OpenEventNamed(const WCHAR *Text, ULONG Flags, ACCESS_MASK Access, PHANDLE Handle)
{
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes = Named(&Name, Text, Flags);

    *Handle = POISON;
    return NtOpenEvent(Handle, Access, &Attributes);
}

// An event in kernel mode with a descriptor in SDDL.
static inline HANDLE
CreateSecuredEvent(const WCHAR *Text, const WCHAR *Sddl)
{
    KPROCESSOR_MODE Old = KiEnterZw();
    UNICODE_STRING Name, Descriptor;
    OBJECT_ATTRIBUTES Attributes = Named(&Name, Text, OBJ_KERNEL_HANDLE);
    HANDLE Handle;

    RtlInitUnicodeString(&Descriptor, Sddl);
    assert_status(SepDescriptorFromSddl(Descriptor.Buffer, Descriptor.Length / sizeof(WCHAR),
                                        &Attributes.SecurityDescriptor, NULL),
                  STATUS_SUCCESS);
    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE),
                  STATUS_SUCCESS);
    ExFreePool(Attributes.SecurityDescriptor);
    KiLeaveZw(Old);
    return Handle;
}

static inline PKEVENT
EventOf(HANDLE Handle)
{
    PVOID Event;

    assert_status(ObReferenceObjectByHandle(Handle, 0, ObpEventType, KernelMode, &Event, NULL),
                  STATUS_SUCCESS);
    return Event;
}

// Objects of a type that live now; what was deferred is gone.
static inline ULONG
Living(POBJECT_TYPE Type)
{
    ULONG Count;

    PspFlushExits();
    ObpFlushDeferred();
    OsLockAcquire(&Type->Lock);
    Count = Type->ObjectCount;
    OsLockRelease(&Type->Lock);
    return Count;
}

// The calling thread becomes the first thread of a new process, until NthostDetachProcess: the last
// one first.
static inline NTHOST_PROCESS *
BecomeProcess(const char *As)
{
    NTHOST_PROCESS *Process;

    VfInstallFaultHandler();  // cmocka puts its own in place around each case
    assert_int_equal(NthostAttachProcess("test", As, &Process, NULL, NULL), 0);
    assert_int_equal(KiCurrentThread->PreviousMode, UserMode);
    return Process;
}

#endif
