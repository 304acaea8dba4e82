// SPDX-License-Identifier: MIT
// The driver inside the test programs of host/io, and the helpers around it.
#include "fixture.h"

#include "syscall/services.h"

typedef struct EXTENSION
{
    IO_CSQ Queue;
    KSPIN_LOCK QueueLock;
    LIST_ENTRY List;  // guarded by QueueLock
    PIRP Held;        // ActHold
} EXTENSION;

PLAN Plan;
SEEN Seen;
OS_LOCK SeenLock = OS_LOCK_INIT;
PDRIVER_OBJECT TestDriver;
PDEVICE_OBJECT TestDevice, DirectDevice, NeitherDevice;
BOOLEAN (*TestHook)(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status);

static EXTENSION *
Extension(void)
{
    return TestDevice->DeviceExtension;
}

// ---- The queue ----

static VOID
QueueInsert(PIO_CSQ Csq, PIRP Irp)
{
    (void)Csq;
    InsertTailList(&Extension()->List, &Irp->Tail.Overlay.ListEntry);
}

static VOID
QueueRemove(PIO_CSQ Csq, PIRP Irp)
{
    (void)Csq;
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP
QueuePeek(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    PLIST_ENTRY Next = Irp == NULL ? Extension()->List.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    (void)Csq;
    (void)Context;
    return Next == &Extension()->List ? NULL : CONTAINING_RECORD(Next, IRP, Tail.Overlay.ListEntry);
}

static VOID
QueueAcquire(PIO_CSQ Csq, PKIRQL Irql)
{
    (void)Csq;
    KeAcquireSpinLock(&Extension()->QueueLock, Irql);
}

static VOID
QueueRelease(PIO_CSQ Csq, KIRQL Irql)
{
    (void)Csq;
    KeReleaseSpinLock(&Extension()->QueueLock, Irql);
}

static VOID
QueueCancelled(PIO_CSQ Csq, PIRP Irp)
{
    (void)Csq;
    OsLockAcquire(&SeenLock);
    Seen.Cancelled++;
    OsLockRelease(&SeenLock);
    Irp->IoStatus.Status = STATUS_CANCELLED;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

BOOLEAN
TestRelease(NTSTATUS Status, ULONG_PTR Information)
{
    PIRP Irp = IoCsqRemoveNextIrp(&Extension()->Queue, NULL);

    if (Irp == NULL)
    {
        return FALSE;
    }
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return TRUE;
}

BOOLEAN
TestReleaseHeld(NTSTATUS Status)
{
    PIRP Irp = Extension()->Held;

    Extension()->Held = NULL;
    if (Irp == NULL)
    {
        return FALSE;
    }
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return TRUE;
}

void
TestAwaitQueued(ULONG Count)
{
    uint64_t Limit = OsMonotonicNs() + PATIENCE_NS;

    for (;;)
    {
        ULONG Queued;

        OsLockAcquire(&SeenLock);
        Queued = Seen.Queued;
        OsLockRelease(&SeenLock);
        if (Queued >= Count)
        {
            return;
        }
        assert_true(OsMonotonicNs() < Limit);
        OsYield();
    }
}

void
TestClearSeen(void)
{
    OsLockAcquire(&SeenLock);
    memset(&Seen, 0, sizeof(Seen));
    OsLockRelease(&SeenLock);
}

ULONG
TestSeen(UCHAR Major)
{
    ULONG Found = 0;

    ObpFlushDeferred();
    OsLockAcquire(&SeenLock);
    for (ULONG Index = 0; Index < Seen.Count; Index++)
    {
        Found += Seen.Major[Index] == Major;
    }
    OsLockRelease(&SeenLock);
    return Found;
}

// ---- Dispatch ----

static NTSTATUS
Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static void
NoteCreate(PIO_STACK_LOCATION Stack, PIRP Irp)
{
    ULONG Length = Stack->FileObject->FileName.Length / sizeof(WCHAR);

    memset(Seen.CreateName, 0, sizeof(Seen.CreateName));
    for (ULONG Index = 0; Index < Length && Index < 63; Index++)
    {
        Seen.CreateName[Index] = Stack->FileObject->FileName.Buffer[Index];
    }
    Seen.CreateOptions = Stack->Parameters.Create.Options;
    Seen.CreateAccess = Stack->Parameters.Create.SecurityContext->DesiredAccess;
    Seen.CreateShare = Stack->Parameters.Create.ShareAccess;
    Seen.CreateMode = Irp->RequestorMode;
}

static void
NoteTransfer(PIO_STACK_LOCATION Stack, PIRP Irp)
{
    const UCHAR *Data = Irp->MdlAddress != NULL
                            ? MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority)
                            : Irp->AssociatedIrp.SystemBuffer;

    Seen.Offset = Stack->Parameters.Read.ByteOffset;
    Seen.Length = Stack->Parameters.Read.Length;
    if (Stack->MajorFunction == IRP_MJ_WRITE && Data != NULL)
    {
        memcpy(Seen.Data, Data, Seen.Length < sizeof(Seen.Data) ? Seen.Length : sizeof(Seen.Data));
    }
}

static NTSTATUS
Act(PIRP Irp)
{
    switch (Plan.Action)
    {
    case ActComplete:
        return Complete(Irp, Plan.Status, Plan.Information);
    case ActQueue:
        IoCsqInsertIrp(&Extension()->Queue, Irp, NULL);
        OsLockAcquire(&SeenLock);
        Seen.Queued++;
        OsLockRelease(&SeenLock);
        return STATUS_PENDING;
    case ActPendAndComplete:
        IoMarkIrpPending(Irp);
        (void)Complete(Irp, Plan.Status, Plan.Information);
        return STATUS_PENDING;
    case ActHold:
        IoMarkIrpPending(Irp);
        Extension()->Held = Irp;
        OsLockAcquire(&SeenLock);
        Seen.Queued++;
        OsLockRelease(&SeenLock);
        return STATUS_PENDING;
    }
    return Complete(Irp, STATUS_INTERNAL_ERROR, 0);
}

static NTSTATUS
Dispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status;

    OsLockAcquire(&SeenLock);
    if (Seen.Count < sizeof(Seen.Major))
    {
        Seen.Major[Seen.Count++] = Stack->MajorFunction;
    }
    if (Stack->MajorFunction == IRP_MJ_CREATE)
    {
        NoteCreate(Stack, Irp);
    }
    else if (Stack->MajorFunction == IRP_MJ_READ || Stack->MajorFunction == IRP_MJ_WRITE)
    {
        NoteTransfer(Stack, Irp);
    }
    OsLockRelease(&SeenLock);
    if (TestHook != NULL && TestHook(Device, Irp, &Status))
    {
        return Status;
    }
    switch (Stack->MajorFunction)
    {
    case IRP_MJ_CREATE:
        if (Plan.PendCreate)
        {
            return Act(Irp);
        }
        return Complete(Irp, Plan.CreateStatus, NT_SUCCESS(Plan.CreateStatus) ? FILE_OPENED : 0);
    case IRP_MJ_CLEANUP:
    case IRP_MJ_CLOSE:
        return Complete(Irp, STATUS_SUCCESS, 0);
    default:
        return Act(Irp);
    }
}

