"""Starting, messaging and observing instances. Needs no runtime in its process."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import itertools
import json
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Type, TypeVar, Union, overload

from . import _abi, _failures, _json, _library
from ._library import Handle, library, text
from .definitions import Orchestration
from .errors import Failure, OrchestrationCancelled, OrchestrationFailed, PerdureError, from_code
from .store import Store, opened

In = TypeVar("In")
Out = TypeVar("Out")
Target = Union[str, Orchestration[Any, Any]]


@dataclass(frozen=True)
class StartRequest:
    """One element of `start_many`."""

    orchestration: Target
    input: Any = None
    instance: Optional[str] = None
    version: Optional[str] = None


@dataclass(frozen=True)
class Description:
    """What is known of an instance. Times in milliseconds since 1970."""

    instance: str
    orchestration: str
    version: Optional[str]
    #: Pending, Running, Suspended, Completed, Failed, Cancelled, Terminated or Quarantined.
    status: str
    execution: int
    parent: Optional[Dict[str, Any]]
    custom_status: Any
    custom_status_version: int
    output: Any
    failure: Optional[Failure]
    #: Why it waits for something that is not work: no runtime serves its name, its code and history differ...
    pending_reason: Optional[str]
    created_at: int
    updated_at: int
    ended_at: Optional[int]
    event_count: int

    @property
    def is_ended(self) -> bool:
        return self.status in ("Completed", "Failed", "Cancelled", "Terminated")

    @staticmethod
    def of_wire(wire: Dict[str, Any]) -> Description:
        failure = wire.get("failure")
        return Description(
            instance=wire["instance"],
            orchestration=wire["orchestration"],
            version=wire.get("version"),
            status=wire["status"],
            execution=wire["execution"],
            parent=wire.get("parent"),
            custom_status=wire.get("customStatus"),
            custom_status_version=wire.get("customStatusVersion", 0),
            output=wire.get("output"),
            failure=_failures.from_wire(failure) if failure else None,
            pending_reason=wire.get("pendingReason"),
            created_at=wire["createdAt"],
            updated_at=wire["updatedAt"],
            ended_at=wire.get("endedAt"),
            event_count=wire.get("eventCount", 0),
        )


Done = Callable[[Optional[PerdureError], bytes], None]
_numbers = itertools.count(1)


@_abi.WaitFn  # type: ignore[untyped-decorator]
def _on_wait(error: Optional[int], result: _abi.Borrowed, number: int) -> None:
    # On a thread of the engine. One object for all waits, which lives as long as the process.
    done = _library.waits.pop(number, None)
    failure = library().error(error) if error else None
    data = ctypes.string_at(result.data, result.size) if result.data else b""
    if done is not None:
        done(failure, data)


class Client:
    """Blocking client; every call but `wait` and `result` is one round trip to the store."""

    def __init__(self, store: Union[Store, str]) -> None:
        """`store`: a `Store`, or a URL to open one."""
        lib = self._lib = library()
        self.store = opened(store)
        out = ctypes.c_void_p()
        lib.check(lib.dx.dx_client_new(self.store._handle.value, ctypes.byref(out)))
        self._handle = Handle(lib.dx.dx_client_free, out.value or 0, "client")
        _library.clients.add(self)

    @overload
    def start(
        self, orchestration: Orchestration[In, Any], input: In, *, instance: Optional[str] = None,
        version: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    @overload
    def start(
        self, orchestration: Orchestration[None, Any], *, instance: Optional[str] = None,
        version: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    @overload
    def start(
        self, orchestration: str, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    def start(
        self, orchestration: Any, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None,
    ) -> str:  # fmt: skip
        """Starts an instance, durable on return. Returns its id: `instance`, or a random one.

        Raises AlreadyExists for an id that is taken.
        """
        request = _request(StartRequest(orchestration, input, instance, version))
        answer = self._lib.json_of(self._lib.dx.dx_client_start, self._handle.value, text(request))
        return str(answer["instance"])

    def start_many(self, requests: Sequence[StartRequest]) -> List[Union[str, PerdureError]]:
        """Starts up to 10,000 instances, made durable together. Each one's id, or why it was not started."""
        array = f"[{','.join(_request(request) for request in requests)}]"
        answers = self._lib.json_of(self._lib.dx.dx_client_start_many, self._handle.value, text(array))
        return [
            answer["instance"] if "instance" in answer else _refused(answer["error"]) for answer in answers
        ]

    def raise_event(self, instance: str, name: str, data: Any = None) -> None:
        """Sends an event, durable on return and kept until the instance waits for it."""
        self._message(self._lib.dx.dx_client_raise_event, instance, name, data, "event")

    def enqueue(self, instance: str, queue: str, message: Any = None) -> None:
        """Sends a message to a queue of the instance."""
        self._message(self._lib.dx.dx_client_enqueue, instance, queue, message, "queue")

    def _message(self, send: Any, instance: str, name: str, data: Any, what: str) -> None:
        payload = _json.encode(data, f"The data of {what} '{name}'")
        arguments = (_id(instance), text(_json.text(name, f"The name of the {what}")), text(payload))
        self._lib.check(send(self._handle.value, *arguments))

    def cancel(self, instance: str, reason: str = "") -> None:
        """Asks the instance to end: its code receives `asyncio.CancelledError` and may clean up."""
        why = text(_json.text(reason, "The reason"))
        self._lib.check(self._lib.dx.dx_client_cancel(self._handle.value, _id(instance), why))

    def describe(self, instance: str) -> Description:
        """Raises NotFound for an unknown instance."""
        wire = self._lib.json_of(self._lib.dx.dx_client_describe, self._handle.value, _id(instance))
        return Description.of_wire(wire)

    def status(self, instance: str) -> str:
        """The `status` of the description."""
        return self.describe(instance).status

    def wait(self, instance: str, timeout: Optional[float] = None) -> Description:
        """Blocks until the instance has ended, or raises TimedOut after `timeout` seconds."""
        ended = threading.Event()
        outcome: List[Any] = []

        def done(error: Optional[PerdureError], data: bytes) -> None:
            outcome.extend((error, data))
            ended.set()

        self._begin_wait(instance, timeout, done)
        ended.wait()
        error, data = outcome
        if error is not None:
            raise error
        return Description.of_wire(json.loads(data))

    def _begin_wait(self, instance: str, timeout: Optional[float], done: Done) -> None:
        milliseconds = -1 if timeout is None else min(int(max(timeout, 0) * 1000), 2**53)
        number = next(_numbers)
        _library.waits[number] = done
        try:
            self._lib.check(
                self._lib.dx.dx_client_wait(self._handle.value, _id(instance), milliseconds, _on_wait, number)
            )
        except BaseException:
            _library.waits.pop(number, None)
            raise

    def result(self, instance: str, timeout: Optional[float] = None) -> Any:
        """The output of the instance, once it has completed. Raises OrchestrationFailed with its failure,
        OrchestrationCancelled, or TimedOut."""
        return _result(self.wait(instance, timeout))

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

    def list(
        self, *, orchestration: Optional[Target] = None, status: Optional[str] = None,
        prefix: Optional[str] = None, parent: Optional[str] = None, page_size: int = 100,
    ) -> Iterator[Description]:  # fmt: skip
        """All instances that match, fetched page by page while you iterate. `prefix`: of the instance id."""
        query: Dict[str, Any] = {
            "orchestration": None if orchestration is None else _name(orchestration),
            "status": status,
            "instancePrefix": prefix,
            "parent": parent,
            "limit": page_size,
        }
        while True:
            page = self._query(self._lib.dx.dx_client_list, query)
            yield from map(Description.of_wire, page["instances"])
            query["cursor"] = page.get("next")
            if query["cursor"] is None:
                return

    def delete(self, instance: str, *, force: bool = False) -> List[str]:
        """Removes a finished root instance (any with `force`) and its descendants; returns their ids."""
        query = {"instance": _json.text(instance, "The instance id"), "force": force}
        return list(self._query(self._lib.dx.dx_client_delete, query)["deleted"])

    def _query(self, function: Any, query: Dict[str, Any]) -> Any:
        given = {key: value for key, value in query.items() if value is not None}
        return self._lib.json_of(function, self._handle.value, text(_json.encode(given, "The query")))

    def close(self) -> None:
        """Waits that are still open raise Closed. The store stays open."""
        self._handle.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


