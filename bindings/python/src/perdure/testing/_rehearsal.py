"""Runs a scenario once: the host of the library's simulation, on the caller's thread."""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import logging
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Tuple

from .. import _failures, _json
from .._library import Handle, library, text
from .._limits import Limits
from .._turn import TurnHost
from .._workers import Attempts
from ..activity_context import ActivityContext
from ..errors import Stale, Unsupported
from .simulation import Choice, Simulation, World

logger = logging.getLogger("perdure.testing")


class Broken(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, message: str, error: Optional[BaseException] = None) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant
        self.message = message
        self.error = error


class Settings:
    """What is the same in all runs."""

    def __init__(self, fail_activities: bool, max_steps: Optional[int], max_ms: Optional[int]) -> None:
        self.config: Dict[str, Any] = {"failActivities": fail_activities}
        if max_steps is not None:
            self.config["maxSteps"] = max_steps
        if max_ms is not None:
            self.config["maxMS"] = max_ms
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def run_async(self, work: Any) -> Any:
        """Runs an async activity to its end, on a loop of our own."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.close()


class Rehearsal:
    """One run. `ended` is the library's account of it; `broken` what did not hold."""

    def __init__(
        self,
        run: Simulation,
        settings: Settings,
        seed: Optional[int] = None,
        schedule: Optional[Mapping[str, Choice]] = None,
        cache: str = "on",
    ) -> None:
        self._run = run
        self._settings = settings
        self._lib = library()
        limits = Limits()
        registry = run._registry
        self._turns = TurnHost(registry.orchestrations, 10_000, limits, sandbox=True)
        self._attempts = Attempts(_NoSource(), registry.activities, limits)
        self._beats: Dict[int, str] = {}
        config = dict(settings.config, seed=seed, schedule=schedule, cache=cache, observe=bool(run._always))
        config["orchestrations"] = [
            {"name": name, "version": version} for name, version in registry.orchestrations
        ]
        config["activities"] = [{"name": name} for name in sorted({*registry.activities, *run._stubs})]
        members = _json.encode({key: value for key, value in config.items() if value is not None})
        out = ctypes.c_void_p()
        members = f'{members[:-1]},"script":{run._take_lines()}}}'
        self._lib.check(self._lib.dx.dx_simulation_new(text(members), ctypes.byref(out)))
        self._handle = Handle(self._lib.dx.dx_simulation_free, out.value or 0, "simulation")
        self.ended: Dict[str, Any] = {}
        self.broken: Optional[Broken] = None
        try:
            self._go()
            if self.broken is None:
                self._judge()
        except Broken as broken:
            self.broken = broken
        finally:
            self._turns.close()
            self._handle.close()

    def _go(self) -> None:
        answers = ""
        while True:
            work = self._lib.json_of(self._lib.dx.dx_simulation_step, self._handle.value, text(answers))
            for refused in work.get("refused", ()):
                logger.warning("The engine refused an answer: %s", refused["message"])
            if "turn" in work:
                turn = work["turn"]
                answers = f'{{"v":1,"turns":[{self._turn(turn["token"], turn["request"])}]'
            elif "activity" in work:
                handed = work["activity"]
                token = handed["token"]
                answers = f'{{"v":1,"activities":[{self._activity(token, handed["task"])}]'
                if token in self._beats:
                    answers += f',"heartbeat":{self._beats.pop(token)}'
            elif "ended" in work:
                self.ended = work["ended"]
                return
            else:
                if "restarted" in work:
                    self._turns.close()
                elif self.broken is None:
                    self._watch(work["committed"]["instances"])
                answers = '{"v":1'
            if self._run._lines:
                answers += f',"script":{self._run._take_lines()}'
            answers += "}"

    def _turn(self, token: int, request: Dict[str, Any]) -> str:
        try:
            return f'{{"token":{token},"answer":{self._turns.run(request)}}}'
        except Exception as error:
            return f'{{"token":{token},"failure":{_json.encode(_failures.of_exception(error))}}}'

    def _activity(self, token: int, task: Dict[str, Any]) -> str:
        name = task["name"]
        context = ActivityContext(task, token, _AttemptHost(self._beats))
        try:
            if name in self._run._stubs:
                result = self._run._run_stub(context, task.get("input"))
            else:
                result = self._attempts.activities[name].invoke(context, task.get("input"))
            if inspect.isawaitable(result):
                result = self._settings.run_async(result)
            return self._attempts.ended(token, name, result)
        except (Exception, asyncio.CancelledError) as error:
            return self._attempts.failed(token, error)

    # ---- Invariants ------------------------------------------------------------------------------

    def _watch(self, instances: List[Dict[str, Any]]) -> None:
        try:
            self._hold(self._run._always, World([{"description": each} for each in instances], {}))
        except Broken as broken:
            # The run goes on: its end tells what had been decided.
            self.broken = broken

    def _judge(self) -> None:
        ended = self.ended
        for each in ended["instances"]:
            described = each["description"]
            if described["status"] == "Quarantined":
                failure = _failures.from_wire(described.get("failure"))
                raise Broken("no instance is quarantined", f"'{described['instance']}': {failure}")
        open_ones = [
            f"'{each['description']['instance']}' waits for {', '.join(each['waits']) or 'nothing'}"
            for each in ended["instances"]
            if each["waits"] and self._run._must_end(each["description"]["instance"])
        ]
        if open_ones:
            why = ended.get("why")
            raise Broken("every instance ends", "; ".join([*([why] if why else []), *open_ones]))
        world = World(ended["instances"], ended)
        self._hold([*self._run._always, *self._run._checks], world)

    def _hold(self, checks: List[Tuple[str, Any]], world: World) -> None:
        for name, check in checks:
            try:
                holds = check(world)
            except Exception as error:
                raise Broken(name, f"{type(error).__name__}: {error}", error) from error
            if holds is not None and not holds:
                raise Broken(name, "it does not hold")


class _AttemptHost:
    """What an attempt has of a runtime in a simulation."""

    def __init__(self, beats: Dict[int, str]) -> None:
        self._beats = beats

    def heartbeat(self, token: int, details: Any) -> None:
        self._beats[token] = _json.encode(details, "The details of the heartbeat")

    @property
    def client(self) -> NoReturn:
        raise Unsupported("In a simulation there is no client: let the activity use the Simulation itself.")


class _NoSource:
    """Attempts end by the answers of a step."""

    def poll_activities(self, answers: List[str], most: int, wait: bool) -> Dict[str, Any]:
        return {"stopped": True, "activities": []}

    def is_cancelled(self, token: int) -> bool:
        return False

    def heartbeat(self, token: int, details: Any) -> None:
        raise Stale("The attempt is over.")

    @property
    def client(self) -> NoReturn:
        raise Unsupported("In a simulation there is no client.")
