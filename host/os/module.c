// SPDX-License-Identifier: MIT
// Modules: drivers, loaded as shared objects, with every reason why one cannot be.
#define _GNU_SOURCE
#include "host/os/os_elf.h"
#include "host/os/os_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NEEDED 16u

// The linker's: the first and the last byte of the module that holds this code.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

// Immutable after OsModuleLoad.
struct OS_MODULE
{
    void *Handle;
    uintptr_t Base;
    uintptr_t Low;
    uintptr_t High;
};

// A message under construction; what does not fit is cut off.
typedef struct MESSAGE
{
    char *Text;
    size_t Size;
    size_t Used;
} MESSAGE;

__attribute__((format(printf, 2, 3))) static void
Say(MESSAGE *Message, const char *Format, ...)
{
    va_list Arguments;
    int Wanted;

    if (Message->Size - Message->Used <= 1)
    {
        return;
    }
    va_start(Arguments, Format);
    Wanted =
        vsnprintf(Message->Text + Message->Used, Message->Size - Message->Used, Format, Arguments);
    va_end(Arguments);
    if (Wanted > 0)
    {
        size_t Room = Message->Size - Message->Used - 1;

        Message->Used += (size_t)Wanted < Room ? (size_t)Wanted : Room;
    }
}

// Everything in which the loader would look for a symbol of the driver.
typedef struct SCOPE
{
    void *Libraries[MAX_NEEDED + 1];
    unsigned Count;
    MESSAGE *Message;
    unsigned Missing;
} SCOPE;

static bool
NameIfMissing(void *Context, const OS_ELF_SYMBOL *Symbol)
{
    SCOPE *Scope = Context;

    if (Symbol->Defined || Symbol->Weak || dlsym(RTLD_DEFAULT, Symbol->Name) != NULL)
    {
        return true;
    }
    for (unsigned Index = 0; Index < Scope->Count; Index++)
    {
        if (dlsym(Scope->Libraries[Index], Symbol->Name) != NULL)
        {
            return true;
        }
    }
    if (Scope->Missing++ == 0)
    {
        Say(Scope->Message, "it needs functions that nthost does not have:");
    }
    Say(Scope->Message, "\n    %s", Symbol->Name);
    return true;
}

// The loader stops at the first symbol that it cannot find; the author wants to know them all.
static unsigned
NameMissingSymbols(const OS_ELF *Elf, MESSAGE *Message)
{
    SCOPE Scope = {.Message = Message};
    char Self[PATH_MAX];
    const char *Needed;

    // This library may have been loaded locally, and then is not in the default scope.
    if (OsSelfPath(Self, sizeof(Self)) == OS_OK)
    {
        Scope.Libraries[0] = dlopen(Self, RTLD_LAZY | RTLD_NOLOAD);
        Scope.Count = Scope.Libraries[0] != NULL ? 1 : 0;
    }
    for (unsigned Index = 0; Index < MAX_NEEDED && (Needed = OsElfNeeded(Elf, Index)) != NULL;
         Index++)
    {
        void *Library = dlopen(Needed, RTLD_LAZY | RTLD_NOLOAD);

        if (Library != NULL)
        {
            Scope.Libraries[Scope.Count++] = Library;
        }
    }
    OsElfSymbols(Elf, NameIfMissing, &Scope);
    while (Scope.Count > 0)
    {
        (void)dlclose(Scope.Libraries[--Scope.Count]);
    }
    return Scope.Missing;
}

static int
FindRange(struct dl_phdr_info *Info, size_t Size, void *Context)
{
    OS_MODULE *Module = Context;

    (void)Size;
    if (Info->dlpi_addr != Module->Base)
    {
        return 0;
    }
    Module->Low = UINTPTR_MAX;
    for (unsigned Index = 0; Index < Info->dlpi_phnum; Index++)
    {
        const ElfW(Phdr) *Segment = &Info->dlpi_phdr[Index];
        uintptr_t First = Info->dlpi_addr + Segment->p_vaddr;

        if (Segment->p_type != PT_LOAD)
        {
            continue;
        }
        if (First < Module->Low)
        {
            Module->Low = First;
        }
        if (First + Segment->p_memsz > Module->High)
        {
            Module->High = First + Segment->p_memsz;
        }
    }
    return 1;
}

