"""What the calls of an orchestration return, and how its code is left."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from . import _failures, _json
from ._loop import DurableFuture
from ._types import Decoder
from .errors import Failure, InvalidArgument, WrongStatus

if TYPE_CHECKING:
    from ._execution import Execution

T = TypeVar("T")


class Handle(DurableFuture[T]):
    """Durable work that has been started: await it, give it to asyncio's functions, or `cancel()` it.

    Only `cancel()` gives it up. One that is dropped goes on, and what is still open when the orchestration
    ends is given up then: when Python collects an object differs from run to run.
    """

    __slots__ = ("_creator", "_execution", "_what", "action")

    def __init__(self, execution: Execution, action: int, what: str) -> None:
        super().__init__(loop=execution.loop)
        #: The number of the action in the history.
        self.action = action
        self._execution = execution
        self._what = what
        creator = asyncio.current_task(execution.loop)
        self._creator = None if creator is None else weakref.ref(creator)

    def cancel(self, msg: Any = None) -> bool:
        """Gives the work up. An activity is told so; its result no longer counts."""
        if self.done():
            return False
        self._execution.cancel_action(self.action)
        return super().cancel(msg)

    def __repr__(self) -> str:
        return f"<{self._what} #{self.action} {'done' if self.done() else 'open'}>"


def settle(handle: Handle[Any], decode: Optional[Decoder], value: Any) -> None:
    """Gives work its result, converted, or what is wrong with that."""
    if decode is None:
        handle.set_result(value)
        return
    try:
        handle.set_result(decode(value))
    except Exception as error:
        raise_in(handle, error)


def raise_in(handle: Handle[Any], error: Exception) -> None:
    handle.set_exception(error)
    # Failures are in the history; asyncio need not complain that nobody asked for this one.
    handle._log_traceback = False


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


class Call:
    """A call that a client waits for. Exactly one `answer` or `reject`."""

    def __init__(self, execution: Execution, call_id: str, name: str, value: Any) -> None:
        self.id = call_id
        self.name = name
        self.input = value
        self._execution = execution
        self.is_answered = False

    def answer(self, result: Any = None) -> None:
        """What `Client.call` returns."""
        text = self._execution.limits.payload(result, f"The answer to call '{self.name}'")
        self._settle(f'"result":{text}')

    def reject(self, reason: object) -> None:
        """What `Client.call` raises: text (of type `perdure.CallRejected`), a `Failure`, or an exception."""
        if isinstance(reason, Failure):
            failure = _failures.to_wire(reason)
        elif isinstance(reason, BaseException):
            failure = _failures.of_exception(reason)
        elif isinstance(reason, str):
            failure = {"type": REJECTED, "message": _json.text(reason, "The reason")}
        else:
            raise InvalidArgument(
                f"A call is rejected with a text, a Failure or an exception, not {type(reason).__name__}."
            )
        self._settle(f'"failure":{self._execution.limits.payload(failure, "The failure")}')

    def _settle(self, outcome: str) -> None:
        if self.is_answered:
            raise WrongStatus(f"Call '{self.id}' was answered before; each call has one answer.")
        self._execution.emit(
            f'"kind":"AnswerCall","call":{_json.quote(self.id, "The id of the call")},{outcome}'
        )
        self.is_answered = True

    def __repr__(self) -> str:
        return f"<call {self.name!r} {self.id!r}>"


REJECTED = "perdure.CallRejected"
