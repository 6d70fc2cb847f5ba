"""What activities receive as their first argument, and how their functions are run."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
import zlib
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..activity_context import ActivityContext as Live
from ..errors import PerdureError

if TYPE_CHECKING:
    from .client import Client


class ActivityContext:
    """One attempt of an activity."""

    def __init__(self, live: Live, worker_id: str, client: Callable[[], Client]) -> None:
        self._live = live
        self._make_client = client
        self.instance_id: str = live.instance_id
        self.execution_id: int = live.execution_id
        self.orchestration_name: str = live.orchestration
        self.activity_name: str = live.name
        #: Which slot of which runtime runs it: the same for all activities of a session.
        self.worker_id = worker_id
        self.session_id: Optional[str] = live.session

    @functools.cached_property
    def orchestration_version(self) -> str:
        """The version of the instance, looked up when asked for; empty if the instance is gone."""
        try:
            return self._live.client.describe(self.instance_id).version or ""
        except PerdureError:
            return ""

    def tag(self) -> Optional[str]:
        return self._live.tag

    def is_cancelled(self) -> bool:
        """The result is no longer wanted."""
        return self._live.is_cancelled()

    def get_client(self) -> Client:
        """A client on the provider of the runtime."""
        return self._make_client()

    def trace_info(self, message: object) -> None:
        self._trace(logging.INFO, message)

    def trace_warn(self, message: object) -> None:
        self._trace(logging.WARNING, message)

    def trace_error(self, message: object) -> None:
        self._trace(logging.ERROR, message)

    def trace_debug(self, message: object) -> None:
        self._trace(logging.DEBUG, message)

    def _trace(self, level: int, message: object) -> None:
        self._live.log.log(level, "%s: %s", self.instance_id, message)


class Workers:
    """Names the slots of one runtime."""

    def __init__(self, node: str, slots: int) -> None:
        self._node = node
        self._slots = slots

    def name(self, session: Optional[str]) -> str:
        if session is not None:
            slot = zlib.crc32(session.encode()) % self._slots
        else:
            number = threading.current_thread().name.rpartition("-")[2]
            slot = int(number) % self._slots if number.isdigit() else 0
        return f"work-{slot}-{self._node}"


def activity(
    function: Callable[..., Any], workers: Workers, client: Callable[[], Client]
) -> Callable[[Live, Any], Any]:
    """`function` as Perdure runs it. No type hints: inputs are the JSON values as they are."""

    def context(live: Live) -> ActivityContext:
        return ActivityContext(live, workers.name(live.session), client)

    if inspect.iscoroutinefunction(function):

        async def run_async(live, value):  # type: ignore[no-untyped-def]
            return await function(context(live), value)

        return run_async

    def run(live, value):  # type: ignore[no-untyped-def]
        return function(context(live), value)

    return run
