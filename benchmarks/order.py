"""Writes Sources/PerdureExport/order.txt: the functions of libdx.so that programs run, for the linker to put
side by side.

    benchmarks/order.py

What a process holds of a library are the pieces of 64 KiB in which it has run something. callgrind says what
the host in C runs: first what a runtime needs until it is idle, then what the load of benchmarks/c/bench.c
needs. Left out are functions that the linker can only move together with much else: those of an object file
that was compiled into one large section. `make order` links again by the new list; names in it that are no
longer those of functions are passed over.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from run import LIBRARY, OUT, ROOT, build_c

ORDER = ROOT / "Sources" / "PerdureExport" / "order.txt"
MAP = OUT / "libdx.map"
# What the kernel takes into memory around a page that is used.
PIECE = 64 * 1024
# So long a runtime is idle before it ends: it has looked for work, and renewed what it holds.
IDLE_SECONDS = 5.0
# callgrind knows a function by where it stands when the library has no name for it.
RUN = re.compile(r"fn=([A-Za-z_$][\w$.]*)(?:'\d+)?$")
# Addresses and size, and by the indentation what it is: a section of the library, one of an object file, or a
# symbol.
MAPPED = re.compile(r" *[0-9a-f]+ +[0-9a-f]+ +([0-9a-f]+) +\d+( +)(.*)")
HEADER = """\
# Functions in the order in which the linker puts them, before all others (lld, --symbol-ordering-file).
# Written by `make order`: what a runtime runs until it is idle, then what it runs under load.
"""


def link(*flags: str) -> None:
    passed = [word for flag in flags for word in ("-Xlinker", flag)]
    command = [os.environ.get("SWIFT", "swift"), "build", "-c", "release", "--product", "dx", *passed]
    subprocess.run(command, cwd=ROOT, check=True)


def sections() -> dict[str, tuple[bool, int]]:
    """For each function, whether it has its section for itself, and the size of the section."""
    link(f"-Map={MAP}", "--no-demangle")
    of: dict[str, tuple[bool, int]] = {}
    inside = False
    section = (False, 0)
    for line in MAP.read_text(errors="replace").splitlines():
        if not (found := MAPPED.fullmatch(line)):
            continue
        size, indentation, name = found.groups()
        if len(indentation) == 1:
            inside = name == ".text"
        elif inside and len(indentation) == 9:
            section = (not name.endswith(":(.text)"), int(size, 16))
        elif inside:
            of[name] = section
    return of


def functions(mode: str) -> set[str]:
    """What the host in C runs of the library, by the names that the linker knows."""
    store, counts = OUT / "order.sqlite", OUT / "order.callgrind"
    for old in OUT.glob(f"{store.name}*"):
        old.unlink()
    tool = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={counts}"]
    plain = ["--demangle=no", "--compress-strings=no"]
    host = [str(OUT / "bench"), f"sqlite:{store}", mode]
    process = subprocess.Popen([*tool, *plain, *host], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        process.wait(IDLE_SECONDS if mode == "serve" else None)
    except subprocess.TimeoutExpired:
        process.communicate()
    if process.returncode != 0:
        sys.exit(f"order: the host ended with {process.returncode}")
    found: set[str] = set()
    inside = False
    for line in counts.read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            inside = line.endswith(f"/{LIBRARY.name}")
        elif inside and (name := RUN.match(line)):
            found.add(name[1])
    return found


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    of = sections()
    build_c()
    start = functions("serve")
    load = functions("quick") - start
    ordered: list[str] = []
    for group in (start, load):
        movable = [name for name in group if name in of and of[name][1] < PIECE]
        ordered += sorted(movable, key=lambda name: (not of[name][0], name))
    ORDER.write_text(HEADER + "".join(f"{name}\n" for name in ordered))
    link()
    print(f"{ORDER.relative_to(ROOT)}: {len(ordered)} functions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
