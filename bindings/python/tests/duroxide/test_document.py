"""docs/duroxide.md: its programs run, and its table has every name."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

import perdure.duroxide as module

PAGE = (Path(__file__).parents[4] / "docs" / "duroxide.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_the_guide_runs_and_runs_again(
    number: int, tmp_path: Path, environment: Dict[str, str]
) -> None:
    (tmp_path / "program.py").write_text(PROGRAMS[number])
    command = [sys.executable, "-W", "error", "program.py"]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        # What the log warns of (a retry) goes to the standard error.
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (0, "", False), done.stderr


def named() -> set[str]:
    """The names in the tables. `_x` and `x_` are completed by the name before them, `_typed` by all of the
    row."""
    names: set[str] = set()
    for row in re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE):
        found: set[str] = set()
        full = ""
        for name in re.findall(r"`([\w.]+)", row):
            if name.startswith("_"):
                found.update((full + name, full.rpartition("_")[0] + name))
            elif name.endswith("_"):
                found.add(name + full.partition("_")[2])
            else:
                full = name.partition(".")[0] or full
                found.update((name, full))
        if "`_typed`" in row:
            found.update([f"{each}_typed" for each in found])
        names |= found
    return names


@pytest.mark.parametrize(
    "kind", [module.OrchestrationContext, module.ActivityContext, module.Client, module.Runtime]
)
def test_each_call_has_a_row(kind: Any) -> None:
    rows = named()
    for name, _ in inspect.getmembers(kind):
        if not name.startswith("_"):
            assert name in rows, name


def test_each_name_of_the_module_has_a_row() -> None:
    rows = named() | {"NotSupported"}
    assert [name for name in module.__all__ if name not in rows] == []
