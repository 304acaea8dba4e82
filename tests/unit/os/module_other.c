// SPDX-License-Identifier: MIT
// A module without DriverEntry that exports something else.
__attribute__((visibility("default"))) int OtherFunction(void);

int
OtherFunction(void)
{
    return 5;
}
