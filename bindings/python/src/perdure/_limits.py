"""The limits that code meets at the call: "State that the host keeps" in docs/wire-format.md."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Dict, Mapping

from . import _json
from .errors import InvalidArgument, LimitExceeded

NAME_BYTES = 256
INSTANCE_BYTES = 512
TAG_BYTES = 256
KEY_BYTES = 256
REASON_BYTES = 16 * 1024


@dataclass(frozen=True)
class Limits:
    """What a store takes: `Store(url, limits=Limits(kv_keys=100))`. Every process should give the same."""

    #: An input, a result, a message, in bytes of JSON.
    payload_bytes: int = 2 * 1024 * 1024
    custom_status_bytes: int = 256 * 1024
    #: Keys of one instance.
    kv_keys: int = 1_000
    kv_value_bytes: int = 256 * 1024
    #: Of one execution: from 80 % on `should_continue_as_new` is true.
    history_events: int = 50_000
    history_bytes: int = 64 * 1024 * 1024
    #: Open activities, timers, waits, children and requests of one instance.
    pending_actions: int = 10_000
    #: Messages that wait for one instance.
    inbox_messages: int = 100_000
    #: Generations of children below an instance without a parent: the call of one more fails.
    sub_orchestration_depth: int = 64

    def to_wire(self) -> Dict[str, int]:
        return {_wire_name(field.name): getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def of_wire(wire: Mapping[str, Any]) -> Limits:
        """Those of a store config; the library says what is wrong with them."""
        known = {_wire_name(field.name): field.name for field in fields(Limits)}
        return Limits(
            **{known[key]: value for key, value in wire.items() if key in known and value is not None}
        )

    def payload(self, value: Any, what: str) -> str:
        """`value` as JSON text. Raises InvalidArgument, or LimitExceeded when it is too large."""
        return check(_json.encode(value, what), self.payload_bytes, what)


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def exceeded(message: str) -> LimitExceeded:
    return LimitExceeded(f"{message[:1].upper()}{message[1:]}.")


def check(text: str, most: int, what: str) -> str:
    """`text` if it has at most that many bytes of UTF-8."""
    # No character takes more than four bytes, so that short text need not be encoded to be counted.
    if len(text) * 4 > most:
        size = len(text) if text.isascii() else len(text.encode())
        if size > most:
            raise exceeded(f"{what} has {size} bytes; the limit is {most}")
    return text


def name(value: Any, what: str, most: int = NAME_BYTES) -> str:
    """A checked name as a JSON string: text, not empty, not too long."""
    return _plain_name(value, what, most) if type(value) is str else _name(value, what, most)


def _name(value: Any, what: str, most: int) -> str:
    quoted = _json.quote(value, what)
    if not value:
        raise exceeded(f"{what} is empty")
    check(value, most, what)
    return quoted


# Code says the same names again and again.
_plain_name = lru_cache(maxsize=1_000)(_name)


def instance(value: Any, what: str = "The instance id") -> str:
    """A checked instance id as a JSON string."""
    return name(value, what, INSTANCE_BYTES)


def of_store(limits: Any, config: Mapping[str, Any]) -> Limits:
    """What `Store` was given: `Limits`, or the `limits` of the config."""
    if limits is None:
        given = config.get("limits")
        return Limits.of_wire(given) if isinstance(given, Mapping) else Limits()
    if not isinstance(limits, Limits):
        raise InvalidArgument(f"limits must be perdure.Limits, not {type(limits).__name__}.")
    return limits
