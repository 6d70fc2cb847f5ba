"""Looks at JavaScript as far as that goes without tools from a registry: node must be able to read it, files
are strict and not too long, nor are their lines, which end as they should.

    .ci/javascript.py FILE...
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COLUMNS = 120
LINES = 500


def faults(path: Path) -> list[str]:
    text = path.read_text()
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS and "https://" not in line:
            found.append(f"{path}:{number}: {len(line)} columns; {COLUMNS} are enough")
        if "\t" in line or line != line.rstrip():
            found.append(f"{path}:{number}: a tab, or blanks at the end")
    if not text.endswith("\n") or text.endswith("\n\n"):
        found.append(f"{path}: does not end with one end of line")
    if path.suffix == ".js" and not text.startswith("'use strict';\n"):
        found.append(f"{path}: does not begin with 'use strict';")
    if path.suffix in {".js", ".mjs"}:
        if "test" not in path.parts and len(text.splitlines()) > LINES:
            found.append(f"{path}: {len(text.splitlines())} lines; would read better as two files")
        checked = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True)
        if checked.returncode != 0:
            found.append(checked.stderr.strip())
    return found


def main(paths: list[str]) -> int:
    found = [fault for path in paths for fault in faults(Path(path))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
