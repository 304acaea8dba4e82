// SPDX-License-Identifier: MIT
// The closure check: a driver uses what nthost exports, the compiler's runtime, and nothing else.
#include "tool/nthost_cc.h"
#include "nthost_cc_config.h"
#include "os/os_elf.h"

#include <stdio.h>
#include <string.h>

// Calls that the compiler makes on its own (a structure copy, a loop that it recognises), and those
// that our __try is made of.
static const char *const RuntimeNames[] = {
    "memcpy",        "memmove",          "memset",       "memcmp",
    "bcmp",          "strlen",           "__memcpy_chk", "__memset_chk",
    "__memmove_chk", "__stack_chk_fail", "__sigsetjmp",  "siglongjmp",
};

typedef struct RUNTIME_PREFIX
{
    const char *Prefix;
    const char *Sanitizer;  // the -fsanitize= word that makes such calls; NULL: any sanitizer
} RUNTIME_PREFIX;

static const RUNTIME_PREFIX RuntimePrefixes[] = {
    {"__asan_", "address"},
    {"__ubsan_", "undefined"},
    {"__tsan_", "thread"},
    {"__sanitizer_", NULL},
};

// What a driver's author wants instead of a name that the C library has and a kernel has not.
typedef struct HINT
{
    const char *Name;
    const char *Instead;
} HINT;

static const HINT Hints[] = {
    {"malloc", "ExAllocatePool2"},
    {"calloc", "ExAllocatePool2"},
    {"realloc", "ExAllocatePool2"},
    {"free", "ExFreePoolWithTag"},
    {"printf", "DbgPrint"},
    {"puts", "DbgPrint"},
    {"putchar", "DbgPrint"},
    {"fprintf", "DbgPrint"},
    {"exit", "a failure status"},
    {"abort", "KeBugCheckEx"},
    {"sleep", "KeDelayExecutionThread"},
    {"usleep", "KeDelayExecutionThread"},
    {"pthread_create", "PsCreateSystemThread"},
};

static bool
IsRuntime(const char *Name)
{
    for (size_t Index = 0; Index < sizeof(RuntimeNames) / sizeof(RuntimeNames[0]); Index++)
    {
        if (strcmp(Name, RuntimeNames[Index]) == 0)
        {
            return true;
        }
    }
    for (size_t Index = 0; Index < sizeof(RuntimePrefixes) / sizeof(RuntimePrefixes[0]); Index++)
    {
        const RUNTIME_PREFIX *Entry = &RuntimePrefixes[Index];
        if (strncmp(Name, Entry->Prefix, strlen(Entry->Prefix)) == 0)
        {
            return Entry->Sanitizer == NULL ? NTHOST_CC_SANITIZE[0] != 0
                                            : strstr(NTHOST_CC_SANITIZE, Entry->Sanitizer) != NULL;
        }
    }
    return false;
}

static const char *
FindHint(const char *Name)
{
    for (size_t Index = 0; Index < sizeof(Hints) / sizeof(Hints[0]); Index++)
    {
        if (strcmp(Name, Hints[Index].Name) == 0)
        {
            return Hints[Index].Instead;
        }
    }
    return NULL;
}

// A walk over one file's symbols that looks for a name: who needs it, who has it.
typedef struct SEARCH
{
    const char *Name;
    bool Defined;
    bool Found;
} SEARCH;

static bool
SearchSymbol(void *Context, const OS_ELF_SYMBOL *Symbol)
{
    SEARCH *Search = Context;
    Search->Found = Symbol->Defined == Search->Defined && strcmp(Symbol->Name, Search->Name) == 0;
    return !Search->Found;
}

static bool
HasSymbol(const OS_ELF *Elf, const char *Name, bool Defined)
{
    SEARCH Search = {.Name = Name, .Defined = Defined, .Found = false};
    OsElfSymbols(Elf, SearchSymbol, &Search);
    return Search.Found;
}

