"""The client for asyncio programs."""

from __future__ import annotations

import asyncio
import functools
from datetime import datetime
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Dict,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
    overload,
)

from ._feed import Feed
from ._waiting import Waiting
from .client import Client
from .definitions import Orchestration
from .descriptions import Description, StartPolicy, StartRequest, Target
from .errors import Failure, PerdureError
from .options import Seconds
from .store import Store

if TYPE_CHECKING:
    from ._filters import Time
    from .async_management import AsyncManagement

In = TypeVar("In")
Out = TypeVar("Out")


class AsyncClient:
    """`Client` for asyncio programs: store calls run on the loop's thread pool, waiting costs no thread."""

    def __init__(self, store: Union[Store, str, Client]) -> None:
        self.sync = store if isinstance(store, Client) else Client(store)

    async def _run(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, functools.partial(call, *arguments, **options))

    async def _wait(self, waiting: Waiting, writes: bool = False) -> Any:
        """`writes`: the call itself is a round trip to the store."""
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

        if writes:
            await self._run(waiting.begin, self.sync._handle.value, done)
        else:
            waiting.begin(self.sync._handle.value, done)
        try:
            data = await ended
        except PerdureError as error:
            return waiting.settle(error, b"")
        return waiting.settle(None, data)

    # ---- Starting and messages -------------------------------------------------------------------

    @overload
    async def start(
        self, orchestration: Orchestration[In, Any], input: In, *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    @overload
    async def start(
        self, orchestration: Orchestration[None, Any], *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    @overload
    async def start(
        self, orchestration: str, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str: ...  # fmt: skip
    async def start(
        self, orchestration: Any, input: Any = None, *, instance: Optional[str] = None,
        version: Optional[str] = None, policy: StartPolicy = "fail", start_at: Optional[datetime] = None,
        delay: Optional[Seconds] = None, priority: Optional[int] = None,
        attributes: Optional[Mapping[str, str]] = None, memo: Any = None, dedup_key: Optional[str] = None,
        traceparent: Optional[str] = None, tracestate: Optional[str] = None,
    ) -> str:  # fmt: skip
        request = StartRequest(
            orchestration, input, instance, version, policy, start_at, delay, priority, attributes, memo,
            dedup_key, traceparent, tracestate,
        )  # fmt: skip
        return str(await self._run(self.sync._start, request))

    async def start_many(self, requests: Sequence[StartRequest]) -> List[Union[str, PerdureError]]:
        return [*await self._run(self.sync.start_many, requests)]

    async def raise_event(self, instance: str, name: str, data: Any = None, keep: bool = False) -> bool:
        return bool(await self._run(self.sync.raise_event, instance, name, data, keep))

    async def enqueue(self, instance: str, queue: str, message: Any = None, keep: bool = False) -> bool:
        return bool(await self._run(self.sync.enqueue, instance, queue, message, keep))

    async def publish(self, topic: str, data: Any = None) -> int:
        return int(await self._run(self.sync.publish, topic, data))

    async def call(
        self, instance: str, name: str, input: Any = None, timeout: Optional[float] = None,
        call_id: Optional[str] = None,
    ) -> Any:  # fmt: skip
        return await self._wait(self.sync._calling(instance, name, input, timeout, call_id), writes=True)

    async def query(
        self, instance: str, name: str, input: Any = None, timeout: Optional[float] = None
    ) -> Any:
        return await self._wait(self.sync._querying(instance, name, input, timeout))

    # ---- Control ---------------------------------------------------------------------------------

    async def cancel(self, instance: str, reason: str = "", grace: Optional[Seconds] = None) -> str:
        return str(await self._run(self.sync.cancel, instance, reason, grace))

    async def suspend(self, instance: str, reason: str = "") -> str:
        return str(await self._run(self.sync.suspend, instance, reason))

    async def resume(self, instance: str, reason: str = "") -> str:
        return str(await self._run(self.sync.resume, instance, reason))

    async def terminate(self, instance: str, reason: str = "") -> str:
        return str(await self._run(self.sync.terminate, instance, reason))

    async def retry(self, instance: str, reason: str = "") -> str:
        return str(await self._run(self.sync.retry, instance, reason))

    async def delete(self, instance: str, *, force: bool = False) -> List[str]:
        return [*await self._run(self.sync.delete, instance, force=force)]

    async def complete_activity(self, token: str, result: Any = None) -> None:
        await self._run(self.sync.complete_activity, token, result)

    async def fail_activity(self, token: str, failure: Union[Failure, BaseException]) -> None:
        await self._run(self.sync.fail_activity, token, failure)

    async def heartbeat_activity(self, token: str, details: Any = None) -> None:
        await self._run(self.sync.heartbeat_activity, token, details)

    # ---- Observing -------------------------------------------------------------------------------

    async def describe(self, instance: str) -> Description:
        description: Description = await self._run(self.sync.describe, instance)
        return description

    async def status(self, instance: str) -> str:
        return (await self.describe(instance)).status

    async def wait(self, instance: str, timeout: Optional[float] = None) -> Description:
        description: Description = await self._wait(self.sync._ending(instance, timeout))
        return description

    async def wait_for_status(
        self, instance: str, after_version: int = 0, timeout: Optional[float] = None
    ) -> Description:
        waiting = self.sync._status_change(instance, after_version, timeout)
        description: Description = await self._wait(waiting)
        return description

    @overload
    async def result(self, instance: str, timeout: Optional[float] = None) -> Any: ...
    @overload
    async def result(
        self, instance: str, timeout: Optional[float] = None, *, of: Union[Orchestration[Any, Out], Type[Out]]
    ) -> Out: ...
    async def result(self, instance: str, timeout: Optional[float] = None, *, of: Any = None) -> Any:
        return (await self.wait(instance, timeout)).result(of)

    async def kv(self, instance: str) -> Dict[str, Any]:
        return dict(await self._run(self.sync.kv, instance))

    async def get_kv(self, instance: str, key: str, default: Any = None) -> Any:
        return await self._run(self.sync.get_kv, instance, key, default)

    async def history(self, instance: str, execution: Optional[int] = None) -> List[Dict[str, Any]]:
        return [*await self._run(self.sync.history, instance, execution)]

    async def follow(
        self, instance: str, *, execution: int = 1, after: int = 0, timeout: Optional[float] = None
    ) -> AsyncIterator[Dict[str, Any]]:
        """The events of an instance as they come: `async for event in client.follow(instance)`."""
        feed = Feed(self.sync._lib, instance, execution, after, timeout)
        while not feed.has_ended:
            for event in feed.take(await self._wait(feed.waiting())):
                yield event

    async def list(
        self, *, orchestration: Optional[Target] = None, version: Optional[str] = None,
        status: Optional[Union[str, Sequence[str]]] = None,
        created_from: Optional[Time] = None, created_to: Optional[Time] = None,
        updated_from: Optional[Time] = None, updated_to: Optional[Time] = None,
        ended_from: Optional[Time] = None, ended_to: Optional[Time] = None,
        attributes: Optional[Mapping[str, str]] = None, prefix: Optional[str] = None,
        parent: Optional[str] = None, roots_only: bool = False,
        order: Literal["oldest", "newest"] = "oldest", page_size: int = 100,
    ) -> List[Description]:  # fmt: skip
        """All instances that match, together; the filters of `Client.list`."""
        found = functools.partial(
            self.sync.list, orchestration=orchestration, version=version, status=status,
            created_from=created_from, created_to=created_to, updated_from=updated_from,
            updated_to=updated_to, ended_from=ended_from, ended_to=ended_to, attributes=attributes,
            prefix=prefix, parent=parent, roots_only=roots_only, order=order, page_size=page_size,
        )  # fmt: skip
        return [*await self._run(lambda: [*found()])]

    # ---- Management ------------------------------------------------------------------------------

    def management(self, actor: str = "") -> AsyncManagement:
        """What operators ask. `actor`: who asks; any text, recorded with each change."""
        from .async_management import AsyncManagement

        return AsyncManagement(self.sync.management(actor))

    # ---- Life ------------------------------------------------------------------------------------

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
