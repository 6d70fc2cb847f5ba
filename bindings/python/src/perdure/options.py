"""How activities are run: retries, time limits, routing. Durations are seconds or timedeltas."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Literal, Optional, Sequence, Tuple, Type, Union

from . import _limits
from .errors import InvalidArgument

Seconds = Union[int, float, timedelta]

ClosePolicy = Literal["cancel", "terminate", "abandon"]
MetricKind = Literal["counter", "gauge", "histogram"]

CLOSE_POLICIES: Tuple[ClosePolicy, ...] = ("cancel", "terminate", "abandon")
METRIC_KINDS: Tuple[MetricKind, ...] = ("counter", "gauge", "histogram")
BACKOFFS = ("none", "fixed", "linear", "exponential")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: About 35 years, the longest duration that the engine takes.
LONGEST_MS = 1 << 40


def milliseconds(value: Seconds, what: str, least: int = 1) -> int:
    """A duration on the wire, rounded up. Raises InvalidArgument for one that is out of range."""
    if isinstance(value, timedelta):
        return _in_range(-(-value // timedelta(milliseconds=1)), value, what, least)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgument(f"{what} must be seconds or a timedelta, not {type(value).__name__}.")
    if not math.isfinite(value):
        raise InvalidArgument(f"{what} cannot be {value} seconds.")
    return _in_range(math.ceil(value * 1000 - 1e-6), value, what, least)


def _in_range(number: int, value: Any, what: str, least: int) -> int:
    if not least <= number <= LONGEST_MS:
        raise InvalidArgument(f"{what} must be between {least} ms and {LONGEST_MS // 1000} s, not {value!s}.")
    return number


def epoch_ms(when: datetime, what: str) -> int:
    """Milliseconds since 1970, never early: a part of a millisecond counts as a whole one."""
    if not isinstance(when, datetime) or when.tzinfo is None:
        raise InvalidArgument(f"{what} needs a datetime with a time zone, such as ctx.now() gives.")
    return -((EPOCH - when) // timedelta(milliseconds=1))


def whole(value: Any, what: str, least: int, most: int) -> int:
    """A whole number in that range. Raises InvalidArgument."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgument(f"{what} must be a whole number from {least} to {most}, not {value!r}.")
    return value


@dataclass(frozen=True)
class RetryPolicy:
    """Whether and when a failed attempt is followed by another. Executed by the engine, across restarts.

    The pause after the n-th failed attempt: none 0, fixed d, linear d * n, exponential d * c^(n - 1). An
    exception's own `retry_after` (seconds) stands in its place; one with `non_retryable = True` ends it.
    """

    #: The first one included; 0: no limit.
    max_attempts: int = 3
    #: "none", "fixed", "linear" or "exponential".
    backoff: str = "exponential"
    initial_interval: Seconds = 0.1
    coefficient: float = 2.0
    max_interval: Seconds = 30.0
    #: Up to this part (0...1) of a pause is left out.
    jitter: float = 0.0
    #: Types of failures that end the activity at once: exception classes or their names.
    non_retryable: Sequence[Union[str, Type[BaseException]]] = ()

    def to_wire(self) -> Dict[str, Any]:
        """What differs from the defaults. Raises InvalidArgument."""
        if self.backoff not in BACKOFFS:
            raise InvalidArgument(f"backoff is one of {', '.join(BACKOFFS)}, not {self.backoff!r}.")
        if not 1 <= self.coefficient <= 1000 or not 0 <= self.jitter <= 1:
            raise InvalidArgument(
                f"A coefficient is from 1 to 1000 and a jitter from 0 to 1, not {self.coefficient!r} and "
                f"{self.jitter!r}."
            )
        wire = {
            "maxAttempts": whole(self.max_attempts, "max_attempts", 0, 1_000_000),
            "backoff": self.backoff,
            "initialIntervalMS": milliseconds(self.initial_interval, "initial_interval"),
            "coefficientPercent": round(self.coefficient * 100),
            "maxIntervalMS": milliseconds(self.max_interval, "max_interval"),
            "jitterPercent": round(self.jitter * 100),
            "nonRetryableTypes": [_type_name(each) for each in self.non_retryable],
        }
        return {key: value for key, value in wire.items() if value != _RETRY_DEFAULTS[key]}


