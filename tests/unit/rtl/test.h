// SPDX-License-Identifier: MIT
// What every unit test of host/rtl includes, and the switches of its doubles.
#ifndef TESTS_UNIT_RTL_TEST_H
#define TESTS_UNIT_RTL_TEST_H

#include "rtl/rtlp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern unsigned LiveAllocations;  // blocks that the run-time library holds
extern bool FailAllocations;
extern KIRQL LowestLimit;   // the strictest IRQL that was asked for since it was set
extern ULONG BugCheckCode;  // of the last VfBugCheck, which jumps to BugCheckJump
extern jmp_buf BugCheckJump;

static inline void
TestFilter(int Count, char **Arguments)
{
    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
}

#endif