static VOID
Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link;

    RtlInitUnicodeString(&Link, L"\\??\\IoTest");
    IoDeleteSymbolicLink(&Link);
    while (Driver->DeviceObject != NULL)
    {
        IoDeleteDevice(Driver->DeviceObject);
    }
}

static NTSTATUS
MakeDevice(PDRIVER_OBJECT Driver, const WCHAR *Text, ULONG Flags, PDEVICE_OBJECT *Device)
{
    UNICODE_STRING Name;
    NTSTATUS Status;

    RtlInitUnicodeString(&Name, Text);
    Status = IoCreateDevice(Driver, sizeof(EXTENSION), &Name, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, Device);
    if (NT_SUCCESS(Status))
    {
        (*Device)->Flags |= Flags;
    }
    return Status;
}

NTSTATUS
TestDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Link, Target;
    NTSTATUS Status;

    (void)RegistryPath;
    DriverObject->DriverUnload = Unload;
    for (ULONG Major = 0; Major <= IRP_MJ_MAXIMUM_FUNCTION; Major++)
    {
        DriverObject->MajorFunction[Major] = Dispatch;
    }
    Status = MakeDevice(DriverObject, L"\\Device\\IoTest", DO_BUFFERED_IO, &TestDevice);
    if (NT_SUCCESS(Status))
    {
        Status = MakeDevice(DriverObject, L"\\Device\\IoDirect", DO_DIRECT_IO, &DirectDevice);
    }
    if (NT_SUCCESS(Status))
    {
        Status = MakeDevice(DriverObject, L"\\Device\\IoNeither", 0, &NeitherDevice);
    }
    if (NT_SUCCESS(Status))
    {
        InitializeListHead(&Extension()->List);
        KeInitializeSpinLock(&Extension()->QueueLock);
        IoCsqInitialize(&Extension()->Queue, QueueInsert, QueueRemove, QueuePeek, QueueAcquire,
                        QueueRelease, QueueCancelled);
        RtlInitUnicodeString(&Link, L"\\??\\IoTest");
        RtlInitUnicodeString(&Target, L"\\Device\\IoTest");
        Status = IoCreateSymbolicLink(&Link, &Target);
    }
    return Status;
}

