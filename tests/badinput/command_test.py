#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What goes wrong with upcall is said with its remedy, has its exit status, and leaves nothing.

usage: command_test.py BIN SOURCE CASE
"""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys

SOURCE = sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "demo"))

from upcall_run import DEADLINE, Host, Place  # noqa: E402 (needs the path above)

BIN = sys.argv[1]
CAPTURE = os.path.join(SOURCE, "tests", "data", "loopback.pcap")
OK, FAILED, USAGE, CANNOT, INTERRUPTED = 0, 1, 2, 4, 130


def check(condition, *said):
    if not condition:
        raise AssertionError(" ".join(str(one) for one in said))


def expect(done, status, *said, output=""):
    check(done[0] == status, "status", done[0], "instead of", status, done[1:])
    if output is not None:
        check(done[1] == output, "output", done[1], done[2])
    for one in said:
        check(one in done[2], "not said:", one, "but:", done[2])


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
    return path


def cases_of_help(place):
    upcall = place.program("upcall")
    for words in (["--help"], ["help"], ["help", "feed"], ["feed", "--help"], ["help", "monitor"],
                  ["help", "demo"], ["demo", "-h"], ["--version"]):
        status, output, errors = place.run(upcall, *words)
        check(status == OK and errors == "" and output.startswith("upcall"), words, output, errors)
    expect(place.run(upcall), USAGE, "upcall feed", "upcall monitor")
    expect(place.run(upcall, "fed"), USAGE, "no command fed", "feed, monitor and demo")
    expect(place.run(upcall, "help", "fed"), USAGE, "no command fed")
    # The host need not be there for any of it, nor for wrong usage.
    expect(place.run(upcall, "monitor", "--signal", "evnt"), USAGE, "no such signal",
           "event, named-event, named-event-app, overlapped, iocp")


def cases_of_usage(place):
    upcall = place.program("upcall")
    for words, said in (
            (["feed"], "one of --interface, --pcap, --lines and --file"),
            (["feed", "--lines", "--pcap", "x"], "one of --interface"),
            (["feed", "--file", "x"], "--file and --record go together"),
            (["feed", "--lines", "--record", "5"], "--file and --record go together"),
            (["feed", "--lines", "--filter", "tcp"], "for packets"),
            (["feed", "--pcap", "x", "--topic", "3"], "--topic is for lines and files"),
            (["feed", "--lines", "--topic", "63"], "a number from 0 to 62"),
            (["feed", "--lines", "--count", "0"], "a number from 1"),
            (["feed", "--lines", "--count", "18446744073709551616"], "a number from 1"),
            (["feed", "--lines", "--count", "5x"], "a number from 1"),
            (["feed", "--lines", "--count", ""], "a number from 1"),
            (["feed", "--file", "x", "--record", "65481"], "a number from 1 to 65480"),
            (["feed", "--pcap", ""], "the value is empty"),
            (["feed", "--lines", "--count"], "needs a value"),
            (["feed", "--lines=yes"], "takes no value"),
            (["feed", "--linez"], "unknown option --linez"),
            (["feed", "stray"], "unknown option stray"),
            (["monitor", "--topics", "64"], "want topics from 0 to 63"),
            (["monitor", "--topics", "5-3"], "want topics"),
            (["monitor", "--topics", "1,"], "want topics"),
            (["monitor", "--topics", "0x"], "want topics"),
            (["monitor", "--topics", "0x0"], "want topics"),
            (["monitor", "--topics", "1;2"], "want topics"),
            (["monitor", "--queue", "5000"], "a power of two"),
            (["monitor", "--queue", "2048"], "a number from 4096 to 16777216"),
            (["monitor", "--link-type", "1"], "goes with --write"),
            (["monitor", "--live", "--json"], "--live goes with neither"),
            (["demo", "--size", "huge"], "small or full"),
            (["demo", "--pcap", "x", "--interface", "lo"], "exclude each other"),
            (["demo", "--keep", "x" * 2000], "too long")):
        done = place.run(upcall, *words)
        expect(done, USAGE, said, f"upcall help {words[0]}")
    place.nothing_left()


def cases_of_driver(place):
    """No host, a host without the driver, a user without the right."""
    status, output, errors = place.run(place.program("upcall"), "monitor")
    check(status != OK and output == "" and "nthost" in errors, status, errors)
    for words in (["monitor"], ["feed", "--lines"], ["demo", "--pcap", CAPTURE]):
        expect(place.run_driver(*words, driver=False), CANNOT, "\\\\.\\UpcallRelay is not there",
               "load relay.sys", "nthost run --driver relay.sys", "nthost load")
    expect(place.run_driver("monitor", "--device", "\\\\.\\Nonsense"), CANNOT,
           "\\\\.\\Nonsense is not there")
    place.nothing_left()


def cases_of_capture(place):
    expect(place.run_driver("feed", "--pcap", place.path("none")), CANNOT, "cannot read",
           place.path("none"), "No such file")
    expect(place.run_driver("feed", "--pcap", write(place.path("text"), b"no capture file\n" * 9)),
           CANNOT, place.path("text"), "unknown file format")
    expect(place.run_driver("feed", "--pcap", write(place.path("empty"), b"")), CANNOT,
           place.path("empty"), "truncated")
    expect(place.run_driver("feed", "--pcap", CAPTURE, "--filter", "tcp and and"), CANNOT,
           "--filter 'tcp and and'", "pcap-filter")
    expect(place.run_driver("feed", "--pcap", CAPTURE, "--write-fed", place.path("no/fed.pcap")),
           CANNOT, "cannot write what is fed", "No such file")

    # Without the right to open packet sockets.
    bare = []
    if os.getuid() == 0:
        bare = ["setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-net_raw,-net_admin"]
    command = [*bare, place.program("nthost"), "run", "--driver", place.program("relay.sys"), "--",
               place.program("upcall")]
    expect(place.run(*command, "feed", "--interface", "lo"), CANNOT, "no permission to capture on lo",
           "run as root", "--pcap")
    expect(place.run(*command, "demo"), CANNOT, "no permission to capture on lo")
    status, output, errors = place.run(*command, "demo", "--json", "--fallback", CAPTURE)
    check(status == OK and "no permission" in errors and f"replaying {CAPTURE}" in errors, status,
          errors)
    check(all(one["identical"] for one in json.loads(output)["signals"]), output)

    status, _, errors = place.run_driver("feed", "--interface", "nonsense0")
    check(status == CANNOT and ("there is no interface nonsense0; there are " in errors and
                                "lo" in errors or "no permission" in errors), status, errors)
    place.nothing_left()


def cases_of_damaged(place):
    """A truncated capture file: all that was before the damage arrives, then an error."""
    content = read(CAPTURE)
    packets, at = 0, 24
    while packets < 1000:
        at += 16 + struct.unpack_from("<I", content, at + 8)[0]
        packets += 1
    for extra in (7, 20):  # within the next packet's header, within its bytes
        path = write(place.path("cut.pcap"), content[:at + extra])
        kept, got = place.path("fed.pcap"), place.path("got.pcap")
        with Host(place) as host:
            monitor = host.monitor(f"m{extra}", "--until-end", "--write", got)
            done = place.finish(host.upcall("feed", "--pcap", path, "--write-fed", kept, "--end"))
            expect(done, FAILED, path, "is damaged", "truncated",
                   f"the {packets} packets before the damage were fed", output=None)
            check(done[1].startswith(f"{packets} records"), done[1])
            check(place.finish(monitor)[0] == OK)
        check(read(kept)[24:] == content[24:at], "fed.pcap is not what was before the damage")
        check(read(got)[24:] == content[24:at], "not everything before the damage arrived")
    status, output, errors = place.run(*place.demo_command("--json", "--pcap", path))
    check(status == FAILED and "is damaged" in errors, status, errors)
    found = json.loads(output)
    check(found["fed"] == packets and all(one["identical"] for one in found["signals"]), output)
    place.nothing_left()


def cases_of_disk(place):
    """/dev/full is a disk that is full."""
    with Host(place) as host:
        monitor = host.monitor("full", "--write", "/dev/full", "--until-end", "--quiet")
        check(place.finish(host.upcall("feed", "--pcap", CAPTURE, "--end"))[0] == OK)
        expect(place.finish(monitor), FAILED, "cannot write /dev/full", "No space left",
               "free some space")
        # So little that it is noticed only when the file is closed.
        monitor = host.monitor("late", "--write", "/dev/full", "--until-end", "--quiet")
        check(place.finish(host.upcall("feed", "--pcap", CAPTURE, "--count", "1", "--end"))[0] ==
              OK)
        expect(place.finish(monitor), FAILED, "cannot write /dev/full", "No space left")
        monitor = host.monitor("sum", "--summary", "/dev/full", "--until-end", "--quiet")
        done = place.finish(host.upcall("feed", "--pcap", CAPTURE, "--end", "--write-fed",
                                        "/dev/full"))
        expect(done, FAILED, "cannot write /dev/full whole", "No space left", output=None)
        expect(place.finish(monitor), FAILED, "cannot write /dev/full")
        expect(place.finish(host.upcall("monitor", "--write", place.path("no/x.pcap"))), CANNOT,
               "cannot make", "No such file")
        expect(place.finish(host.upcall("monitor", "--summary", place.path("no/x"))), CANNOT,
               "cannot make", "No such file")
        expect(place.finish(host.upcall("monitor", "--ready-file", place.path("no/x"))), CANNOT,
               "cannot make", "No such file")
        expect(place.finish(host.upcall("monitor", "--ready-event", "Local\\none")), CANNOT,
               "--ready-event Local\\none", "there is no such file")
        expect(place.finish(host.upcall("demo", "--pcap", CAPTURE, "--keep",
                                        place.path("no/folder"))), CANNOT, "cannot make the folder")
        # Each of them left the channel as it was.
        expect(place.finish(host.upcall("feed", "--lines")), OK, output=None)
    place.nothing_left()


def cases_of_records(place):
    """Lines and blocks arrive as they were, of the topics that were asked for."""
    lines = ["first", "", "with \"quotes\" and \\", "\u00e4\u00f6\u00fc \u4e16", "last"]
    with Host(place) as host:
        chosen = host.monitor("chosen", "--json", "--topics", "7,9-10", "--count", str(len(lines)))
        other = host.monitor("other", "--json", "--topics", "0x3", "--until-end")
        feed = host.upcall("feed", "--lines", "--topic", "9", "--end", "--json",
                           stdin=subprocess.PIPE)
        output, errors = feed.communicate("\r\n".join(lines))
        check(feed.returncode == OK, errors)
        check(json.loads(output) == {"fed": len(lines), "bytes": sum(len(one.encode())
                                     for one in lines), "dropped": 0, "cut": 0}, output)
        status, output, errors = place.finish(chosen)
        check(status == OK, errors)
        found = [json.loads(line) for line in output.splitlines()]
        check([one["text"] for one in found[:-1]] == lines, found)
        check(all(one["topic"] == 9 for one in found[:-1]), found)
        numbers = [one["sequence"] for one in found[:-1]]
        check(numbers == list(range(numbers[0], numbers[0] + len(lines))), numbers)
        check(found[-1]["records"] == len(lines) and found[-1]["lost"] == 0, found[-1])
        status, output, _ = place.finish(other)
        check(status == OK and json.loads(output)["records"] == 0, output)

        content = bytes(range(256)) * 5 + b"rest"
        path = write(place.path("blocks"), content)
        monitor = host.monitor("blocks", "--json", "--until-end")
        expect(place.finish(host.upcall("feed", "--file", path, "--record", "100", "--end")), OK,
               output="13 records, 1284 bytes fed\n")
        found = [json.loads(line) for line in place.finish(monitor)[1].splitlines()][:-1]
        check([one["bytes"] for one in found] == [100] * 12 + [84], found)
        check(bytes.fromhex("".join(one["hex"] for one in found)) == content, "blocks differ")
        expect(place.finish(host.upcall("feed", "--file", place.path("none"), "--record", "5")),
               CANNOT, "cannot read", "No such file")

        # A line longer than a record, and one of exactly its length.
        monitor = host.monitor("long", "--json", "--until-end")
        feed = host.upcall("feed", "--lines", "--end", stdin=subprocess.PIPE)
        feed.communicate("a" * 65480 + "\n" + "b" * 70000 + "\n")
        found = [json.loads(line) for line in place.finish(monitor)[1].splitlines()][:-1]
        text = [one["text"] for one in found]
        check("".join(text) == "a" * 65480 + "b" * 70000, [len(one) for one in text])
        check(max(len(one) for one in text) <= 65480, [len(one) for one in text])

        # Idle: nobody feeds.
        status, output, _ = place.finish(host.upcall("monitor", "--until-idle", "20", "--json"))
        check(status == OK and json.loads(output)["records"] == 0, output)
    place.nothing_left()


def cases_of_lost(place):
    """A monitor that stands still: what its queue cannot hold is counted, nothing else is missing."""
    count = 3000
    text = "".join(f"line {number}\n" for number in range(count))
    with Host(place) as host:
        slow = host.monitor("slow", "--json", "--queue", "4096", "--until-end", "--topics", "5")
        good = host.monitor("good", "--json", "--until-end", "--topics", "5")
        slow.send_signal(signal.SIGSTOP)
        feed = host.upcall("feed", "--lines", "--topic", "5", stdin=subprocess.PIPE)
        feed.communicate(text)
        check(feed.returncode == OK)
        # The end is told while the slow one's queue is full: it comes when there is room.
        feed = host.upcall("feed", "--lines", "--end")
        slow.send_signal(signal.SIGCONT)
        expect(place.finish(feed), OK, output=None)
        status, output, errors = place.finish(slow)
        check(status == OK, errors)
        found = [json.loads(line) for line in output.splitlines()]
        gaps = [one for one in found if "first" in one]
        records = [one for one in found if "text" in one or "hex" in one]
        check(gaps and sum(one["lost"] for one in gaps) == found[-1]["lost"] > 0, gaps, found[-1])
        # All that is published here is on the topics of this subscription, notes included.
        check(all(one["last"] - one["first"] + 1 == one["lost"] for one in gaps), gaps)
        numbers = {one["sequence"] for one in records}
        for one in gaps:
            check(not numbers.intersection(range(one["first"], one["last"] + 1)), one)
        check(count - len(records) <= found[-1]["lost"], len(records), found[-1])
        check(found[-1]["records"] == len(records), found[-1])
        status, output, _ = place.finish(good)
        check(status == OK and json.loads(output.splitlines()[-1])["records"] == count, output[-300:])
    place.nothing_left()


def cases_of_link_type(place):
    with Host(place) as host:
        got = place.path("got.pcap")
        # Raw records are no packets.
        monitor = host.monitor("lines", "--write", got, "--quiet")
        feed = host.upcall("feed", "--lines", "--count", "1", stdin=subprocess.PIPE)
        feed.communicate("a line\n")
        expect(place.finish(monitor), FAILED, "is no packet", "--write is for feeds of packets")

        # A monitor that comes into the middle of a feed.
        content = read(CAPTURE)
        first = 40 + struct.unpack_from("<I", content, 32)[0]
        for options, status, said in (([], FAILED, "the link type of its packets is not known"),
                                      (["--link-type", "1", "--count", "1"], OK, "")):
            pipe = place.path("pipe")
            os.mkfifo(pipe)
            begun = host.monitor("begun", "--count", "1", "--quiet")
            feed = host.upcall("feed", "--pcap", pipe)
            with open(pipe, "wb") as file:
                file.write(content[:first])
                file.flush()
                # The library reads whole blocks of a file, so one packet may wait for more of it.
                file.write(content[first:first + 8192])
                file.flush()
                check(place.finish(begun)[0] == OK)
                late = host.monitor("late", "--write", got, "--quiet", *options)
                file.write(content[first + 8192:])
            done = place.finish(late)
            expect(done, status, said)
            check(place.finish(feed)[0] == OK)
            os.unlink(pipe)
            os.unlink(place.path("begun.ready"))
            os.unlink(place.path("late.ready"))
        check(read(got)[:24] == content[:16] + struct.pack("<II", 262144, 1), read(got)[:24])
        check(len(read(got)) > 24 + 16, "no packet")

        # A second feed of another link type cannot go into the same file.
        raw = write(place.path("raw.pcap"), content[:20] + struct.pack("<I", 101) + content[24:first])
        monitor = host.monitor("two", "--write", got, "--quiet")
        check(place.finish(host.upcall("feed", "--pcap", CAPTURE))[0] == OK)
        check(place.finish(host.upcall("feed", "--pcap", raw))[0] == OK)
        expect(place.finish(monitor), FAILED, "link type 101", "start another monitor")
        check(read(got)[24:] == content[24:], "the file is not what came before")
    place.nothing_left()


def cases_of_stop(place):
    """Ctrl-C while nothing comes, for each signal; and of a feed that waits for its input."""
    with Host(place) as host:
        for name in ("event", "named-event", "named-event-app", "overlapped", "iocp"):
            monitor = host.monitor("stop-" + name, "--signal", name, "--json")
            monitor.send_signal(signal.SIGINT)
            status, output, errors = place.finish(monitor)
            check(status == INTERRUPTED and json.loads(output)["records"] == 0, name, status, errors)
        watch = host.monitor("watch", "--count", "1", "--quiet")
        feed = host.upcall("feed", "--lines", stdin=subprocess.PIPE)
        feed.stdin.write("a line\n")
        feed.stdin.flush()
        check(place.finish(watch)[0] == OK)
        feed.send_signal(signal.SIGINT)
        feed.wait(DEADLINE)  # its input stays open until then
        status, output, errors = place.finish(feed)
        check(status == INTERRUPTED and output == "1 records, 6 bytes fed\n", status, output, errors)
        # The host goes: a program of it that waits ends with an error.
        monitor = host.monitor("orphan", "--json")
        lines = host.upcall("feed", "--lines", stdin=subprocess.PIPE)
        hosts = [one for one in place.processes("nthost", "start")]
        check(len(hosts) == 1, hosts)
        os.kill(hosts[0], signal.SIGKILL)
        for process in (monitor, lines):
            process.wait(DEADLINE)
            status, _, errors = place.finish(process)
            check(status not in (OK, INTERRUPTED), status, errors)
        host.gone = True
    place.nothing_left()


def cases_of_nocapture(place):
    """The tool as it is built where there is no capture library."""
    shutil.copy(os.path.join(os.path.dirname(BIN), "tests", "bin", "upcall_nocapture"),
                place.path("upcall"))
    run = [place.program("nthost"), "run", "--driver", place.program("relay.sys"), "--",
           place.path("upcall")]
    for words in (["feed", "--pcap", CAPTURE], ["feed", "--interface", "lo"],
                  ["demo", "--pcap", CAPTURE], ["demo"]):
        expect(place.run(*run, *words), CANNOT, "this build of upcall has no capture library",
               "--lines")
    expect(place.run(*run, "feed", "--lines"), OK, output="0 records, 0 bytes fed\n")
    place.nothing_left()


def cases_of_packets(place):
    """Each packet has the topic of its protocol, whatever is in it."""
    ethernet = bytes(12)
    ipv4 = bytes([0x45, 0, 0, 40, 0, 0, 0, 0, 64])
    ends = bytes([0, 0, 127, 0, 0, 1, 127, 0, 0, 2])
    ports = struct.pack(">HH", 80, 4321)
    ipv6 = bytes([0x60, 0, 0, 0, 0, 8])
    ends6 = bytes([64]) + bytes(15) + b"\x01" + bytes(15) + b"\x02"
    packets = [
        (1, "127.0.0.1.80 > 127.0.0.2.4321 tcp", ethernet + b"\x08\x00" + ipv4 + b"\x06" + ends +
         ports),
        (2, "udp", ethernet + b"\x08\x00" + ipv4 + b"\x11" + ends + ports),
        (3, "127.0.0.1 > 127.0.0.2 icmp", ethernet + b"\x08\x00" + ipv4 + b"\x01" + ends),
        (4, "ip", ethernet + b"\x08\x00" + ipv4 + b"\x2f" + ends),
        (4, "ip", ethernet + b"\x08\x00" + ipv4[:6] + b"\x00\x07\x40\x06" + ends),  # a fragment
        (1, "0:0:0:0:0:0:0:1.80 > 0:0:0:0:0:0:0:2.4321 tcp", ethernet + b"\x86\xdd" + ipv6 +
         b"\x06" + ends6 + ports),
        (3, "icmp", ethernet + b"\x86\xdd" + ipv6 + b"\x3a" + ends6),
        (2, "udp", ethernet + b"\x86\xdd" + ipv6 + b"\x00" + ends6 + b"\x11" + bytes(7) + ports),
        (4, "ip", ethernet + b"\x86\xdd" + ipv6 + b"\x2c" + ends6 + b"\x06\x00\x00\x08" + bytes(4)),
        (1, "tcp", ethernet + b"\x81\x00\x00\x05\x08\x00" + ipv4 + b"\x06" + ends),  # VLAN, no ports
        (5, "arp", ethernet + b"\x08\x06" + bytes(28)),
        (6, "other", ethernet + b"\x88\xcc"),
        (6, "other", ethernet + b"\x08\x00" + ipv4),   # cut within the IP header
        (6, "other", ethernet + b"\x81\x00"),
        (6, "other", b""),
    ]
    content = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, (_, _, data) in enumerate(packets):
        content += struct.pack("<IIII", 1000 + number, 7, len(data), len(data) + number) + data
    path, got = write(place.path("made.pcap"), content), place.path("got.pcap")
    with Host(place) as host:
        monitor = host.monitor("made", "--json", "--until-end", "--write", got)
        expect(place.finish(host.upcall("feed", "--pcap", path, "--end")), OK, output=None)
        found = [json.loads(line) for line in place.finish(monitor)[1].splitlines()][:-1]
        check(len(found) == len(packets), found)
        for number, (topic, said, data) in enumerate(packets):
            one = found[number]
            check(one["topic"] == topic and said in one["packet"], number, one)
            check(one["time"] == f"{1000 + number}.000007", one)
            check(one["captured"] == len(data) and one["original"] == len(data) + number, one)
        check(read(got)[24:] == content[24:], "the packets differ")
        # Cut to a length that the person chose.
        monitor = host.monitor("snap", "--until-end", "--json", "--write", got)
        done = place.finish(host.upcall("feed", "--pcap", path, "--snap", "20", "--end", "--json"))
        cut = sum(len(data) > 20 for _, _, data in packets)
        check(json.loads(done[1])["cut"] == cut, done, cut)
        found = [json.loads(line) for line in place.finish(monitor)[1].splitlines()][:-1]
        check([one["captured"] for one in found] == [min(len(data), 20) for _, _, data in packets],
              found)
        check(struct.unpack_from("<I", read(got), 16)[0] == 20, "snap length of the file")
    place.nothing_left()


def main():
    with Place(BIN) as place:
        return globals()["cases_of_" + sys.argv[3]](place) or 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.TimeoutExpired as stuck:
        sys.exit(f"stuck: {stuck}\n{stuck.stderr or ''}")
