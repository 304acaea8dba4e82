// SPDX-License-Identifier: MIT
// The exports of the module that holds the executive (or whoever linked this file).
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <dlfcn.h>

void *
OsSelfSymbol(const char *Name)
{
    Dl_info Info;
    void *Handle;
    void *Symbol = NULL;

    if (dladdr((void *)&OsSelfSymbol, &Info) == 0)
    {
        return NULL;
    }
    Handle = dlopen(Info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (Handle == NULL)
    {
        return NULL;
    }
    // A lookup goes on into the libraries that this module needs: those are not asked for.
    Symbol = dlsym(Handle, Name);
    (void)dlclose(Handle);  // the module is running: it stays
    return OsSelfContains(Symbol) ? Symbol : NULL;
}
