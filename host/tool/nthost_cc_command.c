// SPDX-License-Identifier: MIT
// The compiler and linker commands of nthost-cc.
#include "tool/nthost_cc.h"
#include "nthost_cc_config.h"

static void
AddEach(CC_LIST *Command, const char *const *Options)
{
    for (; *Options != NULL; Options++)
    {
        CcListAdd(Command, *Options);
    }
}

static void
AddSanitizers(CC_LIST *Command)
{
    static const char *const Flags[] = NTHOST_CC_SANITIZE_FLAGS;
    AddEach(Command, Flags);
}

void
CcCompileCommand(const CC_OPTIONS *Options, const CC_PLACES *Places, const char *Source,
                 const char *Object, CC_LIST *Command)
{
    // Defaults, which the caller's own options come after and override.
    static const char *const Defaults[] = {"-std=gnu11", "-O2", "-g",
                                           "-Werror=implicit-function-declaration", NULL};
    // Needed in any case, so they come last. -fno-strict-aliasing: Windows source is written for a
    // compiler without that rule. -mcx16: InterlockedCompareExchange128. Multi-character constants
    // are pool tags, and unknown pragmas are MSVC's.
    static const char *const Needed[] = {"-fshort-wchar",
                                         "-fno-omit-frame-pointer",
                                         "-fno-strict-aliasing",
                                         "-mcx16",
                                         "-Wno-multichar",
                                         "-Wno-unknown-pragmas",
                                         NULL};
    // A driver's DriverEntry must stay visible for the linker's version script, which hides all the
    // rest; no semantic interposition lets the compiler treat its functions as final regardless. A
    // function that ends in a call of the kernel must stay on the stack for the verifier to name it.
    static const char *const Driver[] = {"-fPIC", "-fno-semantic-interposition",
                                         "-fno-optimize-sibling-calls", NULL};
    // An application's functions must never take the place of a library's of the same name.
    static const char *const App[] = {"-fPIE", "-fvisibility=hidden", NULL};
    // What Windows compilers predefine. Source that includes a Linux library's header which looks at
    // _WIN32 (pcap.h does) is compiled with -U_WIN32.
    static const char *const Defines[] = {"-D_WIN32", "-D_WIN64",     "-D_AMD64_",
                                          "-DAMD64",  "-D_M_X64=100", NULL};

    CcListAdd(Command, Options->Compiler);
    CcListAdd(Command, "-c");
    AddEach(Command, Defaults);
    AddEach(Command, Options->Kind == CC_KIND_DRIVER ? Driver : App);
    AddEach(Command, Defines);
    CcListAddAll(Command, &Options->Compile);
    AddEach(Command, Needed);
    AddSanitizers(Command);
    const char *Surface = Options->Kind == CC_KIND_DRIVER ? "km" : "um";
    const char *const Folders[] = {Surface, "shared"};
    for (size_t Index = 0; Index < 2; Index++)
    {
        CcListAdd(Command, "-isystem");
        CcListAddFormat(Command, "%s/%s", Places->Include, Folders[Index]);
    }
    CcListAdd(Command, "-isystem");
    CcListAdd(Command, NTHOST_CC_WINE_INCLUDE);
    CcListAddAll(Command, &Options->Depend);
    CcListAdd(Command, Source);
    CcListAdd(Command, "-o");
    CcListAdd(Command, Object);
}

void
CcLinkCommand(const CC_OPTIONS *Options, const CC_PLACES *Places, const CC_LIST *Objects,
              const char *VersionScript, const char *Output, CC_LIST *Command)
{
    bool Driver = Options->Kind == CC_KIND_DRIVER;
    CcListAdd(Command, Options->Compiler);
    AddSanitizers(Command);
    if (Driver)
    {
        CcListAdd(Command, "-shared");
        CcListAdd(Command, "-Wl,-Bsymbolic");
        CcListAddFormat(Command, "-Wl,--version-script=%s", VersionScript);
    }
    else
    {
        CcListAdd(Command, "-pie");
    }
    CcListAdd(Command, "-Wl,--build-id,-z,now,--enable-new-dtags");
    CcListAddAll(Command, Objects);
    CcListAddAll(Command, &Options->Link);
    // Named by its path, so that no -L can put another in its place, and recorded even where nothing
    // of it is called: it is how the program gets its kernel.
    CcListAdd(Command, "-Wl,--no-as-needed");
    CcListAddFormat(Command, "%s/%s", Places->Library, Driver ? "libnthost.so" : "libntwin32.so");
    CcListAdd(Command, "-Wl,--as-needed");
    CcListAddFormat(Command, "-Wl,-rpath,%s", Places->Library);
    CcListAdd(Command, "-o");
    CcListAdd(Command, Output);
}
