// SPDX-License-Identifier: MIT
// The command line of nthost-cc.
#include "tool/nthost_cc.h"
#include "nthost_cc_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char Help[] =
    "nthost-cc: compile Windows source for nthost\n"
    "\n"
    "  nthost-cc --driver FILE... -o NAME.sys   a driver (exports DriverEntry, runs in nthost)\n"
    "  nthost-cc --app FILE... -o NAME          an application (a Linux program on kernel32)\n"
    "  nthost-cc --driver|--app -c FILE.c       an object only\n"
    "\n"
    "FILE is C source (.c), an object (.o) made by nthost-cc, or an archive (.a).\n"
    "\n"
    "  -o FILE              the output; otherwise named after the first FILE\n"
    "  -I -D -U -include -isystem -iquote -std= -O* -g* -W* -w -f* -m*   as the compiler's\n"
    "  -MD -MMD -MP -MF FILE -MT NAME   dependency files, with -c\n"
    "  -l -L -Wl,           libraries (a driver can take archives only)\n"
    "  --cc=gcc|clang       the compiler; otherwise the one nthost was built with\n"
    "  -v                   show the commands\n"
    "  --help --version\n"
    "\n"
    "A driver is checked to be closed: it may use what nthost exports and the compiler's runtime,\n"
    "and nothing of the C library. Every function that is missing is named.\n"
    "Exit status: 0 made, 1 not made, 2 wrong arguments. On failure no output is left.\n";

static void *
Grow(void *Old, size_t Size)
{
    void *New = realloc(Old, Size);
    if (New == NULL)
    {
        fputs("nthost-cc: out of memory\n", stderr);
        exit(CC_FAILED);
    }
    return New;
}

void
CcListAdd(CC_LIST *List, const char *Text)
{
    if (List->Count + 2 > List->Room)
    {
        List->Room = List->Room == 0 ? 16 : List->Room * 2;
        List->Items = Grow(List->Items, List->Room * sizeof(char *));
    }
    size_t Size = strlen(Text) + 1;
    List->Items[List->Count] = memcpy(Grow(NULL, Size), Text, Size);
    List->Count++;
    List->Items[List->Count] = NULL;
}

void
CcListAddFormat(CC_LIST *List, const char *Format, ...)
{
    va_list Values;
    va_start(Values, Format);
    int Length = vsnprintf(NULL, 0, Format, Values);
    va_end(Values);
    char *Text = Grow(NULL, (size_t)Length + 1);
    va_start(Values, Format);
    vsnprintf(Text, (size_t)Length + 1, Format, Values);
    va_end(Values);
    CcListAdd(List, Text);
    free(Text);
}

void
CcListAddAll(CC_LIST *List, const CC_LIST *Other)
{
    for (size_t Index = 0; Index < Other->Count; Index++)
    {
        CcListAdd(List, Other->Items[Index]);
    }
}

void
CcListFree(CC_LIST *List)
{
    for (size_t Index = 0; Index < List->Count; Index++)
    {
        free(List->Items[Index]);
    }
    free(List->Items);
    memset(List, 0, sizeof(*List));
}

bool
CcHasSuffix(const char *Name, const char *Suffix)
{
    size_t Length = strlen(Name);
    size_t SuffixLength = strlen(Suffix);
    return Length > SuffixLength && strcmp(Name + Length - SuffixLength, Suffix) == 0;
}

static bool
HasPrefix(const char *Text, const char *Prefix)
{
    return strncmp(Text, Prefix, strlen(Prefix)) == 0;
}

static int
UsageError(const char *Format, const char *What)
{
    fputs("nthost-cc: ", stderr);
    // Format is one of the constants below, with at most one %s.
    fprintf(stderr, Format, What);
    fputs("\nTry nthost-cc --help.\n", stderr);
    return CC_USAGE;
}

// An option whose value is joined to it or is the next argument: -Ipath, -I path.
typedef struct VALUE_OPTION
{
    const char *Name;
    bool Joined;  // may be joined
    size_t List;  // offset of the list in CC_OPTIONS
} VALUE_OPTION;

