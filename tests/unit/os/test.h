// SPDX-License-Identifier: MIT
// What every unit test of host/os includes, and how each program runs one case or all.
#ifndef TESTS_UNIT_OS_TEST_H
#define TESTS_UNIT_OS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/os/os.h"

// A condition that should come true soon is waited for this long, then the test fails.
#define TEST_PATIENCE_NS (30ull * 1000 * 1000 * 1000)

static inline void
TestFilter(int Count, char **Arguments)
{
    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
}

#endif
