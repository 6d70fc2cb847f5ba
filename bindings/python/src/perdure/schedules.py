"""What schedules are made of: times, an action, and how they are described."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Tuple, Union

from . import _json, _limits, options
from .descriptions import Target, target_name
from .errors import InvalidArgument
from .options import Seconds

#: What becomes of a due time while an earlier run is open: nothing is started ("skip"), one waits for the end
#: ("buffer_one"), all wait ("buffer_all"), the open run is cancelled and the new one follows
#: ("cancel_other"), or they run side by side ("allow").
Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow"]

OVERLAPS = {
    "skip": "skip",
    "buffer_one": "bufferOne",
    "buffer_all": "bufferAll",
    "cancel_other": "cancelOther",
    "allow": "allow",
}
_OVERLAP_NAMES: Dict[str, Any] = {wire: name for name, wire in OVERLAPS.items()}


def overlap_word(overlap: Optional[str]) -> Optional[str]:
    if overlap is None:
        return None
    if overlap not in OVERLAPS:
        raise InvalidArgument(f"overlap is one of {', '.join(OVERLAPS)}, not {overlap!r}.")
    return OVERLAPS[overlap]


@dataclass(frozen=True)
class ScheduleInterval:
    """Every so long, counted from `offset` after 1970-01-01 00:00 UTC."""

    every: Seconds
    offset: Seconds = 0

    def to_wire(self) -> Dict[str, Any]:
        every = options.milliseconds(self.every, "every")
        return {"everyMS": every, "offsetMS": options.milliseconds(self.offset, "offset", 0)}

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ScheduleInterval:
        return cls(wire["everyMS"] / 1000, wire.get("offsetMS", 0) / 1000)


@dataclass(frozen=True)
class ScheduleRange:
    """`start`, `start + step`, ... up to and with `end`."""

    start: int
    end: Optional[int] = None
    step: int = 1

    def to_wire(self) -> Dict[str, Any]:
        end = self.start if self.end is None else self.end
        return {"start": self.start, "end": end, "step": self.step}


#: Numbers and ranges of a field.
Field = Union[int, ScheduleRange, Sequence[Union[int, ScheduleRange]]]

_FIELDS = {
    "year": "year",
    "month": "month",
    "day_of_month": "dayOfMonth",
    "day_of_week": "dayOfWeek",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
}


@dataclass(frozen=True)
class ScheduleCalendar:
    """Days and times of day, field by field; all must fit. An empty year, month, day or weekday means any, an
    empty hour, minute or second 0. Of `day_of_week` 0 and 7 are Sunday."""

    year: Field = ()
    month: Field = ()
    day_of_month: Field = ()
    day_of_week: Field = ()
    hour: Field = ()
    minute: Field = ()
    second: Field = ()

    def to_wire(self) -> Dict[str, Any]:
        wire: Dict[str, Any] = {}
        for name, key in _FIELDS.items():
            value = getattr(self, name)
            parts = [value] if isinstance(value, (int, ScheduleRange)) else list(value)
            if parts:
                wire[key] = [part.to_wire() if isinstance(part, ScheduleRange) else part for part in parts]
        return wire

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ScheduleCalendar:
        fields = {
            name: tuple(ScheduleRange(part["start"], part["end"], part.get("step", 1)) for part in wire[key])
            for name, key in _FIELDS.items()
            if key in wire
        }
        return cls(**fields)


@dataclass(frozen=True)
class ScheduleSpec:
    """When a schedule is due: at every moment that one of its parts names.

    `cron`: lines of crontab(5). `time_zone`: a name of the tz database, for `cron` and `calendar`. `start`,
    `end`: not before, not after. `jitter`: each run begins up to so much after its due time.
    """

    cron: Union[str, Sequence[str]] = ()
    time_zone: str = "UTC"
    interval: Union[ScheduleInterval, Sequence[ScheduleInterval]] = ()
    calendar: Union[ScheduleCalendar, Sequence[ScheduleCalendar]] = ()
    start: Optional[datetime] = None
    end: Optional[datetime] = None
    jitter: Seconds = 0

    def to_wire(self) -> Dict[str, Any]:
        wire: Dict[str, Any] = {"timeZone": _json.text(self.time_zone, "The time_zone")}
        wire["cron"] = [self.cron] if isinstance(self.cron, str) else list(self.cron)
        intervals = [self.interval] if isinstance(self.interval, ScheduleInterval) else list(self.interval)
        wire["interval"] = [each.to_wire() for each in intervals]
        calendars = [self.calendar] if isinstance(self.calendar, ScheduleCalendar) else list(self.calendar)
        wire["calendar"] = [each.to_wire() for each in calendars]
        if self.start is not None:
            wire["start"] = options.epoch_ms(self.start, "start")
        if self.end is not None:
            wire["end"] = options.epoch_ms(self.end, "end")
        if self.jitter:
            wire["jitterMS"] = options.milliseconds(self.jitter, "jitter", 0)
        return wire

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ScheduleSpec:
        return cls(
            cron=tuple(wire.get("cron", ())),
            time_zone=wire["timeZone"],
            interval=tuple(ScheduleInterval.of_wire(each) for each in wire.get("interval", ())),
            calendar=tuple(ScheduleCalendar.of_wire(each) for each in wire.get("calendar", ())),
            start=_moment(wire.get("start")),
            end=_moment(wire.get("end")),
            jitter=wire.get("jitterMS", 0) / 1000,
        )


def _moment(ms: Optional[int]) -> Optional[datetime]:
    return None if ms is None else options.EPOCH + timedelta(milliseconds=ms)


@dataclass(frozen=True)
class ScheduleAction:
    """What each run starts. The options are those of `Client.start`."""

    orchestration: Target
    input: Any = None
    version: Optional[str] = None
    priority: int = 0
    attributes: Optional[Mapping[str, str]] = None
    memo: Any = None

    def to_wire(self) -> Dict[str, Any]:
        wire: Dict[str, Any] = {"orchestration": target_name(self.orchestration), "input": self.input}
        if self.version is not None:
            wire["version"] = _json.text(self.version, "The version")
        if self.priority:
            wire["priority"] = options.whole(self.priority, "priority", -1000, 1000)
        if self.attributes:
            for key, value in self.attributes.items():
                _limits.name(key, "The name of an attribute")
                _json.text(value, f"The attribute '{key}'")
            wire["attributes"] = dict(self.attributes)
        if self.memo is not None:
            wire["memo"] = self.memo
        return wire

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ScheduleAction:
        return cls(
            wire["orchestration"], wire["input"], wire.get("version"), wire.get("priority", 0),
            wire.get("attributes"), wire.get("memo"),
        )  # fmt: skip


@dataclass(frozen=True)
class ScheduleRun:
    """A run that was started. Times in milliseconds since 1970."""

    #: The id of the instance: NAME@DUE-TIME.
    instance: str
    due_at: int
    started_at: int
    ended_at: Optional[int]
    #: Running, Completed, Failed, Cancelled, Terminated; Unknown for one that is gone.
    status: str
    #: If it is not large.
    result: Any
    #: Why it failed: type and message.
    failure: Optional[str]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ScheduleRun:
        return cls(
            wire["instance"], wire["dueAt"], wire["startedAt"], wire.get("endedAt"), wire["status"],
            wire.get("result"), wire.get("failure"),
        )  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """A schedule as it stands. Times in milliseconds since 1970."""

    name: str
    #: The instance that the schedule is.
    instance: str
    #: Of that instance: Running while it is at work.
    status: str
    spec: ScheduleSpec
    action: ScheduleAction
    overlap: Overlap
    #: Seconds.
    catch_up: Optional[float]
    paused: bool
    note: str
    #: The next runs, at most ten.
    next: List[int]
    #: Open runs, at most 20 of `running_count`.
    running: List[ScheduleRun]
    running_count: int
    #: Due times that wait for the end of a run.
    buffered_count: int
    #: The last runs that have ended, the latest first, at most ten.
    recent: List[ScheduleRun]
    #: How many runs were started; due times that were skipped because of an open run, and missed because
    #: nobody ran for longer than `catch_up`.
    runs: int
    skipped: int
    missed: int
    #: Why it paused itself.
    problem: Optional[str]
    #: Why it does not go on, as far as is known.
    pending_reason: Optional[str]
    created_at: int

    @property
    def last(self) -> Optional[ScheduleRun]:
        """The last run that has ended."""
        return self.recent[0] if self.recent else None

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Schedule:
        catch_up, counts = wire.get("catchUpMS"), wire["counts"]
        return cls(
            name=wire["schedule"],
            instance=wire["instance"],
            status=wire["status"],
            spec=ScheduleSpec.of_wire(wire["spec"]),
            action=ScheduleAction.of_wire(wire["action"]),
            overlap=_OVERLAP_NAMES[wire["overlap"]],
            catch_up=None if catch_up is None else catch_up / 1000,
            paused=wire["paused"],
            note=wire["note"],
            next=wire["next"],
            running=[ScheduleRun.of_wire(each) for each in wire["running"]],
            running_count=wire["runningCount"],
            buffered_count=wire["bufferedCount"],
            recent=[ScheduleRun.of_wire(each) for each in wire["recent"]],
            runs=counts["runs"],
            skipped=counts["skipped"],
            missed=counts["missed"],
            problem=wire.get("problem"),
            pending_reason=wire.get("pendingReason"),
            created_at=wire["createdAt"],
        )


#: A page of `Management.schedules`: the schedules, and where the next page begins (None at the end).
SchedulePage = Tuple[List[Schedule], Optional[int]]
