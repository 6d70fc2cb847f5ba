"""Events of Perdure as events of Duroxide: a table. Kinds that only Perdure has keep their names."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from .. import _failures, _json
from . import errors
from .results import Event
from .tasks import plain

Wire = Dict[str, Any]
#: The data of an event, from the event and the one that scheduled what it answers.
Data = Callable[[Wire, Wire], Any]

#: The name under which reads of other instances stand among the activities.
KV_READ = "__duroxide_syscall:get_kv_value"


class Nothing:
    """There is no data, which is not the same as null."""


def _nothing(_event: Wire, _source: Wire) -> Any:
    return Nothing


def _members(*names: str) -> Data:
    return lambda event, _: {name: event.get(name) for name in names}


def _member(name: str) -> Data:
    return lambda event, _: event.get(name)


def _failed(kind: str) -> Data:
    def data(event: Wire, _source: Wire) -> Any:
        failure = _failures.from_wire(event.get("failure"))
        if failure.type == "perdure.Cancelled":
            return _cancelled({"reason": failure.message.partition(": ")[2]}, {})
        message = str(failure) if kind == "ActivityFailed" else errors.of_failure(failure)
        return {"Application": {"kind": kind, "message": message, "retryable": False}}

    return data


def _cancelled(event: Wire, _source: Wire) -> Any:
    reason = event.get("reason") or ""
    error = {"kind": {"Cancelled": {"reason": reason}}, "message": f"canceled: {reason}", "retryable": False}
    return {"Application": error}


def _kv_read(event: Wire, _source: Wire) -> Any:
    return {"name": KV_READ, "input": {"instance": event["instance"], "key": event["key"]}}


def _kv_value(event: Wire, _source: Wire) -> Any:
    value = (event.get("result") or {}).get("value")
    return None if value is None else plain(value)


KINDS: Dict[str, Tuple[str, Data]] = {
    "OrchestrationStarted": ("OrchestrationStarted", _members("name", "version", "input")),
    "OrchestrationCompleted": ("OrchestrationCompleted", _member("output")),
    "OrchestrationFailed": ("OrchestrationFailed", _failed("OrchestrationFailed")),
    "OrchestrationCancelled": ("OrchestrationFailed", _cancelled),
    "OrchestrationTerminated": ("OrchestrationFailed", _cancelled),
    "OrchestrationContinuedAsNew": ("OrchestrationContinuedAsNew", _nothing),
    "CancellationRequested": ("OrchestrationCancelRequested", _nothing),
    "DetachedOrchestrationScheduled": ("OrchestrationChained", _nothing),
    "ActivityScheduled": ("ActivityScheduled", _members("name", "input")),
    "ActivityCompleted": ("ActivityCompleted", _member("result")),
    "ActivityFailed": ("ActivityFailed", _failed("ActivityFailed")),
    "ActivityCancelRequested": ("ActivityCancelRequested", _nothing),
    "TimerCreated": ("TimerCreated", lambda event, _: {"fireAtMs": event["fireAt"]}),
    "TimerFired": ("TimerFired", lambda _, source: {"fireAtMs": source.get("fireAt")}),
    "EventSubscribed": ("ExternalSubscribed", _members("name")),
    "EventRaised": ("ExternalEvent", _members("name", "data")),
    "EventSubscriptionCancelled": ("ExternalSubscribedCancelled", _nothing),
    "QueueSubscribed": ("QueueSubscribed", _members("name")),
    "QueueMessageReceived": ("QueueEventDelivered", _members("name", "data")),
    "QueueSubscriptionCancelled": ("QueueSubscriptionCancelled", _nothing),
    "SubOrchestrationScheduled": ("SubOrchestrationScheduled", _members("name", "instance", "input")),
    "SubOrchestrationCompleted": ("SubOrchestrationCompleted", _member("result")),
    "SubOrchestrationFailed": ("SubOrchestrationFailed", _failed("OrchestrationFailed")),
    "SubOrchestrationCancelRequested": ("SubOrchestrationCancelRequested", _nothing),
    "CustomStatusUpdated": ("CustomStatusUpdated", _nothing),
    "KVSet": ("KeyValueSet", _nothing),
    "KVCleared": ("KeyValueCleared", _nothing),
    "KVAllCleared": ("KeyValuesCleared", _nothing),
    "KVReadRequested": ("ActivityScheduled", _kv_read),
    "RequestCompleted": ("ActivityCompleted", _kv_value),
    "RequestFailed": ("ActivityFailed", _failed("ActivityFailed")),
}


def translated(history: List[Wire]) -> List[Event]:
    """All events of an execution."""
    # What made an action, by its number: what is cancelled or answered names it so.
    made: Dict[int, Wire] = {}
    events: List[Event] = []
    for event in history:
        source: Optional[Wire] = None
        if "target" in event:
            source = made.get(event["target"])
        elif "after" in event:
            made[event["action"]] = event
        elif "action" in event:
            source = made.get(event["action"])
        kind, data = KINDS.get(event["kind"], (event["kind"], _nothing))
        value = data(event, source or {})
        text = None if value is Nothing else _json.encode(value)
        by = None if source is None else int(source["id"])
        events.append(Event(event["id"], kind, by, event["at"], text))
    return events


def pending_messages(history: List[Wire]) -> int:
    """Messages of queues and events that came and that no code has taken."""
    balance: Dict[Tuple[str, str], int] = {}
    waits: Dict[int, Tuple[str, str]] = {}
    for event in history:
        kind = event["kind"]
        if kind in ("QueueSubscribed", "EventSubscribed"):
            key = waits[event["action"]] = (kind[:5], event["name"])
            balance[key] = balance.get(key, 0) - 1
        elif kind in ("QueueSubscriptionCancelled", "EventSubscriptionCancelled"):
            key = waits.get(event["target"], ("", ""))
            balance[key] = balance.get(key, 0) + 1
        elif kind in ("QueueMessageReceived", "EventRaised"):
            key = (kind[:5], event["name"])
            balance[key] = balance.get(key, 0) + 1
    return sum(max(each, 0) for each in balance.values())
