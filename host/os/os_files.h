// SPDX-License-Identifier: MIT
// What applications' console and folder functions need of Linux.
#ifndef HOST_OS_FILES_H
#define HOST_OS_FILES_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

// Makes a folder that only this user may enter. OS_OK, OS_E_EXISTS, OS_E_NOT_FOUND (its parent is
// missing), OS_E_ACCESS, OS_E_NO_SPACE, OS_E_OTHER.
int OsMakeFolder(const char *Path);

// Removes an empty folder. OS_OK, OS_E_BUSY (it is not empty), OS_E_NOT_FOUND, OS_E_ACCESS,
// OS_E_OTHER.
int OsRemoveEmptyFolder(const char *Path);

// Whether the descriptor is a terminal.
bool OsIsTerminal(int Fd);

// Reads what is there, at most Size bytes; waits for the first one. Bytes read, 0 at the end, or a
// negative OS_E value.
long OsReadSome(int Fd, void *To, size_t Size);

#pragma GCC visibility pop

#endif
