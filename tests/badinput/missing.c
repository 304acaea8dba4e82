// SPDX-License-Identifier: MIT
// A driver that needs what no system has; made without nthost-cc, which would refuse it.

int ZwNoSuchRoutine(void);
int IoNoSuchRoutineEither(void *Argument);
int DriverEntry(void *Driver, void *Path);

int
DriverEntry(void *Driver, void *Path)
{
    (void)Path;
    return ZwNoSuchRoutine() + IoNoSuchRoutineEither(Driver);
}
