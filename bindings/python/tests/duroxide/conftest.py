from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from .world import World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.library)


@pytest.fixture(params=["sqlite", "memory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a `World` of orchestrations and activities by name, on a file and in memory."""
    made: list[World] = []

    def make(orchestrations: Any = {}, activities: Any = {}, **options: Any) -> World:  # noqa: B006
        path = tmp_path / str(len(made))
        made.append(World(path, orchestrations, activities, memory=request.param == "memory", **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()
