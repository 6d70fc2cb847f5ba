"""What activities receive as their first argument."""

from __future__ import annotations

import logging
import threading
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Callable, Dict, List, MutableMapping, Optional, Protocol, Tuple

from ._forks import held_at_forks
from .options import EPOCH

if TYPE_CHECKING:
    from .client import Client


class Deferred:
    """What `ActivityContext.defer` returns."""

    def __repr__(self) -> str:
        return "<deferred>"


DEFERRED = Deferred()

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


class _Log(_Adapter):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> Tuple[Any, MutableMapping[str, Any]]:
        fields = {f"perdure_{name}": value for name, value in (self.extra or {}).items()}
        kwargs["extra"] = {**fields, **(kwargs.get("extra") or {})}
        return msg, kwargs


#: Between those who wait for a cancellation and those who tell of one; held for a moment.
_LOCK = held_at_forks(threading.Lock())


class AttemptHost(Protocol):
    """What an attempt needs of the runtime that runs it."""

    def heartbeat(self, token: int, details: Any) -> None:
        """Raises Stale when the result is no longer wanted."""

    @property
    def client(self) -> Client: ...


#: The attempt that this code is part of.
current_attempt: ContextVar[Optional[ActivityContext]] = ContextVar("perdure_attempt", default=None)


class ActivityContext:
    """One attempt of an activity."""

    tag: Optional[str] = None
    session: Optional[str] = None
    priority: int = 0

    def __init__(self, task: Dict[str, Any], number: int, host: AttemptHost) -> None:
        """`number`: the runtime's token for the attempt."""
        self.instance_id: str = task["instance"]
        self.execution_id: int = task["execution"]
        self.orchestration: str = task["orchestration"]
        self.name: str = task["name"]
        #: Counts from 1.
        self.attempt: int = task["attempt"]
        #: The same for each attempt: what to give to a service that must not do the work twice.
        self.idempotency_key: str = task["key"]
        #: Names this attempt for `Client.complete_activity`, from any process. See `defer`.
        self.token: str = task.get("token") or ""
        deadline: Optional[int] = task.get("deadline")
        #: When the first of its time limits ends the attempt.
        self.deadline: Optional[datetime] = (
            None if deadline is None else EPOCH + timedelta(milliseconds=deadline)
        )
        #: The details of the last heartbeat of an earlier attempt.
        self.last_heartbeat: Any = task.get("heartbeat")
        options = task.get("options")
        if options:
            self.tag = options.get("tag")
            self.session = options.get("session")
            self.priority = options.get("priority") or 0
        #: The span of this attempt, if the instance is part of a distributed trace: what to send as headers
        #: to services that it calls.
        self.traceparent: Optional[str] = task.get("traceparent")
        self.tracestate: Optional[str] = task.get("tracestate")
        self._number = number
        self._host = host
        self._is_cancelled = False
        # Made when somebody waits: most attempts do not, and it is the dearest part of a context.
        self._cancellation: Optional[threading.Event] = None
        # Called once, whoever hears of the cancellation first.
        self._hooks: List[Callable[[], None]] = []

    def heartbeat(self, details: Any = None) -> None:
        """Tells that the attempt is alive, and how far it is: what the next one finds in `last_heartbeat`.

        Cheap: it does not wait for the store. Raises Stale when the result is no longer wanted.
        """
        self._host.heartbeat(self._number, details)

    def defer(self) -> Any:
        """`return ctx.defer()`: the work goes on elsewhere, and `Client.complete_activity(token, result)` or
        `fail_activity` ends the attempt. Its time limits hold; the slot is free at once.
        """
        return DEFERRED

    def is_cancelled(self) -> bool:
        """The result is no longer wanted. An async activity is cancelled as a task as well."""
        return self._is_cancelled

    def wait_cancelled(self, timeout: Optional[float] = None) -> bool:
        """Blocks until the result is no longer wanted, at most `timeout` seconds. For plain functions."""
        with _LOCK:
            if self._is_cancelled:
                return True
            event = self._cancellation = self._cancellation or threading.Event()
        return event.wait(timeout)

    @property
    def client(self) -> Client:
        """A client on the store of the runtime, shared. For async code: `AsyncClient(ctx.client)`."""
        return self._host.client

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The logger `perdure.activity.NAME`; its records say which attempt they are of, as those of
        `perdure.log_to` do."""
        return _Log(logging.getLogger(f"perdure.activity.{self.name}"), self.log_fields())

    def log_fields(self) -> Dict[str, Any]:
        """What log records say of the attempt."""
        return {
            "instance": self.instance_id, "execution": self.execution_id,
            "orchestration": self.orchestration, "activity": self.name, "attempt": self.attempt,
            "node": None, "traceparent": self.traceparent,
        }  # fmt: skip

    def _cancel(self) -> None:
        # From whichever thread hears of it.
        with _LOCK:
            self._is_cancelled = True
            event = self._cancellation
        if event is not None:
            event.set()
        try:
            self._hooks.pop()()
        except IndexError:
            pass
