// SPDX-License-Identifier: MIT
// The version of the tool, which is the project's (CMake refuses to configure if they differ).
#ifndef TOOL_VERSION_H
#define TOOL_VERSION_H

#define UPCALL_VERSION "0.1.0"

#endif
