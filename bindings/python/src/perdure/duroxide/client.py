"""Starts, messages and observes instances. Needs no runtime in its process."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Callable, Dict, Optional

from .. import client as native
from ..descriptions import Description
from ..errors import NotFound, TimedOut, WrongStatus
from . import errors
from ._administration import Administration
from .context import CARRIED_STATUS
from .errors import translated
from .providers import Provider
from .results import OrchestrationResult
from .tasks import json_only, plain

logger = logging.getLogger("perdure")

#: Seconds that the code of a cancelled instance has to clean up before it is ended.
GRACE = 30
#: Pauses between two looks at what nothing announces, in seconds: doubled from the first to the last.
FIRST_LOOK, LAST_LOOK = 0.005, 0.1

#: Statuses of Perdure as those of this API.
STATUSES: Dict[str, str] = {
    "Pending": "Running",
    "Running": "Running",
    "Suspended": "Running",
    "Completed": "Completed",
    "Failed": "Failed",
    "Cancelled": "Failed",
    "Terminated": "Failed",
    "Quarantined": "Failed",
}


class Client(Administration):
    """Blocking. What changes something is on disk when the call returns."""

    @translated
    def __init__(self, provider: Provider) -> None:
        if not isinstance(provider, Provider):
            raise TypeError(f"A Client needs a provider, such as SqliteProvider, not {provider!r}.")
        self._client = native.Client(provider.store)

    # ---- Starting --------------------------------------------------------------------------------

    def start_orchestration(self, instance_id: str, name: str, input: Any = None) -> None:
        """Starts an instance; one that exists stays as it is."""
        self._start(instance_id, name, input, None)

    def start_orchestration_versioned(self, instance_id: str, name: str, input: Any, version: str) -> None:
        self._start(instance_id, name, input, version)

    @translated
    def _start(self, instance_id: str, name: str, input: Any, version: Optional[str]) -> None:
        _check_id(instance_id)
        if instance_id.startswith("sub::") or "::sub::" in instance_id:
            raise RuntimeError(f"Invalid input: the id '{instance_id}' is like those of children.")
        self._client.start(
            name, json_only(input), instance=instance_id, version=version, policy="use_existing"
        )

    start_orchestration_typed = start_orchestration
    start_orchestration_versioned_typed = start_orchestration_versioned

    # ---- Messages --------------------------------------------------------------------------------

    @translated
    def raise_event(self, instance_id: str, event_name: str, data: Any = None) -> None:
        """For the next `wait_for_event` of that name, also one that comes later. For an id that nobody has
        yet, it waits for the start."""
        _check_id(instance_id)
        try:
            self._client.raise_event(instance_id, event_name, json_only(data, "The data"), keep=True)
        except WrongStatus as error:
            _ignored(f"event '{event_name}'", error)

    @translated
    def enqueue_event(self, instance_id: str, queue_name: str, data: Any = None) -> None:
        """The same for `dequeue_event`."""
        _check_id(instance_id)
        try:
            self._client.enqueue(instance_id, queue_name, json_only(data, "The data"), keep=True)
        except WrongStatus as error:
            _ignored(f"message to queue '{queue_name}'", error)

    raise_event_typed = raise_event
    enqueue_event_typed = enqueue_event

    @translated
    def cancel_instance(self, instance_id: str, reason: Optional[str] = None) -> None:
        """Ends the instance and its children as Failed. Generators are closed with a cancellation error, and
        may do durable work in `finally`."""
        _check_id(instance_id)
        try:
            self._client.cancel(instance_id, reason or "", grace=GRACE)
        except (NotFound, WrongStatus) as error:
            _ignored("cancellation", error)

    # ---- Observing -------------------------------------------------------------------------------

    @translated
    def get_status(self, instance_id: str) -> OrchestrationResult:
        _check_id(instance_id)
        try:
            return result_of(self._client.describe(instance_id))
        except NotFound:
            return OrchestrationResult("NotFound")

    def wait_for_orchestration(self, instance_id: str, timeout_ms: int = 30_000) -> OrchestrationResult:
        """Waits for the end, also of one that is yet to be started. Raises RuntimeError after the time."""
        return self._wait(lambda left: self._client.wait(instance_id, left), instance_id, timeout_ms)

    def wait_for_status_change(
        self, instance_id: str, last_seen_version: int = 0, poll_interval_ms: int = 200,
        timeout_ms: int = 30_000,
    ) -> OrchestrationResult:  # fmt: skip
        """Waits for a custom status with a higher version, or the end. Nothing is polled: `poll_interval_ms`
        has no effect."""

        def wait(left: float) -> Description:
            return self._client.wait_for_status(instance_id, last_seen_version, left)

        return self._wait(wait, instance_id, timeout_ms)

    def wait_for_orchestration_typed(self, instance_id: str, timeout_ms: int = 30_000) -> Any:
        """The output itself. Raises Exception with the error of one that failed."""
        result = self.wait_for_orchestration(instance_id, timeout_ms)
        if result.status != "Completed":
            raise Exception(result.error)
        return result.output

    @translated
    def _wait(
        self, wait: Callable[[float], Description], instance_id: str, timeout_ms: int
    ) -> OrchestrationResult:
        _check_id(instance_id)
        looks = _Looks(timeout_ms)
        while True:
            try:
                return result_of(wait(looks.left()))
            except NotFound:
                if not looks.again():
                    raise RuntimeError(errors.TIMED_OUT) from None
            except TimedOut:
                found = self.get_status(instance_id)
                # It has failed but not ended, if a person must look at it.
                if found.status == "Failed":
                    return found
                raise

    # ---- Key-value state -------------------------------------------------------------------------

    @translated
    def get_kv_value(self, instance_id: str, key: str) -> Optional[str]:
        _check_id(instance_id)
        if key == CARRIED_STATUS:
            return None
        try:
            value = self._client.get_kv(instance_id, key)
        except NotFound:
            return None
        return None if value is None else plain(value)

    def get_kv_value_typed(self, instance_id: str, key: str) -> Any:
        value = self.get_kv_value(instance_id, key)
        return None if value is None else json.loads(value)

    def wait_for_kv_value(self, instance_id: str, key: str, timeout_ms: int = 30_000) -> str:
        """Waits until the key is set. Raises TimeoutError after the time."""
        looks = _Looks(timeout_ms)
        while True:
            value = self.get_kv_value(instance_id, key)
            if value is not None:
                return value
            if not looks.again():
                raise TimeoutError(f"Timed out waiting for value '{key}' on instance '{instance_id}'")

    def wait_for_kv_value_typed(self, instance_id: str, key: str, timeout_ms: int = 30_000) -> Any:
        return json.loads(self.wait_for_kv_value(instance_id, key, timeout_ms))


class _Looks:
    """Looks again and again, ever less often, until a time has passed."""

    def __init__(self, timeout_ms: int) -> None:
        if isinstance(timeout_ms, bool) or not isinstance(timeout_ms, (int, float)):
            raise TypeError(f"timeout_ms must be a number, not {type(timeout_ms).__name__}.")
        self._deadline = time.monotonic() + timeout_ms / 1000
        self._pause = FIRST_LOOK

    def left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def again(self) -> bool:
        """Pauses; false if the time has passed."""
        left = self.left()
        if left <= 0:
            return False
        time.sleep(min(self._pause, left))
        self._pause = min(2 * self._pause, LAST_LOOK)
        return True


def result_of(description: Description) -> OrchestrationResult:
    status, custom = STATUSES[description.status], description.custom_status
    return OrchestrationResult(
        status=status,
        output=description.output if status == "Completed" else None,
        error=error_of(description) if status == "Failed" else None,
        custom_status=None if custom is None else plain(custom),
        custom_status_version=description.custom_status_version,
    )


def error_of(description: Description) -> str:
    """Why an instance counts as failed."""
    if description.failure is not None:
        return errors.of_failure(description.failure)
    return f"{description.status}: {description.pending_reason or 'no reason is known'}"


def _check_id(instance_id: Any) -> None:
    if not isinstance(instance_id, str):
        raise TypeError(f"An instance id must be a str, not {type(instance_id).__name__}.")


def _ignored(what: str, error: Exception) -> None:
    logger.warning("The %s was not delivered: %s", what, error)
