// SPDX-License-Identifier: MIT
// Opening devices: what the driver is told, who may, and the order of create, cleanup and close.
#include "fixture.h"

static void
order_of_majors(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE Handle = OpenTest(SYNCHRONOUS);
    HANDLE Second;
    PFILE_OBJECT File;

    (void)State;
    assert_status(
        NtDuplicateObject((HANDLE)-1, Handle, (HANDLE)-1, &Second, 0, 0, DUPLICATE_SAME_ACCESS),
        STATUS_SUCCESS);
    assert_status(
        ObReferenceObjectByHandle(Handle, 0, *IoFileObjectType, UserMode, (PVOID *)&File, NULL),
        STATUS_SUCCESS);
    assert_int_equal(TestDevice->ReferenceCount, 1);
    assert_true((File->Flags & FO_SYNCHRONOUS_IO) != 0);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 0);
    assert_status(NtClose(Second), STATUS_SUCCESS);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 1);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 0);
    ObDereferenceObject(File);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 1);
    assert_int_equal(Seen.Count, 3);
    assert_int_equal(Seen.Major[0], IRP_MJ_CREATE);
    assert_int_equal(Seen.Major[1], IRP_MJ_CLEANUP);
    assert_int_equal(Seen.Major[2], IRP_MJ_CLOSE);
    assert_int_equal(TestDevice->ReferenceCount, 0);
    NthostDetachProcess(Process, 0);
}

static void
what_create_is_told(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE Handle;

    (void)State;
    assert_status(OpenDevice(L"\\??\\IOTEST\\Some\\Name", FILE_READ_DATA | SYNCHRONIZE,
                             SYNCHRONOUS | FILE_NON_DIRECTORY_FILE, &Handle),
                  STATUS_SUCCESS);
    assert_memory_equal(Seen.CreateName, L"\\Some\\Name", sizeof(L"\\Some\\Name"));
    assert_int_equal(Seen.CreateOptions, FILE_OPEN << 24 | SYNCHRONOUS | FILE_NON_DIRECTORY_FILE);
    assert_int_equal(Seen.CreateAccess, FILE_READ_DATA | SYNCHRONIZE);
    assert_int_equal(Seen.CreateShare, FILE_SHARE_READ | FILE_SHARE_WRITE);
    assert_int_equal(Seen.CreateMode, UserMode);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
refused_by_the_driver(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE Handle;

    (void)State;
    Plan.CreateStatus = STATUS_DEVICE_NOT_READY;
    assert_status(OpenDevice(L"\\??\\IoTest", GENERIC_READ, 0, &Handle), STATUS_DEVICE_NOT_READY);
    assert_int_equal(TestSeen(IRP_MJ_CREATE), 1);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 0);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 0);
    assert_int_equal(TestDevice->ReferenceCount, 0);
    Plan.CreateStatus = STATUS_REPARSE;
    assert_status(OpenDevice(L"\\??\\IoTest", GENERIC_READ, 0, &Handle), STATUS_NOT_SUPPORTED);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 0);
    NthostDetachProcess(Process, 0);
}

static void
pended_create(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE Handle;

    (void)State;
    Plan.PendCreate = TRUE;
    Plan.Action = ActPendAndComplete;
    Plan.Status = STATUS_SHARING_VIOLATION;
    assert_status(OpenDevice(L"\\??\\IoTest", GENERIC_READ, 0, &Handle), STATUS_SHARING_VIOLATION);
    Plan.Status = STATUS_SUCCESS;
    Plan.Information = FILE_OPENED;
    assert_status(OpenDevice(L"\\??\\IoTest", GENERIC_READ, 0, &Handle), STATUS_SUCCESS);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    assert_int_equal(TestSeen(IRP_MJ_CREATE), 2);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 1);
    NthostDetachProcess(Process, 0);
}

static void
bad_parameters(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Path;
    IO_STATUS_BLOCK Iosb;
    HANDLE Handle = POISON_HANDLE;
    UCHAR Ea[16] = {0};

    (void)State;
    RtlInitUnicodeString(&Path, L"\\??\\IoTest");
    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE, NULL, NULL);
