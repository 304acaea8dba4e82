#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""script/check-deps finds each kind of violation, and nothing in the same tree without it."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = None

HEAD = "// SPDX-License-Identifier: MIT\n// A file of the test tree.\n"

# A tree that keeps every rule, with the likes of each include that is allowed.
CLEAN = {
    "include/upcall/protocol.h": "#include <stdint.h>\n",
    "include/upcall/driver.h": "#include <ntddk.h>\n#include <upcall/protocol.h>\n",
    "include/upcall/client.h": '#include <windows.h>\n#include "upcall/protocol.h"\n',
    "src/shared/atomics.h": "#if defined(_MSC_VER)\n#include <intrin.h>\n#endif\n",
    "src/shared/ring.c": '#include "shared/atomics.h"\n#include <stdint.h>\n',
    "src/driver/channel.c": '#include "upcall/driver.h"\n#include "shared/atomics.h"\n'
                            "// A comment may say %ld and #include <unistd.h>.\n",
    "src/client/receive.c": '#include "upcall/client.h"\n#include <stdio.h>\n'
                            'const char *Format = "100%% of %llu, %s %5d %-8llx";\n',
    "src/tool/capture.c": "#include <pcap.h>\n#include <windows.h>\n",
    "src/tool/feed.c": '#include "upcall/client.h"\n#include "drivers/relay/relay.h"\n',
    "drivers/relay/relay.h": "#include <stdint.h>\n",
    "drivers/relay/relay.c": '#include "upcall/driver.h"\n#include "relay.h"\n',
    "host/os/os.h": "#include <stdint.h>\n",
    "host/os/os.c": '#include "os/os.h"\n#include <sys/mman.h>\n#include <pthread.h>\n',
    "host/ke/wait.c": '#include "os/os.h"\n#include <ntddk.h>\n#include <string.h>\n',
    "host/include/km/ntddk.h": "#include <windef.h>\n",
    "script/some": None,
}

# name: (file, line to add, what must be said)
VIOLATIONS = {
    "protocol.h includes Windows": ("include/upcall/protocol.h", "#include <windows.h>",
                                    "may not include <windows.h>"),
    "protocol.h includes the kit": ("include/upcall/protocol.h", "#include <upcall/driver.h>",
                                    "fixed-width types"),
    "driver.h includes Win32": ("include/upcall/driver.h", "#include <windows.h>",
                                "may not include <windows.h>"),
    "client.h includes the WDK": ("include/upcall/client.h", "#include <ntddk.h>",
                                  "may not include <ntddk.h>"),
    "driver includes Linux": ("src/driver/channel.c", "#include <unistd.h>",
                              "driver may not include <unistd.h>"),
    "driver includes C beyond freestanding": ("src/driver/channel.c", "#include <stdlib.h>",
                                              "driver may not include <stdlib.h>"),
    "client includes Linux": ("src/client/receive.c", "#include <sys/eventfd.h>",
                              "client may not include <sys/eventfd.h>"),
    "tool includes Linux": ("src/tool/feed.c", "#  include <pthread.h>",
                            "tool may not include <pthread.h>"),
    "reference driver includes Linux": ("drivers/relay/relay.c", "#include <linux/if_ether.h>",
                                        "drivers may not include <linux/if_ether.h>"),
    "shared includes Windows": ("src/shared/ring.c", "#include <windows.h>",
                                "shared may not include <windows.h>"),
    "shared includes the driver side": ("src/shared/ring.c", '#include "driver/channel.c"',
                                        "shared must not include src/driver/channel.c"),
    "shared includes one side's header": ("src/shared/ring.c", '#include "upcall/driver.h"',
                                          "driver.h is not for shared"),
    "client includes the driver's header": ("src/client/receive.c", "#include <upcall/driver.h>",
                                            "driver.h is not for client"),
    "driver includes the client's header": ("src/driver/channel.c", "#include <upcall/client.h>",
                                            "client.h is not for driver"),
    "client.h includes driver.h": ("include/upcall/client.h", "#include <upcall/driver.h>",
                                   "driver.h is not for include/upcall/client.h"),
    "driver includes the client side": ("src/driver/channel.c", '#include "client/receive.c"',
                                        "driver must not include src/client/receive.c"),
    "client includes the driver side": ("src/client/receive.c", '#include "../driver/channel.c"',
                                        "client must not include src/driver/channel.c"),
    "tool goes past the client": ("src/tool/feed.c", '#include "shared/atomics.h"',
                                  "tool must not include src/shared/atomics.h"),
    "kit includes nthost": ("src/client/receive.c", '#include "host/os/os.h"',
                            "the kit must not include host/os/os.h"),
    "pcap.h elsewhere": ("src/tool/feed.c", "#include <pcap.h>", "only src/tool/capture.c"),
    "a conditional for nthost": ("src/driver/channel.c", "#ifdef NTHOST\n#endif", "know nthost"),
    "a conditional for Linux": ("src/client/receive.c", "#if defined(__linux__)\n#endif",
                                "conditional for a system"),
    "a conditional for a compiler": ("src/driver/channel.c", "#ifdef _MSC_VER\n#endif",
                                     "conditionals for a compiler"),
    "intrin.h outside atomics.h": ("src/shared/ring.c", "#include <intrin.h>",
                                   "may not include <intrin.h>"),
    "host includes the kit": ("host/ke/wait.c", "#include <upcall/protocol.h>",
                              "nthost knows nothing of the kit"),
    "host/os includes the kit": ("host/os/os.c", '#include "src/shared/atomics.h"',
                                 "nthost knows nothing of the kit"),
    "host includes Linux": ("host/ke/wait.c", "#include <pthread.h>",
                            "only host/os may include <pthread.h>"),
    "a public header includes the executive": ("host/include/km/ntddk.h", '#include "os/os.h"',
                                               "drivers and applications see"),
    "%ld": ("src/client/receive.c", 'const char *A = "%ld";', "%ld: integers"),
    "%5lu": ("src/tool/feed.c", 'const char *A = "a %5lu b";', "%5lu: integers"),
    "%zu": ("src/driver/channel.c", 'const char *A = "%zu";', "%zu: integers"),
    "%I64d": ("src/driver/channel.c", 'const char *A = "%I64d";', "%I64d: integers"),
    "an include by macro": ("src/driver/channel.c", "#include HEADER", "by macro"),
}


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)


