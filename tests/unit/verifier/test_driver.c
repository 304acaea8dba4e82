// SPDX-License-Identifier: MIT
// Reports about drivers in modules of their own: the driver and the function are named.
#include "../child.h"

#include "nthost.h"

static void
Start(void)
{
    static const NTHOST_CONFIG Config = {.Processors = 2, .VerifierLevel = 1};
    char Message[256];

    CHECK(NthostStart(&Config, Message, sizeof(Message)) == 0);
}

static void
Load(const char *Path)
{
    char Message[1024];

    if (NthostLoadDriver(Path, Message, sizeof(Message)) != 0)
    {
        (void)dprintf(2, "%s\n", Message);
        _exit(1);
    }
}

static void
LoadClean(void)
{
    char Message[1024];

    Start();
    Load(DRIVER_FOLDER "/verifier_clean.sys");
    CHECK(NthostUnloadDriver("verifier_clean", Message, sizeof(Message)) == 0);
    NthostStop();
}

static void
a_clean_driver_is_not_reported(void **State)
{
    (void)State;
    AssertClean(LoadClean);
}

static void
LoadFault(void)
{
    Start();
    Load(DRIVER_FOLDER "/verifier_fault.sys");
}

static void
a_fault_names_the_driver(void **State)
{
    (void)State;
    AssertBugCheck(LoadFault, "0x00000050 PAGE_FAULT_IN_NONPAGED_AREA (1234, 1, ",
                   "\nDriver: verifier_fault.sys\n");
    AssertBugCheck(LoadFault, "FaultInDriver", "[verifier_fault.sys]");
}

static void
LoadLeak(void)
{
    char Message[1024];

    Start();
    Load(DRIVER_FOLDER "/verifier_leak.sys");
    (void)NthostUnloadDriver("verifier_leak", Message, sizeof(Message));
}

static void
a_leak_names_the_function(void **State)
{
    (void)State;
    AssertBugCheck(LoadLeak, "0x000000C4 DRIVER_VERIFIER_DETECTED_VIOLATION (62, 0, 0, 1)",
                   "a pool block of 123 bytes, tag 'Leak' (paged)");
    AssertBugCheck(LoadLeak, "LeakInDriver", "[verifier_leak.sys]");
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(a_clean_driver_is_not_reported),
        cmocka_unit_test(a_fault_names_the_driver),
        cmocka_unit_test(a_leak_names_the_function),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests(Tests, NULL, NULL);
}
