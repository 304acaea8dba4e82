# SPDX-License-Identifier: MIT
"""What people get wrong with nthost: wrong files, wrong drivers, wrong options, interrupts.

usage: badinput_test.py NTHOST FOLDER CASE

Each case checks the exit status that `nthost --help` documents, that the message names the thing and
the remedy, and, in any case, that nothing is left: no process, no socket, no temporary folder.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid

NTHOST, BIN = sys.argv[1:3]
MARK = f"NTHOST_BADINPUT={uuid.uuid4()}"
USAGE, BUGCHECK, FAILED, GONE = 2, 3, 4, 5


def made(name):
    return os.path.join(BIN, name)


DRIVER, PROGRAM = made("event_by_handle.sys"), made("event_by_handle")


class Failure(Exception):
    pass


class World:
    """A runtime folder and a temporary folder of our own, and every process that we caused."""

    def __init__(self, folder):
        self.folder = folder
        self.runtime, self.temporary = os.path.join(folder, "run"), os.path.join(folder, "tmp")
        os.mkdir(self.runtime, 0o700)
        os.mkdir(self.temporary)
        name, value = MARK.split("=")
        self.environment = {**os.environ, name: value, "XDG_RUNTIME_DIR": self.runtime,
                            "TMPDIR": self.temporary}
        self.environment.pop("NTHOST_SOCKET", None)
        self.socket = os.path.join(self.runtime, "nthost.socket")

    def start(self, *words, **more):
        return subprocess.Popen([NTHOST, *words], env=self.environment, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **more)

    def finish(self, process):
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure(f"{process.args} still runs after a minute") from None
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *words):
        return self.finish(self.start(*words))

    def expect(self, status, words, *phrases):
        """Runs nthost; its status, each phrase in its messages, and one line at least."""
        done = self.run(*words)
        self.judge(done, status, *phrases)
        return done

    def judge(self, done, status, *phrases):
        said = done.stderr
        if done.returncode != status:
            raise Failure(f"exit status {done.returncode}, not {status}\n{self.tell(done)}")
        for phrase in phrases:
            if not re.search(phrase, said):
                raise Failure(f"the message does not say '{phrase}'\n{self.tell(done)}")
        if phrases and not said.startswith("nthost: "):
            raise Failure(f"the message does not say who speaks\n{self.tell(done)}")

    @staticmethod
    def tell(done):
        return f"{done.args}\n--- output\n{done.stdout}--- errors\n{done.stderr}---"

    # ---- What is left ----

    @staticmethod
    def processes():
        """Processes with our mark in their environment, ourselves and zombies aside."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    ours = MARK.encode() in file.read().split(b"\0")
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if ours:
                found.append(f"{name} {command}")
        return found

    def nothing_left(self, allowed=()):
        # A process that was killed is gone when the system has got round to it.
        deadline = time.monotonic() + 20
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.processes():
            raise Failure(f"still running: {self.processes()}")
        # The thread sanitizer's runtime leaves a file of its own when it is killed while it starts.
        left = sorted(name for name in os.listdir(self.temporary) + os.listdir(self.runtime)
                      if not name.startswith("tsan.rodata."))
        left = [name for name in left if name not in allowed]
        if left:
            raise Failure(f"left behind: {left}")
        shared = [name for name in os.listdir("/dev/shm") if "nthost" in name]
        if shared:
            raise Failure(f"left in /dev/shm: {shared}")


