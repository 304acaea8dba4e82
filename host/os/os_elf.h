// SPDX-License-Identifier: MIT
// Reads an ELF file: what a driver needs, what a library offers, what an object refers to.
//
// The file may be anybody's: every offset and length in it is checked before it is followed, and a
// file that lies is refused with a sentence that says so.
#ifndef HOST_OS_ELF_H
#define HOST_OS_ELF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct OS_ELF OS_ELF;

// Reads the file at Path: a shared object (or PIE) or a relocatable object, for 64-bit x86. Returns
// OS_OK and *Elf, which the caller closes, or an OS_E value, *Elf = NULL, and in Message (MessageSize
// bytes, terminated; NULL and 0 for none) one line that says why, without the path.
int OsElfOpen(const char *Path, OS_ELF **Elf, char *Message, size_t MessageSize);
void OsElfClose(OS_ELF *Elf);  // NULL is allowed

typedef struct OS_ELF_SYMBOL
{
    const char *Name;  // lives as long as the OS_ELF
    bool Defined;      // false: somebody else must define it
    bool Weak;         // undefined and weak: may stay undefined
    bool Function;
} OS_ELF_SYMBOL;

// Calls Each for every global and weak symbol, in file order, until it returns false. Of a shared
// object these are the dynamic ones: what it imports and what others can bind to.
typedef bool OS_ELF_SYMBOL_ROUTINE(void *Context, const OS_ELF_SYMBOL *Symbol);
void OsElfSymbols(const OS_ELF *Elf, OS_ELF_SYMBOL_ROUTINE *Each, void *Context);

// The Index-th library that a shared object needs (DT_NEEDED), or NULL after the last.
const char *OsElfNeeded(const OS_ELF *Elf, unsigned Index);

// The bytes of the section Name and their *Size, or NULL when there is none (or it has no bytes).
const void *OsElfSection(const OS_ELF *Elf, const char *Name, size_t *Size);

#endif
