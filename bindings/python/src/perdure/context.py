"""What orchestrations and activities receive as their first argument."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Optional, TypeVar, Union, overload

from . import _json
from ._loop import DurableFuture
from .errors import InvalidArgument

if TYPE_CHECKING:
    from ._execution import Execution
    from .definitions import Activity, Orchestration

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Handle(DurableFuture[T]):
    """Durable work that has been started: await it, give it to asyncio's functions, or `cancel()` it."""

    def __init__(self, execution: Execution, action: int, what: str) -> None:
        super().__init__(loop=execution.loop)
        #: The number of the action in the history.
        self.action = action
        self._execution = execution
        self._what = what

    def cancel(self, msg: Any = None) -> bool:
        """Gives the work up. An activity is told so; its result no longer counts."""
        if self.done():
            return False
        self._execution.cancel_action(self.action)
        return super().cancel(msg)

    def __repr__(self) -> str:
        return f"<{self._what} #{self.action} {'done' if self.done() else 'open'}>"


class ContinueAsNew(BaseException):
    """How `continue_as_new` leaves the code. Not an Exception, so that `except Exception` lets it pass."""

    def __init__(self, value: str, version: Optional[str]) -> None:
        super().__init__("continue_as_new")
        self.input = value
        self.version = version


@dataclass(frozen=True)
class Parent:
    """Where a sub-orchestration was scheduled."""

    instance: str
    execution: int
    action: int


