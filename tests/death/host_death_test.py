#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# kill -9 of an application leaves the host and the others well; kill -9 of the host ends them all.
"""usage: host_death_test.py NTHOST FOLDER"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

DEADLINE = 30.0  # generous: only a hang fails


def fail(text):
    print(f"FAILED: {text}")
    sys.exit(1)


def wait_until(what, condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            fail(f"waited in vain until {what}")
        time.sleep(0.01)


class Host:
    """A host started by `nthost start` in a folder of its own."""

    def __init__(self, nthost, folder, work):
        self.nthost, self.folder = nthost, folder
        self.socket = os.path.join(work, "socket")
        self.env = dict(os.environ, NTHOST_SOCKET=self.socket)
        self.command("start", "--driver", f"{folder}/event_by_handle.sys")
        self.pid = self.status()["pid"]

    def command(self, *words):
        done = subprocess.run([self.nthost, *words], env=self.env, capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        if done.returncode != 0:
            fail(f"nthost {' '.join(words)}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def status(self):
        return json.loads(self.command("status", "--json"))

    def processes(self):
        return len(self.status()["processes"])

    def hang(self):
        """An application that waits for an event which comes in an hour."""
        child = subprocess.Popen([f"{self.folder}/event_by_handle", "hang"], env=self.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if child.stdout.readline().strip() != "waiting":
            fail(f"the application did not come to wait: {child.communicate()}")
        return child


def main():
    nthost, folder = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as work:
        host = Host(nthost, folder, work)
        first = host.hang()
        if host.processes() != 1:
            fail("status does not show the application")
        first.kill()
        first.wait(DEADLINE)
        wait_until("the killed application is run down", lambda: host.processes() == 0)
        # The event was armed by the dead one: only its rundown (cleanup) makes room for this.
        second = host.hang()
        second.kill()
        second.wait(DEADLINE)
        wait_until("the second is run down", lambda: host.processes() == 0)
        host.command("stop")  # fails if anything was left behind

        host = Host(nthost, folder, work)
        victim = host.hang()
        os.kill(host.pid, signal.SIGKILL)
        try:
            _, text = victim.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            victim.kill()
            fail("the application outlived its host")
        if victim.returncode == 0 or "nthost" not in text:
            fail(f"the application ended with {victim.returncode}: {text!r}")
        # The dead host's socket is in the way of nobody.
        host = Host(nthost, folder, work)
        host.command("stop")
        if os.path.exists(host.socket):
            fail("the socket was left behind")
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
