"""Fixtures for pytest, which finds them when the package is installed: see docs/guides/testing.md."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Generator, Iterator, List, Mapping, Optional, Protocol, Sequence

import pytest

from ..client import Client
from ..definitions import AnyDefinition
from ..errors import PerdureError
from ..store import Store
from .environment import TestEnvironment
from .stubs import Stub

#: Instances that the report of a failed test shows, of each store.
SHOWN = 20

_made = pytest.StashKey[List[Any]]()


class MakeEnvironment(Protocol):
    """What `perdure_env` is: makes a `TestEnvironment` that ends with the test."""

    def __call__(
        self, definitions: Sequence[AnyDefinition], *, start: Optional[datetime] = None,
        stubs: Optional[Mapping[str, Stub]] = None, timeout: float = 30.0, **options: Any,
    ) -> TestEnvironment: ...  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "perdure_store", 'where the fixtures keep instances: "memory" or "sqlite"', default="memory"
    )
    parser.getgroup("perdure").addoption(
        "--perdure-replay",
        action="store_true",
        help="replay the history at every turn, to find orchestrations that are not deterministic",
    )


@pytest.fixture
def perdure_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the store of this test, as the ini option `perdure_store` has it."""
    kind = request.config.getini("perdure_store")
    if kind not in ("memory", "sqlite"):
        raise pytest.UsageError(f'perdure_store is "memory" or "sqlite", not {kind!r}.')
    return "memory:" if kind == "memory" else f"sqlite:{tmp_path / 'perdure.sqlite'}"


@pytest.fixture
def perdure_store(request: pytest.FixtureRequest, perdure_url: str) -> Iterator[Store]:
    """An empty store with the time of the system, closed when the test has ended."""
    with Store(perdure_url) as store, Client(store) as client:
        _note(request, client)
        yield store


@pytest.fixture
def perdure_env(request: pytest.FixtureRequest, perdure_url: str) -> Iterator[MakeEnvironment]:
    """Makes a `TestEnvironment`: `env = perdure_env([order, charge], stubs={"charge": "paid"})`. Its time is
    virtual; it is closed when the test has ended."""
    environments: List[TestEnvironment] = []
    replays = bool(request.config.getoption("--perdure-replay"))

    def make(definitions: Sequence[AnyDefinition], **options: Any) -> TestEnvironment:
        url = perdure_url
        if environments and not url.startswith("memory"):
            url = f"{url}.{len(environments)}"
        given = {"store": url, **({"cache": False} if replays else {}), **options}
        environment = TestEnvironment(definitions, **given)
        environments.append(environment)
        _note(request, environment.client)
        return environment

    yield make
    for each in reversed(environments):
        each.close()


def _note(request: pytest.FixtureRequest, client: Client) -> None:
    request.node.stash.setdefault(_made, []).append(client)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.when == "call" and report.failed:
        lines = [line for client in item.stash.get(_made, []) for line in _instances(client)]
        if lines:
            report.sections.append(("Perdure instances", "\n".join(lines)))


def _instances(client: Client) -> Iterator[str]:
    """A line for each instance of a store: what has become of it, and what it waits for."""
    try:
        for number, each in enumerate(client.list(order="newest")):
            if number == SHOWN:
                yield "..."
                return
            name = f"{each.orchestration} {each.instance}: {each.status}"
            if each.failure is not None:
                yield f"{name}: {each.failure}"
            elif each.is_ended:
                yield f"{name}: {each.output!r}"
            else:
                yield f"{name}: {client.management().why(each.instance).summary}"
    except PerdureError as error:
        yield f"(what has become of the others cannot be told: {error})"
