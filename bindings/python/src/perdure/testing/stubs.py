"""What runs in place of activities, and what was called."""

from __future__ import annotations

import asyncio
import inspect
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Coroutine, Dict, List, Mapping, Optional

from .._workers import ANY
from ..activity_context import ActivityContext
from ..definitions import Activity
from ..errors import Failure, PerdureError, WorkFailed


class NotRegistered(PerdureError):
    """An activity is neither defined nor stubbed. Its orchestration meets the failure
    `perdure.NotRegistered`, which is not retried."""

    failure_type = "perdure.NotRegistered"
    non_retryable = True


class _Never:
    """What `NEVER` is."""

    def __repr__(self) -> str:
        return "NEVER"


#: A stub that does not answer. Time goes on, so that a time limit of the call ends the attempt, or a test
#: that takes the token of the call (`ActivityCall.token`).
NEVER = _Never()

#: A function of the input, of the context and the input, or of nothing; an activity; an exception, its class,
#: or a `Failure` to fail with; `NEVER`; a list of such stubs, one for each attempt, the last one again and
#: again; anything else is the result.
Stub = Any


@dataclass(frozen=True)
class ActivityCall:
    """One attempt of an activity in a test environment, stubbed or not."""

    activity: str
    instance: str
    #: As the function receives it.
    input: Any
    #: Counts from 1.
    attempt: int
    #: The idempotency key: the same for each attempt.
    key: str
    #: For `Client.complete_activity` and its like.
    token: str
    #: When it began, in virtual time.
    at: datetime


class Stubs:
    """The stubs of a test environment. Kept when its runtime is restarted."""

    def __init__(self, stubs: Mapping[str, Stub], now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._stubs: Dict[str, Stub] = dict(stubs)
        self._uses: Dict[str, int] = {}
        self._calls: List[ActivityCall] = []

    def set(self, name: str, stub: Stub) -> None:
        with self._lock:
            self._stubs[name] = stub
            self._uses.pop(name, None)

    def remove(self, name: str) -> None:
        with self._lock:
            self._stubs.pop(name, None)
            self._uses.pop(name, None)

    def calls(self, name: Optional[str]) -> List[ActivityCall]:
        with self._lock:
            return [call for call in self._calls if name is None or call.activity == name]

    def begin(self, context: ActivityContext, value: Any, original: Stub) -> Stub:
        """Notes the attempt. Returns what is to run: a stub that is no list, or `original`."""
        at = self._now()
        call = ActivityCall(
            context.name, context.instance_id, value, context.attempt, context.idempotency_key,
            context.token, at,
        )  # fmt: skip
        with self._lock:
            self._calls.append(call)
            if context.name not in self._stubs:
                return original
            stub = self._stubs[context.name]
            if not isinstance(stub, list):
                return stub
            use = self._uses.get(context.name, 0)
            self._uses[context.name] = use + 1
        return stub[min(use, len(stub) - 1)] if stub else original


def answer(stub: Stub, context: ActivityContext, value: Any) -> Any:
    """Runs a stub. The result may have to be awaited."""
    if isinstance(stub, BaseException) or (isinstance(stub, type) and issubclass(stub, BaseException)):
        raise stub
    if isinstance(stub, Failure):
        raise WorkFailed(f"Activity '{context.name}'", stub)
    if stub is NEVER:
        return context.defer()
    if isinstance(stub, Activity):
        return stub.invoke(context, value)
    if not callable(stub):
        return stub
    arguments = (context, value)
    return stub(*arguments[2 - min(_parameters(stub), 2) :])


def _parameters(function: Callable[..., Any]) -> int:
    """How many arguments it takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # A builtin that does not tell.
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for each in parameters if each.kind in kinds and each.default is each.empty)


class StubbedActivity(Activity[Any, Any]):
    """An activity in a test environment: the stub of its name, or else the function itself."""

    def __init__(self, original: Activity[Any, Any], stubs: Stubs) -> None:
        super().__init__(original.function, original.name, original.options, original.limits)
        self._original: Stub = original
        self._stubs = stubs

    def invoke(self, context: Any, value: Any) -> Any:
        decode = self.decoders()[0]
        given = value if decode is None else decode(value)
        stub = self._stubs.begin(context, given, self._original)
        if isinstance(stub, Activity):
            # It decodes by itself.
            given = value
        if self.is_async:
            return _run(stub, context, given)
        result = answer(stub, context, given)
        return asyncio.run(_wait(result)) if inspect.isawaitable(result) else result


class UnknownActivity(StubbedActivity):
    """Stands for all activities that nobody defined."""

    def __init__(self, stubs: Stubs) -> None:
        def unknown(context: ActivityContext, value: Any) -> Any:
            raise NotRegistered(
                f"Activity '{context.name}' is neither defined nor stubbed in this test environment."
            )

        super().__init__(Activity(unknown, "unknown"), stubs)
        self._original = unknown
        self.name = ANY


def _run(stub: Stub, context: ActivityContext, value: Any) -> Coroutine[Any, Any, Any]:
    async def run() -> Any:
        result = answer(stub, context, value)
        return await result if inspect.isawaitable(result) else result

    return run()


async def _wait(result: Any) -> Any:
    return await result
