"""Runs the test suites one after the other and sums what they report.

Counts come from the machine-readable results of each suite, never from its exit status alone: a suite that
ends without results, or with none, counts as one failure.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".build" / "results"
PYTHON = str(ROOT / ".build" / "venv" / "bin" / "python")
SWIFT = os.environ.get("SWIFT", "swift")
# Tests that block the few threads of Swift's tasks starve the others if all begin at once.
SWIFT_TEST = [SWIFT, "test", "--experimental-maximum-parallelization-width", "4"]
SEEDS = os.environ.get("SEEDS", "500")
# Swift tests that keep the few threads of tasks to themselves. Those that keep time run apart from them.
BUSY = r"^(FaultTests|FuzzTests|SimulationTests|PerdureScheduleTests)\.|WrappedConformanceTests"


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Suite:
    name: str
    command: list[str]
    # Reads the results; is given the output of the command.
    read: Callable[[str], Counts]


def junit(*names: str) -> Callable[[str], Counts]:
    """Reads results in the XML that JUnit began and swift test and pytest write."""

    def read(_output: str) -> Counts:
        counts = Counts()
        for path in (RESULTS / name for name in names):
            if not path.exists():
                counts.failed += 1
                counts.failures.append(f"{path.name} was not written")
                continue
            for case in ElementTree.parse(path).getroot().iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    counts.failed += 1
                    counts.failures.append(f"{case.get('classname')}: {case.get('name')}")
                elif case.find("skipped") is None:
                    counts.passed += 1
        return counts

    return read


def last_line(output: str) -> Counts:
    """Reads the `N passed, N failed` that our own programs end with."""
    lines = output.strip().splitlines()
    sums = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1]) if lines else None
    if sums is None:
        return Counts()
    failures = [line.removeprefix("FAIL ") for line in lines if line.startswith("FAIL ")]
    return Counts(int(sums[1]), int(sums[2]), failures)


SUITES = [
    Suite(
        "build",
        [".ci/checked", "libdx.so builds", SWIFT, "build", "-c", "release", "--product", "dx"],
        last_line,
    ),
    Suite(
        "swift",
        [*SWIFT_TEST, "--skip", BUSY, "--xunit-output", str(RESULTS / "swift.xml")],
        junit("swift-swift-testing.xml"),
    ),
    Suite(
        "busy",
        [*SWIFT_TEST, "--filter", BUSY, "--xunit-output", str(RESULTS / "busy.xml")],
        junit("busy-swift-testing.xml"),
    ),
    # Of what the Swift tests have built.
    Suite("docc", [PYTHON, ".ci/docc.py"], last_line),
    Suite(
        "postgres",
        # The first starts a server for all of its tests, the others have one that they start anew.
        ["Tests/postgres/run", str(RESULTS)],
        junit("postgres-swift-testing.xml", "postgres-python.xml"),
    ),
    Suite("c", ["Tests/C/run"], last_line),
    Suite(
        "python",
        # They wait for others most of the time.
        [
            PYTHON,
            "-m",
            "pytest",
            "-q",
            "-n",
            "3",
            "--dist",
            "loadfile",
            "bindings/python",
            f"--junitxml={RESULTS / 'python.xml'}",
        ],
        junit("python.xml"),
    ),
    Suite(
        "simulation",
        [".ci/checked", f"{SEEDS} seeds", SWIFT, "run", "-c", "release", "dx-sim", "--seeds", SEEDS],
        last_line,
    ),
    Suite("node", ["bindings/node/test/run", str(RESULTS / "node.xml")], junit("node.xml")),
    Suite("cpp", ["Tests/Cpp/run"], last_line),
    Suite("c-binding", ["bindings/c/tests/run"], last_line),
    Suite("examples", [PYTHON, "Tests/examples/run.py", str(ROOT / ".build" / "debug")], last_line),
    Suite("chaos", [PYTHON, "Tests/chaos/run.py", "--quick"], last_line),
    Suite("demo", [".ci/checked", "the demo runs to its end", "make", "-s", "demo"], last_line),
    Suite("format", [".ci/format", "--check"], last_line),
]


def run(suite: Suite, environment: dict[str, str]) -> Counts:
    print(f"\n=== {suite.name}", flush=True)
    begin = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(
        suite.command, cwd=ROOT, env=environment, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if not line.startswith(("ok ", "◇", "✔", "[")):
                print(line, end="", flush=True)
    counts = suite.read("".join(lines))
    if process.returncode != 0 and counts.failed == 0:
        counts.failed = 1
        counts.failures.append(f"{suite.name} ended with status {process.returncode}")
    if counts.passed + counts.failed == 0:
        counts.failed = 1
        counts.failures.append(f"{suite.name} reported no tests")
    seconds = time.monotonic() - begin
    print(f"=== {suite.name}: {counts.passed} passed, {counts.failed} failed, {seconds:.1f} s", flush=True)
    return counts


def main(names: list[str]) -> int:
    unknown = set(names) - {suite.name for suite in SUITES}
    if unknown:
        print(f"suites: there is no {', '.join(sorted(unknown))}; there are "
              + ", ".join(suite.name for suite in SUITES))  # fmt: skip
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    for old in RESULTS.glob("*.xml"):
        old.unlink()
    environment = os.environ | {
        "PERDURE_LIBRARY": str(ROOT / ".build" / "release" / "libdx.so"),
        "PYTHONPATH": str(ROOT / "bindings" / "python" / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    total = Counts()
    for suite in SUITES:
        if names and suite.name not in names:
            continue
        counts = run(suite, environment)
        total.passed += counts.passed
        total.failed += counts.failed
        total.failures += [f"{suite.name}: {failure}" for failure in counts.failures]
    print()
    for failure in total.failures:
        print(f"FAILED {failure}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
