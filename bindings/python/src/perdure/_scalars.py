"""Decoding of single values by their types: numbers, text, times, enums... and what is wrong with them."""

from __future__ import annotations

import base64
import binascii
import enum
import sys
from datetime import date, datetime, time, timedelta
from typing import Any, Callable, Dict, List, Optional, Tuple

Decoder = Callable[[Any], Any]


class Mismatch(Exception):
    """A value does not fit. `path` leads to it, innermost step first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: List[str] = []

    @staticmethod
    def expected(what: str, value: Any) -> Mismatch:
        return Mismatch(f"expected {what}, got {type_name(value)}")

    def at(self, step: str) -> Mismatch:
        """Adds a step outside of the ones so far."""
        self.path.append(step)
        return self

    def place(self, root: str) -> str:
        return root + "".join(reversed(self.path))

    def __str__(self) -> str:
        return f"{self.place('value')}: {self.problem}"


def type_name(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def named(hint: Any) -> str:
    """A type as people write it."""
    if hint is type(None):
        return "None"
    return str(hint.__name__ if isinstance(hint, type) else hint).replace("typing.", "")


def _exactly(kind: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise Mismatch.expected(kind.__name__, value)
        return value

    return decode


def _int(value: Any) -> int:
    if type(value) is int:
        return value
    # Languages without integers write 3 as 3.0.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Mismatch.expected("int", value)


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Mismatch("expected float, got an int that is too large for one") from None
    raise Mismatch.expected("float", value)


def _decimal(value: Any) -> Any:
    from decimal import Decimal, InvalidOperation

    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise Mismatch(f"expected Decimal, got {value!r}") from None
    raise Mismatch.expected("Decimal", value)


def _timedelta(value: Any) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Mismatch.expected("timedelta (a number of seconds)", value)
    try:
        return timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise Mismatch(f"expected timedelta, got {value!r} seconds") from None


def _of_text(kind: Any, parse: Callable[[str], Any], form: str) -> Decoder:
    def decode(value: Any) -> Any:
        if not isinstance(value, str):
            raise Mismatch.expected(f"{kind.__name__} ({form})", value)
        try:
            return parse(value)
        except (ValueError, binascii.Error):
            shown = value if len(value) <= 40 else f"{value[:40]}..."
            raise Mismatch(f"expected {kind.__name__} ({form}), got {shown!r}") from None

    return decode


def _iso(kind: Any) -> Callable[[str], Any]:
    # Python before 3.11 does not read the Z that most of the world writes.
    return lambda value: kind.fromisoformat(value[:-1] + "+00:00" if value.endswith("Z") else value)


#: By type; `decoder` knows a few more. What JSON has is checked, the rest is parsed from what `_json.encode`
#: makes of it.
DECODERS: Dict[Any, Decoder] = {
    bool: _exactly(bool),
    str: _exactly(str),
    int: _int,
    float: _float,
    type(None): _exactly(type(None)),
    timedelta: _timedelta,
    datetime: _of_text(datetime, _iso(datetime), "ISO 8601"),
    date: _of_text(date, date.fromisoformat, "ISO 8601"),
    time: _of_text(time, _iso(time), "ISO 8601"),
    bytes: _of_text(bytes, lambda value: base64.b64decode(value, validate=True), "base64"),
}
#: Types in modules that take memory: a program that has a value of theirs has imported them.
_LATER: Dict[Tuple[str, str], Optional[Decoder]] = {
    ("decimal", "Decimal"): _decimal,
    ("uuid", "UUID"): None,
    ("pathlib", "Path"): None,
    ("pathlib", "PurePath"): None,
}


def _imported(module: str, name: str) -> Any:
    """A type, or an empty tuple, which is no value's type."""
    return getattr(sys.modules.get(module), name, ())


def decoder(kind: Any) -> Optional[Decoder]:
    """For a type of one value; None for others."""
    known = DECODERS.get(kind)
    if known is None:
        for (module, name), decode in _LATER.items():
            if _imported(module, name) is kind:
                return decode or _of_text(kind, kind, "text")
    return known


def encodable(value: Any) -> Any:
    """What JSON can hold, for the types above that it does not have. Raises TypeError for other types."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple(_imported(*each) for each in _LATER)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    raise TypeError


def literal(args: Tuple[Any, ...]) -> Decoder:
    values = {(type(_plain(arg)), _plain(arg)): arg for arg in args}
    expected = " or ".join(repr(_plain(arg)) for arg in args)

    def decode(value: Any) -> Any:
        try:
            return values[type(value), value]
        except (KeyError, TypeError):
            shown = repr(value) if isinstance(value, (str, int, bool)) else type_name(value)
            raise Mismatch(f"expected {expected}, got {shown}") from None

    return decode


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def enumeration(kind: Any) -> Decoder:
    def decode(value: Any) -> Any:
        try:
            return kind(value)
        except (ValueError, TypeError):
            known = ", ".join(repr(each.value) for each in list(kind)[:10])
            raise Mismatch(f"expected {kind.__name__} ({known}), got {value!r}") from None

    return decode


def key(hint: Any, decode: Optional[Decoder]) -> Optional[Decoder]:
    """For the keys of objects, which are text in JSON whatever they were in Python."""
    if hint is str or decode is None:
        return None
    if hint is bool:
        return literal_key({"true": True, "false": False}, "bool")
    convert: Optional[Callable[[str], Any]] = {int: int, float: float}.get(hint)
    if convert is not None:
        return _of_text(hint, convert, "as text")
    is_number = isinstance(hint, type) and issubclass(hint, enum.Enum) and issubclass(hint, int)
    inner = decode
    return (lambda value: inner(_number(value))) if is_number else inner


def _number(value: str) -> Any:
    try:
        return int(value)
    except ValueError:
        return value


def literal_key(values: Dict[str, Any], expected: str) -> Decoder:
    def decode(value: str) -> Any:
        if value not in values:
            raise Mismatch(f"expected {expected} as text, got {value!r}")
        return values[value]

    return decode
