"""What operators look at: the management operations that change nothing."""

from __future__ import annotations

from typing import List, Optional

from . import _json
from ._inspection import ExecutionSummary, Inspection, Relative, Tree, TreeNode, Why
from ._operations import Operations
from ._statistics import ActivityQueue, Counts, InstanceStatistics, Node, Queues, Statistics
from .descriptions import Target, target_name


def _seconds(milliseconds: Optional[int]) -> Optional[float]:
    return None if milliseconds is None else milliseconds / 1000


class Looking(Operations):
    """The part of `Management` that changes nothing."""

    def nodes(self) -> List[Node]:
        """The living runtimes of all processes, in the order in which they began."""
        return [Node.of_wire(each) for each in self._ask("nodes")["nodes"]]

    def inspect(self, instance: str) -> Inspection:
        """An instance with its pending activities, timers, waits, children, requests and sizes. Raises
        NotFound for an unknown instance, as all that ask about one."""
        return Inspection.of_wire(self._ask("inspect", instance=_id(instance)))

    def why(self, instance: str) -> Why:
        """What an instance waits for, since when, what would release it, who could serve it, and what to
        do."""
        return Why.of_wire(self._ask("why", instance=_id(instance)))

    def executions(self, instance: str, *, after: int = 0, limit: int = 1000) -> List[ExecutionSummary]:
        """The executions of an instance, in order. `after`: only those with a higher number."""
        answer = self._ask("executions", instance=_id(instance), after=after, limit=limit)
        return [
            ExecutionSummary(
                each["execution"],
                each["status"],
                each.get("startedAt"),
                each.get("endedAt"),
                each["eventCount"],
            )
            for each in answer["executions"]
        ]

    def tree(self, instance: str, *, depth: int = 100, limit: int = 1000) -> Tree:
        """An instance and its descendants: `depth` generations (0...100), at most `limit` instances
        (1...10,000)."""
        answer = self._ask("tree", instance=_id(instance), depth=depth, limit=limit)
        return Tree(TreeNode.of_wire(answer["tree"]), answer["truncated"])

    def ancestors(self, instance: str) -> List[Relative]:
        """From the parent of an instance to the root; empty for one that nobody called."""
        return [
            Relative.of_wire(each) for each in self._ask("ancestors", instance=_id(instance))["ancestors"]
        ]

    def statistics(self, orchestration: Optional[Target] = None) -> Statistics:
        """Counts of instances: of the whole store, or of one orchestration. Looks at no instance."""
        name = None if orchestration is None else target_name(orchestration)
        answer = self._ask("statistics", orchestration=name)
        return Statistics(Counts.of_wire(answer), [Counts.of_wire(each) for each in answer["orchestrations"]])

    def instance_statistics(self, instance: str) -> InstanceStatistics:
        """What one instance has done so far."""
        wire = self._ask("statistics", instance=_id(instance))
        return InstanceStatistics(
            instance=wire["instance"],
            status=wire["status"],
            age=wire["ageMS"] / 1000,
            executions=wire["executions"],
            commits=wire["commits"],
            events=wire["events"],
            activities_scheduled=wire["activitiesScheduled"],
            activities_completed=wire["activitiesCompleted"],
            activities_failed=wire["activitiesFailed"],
            timers_created=wire["timersCreated"],
            messages_received=wire["messagesReceived"],
            children_scheduled=wire["childrenScheduled"],
            children_by_status=wire["children"]["byStatus"],
        )

    def queues(self) -> Queues:
        """What waits for runtimes."""
        wire = self._ask("queues")
        return Queues(
            ready_instances=wire["instances"]["ready"],
            oldest_ready=_seconds(wire["instances"].get("oldestWaitingMS")),
            activities=[
                ActivityQueue(
                    each["name"],
                    each.get("tag"),
                    each["waiting"],
                    _seconds(each.get("oldestWaitingMS")),
                    each["running"],
                    each["deferred"],
                    each["backoff"],
                    each["claimable"],
                )
                for each in wire["activities"]
            ],
            inbox_messages=wire["inboxMessages"],
            kept_messages=wire["keptMessages"],
        )


def _id(instance: str) -> str:
    return _json.text(instance, "The instance id")
