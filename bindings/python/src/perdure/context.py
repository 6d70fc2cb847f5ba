"""What orchestrations receive as their first argument."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Dict, NoReturn, Optional, Tuple, TypeVar, Union, overload

from . import _json, _limits, _types
from ._messaging import Messaging
from .errors import InvalidArgument
from .handles import ContinueAsNew, Handle, Parent
from .options import (
    CLOSE_POLICIES,
    EPOCH,
    METRIC_KINDS,
    ActivityOptions,
    ClosePolicy,
    MetricKind,
    RetryPolicy,
    Seconds,
    epoch_ms,
)

if TYPE_CHECKING:
    from uuid import UUID

    from ._execution import Execution
    from .definitions import Activity, Orchestration

In = TypeVar("In")
Out = TypeVar("Out")

_NO_OPTIONS = (None,) * 8


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


class OrchestrationContext(Messaging):
    """The durable side of an orchestration. asyncio's functions (`sleep`, `timeout`...) are durable, too."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.instance_id: str = execution.instance
        #: Counts up with each continue_as_new, from 1.
        self.execution_id: int = execution.number
        self.name: str = execution.definition.name
        self.version: str = execution.definition.version
        self.parent: Optional[Parent] = None
        #: The span of this execution, if the instance is part of a distributed trace; its activities and
        #: children have spans below it.
        self.traceparent: Optional[str] = execution.traceparent
        self.tracestate: Optional[str] = execution.tracestate
        #: The key-value state of the instance.
        self.kv = execution.kv

    @property
    def log(self) -> OrchestrationLog:
        """Lines of the instance, told once: not again when the code is run again."""
        return OrchestrationLog(self._execution)

    @property
    def is_replaying(self) -> bool:
        """An earlier turn has been here. Good for printing; deciding by it breaks the replay."""
        return self._execution.replaying

    # ---- Work ------------------------------------------------------------------------------------

    @overload
    def activity(
        self, activity: Activity[In, Out], input: In, *, retry: Optional[RetryPolicy] = None,
        schedule_to_start: Optional[Seconds] = None, start_to_close: Optional[Seconds] = None,
        schedule_to_close: Optional[Seconds] = None, heartbeat: Optional[Seconds] = None,
        tag: Optional[str] = None, session: Optional[str] = None, priority: Optional[int] = None,
    ) -> Handle[Out]: ...  # fmt: skip
    @overload
    def activity(
        self, activity: Activity[None, Out], *, retry: Optional[RetryPolicy] = None,
        schedule_to_start: Optional[Seconds] = None, start_to_close: Optional[Seconds] = None,
        schedule_to_close: Optional[Seconds] = None, heartbeat: Optional[Seconds] = None,
        tag: Optional[str] = None, session: Optional[str] = None, priority: Optional[int] = None,
    ) -> Handle[Out]: ...  # fmt: skip
    @overload
    def activity(
        self, activity: str, input: Any = None, *, retry: Optional[RetryPolicy] = None,
        schedule_to_start: Optional[Seconds] = None, start_to_close: Optional[Seconds] = None,
        schedule_to_close: Optional[Seconds] = None, heartbeat: Optional[Seconds] = None,
        tag: Optional[str] = None, session: Optional[str] = None, priority: Optional[int] = None,
    ) -> Handle[Any]: ...  # fmt: skip
    def activity(
        self, activity: Any, input: Any = None, *, retry: Optional[RetryPolicy] = None,
        schedule_to_start: Optional[Seconds] = None, start_to_close: Optional[Seconds] = None,
        schedule_to_close: Optional[Seconds] = None, heartbeat: Optional[Seconds] = None,
        tag: Optional[str] = None, session: Optional[str] = None, priority: Optional[int] = None,
    ) -> Handle[Any]:  # fmt: skip
        """Schedules an activity. It runs at least once; its failure is raised as `ActivityFailed`.

        The options are those of `ActivityOptions`; what is not given here is as the definition says, if the
        activity is given by its function.
        """
        name, decode = _target(activity)
        given = (
            retry, schedule_to_start, start_to_close, schedule_to_close, heartbeat, tag, session, priority,
        )  # fmt: skip
        if given == _NO_OPTIONS:
            options: str = getattr(activity, "options_json", "")
        else:
            options = ActivityOptions(*given).over(getattr(activity, "options", ActivityOptions())).to_json()
        quoted = _limits.name(name, "The name of the activity")
        value = self._execution.limits.payload(input, f"The input of activity '{name}'")
        members = f'"kind":"ScheduleActivity","name":{quoted},"input":{value}{options}'
        return self._execution.schedule(members, name, decode, f"activity '{name}'")

    @overload
    def sub_orchestration(
        self, orchestration: Orchestration[In, Out], input: In, *, version: Optional[str] = None,
        instance: Optional[str] = None, close_policy: Optional[ClosePolicy] = None,
    ) -> Handle[Out]: ...  # fmt: skip
    @overload
    def sub_orchestration(
        self, orchestration: Orchestration[None, Out], *, version: Optional[str] = None,
        instance: Optional[str] = None, close_policy: Optional[ClosePolicy] = None,
    ) -> Handle[Out]: ...  # fmt: skip
    @overload
    def sub_orchestration(
        self, orchestration: str, input: Any = None, *, version: Optional[str] = None,
        instance: Optional[str] = None, close_policy: Optional[ClosePolicy] = None,
    ) -> Handle[Any]: ...  # fmt: skip
    def sub_orchestration(
        self, orchestration: Any, input: Any = None, *, version: Optional[str] = None,
        instance: Optional[str] = None, close_policy: Optional[ClosePolicy] = None,
    ) -> Handle[Any]:  # fmt: skip
        """Runs another orchestration as a child. Its failure or end is raised as `SubOrchestrationFailed`.

        Without `version` it takes the highest that is registered, without `instance` an id made from the
        parent's. `close_policy`: what becomes of it if it is still open when this one ends.
        """
        name, decode = _target(orchestration)
        members = self._start("ScheduleSubOrchestration", name, input, version, instance)
        if close_policy is not None:
            if close_policy not in CLOSE_POLICIES:
                raise InvalidArgument(
                    f"close_policy is one of {', '.join(CLOSE_POLICIES)}, not {close_policy!r}."
                )
            members += f',"closePolicy":"{close_policy}"'
        return self._execution.schedule(members, name, decode, f"sub-orchestration '{name}'")

    def start_detached(
        self, orchestration: Union[str, Orchestration[Any, Any]], input: Any = None, *,
        version: Optional[str] = None, instance: Optional[str] = None,
    ) -> str:  # fmt: skip
        """Starts an orchestration that goes its own way, is not cancelled with this one. Returns its id."""
        name, _ = _target(orchestration)
        action = self._execution.emit(self._start("StartDetached", name, input, version, instance))
        return instance or self._execution.child_id(action)

    def _start(
        self, kind: str, name: str, value: Any, version: Optional[str], instance: Optional[str]
    ) -> str:
        members = f'"kind":"{kind}","name":{_limits.name(name, "The name of the orchestration")}'
        if version is not None:
            members += f',"version":{_json.quote(version, "The version")}'
        if instance is not None:
            members += f',"instance":{_limits.instance(instance)}'
        else:
            _limits.instance(self._execution.child_id(), "The id that the child would have")
        payload = self._execution.limits.payload(value, f"The input of orchestration '{name}'")
        return f'{members},"input":{payload}'

    def timer(self, delay: Seconds) -> Handle[None]:
        """A durable timer in seconds, as a handle; `asyncio.sleep` is the same as a coroutine."""
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        return self._execution.timer_after(seconds)

    def sleep_until(self, when: datetime) -> Handle[None]:
        """A durable timer at a time, which must have a time zone."""
        return self._execution.timer_at(epoch_ms(when, "sleep_until"))

    # ---- State and end ---------------------------------------------------------------------------

    def set_custom_status(self, value: Any) -> None:
        """What `Client.describe` shows as `custom_status`; None clears it."""
        members = '"kind":"SetCustomStatus"'
        if value is not None:
            status = _json.encode(value, "The custom status")
            _limits.check(status, self._execution.limits.custom_status_bytes, "The custom status")
            members += f',"status":{status}'
        self._execution.emit(members)

    @property
    def should_continue_as_new(self) -> bool:
        """The history has passed 80 % of a limit: time for `continue_as_new`."""
        return self._execution.late

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
        value = self._execution.limits.payload(input, "The input of continue_as_new")
        raise ContinueAsNew(value, version)

    def patched(self, patch: str) -> bool:
        """Guards a change of the code: true for instances that have not come here before the change.

            if ctx.patched("2024-06-ship-twice"):
                ...  # the new way
            else:
                ...  # the old way, for instances that went it

        Decided once for each id, and recorded. When no instance goes the old way any more, `deprecate_patch`
        takes its place; when none is left that has recorded it, that goes, too.
        """
        return self._execution.patched(patch)

    def deprecate_patch(self, patch: str) -> None:
        """Stands where `patched` stood, once the old way is gone."""
        self._execution.deprecate_patch(patch)

    def metric(
        self, name: str, value: float, kind: MetricKind = "counter",
        attributes: Optional[Dict[str, str]] = None,
    ) -> None:  # fmt: skip
        """A measurement for `Store.metrics` and the log, emitted once and not again by a replay.

        `kind`: "counter", "gauge" or "histogram". `attributes`: text by name.
        """
        _limits.name(name, "The name of the metric")
        if kind not in METRIC_KINDS:
            raise InvalidArgument(f"The kind of a metric is one of {', '.join(METRIC_KINDS)}, not {kind!r}.")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InvalidArgument(f"The value of metric '{name}' must be a finite number, not {value!r}.")
        metric: Dict[str, Any] = {"name": name, "kind": kind, "value": value}
        if attributes:
            for key, text in attributes.items():
                _json.text(key, "The name of an attribute")
                _json.text(text, f"The attribute '{key}' of metric '{name}'")
            metric["attributes"] = dict(attributes)
        if not self._execution.replaying:
            self._execution.metric(metric)

    # ---- Time and chance -------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time of the event that woke the code, in UTC: the same in every replay."""
        return EPOCH + timedelta(milliseconds=self._execution.loop.now_ms)

    @property
    def now_ms(self) -> int:
        """`now` in milliseconds since 1970."""
        return self._execution.loop.now_ms

    def new_guid(self) -> UUID:
        """A random UUID that is the same in every replay."""
        return self._execution.chance.guid()

    def random(self) -> float:
        """A random number in [0, 1) that is the same in every replay."""
        return self._execution.chance.number()


def _target(definition: Any) -> Tuple[str, Optional[_types.Decoder]]:
    """The name, and the decoder of the result if the function is known."""
    if isinstance(definition, str):
        return definition, None
    try:
        return definition.name, definition.decoders()[1]
    except AttributeError:
        raise InvalidArgument(
            f"{definition!r} is no name, nor decorated with @perdure.activity or @perdure.orchestration."
        ) from None
