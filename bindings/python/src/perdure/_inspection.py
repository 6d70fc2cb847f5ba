"""One instance, its open work and its relatives, as operators see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from . import _failures
from .descriptions import Description
from .errors import Failure


@dataclass(frozen=True)
class PendingActivity:
    """An activity without a result yet. Times in milliseconds since 1970."""

    action: int
    name: str
    #: The attempt that runs, or ran last, or is the first.
    attempt: int
    failures: int
    #: "waiting" (for a runtime that takes it), "running", "deferred" (to be completed from elsewhere) or
    #: "backoff" (the last attempt failed, the time of the next has not come).
    state: str
    scheduled_at: int
    #: Of the last attempt.
    started_at: Optional[int]
    next_attempt_at: Optional[int]
    last_failure: Optional[Failure]
    #: The details of the last heartbeat; of a deferred one, when it was.
    last_heartbeat: Any
    heartbeat_at: Optional[int]
    #: The number of the runtime that runs it (`Node.id`).
    node: Optional[int]
    tag: Optional[str]
    session: Optional[str]
    #: The runtime that has the session.
    session_node: Optional[int]
    priority: int
    #: When the attempt must have ended, the first one must have begun, and all must have ended.
    deadline: Optional[int]
    start_by: Optional[int]
    close_by: Optional[int]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> PendingActivity:
        failure = wire.get("lastFailure")
        return cls(
            action=wire["action"],
            name=wire["name"],
            attempt=wire["attempt"],
            failures=wire["failures"],
            state=wire["state"],
            scheduled_at=wire["scheduledAt"],
            started_at=wire.get("startedAt"),
            next_attempt_at=wire.get("nextAttemptAt"),
            last_failure=_failures.from_wire(failure) if failure else None,
            last_heartbeat=wire.get("lastHeartbeat"),
            heartbeat_at=wire.get("heartbeatAt"),
            node=wire.get("node"),
            tag=wire.get("tag"),
            session=wire.get("session"),
            session_node=wire.get("sessionNode"),
            priority=wire.get("priority") or 0,
            deadline=wire.get("deadline"),
            start_by=wire.get("startBy"),
            close_by=wire.get("closeBy"),
        )


@dataclass(frozen=True)
class PendingTimer:
    action: int
    fire_at: int
    since: int


@dataclass(frozen=True)
class PendingWait:
    """For a message of a name."""

    action: int
    #: "event", "queue", "topic" or "call".
    kind: str
    name: str
    since: int


@dataclass(frozen=True)
class OpenChild:
    action: int
    instance: str
    orchestration: str
    #: None: the store does not have it any more.
    status: Optional[str]
    since: int


@dataclass(frozen=True)
class PendingRequest:
    """A message to another instance, or a look at its state, that is not answered."""

    action: int
    #: "event", "queue", "cancel" or "kv".
    kind: str
    instance: str
    since: int


@dataclass(frozen=True)
class WaitingMessage:
    #: "event", "queue", "topic", "call", "cancel", "activity", "child" or "request".
    kind: str
    name: Optional[str]


@dataclass(frozen=True)
class Sizes:
    #: Of the current execution.
    history_events: int
    history_bytes: int
    inbox_messages: int
    kv_keys: int
    kv_bytes: int


@dataclass(frozen=True)
class Inspection:
    """An instance with all that is open."""

    description: Description
    #: The number of the runtime that keeps it in memory (`Node.id`).
    owner: Optional[int]
    #: Why its history cannot be read.
    history_fault: Optional[str]
    activities: List[PendingActivity]
    timers: List[PendingTimer]
    waits: List[PendingWait]
    #: That have not ended, as far as it knows.
    children: List[OpenChild]
    requests: List[PendingRequest]
    #: The message that waits the longest.
    oldest_message: Optional[WaitingMessage]
    sizes: Sizes
    #: Topics that it is subscribed to.
    subscriptions: List[str]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Inspection:
        oldest = wire["inbox"].get("oldest")
        sizes = wire["sizes"]
        return cls(
            description=Description.of_wire(wire["description"]),
            owner=wire.get("owner"),
            history_fault=wire.get("historyFault"),
            activities=[PendingActivity.of_wire(each) for each in wire["activities"]],
            timers=[PendingTimer(each["action"], each["fireAt"], each["since"]) for each in wire["timers"]],
            waits=[PendingWait(**each) for each in wire["waits"]],
            children=[OpenChild(**{"status": None, **each}) for each in wire["children"]],
            requests=[PendingRequest(**each) for each in wire["requests"]],
            oldest_message=WaitingMessage(oldest["kind"], oldest.get("name")) if oldest else None,
            sizes=Sizes(
                sizes["historyEvents"],
                sizes["historyBytes"],
                sizes["inboxMessages"],
                sizes["kvKeys"],
                sizes["kvBytes"],
            ),
            subscriptions=wire["subscriptions"],
        )


@dataclass(frozen=True)
class Cause:
    """One of the things that an instance waits for."""

    #: "noRuntime", "startsLater", "suspended", "quarantined", "event", "queue", "topic", "call", "timer",
    #: "request", "child", "activityRunning", "activityBackoff", "activityDeferred", "activityUnserved",
    #: "activityWaiting", "activitySession" or "turn" (due or under way).
    kind: str
    #: Of the event, queue, activity, orchestration...
    name: Optional[str]
    action: Optional[int]
    #: The child, or the receiver of the request.
    instance: Optional[str]
    since: Optional[int]
    #: When time alone makes a difference.
    until: Optional[int]
    #: A sentence: what makes it go on.
    released_by: str
    #: Numbers of living runtimes that do, or could do, what it waits for (`Node.id`).
    served_by: List[int]
    #: A sentence: what to do.
    advice: str
    #: Of a child: what that one waits for.
    why: Optional[Why]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Cause:
        inner = wire.get("why")
        return cls(
            wire["kind"], wire.get("name"), wire.get("action"), wire.get("instance"), wire.get("since"),
            wire.get("until"), wire["releasedBy"], wire["servedBy"], wire["advice"],
            Why.of_wire(inner) if inner else None,
        )  # fmt: skip


@dataclass(frozen=True)
class Why:
    """Why an instance does not go on."""

    #: One sentence.
    summary: str
    #: Empty once it has ended; at most 101.
    waiting_for: List[Cause]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Why:
        return cls(wire["summary"], [Cause.of_wire(each) for each in wire["waitingFor"]])


# ---- Executions and relatives --------------------------------------------------------------------


@dataclass(frozen=True)
class ExecutionSummary:
    execution: int
    #: That of the instance for the last one, ContinuedAsNew for the others.
    status: str
    #: None before its first turn.
    started_at: Optional[int]
    ended_at: Optional[int]
    event_count: int


@dataclass(frozen=True)
class Relative:
    """An instance among its relatives."""

    instance: str
    orchestration: str
    version: Optional[str]
    status: str
    created_at: int
    ended_at: Optional[int]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Relative:
        return cls(
            wire["instance"], wire["orchestration"], wire.get("version"), wire["status"], wire["createdAt"],
            wire.get("endedAt"),
        )  # fmt: skip


@dataclass(frozen=True)
class TreeNode(Relative):
    #: In the order of creation.
    children: List[TreeNode]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> TreeNode:
        me = Relative.of_wire(wire)
        return cls(**vars(me), children=[cls.of_wire(child) for child in wire["children"]])


@dataclass(frozen=True)
class Tree:
    root: TreeNode
    #: There are more descendants.
    truncated: bool
