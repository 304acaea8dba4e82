// SPDX-License-Identifier: MIT
// The parts of nthost-cc: its command line, the commands that it becomes, the closure check.
#ifndef HOST_TOOL_NTHOST_CC_H
#define HOST_TOOL_NTHOST_CC_H

#include <stdbool.h>
#include <stddef.h>

enum
{
    CC_OK = 0,
    CC_FAILED = 1,  // did not compile, did not link, is not closed
    CC_USAGE = 2,
};

// A growing list of strings that it owns, NULL-terminated once anything was added.
typedef struct CC_LIST
{
    char **Items;
    size_t Count;
    size_t Room;
} CC_LIST;

void CcListAdd(CC_LIST *List, const char *Text);
void CcListAddFormat(CC_LIST *List, const char *Format, ...) __attribute__((format(printf, 2, 3)));
void CcListAddAll(CC_LIST *List, const CC_LIST *Other);
void CcListFree(CC_LIST *List);

typedef enum CC_KIND
{
    CC_KIND_NONE,
    CC_KIND_DRIVER,
    CC_KIND_APP,
} CC_KIND;

typedef struct CC_OPTIONS
{
    CC_KIND Kind;
    bool CompileOnly;  // -c
    bool Verbose;      // -v
    const char *Compiler;
    const char *Output;  // NULL: made from the first input's name
    CC_LIST Inputs;      // .c, .o and .a, in order
    CC_LIST Compile;     // options for compiling, in order
    CC_LIST Depend;      // -M options, only with -c
    CC_LIST Link;        // -l, -L, -Wl, in order
} CC_OPTIONS;

// Reads the command line. CC_OK, or CC_USAGE after an error was printed, or CC_OK with Kind
// CC_KIND_NONE after --help or --version was answered. CcOptionsFree frees Options in any case.
int CcParse(int Count, char **Arguments, CC_OPTIONS *Options);
void CcOptionsFree(CC_OPTIONS *Options);

// Whether Name ends with Suffix.
bool CcHasSuffix(const char *Name, const char *Suffix);

// Where nthost's own files are.
typedef struct CC_PLACES
{
    char *Include;  // holds km/, um/ and shared/
    char *Library;  // holds libnthost.so and libntwin32.so
} CC_PLACES;

// The command that compiles Source to Object.
void CcCompileCommand(const CC_OPTIONS *Options, const CC_PLACES *Places, const char *Source,
                      const char *Object, CC_LIST *Command);

// The command that links Objects to Output. VersionScript is used for a driver only.
void CcLinkCommand(const CC_OPTIONS *Options, const CC_PLACES *Places, const CC_LIST *Objects,
                   const char *VersionScript, const char *Output, CC_LIST *Command);

// Checks a linked driver: it exports DriverEntry, and whatever it imports is exported by Library
// (libnthost.so) or belongs to the compiler's runtime. Objects and Inputs correspond: an import is
// reported with the inputs that need it. Prints every fault. Name is what the driver is called.
// CC_OK or CC_FAILED.
int CcCheckDriver(const char *Driver, const char *Name, const char *Library, const CC_LIST *Objects,
                  const CC_LIST *Inputs);

#endif
