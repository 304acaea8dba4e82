// SPDX-License-Identifier: MIT
// Reads the symbols and needed libraries of an ELF file, trusting none of its bytes.
#include "host/os/os_elf.h"

#include "host/os/os_internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A whole file in private memory (a copy: the file may shrink while we look at a mapping of it), and
// the tables found in it. Everything below is immutable after OsElfOpen.
struct OS_ELF
{
    unsigned char *Bytes;
    size_t Size;
    const Elf64_Ehdr *Header;
    const Elf64_Shdr *Sections;
    unsigned SectionCount;
    const char *SectionNames;
    size_t SectionNamesSize;
    const Elf64_Sym *Symbols;
    size_t SymbolCount;
    const char *Strings;
    size_t StringsSize;
    const Elf64_Dyn *Dynamic;
    size_t DynamicCount;
};

static bool
InFile(const OS_ELF *Elf, uint64_t Offset, uint64_t Size, unsigned Alignment)
{
    return Offset <= Elf->Size && Size <= Elf->Size - Offset && Offset % Alignment == 0;
}

// A string of a table, or NULL when it starts outside or does not end inside.
static const char *
TableString(const char *Table, size_t TableSize, uint64_t Offset)
{
    if (Offset >= TableSize || memchr(Table + Offset, '\0', TableSize - Offset) == NULL)
    {
        return NULL;
    }
    return Table + Offset;
}

