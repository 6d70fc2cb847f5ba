"""One live execution of an orchestration: events in, actions out (docs/wire-format.md, "How to run a turn").

    begun --OrchestrationStarted--> waiting <--event-- ... --the main task ends--> ended
                                       `--close()--> closed (dropped from the cache, without effect)

Actions are kept as JSON text, made when the code calls: a value that it changes afterwards is sent as it was.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections import deque
from contextvars import Context
from typing import Any, Callable, Collection, Deque, Dict, List, Mapping, Optional, Tuple, Union

from . import _cancellation, _failures, _json, _limits, _types
from ._chance import Chance
from ._limits import Limits
from ._loop import FAR, DurableTask, DurableTimer, Host, OrchestrationLoop, describe_wait
from ._sandbox import run_watched
from .context import OrchestrationContext
from .definitions import Orchestration
from .errors import (
    ActivityFailed,
    Failure,
    InvalidArgument,
    LimitExceeded,
    MessageRefused,
    NonDurableAwait,
    SubOrchestrationFailed,
)
from .handles import Call, ContinueAsNew, Handle, Parent, raise_in, settle
from .state import KeyValue

#: The largest number that the wire takes: timers beyond it stay there, a quarter of a million years ahead.
_NEVER = 2**53 - 1

Work = Tuple[Union[Handle[Any], DurableTimer], str, Optional[_types.Decoder]]


class Execution(Host):
    """The coroutine of one execution, its loop, and the actions that it has emitted."""

    def __init__(
        self, definition: Orchestration[Any, Any], request: Mapping[str, Any], limits: Limits,
        is_watched: bool = False,
    ) -> None:  # fmt: skip
        """`request`: a turn request from event 0. `is_watched`: forbidden calls are looked for."""
        self._is_watched = is_watched
        self.definition = definition
        self.instance: str = request["instance"]
        self.number: int = request["execution"]
        self.limits = limits
        self.traceparent: Optional[str] = request.get("traceparent")
        self.tracestate: Optional[str] = request.get("tracestate")
        self.loop = OrchestrationLoop(self)  # type: ignore[abstract]
        self.kv = KeyValue(self, request.get("kv") or ())
        self.context = OrchestrationContext(self)
        self.main: Optional[DurableTask[Any]] = None
        #: The id of the last event delivered: the `after` of actions, and the `from` of the next turn.
        self.after = 0
        self.replaying = False
        #: The history has passed 80 % of a limit.
        self.late = False
        #: The end as JSON text, once there is one.
        self.end: Optional[str] = None
        #: Plain functions by the name of the query that they answer.
        self.queries: Dict[str, Callable[[Any], Any]] = {}
        self._next_action = 1
        # There may be thousands of executions at rest, and the garbage collector visits each of their
        # objects: what most of them do not need is made when it is needed.
        self._chance: Optional[Chance] = None
        self._actions: Optional[List[str]] = None
        # Logs and metrics, by the member of the answer that they are for.
        self._said: Optional[Dict[str, List[Dict[str, Any]]]] = None
        # Patches that the history has recorded, and what the code was told of those that it asked about.
        patches = request.get("patches")
        self._recorded: Collection[str] = frozenset(patches) if patches else ()
        self._patches: Dict[str, bool] = {}
        # Open actions by number: what they answer to, a name for messages, how to decode their result.
        self._open: Dict[int, Work] = {}
        # Waits and kept messages by (kind of action, name). Numbers of cancelled waits are skipped when met.
        self._waits: Dict[Tuple[str, str], Deque[int]] = {}
        self._kept: Dict[Tuple[str, str], Deque[Any]] = {}
        self._cancel_requested = False
        # While a cancellation spreads: the actions that it gives up, to be listed in their order.
        self._given_up: Optional[List[int]] = None

    # ---- What the code does ----------------------------------------------------------------------

    def emit(self, members: str) -> int:
        """Lists an action and returns its number. `members`: its JSON members after `after`."""
        self.loop.check_open()
        action = self._next_action
        self._next_action = action + 1
        if self._actions is None:
            self._actions = []
        self._actions.append(f'{{"id":{action},"after":{self.after},{members}}}')
        return action

    @property
    def chance(self) -> Chance:
        if self._chance is None:
            self._chance = Chance(self.instance, self.number)
        return self._chance

    def child_id(self, action: Optional[int] = None) -> str:
        """The id that the engine makes for a child without one; of the next action by default."""
        return f"{self.instance}.{self.number}.{action or self._next_action}"

    def schedule(self, members: str, name: str, decode: Optional[_types.Decoder], what: str) -> Handle[Any]:
        """Emits an action that is answered with a result or a failure."""
        self._check_pending()
        action = self.emit(members)
        handle: Handle[Any] = Handle(self, action, what)
        self._open[action] = (handle, name, decode)
        return handle

    def _check_pending(self) -> None:
        most = self.limits.pending_actions
        if len(self._open) >= most:
            raise _limits.exceeded(f"{len(self._open)} actions are pending; the limit is {most} per instance")

    def create_timer(self, fire_at: int, timer: DurableTimer) -> int:
        self._check_pending()
        action = self.emit(f'"kind":"CreateTimer","fireAt":{min(fire_at, _NEVER)}')
        self._open[action] = (timer, "timer", None)
        return action

    def timer_after(self, seconds: float) -> Handle[None]:
        if not math.isfinite(seconds):
            raise ValueError(f"A timer of {seconds} seconds never fires.")
        return self.timer_at(self.loop.now_ms + math.ceil(min(seconds, FAR) * 1000 - 1e-6))

    def timer_at(self, fire_at: int) -> Handle[None]:
        # A time that has passed is a timer that fires at once; the engine takes none before 1970.
        return self.schedule(
            f'"kind":"CreateTimer","fireAt":{min(max(fire_at, 0), _NEVER)}', "timer", None, "timer"
        )

    def wait_for(self, kind: str, name: str, what: str, of: Any = None) -> Handle[Any]:
        """Emits a wait for messages of that name; one that was kept answers it at once. `of`: their type."""
        quoted = _limits.name(name, f"The name of the {what}")
        decode = None if of is None else _types.checked(_types.decoder(of), what, f"The {what} '{name}'")
        handle = self.schedule(f'"kind":"{kind}","name":{quoted}', name, decode, f"{what} '{name}'")
        key = (kind, name)
        kept = self._kept.get(key)
        if kept:
            del self._open[handle.action]
            settle(handle, decode, kept.popleft())
        else:
            self._waits.setdefault(key, deque()).append(handle.action)
        return handle

    def cancel_action(self, action: int) -> None:
        """Emits Cancel for an action that is still open."""
        if not self.loop.is_closing and self._open.pop(action, None) is not None:
            if self._given_up is not None:
                self._given_up.append(action)
            else:
                self.emit(f'"kind":"Cancel","target":{action}')

    def patched(self, patch: str) -> bool:
        """Whether the code takes the new path of a change: decided once, and then remembered."""
        quoted = _limits.name(patch, "The id of the patch")
        taken = self._patches.get(patch)
        if taken is None:
            taken = patch in self._recorded or not self.replaying
            if taken:
                self.emit(f'"kind":"RecordPatch","patch":{quoted}')
            self._patches[patch] = taken
        return taken

    def deprecate_patch(self, patch: str) -> None:
        """Repeats what older code recorded, if it did."""
        quoted = _limits.name(patch, "The id of the patch")
        if patch not in self._patches:
            self._patches[patch] = True
            if patch in self._recorded:
                self.emit(f'"kind":"RecordPatch","patch":{quoted}')

    def log(self, level: str, message: str) -> None:
        self._say("logs", {"level": level, "message": _failures.clean(message)})

    def metric(self, metric: Dict[str, Any]) -> None:
        self._say("metrics", metric)

    def _say(self, member: str, line: Dict[str, Any]) -> None:
        if self._said is None:
            self._said = {}
        self._said.setdefault(member, []).append(line)

    def report(self, message: str) -> None:
        if not self.replaying:
            self.log("error", message)

    # ---- What happens to it ----------------------------------------------------------------------

    def run(self, events: List[Dict[str, Any]], replayed: int) -> None:
        """Delivers the events one at a time, and runs the code after each until it waits or has ended."""
        previous = asyncio._get_running_loop()
        asyncio._set_running_loop(self.loop)
        try:
            for event in events:
                self.after = event["id"]
                self.late = self.late or bool(event.get("late"))
                self.loop.now_ms = event["at"]
                self.replaying = self.after <= replayed
                if self._deliver(event):
                    self._run_code()
                    if self.end is not None:
                        break
        finally:
            asyncio._set_running_loop(previous)

    def _run_code(self) -> None:
        main = self.main
        if main is None:
            return
        try:
            if self._is_watched:
                run_watched(lambda: self.loop.run_until_blocked(main))
            else:
                self.loop.run_until_blocked(main)
            if not main.done() and not self._open:
                raise NonDurableAwait(
                    f"Nothing durable is open, so nothing can wake the orchestration: "
                    f"{describe_wait(main.get_coro())}. Await activities, timers, events or queues."
                )
        except BaseException as error:
            self._fail(error)
        else:
            if main.done():
                self._finish(main)

    def take_actions(self) -> List[str]:
        """The actions emitted since the last call, as JSON text."""
        actions, self._actions = self._actions, None
        return actions or []

    def query(self, name: str, value: Any) -> str:
        """Asks the handler of that name, which cannot do durable work. The answer's member as JSON text."""
        self.loop.freeze("A query handler")
        previous = asyncio._get_running_loop()
        asyncio._set_running_loop(self.loop)
        try:
            handler = self.queries.get(name)
            if handler is None:
                return f'"failure":{_json.encode(self._no_handler(name), "The failure")}'
            result = handler(value)
            if inspect.iscoroutine(result):
                result.close()
                raise InvalidArgument(f"The handler for query '{name}' must be a plain function.")
            return f'"result":{self.limits.payload(result, f"The result of query {name!r}")}'
        except BaseException as error:
            return f'"failure":{_json.encode(_failures.of_exception(error), "The failure")}'
        finally:
            asyncio._set_running_loop(previous)

    def _no_handler(self, query: str) -> Dict[str, Any]:
        known = ", ".join(f"'{name}'" for name in sorted(self.queries)) or "none at all"
        message = f"the instance '{self.instance}' has no handler for the query '{query}'; it has {known}"
        return {"type": "perdure.NotRegistered", "message": message, "nonRetryable": True}

    def take_said(self) -> Dict[str, List[Dict[str, Any]]]:
        """The members of the answer with what the code logged and measured since the last call."""
        said, self._said = self._said, None
        return said or {}

    def close(self) -> None:
        """Closes the coroutine, with no effect whatever its `finally` blocks do."""
        self.loop.close_tasks()
        self._open.clear()
        self._waits.clear()
        self._kept.clear()
        self._actions = None

    # ---- Delivery --------------------------------------------------------------------------------

    def _deliver(self, event: Dict[str, Any]) -> bool:
        """Applies an event; false if it changes nothing for the code."""
        deliver = _DELIVERIES.get(event["kind"])
        return deliver is not None and deliver(self, event)

    def _started(self, event: Dict[str, Any]) -> bool:
        parent = event.get("parent")
        if parent:
            self.context.parent = Parent(parent["instance"], parent["execution"], parent["action"])
        # An empty context: what the thread that runs the turn has set must not show.
        self.main = Context().run(
            self.loop.create_task, _call(self.definition, self.context, event.get("input")), name="main"
        )
        return True

    def _completed(self, event: Dict[str, Any]) -> bool:
        work = self._open.pop(event["action"], None)
        if work is None:
            return False
        handle, _, decode = work
        result = event.get("result")
        if isinstance(handle, DurableTimer):
            handle.run_soon(self.loop)
        else:
            settle(handle, decode, result)
        return True

    def _failed(self, event: Dict[str, Any]) -> bool:
        work = self._open.pop(event["action"], None)
        if work is None or isinstance(work[0], DurableTimer):
            return False
        failure = _failures.from_wire(event.get("failure"))
        raise_in(work[0], _FAILURES[event["kind"]](work[1], failure))
        return True

    def _message(self, event: Dict[str, Any]) -> bool:
        key = (_MESSAGES[event["kind"]], event["name"])
        data = event.get("data")
        if "call" in event:
            data = Call(self, event["call"], event["name"], data)
        waits = self._waits.get(key)
        while waits:
            work = self._open.pop(waits.popleft(), None)
            if work is not None and isinstance(work[0], Handle):
                settle(work[0], work[2], data)
                return True
        self._kept.setdefault(key, deque()).append(data)
        return False

    def _cancellation(self, event: Dict[str, Any]) -> bool:
        if self._cancel_requested or self.main is None:
            return False
        self._cancel_requested = True
        self._given_up = []
        work = [each[0] for _, each in sorted(self._open.items())]
        _cancellation.spread(self.loop, self.main, work, event.get("reason") or None)
        given_up, self._given_up = sorted(self._given_up), None
        for action in given_up:
            self.emit(f'"kind":"Cancel","target":{action}')
        return True

    # ---- Ends ------------------------------------------------------------------------------------

    def _finish(self, main: DurableTask[Any]) -> None:
        if main.cancelled():
            if self._cancel_requested:
                self.end = f'{{"after":{self.after},"kind":"Cancelled"}}'
            else:
                self._fail(
                    asyncio.CancelledError("The code cancelled its own work and let the cancellation pass.")
                )
            return
        error = main.exception()
        if error is None:
            try:
                output = self.limits.payload(
                    main.result(), f"The result of orchestration '{self.definition.name}'"
                )
                self.end = f'{{"after":{self.after},"kind":"Completed","output":{output}}}'
            except (InvalidArgument, LimitExceeded) as wrong:
                self._fail(wrong)
        elif isinstance(error, ContinueAsNew):
            version = (
                "" if error.version is None else f'"version":{_json.quote(error.version, "The version")},'
            )
            self.end = f'{{"after":{self.after},"kind":"ContinuedAsNew",{version}"input":{error.input}}}'
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        failure = _failures.payload(error, self.limits, "The failure of the orchestration")
        self.end = f'{{"after":{self.after},"kind":"Failed","failure":{failure}}}'


async def _call(definition: Orchestration[Any, Any], context: OrchestrationContext, value: Any) -> Any:
    # In the coroutine, so that an input that does not fit fails the orchestration and not the turn.
    return await definition.invoke(context, value)


_MESSAGES = {
    "EventRaised": "WaitForEvent",
    "QueueMessageReceived": "Dequeue",
    "TopicMessageReceived": "WaitForTopic",
    "CallReceived": "WaitForCall",
}

_FAILURES: Dict[str, Callable[[str, Failure], Exception]] = {
    "ActivityFailed": ActivityFailed,
    "SubOrchestrationFailed": SubOrchestrationFailed,
    "RequestFailed": MessageRefused,
}

_DELIVERIES = {
    "OrchestrationStarted": Execution._started,
    "ActivityCompleted": Execution._completed,
    "TimerFired": Execution._completed,
    "SubOrchestrationCompleted": Execution._completed,
    "RequestCompleted": Execution._completed,
    **dict.fromkeys(_FAILURES, Execution._failed),
    **dict.fromkeys(_MESSAGES, Execution._message),
    "CancellationRequested": Execution._cancellation,
}
