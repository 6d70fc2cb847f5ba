"""The server that all tests here have, and the library that they test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "chaos"), str(ROOT / "bindings" / "python" / "src")]
os.environ.setdefault("PERDURE_LIBRARY", str(ROOT / ".build" / "release" / "libdx.so"))

import postgres  # noqa: E402
from secured import Secured, secure  # noqa: E402
from shops import Shop  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    with postgres.server() as server:
        yield server


@pytest.fixture(scope="module")
def secured(server: postgres.Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secure(server, tmp_path_factory.mktemp("secured")) as secured:
        yield secured


@pytest.fixture
def shops() -> Iterator[list[Shop]]:
    made: list[Shop] = []
    yield made
    for shop in made:
        shop.kill()
