"""Measures the programs of `make bench` against those of another commit, in turns.

    benchmarks/against.py COMMIT [--only c,swift,python] [--times 7] [--until alone-p99] [--quick]

Builds COMMIT from its source, below .build/against. The host in C is today's on either library: the ABI has
been the same since its first version. The programs in Swift and Python are those of either commit, as each
goes with its SDK. For each figure it prints the median of either side, and how many times better this one is:
the median of the pairs that ran one after the other. What has fallen by more than 5 % is marked. A few pairs
do not tell apart what a single pause of the disk decides, such as the p99 of 200 orchestrations: `--until
alone-p99` ends each run with that figure, so that there can be many.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from run import LIBRARY, LINE, OUT, ROOT, build_c

AGAINST = ROOT / ".build" / "against"
LANGUAGES = ("c", "swift", "python")
FALLEN = 1 / 1.05

Figures = dict[tuple[str, str, str, str], dict[str, list[float]]]


class Side:
    """One of the two, in a folder of its own with copies of what is measured."""

    def __init__(self, name: str, source: Path, built: Path) -> None:
        """`source`: the tree; `built`: where its library and programs are."""
        self.name = name
        self.source = source
        self.built = built
        self.folder = AGAINST / name
        self.folder.mkdir(parents=True, exist_ok=True)

    def place(self, file: Path) -> Path:
        """A copy which the system has yet to read: how it keeps a file depends on how the file came, and what
        a process holds of it depends on that."""
        copy = self.folder / file.name
        copy.unlink(missing_ok=True)
        shutil.copy(file, copy)
        descriptor = os.open(copy, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
        return copy

    def prepare(self, languages: list[str]) -> None:
        self.library = self.place(self.built / LIBRARY.name)
        if "swift" in languages:
            self.place(self.built / "bench-swift")

    def command(self, language: str) -> list[str]:
        if language == "swift":
            return [str(self.folder / "bench-swift")]
        if language == "python":
            return [sys.executable, str(self.source / "benchmarks" / "bench.py")]
        return [str(OUT / "bench")]

    def measure(self, language: str, options: argparse.Namespace, figures: Figures) -> None:
        store = AGAINST / "store.sqlite"
        for old in AGAINST.glob(f"{store.name}*"):
            old.unlink()
        # What the run before left to write is not for this one to wait for.
        os.sync()
        environment = os.environ | {
            "LD_LIBRARY_PATH": str(self.folder),
            "LD_PRELOAD": str(OUT / "sync_counter.so"),
            "PERDURE_LIBRARY": str(self.library),
            "PYTHONPATH": str(self.source / "bindings" / "python" / "src"),
        }
        command = [*self.command(language), f"sqlite:{store}", *(["quick"] if options.quick else [])]
        with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            for line in program.stdout:
                if not (found := LINE.fullmatch(line.rstrip())):
                    continue
                workload, name, _, value, unit = found.groups()
                sides = figures.setdefault((language, workload, name, unit), {})
                sides.setdefault(self.name, []).append(float(value))
                if name == options.until:
                    program.kill()
                    return
        if program.returncode != 0:
            sys.exit(f"against: {' '.join(command)} ended with status {program.returncode}")
        if options.until:
            sys.exit(f"against: {language} has no figure {options.until}")


def of_commit(commit: str, languages: list[str]) -> Side:
    """The other side, from its source."""
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if known.returncode != 0:
        sys.exit(f"against: there is no commit {commit} in this repository")
    source = AGAINST / known.stdout.strip()
    if not source.is_dir():
        source.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", source.name], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    built = source / ".build" / "release"
    products = {LIBRARY.name: "dx"} | ({"bench-swift": "bench-swift"} if "swift" in languages else {})
    for file, product in products.items():
        if not (built / file).is_file():
            command = [os.environ.get("SWIFT", "swift"), "build", "-c", "release", "--product", product]
            subprocess.run(command, cwd=source, check=True)
    return Side("that", source, built)


def show(figures: Figures) -> None:
    print(f"{'':<8} {'workload':<9} {'':<20} {'this':>12} {'that':>12} {'better':>8}  unit")
    for (language, workload, name, unit), values in figures.items():
        if len(values) < 2:
            continue
        pairs = [values["this"], values["that"]]
        gain, loss = pairs if unit.endswith("/s") else reversed(pairs)
        better = statistics.median(a / b if b else 1.0 for a, b in zip(gain, loss, strict=True))
        this, that = map(statistics.median, pairs)
        mark = "  fallen" if better < FALLEN else ""
        figure = f"{language:<8} {workload:<9} {name:<20}"
        print(f"{figure} {this:>12,.3f} {that:>12,.3f} {better:>8.2f}  {unit}{mark}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures make bench against another commit, in turns.")
    parser.add_argument("commit")
    parser.add_argument("--only", default="c", help=f"of {', '.join(LANGUAGES)}, joined by commas")
    parser.add_argument("--times", type=int, default=7, help="runs of either side")
    parser.add_argument("--until", metavar="FIGURE", help="end each run with this figure")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works")
    options = parser.parse_args()
    languages = options.only.split(",")
    if unknown := set(languages).difference(LANGUAGES):
        sys.exit(f"against: not measured: {', '.join(sorted(unknown))}; there is {', '.join(LANGUAGES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    build_c()
    sides = [Side("this", ROOT, LIBRARY.parent), of_commit(options.commit, languages)]
    for side in sides:
        side.prepare(languages)
    figures: Figures = {}
    for time in range(options.times):
        for language in languages:
            print(f"run {time + 1} of {options.times}, {language}", file=sys.stderr)
            for side in sides if time % 2 == 0 else reversed(sides):
                side.measure(language, options, figures)
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