// ---- The executive around a test ----

int
StartHost(void **State)
{
    static const NTHOST_CONFIG Config = {.Processors = 2, .VerifierLevel = VfStandard};
    char Message[1024] = "";

    (void)State;
    memset(&Plan, 0, sizeof(Plan));
    TestHook = NULL;
    if (NthostStart(&Config, Message, sizeof(Message)) != 0 ||
        !NT_SUCCESS(IopCreateDriverInProcess("iotest", TestDriverEntry, &TestDriver, Message,
                                             sizeof(Message))))
    {
        fprintf(stderr, "start: %s\n", Message);
        return -1;
    }
    TestClearSeen();
    return 0;
}

// Reports what the case left behind, and then ends the process with status 3.
int
StopHost(void **State)
{
    (void)State;
    NthostStop();
    return 0;
}

// ---- Applications ----

NTSTATUS
OpenDevice(const WCHAR *Name, ACCESS_MASK Access, ULONG Options, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Path;
    IO_STATUS_BLOCK Iosb;
    NTSTATUS Status;

    PoisonIosb(&Iosb);
    *Handle = POISON_HANDLE;
    RtlInitUnicodeString(&Path, Name);
    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE, NULL, NULL);
    Status = NtCreateFile(Handle, Access, &Attributes, &Iosb, NULL, 0,
                          FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, Options, NULL, 0);
    if (NT_SUCCESS(Status))
    {
        assert_status(Iosb.Status, Status);
        assert_int_equal(Iosb.Information, FILE_OPENED);
    }
    else
    {
        assert_ptr_equal(*Handle, POISON_HANDLE);
        assert_status(Iosb.Status, POISON_STATUS);
    }
    return Status;
}

HANDLE
OpenTest(ULONG Options)
{
    HANDLE Handle;

    assert_status(
        OpenDevice(L"\\??\\IoTest", GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, Options, &Handle),
        STATUS_SUCCESS);
    return Handle;
}

HANDLE
MakeEvent(EVENT_TYPE Type)
{
    HANDLE Handle;

    assert_status(NtCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, Type, FALSE), STATUS_SUCCESS);
    return Handle;
}

BOOLEAN
IsSignaled(HANDLE Handle)
{
    LARGE_INTEGER Now = {.QuadPart = 0};
    NTSTATUS Status = NtWaitForSingleObject(Handle, FALSE, &Now);

    assert_true(Status == STATUS_SUCCESS || Status == STATUS_TIMEOUT);
    return Status == STATUS_SUCCESS;
}

NTSTATUS
Control(HANDLE File, HANDLE Event, PVOID Context, PIO_STATUS_BLOCK Iosb, ULONG Code, PVOID Input,
        ULONG InputLength, PVOID Output, ULONG OutputLength)
{
    PoisonIosb(Iosb);
    return NtDeviceIoControlFile(File, Event, NULL, Context, Iosb, Code, Input, InputLength, Output,
                                 OutputLength);
}

static void
AppThreadMain(void *Context)
{
    APP_THREAD *Thread = Context;
    uint64_t Status = 0;

    if (NthostBindThread(Thread->Cookie) == 0)
    {
        Thread->Routine(Thread->Context);
        (void)NthostCall(Nts_NthExitThread, &Status);
    }
}

void
StartAppThread(APP_THREAD *Thread, void (*Routine)(void *Context), void *Context)
{
    uint64_t Arguments[3] = {(uint64_t)(uintptr_t)&Thread->Handle, THREAD_ALL_ACCESS,
                             (uint64_t)(uintptr_t)&Thread->Cookie};

    Thread->Routine = Routine;
    Thread->Context = Context;
    assert_status(NthostCall(Nts_NthCreateThread, Arguments), STATUS_SUCCESS);
    assert_status(PsLookupThreadByThreadId((HANDLE)(ULONG_PTR)Thread->Cookie, &Thread->Thread),
                  STATUS_SUCCESS);
    assert_int_equal(OsThreadStart(AppThreadMain, Thread, "app", &Thread->Host), OS_OK);
}

void
JoinAppThread(APP_THREAD *Thread)
{
    OsThreadJoin(Thread->Host);
    ObDereferenceObject(Thread->Thread);
}

void
AwaitWaiting(PETHREAD Thread)
{
    uint64_t Limit = OsMonotonicNs() + PATIENCE_NS;

    for (;;)
    {
        KI_THREAD_STATE State;

        KiLockDispatcher();
        State = Thread->Tcb.State;
        OsLockRelease(&KiDispatcherLock);
        if (State == KiStateWaiting || State == KiStateParked)
        {
            return;
        }
        assert_true(OsMonotonicNs() < Limit);
        OsYield();
    }
}
