#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Wrong use of a script gets a message and a status; bootstrap installs exactly what is missing."""
import os
import subprocess
import sys
import tempfile
import unittest

TOP = None


def run(script, *arguments, path=None):
    environment = dict(os.environ)
    if path is not None:
        environment["PATH"] = path
    done = subprocess.run([os.path.join(TOP, "script", script), *arguments], env=environment,
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


class Bootstrap(unittest.TestCase):
    """With a machine made of scripts: what is installed, who we are, and whether apt works."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.bin = os.path.join(self.folder.name, "bin")
        self.log = os.path.join(self.folder.name, "log")
        os.mkdir(self.bin)
        for tool in ("bash", "env", "cat", "grep", "sh"):
            os.symlink(os.path.join("/usr/bin", tool), os.path.join(self.bin, tool))

    def tearDown(self):
        self.folder.cleanup()

    def fake(self, name, body):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/usr/bin/bash\n" + body + "\n")
        os.chmod(path, 0o755)

    def machine(self, missing, uid=0, sudo=False, apt="exit 0"):
        lacks = "|".join(missing) or "nothing-is-missing"
        self.fake("dpkg-query",
                  f'case "${{@: -1}}" in {lacks}) exit 1;; *) echo -n installed;; esac')
        self.fake("id", f"echo {uid}")
        self.fake("apt-get", f'echo "apt-get $*" >>"{self.log}"; {apt}')
        if sudo:
            self.fake("sudo", f'echo sudo >>"{self.log}"; exec "$@"')

    def logged(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_all_is_there(self):
        self.machine([], uid=1000)
        for which in ([], ["demo"], ["test"], ["bench"]):
            self.assertEqual(run("bootstrap", *which, path=self.bin), (0, "", ""))
        self.assertEqual(self.logged(), [])

    def test_installs_what_is_missing_and_says_so(self):
        self.machine(["tcpdump", "libck-dev", "ninja-build"])
        status, output, said = run("bootstrap", "demo", path=self.bin)
        self.assertEqual((status, output), (0, ""))
        self.assertIn("installing ninja-build tcpdump\n", said)
        self.assertEqual(len(self.logged()), 2)
        self.assertTrue(self.logged()[0].endswith(" update"))
        self.assertTrue(self.logged()[1].endswith(" ninja-build tcpdump"))

    def test_a_set_takes_only_its_own(self):
        self.machine(["libck-dev"])
        self.assertEqual(run("bootstrap", "demo", path=self.bin)[0], 0)
        self.assertEqual(self.logged(), [])
        self.assertEqual(run("bootstrap", "bench", path=self.bin)[0], 0)
        self.assertEqual(len(self.logged()), 2)

    def test_through_sudo(self):
        self.machine(["curl"], uid=1000, sudo=True)
        self.assertEqual(run("bootstrap", "demo", path=self.bin)[0], 0)
        self.assertEqual(self.logged()[0], "sudo")
        self.assertTrue(self.logged()[-1].endswith(" curl"))

    def test_neither_root_nor_sudo(self):
        self.machine(["curl"], uid=1000)
        status, _, said = run("bootstrap", "demo", path=self.bin)
        self.assertEqual(status, 1)
        self.assertIn("missing: curl", said)
        self.assertIn("sudo", said)
        self.assertEqual(self.logged(), [])

    def test_apt_fails(self):
        self.machine(["curl"], apt="exit 100")
        status, _, said = run("bootstrap", "demo", path=self.bin)
        self.assertEqual(status, 1)
        self.assertIn("apt-get update failed", said)
        self.machine(["curl"], apt='case "$*" in *update*) exit 0;; esac; exit 100')
        status, _, said = run("bootstrap", "demo", path=self.bin)
        self.assertEqual(status, 1)
        self.assertIn("could not install: curl", said)

    def test_no_apt(self):
        status, _, said = run("bootstrap", "demo", path=self.bin)
        self.assertEqual(status, 1)
        self.assertIn("not a Debian system", said)
        self.assertIn("libwine-dev", said)

    def test_use(self):
        self.assertEqual(run("bootstrap", "--help")[0], 0)
        self.assertIn("usage:", run("bootstrap", "--help")[1])
        for wrong in (["everything"], ["demo", "test"]):
            status, output, said = run("bootstrap", *wrong)
            self.assertEqual((status, output), (2, ""))
            self.assertIn("usage:", said)


class Others(unittest.TestCase):
    def test_help(self):
        for script in ("build", "format", "test", "check-deps"):
            with self.subTest(script):
                status, output, said = run(script, "--help")
                self.assertEqual((status, said), (0, ""))
                self.assertIn(f"usage: script/{script}", output)

    def test_wrong_use(self):
        for script, argument in (("format", "--wrong"), ("check-deps", "/nowhere/at/all")):
            with self.subTest(script):
                status, _, _ = run(script, argument)
                self.assertEqual(status, 2)


if __name__ == "__main__":
    TOP = sys.argv.pop(1)
    unittest.main()