def check(root):
    done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout + done.stderr


class CheckDeps(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        for path, text in CLEAN.items():
            write(self.root, path, "#!/bin/sh\n# SPDX-License-Identifier: MIT\n" if text is None
                  else HEAD + text)

    def tearDown(self):
        self.folder.cleanup()

    def test_clean(self):
        self.assertEqual(check(self.root), (0, ""))

    def test_each_violation(self):
        for name, (path, line, said) in VIOLATIONS.items():
            with self.subTest(name):
                before = HEAD + CLEAN[path]
                write(self.root, path, before + line + "\n")
                status, output = check(self.root)
                write(self.root, path, before)
                self.assertEqual(status, 1, output)
                self.assertIn(said, output)
                number = before.count("\n") + 1
                self.assertIn(f"{path}:{number}: ", output)
                self.assertEqual(check(self.root), (0, ""))

    def test_no_licence_line(self):
        write(self.root, "host/ke/new.c", "// Something.\n// Else, longer.\n")
        status, output = check(self.root)
        self.assertEqual(status, 1)
        self.assertIn("host/ke/new.c:1: the first line is not", output)

    def test_no_purpose_line(self):
        write(self.root, "host/ke/new.c", "// SPDX-License-Identifier: MIT\nint X;\n")
        status, output = check(self.root)
        self.assertEqual(status, 1)
        self.assertIn("host/ke/new.c:2: the second line", output)

    def test_script_without_licence(self):
        write(self.root, "script/new", "#!/bin/sh\n:\n")
        status, output = check(self.root)
        self.assertEqual(status, 1)
        self.assertIn("script/new:1: ", output)

    def test_long_file(self):
        write(self.root, "host/ke/new.c", HEAD + "\n" * 898)
        self.assertEqual(check(self.root), (0, ""))
        write(self.root, "host/ke/new.c", HEAD + "\n" * 899)
        status, output = check(self.root)
        self.assertEqual(status, 1)
        self.assertIn("host/ke/new.c:901: 901 lines", output)

    def test_unknown_part(self):
        write(self.root, "src/extra/new.c", HEAD + "#include <stdint.h>\n")
        status, output = check(self.root)
        self.assertEqual(status, 1)
        self.assertIn("'extra' is no part of the kit", output)

    def test_bad_arguments(self):
        status, output = check(os.path.join(self.root, "nowhere"))
        self.assertEqual(status, 2)
        self.assertIn("is not a folder", output)


if __name__ == "__main__":
    CHECK = sys.argv.pop(1)
    unittest.main()
