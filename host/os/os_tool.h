// SPDX-License-Identifier: MIT
// What the command-line tools need of Linux: children, temporary folders, their own place.
#ifndef HOST_OS_TOOL_H
#define HOST_OS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

// The absolute path of the running executable, links resolved. 0 or an OS_E value.
int OsToolExecutablePath(char *Path, size_t Size);

// Runs Arguments[0] (searched in PATH) with Arguments (NULL-terminated) and waits for its end.
// Returns 0 with *Status its exit status (128 + number if a signal ended it), or an OS_E value when
// it could not be started (OS_E_NOT_FOUND: no such program). Interrupts meanwhile reach the child and
// are remembered, see OsToolInterrupted. Not for several threads at once.
int OsToolRun(const char *const *Arguments, int *Status);

// From here on SIGINT, SIGTERM and SIGHUP do not kill this process: they are passed to the child of
// OsToolRun and remembered, so that the tool can clean up first.
void OsToolCatchInterrupts(void);

// The signal that came since OsToolCatchInterrupts, or 0; and how many came.
int OsToolInterrupted(void);
int OsToolInterruptions(void);

// Ends this process by Signal, as if it had never been caught: the shell then sees it. No return.
_Noreturn void OsToolDieBySignal(int Signal);

// Starts a serving process by fork; call it before any thread exists. The child runs
// Body(Context, Ready) in a process group of its own (an interrupt at the terminal does not reach it)
// and exits with its result; Body calls OsToolReady once it serves, or with Failed and a message.
// Log: NULL keeps standard error and ends the child when this process dies; otherwise the child
// becomes a session of its own with its output appended to that file. Returns OS_OK and *Pid once
// ready; OS_E_OTHER with Text = what Body said (or that it died) when not. An interrupt meanwhile
// (OsToolCatchInterrupts) kills it: OS_E_OTHER, Text empty.
typedef int OS_TOOL_BODY(void *Context, int Ready);
int OsToolServe(OS_TOOL_BODY *Body, void *Context, const char *Log, int *Pid, char *Text,
                size_t TextSize);
void OsToolReady(int Ready, bool Failed, const char *Text);
// SIGTERM (and in the foreground SIGINT, SIGHUP) call Routine, which must be async-signal-safe.
void OsToolOnTerminate(void (*Routine)(void));
void OsToolTerminate(int Pid);  // SIGTERM
int OsToolWait(int Pid);        // exit status, or 128 + signal; an interrupt meanwhile kills it
// The absolute path of an existing file, links resolved. 0 or OS_E_NOT_FOUND.
int OsToolAbsolutePath(const char *Given, char *Path, size_t Size);

// Makes a new folder inside Parent, mode 0700, and writes its path. 0 or an OS_E value.
int OsToolTemporaryFolder(const char *Parent, const char *Prefix, char *Path, size_t Size);

// Removes a folder and the files in it (not folders in it).
void OsToolRemoveFolder(const char *Path);

// Whether a made file may be put at Path: nothing is there, or a regular file (never a device).
bool OsToolReplaceable(const char *Path);

// Whether something can be read at Path.
bool OsToolReadable(const char *Path);

#endif
