// SPDX-License-Identifier: MIT
// What the section files of mm share.
#ifndef HOST_MM_SECTION_H
#define HOST_MM_SECTION_H

#include "mm/mip.h"

#include "ob/obp.h"

// The host's own writable view of the whole section; it lives as long as the section.
NTSTATUS MipSystemView(MI_SECTION *Section, PVOID *View);

#endif