#define LIST_OF(Field) offsetof(CC_OPTIONS, Field)
static const VALUE_OPTION ValueOptions[] = {
    {"-include", false, LIST_OF(Compile)}, {"-isystem", false, LIST_OF(Compile)},
    {"-iquote", false, LIST_OF(Compile)},  {"-idirafter", false, LIST_OF(Compile)},
    {"-MF", true, LIST_OF(Depend)},        {"-MT", true, LIST_OF(Depend)},
    {"-MQ", true, LIST_OF(Depend)},        {"-I", true, LIST_OF(Compile)},
    {"-D", true, LIST_OF(Compile)},        {"-U", true, LIST_OF(Compile)},
    {"-L", true, LIST_OF(Link)},           {"-l", true, LIST_OF(Link)},
};

// Handles Arguments[*Index] if it is one of ValueOptions. CC_OK with *Taken, or CC_USAGE.
static int
ParseValueOption(int Count, char **Arguments, int *Index, CC_OPTIONS *Options, bool *Taken)
{
    const char *Argument = Arguments[*Index];
    *Taken = true;
    for (size_t Which = 0; Which < sizeof(ValueOptions) / sizeof(ValueOptions[0]); Which++)
    {
        const VALUE_OPTION *Option = &ValueOptions[Which];
        CC_LIST *List = (CC_LIST *)((char *)Options + Option->List);
        if (strcmp(Argument, Option->Name) == 0)
        {
            if (*Index + 1 >= Count)
            {
                return UsageError("%s needs a value", Argument);
            }
            ++*Index;
            CcListAdd(List, Argument);
            CcListAdd(List, Arguments[*Index]);
            return CC_OK;
        }
        if (Option->Joined && HasPrefix(Argument, Option->Name))
        {
            CcListAdd(List, Argument);
            return CC_OK;
        }
    }
    *Taken = false;
    return CC_OK;
}

static int
ParseFlag(const char *Argument, CC_OPTIONS *Options)
{
    static const char *const CompilePrefixes[] = {"-std=", "-O", "-g", "-W", "-f", "-m"};
    if (HasPrefix(Argument, "-fsanitize="))
    {
        return UsageError(
            "'%s': the flavour decides. Use the nthost-cc of a build made with the asan "
            "or tsan preset",
            Argument);
    }
    if (HasPrefix(Argument, "-Wl,"))
    {
        CcListAdd(&Options->Link, Argument);
        return CC_OK;
    }
    if (strcmp(Argument, "-MD") == 0 || strcmp(Argument, "-MMD") == 0 ||
        strcmp(Argument, "-MP") == 0)
    {
        CcListAdd(&Options->Depend, Argument);
        return CC_OK;
    }
    if (strcmp(Argument, "-w") == 0 || strcmp(Argument, "-pedantic") == 0)
    {
        CcListAdd(&Options->Compile, Argument);
        return CC_OK;
    }
    for (size_t Index = 0; Index < sizeof(CompilePrefixes) / sizeof(CompilePrefixes[0]); Index++)
    {
        if (HasPrefix(Argument, CompilePrefixes[Index]))
        {
            CcListAdd(&Options->Compile, Argument);
            return CC_OK;
        }
    }
    return UsageError("unknown option '%s'", Argument);
}

static int
ChooseCompiler(CC_OPTIONS *Options, const char *Name)
{
    bool BuiltWithClang = strcmp(NTHOST_CC_COMPILER_ID, "Clang") == 0;
    if (strcmp(Name, "gcc") != 0 && strcmp(Name, "clang") != 0)
    {
        return UsageError("--cc=%s: it is gcc or clang", Name);
    }
    bool Clang = strcmp(Name, "clang") == 0;
    if (Clang != BuiltWithClang && NTHOST_CC_SANITIZE[0] != 0)
    {
        return UsageError(
            "--cc=%s: this nthost was built with the other compiler's sanitizers, and "
            "their runtimes do not mix",
            Name);
    }
    Options->Compiler = Clang == BuiltWithClang ? NTHOST_CC_COMPILER : Name;
    return CC_OK;
}

