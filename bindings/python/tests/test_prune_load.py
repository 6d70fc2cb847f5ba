"""A large removal does not stop those who work at the same time: benchmarks/prune.py, small."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

pytestmark = pytest.mark.library


def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prune_bench", ROOT / "benchmarks" / "prune.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("by", ["prune", "retention"])
def test_work_goes_on_while_instances_are_removed(by: str, tmp_path: Path) -> None:
    result = bench().measure(
        f"sqlite:{tmp_path / 'p.sqlite'}", instances=2_500, seconds=0.2, workers=4, by=by
    )
    assert result.removed == 2_500
    during = [end for end, _ in result.removing.ends if result.began < end < result.ended]
    # Not a burst at one of its ends either.
    thirds = [int((end - result.began) / (result.ended - result.began) * 3) for end in during]
    assert set(thirds) == {0, 1, 2}
