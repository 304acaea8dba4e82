#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The demonstration: every application gets every packet, whoever dies, and nothing is left behind.

usage: demo_test.py BIN SOURCE CASE
"""
import glob
import json
import os
import signal
import struct
import subprocess
import sys

from upcall_run import Place, wait_until

BIN, SOURCE = sys.argv[1:3]
CAPTURE = os.path.join(SOURCE, "tests", "data", "loopback.pcap")
SIGNALS = ["event", "named-event", "named-event-app", "overlapped", "iocp"]
SKIP = 77


def check(condition, *said):
    if not condition:
        raise AssertionError(" ".join(str(one) for one in said))


def packets_of(path):
    """The packets of a classic pcap file, each with its header."""
    with open(path, "rb") as file:
        content = file.read()
    check(struct.unpack_from("<I", content)[0] == 0xA1B2C3D4, path, "is no pcap file")
    packets, at = [], 24
    while at < len(content):
        size = 16 + struct.unpack_from("<I", content, at + 8)[0]
        packets.append(content[at:at + size])
        check(len(packets[-1]) == size, path, "ends within a packet")
        at += size
    return packets


def check_json(output, fed, dead=()):
    found = json.loads(output)
    check(set(found) == {"fed", "signals"}, "keys:", list(found))
    check(found["fed"] == fed, "fed", found["fed"], "of", fed)
    check([one["signal"] for one in found["signals"]] == SIGNALS, found)
    for one in found["signals"]:
        check(set(one) == {"signal", "records", "lost", "wakeups", "p50_us", "p99_us",
                           "identical"}, one)
        if one["signal"] in dead:
            check(one["records"] is None and one["identical"] is False, one)
            continue
        check(one["records"] == fed and one["lost"] == 0 and one["identical"] is True, one)
        check(0 < one["wakeups"] <= fed + 2, one)
        check(0 < one["p50_us"] <= one["p99_us"], one)


def check_files(keep, expected, dead=()):
    for name in ["fed", *SIGNALS]:
        if name not in dead:
            check(packets_of(os.path.join(keep, name + ".pcap")) == expected,
                  name, "does not hold exactly what was fed")


def replay(place):
    """A capture file to all applications: the JSON object, the files, the table."""
    expected = packets_of(CAPTURE)
    check(len(expected) >= 2000, "too few packets in", CAPTURE)
    keep = place.path("keep")
    status, output, errors = place.run(*place.demo_command("--json", "--pcap", CAPTURE, "--keep",
                                                           keep))
    check(status == 0, status, output, errors)
    check_json(output, len(expected))
    check_files(keep, expected)

    status, output, errors = place.run(*place.demo_command("--pcap", CAPTURE))
    check(status == 0, status, output, errors)
    lines = [line.split() for line in output.splitlines()]
    check(lines[0][0] == str(len(expected)), output)
    for name in SIGNALS:
        line = next(line for line in lines if line[:1] == [name])
        check(line[1] == str(len(expected)) and line[3] == "0" and line[-1] == "yes", output)
    place.nothing_left()


def may_capture(place):
    status, _, errors = place.run_driver("feed", "--interface", "lo", "--duration", "1")
    check(status == 0 or "no permission to capture" in errors, status, errors)
    return status == 0


def live(place):
    """Packets that the demonstration causes: each command's run makes a few, so it runs again."""
    if not may_capture(place):
        print("capturing on lo is not permitted here")
        return SKIP
    script = place.path("traffic.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write("import socket\n"
                   "there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "there.bind(('127.0.0.1', 0))\n"
                   "there.settimeout(60)\n"
                   "here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "here.bind(('127.0.0.1', 40054))\n"
                   "for number in range(100):\n"
                   "    here.sendto(b'x' * (number * 400), there.getsockname())\n"
                   "    there.recv(65536)\n")
    keep = place.path("keep")
    status, output, errors = place.run(*place.demo_command(
        "--json", "--packets", "250", "--filter", "udp port 40054", "--traffic",
        f"{sys.executable} {script}", "--keep", keep))
    check(status == 0, status, output, errors)
    expected = packets_of(os.path.join(keep, "fed.pcap"))
    check(len(expected) >= 250, len(expected), "packets")
    check_json(output, len(expected))
    check_files(keep, expected)

    # A command that causes nothing that matches does not make it wait for ever.
    status, output, errors = place.run(*place.demo_command(
        "--filter", "udp port 40055", "--traffic", "true"))
    check(status == 1 and "caused no packet" in errors and output == "", status, errors)
    status, _, errors = place.run(*place.demo_command("--filter", "udp port 40055", "--traffic",
                                                      "false"))
    check(status == 1 and "exit status 1" in errors, status, errors)
    status, _, errors = place.run(*place.demo_command("--traffic", "/no/such/program"))
    check(status == 4 and "there is no such file" in errors, status, errors)
    place.nothing_left()
    return 0


def script(place):
    """script/demo as a person runs it, but for the build: that is the one under test."""
    place.environment["UPCALL_BIN"] = BIN
    command = os.path.join(SOURCE, "script", "demo")
    status, output, errors = place.run(command, "--json")
    check(status == 0, status, output, errors)
    fed = json.loads(output)["fed"]
    check(fed >= 2000, fed, "packets")
    check_json(output, fed)
    place.nothing_left()

    status, output, errors = place.run(command, "--pcap", CAPTURE)
    check(status == 0 and errors == "", status, output, errors)
    check("tcpdump -r accepts the 6 files." in output, output)
    status, output, errors = place.run(command, "--help")
    check(status == 0 and output.startswith("usage: script/demo") and errors == "", output, errors)
    status, output, errors = place.run(command, "--nonsense")
    check(status == 2 and output == "" and "unknown option --nonsense" in errors, status, errors)
    place.nothing_left()