static int
CheckTogether(const CC_OPTIONS *Options)
{
    if (Options->Kind == CC_KIND_NONE)
    {
        return UsageError("%s", "say --driver or --app");
    }
    if (Options->Inputs.Count == 0)
    {
        return UsageError("%s", "no input file");
    }
    if (Options->Depend.Count != 0 && !Options->CompileOnly)
    {
        return UsageError("'%s' works with -c only", Options->Depend.Items[0]);
    }
    if (Options->CompileOnly && Options->Inputs.Count > 1 &&
        (Options->Output != NULL || Options->Depend.Count != 0))
    {
        return UsageError("%s", "-c with -o or -M takes one source");
    }
    for (size_t Index = 0; Index < Options->Inputs.Count; Index++)
    {
        const char *Input = Options->Inputs.Items[Index];
        if (Options->CompileOnly && !CcHasSuffix(Input, ".c"))
        {
            return UsageError("'%s': nothing to compile, it is not C source", Input);
        }
        if (Options->Output != NULL && strcmp(Options->Output, Input) == 0)
        {
            return UsageError("'%s' is both input and output", Input);
        }
    }
    return CC_OK;
}

static int
ParseOne(int Count, char **Arguments, int *Index, CC_OPTIONS *Options)
{
    const char *Argument = Arguments[*Index];
    if (strcmp(Argument, "--driver") == 0 || strcmp(Argument, "--app") == 0)
    {
        CC_KIND Kind = Argument[2] == 'd' ? CC_KIND_DRIVER : CC_KIND_APP;
        if (Options->Kind != CC_KIND_NONE && Options->Kind != Kind)
        {
            return UsageError("%s", "--driver and --app exclude each other");
        }
        Options->Kind = Kind;
        return CC_OK;
    }
    if (strcmp(Argument, "-c") == 0)
    {
        Options->CompileOnly = true;
        return CC_OK;
    }
    if (strcmp(Argument, "-v") == 0)
    {
        Options->Verbose = true;
        return CC_OK;
    }
    if (HasPrefix(Argument, "--cc="))
    {
        return ChooseCompiler(Options, Argument + strlen("--cc="));
    }
    if (HasPrefix(Argument, "-o"))
    {
        if (Argument[2] == 0 && *Index + 1 >= Count)
        {
            return UsageError("%s needs a value", Argument);
        }
        if (Options->Output != NULL)
        {
            return UsageError("%s given twice", "-o");
        }
        Options->Output = Argument[2] != 0 ? Argument + 2 : Arguments[++*Index];
        if (Options->Output[0] == 0)
        {
            return UsageError("%s needs a file name", "-o");
        }
        return CC_OK;
    }
    if (Argument[0] != '-')
    {
        if (!CcHasSuffix(Argument, ".c") && !CcHasSuffix(Argument, ".o") &&
            !CcHasSuffix(Argument, ".a"))
        {
            return UsageError("'%s' is no C source (.c), object (.o) or archive (.a)", Argument);
        }
        CcListAdd(&Options->Inputs, Argument);
        return CC_OK;
    }
    bool Taken;
    int Result = ParseValueOption(Count, Arguments, Index, Options, &Taken);
    return Result != CC_OK || Taken ? Result : ParseFlag(Argument, Options);
}

int
CcParse(int Count, char **Arguments, CC_OPTIONS *Options)
{
    memset(Options, 0, sizeof(*Options));
    Options->Compiler = NTHOST_CC_COMPILER;
    for (int Index = 1; Index < Count; Index++)
    {
        if (strcmp(Arguments[Index], "--help") == 0)
        {
            fputs(Help, stdout);
            Options->Kind = CC_KIND_NONE;
            return CC_OK;
        }
        if (strcmp(Arguments[Index], "--version") == 0)
        {
            printf("nthost-cc %s (%s%s%s)\n", NTHOST_CC_VERSION, NTHOST_CC_COMPILER_ID,
                   NTHOST_CC_SANITIZE[0] != 0 ? ", " : "", NTHOST_CC_SANITIZE);
            Options->Kind = CC_KIND_NONE;
            return CC_OK;
        }
        int Result = ParseOne(Count, Arguments, &Index, Options);
        if (Result != CC_OK)
        {
            return Result;
        }
    }
    return CheckTogether(Options);
}

void
CcOptionsFree(CC_OPTIONS *Options)
{
    CcListFree(&Options->Inputs);
    CcListFree(&Options->Compile);
    CcListFree(&Options->Depend);
    CcListFree(&Options->Link);
}