class OrchestrationLog:
    """Log lines of an orchestration: written once, not again when the code is replayed."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def _write(self, level: str, message: object, arguments: Any) -> None:
        if not self._execution.replaying:
            text = str(message)
            self._execution.log(level, text % arguments if arguments else text)

    def debug(self, message: object, *arguments: object) -> None:
        self._write("debug", message, arguments)

    def info(self, message: object, *arguments: object) -> None:
        self._write("info", message, arguments)

    def warning(self, message: object, *arguments: object) -> None:
        self._write("warn", message, arguments)

    def error(self, message: object, *arguments: object) -> None:
        self._write("error", message, arguments)


class OrchestrationContext:
    """The durable side of an orchestration. asyncio's functions (`sleep`, `timeout`...) are durable, too."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.instance_id: str = execution.instance
        #: Counts up with each continue_as_new, from 1.
        self.execution_id: int = execution.number
        self.name: str = execution.definition.name
        self.version: str = execution.definition.version
        self.parent: Optional[Parent] = None
        self.log = OrchestrationLog(execution)

    @property
    def is_replaying(self) -> bool:
        """An earlier turn has been here. Good for printing; deciding by it breaks the replay."""
        return self._execution.replaying

    # ---- Work ------------------------------------------------------------------------------------

    @overload
    def activity(self, activity: Activity[In, Out], input: In) -> Handle[Out]: ...
    @overload
    def activity(self, activity: Activity[None, Out]) -> Handle[Out]: ...
    @overload
    def activity(self, activity: str, input: Any = None) -> Handle[Any]: ...
    def activity(self, activity: Any, input: Any = None) -> Handle[Any]:
        """Schedules an activity. It runs at least once; its failure is raised as `ActivityFailed`."""
        name, decode = _target(activity)
        value = _json.encode(input, f"The input of activity '{name}'")
        members = f'"kind":"ScheduleActivity","name":{_json.quote(name, "The name")},"input":{value}'
        return self._execution.schedule(members, name, decode, f"activity '{name}'")

    @overload
    def sub_orchestration(
        self, orchestration: Orchestration[In, Out], input: In, *, version: Optional[str] = None,
        instance: Optional[str] = None,
    ) -> Handle[Out]: ...  # fmt: skip
    @overload
    def sub_orchestration(
        self, orchestration: Orchestration[None, Out], *, version: Optional[str] = None,
        instance: Optional[str] = None,
    ) -> Handle[Out]: ...  # fmt: skip
    @overload
    def sub_orchestration(
        self, orchestration: str, input: Any = None, *, version: Optional[str] = None,
        instance: Optional[str] = None,
    ) -> Handle[Any]: ...  # fmt: skip
    def sub_orchestration(
        self, orchestration: Any, input: Any = None, *, version: Optional[str] = None,
        instance: Optional[str] = None,
    ) -> Handle[Any]:  # fmt: skip
        """Runs another orchestration as a child. Its failure or end is raised as `SubOrchestrationFailed`.

        Without `version` it takes the highest that is registered, without `instance` an id made from the
        parent's.
        """
        name, decode = _target(orchestration)
        members = _start("ScheduleSubOrchestration", name, input, version, instance)
        return self._execution.schedule(members, name, decode, f"sub-orchestration '{name}'")

    def start_detached(
        self, orchestration: Union[str, Orchestration[Any, Any]], input: Any = None, *,
        version: Optional[str] = None, instance: Optional[str] = None,
    ) -> str:  # fmt: skip
        """Starts an orchestration that goes its own way, is not cancelled with this one. Returns its id."""
        name, _ = _target(orchestration)
        action = self._execution.emit(_start("StartDetached", name, input, version, instance))
        return instance or f"{self.instance_id}.{self.execution_id}.{action}"

    def timer(self, delay: Union[float, timedelta]) -> Handle[None]:
        """A durable timer in seconds, as a handle; `asyncio.sleep` is the same as a coroutine."""
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        return self._execution.timer_after(seconds)

    def sleep_until(self, when: datetime) -> Handle[None]:
        """A durable timer at a time, which must have a time zone."""
        if when.tzinfo is None:
            raise InvalidArgument("sleep_until needs a datetime with a time zone, such as ctx.now() gives.")
        # Never early: a part of a millisecond counts as a whole one.
        return self._execution.timer_at(-((_EPOCH - when) // timedelta(milliseconds=1)))

    # ---- Messages --------------------------------------------------------------------------------

    def wait_for_event(self, name: str) -> Handle[Any]:
        """The next event of that name, which may have come before. Cancelled, it takes none."""
        return self._execution.wait_for("WaitForEvent", name)

    def dequeue(self, name: str) -> Handle[Any]:
        """The next message of the queue, in the order of sending."""
        return self._execution.wait_for("Dequeue", name)

    # ---- State and end ---------------------------------------------------------------------------

    def set_custom_status(self, value: Any) -> None:
        """What `Client.describe` shows as `custom_status`; None clears it."""
        members = '"kind":"SetCustomStatus"'
        if value is not None:
            members += f',"status":{_json.encode(value, "The custom status")}'
        self._execution.emit(members)

    def continue_as_new(self, input: Any = None, *, version: Optional[str] = None) -> NoReturn:
        """Ends this execution and begins the next with an empty history. Does not return.

        Only from the orchestration's own task: a task that it created returns to it first. Without `version`
        the next execution takes the highest that is registered.
        """
        if asyncio.current_task() is not self._execution.main:
            raise RuntimeError(
                "continue_as_new ends the orchestration: only its own task can call it, not one it created."
            )
        if version is not None:
            _json.text(version, "The version")
        raise ContinueAsNew(_json.encode(input, "The input of continue_as_new"), version)

    # ---- Time and chance -------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time of the event that woke the code, in UTC: the same in every replay."""
        return _EPOCH + timedelta(milliseconds=self._execution.loop.now_ms)

    @property
    def now_ms(self) -> int:
        """`now` in milliseconds since 1970."""
        return self._execution.loop.now_ms

    def new_guid(self) -> uuid.UUID:
        """A random UUID that is the same in every replay."""
        return self._execution.chance.guid()

    def random(self) -> float:
        """A random number in [0, 1) that is the same in every replay."""
        return self._execution.chance.number()


def _target(definition: Any) -> tuple[str, Optional[_json.Decoder]]:
    """The name, and the decoder of the result if the function is known."""
    if isinstance(definition, str):
        return definition, None
    try:
        return definition.name, definition.decoders()[1]
    except AttributeError:
        raise InvalidArgument(
            f"{definition!r} is no name, nor decorated with @perdure.activity or @perdure.orchestration."
        ) from None


def _start(kind: str, name: str, value: Any, version: Optional[str], instance: Optional[str]) -> str:
    members = f'"kind":"{kind}","name":{_json.quote(name, "The name")}'
    if version is not None:
        members += f',"version":{_json.quote(version, "The version")}'
    if instance is not None:
        members += f',"instance":{_json.quote(instance, "The instance id")}'
    return f'{members},"input":{_json.encode(value, f"The input of orchestration {name!r}")}'


class ActivityContext:
    """One attempt of an activity."""

    def __init__(self, task: dict[str, Any], is_cancelled: Callable[[], bool]) -> None:
        self.instance_id: str = task["instance"]
        self.execution_id: int = task["execution"]
        self.orchestration: str = task["orchestration"]
        self.name: str = task["name"]
        #: Counts from 1.
        self.attempt: int = task["attempt"]
        #: The same for each attempt: what to give to a service that must not do the work twice.
        self.idempotency_key: str = task["key"]
        self._is_cancelled = is_cancelled

    def is_cancelled(self) -> bool:
        """The result is no longer wanted. An async activity is cancelled as a task as well."""
        return self._is_cancelled()

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"perdure.activity.{self.name}")
