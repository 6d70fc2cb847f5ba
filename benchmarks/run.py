"""Runs the benchmarks of all languages, each on a fresh SQLite store, and prints them side by side.

    benchmarks/run.py [--quick] [--only c,cpp,swift,python,node]

Each program prints lines of `WORKLOAD NAME LANGUAGE VALUE UNIT`; everything else that it says is passed on.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".build" / "bench"
LIBRARY = Path(os.environ.get("PERDURE_LIBRARY", ROOT / ".build" / "release" / "libdx.so"))
LANGUAGES = ("c", "cpp", "swift", "python", "node")
LINE = re.compile(rf"(W\d+) (\S+) ({'|'.join(LANGUAGES)}) ([\d.]+) (\S+)")

Table = dict[tuple[str, str, str], dict[str, float]]


def build_c() -> None:
    """The host in C, and the library that counts syncs."""
    warnings = ["-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", f"-I{ROOT / 'include'}"]
    binding = ROOT / "bindings" / "c"
    warnings += [f"-I{binding / 'include'}"]
    sources = [str(ROOT / "benchmarks" / "c" / name) for name in ("bench.c", "host.c")]
    sources += [str(binding / "src" / name) for name in ("json.c", "json_check.c")]
    link = [str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}", "-lpthread", "-ldl"]
    subprocess.run(["gcc", "-std=c11", *warnings, *sources, *link, "-o", str(OUT / "bench")], check=True)
    counter = str(ROOT / "benchmarks" / "c" / "sync_counter.c")
    shared = ["-shared", "-fPIC", counter, "-o", str(OUT / "sync_counter.so"), "-ldl"]
    subprocess.run(["gcc", "-std=c11", *warnings, *shared], check=True)


def build_cpp() -> None:
    """The host in C++."""
    warnings = ["-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
    source = str(ROOT / "benchmarks" / "cpp" / "bench.cpp")
    link = [str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}", "-lpthread", "-ldl"]
    subprocess.run(["g++", "-std=c++20", *warnings, source, *link, "-o", str(OUT / "bench-cpp")], check=True)


def command(language: str, url: str, quick: bool) -> list[str]:
    programs = {
        "c": [str(OUT / "bench")],
        "cpp": [str(OUT / "bench-cpp")],
        "swift": [str(LIBRARY.parent / "bench-swift")],
        "python": [sys.executable, str(ROOT / "benchmarks" / "bench.py")],
        "node": ["node", str(ROOT / "benchmarks" / "node" / "bench.js")],
    }
    return [*programs[language], url, *(["quick"] if quick else [])]


def measure(language: str, quick: bool, table: Table) -> bool:
    store = OUT / f"{language}.sqlite"
    for old in OUT.glob(f"{store.name}*"):
        old.unlink()
    environment = os.environ | {"LD_PRELOAD": str(OUT / "sync_counter.so")}
    process = subprocess.Popen(
        command(language, f"sqlite:{store}", quick), env=environment, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if found := LINE.fullmatch(line.strip()):
            workload, name, who, value, unit = found.groups()
            table.setdefault((workload, name, unit), {})[who] = float(value)
    return process.wait() == 0


def show(table: Table, languages: list[str]) -> None:
    print(f"\n{'workload':<9} {'':<24}" + "".join(f"{language:>12}" for language in languages) + "  unit")
    for (workload, name, unit), values in sorted(table.items()):
        cells = (f"{values[who]:>12,.3f}" if who in values else f"{'':>12}" for who in languages)
        print(f"{workload:<9} {name:<24}" + "".join(cells) + f"  {unit}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the benchmarks of all languages side by side.")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works")
    parser.add_argument("--only", default=",".join(LANGUAGES), help="languages, joined by commas")
    options = parser.parse_args()
    languages = [language for language in options.only.split(",") if language in LANGUAGES]
    OUT.mkdir(parents=True, exist_ok=True)
    build_c()
    if "cpp" in languages:
        build_cpp()
    table: Table = {}
    ended = [measure(language, options.quick, table) for language in languages]
    show(table, languages)
    for language, well in zip(languages, ended, strict=True):
        if not well:
            print(f"bench: the program in {language} did not end well", file=sys.stderr)
    return 0 if all(ended) else 1


if __name__ == "__main__":
    sys.exit(main())
