"""Measures this library against that of another commit, in turns: benchmarks/c/bench.c on either.

    benchmarks/against.py COMMIT [--times 7] [--quick]

Builds the library of COMMIT from its source, below .build/against. The host in C is today's for both: the ABI
has been the same since its first version. For each figure it prints the median of either side, and how many
times better this library is; what has fallen by more than 5 % is marked.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from run import LIBRARY, LINE, OUT, ROOT, build_c

AGAINST = ROOT / ".build" / "against"
FALLEN = 1 / 1.05

Figures = dict[tuple[str, str, str], dict[str, list[float]]]


def built(commit: str) -> Path:
    """The library of a commit."""
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if known.returncode != 0:
        sys.exit(f"against: there is no commit {commit} in this repository")
    source = AGAINST / known.stdout.strip()
    if not (library := source / ".build" / "release" / LIBRARY.name).is_file():
        source.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(
            ["git", "archive", source.name], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
        command = [os.environ.get("SWIFT", "swift"), "build", "-c", "release", "--product", "dx"]
        subprocess.run(command, cwd=source, check=True)
    return library


def placed(library: Path, side: str) -> Path:
    """A copy in a folder of its own, which the system has yet to read: how it keeps a file depends on how the
    file came, and what a process holds of it depends on that."""
    folder = AGAINST / side
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / library.name
    copy.unlink(missing_ok=True)
    copy.write_bytes(library.read_bytes())
    descriptor = os.open(copy, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    return folder


def measure(side: str, folder: Path, quick: bool, figures: Figures) -> None:
    store = AGAINST / "store.sqlite"
    for old in AGAINST.glob(f"{store.name}*"):
        old.unlink()
    environment = {"LD_LIBRARY_PATH": str(folder), "LD_PRELOAD": str(OUT / "sync_counter.so")}
    command = [str(OUT / "bench"), f"sqlite:{store}", *(["quick"] if quick else [])]
    done = subprocess.run(
        command, env=os.environ | environment, text=True, stdout=subprocess.PIPE, check=True
    )
    for line in done.stdout.splitlines():
        if found := LINE.fullmatch(line):
            workload, name, _, value, unit = found.groups()
            figures.setdefault((workload, name, unit), {}).setdefault(side, []).append(float(value))


def show(figures: Figures) -> None:
    print(f"{'workload':<9} {'':<20} {'this':>12} {'that':>12} {'better':>8}  unit")
    for (workload, name, unit), values in figures.items():
        this, that = (statistics.median(values[side]) for side in ("this", "that"))
        gain, loss = (this, that) if unit.endswith("/s") else (that, this)
        better = gain / loss if loss else 1.0
        mark = "  fallen" if better < FALLEN else ""
        print(f"{workload:<9} {name:<20} {this:>12,.3f} {that:>12,.3f} {better:>8.2f}  {unit}{mark}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures this library against that of another commit.")
    parser.add_argument("commit")
    parser.add_argument("--times", type=int, default=7, help="runs of either side")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    build_c()
    sides = {"this": placed(LIBRARY, "this"), "that": placed(built(options.commit), "that")}
    figures: Figures = {}
    for time in range(options.times):
        print(f"run {time + 1} of {options.times}", file=sys.stderr)
        for side in sorted(sides, reverse=time % 2 == 1):
            measure(side, sides[side], options.quick, figures)
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
