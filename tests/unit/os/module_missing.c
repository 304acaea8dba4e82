// SPDX-License-Identifier: MIT
// A module with three imports that nothing has, and one optional import.
extern int NoSuchFunctionOne(void);
extern int NoSuchFunctionTwo(void);
extern int NoSuchVariable;
extern int OptionalFunction(void) __attribute__((weak));

__attribute__((visibility("default"))) int DriverEntry(void);

int
DriverEntry(void)
{
    return NoSuchFunctionOne() + NoSuchFunctionTwo() + NoSuchVariable +
           (OptionalFunction ? OptionalFunction() : 0);
}
