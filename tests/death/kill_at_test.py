#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Kills the event_by_handle application all along its system calls, at every point of a call.
"""usage: kill_at_test.py NTHOST FOLDER

Each run must end with the application dead by SIGKILL (137) and a host that found nothing left
behind: a leak or a bugcheck makes `nthost run` exit with 3 and fails the test. The sweep of a point
ends at the first call number that the application does not reach, where it must pass (0).
"""

import subprocess
import sys

POINTS = ("before", "in-dispatch", "parked", "after-reply")


def run(nthost, folder, number, point):
    command = [nthost, "run", "--kill-at", f"{number}:{point}",
               "--driver", f"{folder}/event_by_handle.sys", "--", f"{folder}/event_by_handle"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def sweep(nthost, folder, point, step):
    """Kills at every step-th call until the program is through. Returns (kills, failures)."""
    kills, failures = 0, []
    number = 1
    while True:
        status, text = run(nthost, folder, number, point)
        if status == 0:
            # Calls that do not park are not reached by "parked": go on as far as the others went.
            if point != "parked" or number > 150:
                break
        elif status == 137:
            kills += 1
        else:
            failures.append(f"{number}:{point}: exit status {status}\n{text}")
        number += step
    return kills, failures


def main():
    nthost, folder = sys.argv[1:3]
    total, failures = 0, []
    for point in POINTS:
        # In steps: the loop of 20 wakes makes most calls alike, and every run is a host of its own.
        kills, failed = sweep(nthost, folder, point, 3 if point != "parked" else 2)
        print(f"{point}: killed {kills} times, {len(failed)} failures", flush=True)
        total += kills
        failures += failed
    for failure in failures[:5]:
        print(failure)
    if total < 30:
        print(f"only {total} kills: the kill points do not work")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
