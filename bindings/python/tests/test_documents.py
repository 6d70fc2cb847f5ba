"""The programs in docs/python.md and in the guides run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
from conftest import ROOT

PAGES = [ROOT / "docs" / "python.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE), 1
    )
]


def test_each_page_has_programs() -> None:
    with_programs = {str(block.id).rsplit("-", 1)[0] for block in BLOCKS}
    assert with_programs == {page.stem for page in PAGES}
    assert len(PAGES) == 13


@pytest.mark.library
@pytest.mark.parametrize("program", BLOCKS)
def test_a_program_of_the_guide(program: str, tmp_path: Path, environment: Dict[str, str]) -> None:
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-W", "error", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
