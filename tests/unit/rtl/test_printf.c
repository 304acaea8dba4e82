// SPDX-License-Identifier: MIT
// NT's printf, conversion by conversion, and the rules of the buffers.
#include "test.h"

#include <stdio.h>
#include <wchar.h>

static char Narrow[512];
static WCHAR Wide[512];

// Formats both ways where the format means the same in both.
#define CHECK(Expected, ...)                                                                    \
    do                                                                                          \
    {                                                                                           \
        memset(Narrow, '#', sizeof(Narrow));                                                    \
        assert_int_equal(_snprintf(Narrow, sizeof(Narrow), __VA_ARGS__), sizeof(Expected) - 1); \
        assert_string_equal(Narrow, Expected);                                                  \
    } while (0)
#define CHECK_WIDE(Expected, ...)                                            \
    do                                                                       \
    {                                                                        \
        memset(Wide, '#', sizeof(Wide));                                     \
        assert_int_equal(_snwprintf(Wide, RTL_NUMBER_OF(Wide), __VA_ARGS__), \
                         sizeof(Expected) / 2 - 1);                          \
        assert_memory_equal(Wide, Expected, sizeof(Expected));               \
    } while (0)

static void
IntegersHaveNtSizes(void **State)
{
    (void)State;
    CHECK("-5 -5 5", "%d %i %u", -5, -5, 5u);
    CHECK("beef BEEF 17", "%x %X %o", 0xBEEF, 0xBEEF, 15);
    // l is 32 bits: the next argument is not disturbed, nor the upper half looked at.
    CHECK("-1 4294967295 ffffffff 7", "%ld %lu %lx %d", (LONG)-1, MAXULONG, MAXULONG, 7);
    CHECK("-9223372036854775808", "%I64d", (LONGLONG)(1ull << 63));
    CHECK("18446744073709551615 ffffffffffffffff", "%I64u %I64x", ~0ULL, ~0ULL);
    CHECK("-1 -1 18446744073709551615", "%lld %lli %llu", -1LL, -1LL, ~0ULL);
    CHECK("-2 -2", "%I32d %I32i", -2, -2);
    CHECK("1234567890123", "%Id", (LONG_PTR)1234567890123);
    CHECK("18446744073709551615 -1 -1", "%zu %td %jd", (size_t)-1, (ptrdiff_t)-1, (intmax_t)-1);
    CHECK("-1 65535 -1 255", "%hd %hu %hhd %hhu", 0x1FFFF, 0x1FFFF, 0x1FF, 0x1FF);
    CHECK("7FFFFFFF -2147483648 0", "%X %d %u", MAXLONG, (LONG)0x80000000, 0);
}

static void
FlagsWidthsAndPrecisions(void **State)
{
    (void)State;
    CHECK("[   42][42   ][00042]", "[%5d][%-5d][%05d]", 42, 42, 42);
    CHECK("[+42][ 42][-42][+42]", "[%+d][% d][%+d][%+ d]", 42, 42, -42, 42);
    CHECK("[0x2a][0X2A][052][0][00]", "[%#x][%#X][%#o][%#x][%#.2x]", 42, 42, 42, 0, 0);
    CHECK("[00042][  042][042  ]", "[%.5d][%5.3d][%-5.3d]", 42, 42, 42);
    CHECK("[  042][-0042][0x002a]", "[%05.3d][%05d][%#06x]", 42, -42, 42);
    CHECK("[][0]", "[%.0d][%d]", 0, 0);
    CHECK("[   42][42   ][00042]", "[%*d][%*d][%.*d]", 5, 42, -5, 42, 5, 42);
    CHECK("[42]", "[%.*d]", -3, 42);  // a negative precision is none
    CHECK("100%", "%d%%", 100);
    CHECK("[0]", "[%#o]", 0);
}

static void
PointersAreSixteenDigits(void **State)
{
    (void)State;
    CHECK("00000000DEADBEEF", "%p", (PVOID)0xDEADBEEF);
    CHECK("[  0000000000000000]", "[%18p]", NULL);
    CHECK_WIDE(L"FFFF800012345678", L"%p", (PVOID)0xFFFF800012345678);
}

static void
TextOfEitherWidth(void **State)
{
    (void)State;
    CHECK("narrow wide narrow wide wide", "%s %S %hs %ls %ws", "narrow", L"wide", "narrow", L"wide",
          L"wide");
    CHECK_WIDE(L"wide narrow narrow wide wide", L"%s %S %hs %ls %ws", L"wide", "narrow", "narrow",
               L"wide", L"wide");
    CHECK("a b c d", "%c %C %hc %wc", 'a', L'b', 'c', L'd');
    CHECK_WIDE(L"a b c d", L"%c %C %hc %lc", L'a', 'b', 'c', L'd');
    CHECK("[   ab][ab   ][ab][]", "[%5s][%-5s][%.2s][%.0s]", "ab", "ab", "abcd", "abcd");
    CHECK("[   ab][ab   ][ab]", "[%5ws][%-5ws][%.2ws]", L"ab", L"ab", L"abcd");
    CHECK("(null) (null) (nul", "%s %ws %.4s", NULL, NULL, NULL);
    CHECK("[    x][x    ]", "[%5c][%-5c]", 'x', 'x');
    // UTF-8 on one side, UTF-16 on the other.
    CHECK("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", "%ws", L"gr\u00FC\u00DF \U0001F600");
    CHECK_WIDE(L"gr\u00FC\u00DF \U0001F600", L"%hs", "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80");
    CHECK("[\xEF\xBF\xBD]", "[%ws]", (WCHAR[]){0xD800, 0});  // a lone half
    CHECK_WIDE(L"\uFFFD!", L"%hs", "\xC3!");
}

