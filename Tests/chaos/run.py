"""Runs the chaos programs of this folder one after the other.

    Tests/chaos/run.py [--quick] [NAMES]

Each is a program of its own that prints `ok WHAT` or `FAIL WHAT: why` for each case and ends with the sums;
run one alone to see its options. `--quick` is what every change must pass; without it come the figures of
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    name: str
    program: str
    # None: only in the full run.
    quick: list[str] | None
    full: list[str]
    # It has hung if it takes longer, in seconds.
    limit: int = 1_800


CASES = [
    Case(
        "kills",
        "kill_loop.py",
        ["--kills", "4", "--load", "42"],
        ["--kills", "35", "--load", "280", "--seeds", "1-10"],
    ),
    Case(
        "kills-c",
        "kill_loop.py",
        ["--host", "c", "--kills", "4", "--load", "30"],
        ["--host", "c", "--kills", "15", "--load", "120", "--seeds", "1-10"],
    ),
    Case(
        "kills-client",
        "kill_loop.py",
        ["--victim", "client", "--kills", "3", "--load", "42"],
        ["--victim", "client", "--kills", "10", "--load", "210", "--seeds", "1-10"],
    ),
    Case(
        "processes",
        "processes.py",
        ["--steps", "2000", "--kills", "2", "--stops", "1", "--stopped", "0.3"],
        ["--steps", "100000", "--kills", "30", "--stops", "12", "--stopped", "4"],
    ),
    Case(
        "fleet",
        "fleet.py",
        ["--instances", "280"],
        ["--host", "c", "--instances", "20000"],
    ),
    Case("starters", "starters.py", ["--starts", "4000"], []),
    Case("clocks", "clocks.py", ["--naps", "2", "back 1 h", "back 1 h, then a restart"], []),
    Case(
        "crashes", "crash_loop.py", ["--kills", "4", "--seconds", "0.3", "--slots", "4", "--others-only"], []
    ),
    Case("power", "power_loss.py", ["--cuts", "12"], ["--cuts", "300"]),
    Case("errors", "io_errors.py", None, []),
    Case("disk", "full_disk.py", ["--runs", "2"], ["--runs", "10"]),
    Case("protected", "read_only.py", [], []),
    Case("files", "damaged_files.py", ["--flips", "50"], ["--flips", "600"]),
    Case("rows", "damaged_rows.py", ["--every", "25"], []),
    Case("replaced", "replaced_file.py", [], []),
    Case("second", "second_sqlite.py", ["--runs", "1", "--instances", "60"], ["--instances", "1000"]),
    Case("changes", "code_change.py", [], []),
    Case("large", "large.py", ["--events", "500", "--no-times"], []),
    Case("abuse", "abuse.py", ["--quick"], []),
    Case("poison", "poison.py", ["--each", "10", "--samples", "20", "--only", "garbage"], []),
    Case("canary", "canary.py", [], []),
    Case(
        "memory",
        "memory.py",
        ["--orchestrations", "4000", "--batch", "250", "--slope", "2000"],
        ["--orchestrations", "100000", "--batch", "500", "--slope", "50"],
    ),
]


def run(case: Case, is_quick: bool) -> tuple[int, int]:
    """Returns how many of its checks passed and failed."""
    arguments = (case.quick if is_quick else case.full) or []
    print(f"--- {case.name}: {case.program} {' '.join(arguments)}", flush=True)
    begin = time.monotonic()
    passed = failed = 0
    command = [sys.executable, str(HERE / case.program), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        watchdog = threading.Timer(case.limit, process.kill)
        watchdog.start()
        for line in process.stdout:
            passed += line.startswith("ok ")
            failed += line.startswith("FAIL ")
            # The sums of one are not those of all.
            print(line.rstrip() if line[:1].isalpha() else f"  {line.rstrip()}", flush=True)
        watchdog.cancel()
    if process.returncode != 0 and failed == 0:
        print(f"FAIL {case.name}: it ended with status {process.returncode}", flush=True)
        failed += 1
    print(f"--- {case.name}: {time.monotonic() - begin:.0f} s", flush=True)
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the chaos programs.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*", help=", ".join(case.name for case in CASES))
    options = parser.parse_args()
    unknown = set(options.names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    chosen = [case for case in CASES if not options.names or case.name in options.names]
    if options.quick:
        chosen = [case for case in chosen if case.quick is not None]
    results = [run(case, options.quick) for case in chosen]
    passed, failed = (sum(counts) for counts in zip(*results, strict=True))
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