#define OPEN(Access, FileAttributes, Share, Disposition, Options)                               \
    NtCreateFile(&Handle, Access, &Attributes, &Iosb, NULL, FileAttributes, Share, Disposition, \
                 Options, NULL, 0)
    assert_status(OPEN(GENERIC_READ, 0, 8, FILE_OPEN, 0), STATUS_INVALID_PARAMETER);
    assert_status(OPEN(GENERIC_READ, 0x80000000, 0, FILE_OPEN, 0), STATUS_INVALID_PARAMETER);
    assert_status(OPEN(GENERIC_READ, 0, 0, 6, 0), STATUS_INVALID_PARAMETER);
    assert_status(OPEN(GENERIC_READ, 0, 0, FILE_OPEN, 0x01000000), STATUS_INVALID_PARAMETER);
    // A synchronous handle needs the bit itself.
    assert_status(OPEN(GENERIC_READ, 0, 0, FILE_OPEN, SYNCHRONOUS), STATUS_INVALID_PARAMETER);
    assert_status(OPEN(GENERIC_READ | SYNCHRONIZE, 0, 0, FILE_OPEN,
                       FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT),
                  STATUS_INVALID_PARAMETER);
    assert_status(OPEN(GENERIC_READ, 0, 0, FILE_OPEN, FILE_DELETE_ON_CLOSE),
                  STATUS_INVALID_PARAMETER);
    assert_status(
        OPEN(GENERIC_READ, 0, 0, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE),
        STATUS_INVALID_PARAMETER);
#undef OPEN
    assert_status(NtCreateFile(&Handle, GENERIC_READ, &Attributes, &Iosb, NULL, 0, 0, FILE_OPEN, 0,
                               Ea, sizeof(Ea)),
                  STATUS_EAS_NOT_SUPPORTED);
    assert_status(NtCreateFile((PHANDLE)8, GENERIC_READ, &Attributes, &Iosb, NULL, 0, 0, FILE_OPEN,
                               0, NULL, 0),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtCreateFile(&Handle, GENERIC_READ, &Attributes, (PIO_STATUS_BLOCK)8, NULL, 0, 0,
                               FILE_OPEN, 0, NULL, 0),
                  STATUS_ACCESS_VIOLATION);
    assert_ptr_equal(Handle, POISON_HANDLE);
    assert_status(OpenDevice(L"\\??\\NoSuchThing", GENERIC_READ, 0, &Handle),
                  STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(TestSeen(IRP_MJ_CREATE), 0);
    NthostDetachProcess(Process, 0);
}

static PDEVICE_OBJECT
MakeSecureDevice(const WCHAR *Text, const WCHAR *Sddl, ULONG Characteristics, BOOLEAN Exclusive)
{
    PDEVICE_OBJECT Device;
    UNICODE_STRING Name, Descriptor;

    RtlInitUnicodeString(&Name, Text);
    RtlInitUnicodeString(&Descriptor, Sddl);
    assert_status(WdmlibIoCreateDeviceSecure(TestDriver, 0, &Name, FILE_DEVICE_UNKNOWN,
                                             Characteristics, Exclusive, &Descriptor, NULL,
                                             &Device),
                  STATUS_SUCCESS);
    Device->Flags |= DO_BUFFERED_IO;
    return Device;
}

