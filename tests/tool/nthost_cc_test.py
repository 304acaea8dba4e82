#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nthost-cc makes closed drivers and applications, and refuses everything else by name."""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

NTHOST_CC, COMPILER_ID, SANITIZE = sys.argv[1:4]

DRIVER = """
#include <ntddk.h>
DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KEVENT Event;
    (void)DriverObject;
    (void)RegistryPath;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return KeSetEvent(&Event, 0, FALSE) == 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
"""
APP = """
#include <windows.h>
int main(int Count, char **Arguments)
{
    (void)Arguments;
    return Count + (int)sizeof(WCHAR) * 10 + (int)sizeof(L'x') * 100 + (int)sizeof(LONG);
}
"""


class NthostCc(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="nthost cc ")
        self.folder = self.temporary.name

    def tearDown(self):
        self.temporary.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_tool(self, *arguments):
        done = subprocess.run([NTHOST_CC, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr

    def make(self, *arguments):
        self.assertEqual(self.run_tool(*arguments), (0, "", ""))

    def files(self):
        return sorted(os.listdir(self.folder))

    def readelf(self, option, name):
        return subprocess.run(["readelf", "-W", option, self.path(name)], capture_output=True,
                              text=True, timeout=60, check=True).stdout

    def exports(self, name):
        """The names that the file defines for others."""
        found = set()
        for line in self.readelf("--dyn-syms", name).splitlines():
            field = line.split()
            if len(field) == 8 and field[4] in ("GLOBAL", "WEAK") and field[6] != "UND":
                found.add(field[7].split("@")[0])
        return found

    def library_folder(self):
        folder = os.path.dirname(os.path.realpath(NTHOST_CC))
        return os.path.normpath(os.path.join(folder, "../lib"))

    def test_driver(self):
        self.write("driver.c", DRIVER)
        self.make("--driver", "driver.c", "-o", "made.sys")
        self.assertEqual(self.files(), ["driver.c", "made.sys"])
        self.assertEqual(self.exports("made.sys"), {"DriverEntry"})
        dynamic = self.readelf("-d", "made.sys")
        self.assertIn("Shared library: [libnthost.so]", dynamic)
        self.assertIn(f"Library runpath: [{self.library_folder()}]", dynamic)
        self.assertIn("Build ID:", self.readelf("-n", "made.sys"))

    def test_app(self):
        self.write("app.c", APP)
        self.make("--app", "app.c", "-o", "made")
        done = subprocess.run([self.path("made"), "x"], timeout=60, check=False,
                              capture_output=True)
        # Neither host nor driver: only the sizes and the arguments count here.
        self.assertEqual(done.returncode, 2 + 20 + 200 + 4, done.stderr)
        dynamic = self.readelf("-d", "made")
        self.assertIn("Shared library: [libntwin32.so]", dynamic)
        self.assertIn(f"Library runpath: [{self.library_folder()}]", dynamic)

    def test_app_does_not_take_a_library_function_s_place(self):
        self.write("app.c", APP + "int write(int A);\nint write(int A) { return A; }\n")
        self.make("--app", "app.c", "-o", "made")
        self.assertNotIn("write", self.exports("made"))

    def test_name_of_the_output(self):
        self.write("one.c", DRIVER)
        self.write("two.c", APP)
        self.make("--driver", self.path("one.c"))
        self.make("--app", "two.c")
        self.assertEqual(self.files(), ["one.c", "one.sys", "two", "two.c"])

    def test_objects(self):
        self.write("main.c", "int Twice(int);\n" + DRIVER.replace("? STATUS_SUCCESS", "? Twice(0)"))
        self.write("more.c", "int Twice(int A);\nint Twice(int A) { return 2 * A; }\n")
        self.make("--driver", "-c", "main.c", "more.c")
        self.assertEqual(self.files(), ["main.c", "main.o", "more.c", "more.o"])
        self.make("--driver", "main.o", "more.o", "-o", "made.sys")
        self.make("--driver", "main.c", "more.o", "-o", "mixed.sys")
        self.assertEqual(self.exports("made.sys"), {"DriverEntry"})
        self.assertEqual(self.exports("mixed.sys"), {"DriverEntry"})

    def test_archive(self):
        self.write("main.c", "int Twice(int);\n" + DRIVER.replace("? STATUS_SUCCESS", "? Twice(0)"))
        self.write("more.c", "int KeFrobnicate(int);\nint Twice(int A);\n"
                             "int Twice(int A) { return KeFrobnicate(A); }\n")
        self.make("--driver", "-c", "more.c")
        subprocess.run(["ar", "rc", "libmore.a", "more.o"], cwd=self.folder, check=True, timeout=60)
        for how in (["libmore.a"], ["-L.", "-lmore"]):
            status, _, said = self.run_tool("--driver", "main.c", *how, "-o", "made.sys")
            self.assertEqual(status, 1)
            self.assertIn("  KeFrobnicate (needed by a library)\n", said)

    def test_options_reach_the_compiler(self):
        self.write("app.c", "#include <here.h>\n#if A != 7 || defined(B) || defined(__OPTIMIZE__)\n"
                            "#error options\n#endif\nint main(void) { return HERE; }\n")
        os.mkdir(self.path("inc"))
        self.write("inc/here.h", "#define HERE 0\n")
        self.make("--app", "app.c", "-I", "inc", "-DA=7", "-D", "B", "-UB", "-O0", "-g0",
                  "-std=c11", "-Wall", "-Wextra", "-Werror", "-fno-common", "-o", "made")
        self.assertEqual(subprocess.run([self.path("made")], timeout=60, check=False).returncode, 0)

    def test_dependency_file(self):
        self.write("app.c", '#include "here.h"\n' + APP)
        self.write("here.h", "\n")
        self.make("--app", "-c", "app.c", "-o", "app.o", "-MD", "-MF", "app.d", "-MT", "goal")
        with open(self.path("app.d"), encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith("goal:"))
        self.assertIn("here.h", text)
        self.assertIn("windows.h", text)
        self.assertNotIn(".nthost-cc", text)

    def test_verbose(self):
        self.write("driver.c", DRIVER)
        status, output, said = self.run_tool("--driver", "-v", "driver.c")
        self.assertEqual((status, output), (0, ""))
        self.assertEqual(len(said.splitlines()), 2)
        self.assertIn("-fshort-wchar", said)
        self.assertIn("-Wl,--version-script=", said)

    def test_closure_names_every_function(self):
        self.write("main.c", "int KeFrobnicate(void);\nint One(void);\n" +
                   DRIVER.replace("? STATUS_SUCCESS", "? KeFrobnicate() + One()"))
        self.write("one.c", "#include <stdlib.h>\n#include <stdio.h>\nint KeFrobnicate(void);\n"
                            "int ZwUnheardOf(void *);\nint One(void);\nint One(void)\n{\n"
                            '    void *P = malloc((size_t)KeFrobnicate());\n    printf("%p", P);\n'
                            "    return ZwUnheardOf(P);\n}\n")
        self.write("made.sys", "an older one")
        status, output, said = self.run_tool("--driver", "main.c", "one.c", "-o", "made.sys")
        self.assertEqual((status, output), (1, ""))
        lines = said.splitlines()
        self.assertEqual(lines[0], "nthost-cc: made.sys needs what nthost does not have:")
        self.assertEqual(sorted(lines[1:]), [
            "  KeFrobnicate (needed by main.c, one.c)",
            "  ZwUnheardOf (needed by one.c)",
            "  malloc (needed by one.c): a driver uses ExAllocatePool2",
            "  printf (needed by one.c): a driver uses DbgPrint"])
        self.assertEqual(self.files(), ["main.c", "one.c"])

    def test_closure_allows_the_compiler_s_own_calls(self):
        self.write("driver.c", DRIVER + """
typedef struct BIG { char Bytes[4096]; } BIG;
void Copy(BIG *To, const BIG *From);
void Copy(BIG *To, const BIG *From) { *To = *From; }
void Zero(BIG *To);
void Zero(BIG *To) { *To = (BIG){{0}}; }
extern int NotThere(void) __attribute__((weak));
int Ask(void);
int Ask(void) { return NotThere != NULL; }
""")
        self.make("--driver", "driver.c")

    def test_app_names_every_missing_function(self):
        self.write("app.c", "int Frobnicate(void); int ZwUnheardOf(void);\n"
                            "int main(void) { return Frobnicate() + ZwUnheardOf(); }\n")
        status, _, said = self.run_tool("--app", "app.c", "-o", "made")
        self.assertEqual(status, 1)
        self.assertIn("Frobnicate", said)
        self.assertIn("ZwUnheardOf", said)
        self.assertIn("nthost-cc: made was not linked", said)
        self.assertEqual(self.files(), ["app.c"])

    def test_no_driver_entry(self):
        self.write("none.c", "int Other(void);\nint Other(void) { return 0; }\n")
        self.write("hidden.c", "int Other(void);\nstatic int DriverEntry(void) { return 0; }\n"
                               "int Other(void) { return DriverEntry(); }\n")
        self.write("data.c", "int DriverEntry = 1;\n")
        for source in ("none", "hidden", "data"):
            with self.subTest(source):
                status, output, said = self.run_tool("--driver", source + ".c", "-o", "made.sys")
                self.assertEqual((status, output), (1, ""))
                self.assertIn("nthost-cc: made.sys has no DriverEntry", said)
                self.assertEqual(self.files(), ["data.c", "hidden.c", "none.c"])

    def test_does_not_compile(self):
        self.write("one.c", "int F(void) { return Undeclared(); }\n")
        self.write("two.c", "int G(void) { return 1 }\n")
        self.write("made.sys", "an older one")
        status, output, said = self.run_tool("--driver", "one.c", "two.c", "-o", "made.sys")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("Undeclared", said)
        self.assertIn("two.c:1", said)
        self.assertEqual(self.files(), ["one.c", "two.c"])

    def test_missing_files_are_all_named(self):
        self.write("driver.c", DRIVER)
        status, output, said = self.run_tool("--driver", "no1.c", "driver.c", "no2.o",
                                             "-o", "made.sys")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("cannot read 'no1.c'", said)
        self.assertIn("cannot read 'no2.o'", said)
        self.assertNotIn("driver.c", said)
        self.assertEqual(self.files(), ["driver.c"])

    def test_damaged_object(self):
        self.write("driver.c", DRIVER)
        self.write("bad.o", "this is no object")
        status, _, _ = self.run_tool("--driver", "driver.c", "bad.o", "-o", "made.sys")
        self.assertEqual(status, 1)
        self.assertEqual(self.files(), ["bad.o", "driver.c"])

    def test_wrong_arguments(self):
        self.write("a.c", DRIVER)
        self.write("b.c", DRIVER)
        before = self.files()
        for arguments, said in (
                ([], "say --driver or --app"),
                (["a.c"], "say --driver or --app"),
                (["--driver"], "no input file"),
                (["--driver", "--app", "a.c"], "exclude each other"),
                (["--driver", "a.cpp"], "'a.cpp' is no C source"),
                (["--driver", "a.c", "-o"], "-o needs a value"),
                (["--driver", "a.c", "-o", ""], "-o needs a file name"),
                (["--driver", "a.c", "-I"], "-I needs a value"),
                (["--driver", "a.c", "-o", "x", "-o", "y"], "-o given twice"),
                (["--driver", "a.c", "-o", "a.c"], "both input and output"),
                (["--driver", "a.c", "b.c", "-c", "-o", "x.o"], "takes one source"),
                (["--driver", "-c", "a.o"], "nothing to compile"),
                (["--driver", "a.c", "-MD"], "'-MD' works with -c only"),
                (["--driver", "a.c", "--frob"], "unknown option '--frob'"),
                (["--driver", "a.c", "-q"], "unknown option '-q'"),
                (["--driver", "a.c", "--cc=tcc"], "it is gcc or clang"),
                (["--driver", "a.c", "-fsanitize=address"], "the flavour decides")):
            with self.subTest(" ".join(arguments)):
                status, output, error = self.run_tool(*arguments)
                self.assertEqual((status, output), (2, ""))
                self.assertIn(said, error)
                self.assertIn("Try nthost-cc --help.", error)
                self.assertEqual(self.files(), before)

    def test_output_that_cannot_be(self):
        self.write("a.c", DRIVER)
        for output, said in (("no/such/x.sys", "cannot write into 'no/such'"),
                             ("/proc/x.sys", "cannot write into '/proc'"),
                             ("/dev/null", "not a regular file"), (".", "not a regular file")):
            with self.subTest(output):
                for mode in (["--driver"], ["--driver", "-c"]):
                    status, _, error = self.run_tool(*mode, "a.c", "-o", output)
                    self.assertEqual(status, 1)
                    self.assertIn(said, error)
                    self.assertEqual(self.files(), ["a.c"])
        self.assertFalse(os.path.isfile("/dev/null"))

    def test_help_and_version(self):
        status, output, error = self.run_tool("--help")
        self.assertEqual((status, error), (0, ""))
        self.assertIn("nthost-cc --driver FILE...", output)
        status, output, error = self.run_tool("--version")
        self.assertEqual((status, error), (0, ""))
        self.assertRegex(output, r"^nthost-cc \d+\.\d+\.\d+ \((GNU|Clang)")

    def test_other_compiler(self):
        other = "clang" if COMPILER_ID == "GNU" else "gcc"
        self.write("driver.c", DRIVER)
        self.write("app.c", APP)
        status, _, error = self.run_tool(f"--cc={other}", "--driver", "driver.c")
        if SANITIZE:
            self.assertEqual(status, 2)
            self.assertIn("runtimes do not mix", error)
            return
        self.assertEqual((status, error), (0, ""))
        self.make(f"--cc={other}", "--app", "app.c", "-o", "made")
        self.assertEqual(self.exports("driver.sys"), {"DriverEntry"})

    # What only one kind of flavour can show.
    if SANITIZE:
        def test_sanitized(self):
            self.write("driver.c", DRIVER)
            self.make("--driver", "driver.c")
            self.assertRegex(self.readelf("--dyn-syms", "driver.sys"),
                             r"UND __(tsan|asan)_\w+")
    else:
        def test_object_of_another_flavour(self):
            compiler = "gcc" if COMPILER_ID == "GNU" else "clang"
            self.write("driver.c", DRIVER)
            self.write("more.c", "int More(int *A);\nint More(int *A) { return *A; }\n")
            subprocess.run([compiler, "-fPIC", "-fsanitize=address", "-c", "more.c"],
                           cwd=self.folder, check=True, timeout=60)
            status, _, error = self.run_tool("--driver", "driver.c", "more.o", "-o", "made.sys")
            self.assertEqual(status, 1)
            self.assertRegex(error, r"__asan_report_load4 \(needed by more.o\)")
            self.assertIn("of another flavour", error)
            self.assertEqual(self.files(), ["driver.c", "more.c", "more.o"])

        def test_interrupt_leaves_nothing(self):
            other = "clang" if COMPILER_ID == "GNU" else "gcc"
            with tempfile.TemporaryDirectory() as tools:
                ready = os.path.join(tools, "ready")
                # A compiler that says who it is, and then takes for ever.
                with open(os.path.join(tools, other), "w", encoding="utf-8") as file:
                    file.write(f"#!/bin/sh\necho $$ >'{ready}.new' && mv '{ready}.new' '{ready}'\n"
                               "exec sleep 100000\n")
                os.chmod(os.path.join(tools, other), 0o755)
                self.write("driver.c", DRIVER)
                self.write("driver.sys", "an older one")
                for number in (signal.SIGINT, signal.SIGTERM):
                    with self.subTest(number):
                        running = subprocess.Popen(
                            [NTHOST_CC, f"--cc={other}", "--driver", "driver.c"], cwd=self.folder,
                            env=dict(os.environ, PATH=tools + ":" + os.environ["PATH"]),
                            stderr=subprocess.PIPE, text=True)
                        deadline = time.monotonic() + 60
                        while not os.path.exists(ready) and time.monotonic() < deadline:
                            time.sleep(0.01)
                        with open(ready, encoding="utf-8") as file:
                            compiler = int(file.read())
                        os.remove(ready)
                        # Only nthost-cc is told, as by kill; the compiler must end with it.
                        running.send_signal(number)
                        _, error = running.communicate(timeout=60)
                        self.assertEqual(running.returncode, -number)
                        self.assertEqual(error, "")
                        self.assertEqual(self.files(), ["driver.c"])
                        self.assertFalse(os.path.exists(f"/proc/{compiler}"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
