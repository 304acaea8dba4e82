// SPDX-License-Identifier: MIT
// Buffers and offsets of read, write and control requests, and what is refused before a driver sees it.
#include "fixture.h"

static LARGE_INTEGER
At(LONGLONG Offset)
{
    LARGE_INTEGER Value = {.QuadPart = Offset};

    return Value;
}

static void
write_buffered(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE File = OpenTest(0);
    LARGE_INTEGER Offset = At(0x123456789);
    IO_STATUS_BLOCK Iosb;

    (void)State;
    Plan.Information = 5;
    PoisonIosb(&Iosb);
    assert_status(NtWriteFile(File, NULL, NULL, NULL, &Iosb, "hello", 5, &Offset, NULL),
                  STATUS_SUCCESS);
    assert_memory_equal(Seen.Data, "hello", 5);
    assert_int_equal(Seen.Length, 5);
    assert_int_equal(Seen.Offset.QuadPart, 0x123456789);
    assert_int_equal(Iosb.Information, 5);
    Plan.Information = 0;
    assert_status(NtWriteFile(File, NULL, NULL, NULL, &Iosb, NULL, 0, &Offset, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Seen.Length, 0);
    NthostDetachProcess(Process, 0);
}

static BOOLEAN
FillRead(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PUCHAR To;

    (void)Device;
    if (Stack->MajorFunction != IRP_MJ_READ)
    {
        return FALSE;
    }
    To = Irp->MdlAddress != NULL ? MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority)
                                 : Irp->AssociatedIrp.SystemBuffer;
    memset(To, 0xAB, Stack->Parameters.Read.Length);
    *Status = STATUS_SUCCESS;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = Stack->Parameters.Read.Length / 2;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return TRUE;
}

static void
ReadFrom(const WCHAR *Name, UCHAR Second)
{
    LARGE_INTEGER Offset = At(0);
    IO_STATUS_BLOCK Iosb;
    UCHAR Data[64];
    HANDLE File;

    assert_status(OpenDevice(Name, GENERIC_READ, 0, &File), STATUS_SUCCESS);
    memset(Data, 0x5A, sizeof(Data));
    TestHook = FillRead;
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 32, &Offset, NULL),
                  STATUS_SUCCESS);
    TestHook = NULL;
    assert_int_equal(Iosb.Information, 16);
    assert_int_equal(Data[0], 0xAB);
    assert_int_equal(Data[15], 0xAB);
    assert_int_equal(Data[16], Second);
    assert_int_equal(Data[32], 0x5A);
    assert_status(NtClose(File), STATUS_SUCCESS);
}

static void
read_buffered_and_direct(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");

    (void)State;
    ReadFrom(L"\\Device\\IoTest", 0x5A);    // Information bytes are copied
    ReadFrom(L"\\Device\\IoDirect", 0xAB);  // the driver wrote into the buffer itself
    NthostDetachProcess(Process, 0);
}

static void
neither_is_refused(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    LARGE_INTEGER Offset = At(0);
    HANDLE File, Test = OpenTest(0);
    IO_STATUS_BLOCK Iosb;
    UCHAR Data[4] = {0};

    (void)State;
    assert_status(OpenDevice(L"\\Device\\IoNeither", GENERIC_READ | GENERIC_WRITE, 0, &File),
                  STATUS_SUCCESS);
    TestClearSeen();
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_NOT_SUPPORTED);
    assert_status(NtWriteFile(File, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_NOT_SUPPORTED);
    assert_status(Control(Test, NULL, NULL, &Iosb, IOCTL_NEITHER, Data, 4, Data, 4),
                  STATUS_NOT_SUPPORTED);
    assert_status(Iosb.Status, POISON_STATUS);
    assert_int_equal(Seen.Count, 0);
    NthostDetachProcess(Process, 0);
}

