// SPDX-License-Identifier: MIT
// What the tests of host/io share: an executive with a driver in this program, application processes.
#ifndef TESTS_UNIT_IO_FIXTURE_H
#define TESTS_UNIT_IO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "io/iop.h"
#include "nthost.h"

#include <wdmsec.h>

#include <cmocka.h>

// Outputs start as these, so that a test sees what was not written.
#define POISON_HANDLE      ((HANDLE)(ULONG_PTR)0x5A5A5A5A)
#define POISON_STATUS      ((NTSTATUS)0x5A5A5A5A)
#define POISON_INFORMATION ((ULONG_PTR)0x5A5A5A5A5A5A5A5A)

#define PATIENCE_NS (60ull * 1000 * 1000 * 1000)

#if NTHOST_TSAN
#define ROUNDS(n) ((n) / 10)
#else
#define ROUNDS(n) (n)
#endif

// Says at once what differs: cmocka's own message comes after the teardown, whose leak report (a failed
// case leaves things behind) ends the process.
#define assert_status(Expression, Expected)                                                   \
    do                                                                                        \
    {                                                                                         \
        ULONG Got_ = (ULONG)(Expression);                                                     \
        if (Got_ != (ULONG)(Expected))                                                        \
        {                                                                                     \
            fprintf(stderr, "%s:%d: %s is 0x%08x, not %s\n", __FILE__, __LINE__, #Expression, \
                    (unsigned)Got_, #Expected);                                               \
            fail();                                                                           \
        }                                                                                     \
    } while (0)

#define IOCTL_ECHO         CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_READ_ACCESS  CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_READ_ACCESS)
#define IOCTL_WRITE_ACCESS CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS)
#define IOCTL_IN_DIRECT    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x803, METHOD_IN_DIRECT, FILE_ANY_ACCESS)
#define IOCTL_OUT_DIRECT   CTL_CODE(FILE_DEVICE_UNKNOWN, 0x804, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)
#define IOCTL_NEITHER      CTL_CODE(FILE_DEVICE_UNKNOWN, 0x805, METHOD_NEITHER, FILE_ANY_ACCESS)

// What the driver does with the next requests.
typedef enum ACTION
{
    ActComplete,         // at once, with Plan.Status and Plan.Information
    ActQueue,            // cancel-safe queue; ends by TestRelease or by cancellation
    ActPendAndComplete,  // marks it pending, completes it, returns STATUS_PENDING
    ActHold,             // marks it pending and keeps it, without a cancel routine
} ACTION;

typedef struct PLAN
{
    ACTION Action;
    NTSTATUS Status;
    ULONG_PTR Information;
    NTSTATUS CreateStatus;
    BOOLEAN PendCreate;
} PLAN;

typedef struct SEEN
{
    UCHAR Major[256];
    ULONG Count;
    WCHAR CreateName[64];
    ULONG CreateOptions;
    ACCESS_MASK CreateAccess;
    USHORT CreateShare;
    KPROCESSOR_MODE CreateMode;
    LARGE_INTEGER Offset;
    ULONG Length;
    UCHAR Data[64];  // first bytes of what was written
    ULONG Queued;    // IRPs that were ever queued
    ULONG Cancelled;
    ULONG InFlight, MostInFlight;  // synchronous handle test
} SEEN;

extern PLAN Plan;  // written between requests, or under a test's own order
extern SEEN Seen;  // guarded by SeenLock
extern OS_LOCK SeenLock;
extern PDRIVER_OBJECT TestDriver;
extern PDEVICE_OBJECT TestDevice;     // \Device\IoTest, \??\IoTest, buffered
extern PDEVICE_OBJECT DirectDevice;   // \Device\IoDirect
extern PDEVICE_OBJECT NeitherDevice;  // \Device\IoNeither
extern BOOLEAN (*TestHook)(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status);  // first look

DRIVER_INITIALIZE TestDriverEntry;
// Completes the oldest queued IRP; FALSE: none there.
BOOLEAN TestRelease(NTSTATUS Status, ULONG_PTR Information);
BOOLEAN TestReleaseHeld(NTSTATUS Status);
void TestAwaitQueued(ULONG Count);  // until Count IRPs were ever queued
void TestClearSeen(void);
ULONG TestSeen(UCHAR Major);  // how many

int StartHost(void **State);
int StopHost(void **State);
#define IO_TEST(Function) cmocka_unit_test_setup_teardown(Function, StartHost, StopHost)
// Starts its executives itself, in child processes.
#define IO_REPORT(Function) cmocka_unit_test(Function)

// ---- Applications ----
static inline NTHOST_PROCESS *
BecomeProcess(const char *As)
{
    NTHOST_PROCESS *Process;

    assert_int_equal(NthostAttachProcess("test", As, &Process, NULL, NULL), 0);
    return Process;
}
NTSTATUS OpenDevice(const WCHAR *Name, ACCESS_MASK Access, ULONG Options, PHANDLE Handle);
#define SYNCHRONOUS FILE_SYNCHRONOUS_IO_NONALERT
// Opens \??\IoTest for reading and writing; fails the test if it cannot.
HANDLE OpenTest(ULONG Options);
HANDLE MakeEvent(EVENT_TYPE Type);
BOOLEAN IsSignaled(HANDLE Handle);  // a wait with timeout 0; consumes an auto-reset event
static inline void
PoisonIosb(PIO_STATUS_BLOCK Iosb)
{
    Iosb->Status = POISON_STATUS;
    Iosb->Information = POISON_INFORMATION;
}
NTSTATUS Control(HANDLE File, HANDLE Event, PVOID Context, PIO_STATUS_BLOCK Iosb, ULONG Code,
                 PVOID Input, ULONG InputLength, PVOID Output, ULONG OutputLength);

// A thread of the calling thread's process, on a host thread of its own.
typedef struct APP_THREAD
{
    OS_THREAD *Host;
    uint64_t Cookie;
    HANDLE Handle;
    void (*Routine)(void *Context);
    void *Context;
    PETHREAD Thread;  // referenced
} APP_THREAD;
void StartAppThread(APP_THREAD *Thread, void (*Routine)(void *Context), void *Context);
void JoinAppThread(APP_THREAD *Thread);
// Until the thread sleeps in the kernel.
void AwaitWaiting(PETHREAD Thread);

#endif
