"""Finds the library for the tests that need it: PERDURE_LIBRARY, or the release build of this tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]
BUILT = ROOT / ".build" / "release" / "libdx.so"

if "PERDURE_LIBRARY" not in os.environ and BUILT.exists():
    os.environ["PERDURE_LIBRARY"] = str(BUILT)

HAS_LIBRARY = "PERDURE_LIBRARY" in os.environ


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("library") and not HAS_LIBRARY:
            item.add_marker(pytest.mark.skip(reason="no libdx: set PERDURE_LIBRARY"))


@pytest.fixture
def environment() -> dict[str, str]:
    """For child processes: the package and the tests on their path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[object]:
    import perdure

    with perdure.Store(f"sqlite:{tmp_path / 'test.sqlite'}") as store:
        yield store


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes a `Rig` of definitions and runtime options; stopped at the end."""
    from rig import Rig

    made: list[Rig] = []

    def make(*definitions: Any, **options: Any) -> Rig:
        made.append(Rig(tmp_path, definitions, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture(params=["sqlite", "memory"])
def world(request: pytest.FixtureRequest, rig: Callable[..., Any]) -> Callable[..., Any]:
    """`rig`, on a file and in memory."""

    def make(*definitions: Any, **options: Any) -> Any:
        return rig(*definitions, memory=request.param == "memory", **options)

    return make
