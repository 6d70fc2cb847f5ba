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
    quick: list[str]
    full: list[str]
    # It has hung if it takes longer, in seconds.
    limit: int = 1_800


CASES = [
    Case("kills", "kill_loop.py", ["--kills", "5", "--orders", "40"], ["--kills", "30", "--orders", "200"]),
    Case(
        "memory",
        "memory.py",
        ["--orchestrations", "4000", "--batch", "250", "--slope", "2000"],
        ["--orchestrations", "100000", "--batch", "500", "--slope", "50"],
    ),
]


def run(case: Case, is_quick: bool) -> tuple[int, int]:
    """Returns how many of its checks passed and failed."""
    arguments = case.quick if is_quick else case.full
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
    results = [run(case, options.quick) for case in chosen]
    passed, failed = (sum(counts) for counts in zip(*results, strict=True))
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
