"""The messages of an orchestration: events, queues, topics, requests to other instances, calls, queries."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Callable, Optional, Type, TypeVar, overload

from . import _failures, _json, _limits, _types
from .errors import Failure, InvalidArgument, WorkFailed
from .handles import REJECTED, Call, Handle

if TYPE_CHECKING:
    from ._execution import Execution

T = TypeVar("T")


class Messaging:
    """What `OrchestrationContext` offers for messages."""

    _execution: Execution

    # ---- Received --------------------------------------------------------------------------------

    @overload
    def wait_for_event(self, name: str) -> Handle[Any]: ...
    @overload
    def wait_for_event(self, name: str, *, of: Type[T]) -> Handle[T]: ...
    def wait_for_event(self, name: str, *, of: Any = None) -> Handle[Any]:
        """The next event of that name, which may have come before, as JSON has it or as a value of the
        type `of`. Cancelled, it takes none."""
        return self._execution.wait_for("WaitForEvent", name, "event", of)

    @overload
    def dequeue(self, name: str) -> Handle[Any]: ...
    @overload
    def dequeue(self, name: str, *, of: Type[T]) -> Handle[T]: ...
    def dequeue(self, name: str, *, of: Any = None) -> Handle[Any]:
        """The next message of the queue, in the order of sending; `of` as for `wait_for_event`."""
        return self._execution.wait_for("Dequeue", name, "queue", of)

    def subscribe(self, topic: str) -> None:
        """From now on this instance receives what is published to the topic, across continue_as_new."""
        self._execution.emit(f'"kind":"SubscribeTopic","topic":{_topic(topic)}')

    def unsubscribe(self, topic: str) -> None:
        """What was received before stays for `wait_for_topic`."""
        self._execution.emit(f'"kind":"UnsubscribeTopic","topic":{_topic(topic)}')

    @overload
    def wait_for_topic(self, topic: str) -> Handle[Any]: ...
    @overload
    def wait_for_topic(self, topic: str, *, of: Type[T]) -> Handle[T]: ...
    def wait_for_topic(self, topic: str, *, of: Any = None) -> Handle[Any]:
        """The next message of a topic that this instance has subscribed to; `of` as for `wait_for_event`."""
        return self._execution.wait_for("WaitForTopic", topic, "topic", of)

    # ---- Sent ------------------------------------------------------------------------------------

    def raise_event(self, instance: str, name: str, data: Any = None, keep: bool = False) -> Handle[None]:
        """Sends an event to another instance. Awaited, it raises `MessageRefused` if that is not there.

        `keep`: for an instance that is not there yet, wait for its start.
        """
        return self._send("RaiseEvent", instance, name, data, keep, "event")

    def enqueue(self, instance: str, queue: str, message: Any = None, keep: bool = False) -> Handle[None]:
        """Sends a message to a queue of another instance."""
        return self._send("Enqueue", instance, queue, message, keep, "queue")

    def _send(self, kind: str, instance: str, name: str, data: Any, keep: bool, what: str) -> Handle[None]:
        to, quoted = _limits.instance(instance), _limits.name(name, f"The name of the {what}")
        payload = self._execution.limits.payload(data, f"The data of {what} '{name}'")
        members = f'"kind":"{kind}","instance":{to},"name":{quoted},"data":{payload}'
        if keep:
            members += ',"keep":true'
        return self._request(members, f"Sending {what} '{name}' to instance '{instance}'")

    def cancel_instance(self, instance: str, reason: str = "") -> Handle[None]:
        """Asks another instance to end, as `Client.cancel` does."""
        why = _json.quote(reason, "The reason")
        _limits.check(reason, _limits.REASON_BYTES, "The reason")
        members = f'"kind":"CancelInstance","instance":{_limits.instance(instance)},"reason":{why}'
        return self._request(members, f"Cancelling instance '{instance}'")

    def read_kv(self, instance: str, key: str) -> Handle[Any]:
        """The value of a key of another instance, or None; also of one that has ended."""
        quoted = _limits.name(key, "The key", _limits.KEY_BYTES)
        members = f'"kind":"ReadKV","instance":{_limits.instance(instance)},"key":{quoted}'
        what = f"Reading key '{key}' of instance '{instance}'"
        return self._request(members, what, lambda result: (result or {}).get("value"))

    def _request(self, members: str, what: str, decode: Optional[_types.Decoder] = None) -> Handle[Any]:
        return self._execution.schedule(members, what, decode or _nothing, what)

    def publish(self, topic: str, data: Any = None) -> None:
        """To all instances that are subscribed to the topic at that moment, once each."""
        payload = self._execution.limits.payload(data, f"The data of topic '{topic}'")
        self._execution.emit(f'"kind":"Publish","topic":{_topic(topic)},"data":{payload}')

    # ---- Calls and queries -----------------------------------------------------------------------

    def next_call(self, name: str) -> Handle[Call]:
        """The next call of that name, to be answered or rejected by the code. See `on_call`."""
        return self._execution.wait_for("WaitForCall", name, "call")

    def on_call(
        self, name: str, handler: Callable[[Any], Any], validator: Optional[Callable[[Any], Any]] = None
    ) -> None:
        """Answers every call of that name with `handler(input)` while the orchestration runs.

        One after the other, in the order of their coming. `handler` may be an `async def` that does durable
        work; what it raises is raised in the caller as `CallFailed`. `validator(input)`, a plain function,
        refuses a call by raising: the caller sees `CallRejected`. Handlers do not keep the orchestration from
        ending, and answer calls also while it cleans up after a cancellation. The input is converted by the
        type hint of the handler.
        """
        if not callable(handler) or (validator is not None and not callable(validator)):
            raise InvalidArgument(f"The handler and the validator of call '{name}' must be functions.")
        first = self.next_call(name)
        loop = self._execution.loop
        server = _Server(self, name, handler, validator)
        loop.spare(loop.create_task(server.serve(first), name=f"on_call {name}"))
        loop.spare(first)

    def on_query(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Answers `Client.query` with `handler(input)`: a plain function that looks and changes nothing."""
        _limits.name(name, "The name of the query")
        if not callable(handler) or inspect.iscoroutinefunction(handler):
            raise InvalidArgument(f"The handler for query '{name}' must be a plain function.")
        decode = _types.parameter_decoder(handler, f"The input of query '{name}'")
        self._execution.queries[name] = handler if decode is None else lambda value: handler(decode(value))


