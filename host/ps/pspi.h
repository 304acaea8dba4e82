// SPDX-License-Identifier: MIT
// What the files of ps share among themselves.
#ifndef HOST_PS_PSPI_H
#define HOST_PS_PSPI_H

#include "mm/mi.h"
#include "ps/psp.h"
#include "verifier/vf.h"

// A process like PspCreateProcess's, with a token of which the caller keeps its reference.
NTSTATUS PspCreateProcessWithToken(const char *ImageName, SEP_TOKEN *Token, HANDLE ParentId,
                                   PEPROCESS *Process);
void PspDeleteProcess(PVOID Object);
void PspDeleteThread(PVOID Object);
// Process->Lock held. The process stops being alive, with Status unless a better one is known. Own:
// Status was chosen by a program. FALSE: it was not alive any more. TRUE: the caller must call
// PspQueueRundown after dropping the lock.
BOOLEAN PspMarkTerminatingLocked(PEPROCESS Process, NTSTATUS Status, BOOLEAN Own);
void PspQueueRundown(PEPROCESS Process);
NTSTATUS PspTerminate(PEPROCESS Process, NTSTATUS Status, BOOLEAN Own);
NTSTATUS PspStartReaper(void);
void PspStopReaper(void);
// Gives a system thread its host thread. On failure the caller ends the thread object.
NTSTATUS PspRunSystemThread(PETHREAD Thread, const char *Name);
void PspJoinLastThread(void);
HANDLE PspNewId(void);
void PspResetIds(void);

#endif
