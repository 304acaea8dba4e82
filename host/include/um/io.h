// SPDX-License-Identifier: MIT
// Low-level input of the Microsoft C runtime. Descriptors 0, 1 and 2 are the standard streams.
#ifndef NTHOST_UM_IO_H
#define NTHOST_UM_IO_H

// Nonzero if the descriptor is a terminal.
int __attribute__((visibility("default"))) _isatty(int Descriptor);

// Reads at most Size bytes; waits until there is at least one. The number read, 0 at the end of the
// input, -1 with errno on failure.
int __attribute__((visibility("default"))) _read(int Descriptor, void *Buffer, unsigned Size);

#endif