_RETRY_DEFAULTS: Dict[str, Any] = {
    "maxAttempts": 3,
    "backoff": "exponential",
    "initialIntervalMS": 100,
    "coefficientPercent": 200,
    "maxIntervalMS": 30_000,
    "jitterPercent": 0,
    "nonRetryableTypes": [],
}


def _type_name(value: Union[str, Type[BaseException]]) -> str:
    named = value.__name__ if isinstance(value, type) else value
    _limits.name(named, "The name of a type of failure")
    return named


@dataclass(frozen=True)
class ActivityOptions:
    """How one activity is to be run; None leaves a setting to the definition, or to the engine."""

    #: None: one attempt.
    retry: Optional[RetryPolicy] = None
    #: From the schedule to the first attempt. Not retried.
    schedule_to_start: Optional[Seconds] = None
    #: One attempt. Retried like any failure.
    start_to_close: Optional[Seconds] = None
    #: Waiting, attempts and pauses. Not retried.
    schedule_to_close: Optional[Seconds] = None
    #: Between two heartbeats of an attempt. Retried like any failure.
    heartbeat: Optional[Seconds] = None
    #: Only runtimes that serve this tag run it.
    tag: Optional[str] = None
    #: Activities of one session run in one runtime.
    session: Optional[str] = None
    #: -1000...1000, higher first.
    priority: Optional[int] = None

    def over(self, base: ActivityOptions) -> ActivityOptions:
        """These, and what `base` says where these say nothing."""
        given = {
            field.name: getattr(base, field.name) if value is None else value
            for field in fields(self)
            for value in (getattr(self, field.name),)
        }
        return ActivityOptions(**given)

    def to_json(self) -> str:
        """As the member of an action, with its comma; empty if nothing is set. Raises InvalidArgument."""
        wire: Dict[str, Any] = {}
        if self.retry is not None:
            wire["retry"] = self.retry.to_wire()
        for key, value, what in (
            ("scheduleToStartMS", self.schedule_to_start, "schedule_to_start"),
            ("startToCloseMS", self.start_to_close, "start_to_close"),
            ("scheduleToCloseMS", self.schedule_to_close, "schedule_to_close"),
            ("heartbeatMS", self.heartbeat, "heartbeat"),
        ):
            if value is not None:
                wire[key] = milliseconds(value, what)
        for key, name in (("tag", self.tag), ("session", self.session)):
            if name is not None:
                _limits.name(name, f"The {key}", _limits.TAG_BYTES)
                wire[key] = name
        if self.priority is not None:
            wire["priority"] = whole(self.priority, "priority", -1000, 1000)
        return f',"options":{json.dumps(wire, ensure_ascii=False, separators=(",", ":"))}' if wire else ""


def activity_limits(concurrency: Optional[int], rate: Optional[Tuple[int, Seconds]]) -> Optional[str]:
    """The JSON of "Activity limits", None for no limits. Raises InvalidArgument."""
    wire: Dict[str, int] = {}
    if concurrency is not None:
        wire["concurrency"] = whole(concurrency, "concurrency", 1, 10_000)
    if rate is not None:
        if not isinstance(rate, tuple) or len(rate) != 2:
            raise InvalidArgument(f"rate is (attempts, seconds), such as (10, 1.0), not {rate!r}.")
        wire["rate"] = whole(rate[0], "The count of rate", 1, 1_000_000)
        wire["ratePeriodMS"] = milliseconds(rate[1], "The period of rate")
    return json.dumps(wire) if wire else None
