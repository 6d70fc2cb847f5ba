"""Builds the documentation of the Swift SDK with the toolchain's docc, from a debug build that is there.

Every public symbol has a comment, and every page and link is sound: what docc warns of is an error. Prints
`ok NAME` or `FAIL NAME: why` for each module; the last line gives the sums.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "debug"
OUT = ROOT / ".build" / "docc"
MODULES = ("Perdure", "PerdureTesting")
# What protocols of the standard library ask for speaks for itself.
SELF_EVIDENT = {
    "init(from:)", "encode(to:)", "hash(into:)", "description", "rawValue", "init(rawValue:)",
    "makeAsyncIterator()", "<(_:_:)", "init(stringLiteral:)", "init(integerLiteral:)", "init(arrayLiteral:)",
    "AsyncIterator", "Element", "allCases",
}  # fmt: skip


def tool(name: str) -> str:
    """Beside `swift`, where the toolchain has it."""
    swift = shutil.which(os.environ.get("SWIFT", "swift"))
    beside = Path(swift).resolve().parent / name if swift else Path(name)
    return str(beside) if beside.exists() else name


def said(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode == 0, f"status {done.returncode} of {command[0]}: {text[-3000:]}"
    return text


def symbol_graph(module: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    said(
        [
            tool("swift-symbolgraph-extract"), "-module-name", module, "-I", str(BUILD / "Modules"),
            "-I", str(ROOT / "include"),
            "-target", f"{os.uname().machine}-unknown-linux-gnu", "-sdk", "/",
            "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", str(folder),
        ]
    )  # fmt: skip


def undocumented(folder: Path) -> list[str]:
    """The paths of public symbols without a comment."""
    missing = []
    for graph in folder.glob("*.symbols.json"):
        for symbol in json.loads(graph.read_text())["symbols"]:
            name = symbol["names"]["title"].rsplit(".", 1)[-1]
            is_made = "::SYNTHESIZED::" in symbol["identifier"]["precise"]
            if "docComment" in symbol or name in SELF_EVIDENT or is_made:
                continue
            if symbol["kind"]["identifier"] == "swift.extension":
                continue
            place = symbol.get("location", {}).get("uri", "").rsplit("/", 1)[-1]
            missing.append(f"{'.'.join(symbol['pathComponents'])} ({place})")
    return sorted(missing)


def convert(module: str, graphs: Path) -> None:
    said(
        [
            tool("docc"), "convert", f"Sources/{module}/{module}.docc",
            "--additional-symbol-graph-dir", str(graphs), "--fallback-display-name", module,
            "--fallback-bundle-identifier", f"perdure.{module}",
            "--warnings-as-errors", "--output-path", str(OUT / f"{module}.doccarchive"),
        ]
    )  # fmt: skip


def main() -> int:
    shutil.rmtree(OUT, ignore_errors=True)
    if not (BUILD / "Modules").exists():
        print("There is no debug build; `make docc` makes one.\n0 passed, 1 failed")
        return 1
    failed = 0
    for module in MODULES:
        graphs = OUT / "symbols" / module
        try:
            symbol_graph(module, graphs)
            missing = undocumented(graphs)
            assert not missing, f"{len(missing)} public symbols have no comment: {', '.join(missing)}"
            convert(module, graphs)
            print(f"ok {module}")
        except AssertionError as error:
            failed += 1
            print(f"FAIL {module}: {error}")
    print(f"{len(MODULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
