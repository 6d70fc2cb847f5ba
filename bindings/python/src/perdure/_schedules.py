"""Schedules, as operators see them."""

from __future__ import annotations

from datetime import datetime
from typing import List, Literal, Optional

from . import _json, options
from ._operations import Operations
from .errors import InvalidArgument
from .options import Seconds
from .schedules import Overlap, Schedule, ScheduleAction, SchedulePage, ScheduleSpec, overlap_word


class ScheduleOperations(Operations):
    """A part of `Management`."""

    def create_schedule(
        self, name: str, spec: ScheduleSpec, action: ScheduleAction, *, overlap: Overlap = "skip",
        catch_up: Optional[Seconds] = None, paused: bool = False, note: str = "",
        policy: Literal["fail", "replace"] = "fail", reason: str = "",
    ) -> str:  # fmt: skip
        """Makes a schedule, durable on return. Returns the id of its instance.

        `catch_up`: due times that are noticed later than this, because nobody ran, are not run (None: all
        are). `policy`: a schedule of that name raises AlreadyExists, or is updated ("replace").
        """
        answer = self._ask(
            "createSchedule", reason, schedule=_name(name), spec=spec.to_wire(), action=action.to_wire(),
            overlap=overlap_word(overlap), catchUpMS=_span(catch_up), paused=paused, note=note,
            policy=policy,
        )  # fmt: skip
        return str(answer["instance"])

    def update_schedule(
        self, name: str, *, spec: Optional[ScheduleSpec] = None, action: Optional[ScheduleAction] = None,
        overlap: Optional[Overlap] = None, catch_up: Optional[Seconds] = None,
        unlimited_catch_up: bool = False, note: Optional[str] = None, reason: str = "",
    ) -> None:  # fmt: skip
        """Changes what is given. New times hold from now on."""
        if catch_up is not None and unlimited_catch_up:
            raise InvalidArgument("Give catch_up or unlimited_catch_up, not both.")
        self._ask(
            "updateSchedule", reason, schedule=_name(name), spec=spec.to_wire() if spec else None,
            action=action.to_wire() if action else None, overlap=overlap_word(overlap),
            catchUpMS=-1 if unlimited_catch_up else _span(catch_up), note=note,
        )  # fmt: skip

    def pause_schedule(self, name: str, note: Optional[str] = None, *, reason: str = "") -> None:
        """What falls due from now on is not run, also not later."""
        self._ask("pauseSchedule", reason, schedule=_name(name), note=note)

    def resume_schedule(self, name: str, note: Optional[str] = None, *, reason: str = "") -> None:
        self._ask("resumeSchedule", reason, schedule=_name(name), note=note)

    def trigger_schedule(self, name: str, *, overlap: Optional[Overlap] = None, reason: str = "") -> str:
        """A run now, also of a paused schedule. Returns its instance id. `overlap`: in place of that of the
        schedule; if it leaves the run out, the instance never comes to be."""
        word = overlap_word(overlap)
        return str(self._ask("triggerSchedule", reason, schedule=_name(name), overlap=word)["instance"])

    def backfill_schedule(
        self, name: str, start: datetime, end: datetime, *, overlap: Overlap = "buffer_all", reason: str = ""
    ) -> None:
        """Runs for all due times from `start` to `end`, both included, as fast as `overlap` lets them."""
        self._ask(
            "backfillSchedule", reason, schedule=_name(name), overlap=overlap_word(overlap),
            **{"from": options.epoch_ms(start, "start"), "to": options.epoch_ms(end, "end")},
        )  # fmt: skip

    def delete_schedule(self, name: str, *, reason: str = "") -> None:
        """Ends the schedule. Its runs are left alone."""
        self._ask("deleteSchedule", reason, schedule=_name(name))

    def schedule(self, name: str) -> Schedule:
        """Raises NotFound."""
        return Schedule.of_wire(self._ask("schedule", schedule=_name(name)))

    def schedules(self, cursor: Optional[int] = None, limit: int = 100) -> SchedulePage:
        """Those that have not been deleted, in the order of their creation."""
        answer = self._ask("schedules", cursor=cursor, limit=limit)
        return [Schedule.of_wire(each) for each in answer["schedules"]], answer.get("next")

    def schedule_times(
        self, spec: ScheduleSpec, after: Optional[datetime] = None, count: int = 10
    ) -> List[int]:
        """The first due times after a moment (None: now), in milliseconds since 1970 and without jitter."""
        since = None if after is None else options.epoch_ms(after, "after")
        times: List[int] = self._ask("scheduleTimes", spec=spec.to_wire(), after=since, count=count)["times"]
        return times


def _name(name: str) -> str:
    return _json.text(name, "The name of the schedule")


def _span(catch_up: Optional[Seconds]) -> Optional[int]:
    return None if catch_up is None else options.milliseconds(catch_up, "catch_up", 0)
