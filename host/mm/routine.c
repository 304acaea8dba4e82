// SPDX-License-Identifier: MIT
// MmGetSystemRoutineAddress: the executive's own exports by name.
#include "mm/mip.h"

#include "verifier/vf.h"

#include <string.h>

#define NAME_LIMIT 128u

// Exported variables, not routines: on Windows the export is the POBJECT_TYPE itself, and the pointer
// that the headers declare is the importer's slot, which holds the export's address. Here the slot is
// what the library exports.
static BOOLEAN
MipIsObjectTypeName(const char *Name)
{
    static const char Suffix[] = "ObjectType";
    size_t Length = strlen(Name);

    return (Length > sizeof(Suffix) - 1 &&
            strcmp(Name + Length - (sizeof(Suffix) - 1), Suffix) == 0) ||
           strcmp(Name, "PsThreadType") == 0 || strcmp(Name, "PsProcessType") == 0;
}

_IRQL_requires_max_(PASSIVE_LEVEL)
PVOID
MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    // The host's own interface (nthost.h) shares the export table; it is no system routine.
    static const char HostPrefix[] = "Nthost";
    ULONG Length = SystemRoutineName->Length / sizeof(WCHAR);
    char Name[NAME_LIMIT];

    VF_MAX_IRQL(PASSIVE_LEVEL);
    if (Length == 0 || Length >= NAME_LIMIT)
    {
        return NULL;
    }
    for (ULONG Index = 0; Index < Length; Index++)
    {
        WCHAR Character = SystemRoutineName->Buffer[Index];

        if (Character == 0 || Character > 0x7E)
        {
            return NULL;
        }
        Name[Index] = (char)Character;
    }
    Name[Length] = '\0';
    if (strncmp(Name, HostPrefix, sizeof(HostPrefix) - 1) == 0)
    {
        return NULL;
    }
    PVOID Address = OsSelfSymbol(Name);

    return Address != NULL && MipIsObjectTypeName(Name) ? *(PVOID *)Address : Address;
}
