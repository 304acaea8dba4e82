# SPDX-License-Identifier: MIT
"""Runs nthost and upcall for the tests, and sees to it that nothing of them is left behind."""
import os
import signal
import subprocess
import tempfile
import time
import uuid

# Not a time that anything is expected to take: only then is something taken for stuck.
DEADLINE = 120


def wait_until(condition, what, process=None):
    """Waits for a condition with the deadline; looks often."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the program ended with {process.returncode} before: {what}")
        time.sleep(0.01)
    raise AssertionError(f"not within {DEADLINE} seconds: {what}")


class Place:
    """A folder for temporary files, and a mark in the environment by which processes are found."""

    def __init__(self, binaries):
        self.bin = binaries
        self.mark = f"UPCALL_TEST_MARK={uuid.uuid4()}"
        self.outer = tempfile.TemporaryDirectory(prefix="upcall-test.")
        self.folder = os.path.join(self.outer.name, "work")      # the test's own files
        self.temporary = os.path.join(self.outer.name, "tmp")    # the programs' TMPDIR
        os.mkdir(self.folder)
        os.mkdir(self.temporary)
        self.environment = dict(os.environ)
        name, _, value = self.mark.partition("=")
        self.environment.update({name: value, "TMPDIR": self.temporary,
                                 "NTHOST_SOCKET": os.path.join(self.outer.name, "socket")})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.outer.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        return os.path.join(self.bin, name)

    def demo_command(self, *arguments):
        return [self.program("nthost"), "run", "--driver", self.program("relay.sys"), "--",
                self.program("upcall"), "demo", *arguments]

    def start(self, *command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def finish(self, process):
        """(status, output, errors) of a process that ends."""
        output, errors = process.communicate(timeout=DEADLINE)
        return process.returncode, output, errors

    def run(self, *command, **options):
        return self.finish(self.start(*command, **options))

    def run_driver(self, *arguments, driver=True, **options):
        """upcall with these arguments, in a host of its own."""
        load = ["--driver", self.program("relay.sys")] if driver else []
        return self.run(self.program("nthost"), "run", *load, "--", self.program("upcall"),
                        *arguments, **options)

    def processes(self, *words):
        """The processes of this place whose command line holds all the words."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    marked = self.mark.encode() in file.read().split(b"\0")
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read().replace(b"\0", b" ").decode(errors="replace")
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    dead = file.read().rpartition(")")[2].split()[0] == "Z"
            except (OSError, IndexError):
                continue
            if marked and line and not dead and all(word in line for word in words):
                found.append(int(name))
        return found

    def nothing_left(self):
        """No process and no file of the programs is there, nor comes to be."""
        wait_until(lambda: not self.processes(), "all processes have ended")
        # The thread sanitizer's runtime leaves a file of its own when it is killed while it starts.
        left = [os.path.join(folder, name) for folder, folders, names in os.walk(self.temporary)
                for name in folders + names if not name.startswith("tsan.rodata.")]
        if left:
            raise AssertionError(f"left behind: {left}")


class Host:
    """A host that stays, with relay.sys."""

    def __init__(self, place):
        self.place = place
        self.gone = False  # a test has killed it

    def __enter__(self):
        status, output, errors = self.place.run(
            self.place.program("nthost"), "start", "--driver", self.place.program("relay.sys"))
        if status != 0:
            raise AssertionError(f"nthost start: {status} {output} {errors}")
        return self

    def __exit__(self, kind, *_):
        if self.gone:
            return
        status, output, errors = self.place.run(self.place.program("nthost"), "stop")
        if kind is None and status != 0:
            raise AssertionError(f"nthost stop: {status} {output} {errors}")

    def upcall(self, *arguments, **options):
        return self.place.start(self.place.program("upcall"), *arguments, **options)

    def monitor(self, name, *arguments):
        """A monitor that has subscribed; its standard error is that of the test."""
        ready = self.place.path(name + ".ready")
        process = self.upcall("monitor", "--ready-file", ready, *arguments)
        wait_until(lambda: os.path.exists(ready), f"monitor {name} has subscribed", process)
        return process
