"""The programs in docs/python.md run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
from conftest import ROOT

BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text(), re.DOTALL | re.MULTILINE
)


def test_the_guide_has_programs() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.library
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_program_of_the_guide(number: int, tmp_path: Path, environment: Dict[str, str]) -> None:
    (tmp_path / "program.py").write_text(BLOCKS[number])
    command = [sys.executable, "-W", "error", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