static void
bad_buffers(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE File = OpenTest(0);
    HANDLE Direct;
    LARGE_INTEGER Offset = At(0);
    IO_STATUS_BLOCK Iosb;
    UCHAR Data[16] = {0};
    PVOID Bad = (PVOID)(ULONG_PTR)0x10;

    (void)State;
    assert_status(OpenDevice(L"\\Device\\IoDirect", GENERIC_READ | GENERIC_WRITE, 0, &Direct),
                  STATUS_SUCCESS);
    TestClearSeen();
    assert_status(NtWriteFile(File, NULL, NULL, NULL, &Iosb, Bad, 4, &Offset, NULL),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Bad, 4, &Offset, NULL),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtReadFile(Direct, NULL, NULL, NULL, &Iosb, Bad, 4, &Offset, NULL),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtWriteFile(Direct, NULL, NULL, NULL, &Iosb, Bad, 4, &Offset, NULL),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtReadFile(File, NULL, NULL, NULL, (PIO_STATUS_BLOCK)Bad, Data, 4, &Offset, NULL),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 4, (PLARGE_INTEGER)Bad, NULL),
                  STATUS_ACCESS_VIOLATION);
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, (PULONG)Bad),
                  STATUS_ACCESS_VIOLATION);
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, Bad, 4, Data, 4),
                  STATUS_ACCESS_VIOLATION);
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, Data, 4, Bad, 4),
                  STATUS_ACCESS_VIOLATION);
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_OUT_DIRECT, Data, 4, Bad, 4),
                  STATUS_ACCESS_VIOLATION);
    assert_status(Control(File, (HANDLE)0x5AA8, NULL, &Iosb, IOCTL_ECHO, Data, 4, Data, 4),
                  STATUS_INVALID_HANDLE);
    assert_status(Control((HANDLE)0x5AA8, NULL, NULL, &Iosb, IOCTL_ECHO, Data, 4, Data, 4),
                  STATUS_INVALID_HANDLE);
    assert_status(Iosb.Status, POISON_STATUS);
    assert_int_equal(Seen.Count, 0);
    // NT's rule: no pointer, no length.
    Plan.Information = 0;
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 4, NULL, 4), STATUS_SUCCESS);
    NthostDetachProcess(Process, 0);
}

