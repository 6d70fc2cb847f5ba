"""Everything that a hostile or careless user can pass in, on each store.

    Tests/chaos/abuse.py [--quick] [--only WORD]

Each case runs on the memory store and on SQLite. It passes when it comes to the same named end on both, and
when after it another orchestration completes within 5 s. Verdicts are lines of `ok` and `FAIL`; the last
line gives the sums.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import abuse_calls
import abuse_code
import abuse_processes
import abuse_texts
import abuse_values
from abuse_world import Case, World, outcome, quiet
from judge import Verdicts

CASES = [
    *abuse_texts.cases(),
    *abuse_values.cases(),
    *abuse_code.cases(),
    *abuse_calls.cases(),
    *abuse_processes.cases(),
]


def judge(case: Case, worlds: list[World], verdicts: Verdicts) -> None:
    wrong = []
    begin = time.monotonic()
    for world in worlds:
        found = outcome(case, world)
        if found != case.expect:
            wrong.append(f"on {world.kind}: {found} instead of {case.expect}")
        sick = world.check_health()
        if sick:
            wrong.append(f"on {world.kind}: {sick}")
    verdicts.check(f"{case.name}: {case.expect} ({time.monotonic() - begin:.2f} s)", wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description="Hostile inputs to the host API.")
    parser.add_argument("--quick", action="store_true", help="smaller amounts")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    options = parser.parse_args()
    verdicts = Verdicts()
    with tempfile.TemporaryDirectory(prefix="perdure-abuse-") as folder, quiet():
        urls = {"memory": "memory:", "sqlite": f"sqlite:{Path(folder) / 'abuse.sqlite'}"}
        worlds = [World(kind, url, options.quick) for kind, url in urls.items()]
        for case in CASES:
            if options.only in case.name and not (options.quick and case.is_slow):
                judge(case, worlds, verdicts)
        for world in worlds:
            print(f"abuse: the slowest of the others took {world.slowest:.3f} s on {world.kind}")
            world.close()
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