static int
Open(const char *Resolved, OS_MODULE *Module, MESSAGE *Message)
{
    struct link_map *Map;
    OS_ELF *Elf;
    char Why[160];
    size_t Size;
    int Error;

    if (access(Resolved, R_OK) != 0)
    {
        Error = OspError(errno);
        Say(Message, "%s", OsErrorText(Error));
        return Error;
    }
    Error = OsElfOpen(Resolved, &Elf, Why, sizeof(Why));
    if (Error != OS_OK)
    {
        Say(Message, "%s", Why);
        return Error;
    }
    if (OsElfSection(Elf, ".dynamic", &Size) == NULL)
    {
        Say(Message, "it is an object that is not linked yet; link it with nthost-cc --driver");
        OsElfClose(Elf);
        return OS_E_INVALID;
    }
    Module->Handle = dlopen(Resolved, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (Module->Handle != NULL)
    {
        // The loader would hand out the same image, with the static data of the first.
        (void)dlclose(Module->Handle);
        Say(Message, "it is loaded already");
        OsElfClose(Elf);
        return OS_E_EXISTS;
    }
    Module->Handle = dlopen(Resolved, RTLD_NOW | RTLD_LOCAL);
    if (Module->Handle == NULL)
    {
        const char *Reason = dlerror();
        char Copy[512];

        // The search below makes errors of its own in the loader's buffer.
        snprintf(Copy, sizeof(Copy), "%s", Reason == NULL ? "unknown reason" : Reason);
        if (NameMissingSymbols(Elf, Message) == 0)
        {
            Say(Message, "%s", Copy);
        }
        Error = OS_E_INVALID;
    }
    else
    {
        (void)dlinfo(Module->Handle, RTLD_DI_LINKMAP, &Map);
        Module->Base = Map->l_addr;
        (void)dl_iterate_phdr(FindRange, Module);
    }
    OsElfClose(Elf);
    return Error;
}

int
OsModuleLoad(const char *Path, OS_MODULE **Result, char *Text, size_t TextSize)
{
    MESSAGE Message = {.Text = Text, .Size = TextSize};
    char Resolved[PATH_MAX];
    OS_MODULE *Module;
    int Error;

    if (TextSize > 0)
    {
        Text[0] = '\0';
    }
    // Absolute: for a bare name the loader would search the system's directories instead of ours.
    if (realpath(Path, Resolved) == NULL)
    {
        Error = OspError(errno);
        Say(&Message, "%s", Error == OS_E_NOT_FOUND ? "there is no such file" : OsErrorText(Error));
        return Error;
    }
    Module = calloc(1, sizeof(*Module));
    if (Module == NULL)
    {
        Say(&Message, "out of memory");
        return OS_E_NO_MEMORY;
    }
    Error = Open(Resolved, Module, &Message);
    if (Error != OS_OK)
    {
        free(Module);
        return Error;
    }
    *Result = Module;
    return OS_OK;
}

void *
OsModuleSymbol(OS_MODULE *Module, const char *Name)
{
    void *Address = dlsym(Module->Handle, Name);

    // The loader also searches what the module depends on; a DriverEntry of another is none.
    return Address != NULL && OsModuleContains(Module, Address) ? Address : NULL;
}

bool
OsModuleContains(OS_MODULE *Module, const void *Address)
{
    return (uintptr_t)Address >= Module->Low && (uintptr_t)Address < Module->High;
}

void
OsModuleBounds(OS_MODULE *Module, const void **Low, const void **High)
{
    *Low = (const void *)Module->Low;
    *High = (const void *)Module->High;
}

bool
OsSelfContains(const void *Address)
{
    return (uintptr_t)Address >= (uintptr_t)__ehdr_start && (uintptr_t)Address < (uintptr_t)_end;
}

void
OsModuleUnload(OS_MODULE *Module)
{
    struct link_map *Map = NULL;

    if (dlinfo(Module->Handle, RTLD_DI_LINKMAP, &Map) == 0)
    {
        OspSymbolKeep(Map->l_name, Module->Base, Module->Low, Module->High);
    }
    (void)dlclose(Module->Handle);
    free(Module);
}
