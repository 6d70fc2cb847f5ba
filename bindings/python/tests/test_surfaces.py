"""The clients for threads and for asyncio have the same calls, with the same arguments."""

from __future__ import annotations

import inspect
from typing import Any, Set

import pytest

import perdure
from perdure.async_management import AsyncManagement

PAIRS = [(perdure.Client, perdure.AsyncClient), (perdure.Management, AsyncManagement)]
#: What answers without asking the store.
AT_ONCE = {"management", "close"}


def calls(kind: Any) -> Set[str]:
    return {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}


@pytest.mark.parametrize(("blocking", "waiting"), PAIRS)
def test_both_have_the_same_calls(blocking: Any, waiting: Any) -> None:
    assert calls(blocking) == calls(waiting)


@pytest.mark.parametrize(
    ("blocking", "waiting", "name"),
    [
        pytest.param(*pair, name, id=f"{pair[0].__name__}.{name}")
        for pair in PAIRS
        for name in sorted(calls(pair[0]))
    ],
)
def test_a_call_takes_the_same_arguments(blocking: Any, waiting: Any, name: str) -> None:
    ours, theirs = getattr(blocking, name), getattr(waiting, name)
    assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters
    is_awaited = inspect.iscoroutinefunction(theirs) or inspect.isasyncgenfunction(theirs)
    assert is_awaited is (name not in AT_ONCE)


def test_both_are_context_managers() -> None:
    for kind in (perdure.Client, perdure.Store, perdure.Runtime):
        assert hasattr(kind, "__enter__")
        assert hasattr(kind, "__exit__")
    for kind in (perdure.AsyncClient, perdure.Runtime):
        assert hasattr(kind, "__aenter__")
        assert hasattr(kind, "__aexit__")