static void
UnterminatedTextIsReadToItsPrecision(void **State)
{
    char Exact[3] = {'a', 'b', 'c'};
    WCHAR WideExact[2] = {'x', 'y'};

    (void)State;
    CHECK("abc xy", "%.3s %.*ws", Exact, 2, WideExact);  // the address sanitizer watches
}

static void
CountedStrings(void **State)
{
    UNICODE_STRING Unicode;
    ANSI_STRING Ansi;
    UNICODE_STRING Empty = {0, 0, NULL};
    UNICODE_STRING Broken = {4, 4, NULL};

    (void)State;
    RtlInitUnicodeString(&Unicode, L"\\Device\\Event");
    RtlInitAnsiString(&Ansi, "ansi");
    CHECK("<\\Device\\Event> <ansi> <\\Device\\Event>", "<%wZ> <%Z> <%lZ>", &Unicode, &Ansi,
          &Unicode);
    CHECK_WIDE(L"<\\Device\\Event> <ansi>", L"<%wZ> <%hZ>", &Unicode, &Ansi);
    CHECK("<> <(null)> <(null)>", "<%wZ> <%wZ> <%wZ>", &Empty, &Broken, NULL);
    Unicode.Length = 7;  // odd: three characters
    CHECK("[\\De  ][\\D]", "[%-5wZ][%.2wZ]", &Unicode, &Unicode);
}

static void
WhatIsNoConversion(void **State)
{
    (void)State;
    CHECK("q at the end ", "%q at the end %", 1);
    CHECK("n 7", "%n %d", NULL, 7);  // nothing is written through the pointer
    CHECK("%", "%%");
    CHECK("", "%s", "");
}

static void
CountIsNotATerminator(void **State)
{
    (void)State;
    memset(Narrow, '#', sizeof(Narrow));
    assert_int_equal(_snprintf(Narrow, 5, "%s", "1234"), 4);
    assert_string_equal(Narrow, "1234");
    memset(Narrow, '#', sizeof(Narrow));
    assert_int_equal(_snprintf(Narrow, 4, "%s", "1234"), 4);  // fits, no room for a terminator
    assert_memory_equal(Narrow, "1234#", 5);
    assert_true(_snprintf(Narrow, 3, "%s", "4567") < 0);
    assert_memory_equal(Narrow, "4564#", 5);
    assert_int_equal(_snprintf(NULL, 0, "%d", 12345), 5);
    assert_true(_snprintf(Narrow, 0, "x") < 0);
    assert_int_equal(Narrow[0], '4');
    memset(Wide, '#', sizeof(Wide));
    assert_true(_snwprintf(Wide, 3, L"%s", L"4567") < 0);
    assert_memory_equal(Wide, L"456", 6);
    assert_int_equal(Wide[3], 0x2323);
    assert_int_equal(_snwprintf(NULL, 0, L"%hs", "abc"), 3);
}

static void
SafeOnesAreAllOrNothing(void **State)
{
    (void)State;
    assert_int_equal(sprintf_s(Narrow, 5, "%s", "1234"), 4);
    assert_string_equal(Narrow, "1234");
    assert_int_equal(sprintf_s(Narrow, 4, "%s", "1234"), -1);
    assert_string_equal(Narrow, "");
    assert_int_equal(sprintf_s(NULL, 4, "x"), -1);
    assert_int_equal(swprintf_s(Wide, 4, L"%d", 123), 3);
    assert_memory_equal(Wide, L"123", 8);
    assert_int_equal(swprintf_s(Wide, 3, L"%d", 123), -1);
    assert_int_equal(Wide[0], 0);
    assert_int_equal(sprintf(Narrow, "%ld-%ws", (LONG)-7, L"w"), 4);
    assert_string_equal(Narrow, "-7-w");
}

static void
StatusNames(void **State)
{
    (void)State;
    assert_string_equal(RtlpStatusName(STATUS_SUCCESS), "STATUS_SUCCESS");
    assert_string_equal(RtlpStatusName(STATUS_PENDING), "STATUS_PENDING");
    assert_string_equal(RtlpStatusName(STATUS_DEVICE_ALREADY_ATTACHED),
                        "STATUS_DEVICE_ALREADY_ATTACHED");
    assert_string_equal(RtlpStatusName(STATUS_ACCESS_DENIED), "STATUS_ACCESS_DENIED");
    assert_string_equal(RtlpStatusName(STATUS_NO_SUCH_DEVICE), "STATUS_NO_SUCH_DEVICE");
    assert_string_equal(RtlpStatusName(STATUS_OBJECT_NAME_COLLISION),
                        "STATUS_OBJECT_NAME_COLLISION");
    assert_string_equal(RtlpStatusName(STATUS_BUFFER_OVERFLOW), "STATUS_BUFFER_OVERFLOW");
    assert_string_equal(RtlpStatusName((NTSTATUS)0xE0001234), "unknown status");
    assert_string_equal(RtlpStatusName(-1), "unknown status");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(IntegersHaveNtSizes),
        cmocka_unit_test(FlagsWidthsAndPrecisions),
        cmocka_unit_test(PointersAreSixteenDigits),
        cmocka_unit_test(TextOfEitherWidth),
        cmocka_unit_test(UnterminatedTextIsReadToItsPrecision),
        cmocka_unit_test(CountedStrings),
        cmocka_unit_test(WhatIsNoConversion),
        cmocka_unit_test(CountIsNotATerminator),
        cmocka_unit_test(SafeOnesAreAllOrNothing),
        cmocka_unit_test(StatusNames),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("rtl.printf", Tests, NULL, NULL);
}