def write(world, name, content):
    path = os.path.join(world.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return path


def both(world, driver, *phrases):
    """The driver is refused by run, run --local and start, alike."""
    world.expect(FAILED, ["run", "--driver", driver, "--", PROGRAM], *phrases)
    world.nothing_left()
    world.expect(FAILED, ["start", "--driver", driver], *phrases)
    world.nothing_left(["nthost.socket.log"])
    world.expect(FAILED, ["start", "--foreground", "--driver", driver], *phrases)
    world.nothing_left(["nthost.socket.log"])
    done = world.run("run", "--local", "--driver", driver, "--", PROGRAM)
    if done.returncode != FAILED:
        raise Failure(f"local: exit status {done.returncode}\n{world.tell(done)}")
    for phrase in phrases:
        if not re.search(phrase, done.stderr):
            raise Failure(f"local: the message does not say '{phrase}'\n{world.tell(done)}")
    world.nothing_left(["nthost.socket.log"])


# ---- Drivers ----

def case_no_such_driver(world):
    both(world, "nowhere.sys", r"nowhere\.sys", r"no such file")


def case_not_elf(world):
    both(world, write(world, "text.sys", "this is not a driver\n" * 100), r"text\.sys",
         r"not an ELF file")


def case_not_a_file(world):
    both(world, world.folder, re.escape(world.folder), r"not a regular file")


def case_windows_driver(world):
    path = write(world, "windows.sys", "MZ" + "\0" * 4000)
    both(world, path, r"windows\.sys", r"Windows binary", r"nthost-cc")


def case_missing_functions(world):
    both(world, made("badinput_missing.sys"), r"badinput_missing\.sys", r"ZwNoSuchRoutine",
         r"IoNoSuchRoutineEither", r"functions that nthost does not have")


def case_no_driver_entry(world):
    both(world, made("badinput_noentry.sys"), r"badinput_noentry\.sys", r"DriverEntry",
         r"nthost-cc --driver")


def case_driver_entry_fails(world):
    both(world, made("badinput_failing.sys"), r"badinput_failing",
         r"STATUS_DEVICE_CONFIGURATION_ERROR", r"0xc0000182")


def case_driver_twice(world):
    world.expect(FAILED, ["run", "--driver", DRIVER, "--driver", DRIVER, "--", PROGRAM],
                 r"event_by_handle\.sys", r"loaded already")
    world.nothing_left()


# ---- A running host ----

def with_host(world, body):
    world.expect(0, ["start"])
    try:
        body()
    finally:
        stopped = world.run("stop")
    world.judge(stopped, 0)
    world.nothing_left(["nthost.socket.log"])


def case_load_twice(world):
    def body():
        world.expect(0, ["load", DRIVER])
        world.expect(FAILED, ["load", DRIVER], r"event_by_handle\.sys", r"loaded already")
        other = os.path.join(world.folder, "other")
        os.mkdir(other)
        copy = os.path.join(other, "event_by_handle.sys")
        with open(DRIVER, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        world.expect(FAILED, ["load", copy], r"event_by_handle is loaded already", r"unload it")
        world.expect(0, ["unload", "event_by_handle"])
        world.expect(0, ["load", copy])
    with_host(world, body)


def case_load_bad(world):
    def body():
        world.expect(FAILED, ["load", "nowhere.sys"], r"nowhere\.sys", r"no such file")
        world.expect(FAILED, ["load", made("badinput_missing.sys")], r"ZwNoSuchRoutine",
                     r"IoNoSuchRoutineEither")
        world.expect(FAILED, ["load", made("badinput_failing.sys")],
                     r"STATUS_DEVICE_CONFIGURATION_ERROR")
        # None of them is half there.
        status = world.expect(0, ["status", "--json"])
        if "badinput" in status.stdout or '"drivers": []' not in status.stdout:
            raise Failure(f"a driver that failed is listed\n{world.tell(status)}")
        world.expect(0, ["load", DRIVER])
    with_host(world, body)


def case_unload_unknown(world):
    def body():
        world.expect(FAILED, ["unload", "nobody"], r"nobody", r"nthost status")
    with_host(world, body)


def case_unload_in_use(world):
    def body():
        world.expect(0, ["load", DRIVER])
        with subprocess.Popen([PROGRAM, "hang"], env=world.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True) as user:
            if user.stdout.readline() != "waiting\n":
                raise Failure("the application did not get as far as waiting")
            world.expect(FAILED, ["unload", "event_by_handle"], r"event_by_handle", r"handle",
                         r"end the process")
            status = world.expect(0, ["status"])
            if "driver   event_by_handle" not in status.stdout:
                raise Failure(f"it was unloaded all the same\n{world.tell(status)}")
            user.kill()
        deadline = time.monotonic() + 30
        while world.run("unload", "event_by_handle").returncode != 0:
            if time.monotonic() > deadline:
                raise Failure("it cannot be unloaded though the application is gone")
            time.sleep(0.01)
    with_host(world, body)


def case_no_host(world):
    for words in (["status"], ["stop"], ["unload", "x"], ["load", DRIVER]):
        world.expect(FAILED, words, re.escape(world.socket), r"nthost start")
    done = subprocess.run([PROGRAM], env=world.environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0 or "nthost run" not in done.stderr or "nthost start" not in done.stderr:
        raise Failure(f"an application without a host is not told what to do\n{world.tell(done)}")
    world.nothing_left()


def case_socket_in_use(world):
    def body():
        world.expect(FAILED, ["start"], re.escape(world.socket), r"nthost stop", r"--socket")
        world.expect(0, ["status"])
        second = os.path.join(world.runtime, "second")
        world.expect(0, ["start", "--socket", second])
        world.expect(0, ["stop", "--socket", second])
        os.unlink(second + ".log")
    with_host(world, body)


def case_socket_of_a_killed_host(world):
    started = world.expect(0, ["start", "--driver", DRIVER])
    pid = int(re.search(r"pid (\d+)", started.stdout).group(1))
    os.kill(pid, signal.SIGKILL)
    # While it is being taken apart its socket may still let somebody in, only to hang up.
    deadline = time.monotonic() + 20
    while "closed the connection" in world.run("status").stderr:
        if time.monotonic() > deadline:
            raise Failure("the killed host is still there")
        time.sleep(0.01)
    if not os.path.exists(world.socket):
        raise Failure("the killed host removed its socket: this tests nothing")
    world.expect(FAILED, ["status"], r"nthost start")
    with_host(world, lambda: world.expect(0, ["load", DRIVER]))


def case_socket_elsewhere(world):
    world.expect(FAILED, ["start", "--socket", "/nonexistent/folder/socket", "--log",
                          os.path.join(world.folder, "log")],
                 r"/nonexistent/folder/socket", r"--socket")
    world.expect(FAILED, ["start", "--socket", "x" * 200], r"--socket|--log")
    path = write(world, "document", "do not touch\n")
    world.expect(FAILED, ["start", "--socket", path], r"document", r"--socket")
    with open(path, encoding="utf-8") as file:
        if file.read() != "do not touch\n":
            raise Failure("a file that is no socket was replaced")
    world.nothing_left()


def case_log_elsewhere(world):
    world.expect(FAILED, ["start", "--log", "/nonexistent/log"], r"/nonexistent/log", r"--log")
    world.nothing_left()


def case_no_temporary_folder(world):
    world.environment["TMPDIR"] = "/nonexistent"
    world.expect(FAILED, ["run", "--driver", DRIVER, "--", PROGRAM], r"TMPDIR")
    world.nothing_left()


# ---- Programs and options ----

def case_no_such_program(world):
    for local in ([], ["--local"]):
        world.expect(FAILED, ["run", *local, "--driver", DRIVER, "--", "./nowhere"], r"\./nowhere",
                     r"not found")
        world.expect(FAILED, ["run", *local, "--driver", DRIVER, "--", world.folder],
                     re.escape(world.folder), r"permission denied")
    world.nothing_left()


def case_program_of_the_system(world):
    """Any program may be run; one that is no application just does not talk to the host."""
    world.expect(0, ["run", "--driver", DRIVER, "--", "true"])
    world.expect(1, ["run", "--driver", DRIVER, "--", "false"])
    world.expect(42, ["run", "--", "sh", "-c", "exit 42"])
    world.expect(128 + signal.SIGKILL, ["run", "--", "sh", "-c", "kill -9 $$"])
    world.nothing_left()


def case_options(world):
    for words in ([], ["frobnicate"], ["run"], ["run", "--driver"], ["run", "--driver", DRIVER],
                  ["run", "--driver", DRIVER, "--"], ["run", "--nonsense", "--", PROGRAM],
                  ["run", "stray", "--", PROGRAM], ["run", "--as", "root", "--", PROGRAM],
                  ["run", "--verifier", "some", "--", PROGRAM],
                  ["run", "--processors", "0", "--", PROGRAM],
                  ["run", "--processors", "65", "--", PROGRAM],
                  ["run", "--processors", "two", "--", PROGRAM],
                  ["run", "--local", "--kill-at", "1:parked", "--", PROGRAM],
                  ["start", "stray"], ["load"], ["unload"], ["load", "a", "b"]):
        done = world.run(*words)
        if done.returncode != USAGE or "--help" not in done.stderr and "usage" not in done.stderr \
                and "--local" not in done.stderr and "nthost run" not in done.stderr:
            raise Failure(f"wrong usage is not told so\n{world.tell(done)}")
    world.expect(FAILED, ["run", "--kill-at", "never", "--", PROGRAM], r"--kill-at never",
                 r"N:parked")
    done = world.expect(0, ["--help"])
    for option in ("--driver", "--local", "--as", "--verifier", "--socket", "exit status"):
        if option not in done.stdout:
            raise Failure(f"--help does not tell of {option}")
    world.nothing_left()


# ---- Interrupts ----

def interrupt(world, number, whole_group, delay, words, until=None):
    """One nthost run that is interrupted; it must die by that signal and leave nothing."""
    process = world.start(*words, start_new_session=True)
    if until is not None:
        line = process.stdout.readline()
        if line != until:
            raise Failure(f"'{line}' instead of '{until}'")
    # Any moment is as good as another: the delay only spreads them.
    time.sleep(delay)
    if whole_group:
        os.killpg(process.pid, number)  # what Ctrl-C does
    else:
        os.kill(process.pid, number)
    done = world.finish(process)
    if done.returncode != -number:
        raise Failure(f"signal {number} after {delay} s: exit status {done.returncode}\n"
                      f"{world.tell(done)}")
    if "BUGCHECK" in done.stderr:
        raise Failure(f"an interrupt became a bugcheck\n{world.tell(done)}")
    world.nothing_left()


def interrupt_everywhere(world, number):
    command = ["run", "--driver", DRIVER, "--", PROGRAM, "hang"]
    for whole_group in (True, False):
        for step in range(24):
            interrupt(world, number, whole_group, step * 0.003, command)
        interrupt(world, number, whole_group, 0, command, until="waiting\n")
        interrupt(world, number, whole_group, 0,
                  ["run", "--local", "--driver", DRIVER, "--", PROGRAM, "hang"], until="waiting\n")


def case_interrupt(world):
    interrupt_everywhere(world, signal.SIGINT)


def case_terminate(world):
    interrupt_everywhere(world, signal.SIGTERM)


def case_interrupt_stuck_driver(world):
    """DriverEntry never returns: Ctrl-C ends it all the same."""
    for number in (signal.SIGINT, signal.SIGTERM):
        interrupt(world, number, True, 0.3,
                  ["run", "--driver", made("badinput_stuck.sys"), "--", PROGRAM])


def case_interrupt_foreground(world):
    """`nthost start --foreground` stops in order: the exit status is that of a stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        process = world.start("start", "--foreground", "--driver", DRIVER, start_new_session=True)
        line = process.stderr.readline()
        if "listening" not in line:
            raise Failure(f"it says '{line}'")
        os.killpg(process.pid, number)
        world.judge(world.finish(process), 0)
        world.nothing_left()


def case_killed_supervisor(world):
    """kill -9 of `nthost run`: the host and the application end with it."""
    process = world.start("run", "--driver", DRIVER, "--", PROGRAM, "hang")
    if process.stdout.readline() != "waiting\n":
        raise Failure("the application did not get as far as waiting")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    # Its folder cannot be removed by one who is dead; the processes go.
    folders = os.listdir(world.temporary)
    world.nothing_left(folders)


def main():
    case = globals().get(f"case_{sys.argv[3]}")
    if case is None:
        sys.exit(f"no case {sys.argv[3]}")
    with tempfile.TemporaryDirectory(prefix="badinput-") as folder:
        world = World(folder)
        try:
            case(world)
        except Failure as failure:
            print(failure)
            return 1
        finally:
            for line in world.processes():
                try:
                    os.kill(int(line.split()[0]), signal.SIGKILL)
                except OSError:
                    pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