class Middle:
    """A demonstration that has fed half of the packets and waits for the rest."""

    def __init__(self, place, keep=True):
        self.place = place
        with open(CAPTURE, "rb") as file:
            self.content = file.read()
        self.expected = packets_of(CAPTURE)
        pipe = place.path("pipe")
        os.mkfifo(pipe)
        self.keep = place.path("keep") if keep else None
        self.process = place.start(*place.demo_command("--json", "--pcap", pipe,
                                                       *(["--keep", self.keep] if keep else [])))
        # Opening waits for the reader. In the same group as the test, it dies with it.
        self.pipe = open(pipe, "wb")
        half = 24 + sum(len(one) for one in self.expected[:len(self.expected) // 2])
        self.pipe.write(self.content[:half])
        self.pipe.flush()
        self.rest = self.content[half:]
        # The monitors write their files when a buffer is full, so some of the half is there.
        wait_until(lambda: all(self.size(name) > 0 for name in SIGNALS),
                   "all applications have received packets", self.process)

    def size(self, name):
        if self.keep is None:
            found = glob.glob(os.path.join(self.place.temporary, "upcall-demo-*"))
            folder = found[0] if found else "/nonexistent"
        else:
            folder = self.keep
        try:
            return os.path.getsize(os.path.join(folder, name + ".pcap"))
        except FileNotFoundError:
            return 0

    def go_on(self):
        self.pipe.write(self.rest)
        self.pipe.close()


def killed_monitor(place):
    """One application is killed in the middle: the others are complete, nothing is leaked."""
    for victim in ("event", "iocp"):
        with Place(BIN) as inner:
            middle = Middle(inner)
            processes = inner.processes("monitor", f"--signal {victim} ")
            check(len(processes) == 1, processes)
            os.kill(processes[0], signal.SIGKILL)
            middle.go_on()
            status, output, errors = inner.finish(middle.process)
            # 3 would be a leak or a violation that the host found.
            check(status == 1, status, output, errors)
            check(f"signal {victim} died" in errors, errors)
            check_json(output, len(middle.expected), dead=[victim])
            check_files(middle.keep, middle.expected, dead=[victim])
            inner.nothing_left()
    place.nothing_left()


def killed_host(place):
    """The host is killed in the middle: every application ends with an error."""
    middle = Middle(place, keep=False)
    parent = middle.process.pid
    hosts = [one for one in place.processes("nthost", "run") if one != parent]
    check(len(hosts) == 1, hosts)
    os.kill(hosts[0], signal.SIGKILL)
    status, output, errors = place.finish(middle.process)
    check(status not in (0, 3) and output == "", status, output, errors)
    check("137" in errors or "gone" in errors, errors)
    middle.pipe.close()
    place.nothing_left()


def interrupted(place):
    """Ctrl-C in the middle: to the whole group as a terminal does it, or to nthost alone."""
    for whole in (True, False):
        with Place(BIN) as inner:
            middle = Middle(inner, keep=False)
            if whole:
                for process in inner.processes():
                    # The host is in a group of its own.
                    if os.getpgid(process) == os.getpgid(middle.process.pid):
                        os.kill(process, signal.SIGINT)
            else:
                middle.process.send_signal(signal.SIGINT)
            status, output, errors = inner.finish(middle.process)
            check(status in (-signal.SIGINT, 130) and output == "", status, output, errors)
            check("interrupted" in errors, errors)
            middle.pipe.close()
            inner.nothing_left()
    # script/demo, with all that it has started: a terminal's whole group, or the script alone.
    place.environment["UPCALL_BIN"] = BIN
    for whole in (True, False):
        process = place.start(os.path.join(SOURCE, "script", "demo"), "--packets", "100000000",
                              start_new_session=True)
        wait_until(lambda: place.processes("curl") or place.processes("monitor"), "it has begun",
                   process)
        if whole:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        status, output, errors = place.finish(process)
        # Without the permission to capture it replays, and may have ended before.
        check(status == 130 and output == "" or may_capture(place) is False, status, output, errors)
        place.nothing_left()
    # And at the very begin, when little of it is there yet.
    process = place.start(*place.demo_command("--pcap", CAPTURE))
    wait_until(lambda: place.processes("upcall", "demo"), "it has begun", process)
    process.send_signal(signal.SIGTERM)
    status, _, errors = place.finish(process)
    check(status not in (3, 5), status, errors)
    place.nothing_left()


def local(place):
    """One process cannot be five: it says so."""
    command = place.demo_command("--pcap", CAPTURE)
    command.insert(2, "--local")
    status, output, errors = place.run(*command)
    check(status == 4 and "leave out --local" in errors and output == "", status, output, errors)
    place.nothing_left()


def main():
    case = {"replay": replay, "live": live, "script": script, "killed_monitor": killed_monitor,
            "killed_host": killed_host, "interrupted": interrupted, "local": local}[sys.argv[3]]
    with Place(BIN) as place:
        return case(place) or 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.TimeoutExpired as stuck:
        sys.exit(f"stuck: {stuck}\n{stuck.stderr or ''}")
