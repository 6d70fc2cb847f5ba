"""Runs a scenario under many schedules, and makes a failing one short."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional

from .. import _json, options
from ..errors import WrongStatus
from ..options import Seconds
from ._rehearsal import Broken, Rehearsal, Settings
from .simulation import Choice, Simulation

Scenario = Callable[[Simulation], Any]

#: Runs that making a schedule short may take.
SHRINKING_RUNS = 400
#: Instances whose history a report shows, and events of each.
SHOWN_INSTANCES = 5
SHOWN_EVENTS = 60


@dataclass(frozen=True)
class SimulationFailure:
    """The shortest schedule that was found under which an invariant does not hold."""

    invariant: str
    message: str
    #: That found it; None: no chance was needed.
    seed: Optional[int]
    #: What goes wrong, by name: for `simulate(scenario, schedule=...)`.
    schedule: Dict[str, Choice]
    #: The same for a reader.
    lines: List[str]
    #: The events of each instance, for a reader.
    histories: Dict[str, List[str]]
    #: What the invariant raised, if it did.
    error: Optional[BaseException] = None

    @property
    def reproduce(self) -> str:
        """The call that runs this schedule again."""
        return f"simulate(scenario, schedule={self.schedule!r})"

    def __str__(self) -> str:
        found = "without any chance" if self.seed is None else f"with seed {self.seed}"
        parts = [f"{self.invariant}: {self.message}", f"Found {found}. The shortest schedule:"]
        parts += [f"  {line}" for line in self.lines] or ["  (nothing goes wrong)"]
        parts += ["Again:", f"  {self.reproduce}"]
        for instance, events in self.histories.items():
            parts += [f"History of '{instance}':", *(f"  {event}" for event in events)]
        return "\n".join(parts)


@dataclass(frozen=True)
class SimulationReport:
    """What came of a simulation."""

    #: All runs, those that made a failing schedule short among them.
    runs: int
    #: Places in the quiet run where a process can die or an attempt can get lost.
    points: int
    #: Random schedules that were run.
    seeds: int
    seconds: float
    failure: Optional[SimulationFailure] = None
    #: Of the last run: two runs of one seed or schedule agree on it.
    trace: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        return self.failure is None

    def raise_if_failed(self) -> None:
        """Raises SimulationFailed, an AssertionError."""
        if self.failure is not None:
            raise SimulationFailed(self)

    def __str__(self) -> str:
        what = f"{self.runs} runs ({self.points} points of failure, {self.seeds} seeds)"
        took = f"in {self.seconds:.1f} s"
        return f"{what} {took}: all is well" if self.failure is None else f"{what} {took}: {self.failure}"


class SimulationFailed(AssertionError):
    """An invariant does not hold under some schedule."""

    def __init__(self, report: SimulationReport) -> None:
        super().__init__(str(report))
        self.report = report


def simulate(
    scenario: Scenario, *, seeds: int = 300, seed: Optional[int] = None,
    schedule: Optional[Mapping[str, Choice]] = None, fail_activities: bool = False,
    max_steps: Optional[int] = None, max_time: Optional[Seconds] = None,
) -> SimulationReport:  # fmt: skip
    """Runs `scenario` under many schedules, in virtual time, and checks what it asks to be checked.

    First without trouble; then with every turn replayed from its history; then with the process dying at
    each commit, before and after it landed, and with each result of an activity lost, one at a time; then
    under `seeds` random schedules of crashes, repeated attempts, delayed messages and slow activities. The
    first failure ends it, and is made as short as it gets. With `fail_activities` attempts fail, too, with
    failures of type `perdure.Injected`.

    `seed` runs that seed only, `schedule` that schedule only. A run that takes more than `max_steps` (20,000)
    or more than `max_time` of virtual time (400 days) is broken off.
    """
    _refuse_a_running_loop()
    max_ms = None if max_time is None else options.milliseconds(max_time, "max_time")
    campaign = _Campaign(scenario, Settings(fail_activities, max_steps, max_ms))
    began = time.monotonic()
    try:
        if schedule is not None:
            failure = campaign.attempt(schedule=schedule)
        elif seed is not None:
            failure = campaign.attempt(seed=options.whole(seed, "seed", 0, (1 << 53) - 1))
        else:
            failure = campaign.sweep(options.whole(seeds, "seeds", 0, 10_000_000))
    finally:
        campaign.settings.close()
    return SimulationReport(
        campaign.runs, campaign.points, campaign.seeds, time.monotonic() - began, failure, campaign.trace
    )


def _refuse_a_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WrongStatus(
        "simulate blocks: call it from a thread, such as asyncio.to_thread(simulate, scenario)."
    )


class _Campaign:
    def __init__(self, scenario: Scenario, settings: Settings) -> None:
        self.scenario = scenario
        self.settings = settings
        self.runs = 0
        self.points = 0
        self.seeds = 0
        self.trace = ""

    def run(self, **how: Any) -> Rehearsal:
        self.runs += 1
        run = Simulation()
        self.scenario(run)
        rehearsal = Rehearsal(run, self.settings, **how)
        self.trace = rehearsal.ended.get("trace", "")
        return rehearsal

    def sweep(self, seeds: int) -> Optional[SimulationFailure]:
        quiet = self.run()
        failure = self._failure(quiet, None)
        if failure is not None:
            return failure
        replayed = self.run(cache="off")
        if replayed.broken is not None:
            return self._describe(replayed, replayed.broken, None)
        singles = [(point["name"], choice) for point in quiet.ended["points"] for choice in point["choices"]]
        self.points = len(singles)
        for name, choice in singles:
            failure = self.attempt(schedule={name: choice})
            if failure is not None:
                return failure
        for seed in range(1, seeds + 1):
            self.seeds += 1
            failure = self.attempt(seed=seed)
            if failure is not None:
                return failure
        return None

    def attempt(
        self, seed: Optional[int] = None, schedule: Optional[Mapping[str, Choice]] = None
    ) -> Optional[SimulationFailure]:
        return self._failure(self.run(seed=seed, schedule=schedule), seed)

    def _failure(self, found: Rehearsal, seed: Optional[int]) -> Optional[SimulationFailure]:
        if found.broken is None:
            return None
        shortest = _Shrinking(self, found, found.broken).shortest()
        return self._describe(shortest, shortest.broken or found.broken, seed)

    def _describe(self, found: Rehearsal, broken: Broken, seed: Optional[int]) -> SimulationFailure:
        ended = found.ended
        histories = {
            each["description"]["instance"]: _events(each)
            for each in ended.get("instances", [])[:SHOWN_INSTANCES]
        }
        return SimulationFailure(
            broken.invariant, broken.message, seed, _schedule(found),
            [each["line"] for each in ended.get("decisions", ())], histories, broken.error,
        )  # fmt: skip


class _Shrinking:
    """Takes decisions away, in halves and one by one, and makes delays smaller, as long as the same invariant
    fails.
    """

    def __init__(self, campaign: _Campaign, found: Rehearsal, broken: Broken) -> None:
        self.campaign = campaign
        self.best = found
        self.invariant = broken.invariant
        self.left = SHRINKING_RUNS

    def shortest(self) -> Rehearsal:
        self._remove()
        self._round()
        return self.best

    def _fails(self, schedule: Dict[str, Choice]) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        rehearsal = self.campaign.run(schedule=schedule)
        if rehearsal.broken is None or rehearsal.broken.invariant != self.invariant:
            return False
        self.best = rehearsal
        return True

    def _remove(self) -> None:
        size = len(_schedule(self.best))
        while size > 0:
            names = list(_schedule(self.best))
            size = min(size, len(names))
            for start in range(0, len(names), max(size, 1)):
                gone = set(names[start : start + size])
                rest = {name: each for name, each in _schedule(self.best).items() if name not in gone}
                # Two runs of one schedule take the same decisions, if they are reached at all.
                if len(rest) < len(_schedule(self.best)):
                    self._fails(rest)
            size = size // 2

    def _round(self) -> None:
        for name, choice in list(_schedule(self.best).items()):
            if isinstance(choice, str):
                continue
            least, most = 0, choice
            # The smallest that fails, if those above it do.
            while most - least > 1 and self.left > 0:
                middle = (least + most) // 2
                if self._fails({**_schedule(self.best), name: middle}):
                    most = middle
                else:
                    least = middle


def _schedule(found: Rehearsal) -> Dict[str, Choice]:
    return {each["name"]: each["choice"] for each in found.ended.get("decisions", ())}


def _events(instance: Dict[str, Any]) -> List[str]:
    events = instance.get("history", [])
    first = events[0]["at"] if events else 0
    lines = []
    for event in events[-SHOWN_EVENTS:]:
        said = {key: value for key, value in event.items() if key not in ("id", "at", "kind", "after")}
        told = " ".join(f"{key}={_short(value)}" for key, value in said.items())
        lines.append(
            f"{event['id']:>3} {(event['at'] - first) / 1000:>10.3f} s  {event['kind']} {told}".rstrip()
        )
    return lines


def _short(value: Any) -> str:
    told = _json.encode(value)
    return told if len(told) <= 80 else told[:77] + "..."
