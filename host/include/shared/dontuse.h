// SPDX-License-Identifier: MIT
// Microsoft's list of deprecated functions; those functions do not exist here, so it holds nothing.
#ifndef NTHOST_DONTUSE_H
#define NTHOST_DONTUSE_H
#endif