static void
rights_of_the_handle(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    LARGE_INTEGER Offset = At(0);
    HANDLE Reader, Writer, Nothing;
    IO_STATUS_BLOCK Iosb;
    UCHAR Data[4] = {0};

    (void)State;
    assert_status(OpenDevice(L"\\Device\\IoTest", FILE_READ_DATA, 0, &Reader), STATUS_SUCCESS);
    assert_status(OpenDevice(L"\\Device\\IoTest", FILE_APPEND_DATA, 0, &Writer), STATUS_SUCCESS);
    assert_status(OpenDevice(L"\\Device\\IoTest", SYNCHRONIZE, 0, &Nothing), STATUS_SUCCESS);
    TestClearSeen();
    assert_status(NtWriteFile(Reader, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_ACCESS_DENIED);
    assert_status(NtReadFile(Writer, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_ACCESS_DENIED);
    assert_status(Control(Nothing, NULL, NULL, &Iosb, IOCTL_READ_ACCESS, NULL, 0, NULL, 0),
                  STATUS_ACCESS_DENIED);
    assert_status(Control(Reader, NULL, NULL, &Iosb, IOCTL_WRITE_ACCESS, NULL, 0, NULL, 0),
                  STATUS_ACCESS_DENIED);
    assert_int_equal(Seen.Count, 0);
    assert_status(Control(Reader, NULL, NULL, &Iosb, IOCTL_READ_ACCESS, NULL, 0, NULL, 0),
                  STATUS_SUCCESS);
    assert_status(Control(Nothing, NULL, NULL, &Iosb, IOCTL_ECHO, NULL, 0, NULL, 0),
                  STATUS_SUCCESS);
    // Append only: the driver is told to write at the end.
    assert_status(NtWriteFile(Writer, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Seen.Offset.QuadPart, -1);
    NthostDetachProcess(Process, 0);
}

static void
offsets(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE File = OpenTest(0);
    HANDLE Synchronous = OpenTest(SYNCHRONOUS);
    LARGE_INTEGER Offset = At(-2);
    LARGE_INTEGER Position = At(4096);
    IO_STATUS_BLOCK Iosb;
    UCHAR Data[4] = {0};

    (void)State;
    TestClearSeen();
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 4, NULL, NULL),
                  STATUS_INVALID_PARAMETER);
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_INVALID_PARAMETER);
    Offset = At(-1);
    assert_status(NtReadFile(File, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_INVALID_PARAMETER);
    assert_int_equal(Seen.Count, 0);
    assert_status(NtWriteFile(File, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Seen.Offset.QuadPart, -1);
    // A synchronous file has a position; the driver moves it.
    assert_status(NtSetInformationFile(Synchronous, &Iosb, &Position, sizeof(Position),
                                       FilePositionInformation),
                  STATUS_SUCCESS);
    assert_status(NtReadFile(Synchronous, NULL, NULL, NULL, &Iosb, Data, 4, NULL, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Seen.Offset.QuadPart, 4096);
    Offset = At(-2);
    assert_status(NtReadFile(Synchronous, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Seen.Offset.QuadPart, 4096);
    Offset = At(8);
    assert_status(NtReadFile(Synchronous, NULL, NULL, NULL, &Iosb, Data, 4, &Offset, NULL),
                  STATUS_SUCCESS);
    assert_int_equal(Seen.Offset.QuadPart, 8);
    Position = At(-1);
    assert_status(NtSetInformationFile(Synchronous, &Iosb, &Position, sizeof(Position),
                                       FilePositionInformation),
                  STATUS_INVALID_PARAMETER);
    assert_status(NtQueryInformationFile(Synchronous, &Iosb, &Position, sizeof(Position),
                                         FilePositionInformation),
                  STATUS_SUCCESS);
    assert_int_equal(Position.QuadPart, 4096);
    assert_status(
        NtQueryInformationFile(File, &Iosb, &Position, sizeof(Position), FilePositionInformation),
        STATUS_INVALID_PARAMETER);
    NthostDetachProcess(Process, 0);
}

static BOOLEAN
CheckDirect(PDEVICE_OBJECT Device, PIRP Irp, NTSTATUS *Status)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PUCHAR Output;

    (void)Device;
    if (Stack->MajorFunction != IRP_MJ_DEVICE_CONTROL)
    {
        return FALSE;
    }
    Output = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    *Status = STATUS_SUCCESS;
    if (memcmp(Irp->AssociatedIrp.SystemBuffer, "input", 5) != 0 ||
        MmGetMdlByteCount(Irp->MdlAddress) != 8)
    {
        *Status = STATUS_DATA_ERROR;
    }
    else if (Stack->Parameters.DeviceIoControl.IoControlCode == IOCTL_IN_DIRECT)
    {
        *Status = memcmp(Output, "oldoldol", 8) == 0 ? STATUS_SUCCESS : STATUS_DATA_ERROR;
    }
    else
    {
        memcpy(Output, "newnewne", 8);
    }
    Irp->IoStatus.Status = *Status;
    Irp->IoStatus.Information = 8;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return TRUE;
}

static void
control_direct(void **State)
{
    NTHOST_PROCESS *Process = BecomeProcess("administrator");
    HANDLE File = OpenTest(0);
    IO_STATUS_BLOCK Iosb;
    char Output[9] = "oldoldol";
    char Input[] = "input";

    (void)State;
    TestHook = CheckDirect;
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_IN_DIRECT, Input, 5, Output, 8),
                  STATUS_SUCCESS);
    assert_status(Control(File, NULL, NULL, &Iosb, IOCTL_OUT_DIRECT, Input, 5, Output, 8),
                  STATUS_SUCCESS);
    assert_string_equal(Output, "newnewne");
    assert_int_equal(Iosb.Information, 8);
    TestHook = NULL;
    NthostDetachProcess(Process, 0);
}

int
main(int Count, char **Arguments)
{
    static const struct CMUnitTest Tests[] = {
        IO_TEST(write_buffered), IO_TEST(read_buffered_and_direct), IO_TEST(neither_is_refused),
        IO_TEST(bad_buffers),    IO_TEST(rights_of_the_handle),     IO_TEST(offsets),
        IO_TEST(control_direct),
    };

    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