def _id(instance: str) -> _abi.Text:
    return text(_json.text(instance, "The instance id"))


def _name(orchestration: Target) -> str:
    name = orchestration.name if isinstance(orchestration, Orchestration) else orchestration
    return _json.text(name, "The name of the orchestration")


def _request(request: StartRequest) -> str:
    name = _name(request.orchestration)
    members = f'"orchestration":{_json.encode(name)}'
    if request.instance is not None:
        members += f',"instance":{_json.quote(request.instance, "The instance id")}'
    if request.version is not None:
        members += f',"version":{_json.quote(request.version, "The version")}'
    return f'{{{members},"input":{_json.encode(request.input, f"The input of orchestration {name!r}")}}}'


def _refused(error: Dict[str, Any]) -> PerdureError:
    return from_code(error["code"], error["message"], False, error.get("details") or {})


def _result(description: Description) -> Any:
    if description.status == "Completed":
        return description.output
    if description.status == "Failed":
        raise OrchestrationFailed(description.instance, description.failure or _failures.from_wire(None))
    raise OrchestrationCancelled(description.instance, description.status)


class AsyncClient:
    """The same for asyncio programs: store calls run on the loop's thread pool, waiting costs no thread."""

    def __init__(self, store: Union[Store, str, Client]) -> None:
        self.sync = store if isinstance(store, Client) else Client(store)

    async def _run(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, functools.partial(call, *arguments, **options))

    async def start(
        self, orchestration: Target, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None,
    ) -> str:  # fmt: skip
        return str(await self._run(self.sync.start, orchestration, input, instance=instance, version=version))

    async def start_many(self, requests: Sequence[StartRequest]) -> List[Union[str, PerdureError]]:
        return list(await self._run(self.sync.start_many, requests))

    async def raise_event(self, instance: str, name: str, data: Any = None) -> None:
        await self._run(self.sync.raise_event, instance, name, data)

    async def enqueue(self, instance: str, queue: str, message: Any = None) -> None:
        await self._run(self.sync.enqueue, instance, queue, message)

    async def cancel(self, instance: str, reason: str = "") -> None:
        await self._run(self.sync.cancel, instance, reason)

    async def describe(self, instance: str) -> Description:
        description: Description = await self._run(self.sync.describe, instance)
        return description

    async def status(self, instance: str) -> str:
        return (await self.describe(instance)).status

    async def wait(self, instance: str, timeout: Optional[float] = None) -> Description:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[bytes] = loop.create_future()

        def settle(error: Optional[PerdureError], data: bytes) -> None:
            if ended.done():
                return
            if error is not None:
                ended.set_exception(error)
            else:
                ended.set_result(data)

        def done(error: Optional[PerdureError], data: bytes) -> None:
            try:
                loop.call_soon_threadsafe(settle, error, data)
            except RuntimeError:
                pass  # The loop is closed: nobody waits any more.

        self.sync._begin_wait(instance, timeout, done)
        return Description.of_wire(json.loads(await ended))

    async def result(self, instance: str, timeout: Optional[float] = None) -> Any:
        return _result(await self.wait(instance, timeout))

    async def history(self, instance: str, execution: Optional[int] = None) -> List[Dict[str, Any]]:
        return list(await self._run(self.sync.history, instance, execution))

    async def list(self, **filters: Any) -> List[Description]:
        """All instances that match; the filters of `Client.list`."""
        return list(await self._run(lambda: [*self.sync.list(**filters)]))

    async def delete(self, instance: str, *, force: bool = False) -> List[str]:
        return list(await self._run(self.sync.delete, instance, force=force))

    def close(self) -> None:
        self.sync.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
