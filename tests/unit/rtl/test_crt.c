// SPDX-License-Identifier: MIT
// The C library's functions that drivers see, and that they are nthost's own.
#include "test.h"

#include <ctype.h>
#include <stdlib.h>
#include <wchar.h>

static void
NarrowStrings(void **State)
{
    char Buffer[16];

    (void)State;
    assert_ptr_equal((void *)strcmp, (void *)nt_strcmp);  // the overlay is in force
    memset(Buffer, '#', sizeof(Buffer));
    assert_ptr_equal(strcpy(Buffer, "abc"), Buffer);
    assert_memory_equal(Buffer, "abc\0#", 5);
    assert_ptr_equal(strcat(Buffer, "de"), Buffer);
    assert_string_equal(Buffer, "abcde");
    memset(Buffer, '#', sizeof(Buffer));
    (void)strncpy(Buffer, "abc", 6);
    assert_memory_equal(Buffer, "abc\0\0\0#", 7);
    (void)strncpy(Buffer, "xyz", 2);
    assert_memory_equal(Buffer, "xyc", 4);
    (void)strncat(Buffer, "defg", 2);
    assert_string_equal(Buffer, "xycde");
    assert_true(strcmp("a", "b") < 0 && strcmp("b", "a") > 0 && strcmp("a", "a") == 0);
    assert_true(strcmp("a", "\xFF") < 0);
    assert_true(strcmp("a", "ab") < 0);
    assert_int_equal(strncmp("abX", "abY", 2), 0);
    assert_true(strncmp("abX", "abY", 3) < 0);
    assert_int_equal(_stricmp("HeLLo", "hEllO"), 0);
    assert_true(_strnicmp("HELLx", "helly", 5) < 0);
    assert_int_equal(_strnicmp("HELLx", "helly", 4), 0);
    assert_ptr_equal(strchr(Buffer, 'c'), Buffer + 2);
    assert_ptr_equal(strchr(Buffer, 0), Buffer + 5);
    assert_null(strchr(Buffer, 'q'));
    assert_ptr_equal(strrchr("abab", 'z'), NULL);
    assert_string_equal(strrchr("abab", 'a'), "ab");
    assert_string_equal(strstr("haystack", "st"), "stack");
    assert_string_equal(strstr("haystack", ""), "haystack");
    assert_null(strstr("hay", "hays"));
    assert_int_equal(strspn("aabbc", "ab"), 4);
    assert_int_equal(strcspn("aabbc", "cb"), 2);
    assert_int_equal(strnlen("abc", 2), 2);
    assert_int_equal(strnlen("abc", 9), 3);
    assert_ptr_equal(memchr(Buffer, 'd', 3), NULL);
    assert_ptr_equal(memchr(Buffer, 'd', 4), Buffer + 3);
    assert_string_equal(_strupr(Buffer), "XYCDE");
    assert_string_equal(_strlwr(Buffer), "xycde");
    assert_string_equal(_strrev(Buffer), "edcyx");
}

static void
SafeCopies(void **State)
{
    char Buffer[4];
    WCHAR Wide[4];

    (void)State;
    assert_int_equal(strcpy_s(Buffer, 4, "abc"), 0);
    assert_string_equal(Buffer, "abc");
    assert_int_equal(strcat_s(Buffer, 4, "d"), 34);
    assert_string_equal(Buffer, "");
    assert_int_equal(strcpy_s(Buffer, 4, "abcd"), 34);
    assert_string_equal(Buffer, "");
    assert_int_equal(strcpy_s(Buffer, 4, NULL), 22);
    assert_int_equal(strcpy_s(NULL, 4, "a"), 22);
    assert_int_equal(strcpy_s(Buffer, 0, "a"), 22);
    memset(Buffer, 'x', sizeof(Buffer));  // not terminated within its size
    assert_int_equal(strcat_s(Buffer, 4, "a"), 22);
    assert_int_equal(wcscpy_s(Wide, 4, L"ab"), 0);
    assert_int_equal(wcscat_s(Wide, 4, L"c"), 0);
    assert_memory_equal(Wide, L"abc", 8);
    assert_int_equal(wcscat_s(Wide, 4, L"d"), 34);
    assert_int_equal(Wide[0], 0);
}

static void
WideStrings(void **State)
{
    WCHAR Buffer[16];

    (void)State;
    assert_int_equal(sizeof(L'x'), 2);
    assert_int_equal(wcslen(L"abc"), 3);
    (void)wcscpy(Buffer, L"Abc");
    (void)wcscat(Buffer, L"D");
    (void)wcsncat(Buffer, L"efg", 1);
    assert_memory_equal(Buffer, L"AbcDe", 12);
    assert_true(wcscmp(L"a", L"b") < 0);
    assert_int_equal(wcsncmp(L"abX", L"abY", 2), 0);
    assert_int_equal(_wcsicmp(L"HeLLo", L"hEllO"), 0);
    assert_ptr_equal(wcschr(Buffer, L'c'), Buffer + 2);
    assert_ptr_equal(wcsrchr(Buffer, L'z'), NULL);
    assert_ptr_equal(wcsstr(Buffer, L"cD"), Buffer + 2);
    assert_memory_equal(_wcsupr(Buffer), L"ABCDE", 12);
    assert_memory_equal(_wcslwr(Buffer), L"abcde", 12);
    assert_int_equal(towupper(L'\u00E4'), 0x00C4);
    assert_int_equal(towlower(L'\u00C4'), 0x00E4);
    assert_int_equal(_wtoi(L" -17x"), -17);
}

static void
CharactersAndNumbers(void **State)
{
    (void)State;
    for (int Character = -1; Character < 256; Character++)
    {
        int Upper = Character >= 'A' && Character <= 'Z';
        int Lower = Character >= 'a' && Character <= 'z';
        int Digit = Character >= '0' && Character <= '9';

        assert_int_equal(isupper(Character) != 0, Upper);
        assert_int_equal(islower(Character) != 0, Lower);
        assert_int_equal(isalpha(Character) != 0, Upper || Lower);
        assert_int_equal(isdigit(Character) != 0, Digit);
        assert_int_equal(isalnum(Character) != 0, Upper || Lower || Digit);
        assert_int_equal(toupper(Character), Lower ? Character - 32 : Character);
        assert_int_equal(tolower(Character), Upper ? Character + 32 : Character);
        assert_int_equal(isprint(Character) != 0, Character >= 32 && Character < 127);
    }
    assert_true(isxdigit('f') && isxdigit('F') && !isxdigit('g'));
    assert_true(isspace(' ') && isspace('\n') && isspace('\v') && !isspace('x') && !isspace(8));
    assert_int_equal(atoi(" \t-42abc"), -42);
    assert_int_equal(atol("+7"), 7);
    assert_int_equal(atoi(""), 0);
    assert_true(_atoi64("-9223372036854775808") == -9223372036854775807LL - 1);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(NarrowStrings),
        cmocka_unit_test(SafeCopies),
        cmocka_unit_test(WideStrings),
        cmocka_unit_test(CharactersAndNumbers),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("rtl.crt", Tests, NULL, NULL);
}
