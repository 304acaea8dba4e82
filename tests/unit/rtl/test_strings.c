// SPDX-License-Identifier: MIT
// Counted strings, conversions, numbers, GUIDs: results, limits, odd lengths, failed allocations.
#include "test.h"

#include <stdlib.h>
#include <wchar.h>

static const UNICODE_STRING Hello = RTL_CONSTANT_STRING(L"Hello");

static void
InitSetsLengths(void **State)
{
    UNICODE_STRING Unicode;
    ANSI_STRING Ansi;

    (void)State;
    memset(&Unicode, 0xA5, sizeof(Unicode));
    RtlInitUnicodeString(&Unicode, L"abc");
    assert_int_equal(Unicode.Length, 6);
    assert_int_equal(Unicode.MaximumLength, 8);
    RtlInitUnicodeString(&Unicode, NULL);
    assert_int_equal(Unicode.Length, 0);
    assert_int_equal(Unicode.MaximumLength, 0);
    assert_null(Unicode.Buffer);
    RtlInitAnsiString(&Ansi, "abc");
    assert_int_equal(Ansi.Length, 3);
    assert_int_equal(Ansi.MaximumLength, 4);
    RtlInitAnsiString(&Ansi, NULL);
    assert_null(Ansi.Buffer);
}

static void
InitLimitsLengths(void **State)
{
    enum
    {
        LONG_LENGTH = 40000
    };
    static WCHAR Long[LONG_LENGTH + 1];
    static char LongAnsi[70001];
    UNICODE_STRING Unicode;
    ANSI_STRING Ansi;

    (void)State;
    for (unsigned Index = 0; Index < LONG_LENGTH; Index++)
    {
        Long[Index] = 'x';
    }
    assert_int_equal(RtlInitUnicodeStringEx(&Unicode, Long), STATUS_NAME_TOO_LONG);
    assert_null(Unicode.Buffer);
    RtlInitUnicodeString(&Unicode, Long);
    assert_int_equal(Unicode.Length, 0xFFFC);
    assert_int_equal(Unicode.MaximumLength, 0xFFFE);
    Long[0xFFFC / 2] = 0;
    assert_int_equal(RtlInitUnicodeStringEx(&Unicode, Long), STATUS_SUCCESS);
    assert_int_equal(Unicode.MaximumLength, 0xFFFE);
    memset(LongAnsi, 'x', sizeof(LongAnsi) - 1);
    assert_int_equal(RtlInitAnsiStringEx(&Ansi, LongAnsi), STATUS_NAME_TOO_LONG);
    RtlInitAnsiString(&Ansi, LongAnsi);
    assert_int_equal(Ansi.Length, 0xFFFE);
    assert_int_equal(Ansi.MaximumLength, 0xFFFF);
}

static void
CopyCutsOff(void **State)
{
    WCHAR Buffer[8];
    UNICODE_STRING To = {0, 6, Buffer};

    (void)State;
    memset(Buffer, 0x55, sizeof(Buffer));
    RtlCopyUnicodeString(&To, &Hello);
    assert_int_equal(To.Length, 6);
    assert_memory_equal(Buffer, L"Hel\x5555", 8);
    To.MaximumLength = 12;
    RtlCopyUnicodeString(&To, &Hello);
    assert_int_equal(To.Length, 10);
    assert_memory_equal(Buffer, L"Hello", 12);
    RtlCopyUnicodeString(&To, NULL);
    assert_int_equal(To.Length, 0);
    assert_int_equal(Buffer[0], 'H');
}

