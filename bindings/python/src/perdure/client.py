"""Starting, messaging and observing instances. Needs no runtime in its process."""

from __future__ import annotations

import ctypes
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
    overload,
)  # fmt: skip

from . import _abi, _failures, _json, _library, options
from ._feed import Feed
from ._library import Handle, library, text
from ._waiting import Waiting, milliseconds
from .definitions import Orchestration
from .descriptions import Description, StartPolicy, StartRequest, Target
from .errors import CallFailed, CallRejected, Failure, InvalidArgument, PerdureError, QueryFailed, from_code
from .handles import REJECTED
from .options import Seconds
from .store import Store, opened

if TYPE_CHECKING:
    from ._filters import Time
    from .management import Management

In = TypeVar("In")
Out = TypeVar("Out")


class Client:
    """Blocking client. What changes something is on disk when the call returns."""

    def __init__(self, store: Union[Store, str]) -> None:
        """`store`: a `Store`, or a URL to open one."""
        lib = self._lib = library()
        self.store = opened(store)
        out = ctypes.c_void_p()
        lib.check(lib.dx.dx_client_new(self.store._handle.value, ctypes.byref(out)))
        self._handle = Handle(lib.dx.dx_client_free, out.value or 0, "client")
        _library.clients.add(self)

    # ---- Starting --------------------------------------------------------------------------------

    @overload
    def start(
        self, orchestration: Orchestration[In, Any], input: In, *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    @overload
    def start(
        self, orchestration: Orchestration[None, Any], *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    @overload
    def start(
        self, orchestration: str, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    def start(
        self, orchestration: Any, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str:  # fmt: skip
        """Starts an instance, durable on return. Returns its id: `instance`, a random one, or that of the
        instance that `policy` or `dedup_key` found. The options are those of `StartRequest`.

        Raises AlreadyExists for an id that is taken, if `policy` does not say otherwise.
        """
        request = StartRequest(
            orchestration, input, instance, version, policy, start_at, delay, priority, attributes, memo,
            dedup_key, traceparent, tracestate,
        )  # fmt: skip
        return self._start(request)

    def _start(self, request: StartRequest) -> str:
        return str(self._ask(self._lib.dx.dx_client_start, request.to_json())["instance"])

    def start_many(self, requests: Sequence[StartRequest]) -> List[Union[str, PerdureError]]:
        """Starts up to 10,000 instances, made durable together. Each one's id, or why it was not started."""
        array = f"[{','.join(request.to_json() for request in requests)}]"
        answers = self._ask(self._lib.dx.dx_client_start_many, array)
        return [
            answer["instance"] if "instance" in answer else _refused(answer["error"]) for answer in answers
        ]

    # ---- Messages --------------------------------------------------------------------------------

    def raise_event(self, instance: str, name: str, data: Any = None, keep: bool = False) -> bool:
        """Sends an event, durable on return and kept until the instance waits for it.

        `keep`: if there is no such instance, keep it for a later start. Returns whether it is kept so.
        Raises NotFound, or WrongStatus for an instance that has ended.
        """
        return self._send(instance, "event", name, data, keep)

    def enqueue(self, instance: str, queue: str, message: Any = None, keep: bool = False) -> bool:
        """Sends a message to a queue of the instance, as `raise_event` does."""
        return self._send(instance, "queue", queue, message, keep)

    def _send(self, instance: str, channel: str, name: str, data: Any, keep: bool) -> bool:
        payload = _json.encode(data, f"The data of {channel} '{name}'")
        members = f'"instance":{_instance(instance)},"channel":"{channel}"'
        members += f',"name":{_json.quote(name, f"The name of the {channel}")},"data":{payload}'
        if keep:
            members += ',"keep":true'
        return bool(self._ask(self._lib.dx.dx_client_send, f"{{{members}}}")["kept"])

    def publish(self, topic: str, data: Any = None) -> int:
        """To all instances that are subscribed to the topic, once each. Returns how many."""
        payload = text(_json.encode(data, f"The data of topic '{topic}'"))
        name = text(_json.text(topic, "The name of the topic"))
        answer = self._lib.json_of(self._lib.dx.dx_client_publish, self._handle.value, name, payload)
        return int(answer["delivered"])

    def call(
        self, instance: str, name: str, input: Any = None, timeout: Optional[float] = None,
        call_id: Optional[str] = None,
    ) -> Any:  # fmt: skip
        """Calls a handler of the orchestration (`on_call`) and returns its result.

        The call is durable at once and goes on after TimedOut, whose `details["call"]` is its id: call again
        with that `call_id` to wait for the same answer. Raises CallRejected, CallFailed, or WrongStatus when
        the instance ends without an answer.
        """
        return self._wait(self._calling(instance, name, input, timeout, call_id))

    def _calling(
        self, instance: str, name: str, value: Any, timeout: Optional[float], call_id: Optional[str]
    ) -> Waiting:
        if call_id is None:
            from uuid import uuid4

            call_id = str(uuid4())
        members = f'"instance":{_instance(instance)},"name":{_json.quote(name, "The name of the call")}'
        members += f',"input":{_json.encode(value, f"The input of call {name!r}")}'
        members += f',"call":{_json.quote(call_id, "The id of the call")}'

        def answered(answer: Any) -> Any:
            if answer.get("failure") is None:
                return answer.get("result")
            failure = _failures.from_wire(answer["failure"])
            raise (CallRejected if failure.type == REJECTED else CallFailed)(instance, name, failure)

        arguments = (text(f"{{{members}}}"), milliseconds(timeout))
        return Waiting(self._lib.dx.dx_client_call, arguments, answered, {"call": call_id})

    def query(self, instance: str, name: str, input: Any = None, timeout: Optional[float] = None) -> Any:
        """Asks a query handler of the orchestration (`on_query`), also after its end. Changes nothing.

        Answered by a runtime of this process: raises Unsupported when none serves the orchestration.
        Raises QueryFailed with what the handler raised.
        """
        return self._wait(self._querying(instance, name, input, timeout))

    def _querying(self, instance: str, name: str, value: Any, timeout: Optional[float]) -> Waiting:
        members = f'"instance":{_instance(instance)},"name":{_json.quote(name, "The name of the query")}'
        members += f',"input":{_json.encode(value, f"The input of query {name!r}")}'

        def answered(answer: Any) -> Any:
            if answer.get("failure") is None:
                return answer.get("result")
            raise QueryFailed(instance, name, _failures.from_wire(answer["failure"]))

        arguments = (text(f"{{{members}}}"), milliseconds(timeout))
        return Waiting(self._lib.dx.dx_client_query, arguments, answered)

    # ---- Control ---------------------------------------------------------------------------------

    def cancel(self, instance: str, reason: str = "", grace: Optional[Seconds] = None) -> str:
        """Asks the instance to end: its code receives `asyncio.CancelledError` and may clean up, for at most
        `grace` if that is given. This and its like return the status of the instance, and raise NotFound, or
        WrongStatus when it does not fit.
        """
        return self._control("cancel", instance, reason, grace)

    def suspend(self, instance: str, reason: str = "") -> str:
        """Stops the turns of the instance. Messages are kept, activities that run come to their end."""
        return self._control("suspend", instance, reason)

    def resume(self, instance: str, reason: str = "") -> str:
        """Lets a suspended instance go on."""
        return self._control("resume", instance, reason)

    def terminate(self, instance: str, reason: str = "") -> str:
        """Ends the instance at once: its code hears nothing of it."""
        return self._control("terminate", instance, reason)

    def retry(self, instance: str, reason: str = "") -> str:
        """Lets a quarantined instance try again, after its cause was removed."""
        return self._control("retry", instance, reason)

    def _control(self, operation: str, instance: str, reason: str, grace: Optional[Seconds] = None) -> str:
        members = f'"instance":{_instance(instance)},"operation":"{operation}"'
        if _json.text(reason, "The reason"):
            members += f',"reason":{_json.encode(reason)}'
        if grace is not None:
            members += f',"graceMS":{options.milliseconds(grace, "grace", 0)}'
        return str(self._ask(self._lib.dx.dx_client_control, f"{{{members}}}")["status"])

    def delete(self, instance: str, *, force: bool = False) -> List[str]:
        """Removes a finished root instance (any with `force`) and its descendants; returns their ids."""
        query = {"instance": _json.text(instance, "The instance id"), "force": force}
        return [*self._query(self._lib.dx.dx_client_delete, query)["deleted"]]

    # ---- Deferred activities ---------------------------------------------------------------------

    def complete_activity(self, token: str, result: Any = None) -> None:
        """Ends an attempt that was deferred (`ActivityContext.defer`), by its token. Raises Stale when the
        attempt is over, or was cancelled."""
        self._deferred(self._lib.dx.dx_client_complete_activity, token, _json.encode(result, "The result"))

    def fail_activity(self, token: str, failure: Union[Failure, BaseException]) -> None:
        """The same with a failure: the retry policy of the activity decides what follows."""
        if isinstance(failure, Failure):
            wire = _failures.to_wire(failure)
        elif isinstance(failure, BaseException):
            wire = _failures.of_exception(failure)
        else:
            raise InvalidArgument(f"A failure is a Failure or an exception, not {failure!r}.")
        self._deferred(self._lib.dx.dx_client_fail_activity, token, _json.encode(wire, "The failure"))

    def heartbeat_activity(self, token: str, details: Any = None) -> None:
        """A heartbeat of a deferred attempt."""
        self._deferred(self._lib.dx.dx_client_heartbeat_activity, token, _json.encode(details, "The details"))

    def _deferred(self, function: Any, token: str, payload: str) -> None:
        named = text(_json.text(token, "The token"))
        self._lib.check(function(self._handle.value, named, text(payload)))

    # ---- Observing -------------------------------------------------------------------------------

    def describe(self, instance: str) -> Description:
        """Raises NotFound for an unknown instance."""
        wire = self._lib.json_of(self._lib.dx.dx_client_describe, self._handle.value, _id(instance))
        return Description.of_wire(wire)

    def status(self, instance: str) -> str:
        """The `status` of the description."""
        return self.describe(instance).status

    def wait(self, instance: str, timeout: Optional[float] = None) -> Description:
        """Blocks until the instance has ended, or raises TimedOut after `timeout` seconds."""
        description: Description = self._wait(self._ending(instance, timeout))
        return description

    def _ending(self, instance: str, timeout: Optional[float]) -> Waiting:
        arguments = (_id(instance), milliseconds(timeout))
        return Waiting(self._lib.dx.dx_client_wait, arguments, Description.of_wire)

    def wait_for_status(
        self, instance: str, after_version: int = 0, timeout: Optional[float] = None
    ) -> Description:
        """Blocks until the custom status has a version above `after_version`, or the instance has ended."""
        description: Description = self._wait(self._status_change(instance, after_version, timeout))
        return description

    def _status_change(self, instance: str, after_version: int, timeout: Optional[float]) -> Waiting:
        version = options.whole(after_version, "after_version", -(2**53), 2**53)
        arguments = (_id(instance), version, milliseconds(timeout))
        return Waiting(self._lib.dx.dx_client_wait_status, arguments, Description.of_wire)

    def _wait(self, waiting: Waiting) -> Any:
        return waiting.block(self._handle.value)

    @overload
    def result(self, instance: str, timeout: Optional[float] = None) -> Any: ...
    @overload
    def result(
        self, instance: str, timeout: Optional[float] = None, *, of: Union[Orchestration[Any, Out], Type[Out]]
    ) -> Out: ...
    def result(self, instance: str, timeout: Optional[float] = None, *, of: Any = None) -> Any:
        """The output of the instance, once it has completed: as JSON has it, or as a value of the type that
        `of` is, or returns if it is an orchestration. Raises OrchestrationFailed with its failure,
        OrchestrationCancelled, TimedOut, or ConversionError."""
        return self.wait(instance, timeout).result(of)

    def kv(self, instance: str) -> Dict[str, Any]:
        """The key-value state of an instance, in the order of its keys; also of one that has ended."""
        page = self._query(self._lib.dx.dx_client_kv, {"instance": _json.text(instance, "The instance id")})
        return {entry["key"]: entry.get("value") for entry in page["entries"]}

    def get_kv(self, instance: str, key: str, default: Any = None) -> Any:
        """One value of it, or `default`."""
        query = {"instance": _json.text(instance, "The instance id"), "key": _json.text(key, "The key")}
        entries = self._query(self._lib.dx.dx_client_kv, query)["entries"]
        return entries[0].get("value") if entries else default

    def history(self, instance: str, execution: Optional[int] = None) -> List[Dict[str, Any]]:
        """All events of an execution (the current one), as docs/wire-format.md describes them."""
        events: List[Dict[str, Any]] = []
        while True:
            query = {"instance": _json.text(instance, "The instance id"), "execution": execution}
            if events:
                query["after"] = events[-1]["id"]
            page = self._query(self._lib.dx.dx_client_history, query)
            events += page["events"]
            if not page["hasMore"] or not page["events"]:
                return events
            # The instance may continue as new between two pages.
            execution = page["execution"]

    def follow(
        self, instance: str, *, execution: int = 1, after: int = 0, timeout: Optional[float] = None
    ) -> Iterator[Dict[str, Any]]:
        """The events of an instance as they come, over all its executions, until it ends. Each has its
        "execution" in addition. Begins behind event `after` of `execution`.

        Raises TimedOut when none comes for `timeout` seconds: begin anew behind the last one that came.
        """
        feed = Feed(self._lib, instance, execution, after, timeout)
        while not feed.has_ended:
            yield from feed.take(self._wait(feed.waiting()))

    def list(
        self, *, orchestration: Optional[Target] = None, version: Optional[str] = None,
        status: Optional[Union[str, Sequence[str]]] = None,
        created_from: Optional[Time] = None, created_to: Optional[Time] = None,
        updated_from: Optional[Time] = None, updated_to: Optional[Time] = None,
        ended_from: Optional[Time] = None, ended_to: Optional[Time] = None,
        attributes: Optional[Mapping[str, str]] = None, prefix: Optional[str] = None,
        parent: Optional[str] = None, roots_only: bool = False,
        order: Literal["oldest", "newest"] = "oldest", page_size: int = 100,
    ) -> Iterator[Description]:  # fmt: skip
        """All instances that match, fetched page by page while you iterate.

        `status`: one, or several of which each matches. Times: from the first on, before the second; a
        datetime with a time zone, or milliseconds since 1970. `attributes`: all must be the same. `prefix`:
        of the instance id. `roots_only`: only those that nobody called. `order`: of creation.
        """
        from ._filters import InstanceFilter

        filter = InstanceFilter(
            orchestration, status, prefix, parent, version, created_from, created_to, updated_from,
            updated_to, ended_from, ended_to, attributes, roots_only, order,
        )  # fmt: skip
        query = {**filter.to_wire(), "limit": page_size}
        while True:
            page = self._query(self._lib.dx.dx_client_list, query)
            yield from map(Description.of_wire, page["instances"])
            query["cursor"] = page.get("next")
            if query["cursor"] is None:
                return

    # ---- Management ------------------------------------------------------------------------------

    def management(self, actor: str = "") -> Management:
        """What operators ask. `actor`: who asks; any text, recorded with each change."""
        from .management import Management

        return Management(self, actor)

    def _query(self, function: Any, query: Dict[str, Any]) -> Any:
        given = {key: value for key, value in query.items() if value is not None}
        return self._ask(function, _json.encode(given, "The query"))

    def _ask(self, function: Any, request: str) -> Any:
        return self._lib.json_of(function, self._handle.value, text(request))

    # ---- Life ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Waits that are still open raise Closed. The store stays open."""
        self._handle.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _id(instance: str) -> _abi.Text:
    return text(_json.text(instance, "The instance id"))


def _instance(instance: str) -> str:
    return _json.quote(instance, "The instance id")


def _refused(error: Dict[str, Any]) -> PerdureError:
    return from_code(error["code"], error["message"], False, error.get("details") or {})
