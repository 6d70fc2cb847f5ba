"""`@orchestration` and `@activity`: functions with a name under which history knows them.

    @perdure.activity
    def charge(ctx: perdure.ActivityContext, order: Order) -> Receipt: ...

    @perdure.orchestration(version="2.0.0")
    async def order(ctx: perdure.OrchestrationContext, order: Order) -> str: ...

Both take a context and, if they need it, one input. The decorated object is still callable with the same
arguments. The types are for the checker and for decoding: a parameter that is a dataclass receives one.
"""

from __future__ import annotations

import inspect
from typing import (
    Any,
    Awaitable,
    Callable,
    Coroutine,
    Dict,
    Generic,
    List,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    Union,
    overload,
)  # fmt: skip

from . import _json, _types
from .activity_context import ActivityContext
from .context import OrchestrationContext
from .errors import ForbiddenCall, InvalidArgument
from .options import ActivityOptions, RetryPolicy, Seconds, activity_limits

In = TypeVar("In")
Out = TypeVar("Out")

DEFAULT_VERSION = "1.0.0"


class Definition(Generic[In, Out]):
    """A function, its name, and what its type hints say about input and result."""

    _what = "function"

    def __init__(self, function: Callable[..., Any], name: Optional[str]) -> None:
        self.function = function
        self.name = _json.text(function.__name__ if name is None else name, f"The name of {self._what}")
        if not self.name:
            raise InvalidArgument(f"The name of {self._what} {function.__qualname__} is empty.")
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        positional = self._positional()
        #: The parameter of the input, if there is one.
        self._input = positional[1].name if len(positional) == 2 else None
        #: Without an input, the function takes that of its signature.
        self._has_default = len(positional) == 2 and positional[1].default is not inspect.Parameter.empty
        self._decoders: Optional[Tuple[Optional[_types.Decoder], Optional[_types.Decoder]]] = None

    def _positional(self) -> List[inspect.Parameter]:
        parameters = list(inspect.signature(self.function).parameters.values())
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        required = [
            p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if not 1 <= len(positional) <= 2 or len(required) > len(positional):
            raise InvalidArgument(
                f"{self._what} {self.function.__qualname__} must take a context and at most one input, such "
                f"as (ctx, input). Several values go into a dataclass or a dict."
            )
        return positional

    def decoders(self) -> Tuple[Optional[_types.Decoder], Optional[_types.Decoder]]:
        """For the input and for the result; made at first use, when forward references can be resolved."""
        if self._decoders is None:
            given: Optional[_types.Decoder] = None
            if self._input is not None:
                decode = _types.decoder(_types.hint_of(self.function, self._input))
                given = _types.checked(decode, self._input, f"The input of {self._what} '{self.name}'")
            hint = _types.hint_of(self.function, "return")
            decode = None if hint is type(None) else _types.decoder(hint)
            self._decoders = (
                given,
                _types.checked(decode, "result", f"The result of {self._what} '{self.name}'"),
            )
        return self._decoders

    def invoke(self, context: Any, value: Any) -> Any:
        """Calls the function with the decoded input."""
        if self._input is None or (value is None and self._has_default):
            return self.function(context)
        decode = self.decoders()[0]
        return self.function(context, value if decode is None else decode(value))

    def __repr__(self) -> str:
        return f"<{self._what} {self.name!r}>"


class Activity(Definition[In, Out]):
    """What `@activity` makes of a function."""

    _what = "activity"

    def __init__(
        self,
        function: Callable[..., Any],
        name: Optional[str],
        options: ActivityOptions = ActivityOptions(),  # noqa: B008 (frozen)
        limits: Optional[str] = None,
        process: bool = False,
    ) -> None:
        """`limits`: the JSON of "Activity limits"."""
        super().__init__(function, name)
        self.is_async = inspect.iscoroutinefunction(function)
        #: It runs in a process of its own.
        self.process = process
        if process and self.is_async:
            raise InvalidArgument(f"activity {function.__qualname__} runs in a process: make it a plain def.")
        #: Used where the activity is scheduled by its function.
        self.options = options
        self.options_json = options.to_json()
        self.limits = limits

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if arguments and isinstance(arguments[0], OrchestrationContext):
            raise ForbiddenCall(
                f"An orchestration calls activity '{self.name}' as a function, which would not be recorded. "
                f"Write ctx.activity({self.__name__}, input) in its place."
            )
        return self.function(*arguments, **named)


class Orchestration(Definition[In, Out]):
    """What `@orchestration` makes of a function."""

    _what = "orchestration"

    def __init__(
        self, function: Callable[..., Any], name: Optional[str], version: str, sandbox: bool = True
    ) -> None:
        super().__init__(function, name)
        self.version = _json.text(version, "The version")
        self.sandbox = sandbox
        #: Whether its code names something that is forbidden; None until it is looked at.
        self.is_suspect: Optional[bool] = None
        if not inspect.iscoroutinefunction(function):
            raise InvalidArgument(f"orchestration {function.__qualname__} must be an async def.")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)


AnyDefinition = Union[Activity[Any, Any], Orchestration[Any, Any]]


