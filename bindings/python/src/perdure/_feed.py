"""The history of an instance, followed while it grows."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional

from . import _json
from ._library import Library, text
from ._waiting import Waiting, milliseconds

_ENDS = {
    "OrchestrationCompleted",
    "OrchestrationFailed",
    "OrchestrationCancelled",
    "OrchestrationTerminated",
}


class Feed:
    """Where a follower of a history stands."""

    def __init__(
        self, library: Library, instance: str, execution: int, after: int, timeout: Optional[float]
    ) -> None:
        self._wait = library.dx.dx_client_wait_history
        self._instance = _json.text(instance, "The instance id")
        self._execution = execution
        self._after = after
        self._timeout = milliseconds(timeout)
        self.has_ended = False

    def waiting(self) -> Waiting:
        """For the next page."""
        query = {"instance": self._instance, "execution": self._execution, "after": self._after}
        return Waiting(self._wait, (text(_json.encode(query, "The query")), self._timeout), lambda page: page)

    def take(self, page: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        """The events of a page, noting how far they were taken."""
        for event in page["events"]:
            self._after = event["id"]
            if event["kind"] == "OrchestrationContinuedAsNew":
                self._next_execution()
            elif event["kind"] in _ENDS:
                self.has_ended = True
            yield {**event, "execution": page["execution"]}
        if not page["events"]:
            # The execution is over and has no more events (those of old ones may have been removed).
            self.has_ended = page["currentExecution"] <= page["execution"]
            self._next_execution()

    def _next_execution(self) -> None:
        self._execution += 1
        self._after = 0
