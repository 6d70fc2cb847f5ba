"""Compiles and runs the programs of docs/c.md. Prints `ok NAME` or `FAIL NAME: why`; the last line gives the
sums.

    bindings/c/tests/guide.py FOLDER-OF-LIBDX FOLDER-OF-THE-BINDING FOLDER-FOR-PROGRAMS

The first block is the beginning of every program; a program ends with the block that has `main`. A block of
text behind it is what it prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PAGE = ROOT / "docs" / "c.md"
PROGRAMS = 5
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror",
         "-Wno-cast-function-type", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]  # fmt: skip


def programs() -> list[tuple[str, str | None]]:
    """Sources, and what they print if the page says so."""
    blocks = re.findall(r"^```(c|text)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    beginning, pieces = blocks[0][1], []
    found: list[tuple[str, str | None]] = []
    for kind, block in blocks[1:]:
        if kind == "text":
            found[-1] = (found[-1][0], block)
            continue
        pieces.append(block)
        if "int main(" in block:
            found.append((beginning + "".join(pieces), None))
            pieces = []
    assert not pieces, "the page ends with a block that belongs to no program"
    return found


def main(library: Path, binding: Path, out: Path) -> int:
    failed = 0
    found = programs()
    folders = [f"-L{binding}", f"-L{library}", f"-Wl,-rpath,{binding},-rpath,{library}"]
    for number, (source, prints) in enumerate(found, 1):
        path, program = out / f"guide-{number}.c", out / f"guide-{number}"
        path.write_text(source)
        headers = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'bindings' / 'c' / 'include'}"]
        command = ["gcc", *FLAGS, *headers, str(path), *folders,
                   "-ldx_orchestration", "-ldx_native", "-ldx", "-o", str(program)]  # fmt: skip
        built = subprocess.run(command, capture_output=True, text=True)
        why = built.stderr
        if built.returncode == 0:
            with tempfile.TemporaryDirectory() as folder:
                # The library may still be closing its store when the process ends: no leak of the program.
                environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
                done = subprocess.run(
                    [program], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
                )
            right = done.returncode == 0 and (prints is None or done.stdout == prints)
            why = (
                "" if right else f"status {done.returncode}, it printed {done.stdout!r} {done.stderr[-1500:]}"
            )
        failed += bool(why)
        print(f"FAIL program {number}: {why}" if why else f"ok program {number}")
    if len(found) != PROGRAMS:
        failed += 1
        print(f"FAIL the page: it has {len(found)} programs instead of {PROGRAMS}")
    print(f"{len(found) + (len(found) != PROGRAMS) - failed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*(Path(argument).resolve() for argument in sys.argv[1:4])))