class _ActivityDecorator(Protocol):
    @overload
    def __call__(
        self, function: Callable[[ActivityContext, In], Coroutine[Any, Any, Out]]
    ) -> Activity[In, Out]: ...
    @overload
    def __call__(
        self, function: Callable[[ActivityContext], Coroutine[Any, Any, Out]]
    ) -> Activity[None, Out]: ...
    @overload
    def __call__(self, function: Callable[[ActivityContext, In], Out]) -> Activity[In, Out]: ...
    @overload
    def __call__(self, function: Callable[[ActivityContext], Out]) -> Activity[None, Out]: ...


class _OrchestrationDecorator(Protocol):
    @overload
    def __call__(
        self, function: Callable[[OrchestrationContext, In], Awaitable[Out]]
    ) -> Orchestration[In, Out]: ...
    @overload
    def __call__(
        self, function: Callable[[OrchestrationContext], Awaitable[Out]]
    ) -> Orchestration[None, Out]: ...


@overload
def activity(function: Callable[[ActivityContext, In], Coroutine[Any, Any, Out]]) -> Activity[In, Out]: ...
@overload
def activity(function: Callable[[ActivityContext], Coroutine[Any, Any, Out]]) -> Activity[None, Out]: ...
@overload
def activity(function: Callable[[ActivityContext, In], Out]) -> Activity[In, Out]: ...
@overload
def activity(function: Callable[[ActivityContext], Out]) -> Activity[None, Out]: ...
@overload
def activity(
    *, name: Optional[str] = None, retry: Optional[RetryPolicy] = None,
    schedule_to_start: Optional[Seconds] = None, start_to_close: Optional[Seconds] = None,
    schedule_to_close: Optional[Seconds] = None, heartbeat: Optional[Seconds] = None,
    tag: Optional[str] = None, session: Optional[str] = None, priority: Optional[int] = None,
    concurrency: Optional[int] = None, rate: Optional[Tuple[int, Seconds]] = None, process: bool = False,
) -> _ActivityDecorator: ...  # fmt: skip
def activity(
    function: Any = None, *, name: Optional[str] = None, retry: Optional[RetryPolicy] = None,
    schedule_to_start: Optional[Seconds] = None, start_to_close: Optional[Seconds] = None,
    schedule_to_close: Optional[Seconds] = None, heartbeat: Optional[Seconds] = None,
    tag: Optional[str] = None, session: Optional[str] = None, priority: Optional[int] = None,
    concurrency: Optional[int] = None, rate: Optional[Tuple[int, Seconds]] = None, process: bool = False,
) -> Any:  # fmt: skip
    """Makes an activity of a function: one that may do anything, and runs at least once.

    `name` defaults to that of the function. A plain function runs on a worker thread, an `async def` on one
    shared event loop. The options are those of `ActivityOptions`, used where the activity is scheduled by
    this function; `ctx.activity` may say otherwise. `concurrency` (attempts at once) and `rate` (attempts
    begun, in that many seconds) bound what one runtime does of it. `process`: it runs in a process of its
    own, for what computes; it must stand at the top level of its module.
    """
    options = ActivityOptions(
        retry, schedule_to_start, start_to_close, schedule_to_close, heartbeat, tag, session, priority
    )
    limits = activity_limits(concurrency, rate)
    if function is not None:
        return Activity(function, name, options, limits, process)
    return lambda function: Activity(function, name, options, limits, process)


@overload
def orchestration(
    function: Callable[[OrchestrationContext, In], Awaitable[Out]],
) -> Orchestration[In, Out]: ...
@overload
def orchestration(function: Callable[[OrchestrationContext], Awaitable[Out]]) -> Orchestration[None, Out]: ...
@overload
def orchestration(
    *, name: Optional[str] = None, version: str = DEFAULT_VERSION, sandbox: bool = True
) -> _OrchestrationDecorator: ...
def orchestration(
    function: Any = None, *, name: Optional[str] = None, version: str = DEFAULT_VERSION, sandbox: bool = True
) -> Any:
    """Makes an orchestration of an `async def`: one that survives the process, and must be deterministic.

    `name` defaults to that of the function. Instances are pinned to the version that they began with;
    register the old function beside the new one until its instances have ended. `sandbox=False`: calls that
    no replay could repeat are not looked for in this one.
    """
    if function is not None:
        return Orchestration(function, name, version, sandbox)
    return lambda function: Orchestration(function, name, version, sandbox)


class Registry:
    """What a runtime can run: orchestrations by (name, version), activities by name."""

    def __init__(self) -> None:
        self.orchestrations: Dict[Tuple[str, str], Orchestration[Any, Any]] = {}
        self.activities: Dict[str, Activity[Any, Any]] = {}

    def add(self, definition: AnyDefinition) -> None:
        """Raises InvalidArgument for anything that is not decorated, and for a name that is taken."""
        if isinstance(definition, Orchestration):
            key = (definition.name, definition.version)
            taken: Optional[AnyDefinition] = self.orchestrations.get(key)
            what = f"orchestration '{definition.name}' version {definition.version}"
            self.orchestrations.setdefault(key, definition)
        elif isinstance(definition, Activity):
            taken = self.activities.get(definition.name)
            what = f"activity '{definition.name}'"
            self.activities.setdefault(definition.name, definition)
        else:
            raise InvalidArgument(
                f"{definition!r} is not decorated with @perdure.orchestration or @perdure.activity."
            )
        if taken is not None and taken is not definition:
            raise InvalidArgument(f"An {what} is registered already: {taken.function.__qualname__}.")
