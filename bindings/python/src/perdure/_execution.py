"""One live execution of an orchestration: events in, actions out (docs/wire-format.md, "How to run a turn").

    begun --OrchestrationStarted--> waiting <--event-- ... --the main task ends--> ended
                                       `--close()--> closed (dropped from the cache, without effect)

Actions are kept as JSON text, made when the code calls: a value that it changes afterwards is sent as it was.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextvars import Context
from typing import Any, Deque, Dict, List, Optional, Tuple, Union

from . import _failures, _json
from ._chance import Chance
from ._loop import DurableTask, DurableTimer, Host, OrchestrationLoop, describe_wait
from .context import ContinueAsNew, Handle, OrchestrationContext, Parent
from .definitions import Orchestration
from .errors import ActivityFailed, InvalidArgument, NonDurableAwait, SubOrchestrationFailed

#: The largest number that the wire takes: timers beyond it stay there, a quarter of a million years ahead.
_NEVER = 2**53 - 1

Work = Tuple[Union[Handle[Any], DurableTimer], str, Optional[_json.Decoder]]


class Execution(Host):
    """The coroutine of one execution, its loop, and the actions that it has emitted."""

    def __init__(self, definition: Orchestration[Any, Any], instance: str, number: int) -> None:
        self.definition = definition
        self.instance = instance
        self.number = number
        self.loop = OrchestrationLoop(self)  # type: ignore[abstract]
        self.chance = Chance(instance, number)
        self.context = OrchestrationContext(self)
        self.main: Optional[DurableTask[Any]] = None
        #: The id of the last event delivered: the `after` of actions, and the `from` of the next turn.
        self.after = 0
        self.replaying = False
        #: The end as JSON text, once there is one.
        self.end: Optional[str] = None
        self._next_action = 1
        self._actions: List[str] = []
        self._logs: List[Dict[str, str]] = []
        # Open actions by number: what they answer to, a name for messages, how to decode their result.
        self._open: Dict[int, Work] = {}
        # Waits and kept messages by (kind of action, name). Numbers of cancelled waits are skipped when met.
        self._waits: Dict[Tuple[str, str], Deque[int]] = {}
        self._kept: Dict[Tuple[str, str], Deque[Any]] = {}
        self._cancel_requested = False

    # ---- What the code does ----------------------------------------------------------------------

    def emit(self, members: str) -> int:
        """Lists an action and returns its number. `members`: its JSON members after `after`."""
        self.loop.check_open()
        action = self._next_action
        self._next_action = action + 1
        self._actions.append(f'{{"id":{action},"after":{self.after},{members}}}')
        return action

    def schedule(self, members: str, name: str, decode: Optional[_json.Decoder], what: str) -> Handle[Any]:
        """Emits an action that is answered with a result or a failure."""
        action = self.emit(members)
        handle: Handle[Any] = Handle(self, action, what)
        self._open[action] = (handle, name, decode)
        return handle

    def create_timer(self, fire_at: int, timer: DurableTimer) -> int:
        action = self.emit(f'"kind":"CreateTimer","fireAt":{min(fire_at, _NEVER)}')
        self._open[action] = (timer, "timer", None)
        return action

    def timer_after(self, seconds: float) -> Handle[None]:
        if not math.isfinite(seconds):
            raise ValueError(f"A timer of {seconds} seconds never fires.")
        return self.timer_at(self.loop.now_ms + math.ceil(seconds * 1000 - 1e-6))

    def timer_at(self, fire_at: int) -> Handle[None]:
        # A time that has passed is a timer that fires at once; the engine takes none before 1970.
        return self.schedule(
            f'"kind":"CreateTimer","fireAt":{min(max(fire_at, 0), _NEVER)}', "timer", None, "timer"
        )

    def wait_for(self, kind: str, name: str) -> Handle[Any]:
        """Emits WaitForEvent or Dequeue; a message that was kept answers it at once."""
        handle = self.schedule(
            f'"kind":"{kind}","name":{_json.quote(name, "The name")}', name, None, f"{kind} '{name}'"
        )
        key = (kind, name)
        kept = self._kept.get(key)
        if kept:
            del self._open[handle.action]
            handle.set_result(kept.popleft())
        else:
            self._waits.setdefault(key, deque()).append(handle.action)
        return handle

    def cancel_action(self, action: int) -> None:
        """Emits Cancel for an action that is still open."""
        if not self.loop.is_closing and self._open.pop(action, None) is not None:
            self.emit(f'"kind":"Cancel","target":{action}')

    def log(self, level: str, message: str) -> None:
        self._logs.append({"level": level, "message": _failures.clean(message)})

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
        actions, self._actions = self._actions, []
        return actions

    def take_logs(self) -> List[Dict[str, str]]:
        logs, self._logs = self._logs, []
        return logs

    def close(self) -> None:
        """Closes the coroutine, with no effect whatever its `finally` blocks do."""
        self.loop.close_tasks()
        self._open.clear()
        self._waits.clear()
        self._kept.clear()
        self._actions = []

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
        handle, name, decode = work
        result = event.get("result")
        if isinstance(handle, DurableTimer):
            handle.run_soon(self.loop)
        elif decode is None:
            handle.set_result(result)
        else:
            try:
                handle.set_result(decode(result))
            except Exception as error:
                wrong = InvalidArgument(f"The result of '{name}' does not fit its type hint: {error}")
                wrong.__cause__ = error
                _raise_in(handle, wrong)
        return True

    def _failed(self, event: Dict[str, Any]) -> bool:
        work = self._open.pop(event["action"], None)
        if work is None or isinstance(work[0], DurableTimer):
            return False
        of_activity = event["kind"] == "ActivityFailed"
        failure = _failures.from_wire(event.get("failure"))
        _raise_in(work[0], (ActivityFailed if of_activity else SubOrchestrationFailed)(work[1], failure))
        return True

    def _message(self, event: Dict[str, Any]) -> bool:
        kind = "WaitForEvent" if event["kind"] == "EventRaised" else "Dequeue"
        key = (kind, event["name"])
        waits = self._waits.get(key)
        while waits:
            work = self._open.pop(waits.popleft(), None)
            if work is not None and isinstance(work[0], Handle):
                work[0].set_result(event.get("data"))
                return True
        self._kept.setdefault(key, deque()).append(event.get("data"))
        return False

    def _cancellation(self, event: Dict[str, Any]) -> bool:
        if self._cancel_requested or self.main is None:
            return False
        self._cancel_requested = True
        self.main.cancel(event.get("reason") or None)
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
                output = _json.encode(main.result(), f"The result of orchestration '{self.definition.name}'")
                self.end = f'{{"after":{self.after},"kind":"Completed","output":{output}}}'
            except InvalidArgument as wrong:
                self._fail(wrong)
        elif isinstance(error, ContinueAsNew):
            version = (
                "" if error.version is None else f'"version":{_json.quote(error.version, "The version")},'
            )
            self.end = f'{{"after":{self.after},"kind":"ContinuedAsNew",{version}"input":{error.input}}}'
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        failure = _json.encode(_failures.of_exception(error), "The failure")
        self.end = f'{{"after":{self.after},"kind":"Failed","failure":{failure}}}'


async def _call(definition: Orchestration[Any, Any], context: OrchestrationContext, value: Any) -> Any:
    # In the coroutine, so that an input that does not fit fails the orchestration and not the turn.
    return await definition.invoke(context, value)


def _raise_in(handle: Handle[Any], error: Exception) -> None:
    handle.set_exception(error)
    # Failures are in the history; asyncio need not complain that nobody asked for this one.
    handle._log_traceback = False


_DELIVERIES = {
    "OrchestrationStarted": Execution._started,
    "ActivityCompleted": Execution._completed,
    "ActivityFailed": Execution._failed,
    "TimerFired": Execution._completed,
    "SubOrchestrationCompleted": Execution._completed,
    "SubOrchestrationFailed": Execution._failed,
    "EventRaised": Execution._message,
    "QueueMessageReceived": Execution._message,
    "CancellationRequested": Execution._cancellation,
}