static int
ReadWhole(const char *Path, OS_ELF *Elf)
{
    struct stat Status;
    int Error = OS_OK;
    int Fd = open(Path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (Fd < 0)
    {
        return OspError(errno);
    }
    if (fstat(Fd, &Status) != 0)
    {
        Error = OspError(errno);
    }
    else if (!S_ISREG(Status.st_mode))
    {
        Error = OS_E_INVALID;
    }
    else
    {
        Elf->Bytes = malloc((size_t)Status.st_size + 1);
        if (Elf->Bytes == NULL)
        {
            Error = OS_E_NO_MEMORY;
        }
    }
    while (Error == OS_OK && Elf->Size < (size_t)Status.st_size)
    {
        ssize_t Got = read(Fd, Elf->Bytes + Elf->Size, (size_t)Status.st_size - Elf->Size);

        if (Got < 0 && errno != EINTR)
        {
            Error = OspError(errno);
        }
        if (Got == 0)
        {
            break;  // it shrank; what is there is judged by its bounds like everything else
        }
        if (Got > 0)
        {
            Elf->Size += (size_t)Got;
        }
    }
    (void)close(Fd);
    return Error;
}

static const char *
CheckHeader(OS_ELF *Elf)
{
    const Elf64_Ehdr *Header = (const Elf64_Ehdr *)Elf->Bytes;

    if (Elf->Size < sizeof(*Header) || memcmp(Header->e_ident, ELFMAG, SELFMAG) != 0)
    {
        if (Elf->Size >= 2 && Elf->Bytes[0] == 'M' && Elf->Bytes[1] == 'Z')
        {
            return "it is a Windows binary; compile the source with nthost-cc";
        }
        return "it is not an ELF file";
    }
    if (Header->e_ident[EI_CLASS] != ELFCLASS64 || Header->e_ident[EI_DATA] != ELFDATA2LSB ||
        Header->e_machine != EM_X86_64)
    {
        return "it is not for 64-bit x86";
    }
    if (Header->e_type != ET_DYN && Header->e_type != ET_REL)
    {
        return "it is neither a shared object nor an object file";
    }
    if (Header->e_shentsize != sizeof(Elf64_Shdr) || Header->e_shnum == 0 ||
        !InFile(Elf, Header->e_shoff, (uint64_t)Header->e_shnum * sizeof(Elf64_Shdr), 8))
    {
        return "its section table is missing or damaged";
    }
    Elf->Header = Header;
    Elf->Sections = (const Elf64_Shdr *)(Elf->Bytes + Header->e_shoff);
    Elf->SectionCount = Header->e_shnum;
    return NULL;
}

// The bytes of a section that has some, or NULL.
static const void *
SectionBytes(const OS_ELF *Elf, const Elf64_Shdr *Section, unsigned Alignment)
{
    if (Section->sh_type == SHT_NOBITS ||
        !InFile(Elf, Section->sh_offset, Section->sh_size, Alignment))
    {
        return NULL;
    }
    return Elf->Bytes + Section->sh_offset;
}

static bool
IsShared(const OS_ELF *Elf)
{
    return Elf->Header->e_type == ET_DYN;
}

static const char *
FindTables(OS_ELF *Elf)
{
    static const char Damaged[] = "its symbol table is missing or damaged";
    bool Shared = Elf->Header->e_type == ET_DYN;

    if (Elf->Header->e_shstrndx < Elf->SectionCount)
    {
        const Elf64_Shdr *Names = &Elf->Sections[Elf->Header->e_shstrndx];

        Elf->SectionNames = SectionBytes(Elf, Names, 1);
        Elf->SectionNamesSize = Elf->SectionNames == NULL ? 0 : Names->sh_size;
    }
    for (unsigned Index = 0; Index < Elf->SectionCount; Index++)
    {
        const Elf64_Shdr *Section = &Elf->Sections[Index];

        if (Section->sh_type == (Shared ? SHT_DYNSYM : SHT_SYMTAB))
        {
            const Elf64_Shdr *Strings;

            Elf->Symbols = SectionBytes(Elf, Section, 8);
            if (Elf->Symbols == NULL || Section->sh_entsize != sizeof(Elf64_Sym) ||
                Section->sh_link >= Elf->SectionCount)
            {
                return Damaged;
            }
            Elf->SymbolCount = Section->sh_size / sizeof(Elf64_Sym);
            Strings = &Elf->Sections[Section->sh_link];
            Elf->Strings = SectionBytes(Elf, Strings, 1);
            Elf->StringsSize = Elf->Strings == NULL ? 0 : Strings->sh_size;
        }
        if (Section->sh_type == SHT_DYNAMIC)
        {
            Elf->Dynamic = SectionBytes(Elf, Section, 8);
            Elf->DynamicCount = Elf->Dynamic == NULL ? 0 : Section->sh_size / sizeof(Elf64_Dyn);
        }
    }
    if (Elf->Symbols == NULL || Elf->Strings == NULL)
    {
        return Damaged;
    }
    return Elf->Dynamic == NULL && IsShared(Elf) ? "its dynamic section is missing or damaged"
                                                 : NULL;
}

int
OsElfOpen(const char *Path, OS_ELF **Result, char *Message, size_t MessageSize)
{
    OS_ELF *Elf = calloc(1, sizeof(*Elf));
    const char *Why = NULL;
    int Error;

    *Result = NULL;
    if (Elf == NULL)
    {
        snprintf(Message, MessageSize, "out of memory");
        return OS_E_NO_MEMORY;
    }
    Error = ReadWhole(Path, Elf);
    if (Error == OS_E_INVALID)
    {
        Why = "it is not a regular file";
    }
    else if (Error == OS_E_NOT_FOUND)
    {
        Why = "there is no such file";
    }
    else if (Error != OS_OK)
    {
        Why = OsErrorText(Error);
    }
    if (Why == NULL)
    {
        Why = CheckHeader(Elf);
        if (Why == NULL)
        {
            Why = FindTables(Elf);
        }
        Error = Why == NULL ? OS_OK : OS_E_INVALID;
    }
    if (Why != NULL)
    {
        snprintf(Message, MessageSize, "%s", Why);
        OsElfClose(Elf);
        return Error;
    }
    *Result = Elf;
    return OS_OK;
}

void
OsElfClose(OS_ELF *Elf)
{
    if (Elf != NULL)
    {
        free(Elf->Bytes);
        free(Elf);
    }
}

void
OsElfSymbols(const OS_ELF *Elf, OS_ELF_SYMBOL_ROUTINE *Each, void *Context)
{
    for (size_t Index = 1; Index < Elf->SymbolCount; Index++)  // 0 is the null symbol
    {
        const Elf64_Sym *Entry = &Elf->Symbols[Index];
        unsigned Binding = ELF64_ST_BIND(Entry->st_info);
        unsigned Type = ELF64_ST_TYPE(Entry->st_info);
        OS_ELF_SYMBOL Symbol;

        Symbol.Name = TableString(Elf->Strings, Elf->StringsSize, Entry->st_name);
        if (Binding == STB_LOCAL || Symbol.Name == NULL || Symbol.Name[0] == '\0')
        {
            continue;
        }
        Symbol.Defined = Entry->st_shndx != SHN_UNDEF;
        Symbol.Weak = Binding == STB_WEAK;
        Symbol.Function = Type == STT_FUNC || Type == STT_GNU_IFUNC;
        if (!Each(Context, &Symbol))
        {
            return;
        }
    }
}

const char *
OsElfNeeded(const OS_ELF *Elf, unsigned Index)
{
    for (size_t Entry = 0; Entry < Elf->DynamicCount; Entry++)
    {
        if (Elf->Dynamic[Entry].d_tag == DT_NULL)
        {
            break;
        }
        if (Elf->Dynamic[Entry].d_tag == DT_NEEDED && Index-- == 0)
        {
            return TableString(Elf->Strings, Elf->StringsSize, Elf->Dynamic[Entry].d_un.d_val);
        }
    }
    return NULL;
}

const void *
OsElfSection(const OS_ELF *Elf, const char *Name, size_t *Size)
{
    for (unsigned Index = 0; Index < Elf->SectionCount; Index++)
    {
        const Elf64_Shdr *Section = &Elf->Sections[Index];
        const char *Found = TableString(Elf->SectionNames, Elf->SectionNamesSize, Section->sh_name);

        if (Found != NULL && strcmp(Found, Name) == 0)
        {
            *Size = Section->sh_size;
            return SectionBytes(Elf, Section, 1);
        }
    }
    return NULL;
}
