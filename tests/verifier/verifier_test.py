# SPDX-License-Identifier: MIT
"""Runs one violating driver and its clean twin.

usage: verifier_test.py NTHOST FOLDER CASE local|remote SANITIZERS

The violating one: exit status 3, the bugcheck's name, the driver's and the guilty function's in the
report, and an application that is not left waiting. The twin: exit status 0 and no report.
Some violations a sanitizer sees first, where they happen: then the report is its own.
"""
import os
import subprocess
import sys

LEAK = "DRIVER_VERIFIER_DETECTED_VIOLATION"
POOL = "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION"

# case: (bugcheck, guilty function, when). "call": while the application waits for the answer;
# "unload": when the driver is unloaded, the application having ended.
CASES = {
    "pool_leak": (LEAK, "AllocateBlock", "unload"),
    "pool_overrun": (POOL, "AllocateShort", "call"),
    "pool_double_free": ("BAD_POOL_CALLER", "FreeBlock", "call"),
    # Found by the check of the whole pool at unload at the latest, so it names who freed.
    "pool_use_after_free": ("PAGE_FAULT_IN_FREED_SPECIAL_POOL", "FreeBlock", "unload"),
    "irp_completed_twice": ("MULTIPLE_IRP_COMPLETE_REQUESTS", "CompleteAgain", "call"),
    "irp_forgotten": (LEAK, "Control", "pend"),
    "irp_pending_unmarked": ("DRIVER_VERIFIER_IOMANAGER_VIOLATION", "ReturnPending", "call"),
    "wait_at_dispatch": ("IRQL_NOT_LESS_OR_EQUAL", "WaitAWhile", "call"),
    "wait_in_dpc": ("ATTEMPTED_SWITCH_FROM_DPC", "WaitInDpc", "call"),
    "lock_kept": ("DRIVER_VERIFIER_IOMANAGER_VIOLATION", "Control", "call"),
    "lock_recursion": ("SPIN_LOCK_ALREADY_OWNED", "TakeTwice", "call"),
    "timer_left": ("TIMER_OR_DPC_INVALID", "DeleteAll", "unload"),
    "timer_left_in_image": (LEAK, "StaticTimer", "unload"),
    "thread_left": (LEAK, "StartThread", "unload"),
    "device_left": (LEAK, "CreateSecond", "unload"),
    "link_left": (LEAK, "CreateLink", "unload"),
    "reference_left": (LEAK, "ReferenceEvent", "unload"),
    "handle_left": (LEAK, "OpenHandle", "unload"),
    "null_pointer": ("PAGE_FAULT_IN_NONPAGED_AREA", "ReadField", "call"),
    "paged_at_dispatch": (LEAK, "AllocatePaged", "call"),
}

# What the address and undefined behaviour sanitizers say instead.
SANITIZED = {
    "pool_overrun": ("AddressSanitizer: use-after-poison", "pool_overrun.c:"),
    "pool_use_after_free": ("AddressSanitizer: use-after-poison", "pool_use_after_free.c:"),
    "null_pointer": ("load of null pointer", "null_pointer.c:"),
}


class Runner:
    def __init__(self, nthost, folder, case, way, sanitizers):
        self.nthost, self.folder, self.case, self.way = nthost, folder, case, way
        self.sanitized = "address" in sanitizers and case in SANITIZED
        # A sanitizer's report ends the host as a bugcheck does.
        self.environment = {**os.environ, "ASAN_OPTIONS": "exitcode=3", "UBSAN_OPTIONS": "exitcode=3"}
        self.when = CASES[case][2]
        self.failures = 0

    def run(self, driver):
        command = [self.nthost, "run"]
        if self.way == "local":
            command.append("--local")
        command += ["--driver", f"{self.folder}/{driver}.sys", "--", f"{self.folder}/verifier_app"]
        if self.when == "pend":
            command.append("pend")
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=60, check=False, errors="replace",
                                  env=self.environment)
        except subprocess.TimeoutExpired as late:
            sys.exit(f"{driver}: still running after a minute: somebody waits for ever\n"
                     f"{late.stdout}\n{late.stderr}")

    def check(self, condition, what, done):
        if not condition:
            self.failures += 1
            print(f"{self.case} {self.way}: {what}\n--- exit status {done.returncode}, output:\n"
                  f"{done.stdout}--- errors:\n{done.stderr}---")

    def violating(self):
        name, guilty, when = CASES[self.case]
        driver = f"{self.case}_bad"
        done = self.run(driver)
        report = done.stderr
        self.check(done.returncode == 3, "the exit status is not 3", done)
        # A compiler may leave a check to the hardware: then the report is ours after all.
        if self.sanitized and "*** BUGCHECK" not in report:
            for phrase in SANITIZED[self.case]:
                self.check(phrase in report, f"the sanitizer does not say {phrase}", done)
            when = "call"
        else:
            self.check(report.count("*** BUGCHECK") == 1, "not exactly one report", done)
            self.check(f" {name} (" in report, f"the report is not {name}", done)
            self.check(driver in report, "the driver is not named", done)
            frames = [line for line in report.splitlines() if line.startswith("    ")]
            self.check(any(line.lstrip().startswith(guilty) and f"[{driver}.sys" in line
                           for line in frames),
                       f"{guilty} of {driver}.sys is in no stack", done)
        if when == "call" and self.way == "remote":
            # The thread that waited for the event got an error, or the library ended the program.
            self.check("the wait ended with error" in done.stdout or "nthost has gone" in report,
                       "the waiting application was not told", done)

    def clean(self):
        done = self.run(f"{self.case}_good")
        self.check(done.returncode == 0, "the clean twin's exit status is not 0", done)
        self.check("BUGCHECK" not in done.stderr, "the clean twin is reported", done)


def main():
    if len(sys.argv) != 6 or sys.argv[3] not in CASES or sys.argv[4] not in ("local", "remote"):
        sys.exit(__doc__)
    runner = Runner(*sys.argv[1:])
    runner.violating()
    runner.clean()
    return 1 if runner.failures else 0


if __name__ == "__main__":
    sys.exit(main())