static void
rights(void **State)
{
    PDEVICE_OBJECT Device =
        MakeSecureDevice(L"\\Device\\Secure", L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GR;;;WD)",
                         FILE_DEVICE_SECURE_OPEN, FALSE);
    PDEVICE_OBJECT Open =
        MakeSecureDevice(L"\\Device\\NotSecure", L"D:P(A;;GA;;;SY)(A;;GA;;;BA)", 0, FALSE);
    NTHOST_PROCESS *Process;
    HANDLE Handle;
    OBJECT_BASIC_INFORMATION Basic;

    (void)State;
    Process = BecomeProcess("user");
    assert_status(OpenDevice(L"\\Device\\Secure", GENERIC_READ, 0, &Handle), STATUS_NO_SUCH_DEVICE);
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    Open->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    assert_status(OpenDevice(L"\\Device\\Secure", GENERIC_READ, 0, &Handle), STATUS_SUCCESS);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    assert_status(OpenDevice(L"\\Device\\Secure", GENERIC_READ | GENERIC_WRITE, 0, &Handle),
                  STATUS_ACCESS_DENIED);
    // FILE_DEVICE_SECURE_OPEN: the same for names behind the device's.
    assert_status(OpenDevice(L"\\Device\\Secure\\x", GENERIC_WRITE, 0, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_status(OpenDevice(L"\\Device\\Secure", MAXIMUM_ALLOWED, 0, &Handle), STATUS_SUCCESS);
    assert_status(NtQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof(Basic), NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Basic.GrantedAccess, FILE_GENERIC_READ);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    // Without it only the device's own name is checked.
    assert_status(OpenDevice(L"\\Device\\NotSecure", GENERIC_READ, 0, &Handle),
                  STATUS_ACCESS_DENIED);
    assert_status(OpenDevice(L"\\Device\\NotSecure\\x", GENERIC_READ, 0, &Handle), STATUS_SUCCESS);
    assert_status(NtClose(Handle), STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);

    Process = BecomeProcess("administrator");
    assert_status(OpenDevice(L"\\Device\\Secure", GENERIC_READ | GENERIC_WRITE, 0, &Handle),
                  STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
exclusive(void **State)
{
    PDEVICE_OBJECT Device =
        MakeSecureDevice(L"\\Device\\Exclusive", L"D:P(A;;GA;;;WD)", FILE_DEVICE_SECURE_OPEN, TRUE);
    NTHOST_PROCESS *Process = BecomeProcess("user");
    HANDLE First, Second;

    (void)State;
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    assert_status(OpenDevice(L"\\Device\\Exclusive", GENERIC_READ, 0, &First), STATUS_SUCCESS);
    assert_status(OpenDevice(L"\\Device\\Exclusive", GENERIC_READ, 0, &Second),
                  STATUS_ACCESS_DENIED);
    assert_status(NtClose(First), STATUS_SUCCESS);
    assert_status(OpenDevice(L"\\Device\\Exclusive", GENERIC_READ, 0, &Second), STATUS_SUCCESS);
    assert_status(NtClose(Second), STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
by_kernel_pointer(void **State)
{
    UNICODE_STRING Name;
    PFILE_OBJECT File;
    PDEVICE_OBJECT Device;

    (void)State;
    RtlInitUnicodeString(&Name, L"\\??\\IoTest");
    assert_status(IoGetDeviceObjectPointer(&Name, FILE_READ_DATA, &File, &Device), STATUS_SUCCESS);
    assert_ptr_equal(Device, TestDevice);
    assert_int_equal(Seen.CreateMode, KernelMode);
    // As on NT the cleanup came with the handle.
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 1);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 0);
    ObDereferenceObject(File);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 1);
}

static void
relative_open(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE Root = OpenTest(SYNCHRONOUS);
    HANDLE Handle = POISON_HANDLE;
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    IO_STATUS_BLOCK Iosb;

    (void)State;
    RtlInitUnicodeString(&Name, L"child");
    InitializeObjectAttributes(&Attributes, &Name, 0, Root, NULL);
    assert_status(NtOpenFile(&Handle, FILE_READ_DATA, &Attributes, &Iosb, 0, 0), STATUS_SUCCESS);
    assert_memory_equal(Seen.CreateName, L"child", sizeof(L"child"));
    NthostDetachProcess(Process, 0);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 2);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 2);
}

static void
death_closes(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");

    (void)State;
    (void)OpenTest(SYNCHRONOUS);
    (void)OpenTest(0);
    NthostDetachProcess(Process, 0);
    assert_int_equal(TestSeen(IRP_MJ_CREATE), 2);
    assert_int_equal(TestSeen(IRP_MJ_CLEANUP), 2);
    assert_int_equal(TestSeen(IRP_MJ_CLOSE), 2);
    assert_int_equal(TestDevice->ReferenceCount, 0);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(order_of_majors), IO_TEST(what_create_is_told), IO_TEST(refused_by_the_driver),
        IO_TEST(pended_create),   IO_TEST(bad_parameters),      IO_TEST(rights),
        IO_TEST(exclusive),       IO_TEST(by_kernel_pointer),   IO_TEST(relative_open),
        IO_TEST(death_closes),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
