"""Runs orchestrations and activities in this process."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, List, Literal, Optional, Sequence, Type, Union

from . import _abi, _failures, _json, _library
from ._library import Handle, library, text
from ._processes import refuse_in_child
from ._sandbox import Sandbox, checked
from ._turn import TurnHost
from ._workers import ActivityWorkers, Attempts, WorkSource, report_refusals
from .client import Client
from .definitions import Activity, AnyDefinition, Orchestration, Registry
from .errors import InvalidArgument, PerdureError, Stale, WrongStatus
from .options import Seconds, milliseconds, whole
from .store import Store, opened

if TYPE_CHECKING:
    from ._replay import PreflightReport, ReplayReport

logger = logging.getLogger("perdure")

#: Turns taken in one call: enough to spread its cost, few enough to answer the first one soon.
TURNS_PER_POLL = 32
#: How long one call waits in the library for work, in milliseconds. A stop wakes it.
POLL_MS = 60_000


class Runtime:
    """Runs what is registered with it, until it is stopped.

        with Runtime("sqlite:app.db", [order, charge]):
            ...

    Orchestrations share one thread; plain activities run on up to `activity_slots` threads; async
    activities on one event loop, counted by the same slots. In an asyncio program that is the loop of the
    program:

        async with Runtime("sqlite:app.db", [order, charge]):
            ...
    """

    def __init__(
        self, store: Union[Store, str], definitions: Sequence[AnyDefinition] = (), *,
        activity_slots: int = 16, cached_instances: int = 10_000, cache: bool = True,
        activity_tags: Union[Sequence[str], Literal["any"]] = (), untagged_activities: bool = True,
        sessions: int = 10, session_idle: Seconds = 300, activity_grace: Seconds = 10,
        nondeterminism: Literal["quarantine", "fail"] = "quarantine", replay_only: bool = False,
        schedules: bool = True, sandbox: Sandbox = True, processes: Optional[int] = None,
    ) -> None:  # fmt: skip
        """`cached_instances`: coroutines kept between turns, the rest is replayed when it goes on.
        `cache=False` replays at every turn, to find code that is not deterministic.

        `activity_tags`: of the activities with a tag those that are taken, or "any"; `untagged_activities`:
        those without. `sessions` are held at one time, and given up when unused for `session_idle`. An
        activity that was told to end keeps its slot for `activity_grace`. `nondeterminism`: what becomes of
        an instance whose code and history differ. `replay_only`: it takes no work and writes nothing, for
        `replay` and `preflight`. `schedules`: they go on here, too.

        `sandbox`: orchestration code that names what no replay could repeat (the clock, chance, files,
        threads) is watched, and calls of it raise ForbiddenCall; "strict" watches all code, which costs some
        50 microseconds a turn. `processes`: at most so many for activities that run in one, as many as there
        are processors without.
        """
        lib = self._lib = library()
        watch = checked(sandbox)
        self.store = opened(store)
        if isinstance(activity_tags, str) and activity_tags != "any":
            raise InvalidArgument(f"activity_tags are a list of tags or 'any', not {activity_tags!r}.")
        most = whole((os.cpu_count() or 1) if processes is None else processes, "processes", 1, 10_000)
        grace = milliseconds(activity_grace, "activity_grace", 0)
        config = {
            "activitySlots": activity_slots,
            "cache": "on" if cache else "off",
            "cachedInstances": cached_instances,
            "activityTags": "any" if activity_tags == "any" else list(activity_tags),
            "untaggedActivities": untagged_activities,
            "sessions": sessions,
            "sessionIdleMS": milliseconds(session_idle, "session_idle"),
            "activityGraceMS": grace,
            "nondeterminism": nondeterminism,
            "replayOnly": replay_only,
            "schedules": schedules,
        }
        options = _abi.RuntimeOptions(ctypes.sizeof(_abi.RuntimeOptions), text(_json.encode(config)))
        out = ctypes.c_void_p()
        lib.check(lib.dx.dx_runtime_new(self.store._handle.value, ctypes.byref(options), ctypes.byref(out)))
        self._handle = Handle(lib.dx.dx_runtime_free, out.value or 0, "runtime")
        self._registry = Registry()
        limits = self.store.limits
        self._turns = TurnHost(self._registry.orchestrations, cached_instances if cache else 0, limits, watch)
        self._source = _Source(lib)
        self._attempts = Attempts(self._source, self._registry.activities, limits)
        self._workers = ActivityWorkers(self._attempts, activity_slots, most, grace / 1000)
        self._client: Optional[Client] = None
        self._client_lock = threading.Lock()
        self._turn_thread: Optional[threading.Thread] = None
        self._started = False
        self._told = threading.Event()
        self._replay_only = replay_only
        _library.runtimes.add(self)
        self.register(*definitions)

    def register(self, *definitions: AnyDefinition) -> None:
        """Registers decorated functions. Before `start` only."""
        if self._started:
            raise WrongStatus("Register orchestrations and activities before the runtime is started.")
        dx, runtime = self._lib.dx, self._handle.value
        for definition in definitions:
            self._registry.add(definition)
            name = text(definition.name)
            if isinstance(definition, Orchestration):
                version = text(definition.version)
                refused = dx.dx_register_orchestration(
                    runtime, name, version, _abi.TurnFn(), None, _abi.ReleaseFn()
                )
            else:
                refused = dx.dx_register_activity(runtime, name, _abi.ActivityFn(), None, _abi.ReleaseFn())
            self._lib.check(refused)
            if isinstance(definition, Activity) and definition.limits is not None:
                self._lib.check(dx.dx_runtime_limit_activity(runtime, name, text(definition.limits)))

    # ---- Life ------------------------------------------------------------------------------------

    def start(self) -> Runtime:
        """Begins to take work. Raises a StoreError if the store cannot be used."""
        if self._started:
            raise WrongStatus("The runtime was started before; make a new one.")
        refuse_in_child()
        self._lib.check(self._lib.dx.dx_runtime_start(self._handle.value))
        self._started = True
        self._source.runtime = self
        if self._registry.orchestrations:
            self._turn_thread = threading.Thread(target=self._run_turns, name="perdure-turns", daemon=True)
            self._turn_thread.start()
        if self._registry.activities and not self._replay_only:
            self._workers.start()
        return self

    def stop(self, grace: float = 5.0) -> None:
        """Takes no new work, gives running activities `grace` seconds, hands the rest back, and closes.

        Instances stay where they are; the next runtime on the store goes on with them. Stopping twice is
        harmless.
        """
        if not self._handle.is_open or self._handle.is_inherited:
            return
        self._told.set()
        if self._started:
            stopped = self._lib.dx.dx_runtime_stop(
                self._handle.value, int(max(grace, 0) * 1000), _abi.StopFn(), None
            )
            self._lib.check(stopped)
            # The threads end when the engine says that it has stopped; the margin is for its last commit.
            if self._turn_thread is not None and self._turn_thread is not threading.current_thread():
                self._turn_thread.join(grace + 10)
            self._workers.stop(1)
        with self._client_lock:
            if self._client is not None:
                self._client.close()
        self._handle.close()

    def run(self, grace: float = 5.0) -> None:
        """Starts, and serves until the process is told to end (Ctrl-C, SIGTERM) or another thread stops the
        runtime; then stops with that `grace`. For programs that do nothing else; a second signal does not
        wait. On the main thread."""
        told = self._told
        if threading.current_thread() is not threading.main_thread():
            raise WrongStatus("Runtime.run waits for signals, on the main thread; others start and stop.")
        previous = signal.signal(signal.SIGTERM, lambda *_: told.set())
        try:
            with self:
                try:
                    # With a time limit, because a wait without one does not see signals everywhere.
                    while not told.wait(0.5):
                        pass
                except KeyboardInterrupt:
                    pass
                signal.signal(signal.SIGTERM, previous)
                self.stop(grace)
        finally:
            signal.signal(signal.SIGTERM, previous)

    def close(self) -> None:
        """Stops without grace."""
        self.stop(0)

    def __enter__(self) -> Runtime:
        return self if self._started else self.start()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        # After an error nobody wants to wait for what still runs.
        self.stop(5.0 if kind is None else 0.0)

    async def __aenter__(self) -> Runtime:
        """As `with`, but async activities run on the loop of the caller, as its other tasks do."""
        loop = asyncio.get_running_loop()
        self._workers.use_loop(loop)
        return await loop.run_in_executor(None, self.__enter__)

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        # The loop goes on, so that its activities can come to their end.
        await asyncio.get_running_loop().run_in_executor(None, self.stop, 5.0 if kind is None else 0.0)

    # ---- Replay ----------------------------------------------------------------------------------

    def replay(self, history: str, *, timeout: Optional[float] = 60) -> ReplayReport:
        """Replays a recorded history (see `perdure.testing.replay`) against the code of this runtime, which
        must have been started. Changes nothing."""
        from . import _replay

        report: ReplayReport = _replay.replaying(history, timeout).block(self._handle.value)
        return report

    def preflight(
        self, *, orchestration: Optional[str] = None, statuses: Optional[Sequence[str]] = None,
        limit: Optional[int] = None, include_quarantined: bool = False, ignore_not_registered: bool = False,
        timeout: Optional[float] = None,
    ) -> PreflightReport:  # fmt: skip
        """Replays every open instance of the store against the code of this runtime, which must have been
        started. Changes nothing. The arguments are those of `perdure.testing.preflight`."""
        from . import _replay

        asking = _replay.preflighting(
            orchestration, statuses, limit, include_quarantined, ignore_not_registered, timeout
        )
        report: PreflightReport = asking.block(self._handle.value)
        return report

    # ---- Turns -----------------------------------------------------------------------------------

    def _run_turns(self) -> None:
        lib = self._lib
        answers: List[str] = []
        try:
            while True:
                handed = f'{{"v":1,"turns":[{",".join(answers)}]}}' if answers else ""
                answers = []
                try:
                    data = lib.bytes_of(
                        lib.dx.dx_runtime_poll, self._handle.value, text(handed), TURNS_PER_POLL, 0, POLL_MS
                    )
                except PerdureError as error:
                    if not self._handle.is_open or not error.transient:
                        logger.error("The turn thread ends: %s", error)
                        return
                    continue
                try:
                    work = _json.decode(data)
                except Exception:
                    logger.exception("Turns cannot be read; their instances wait for another runtime.")
                    continue
                report_refusals(work, Stale.code)
                self._attempts.cancel(work["cancelled"])
                if work["stopped"]:
                    return
                answers = [self._run_turn(turn["token"], turn["request"]) for turn in work["turns"]]
        finally:
            self._turns.close()

    def _run_turn(self, token: int, request: Dict[str, Any]) -> str:
        try:
            return f'{{"token":{token},"answer":{self._turns.run(request)}}}'
        except BaseException as error:
            # A turn that cannot be run says nothing about the instance: the engine tries again later.
            logger.exception("The turn of instance '%s' could not be run.", request.get("instance"))
            failure = _json.encode(_failures.of_exception(error), "The failure")
            return f'{{"token":{token},"failure":{failure}}}'


class _Source(WorkSource):
    """The runtime as its activities see it."""

    #: From its start on: one that could not be started closes as soon as nobody has it, without a cycle that
    #: only the garbage collector finds.
    runtime: Runtime

    def __init__(self, lib: _library.Library) -> None:
        self._lib = lib

    def poll_activities(self, answers: List[str], most: int, wait: bool) -> Dict[str, Any]:
        lib, runtime = self._lib, self.runtime
        handed = f'{{"v":1,"activities":[{",".join(answers)}]}}' if answers else ""
        try:
            data = lib.bytes_of(
                lib.dx.dx_runtime_poll, runtime._handle.value, text(handed), 0, most, POLL_MS if wait else 0
            )
        except PerdureError as error:
            # The runtime was closed while this thread was in user code: nobody wants the result.
            logger.debug("Activities end: %s", error)
            return {"stopped": True, "activities": []}
        try:
            work: Dict[str, Any] = _json.decode(data)
        except Exception:
            logger.exception("Activities cannot be read; they wait for another runtime.")
            return {"stopped": False, "activities": []}
        report_refusals(work, Stale.code)
        runtime._attempts.cancel(work["cancelled"])
        return work

    def is_cancelled(self, token: int) -> bool:
        return bool(self._lib.dx.dx_activity_is_cancelled(token))

    def heartbeat(self, token: int, details: Any) -> None:
        payload = self.runtime.store.limits.payload(details, "The details of the heartbeat")
        self._lib.check(self._lib.dx.dx_activity_heartbeat(token, text(payload)))

    @property
    def client(self) -> Client:
        runtime = self.runtime
        with runtime._client_lock:
            if runtime._client is None:
                runtime._client = Client(runtime.store)
            return runtime._client
