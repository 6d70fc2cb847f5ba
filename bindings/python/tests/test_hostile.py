"""What comes from others may be anything: exceptions that raise, values that lie, numbers without end."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

import perdure
from perdure import _failures, _json, _waiting


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise Unspeakable

    __repr__ = __str__


class Surprising(Exception):
    @property
    def details(self) -> Any:
        raise KeyboardInterrupt


class Verbose(Exception):
    def __init__(self) -> None:
        super().__init__("x" * 10_000_000)


@pytest.mark.parametrize("error", [Unspeakable(), Surprising("a"), Verbose(), Exception("a\0\ud800")])
def test_every_exception_becomes_a_failure(error: Exception) -> None:
    failure = _failures.of_exception(error)
    assert failure["type"] == type(error).__name__
    assert 0 < len(failure["message"]) < 20_000
    _json.encode(failure)


def test_a_long_type_is_cut() -> None:
    error = type("T" * 5_000, (Exception,), {})("x")
    assert len(_failures.of_exception(error)["type"]) < 300


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7" * 4_300, int("7" * 4_300)),
        ("7" * 5_000, math.inf),
        ("[1e400]", [math.inf]),
        ('{"a":12}', {"a": 12}),
    ],
)
def test_numbers_of_other_languages(text: str, value: Any) -> None:
    assert _json.decode(text) == value
    assert _json.decode(text.encode()) == value


@dataclasses.dataclass
class Hollow:
    value: int = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "value":
            raise RuntimeError("hollow")
        return super().__getattribute__(name)


class Liar(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise Unspeakable


@pytest.mark.parametrize("value", [Hollow(), Liar(a=1), [Liar(a=1)]])
def test_values_that_raise_are_refused(value: Any) -> None:
    with pytest.raises(perdure.InvalidArgument):
        _json.encode(value)


@pytest.mark.parametrize("timeout", [math.nan, "1", True, [1]])
def test_timeouts_that_are_none(timeout: Any) -> None:
    with pytest.raises(perdure.InvalidArgument):
        _waiting.milliseconds(timeout)


@pytest.mark.parametrize(
    ("timeout", "wire"), [(None, -1), (math.inf, -1), (-1, 0), (0.5, 500), (1e300, 2**53), (10**30, 2**53)]
)
def test_timeouts(timeout: Any, wire: int) -> None:
    assert _waiting.milliseconds(timeout) == wire
