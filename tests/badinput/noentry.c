// SPDX-License-Identifier: MIT
// A shared object that is no driver: it exports no DriverEntry.

int DriverEnter(void);

int
DriverEnter(void)
{
    return 0;
}