static void
AppendFitsOrLeavesAlone(void **State)
{
    WCHAR Buffer[8];
    UNICODE_STRING To = {0, 12, Buffer};

    (void)State;
    memset(Buffer, 0x55, sizeof(Buffer));
    assert_int_equal(RtlAppendUnicodeToString(&To, L"ab"), STATUS_SUCCESS);
    assert_memory_equal(Buffer, L"ab", 6);  // terminated, there was room
    assert_int_equal(RtlAppendUnicodeStringToString(&To, &Hello), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(To.Length, 4);
    assert_memory_equal(Buffer, L"ab", 6);
    assert_int_equal(RtlAppendUnicodeToString(&To, L"cdef"), STATUS_SUCCESS);  // exactly full
    assert_int_equal(To.Length, 12);
    assert_memory_equal(Buffer, L"abcdef\x5555", 14);
    assert_int_equal(RtlAppendUnicodeToString(&To, L"g"), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(RtlAppendUnicodeToString(&To, NULL), STATUS_SUCCESS);
    To.Length = 14;  // beyond its own maximum
    assert_int_equal(RtlAppendUnicodeToString(&To, L"g"), STATUS_BUFFER_TOO_SMALL);
}

static void
Comparisons(void **State)
{
    UNICODE_STRING A = RTL_CONSTANT_STRING(L"\\Device\\Stra\u00DFe\u00C4");
    UNICODE_STRING B = RTL_CONSTANT_STRING(L"\\DEVICE\\stra\u00DFe\u00E4");
    UNICODE_STRING Start = RTL_CONSTANT_STRING(L"\\device");
    UNICODE_STRING Odd = Start;

    (void)State;
    assert_false(RtlEqualUnicodeString(&A, &B, FALSE));
    assert_true(RtlEqualUnicodeString(&A, &B, TRUE));
    assert_int_equal(RtlCompareUnicodeString(&A, &B, TRUE), 0);
    assert_true(RtlCompareUnicodeString(&A, &B, FALSE) > 0);
    assert_true(RtlPrefixUnicodeString(&Start, &A, TRUE));
    assert_false(RtlPrefixUnicodeString(&Start, &A, FALSE));
    assert_false(RtlPrefixUnicodeString(&A, &Start, TRUE));
    assert_true(RtlCompareUnicodeString(&Start, &A, TRUE) < 0);
    Odd.Length--;  // "\devic" and half a character
    assert_true(RtlPrefixUnicodeString(&Odd, &A, TRUE));
    assert_int_equal(RtlCompareUnicodeString(&Odd, &Odd, FALSE), 0);
    assert_false(RtlEqualUnicodeString(&Odd, &Start, TRUE));
    LowestLimit = HIGH_LEVEL;
    assert_true(RtlEqualUnicodeString(&A, &A, FALSE));
    assert_int_equal(LowestLimit, HIGH_LEVEL);  // any IRQL
    (void)RtlEqualUnicodeString(&A, &B, TRUE);
    assert_int_equal(LowestLimit, PASSIVE_LEVEL);
}

static void
AnsiComparisons(void **State)
{
    ANSI_STRING A = RTL_CONSTANT_STRING("Alpha");
    ANSI_STRING B = RTL_CONSTANT_STRING("ALPHABET");
    ANSI_STRING High = RTL_CONSTANT_STRING("\xFF");
    CHAR Buffer[3];
    ANSI_STRING To = {0, 3, Buffer};

    (void)State;
    assert_true(RtlPrefixString(&A, &B, TRUE));
    assert_false(RtlPrefixString(&A, &B, FALSE));
    assert_false(RtlEqualString(&A, &B, TRUE));
    assert_true(RtlCompareString(&A, &B, TRUE) < 0);
    assert_true(RtlCompareString(&High, &A, FALSE) > 0);  // bytes are unsigned
    RtlCopyString(&To, &A);
    assert_int_equal(To.Length, 3);
    assert_memory_equal(Buffer, "Alp", 3);
    RtlCopyString(&To, NULL);
    assert_int_equal(To.Length, 0);
}

static void
LetterCase(void **State)
{
    (void)State;
    assert_int_equal(RtlUpcaseUnicodeChar('a'), 'A');
    assert_int_equal(RtlUpcaseUnicodeChar('{'), '{');
    assert_int_equal(RtlUpcaseUnicodeChar(0x00E9), 0x00C9);  // e acute
    assert_int_equal(RtlUpcaseUnicodeChar(0x00FF), 0x0178);  // y diaeresis
    assert_int_equal(RtlUpcaseUnicodeChar(0x00DF), 0x00DF);  // sharp s
    assert_int_equal(RtlUpcaseUnicodeChar(0x00F7), 0x00F7);  // division sign
    assert_int_equal(RtlUpcaseUnicodeChar(0x0436), 0x0416);  // Cyrillic zhe
    assert_int_equal(RtlUpcaseUnicodeChar(0x03B1), 0x0391);  // alpha
    assert_int_equal(RtlUpcaseUnicodeChar(0x0101), 0x0100);
    assert_int_equal(RtlUpcaseUnicodeChar(0x0100), 0x0100);
    assert_int_equal(RtlUpcaseUnicodeChar(0xFFFF), 0xFFFF);
    for (ULONG Unit = 0; Unit < 0x10000; Unit++)
    {
        WCHAR Upper = RtlUpcaseUnicodeChar((WCHAR)Unit);
        WCHAR Lower = RtlDowncaseUnicodeChar((WCHAR)Unit);

        assert_int_equal(RtlUpcaseUnicodeChar(Upper), Upper);
        assert_true(Upper == Unit || RtlDowncaseUnicodeChar(Upper) == Unit);
        assert_true(Lower == Unit || RtlUpcaseUnicodeChar(Lower) == Unit);
    }
}

static void
AllocatedStringsAreFreed(void **State)
{
    UNICODE_STRING Made = {1, 2, NULL};
    UNICODE_STRING Same;

    (void)State;
    assert_true(RtlCreateUnicodeString(&Made, L"made"));
    assert_int_equal(Made.Length, 8);
    assert_int_equal(Made.MaximumLength, 10);
    assert_int_equal(RtlDuplicateUnicodeString(1, &Made, &Same), STATUS_SUCCESS);
    assert_int_equal(Same.MaximumLength, 10);
    assert_memory_equal(Same.Buffer, L"made", 10);
    RtlFreeUnicodeString(&Same);
    assert_int_equal(RtlUpcaseUnicodeString(&Same, &Made, TRUE), STATUS_SUCCESS);
    assert_int_equal(Same.Length, 8);
    assert_memory_equal(Same.Buffer, L"MADE", 8);
    assert_int_equal(LiveAllocations, 2);
    RtlFreeUnicodeString(&Same);
    assert_null(Same.Buffer);
    RtlFreeUnicodeString(&Same);  // again: nothing
    RtlFreeUnicodeString(&Made);
    assert_int_equal(LiveAllocations, 0);
    // Empty ones.
    RtlInitUnicodeString(&Made, L"");
    assert_int_equal(RtlDuplicateUnicodeString(0, &Made, &Same), STATUS_SUCCESS);
    assert_null(Same.Buffer);
    assert_int_equal(RtlDuplicateUnicodeString(3, NULL, &Same), STATUS_SUCCESS);
    assert_non_null(Same.Buffer);
    assert_int_equal(Same.MaximumLength, 2);
    RtlFreeUnicodeString(&Same);
    assert_int_equal(RtlDuplicateUnicodeString(2, &Made, &Same), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlDuplicateUnicodeString(8, &Made, &Same), STATUS_INVALID_PARAMETER);
    assert_int_equal(LiveAllocations, 0);
}

static void
FailedAllocationsChangeNothing(void **State)
{
    UNICODE_STRING To = {3, 4, (PWSTR)8};
    ANSI_STRING ToAnsi = {3, 4, (PCHAR)8};
    ANSI_STRING From = RTL_CONSTANT_STRING("x");
    GUID Guid = {0};

    (void)State;
    FailAllocations = true;
    assert_false(RtlCreateUnicodeString(&To, L"x"));
    assert_int_equal(RtlDuplicateUnicodeString(1, &Hello, &To), STATUS_NO_MEMORY);
    assert_int_equal(RtlUpcaseUnicodeString(&To, &Hello, TRUE), STATUS_NO_MEMORY);
    assert_int_equal(RtlAnsiStringToUnicodeString(&To, &From, TRUE), STATUS_NO_MEMORY);
    assert_int_equal(RtlStringFromGUID(&Guid, &To), STATUS_NO_MEMORY);
    assert_int_equal(RtlUnicodeStringToAnsiString(&ToAnsi, &Hello, TRUE), STATUS_NO_MEMORY);
    assert_int_equal(To.Length, 3);
    assert_int_equal(To.MaximumLength, 4);
    assert_ptr_equal(To.Buffer, (PWSTR)8);
    assert_ptr_equal(ToAnsi.Buffer, (PCHAR)8);
    FailAllocations = false;
}

static void
AnsiToUnicode(void **State)
{
    ANSI_STRING From = RTL_CONSTANT_STRING("gr\xC3\xBCn");
    WCHAR Buffer[5];
    UNICODE_STRING To = {0, 8, Buffer};

    (void)State;
    memset(Buffer, 0x55, sizeof(Buffer));
    assert_int_equal(RtlxAnsiStringToUnicodeSize(&From), 10);
    assert_int_equal(RtlAnsiStringToUnicodeString(&To, &From, FALSE), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(Buffer[0], 0x5555);
    To.MaximumLength = 10;
    assert_int_equal(RtlAnsiStringToUnicodeString(&To, &From, FALSE), STATUS_SUCCESS);
    assert_int_equal(To.Length, 8);
    assert_memory_equal(Buffer, L"gr\u00FCn", 10);
    assert_int_equal(RtlAnsiStringToUnicodeString(&To, &From, TRUE), STATUS_SUCCESS);
    assert_ptr_not_equal(To.Buffer, Buffer);
    assert_memory_equal(To.Buffer, L"gr\u00FCn", 10);
    RtlFreeUnicodeString(&To);
    assert_int_equal(LiveAllocations, 0);
}

static void
AnsiToUnicodeIsLimited(void **State)
{
    static char Long[0x9000];
    ANSI_STRING From = {sizeof(Long), sizeof(Long), Long};
    UNICODE_STRING To;

    (void)State;
    memset(Long, 'x', sizeof(Long));
    assert_int_equal(RtlAnsiStringToUnicodeString(&To, &From, TRUE), STATUS_INVALID_PARAMETER_2);
    assert_int_equal(LiveAllocations, 0);
}

static void
UnicodeToAnsi(void **State)
{
    UNICODE_STRING From = RTL_CONSTANT_STRING(L"gr\u00FCn");
    CHAR Buffer[8];
    ANSI_STRING To = {0, 4, Buffer};

    (void)State;
    memset(Buffer, '#', sizeof(Buffer));
    assert_int_equal(RtlxUnicodeStringToAnsiSize(&From), 6);
    // Three bytes and a terminator: the two-byte letter does not fit and is not split.
    assert_int_equal(RtlUnicodeStringToAnsiString(&To, &From, FALSE), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(To.Length, 2);
    assert_memory_equal(Buffer, "gr\0#", 4);
    To.MaximumLength = 0;
    assert_int_equal(RtlUnicodeStringToAnsiString(&To, &From, FALSE), STATUS_BUFFER_OVERFLOW);
    To.MaximumLength = 6;
    assert_int_equal(RtlUnicodeStringToAnsiString(&To, &From, FALSE), STATUS_SUCCESS);
    assert_string_equal(Buffer, "gr\xC3\xBCn");
    assert_int_equal(RtlUnicodeStringToAnsiString(&To, &From, TRUE), STATUS_SUCCESS);
    assert_int_equal(To.Length, 5);
    assert_int_equal(To.MaximumLength, 6);
    assert_string_equal(To.Buffer, "gr\xC3\xBCn");
    RtlFreeAnsiString(&To);
    assert_int_equal(LiveAllocations, 0);
}

static void
CheckDecoded(const char *Text, SIZE_T Length, const WCHAR *Expected)
{
    WCHAR Buffer[16];
    SIZE_T Count = RtlpUtf8ToUtf16(Text, Length, Buffer, RTL_NUMBER_OF(Buffer));

    assert_int_equal(Count, wcslen(Expected));
    assert_memory_equal(Buffer, Expected, Count * sizeof(WCHAR));
}

static void
MalformedTextIsReplaced(void **State)
{
    char Copy[1];

    (void)State;
    CheckDecoded("a\x80z", 3, L"a\uFFFDz");                // a stray continuation
    CheckDecoded("\xC3z", 2, L"\uFFFDz");                  // cut off by another character
    CheckDecoded("\xE2\x82", 2, L"\uFFFD");                // cut off by the end
    CheckDecoded("\xC0\xAF", 2, L"\uFFFD");                // overlong
    CheckDecoded("\xED\xA0\x80", 3, L"\uFFFD");            // a surrogate
    CheckDecoded("\xF4\x90\x80\x80", 4, L"\uFFFD");        // beyond the last character
    CheckDecoded("\xFF\xFE", 2, L"\uFFFD\uFFFD");          // no such bytes
    CheckDecoded("\xF0\x9F\x98\x80", 4, L"\xD83D\xDE00");  // a pair
    // What does not fit is counted and not stored, whole characters only.
    Copy[0] = '#';
    assert_int_equal(RtlpUtf16ToUtf8(L"\u00FCa", 2, Copy, 1), 3);
    assert_int_equal(Copy[0], '#');
}

static void
CheckInteger(const WCHAR *Text, ULONG Base, ULONG Expected)
{
    UNICODE_STRING String;
    ULONG Value = 0xA5A5;

    RtlInitUnicodeString(&String, Text);
    assert_int_equal(RtlUnicodeStringToInteger(&String, Base, &Value), STATUS_SUCCESS);
    assert_int_equal(Value, Expected);
}

static void
IntegersFromStrings(void **State)
{
    UNICODE_STRING Odd = {5, 6, (PWSTR)L"123"};
    ULONG Value = 7;

    (void)State;
    CheckInteger(L"  42xyz", 0, 42);
    CheckInteger(L"-1", 0, MAXULONG);
    CheckInteger(L"+7", 10, 7);
    CheckInteger(L"0x1F", 0, 31);
    CheckInteger(L"0o17", 0, 15);
    CheckInteger(L"0b101", 0, 5);
    CheckInteger(L"ff", 16, 255);
    CheckInteger(L"FF", 16, 255);
    CheckInteger(L"0x10", 16, 0);  // the prefix counts only without a base
    CheckInteger(L"129", 8, 10);
    CheckInteger(L"", 0, 0);
    CheckInteger(L"4294967297", 10, 1);  // wraps
    assert_int_equal(RtlUnicodeStringToInteger(&Odd, 10, &Value), STATUS_SUCCESS);
    assert_int_equal(Value, 12);
    assert_int_equal(RtlUnicodeStringToInteger(&Odd, 7, &Value), STATUS_INVALID_PARAMETER);
    assert_int_equal(Value, 12);
}

static void
IntegersToStrings(void **State)
{
    WCHAR Buffer[40];
    UNICODE_STRING String = {0, sizeof(Buffer), Buffer};

    (void)State;
    assert_int_equal(RtlIntegerToUnicodeString(0, 0, &String), STATUS_SUCCESS);
    assert_memory_equal(Buffer, L"0", 4);
    assert_int_equal(RtlIntegerToUnicodeString(MAXULONG, 2, &String), STATUS_SUCCESS);
    assert_int_equal(String.Length, 64);
    assert_int_equal(RtlIntegerToUnicodeString(0xBEEF, 16, &String), STATUS_SUCCESS);
    assert_memory_equal(Buffer, L"BEEF", 10);
    assert_int_equal(RtlInt64ToUnicodeString(~0ull, 10, &String), STATUS_SUCCESS);
    assert_memory_equal(Buffer, L"18446744073709551615", 42);
    assert_int_equal(RtlIntegerToUnicodeString(1, 3, &String), STATUS_INVALID_PARAMETER);
    String.MaximumLength = 8;
    assert_int_equal(RtlIntegerToUnicodeString(1234, 10, &String), STATUS_BUFFER_OVERFLOW);
    assert_memory_equal(Buffer, L"18446744073709551615", 42);
}

static void
GuidsThereAndBack(void **State)
{
    static const GUID Guid = {
        0x12345678, 0x9ABC, 0xDEF0, {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}};
    static const WCHAR Text[] = L"{12345678-9ABC-DEF0-0123-456789ABCDEF}";
    UNICODE_STRING String;
    GUID Back;
    GUID Poison;

    (void)State;
    assert_int_equal(RtlStringFromGUID(&Guid, &String), STATUS_SUCCESS);
    assert_int_equal(String.Length, sizeof(Text) - 2);
    assert_memory_equal(String.Buffer, Text, sizeof(Text));
    assert_int_equal(RtlGUIDFromString(&String, &Back), STATUS_SUCCESS);
    assert_memory_equal(&Back, &Guid, sizeof(Guid));
    memset(&Back, 0x5A, sizeof(Back));
    memset(&Poison, 0x5A, sizeof(Poison));
    String.Buffer[37] = ')';
    assert_int_equal(RtlGUIDFromString(&String, &Back), STATUS_INVALID_PARAMETER);
    String.Buffer[37] = '}';
    String.Buffer[5] = 'g';
    assert_int_equal(RtlGUIDFromString(&String, &Back), STATUS_INVALID_PARAMETER);
    String.Length -= 2;
    assert_int_equal(RtlGUIDFromString(&String, &Back), STATUS_INVALID_PARAMETER);
    assert_memory_equal(&Back, &Poison, sizeof(Back));
    RtlFreeUnicodeString(&String);
    assert_int_equal(LiveAllocations, 0);
}

static void
HashesIgnoreCaseOnRequest(void **State)
{
    UNICODE_STRING Upper = RTL_CONSTANT_STRING(L"HELLO");
    ULONG First = 0;
    ULONG Second = 0;

    (void)State;
    assert_int_equal(RtlHashUnicodeString(&Hello, TRUE, 0, &First), STATUS_SUCCESS);
    assert_int_equal(RtlHashUnicodeString(&Upper, FALSE, 1, &Second), STATUS_SUCCESS);
    assert_int_equal(First, Second);
    assert_int_equal(RtlHashUnicodeString(&Hello, FALSE, 0, &First), STATUS_SUCCESS);
    assert_int_not_equal(First, Second);
    assert_int_equal(RtlHashUnicodeString(&Hello, FALSE, 5, &First), STATUS_INVALID_PARAMETER);
}

static void
MemoryIsCompared(void **State)
{
    ULONG Values[] = {7, 7, 8};

    (void)State;
    assert_int_equal(RtlCompareMemory("abcd", "abXd", 4), 2);
    assert_int_equal(RtlCompareMemory("abcd", "abcd", 4), 4);
    assert_int_equal(RtlCompareMemory("a", "b", 0), 0);
    assert_int_equal(RtlCompareMemoryUlong(Values, sizeof(Values), 7), 8);
    assert_int_equal(RtlCompareMemoryUlong(Values, 7, 7), 4);
}

static void
CheckDate(LONGLONG Time, int Year, int Month, int Day, int Hour, int Weekday)
{
    LARGE_INTEGER Large = {.QuadPart = Time};
    TIME_FIELDS Fields;

    RtlTimeToTimeFields(&Large, &Fields);
    assert_int_equal(Fields.Year, Year);
    assert_int_equal(Fields.Month, Month);
    assert_int_equal(Fields.Day, Day);
    assert_int_equal(Fields.Hour, Hour);
    assert_int_equal(Fields.Weekday, Weekday);
}

static void
DatesAndVersions(void **State)
{
    RTL_OSVERSIONINFOEXW Version;
    ULONG Seed = 0;
    ULONG First = RtlRandomEx(&Seed);

    (void)State;
    CheckDate(0, 1601, 1, 1, 0, 1);
    CheckDate(116444736000000000, 1970, 1, 1, 0, 4);
    CheckDate(125962560000000000 + 5 * 36000000000, 2000, 2, 29, 5, 2);
    CheckDate(125963424000000000, 2000, 3, 1, 0, 3);
    memset(&Version, 0x5A, sizeof(Version));
    Version.dwOSVersionInfoSize = sizeof(RTL_OSVERSIONINFOW);
    assert_int_equal(RtlGetVersion(&Version), STATUS_SUCCESS);
    assert_int_equal(Version.dwMajorVersion, 10);
    assert_int_equal(Version.dwBuildNumber, 19045);
    assert_int_equal(Version.wProductType, 0x5A);  // not part of the smaller structure
    Version.dwOSVersionInfoSize = sizeof(Version);
    assert_int_equal(RtlGetVersion(&Version), STATUS_SUCCESS);
    assert_int_equal(Version.wProductType, VER_NT_WORKSTATION);
    assert_true(First < MAXLONG);
    assert_int_not_equal(RtlRandomEx(&Seed), First);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(InitSetsLengths),
        cmocka_unit_test(InitLimitsLengths),
        cmocka_unit_test(CopyCutsOff),
        cmocka_unit_test(AppendFitsOrLeavesAlone),
        cmocka_unit_test(Comparisons),
        cmocka_unit_test(AnsiComparisons),
        cmocka_unit_test(LetterCase),
        cmocka_unit_test(AllocatedStringsAreFreed),
        cmocka_unit_test(FailedAllocationsChangeNothing),
        cmocka_unit_test(AnsiToUnicode),
        cmocka_unit_test(AnsiToUnicodeIsLimited),
        cmocka_unit_test(UnicodeToAnsi),
        cmocka_unit_test(MalformedTextIsReplaced),
        cmocka_unit_test(IntegersFromStrings),
        cmocka_unit_test(IntegersToStrings),
        cmocka_unit_test(GuidsThereAndBack),
        cmocka_unit_test(HashesIgnoreCaseOnRequest),
        cmocka_unit_test(MemoryIsCompared),
        cmocka_unit_test(DatesAndVersions),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("rtl.strings", Tests, NULL, NULL);
}