// Prints " (needed by a.c, b.o)". An import that no object has comes from an archive or a library.
static void
PrintNeededBy(const char *Name, const CC_LIST *Objects, const CC_LIST *Inputs)
{
    unsigned Found = 0;
    for (size_t Index = 0; Index < Objects->Count; Index++)
    {
        OS_ELF *Object;
        // An archive is no ELF file, which is no fault: it is passed over.
        if (OsElfOpen(Objects->Items[Index], &Object, NULL, 0) != 0)
        {
            continue;
        }
        if (HasSymbol(Object, Name, false))
        {
            fprintf(stderr, "%s%s", Found++ == 0 ? " (needed by " : ", ", Inputs->Items[Index]);
        }
        OsElfClose(Object);
    }
    fputs(Found == 0 ? " (needed by a library)" : ")", stderr);
}

// The walk over the driver's own symbols.
typedef struct CHECK
{
    const char *Name;
    const OS_ELF *Library;
    const CC_LIST *Objects;
    const CC_LIST *Inputs;
    bool HasEntry;
    bool Missing;
    bool OtherFlavour;
} CHECK;

static bool
CheckSymbol(void *Context, const OS_ELF_SYMBOL *Symbol)
{
    CHECK *Check = Context;
    if (Symbol->Defined)
    {
        Check->HasEntry |= Symbol->Function && strcmp(Symbol->Name, "DriverEntry") == 0;
        return true;
    }
    // A weak import is the driver's own question whether something is there.
    if (Symbol->Weak || IsRuntime(Symbol->Name) || HasSymbol(Check->Library, Symbol->Name, true))
    {
        return true;
    }
    if (!Check->Missing)
    {
        fprintf(stderr, "nthost-cc: %s needs what nthost does not have:\n", Check->Name);
        Check->Missing = true;
    }
    fprintf(stderr, "  %s", Symbol->Name);
    PrintNeededBy(Symbol->Name, Check->Objects, Check->Inputs);
    const char *Instead = FindHint(Symbol->Name);
    if (Instead != NULL)
    {
        fprintf(stderr, ": a driver uses %s", Instead);
    }
    fputc('\n', stderr);
    for (size_t Index = 0; Index < sizeof(RuntimePrefixes) / sizeof(RuntimePrefixes[0]); Index++)
    {
        const char *Prefix = RuntimePrefixes[Index].Prefix;
        Check->OtherFlavour |= strncmp(Symbol->Name, Prefix, strlen(Prefix)) == 0;
    }
    return true;
}

int
CcCheckDriver(const char *Driver, const char *Name, const char *Library, const CC_LIST *Objects,
              const CC_LIST *Inputs)
{
    char Message[256];
    OS_ELF *Exports;
    OS_ELF *Made;
    if (OsElfOpen(Library, &Exports, Message, sizeof(Message)) != 0)
    {
        fprintf(stderr, "nthost-cc: cannot read %s: %s\n", Library, Message);
        return CC_FAILED;
    }
    if (OsElfOpen(Driver, &Made, Message, sizeof(Message)) != 0)
    {
        fprintf(stderr, "nthost-cc: cannot read back %s: %s\n", Name, Message);
        OsElfClose(Exports);
        return CC_FAILED;
    }
    CHECK Check = {.Name = Name, .Library = Exports, .Objects = Objects, .Inputs = Inputs};
    OsElfSymbols(Made, CheckSymbol, &Check);
    OsElfClose(Made);
    OsElfClose(Exports);
    if (Check.OtherFlavour)
    {
        fprintf(stderr,
                "nthost-cc: an object of %s was made by the nthost-cc of another flavour "
                "(sanitizers); compile it with this one\n",
                Name);
    }
    if (!Check.HasEntry)
    {
        fprintf(stderr, "nthost-cc: %s has no DriverEntry: a driver defines it, and not static\n",
                Name);
    }
    return Check.Missing || !Check.HasEntry ? CC_FAILED : CC_OK;
}
