"""What orchestrations receive as their first argument."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Dict, List, Mapping, Optional

from .. import context as native
from ..options import EPOCH
from .tasks import (
    MAX_CUSTOM_STATUS_BYTES,
    MAX_KV_KEYS,
    MAX_KV_VALUE_BYTES,
    ScheduledTask,
    Task,
    encoded,
    plain,
    raw,
)

__all__ = ["OrchestrationContext", "ScheduledTask"]

#: Key-value state that carries the custom status to the next execution, where code can read it.
CARRIED_STATUS = "perdure.duroxide.custom_status"
#: Milliseconds since 1970 that a datetime can hold.
LAST_MS = 253_402_300_799_999


class OrchestrationContext:
    """Describes durable work, to be yielded, and keeps the state of the instance."""

    def __init__(self, info: Mapping[str, Any], live: Optional[native.OrchestrationContext] = None) -> None:
        """`info`: instanceId, executionId, orchestrationName, orchestrationVersion. Without `live` the
        context only makes descriptions, which is enough for tests of them."""
        self.instance_id: str = info["instanceId"]
        self.execution_id: int = int(info["executionId"])
        self.orchestration_name: str = info["orchestrationName"]
        self.orchestration_version: str = info["orchestrationVersion"]
        self._live_or_none = live
        self._status: Optional[str] = None
        if live is not None and CARRIED_STATUS in live.kv:
            self._status = live.kv.get(CARRIED_STATUS)

    @classmethod
    def _of(cls, live: native.OrchestrationContext) -> OrchestrationContext:
        info = {
            "instanceId": live.instance_id,
            "executionId": live.execution_id,
            "orchestrationName": live.name,
            "orchestrationVersion": live.version,
        }
        return cls(info, live)

    @property
    def _live(self) -> native.OrchestrationContext:
        if self._live_or_none is None:
            raise RuntimeError(
                "This context was made by hand: it describes work, but has no instance and no state."
            )
        return self._live_or_none

    def _carry_status(self) -> None:
        """Before the next execution begins, which finds its status among the key-value state."""
        kv = self._live.kv
        if self._status is not None:
            if kv.get(CARRIED_STATUS) != self._status:
                kv.set(CARRIED_STATUS, self._status)
        elif CARRIED_STATUS in kv:
            kv.clear(CARRIED_STATUS)

    # ---- Activities ------------------------------------------------------------------------------

    def schedule_activity(
        self, name: str, input: Any = None, session_id: Optional[str] = None
    ) -> ScheduledTask:
        return _activity(name, encoded(input), session_id)

    def schedule_activity_typed(self, name: str, input: Any = None, result_type: Any = None) -> ScheduledTask:
        return _activity(name, raw(input))

    def schedule_activity_on_session(self, name: str, input: Any, session_id: str) -> ScheduledTask:
        return _activity(name, encoded(input), session_id)

    def schedule_activity_on_session_typed(
        self, name: str, input: Any = None, session_id: Optional[str] = None
    ) -> ScheduledTask:
        return _activity(name, raw(input), session_id)

    def schedule_activity_with_retry(
        self, name: str, input: Any, retry: Optional[Mapping[str, Any]]
    ) -> ScheduledTask:
        return _activity(name, encoded(input), None, retry or {})

    def schedule_activity_with_retry_typed(
        self, name: str, input: Any = None, retry: Optional[Mapping[str, Any]] = None
    ) -> ScheduledTask:
        return _activity(name, raw(input), None, retry or {})

    def schedule_activity_with_retry_on_session(
        self, name: str, input: Any, retry: Optional[Mapping[str, Any]], session_id: str
    ) -> ScheduledTask:
        return _activity(name, encoded(input), session_id, retry or {})

    def schedule_activity_with_retry_on_session_typed(
        self, name: str, input: Any = None, retry: Optional[Mapping[str, Any]] = None,
        session_id: Optional[str] = None,
    ) -> ScheduledTask:  # fmt: skip
        return _activity(name, raw(input), session_id, retry or {})

    # ---- Timers and messages ---------------------------------------------------------------------

    def schedule_timer(self, delay_ms: float) -> Task:
        return {"type": "timer", "delayMs": delay_ms}

    def wait_for_event(self, name: str) -> Task:
        return {"type": "waitEvent", "name": name}

    def dequeue_event(self, queue_name: str) -> Task:
        return {"type": "dequeueEvent", "name": queue_name}

    wait_for_event_typed = wait_for_event
    dequeue_event_typed = dequeue_event

    # ---- Other orchestrations --------------------------------------------------------------------

    def schedule_sub_orchestration(self, name: str, input: Any = None) -> Task:
        return _child("subOrchestration", name, encoded(input))

    def schedule_sub_orchestration_typed(self, name: str, input: Any = None, result_type: Any = None) -> Task:
        return _child("subOrchestration", name, raw(input))

    def schedule_sub_orchestration_with_id(self, name: str, instance_id: str, input: Any = None) -> Task:
        return _child("subOrchestration", name, encoded(input), instance_id)

    def schedule_sub_orchestration_with_id_typed(
        self, name: str, instance_id: str, input: Any = None
    ) -> Task:
        return _child("subOrchestration", name, raw(input), instance_id)

    def schedule_sub_orchestration_versioned(
        self, name: str, version: Optional[str] = None, input: Any = None
    ) -> Task:
        return _child("subOrchestration", name, encoded(input), None, version)

    def schedule_sub_orchestration_versioned_with_id(
        self, name: str, version: Optional[str], instance_id: str, input: Any = None
    ) -> Task:
        return _child("subOrchestration", name, encoded(input), instance_id, version)

    def start_orchestration(self, name: str, instance_id: str, input: Any = None) -> Task:
        return _child("startOrchestration", name, encoded(input), instance_id)

    def start_orchestration_typed(self, name: str, instance_id: str, input: Any = None) -> Task:
        return _child("startOrchestration", name, raw(input), instance_id)

    def start_orchestration_versioned(
        self, name: str, version: Optional[str], instance_id: str, input: Any = None
    ) -> Task:
        return _child("startOrchestration", name, encoded(input), instance_id, version)

    def start_orchestration_versioned_typed(
        self, name: str, version: Optional[str], instance_id: str, input: Any = None
    ) -> Task:
        return _child("startOrchestration", name, raw(input), instance_id, version)

    def continue_as_new(self, input: Any = None) -> Task:
        return {"type": "continueAsNew", "input": encoded(input), "version": None}

    def continue_as_new_typed(self, input: Any = None) -> Task:
        return {"type": "continueAsNew", "input": raw(input), "version": None}

    def continue_as_new_versioned(self, input: Any, version: Optional[str] = None) -> Task:
        return {"type": "continueAsNew", "input": encoded(input), "version": version}

    def get_kv_value_from_instance(self, instance_id: str, key: str) -> ScheduledTask:
        return ScheduledTask(type="getKvValue", instanceId=instance_id, key=key)

    # ---- Time, identity, groups ------------------------------------------------------------------

    def new_guid(self) -> Task:
        return {"type": "newGuid"}

    def utc_now(self) -> Task:
        return {"type": "utcNow"}

    def all(self, tasks: List[Task]) -> Task:
        return {"type": "all", "tasks": list(tasks)}

    def all_typed(self, tasks: List[Task]) -> Task:
        return {"type": "all", "tasks": list(tasks), "typed": True}

    def race(self, *tasks: Task) -> Task:
        return {"type": "race", "tasks": list(tasks)}

    race_typed = race

    # ---- Custom status ---------------------------------------------------------------------------

    def set_custom_status(self, status: Any) -> None:
        text = str(status)
        _check_size(text, MAX_CUSTOM_STATUS_BYTES, "Custom status size")
        self._live.set_custom_status(text)
        self._status = text

    def reset_custom_status(self) -> None:
        self._live.set_custom_status(None)
        self._status = None

    def get_custom_status(self) -> Optional[str]:
        return self._status

    # ---- Key-value state -------------------------------------------------------------------------

    def set_kv_value(self, key: str, value: Any) -> None:
        kv, text = self._live.kv, str(value)
        _check_key(key)
        _check_size(text, MAX_KV_VALUE_BYTES, f"KV value for key '{key}'")
        if key not in kv and self.get_kv_length() >= MAX_KV_KEYS:
            count = self.get_kv_length() + 1
            raise Exception(f"KV key count ({count}) exceeds limit ({MAX_KV_KEYS})")
        kv.set(key, text)

    def get_kv_value(self, key: str) -> Optional[str]:
        value = None if key == CARRIED_STATUS else self._live.kv.get(key)
        return None if value is None else plain(value)

    def get_kv_all_values(self) -> Dict[str, str]:
        values = self._live.kv.all().items()
        return {key: plain(value) for key, value in values if key != CARRIED_STATUS}

    def get_kv_all_keys(self) -> List[str]:
        return list(self.get_kv_all_values())

    def get_kv_length(self) -> int:
        kv = self._live.kv
        return len(kv) - (CARRIED_STATUS in kv)

    def clear_kv_value(self, key: str) -> None:
        _check_key(key)
        self._live.kv.clear(key)

    def clear_all_kv_values(self) -> None:
        self._live.kv.clear_all()

    def prune_kv_values_updated_before(self, cutoff_ms: int) -> int:
        """Removes what was set before, by the time of the events. Returns how many."""
        kv = self._live.kv
        carried = CARRIED_STATUS in kv
        pruned = kv.prune_before(EPOCH + timedelta(milliseconds=min(max(cutoff_ms, 0), LAST_MS)))
        return pruned - (carried and CARRIED_STATUS not in kv)

    # ---- Log -------------------------------------------------------------------------------------

    def trace_info(self, message: object) -> None:
        self._trace(logging.INFO, message)

    def trace_warn(self, message: object) -> None:
        self._trace(logging.WARNING, message)

    def trace_error(self, message: object) -> None:
        self._trace(logging.ERROR, message)

    def trace_debug(self, message: object) -> None:
        self._trace(logging.DEBUG, message)

    def _trace(self, level: int, message: object) -> None:
        if self._live_or_none is None:
            logging.getLogger("perdure").log(level, "%s: %s", self.instance_id, message)
        else:
            log = self._live_or_none.log
            write = {logging.INFO: log.info, logging.WARNING: log.warning, logging.ERROR: log.error}
            write.get(level, log.debug)(message)


def _activity(
    name: str, input: str, session: Optional[str] = None, retry: Optional[Mapping[str, Any]] = None
) -> ScheduledTask:
    task = ScheduledTask(type="activity", name=name, input=input)
    if session is not None:
        task["sessionId"] = session
    if retry is not None:
        task["retry"] = dict(retry)
    return task


def _child(
    kind: str, name: str, input: str, instance: Optional[str] = None, version: Optional[str] = None
) -> Task:
    return {"type": kind, "name": name, "input": input, "instanceId": instance, "version": version}


def _check_size(text: str, most: int, what: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    if size > most:
        raise Exception(f"{what} ({size} bytes) exceeds limit ({most} bytes)")


def _check_key(key: str) -> None:
    if not isinstance(key, str):
        raise TypeError(f"A key must be a str, not {type(key).__name__}.")
    if key == CARRIED_STATUS:
        raise Exception(f"The key '{key}' is taken: perdure.duroxide keeps the custom status there.")
