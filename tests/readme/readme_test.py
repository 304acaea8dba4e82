#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Takes the README's C example, puts a function around each side, and compiles both.
"""usage: readme_test.py NTHOST_CC PROJECT"""

import pathlib
import re
import subprocess
import sys
import tempfile

DRIVER = """#include <ntifs.h>
#include <upcall/driver.h>
typedef struct EXTENSION {{ PUPCALL_CHANNEL Channel; }} EXTENSION;
NTSTATUS Example(PDEVICE_OBJECT device, EXTENSION *extension, PIRP irp);
NTSTATUS Example(PDEVICE_OBJECT device, EXTENSION *extension, PIRP irp)
{{
    NTSTATUS status;
    int reading = 0;
{body}
    return status;
}}
"""

APPLICATION = """#include <upcall/client.h>
void Use(const void *Data, DWORD Length);
void Example(void);
void Example(void)
{{
{body}
}}
"""


def main():
    compiler, project = sys.argv[1], pathlib.Path(sys.argv[2])
    blocks = re.findall(r"```c\n(.*?)```", (project / "README.md").read_text(), re.S)
    if len(blocks) != 1:
        print(f"README.md has {len(blocks)} C examples, want one")
        return 1
    driver, application = blocks[0].split("// The application", 1)
    lines = len([line for line in blocks[0].splitlines() if line.strip()])
    if lines > 30:
        print(f"the example has {lines} lines, want at most 30")
        return 1
    sides = (("--driver", DRIVER.format(body=driver)),
             ("--app", APPLICATION.format(body="// The application" + application)))
    with tempfile.TemporaryDirectory() as folder:
        for kind, text in sides:
            source = pathlib.Path(folder) / "example.c"
            source.write_text(text)
            done = subprocess.run(
                [compiler, kind, "-Wall", "-Wextra", "-Werror", f"-I{project}/include", "-c",
                 str(source), "-o", f"{folder}/example.o"],
                capture_output=True, text=True, check=False)
            if done.returncode != 0:
                print(f"the {kind} side does not compile:\n{done.stderr}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
