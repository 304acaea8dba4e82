// SPDX-License-Identifier: MIT
// The timing wheel: inserted timers by due time. KiDispatcherLock is held, but for KiWheelMayHold.
#ifndef HOST_KE_KIWHEEL_H
#define HOST_KE_KIWHEEL_H

#include "ke/ki.h"

void KiWheelReset(ULONGLONG Now);
// The timer is not inserted. DueTime: interrupt time. O(1), but for timers due within the same 0.1 ms.
void KiWheelInsert(PKTIMER Timer, ULONGLONG DueTime);
void KiWheelRemove(PKTIMER Timer);
// Removes and returns the earliest timer if it is due by Now, else NULL. Now must not go backward.
PKTIMER KiWheelTakeDue(ULONGLONG Now);
// The earliest due time, exactly; UINT64_MAX if there is none.
ULONGLONG KiWheelNext(void);
// A timer that lies in [Low, High), or NULL.
PKTIMER KiWheelFind(const void *Low, const void *High);
// Without the lock: FALSE if none lies there, of those inserted before the call and since.
BOOLEAN KiWheelMayHold(const void *Low, const void *High);

#endif
