// SPDX-License-Identifier: MIT
// nthost-cc: compiles Windows driver and application source for nthost.
//
// Everything is made in a folder beside the output and moved into place when it is whole, so a
// failure or an interrupt leaves nothing behind and never a half-written driver.
#include "tool/nthost_cc.h"
#include "os/os.h"
#include "os/os_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 4096

static int
RunCommand(const CC_OPTIONS *Options, const CC_LIST *Command)
{
    if (Options->Verbose)
    {
        for (size_t Index = 0; Index < Command->Count; Index++)
        {
            fprintf(stderr, "%s%s", Index == 0 ? "" : " ", Command->Items[Index]);
        }
        fputc('\n', stderr);
    }
    int Status;
    int Error = OsToolRun((const char *const *)Command->Items, &Status);
    if (Error != OS_OK)
    {
        fprintf(stderr, "nthost-cc: cannot run %s: %s\n", Command->Items[0],
                Error == OS_E_NOT_FOUND ? "it is not installed" : "it does not start");
        return CC_FAILED;
    }
    return Status == 0 ? CC_OK : CC_FAILED;
}

// Cuts the last component off Path, in place: "/a/b" becomes "/a", "b" becomes ".".
static void
ToParent(char *Path)
{
    char *Slash = strrchr(Path, '/');
    if (Slash == NULL)
    {
        strcpy(Path, ".");
    }
    else
    {
        Slash[Slash == Path] = 0;
    }
}

static const char *
LeafOf(const char *Path)
{
    const char *Slash = strrchr(Path, '/');
    return Slash == NULL ? Path : Slash + 1;
}

// The name of what is made when no -o says it: the first input's, without folder, with Suffix.
static void
DefaultName(const char *Input, const char *Suffix, char *Name, size_t Size)
{
    const char *Leaf = LeafOf(Input);
    snprintf(Name, Size, "%.*s%s", (int)(strlen(Leaf) - 2), Leaf, Suffix);
}

static int
Place(const char *From, const char *To)
{
    if (rename(From, To) != 0)
    {
        perror("nthost-cc: cannot write the output");
        return CC_FAILED;
    }
    return CC_OK;
}

static int
RefuseOutput(const char *Output)
{
    fprintf(stderr, "nthost-cc: cannot write '%s': it is not a regular file\n", Output);
    return CC_FAILED;
}

static int
CheckInputs(const CC_OPTIONS *Options)
{
    int Result = CC_OK;
    for (size_t Index = 0; Index < Options->Inputs.Count; Index++)
    {
        if (!OsToolReadable(Options->Inputs.Items[Index]))
        {
            fprintf(stderr, "nthost-cc: cannot read '%s': no such file, or no permission\n",
                    Options->Inputs.Items[Index]);
            Result = CC_FAILED;
        }
    }
    return Result;
}

// Compiles Source to Object. Nothing is said where the compiler spoke already.
static int
Compile(const CC_OPTIONS *Options, const CC_PLACES *Places, const char *Source, const char *Object)
{
    CC_LIST Command = {0};
    CcCompileCommand(Options, Places, Source, Object, &Command);
    int Result = RunCommand(Options, &Command);
    CcListFree(&Command);
    return Result;
}

static int
CompileOnly(const CC_OPTIONS *Options, const CC_PLACES *Places, const char *Folder)
{
    int Result = CC_OK;
    for (size_t Index = 0; Index < Options->Inputs.Count && OsToolInterrupted() == 0; Index++)
    {
        char Name[PATH_ROOM];
        char Made[PATH_ROOM];
        const char *Source = Options->Inputs.Items[Index];
        DefaultName(Source, ".o", Name, sizeof(Name));
        const char *Object = Options->Output != NULL ? Options->Output : Name;
        snprintf(Made, sizeof(Made), "%.*s/object.o", PATH_ROOM - 16, Folder);
        if (!OsToolReplaceable(Object))
        {
            Result = RefuseOutput(Object);
        }
        else if (Compile(Options, Places, Source, Made) != CC_OK || Place(Made, Object) != CC_OK)
        {
            remove(Object);
            Result = CC_FAILED;
        }
    }
    return Result;
}

static int
WriteVersionScript(const char *Path)
{
    FILE *File = fopen(Path, "w");
    if (File == NULL)
    {
        perror("nthost-cc: cannot write a temporary file");
        return CC_FAILED;
    }
    bool Written = fputs("{ global: DriverEntry; local: *; };\n", File) >= 0;
    if (fclose(File) != 0 || !Written)
    {
        perror("nthost-cc: cannot write a temporary file");
        return CC_FAILED;
    }
    return CC_OK;
}

