"""Runs the Swift tests with coverage and says how much of each module they reach.

    .ci/coverage.py [--no-run] [--missing MODULE...]

Prints lines and regions of each module below Sources, then `ok` or `FAIL` for the core, and the sums. With
--no-run it looks at the last run again. --missing lists what no test reaches of these modules.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "coverage"
SWIFT = os.environ.get("SWIFT", "swift")
# What decides and what keeps: the engine without its edges.
CORE = [
    "PerdureModel", "PerdureWire", "PerdureReplay", "PerdureDispatch", "PerdureDriver", "PerdureSchedule",
    "PerdureStore", "PerdureStoreMemory", "PerdureStoreSQL", "PerdureStoreSQLite", "PerdureRuntime",
    "PerdureClient",
]  # fmt: skip
LINES, REGIONS = 95.0, 90.0


@dataclass
class Reached:
    lines: int = 0
    lines_reached: int = 0
    regions: int = 0
    regions_reached: int = 0

    def add(self, other: Reached) -> None:
        self.lines += other.lines
        self.lines_reached += other.lines_reached
        self.regions += other.regions
        self.regions_reached += other.regions_reached

    @property
    def shares(self) -> tuple[float, float]:
        """Of the lines and of the regions, in percent."""
        return 100 * self.lines_reached / max(1, self.lines), 100 * self.regions_reached / max(
            1, self.regions
        )


def run_tests() -> int:
    command = [SWIFT, "test", "--enable-code-coverage", "--build-path", str(BUILD), "--disable-xctest"]
    return subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode


def export(*options: str) -> dict[str, Any]:
    """What llvm-cov of the toolchain says of the last run."""
    tools = Path(os.path.realpath(shutil.which("swiftc") or "/")).parent
    program = BUILD / "debug" / "perdurePackageTests.xctest"
    data = BUILD / "debug" / "codecov" / "default.profdata"
    command = [str(tools / "llvm-cov"), "export", *options, "-instr-profile", str(data), str(program)]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    exported: dict[str, Any] = json.loads(text)["data"][0]
    return exported


def module_of(path: str) -> str | None:
    """None: not below Sources."""
    parts = Path(path).relative_to(ROOT).parts if path.startswith(f"{ROOT}/") else ()
    return parts[1] if len(parts) > 2 and parts[0] == "Sources" else None


def reached(exported: dict[str, Any]) -> dict[str, Reached]:
    modules: dict[str, Reached] = defaultdict(Reached)
    for file in exported["files"]:
        module = module_of(file["filename"])
        if module is None:
            continue
        lines, regions = file["summary"]["lines"], file["summary"]["regions"]
        modules[module].add(Reached(lines["count"], lines["covered"], regions["count"], regions["covered"]))
    return dict(modules)


def missing(exported: dict[str, Any], modules: list[str]) -> None:
    """Prints where unreached regions begin, with the line."""
    for file in exported["files"]:
        if module_of(file["filename"]) not in modules:
            continue
        path = Path(file["filename"])
        text = path.read_text().splitlines()
        # A segment: line, column, count, whether it counts, whether it begins a region, whether it is a gap.
        for line, column, count, has_count, is_entry, is_gap in file["segments"]:
            if has_count and is_entry and not is_gap and count == 0:
                print(f"{path.relative_to(ROOT)}:{line}:{column}: {text[line - 1].strip()}")


def show(name: str, module: Reached) -> None:
    lines, regions = module.shares
    print(
        f"{name:26} {lines:6.1f} % of {module.lines:5} lines {regions:6.1f} % of {module.regions:5} regions"
    )


def judge(modules: dict[str, Reached]) -> int:
    core, everything = Reached(), Reached()
    for name, module in sorted(modules.items()):
        everything.add(module)
        if name in CORE:
            core.add(module)
        show(f"{name} *" if name in CORE else name, module)
    show("all of them", everything)
    show("the core (*)", core)
    failed = 0
    for what, share, goal in (("lines", core.shares[0], LINES), ("regions", core.shares[1], REGIONS)):
        failed += share < goal
        verdict = "ok" if share >= goal else "FAIL"
        why = "" if share >= goal else f": the goal is {goal:g} %"
        print(f"{verdict} the tests reach {share:.1f} % of the {what} of the core{why}")
    print(f"{2 - failed} passed, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="How much of each module the Swift tests reach.")
    parser.add_argument("--no-run", action="store_true", help="look at the last run again")
    parser.add_argument("--missing", nargs="+", metavar="MODULE", default=[], help="list what is not reached")
    options = parser.parse_args()
    if not options.no_run and run_tests() != 0:
        print("FAIL the tests do not pass\n0 passed, 1 failed")
        return 1
    if options.missing:
        missing(export(), options.missing)
        return 0
    return judge(reached(export("-summary-only")))


if __name__ == "__main__":
    sys.exit(main())
