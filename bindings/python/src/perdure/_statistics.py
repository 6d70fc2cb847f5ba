"""Runtimes, counts of instances, and what waits, as operators see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional


@dataclass(frozen=True)
class Node:
    """A living runtime, and what it serves."""

    #: Its number in the store.
    id: int
    #: Its process and the name of its machine, if the store tells.
    pid: Optional[int]
    host: Optional[str]
    #: Instances that it keeps in memory, and activities that it runs.
    owned_instances: int
    held_activities: int
    #: Names of orchestrations with the versions of each; None for all versions.
    orchestrations: Dict[str, Optional[List[str]]]
    activities: List[str]
    #: Tags of activities that it takes; None for all.
    tags: Optional[List[str]]
    #: It takes activities without a tag.
    untagged: bool

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Node:
        served = {each["name"]: each.get("versions") for each in wire["orchestrations"]}
        return cls(
            wire["id"], wire.get("pid"), wire.get("host"), wire["ownedInstances"], wire["heldActivities"],
            served, wire["activities"], wire.get("tags"), wire["untagged"],
        )  # fmt: skip


@dataclass(frozen=True)
class Durations:
    """How long those lived that have ended, deleted ones included. In seconds."""

    count: int
    average: float
    least: float
    most: float


@dataclass(frozen=True)
class Counts:
    """How many instances there are."""

    #: In the statistics of the system: None.
    name: Optional[str]
    #: None: not pinned to one yet.
    version: Optional[str]
    total: int
    #: Have not ended.
    open: int
    ended: int
    by_status: Dict[str, int]
    durations: Optional[Durations]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Counts:
        lives = wire.get("durations")
        return cls(
            wire.get("name"), wire.get("version"), wire["total"], wire["open"], wire["ended"],
            wire["byStatus"],
            lives and Durations(
                lives["count"], lives["averageMS"] / 1000, lives["leastMS"] / 1000, lives["mostMS"] / 1000
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class Statistics:
    counts: Counts
    #: By name and version.
    orchestrations: List[Counts]


@dataclass(frozen=True)
class InstanceStatistics:
    """What one instance has done so far."""

    instance: str
    status: str
    #: Seconds from its creation to its end, or to now.
    age: float
    executions: int
    #: Turns, and changes from outside.
    commits: int
    #: Of the current execution, as the rest but `children_by_status`.
    events: int
    activities_scheduled: int
    activities_completed: int
    activities_failed: int
    timers_created: int
    messages_received: int
    children_scheduled: int
    #: All that the store has.
    children_by_status: Dict[str, int]


@dataclass(frozen=True)
class ActivityQueue:
    """Activities of one name and tag."""

    name: str
    tag: Optional[str]
    waiting: int
    #: In seconds.
    oldest_waiting: Optional[float]
    running: int
    deferred: int
    backoff: int
    #: A living runtime takes them.
    claimable: bool


@dataclass(frozen=True)
class Queues:
    """What waits for runtimes."""

    #: Instances that are due and that no living runtime has in memory.
    ready_instances: int
    #: About how long the first of them has waited, in seconds.
    oldest_ready: Optional[float]
    #: By name and tag.
    activities: List[ActivityQueue]
    #: Waiting in inboxes.
    inbox_messages: int
    #: For ids that nobody has yet.
    kept_messages: int
