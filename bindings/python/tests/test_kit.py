"""The scenarios that all languages share: docs/kit.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT
from kit_runner import Site

pytestmark = pytest.mark.library

SCENARIOS = sorted((ROOT / "Tests" / "Kit" / "scenarios").glob("*.json"))


@pytest.mark.parametrize("cache", [True, False], ids=["cache", "replay"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path, cache: bool, tmp_path: Path) -> None:
    site = Site(json.loads(path.read_text()), tmp_path, cache=cache)
    try:
        site.run()
    finally:
        site.close()


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 10
