// SPDX-License-Identifier: MIT
// What the files of ke share among themselves.
#ifndef HOST_KE_KIP_H
#define HOST_KE_KIP_H

#include "ke/ki.h"

// Dispatcher lock held. TRUE: the wait for these objects is satisfied now; what it consumes is
// consumed and *Status is its result. FALSE: nothing changed.
BOOLEAN KiTryConsume(ULONG Count, PVOID Objects[], WAIT_TYPE Type, NTSTATUS *Status);

#endif