class _Server:
    """A handler with its validator, at work on one call after the other."""

    def __init__(
        self,
        context: Messaging,
        name: str,
        handler: Callable[[Any], Any],
        validator: Optional[Callable[[Any], Any]],
    ) -> None:
        self._context = context
        self._name = name
        self._handler = handler
        self._validator = validator
        self._decode = _types.parameter_decoder(handler, f"The input of call '{name}'")

    async def serve(self, waiting: Handle[Call]) -> None:
        while True:
            call = await waiting
            try:
                result = self._handler(self._accepted(call.input))
                call.answer(await result if inspect.isawaitable(result) else result)
            except (Exception, asyncio.CancelledError) as error:
                _reject(call, error)
            waiting = self._context.next_call(self._name)

    def _accepted(self, value: Any) -> Any:
        """The input as the handler takes it, if the validator has nothing against it."""
        try:
            if self._decode is not None:
                value = self._decode(value)
            verdict = None if self._validator is None else self._validator(value)
        except Exception as error:
            rejection = _failures.of_exception(error)
            rejection["type"] = REJECTED
            raise WorkFailed("The call", _failures.from_wire(rejection)) from error
        if inspect.iscoroutine(verdict):
            verdict.close()
            raise InvalidArgument("A validator must be a plain function.")
        return value


def _reject(call: Call, error: BaseException) -> None:
    try:
        call.reject(error)
    except Exception as unfit:
        # A failure that is too large to be sent is told by what was wrong with it.
        call.reject(Failure(type(unfit).__name__, _failures.clean(str(unfit))))


def _topic(topic: str) -> str:
    return _limits.name(topic, "The name of the topic")


def _nothing(_: Any) -> None:
    return None
