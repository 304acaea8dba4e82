// SPDX-License-Identifier: MIT
// Shares a named section with a driver; checks rights, views and bad arguments.

#include <windows.h>
#include <winioctl.h>

#include <stdio.h>

#include "shared.h"

static int Failures;

#define CHECK(Condition)                                                                 \
    do                                                                                   \
    {                                                                                    \
        if (!(Condition))                                                                \
        {                                                                                \
            fprintf(stderr, "%s:%d: %s is not so (last error %u)\n", __FILE__, __LINE__, \
                    #Condition, (unsigned)GetLastError());                               \
            Failures++;                                                                  \
        }                                                                                \
    } while (0)

#define WORDS (SECTEST_BYTES / sizeof(UINT32))

static int
HoldsAnswer(const volatile UINT32 *Words)
{
    for (UINT32 Index = 0; Index < WORDS; Index++)
    {
        if (Words[Index] != SECTEST_ANSWER + Index)
        {
            return 0;
        }
    }
    return 1;
}

static BOOL
Exchange(HANDLE Device)
{
    DWORD Bytes;
    return DeviceIoControl(Device, SECTEST_EXCHANGE, NULL, 0, NULL, 0, &Bytes, NULL);
}

static void
TestSharing(HANDLE Device, HANDLE Section)
{
    volatile UINT32 *First = MapViewOfFile(Section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    volatile UINT32 *Second = MapViewOfFile(Section, FILE_MAP_READ, 0, 0, 0);
    CHECK(First != NULL && Second != NULL);
    if (First == NULL || Second == NULL)
    {
        return;
    }
    CHECK(First[0] == 0 && First[WORDS - 1] == 0);
    CHECK(!Exchange(Device) && GetLastError() == ERROR_CRC);
    for (UINT32 Index = 0; Index < WORDS; Index++)
    {
        First[Index] = SECTEST_QUESTION + Index;
    }
    CHECK(Exchange(Device));
    CHECK(HoldsAnswer(First));
    CHECK(HoldsAnswer(Second));
    CHECK(UnmapViewOfFile((const void *)First));
    CHECK(HoldsAnswer(Second));
    CHECK(UnmapViewOfFile((const void *)Second));
    CHECK(!UnmapViewOfFile((const void *)Second) && GetLastError() == ERROR_INVALID_ADDRESS);
}

static void
TestNamesAndRights(HANDLE Section)
{
    HANDLE Again = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, SECTEST_BYTES,
                                      "Global\\SharedSection");
    CHECK(Again != NULL && GetLastError() == ERROR_ALREADY_EXISTS && Again != Section);
    CHECK(CloseHandle(Again));

    HANDLE Reader = OpenFileMappingA(FILE_MAP_READ, FALSE, "Global\\SharedSection");
    CHECK(Reader != NULL);
    CHECK(MapViewOfFile(Reader, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0) == NULL &&
          GetLastError() == ERROR_ACCESS_DENIED);
    const volatile UINT32 *View = MapViewOfFile(Reader, FILE_MAP_READ, 0, 0, 0);
    CHECK(View != NULL && HoldsAnswer(View));
    CHECK(UnmapViewOfFile((const void *)View));
    CHECK(CloseHandle(Reader));

    CHECK(OpenFileMappingA(FILE_MAP_READ, FALSE, "Global\\NoSuchSection") == NULL &&
          GetLastError() == ERROR_FILE_NOT_FOUND);
    CHECK(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0, NULL) == NULL &&
          GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(MapViewOfFile((HANDLE)0x7770, FILE_MAP_READ, 0, 0, 0) == NULL &&
          GetLastError() == ERROR_INVALID_HANDLE);
}

int
main(void)
{
    HANDLE Device =
        CreateFileA("\\\\.\\SharedSection", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(Device != INVALID_HANDLE_VALUE);
    CHECK(!Exchange(Device) && GetLastError() == ERROR_FILE_NOT_FOUND);
    HANDLE Section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0,
                                        SECTEST_BYTES, "Global\\SharedSection");
    CHECK(Section != NULL && GetLastError() == ERROR_SUCCESS);
    TestSharing(Device, Section);
    TestNamesAndRights(Section);
    CHECK(CloseHandle(Section));
    // The name went with the last handle.
    CHECK(!Exchange(Device) && GetLastError() == ERROR_FILE_NOT_FOUND);
    CHECK(CloseHandle(Device));
    return Failures != 0;
}
