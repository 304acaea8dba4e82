// SPDX-License-Identifier: MIT
// Names of bugcheck codes.
#include "verifier/bugcodes.h"

#include <stddef.h>

const char *
VfBugCodeName(uint32_t Code)
{
    static const struct
    {
        uint32_t Code;
        const char *Name;
    } Table[] = {
#define VF_BUGCODE_ROW(Name, Code) {Code, #Name},
        VF_BUGCODES(VF_BUGCODE_ROW)
#undef VF_BUGCODE_ROW
    };

    for (size_t Index = 0; Index < sizeof(Table) / sizeof(Table[0]); Index++)
    {
        if (Table[Index].Code == Code)
        {
            return Table[Index].Name;
        }
    }
    return NULL;
}