static int
Link(const CC_OPTIONS *Options, const CC_PLACES *Places, const CC_LIST *Objects, const char *Folder,
     const char *Output)
{
    bool Driver = Options->Kind == CC_KIND_DRIVER;
    char Library[PATH_ROOM];
    char Script[PATH_ROOM];
    char Made[PATH_ROOM];
    snprintf(Library, sizeof(Library), "%.*s/%s", PATH_ROOM - 32, Places->Library,
             Driver ? "libnthost.so" : "libntwin32.so");
    snprintf(Script, sizeof(Script), "%.*s/driver.map", PATH_ROOM - 16, Folder);
    snprintf(Made, sizeof(Made), "%.*s/output", PATH_ROOM - 16, Folder);
    if (!OsToolReadable(Library))
    {
        fprintf(stderr, "nthost-cc: %s is missing: build or install nthost whole\n", Library);
        return CC_FAILED;
    }
    if (Driver && WriteVersionScript(Script) != CC_OK)
    {
        return CC_FAILED;
    }
    CC_LIST Command = {0};
    CcLinkCommand(Options, Places, Objects, Script, Made, &Command);
    int Result = RunCommand(Options, &Command);
    CcListFree(&Command);
    if (Result != CC_OK && !Driver && OsToolInterrupted() == 0)
    {
        fprintf(stderr,
                "nthost-cc: %s was not linked; a Windows function named above is one that "
                "nthost does not have\n",
                Output);
    }
    if (Result == CC_OK && Driver)
    {
        Result = CcCheckDriver(Made, Output, Library, Objects, &Options->Inputs);
    }
    return Result == CC_OK ? Place(Made, Output) : Result;
}

static int
CompileAndLink(const CC_OPTIONS *Options, const CC_PLACES *Places, const char *Folder,
               const char *Output)
{
    CC_LIST Objects = {0};
    int Result = CC_OK;
    for (size_t Index = 0; Index < Options->Inputs.Count && OsToolInterrupted() == 0; Index++)
    {
        const char *Input = Options->Inputs.Items[Index];
        if (!CcHasSuffix(Input, ".c"))
        {
            CcListAdd(&Objects, Input);
            continue;
        }
        CcListAddFormat(&Objects, "%s/%zu.o", Folder, Index);
        // The others are compiled all the same: all their errors at once.
        if (Compile(Options, Places, Input, Objects.Items[Objects.Count - 1]) != CC_OK)
        {
            Result = CC_FAILED;
        }
    }
    if (Result == CC_OK && OsToolInterrupted() == 0)
    {
        Result = Link(Options, Places, &Objects, Folder, Output);
    }
    CcListFree(&Objects);
    if (Result != CC_OK)
    {
        // An older one would be taken for what the sources say now.
        remove(Output);
    }
    return Result;
}

static int
Make(const CC_OPTIONS *Options, const CC_PLACES *Places)
{
    char Output[PATH_ROOM];
    char Parent[PATH_ROOM];
    char Folder[PATH_ROOM];
    const char *First = Options->Inputs.Items[0];
    if (Options->Output != NULL)
    {
        snprintf(Output, sizeof(Output), "%s", Options->Output);
    }
    else
    {
        DefaultName(First, Options->Kind == CC_KIND_DRIVER ? ".sys" : "", Output, sizeof(Output));
    }
    if (!Options->CompileOnly && !OsToolReplaceable(Output))
    {
        return RefuseOutput(Output);
    }
    strcpy(Parent, Output);
    ToParent(Parent);
    // The inputs are not to blame for what goes wrong from here on, nor are they touched.
    OsToolCatchInterrupts();
    if (OsToolTemporaryFolder(Parent, ".nthost-cc-", Folder, sizeof(Folder)) != OS_OK)
    {
        fprintf(stderr, "nthost-cc: cannot write into '%s', where %s would be made\n", Parent,
                LeafOf(Output));
        return CC_FAILED;
    }
    int Result = Options->CompileOnly ? CompileOnly(Options, Places, Folder)
                                      : CompileAndLink(Options, Places, Folder, Output);
    OsToolRemoveFolder(Folder);
    return Result;
}

int
main(int Count, char **Arguments)
{
    CC_OPTIONS Options;
    int Result = CcParse(Count, Arguments, &Options);
    if (Result == CC_OK && Options.Kind != CC_KIND_NONE)
    {
        Result = CheckInputs(&Options);
    }
    if (Result == CC_OK && Options.Kind != CC_KIND_NONE)
    {
        char Prefix[PATH_ROOM];
        CC_LIST Paths = {0};
        if (OsToolExecutablePath(Prefix, sizeof(Prefix)) != OS_OK)
        {
            fputs("nthost-cc: cannot tell where it is installed (is /proc mounted?)\n", stderr);
            Result = CC_FAILED;
        }
        else
        {
            // Prefix/bin/nthost-cc
            ToParent(Prefix);
            ToParent(Prefix);
            CcListAddFormat(&Paths, "%s/include/nthost", Prefix);
            CcListAddFormat(&Paths, "%s/lib", Prefix);
            CC_PLACES Places = {Paths.Items[0], Paths.Items[1]};
            Result = Make(&Options, &Places);
        }
        CcListFree(&Paths);
    }
    CcOptionsFree(&Options);
    if (OsToolInterrupted() != 0)
    {
        OsToolDieBySignal(OsToolInterrupted());
    }
    return Result;
}
