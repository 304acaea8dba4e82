// SPDX-License-Identifier: MIT
// Executive support's internal header: work queues for the host's own use, start and stop.
#ifndef HOST_EX_EXP_H
#define HOST_EX_EXP_H

#include "mm/mi.h"

// Runs Routine(Context) once, on a system thread of its own queue at PASSIVE_LEVEL (a driver's work
// items cannot hold it up). IRQL <= DISPATCH_LEVEL, no host lock held. Never fails. Before ExStart and
// after ExStop it runs at once when the caller is at PASSIVE_LEVEL, else when ExStart comes.
void ExpQueueInternal(void (*Routine)(void *Context), void *Context);

// Waits until every queue is empty and every worker idle. PASSIVE_LEVEL, not from a work item.
void ExDrainWork(void);

// A work item of ExQueueWorkItem whose structure or routine lies in [Low, High) and that is queued or
// running, else NULL (verifier: unloading a driver whose code is still to run).
PWORK_QUEUE_ITEM ExpFindWorkItemIn(const VOID *Low, const VOID *High);

// Starts the workers: system threads, so after PsStart.
NTSTATUS ExStart(void);
// Drains the queues and ends the workers. Before PsStop, in a thread that may wait.
void ExStop(void);

#endif
