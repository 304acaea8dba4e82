// SPDX-License-Identifier: MIT
// The text of a stack frame: function, source line and module, from the DWARF data. For reports only.
//
// Guarded by SymbolLock: Session and its generation, and the modules that are gone. A crash inside the DWARF reader reports through
// here again on the same thread: it then finds the lock its own and gets the address alone.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static OS_LOCK SymbolLock = OS_LOCK_INIT;
static Dwfl *Session;
static uint64_t SessionGeneration;

// Modules that were unloaded, the oldest overwritten: leaks are reported when their makers are gone.
#define GONE_MODULES 16u
typedef struct GONE
{
    uintptr_t Base, Low, High;
    char Path[512];
} GONE;
static GONE Gone[GONE_MODULES];
static unsigned GoneCount;

// Debugging data comes from the modules themselves. The library's own search may ask a server on the
// network for it: a crash report must not wait for that.
static int
FindNoSeparateFile(Dwfl_Module *Module, void **UserData, const char *ModuleName, Dwarf_Addr Base,
                   const char *File, const char *DebugLink, GElf_Word Crc, char **DebugFile)
{
    (void)Module;
    (void)UserData;
    (void)ModuleName;
    (void)Base;
    (void)File;
    (void)DebugLink;
    (void)Crc;
    (void)DebugFile;
    return -1;
}

static int
CountChanges(struct dl_phdr_info *Info, size_t Size, void *Context)
{
    (void)Size;
    *(uint64_t *)Context = Info->dlpi_adds + Info->dlpi_subs;
    return 1;  // the same in every entry
}

// Opens the view of the process's modules anew when one was loaded or unloaded since.
static bool
OpenSessionLocked(void)
{
    static const Dwfl_Callbacks Callbacks = {
        .find_elf = dwfl_linux_proc_find_elf,
        .find_debuginfo = FindNoSeparateFile,
    };
    uint64_t Generation = 0;

    (void)dl_iterate_phdr(CountChanges, &Generation);
    if (Session != NULL && Generation == SessionGeneration)
    {
        return true;
    }
    if (Session != NULL)
    {
        dwfl_end(Session);
    }
    Session = dwfl_begin(&Callbacks);
    if (Session == NULL)
    {
        return false;
    }
    dwfl_report_begin(Session);
    if (dwfl_linux_proc_report(Session, getpid()) != 0 || dwfl_report_end(Session, NULL, NULL) != 0)
    {
        dwfl_end(Session);
        Session = NULL;
        return false;
    }
    SessionGeneration = Generation;
    return true;
}

static const char *
BaseName(const char *Path)
{
    const char *Slash = strrchr(Path, '/');

    return Slash == NULL ? Path : Slash + 1;
}

// The source line of an address. gcc writes an index of addresses that the library looks into; clang
// writes none, so then every compilation unit is asked whether the address is its own.
static const char *
FindLine(Dwfl_Module *Module, Dwarf_Addr Address, int *Number)
{
    Dwfl_Line *Known = dwfl_module_getsrc(Module, Address);
    Dwarf_Die *Unit = NULL;
    Dwarf_Addr Bias = 0;

    if (Known != NULL)
    {
        return dwfl_lineinfo(Known, NULL, Number, NULL, NULL, NULL);
    }
    while ((Unit = dwfl_module_nextcu(Module, Unit, &Bias)) != NULL)
    {
        Dwarf_Line *Line = NULL;

        if (dwarf_haspc(Unit, Address - Bias) == 1)
        {
            Line = dwarf_getsrc_die(Unit, Address - Bias);
        }
        if (Line != NULL && dwarf_lineno(Line, Number) == 0)
        {
            return dwarf_linesrc(Line, NULL, NULL);
        }
    }
    return NULL;
}

static bool
DescribeLocked(Dwfl *View, uintptr_t Frame, char *Text, size_t TextSize)
{
    Dwarf_Addr Inside = Frame - 1;  // a return address may already belong to the next line
    Dwarf_Addr Start = 0;
    Dwfl_Module *Module = dwfl_addrmodule(View, Inside);
    GElf_Off Offset = 0;
    GElf_Sym Symbol;
    const char *Path;
    const char *Function;
    const char *File;
    char Place[160] = "";
    int Number = 0;

    if (Module == NULL)
    {
        return false;
    }
    Path = dwfl_module_info(Module, NULL, &Start, NULL, NULL, NULL, NULL, NULL);
    Function = dwfl_module_addrinfo(Module, Inside, &Offset, &Symbol, NULL, NULL, NULL);
    File = FindLine(Module, Inside, &Number);
    if (File != NULL)
    {
        snprintf(Place, sizeof(Place), " (%s:%d)", BaseName(File), Number);
    }
    if (Path == NULL || Path[0] == '\0')
    {
        Path = "?";
    }
    if (Function != NULL)
    {
        snprintf(Text, TextSize, "%s+0x%llx%s [%s]", Function, (unsigned long long)Offset + 1,
                 Place, BaseName(Path));
    }
    else
    {
        snprintf(Text, TextSize, "0x%llx%s [%s+0x%llx]", (unsigned long long)Frame, Place,
                 BaseName(Path), (unsigned long long)(Frame - Start));
    }
    return true;
}

void
OspSymbolKeep(const char *Path, uintptr_t Base, uintptr_t Low, uintptr_t High)
{
    GONE *Entry;

    OsLockAcquire(&SymbolLock);
    Entry = &Gone[GoneCount++ % GONE_MODULES];
    Entry->Base = Base;
    Entry->Low = Low;
    Entry->High = High;
    snprintf(Entry->Path, sizeof(Entry->Path), "%s", Path);
    OsLockRelease(&SymbolLock);
}

// Reads the file that the module came from. One that was built anew since gives wrong names, which is
// why a module that is still there is always asked first.
static bool
DescribeGoneLocked(uintptr_t Frame, char *Text, size_t TextSize)
{
    static const Dwfl_Callbacks Callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = FindNoSeparateFile,
        .section_address = dwfl_offline_section_address,
    };
    const GONE *Found = NULL;
    bool Described = false;
    Dwfl *View;

    for (unsigned Age = 1; Age <= GoneCount && Age <= GONE_MODULES && Found == NULL; Age++)
    {
        const GONE *Entry = &Gone[(GoneCount - Age) % GONE_MODULES];

        if (Frame > Entry->Low && Frame <= Entry->High)
        {
            Found = Entry;
        }
    }
    View = Found != NULL ? dwfl_begin(&Callbacks) : NULL;
    if (View == NULL)
    {
        return false;
    }
    dwfl_report_begin(View);
    if (dwfl_report_elf(View, Found->Path, Found->Path, -1, Found->Base, true) != NULL &&
        dwfl_report_end(View, NULL, NULL) == 0)
    {
        Described = DescribeLocked(View, Frame, Text, TextSize);
    }
    dwfl_end(View);
    return Described;
}

void
OsStackSymbol(void *Frame, char *Text, size_t TextSize)
{
    bool Found = false;

    if (TextSize == 0)
    {
        return;
    }
    if (Frame != NULL && !OsLockIsMine(&SymbolLock))
    {
        OsLockAcquire(&SymbolLock);
        Found =
            (OpenSessionLocked() && DescribeLocked(Session, (uintptr_t)Frame, Text, TextSize)) ||
            DescribeGoneLocked((uintptr_t)Frame, Text, TextSize);
        OsLockRelease(&SymbolLock);
    }
    if (!Found)
    {
        snprintf(Text, TextSize, "0x%llx", (unsigned long long)(uintptr_t)Frame);
    }
}
