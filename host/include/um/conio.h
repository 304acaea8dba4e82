// SPDX-License-Identifier: MIT
// Console keyboard input.
#ifndef NTHOST_UM_CONIO_H
#define NTHOST_UM_CONIO_H

// Nonzero when a key waits. Never blocks.
int __attribute__((visibility("default"))) _kbhit(void);

// The next key, not echoed. Blocks until there is one; -1 at the end of input.
int __attribute__((visibility("default"))) _getch(void);

#endif
