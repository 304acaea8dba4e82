# SPDX-License-Identifier: MIT
"""That upcall-bench runs, prints what it promises in both forms, and refuses what it does not know."""
import csv
import json
import os
import subprocess
import sys
import tempfile

KEYS = {"name", "value", "unit", "peer", "peer_value", "ratio", "goal", "met"}


def run(bench, *words):
    return subprocess.run([bench, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=200, check=False)


def check(condition, what, done):
    if not condition:
        sys.exit(f"{what}\nexit status {done.returncode}\n{done.stdout}\n{done.stderr}")


def main():
    bench = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples.csv")
        done = run(bench, "--rounds", "2", "--quick", "--json", "--samples", path)
        check(done.returncode == 0, "the measurements did not run", done)
        results = json.loads(done.stdout)
        check(len(results) == 4, "not four results", done)
        for result in results:
            check(KEYS <= set(result), f"keys missing in {result}", done)
            check(result["met"] in (True, False, None), f"met is odd in {result}", done)
            check((result["met"] is None) == bool(result["reason"]), f"no reason in {result}", done)
            check(result["value"] is None or result["value"] > 0, f"value is odd in {result}", done)
            if result["peer"] is not None and result["value"] is not None:
                check(result["ratio"] > 0 and result["peer_value"] > 0, f"no peer in {result}", done)
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        measured = {row["measure"] for row in rows}
        check(measured == {result["name"] for result in results if result["value"] is not None},
              "samples are missing", done)
        check(all(float(row["ns"]) >= 0 for row in rows), "a negative sample", done)

        done = run(bench, "--samples", os.path.join(folder, "no-such-folder", "x.csv"))
        check(done.returncode == 1 and "cannot write" in done.stderr, "wrong samples file", done)
    for words in (["--nonsense"], ["--samples"], ["--verifier", "half"], ["--rounds", "0"]):
        done = run(bench, *words)
        check(done.returncode == 2 and "--help" in done.stderr, f"{words} was taken", done)
    done = run(bench, "--help")
    check(done.returncode == 0 and "--samples" in done.stdout, "no help", done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
