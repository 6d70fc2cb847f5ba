"""The part of `Client` for operators: counts, lists, histories, deletion and pruning."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Sequence

from .. import InstanceFilter as Selection
from .. import _json
from .. import client as native
from ..descriptions import Description
from ..errors import NotFound
from . import _history
from .context import CARRIED_STATUS
from .errors import translated
from .results import (
    DeleteInstanceResult,
    Event,
    ExecutionInfo,
    InstanceFilter,
    InstanceInfo,
    InstanceTree,
    PruneOptions,
    PruneResult,
    QueueDepths,
    SystemMetrics,
    SystemStats,
)
from .tasks import plain

#: Statuses of Perdure by that of this API.
BY_STATUS: Dict[str, List[str]] = {
    "Running": ["Pending", "Running", "Suspended"],
    "Completed": ["Completed"],
    "Failed": ["Failed", "Cancelled", "Terminated", "Quarantined"],
}
ENDED = ("Completed", "Failed", "Cancelled", "Terminated")
#: Of instances that a bulk call looks at.
BULK_LIMIT = 1000
#: Of ids in a tree.
TREE_LIMIT = 10_000


class Administration:
    _client: native.Client

    # ---- Counts ----------------------------------------------------------------------------------

    @translated
    def get_system_metrics(self) -> SystemMetrics:
        """Goes through all instances."""
        counts = dict.fromkeys(BY_STATUS, 0)
        total = executions = events = 0
        for each in self._client.list(page_size=1000):
            total += 1
            counts[_status(each)] += 1
            if each.execution == 1:
                executions, events = executions + 1, events + each.event_count
            else:
                parts = self._client.management().executions(each.instance)
                executions, events = executions + len(parts), events + sum(part.event_count for part in parts)
        return SystemMetrics(
            total, executions, counts["Running"], counts["Completed"], counts["Failed"], events
        )

    @translated
    def get_orchestration_stats(self, instance_id: str) -> Optional[SystemStats]:
        try:
            inspection = self._client.management().inspect(instance_id)
            history = self._client.history(instance_id)
            kv = self._client.kv(instance_id)
        except NotFound:
            return None
        kv.pop(CARRIED_STATUS, None)
        return SystemStats(
            history_event_count=inspection.sizes.history_events,
            history_size_bytes=inspection.sizes.history_bytes,
            queue_pending_count=inspection.sizes.inbox_messages + _history.pending_messages(history),
            kv_user_key_count=len(kv),
            kv_total_value_bytes=sum(len(plain(value).encode()) for value in kv.values()),
        )

    @translated
    def get_queue_depths(self) -> QueueDepths:
        queues = self._client.management().queues()
        waiting = sum(each.waiting + each.backoff for each in queues.activities)
        return QueueDepths(queues.ready_instances + queues.inbox_messages, waiting, 0)

    # ---- Instances and executions ----------------------------------------------------------------

    @translated
    def list_all_instances(self) -> List[str]:
        """The newest first."""
        return [each.instance for each in self._client.list(order="newest", page_size=1000)]

    @translated
    def list_instances_by_status(self, status: str) -> List[str]:
        """Running, Completed or Failed; of another status there are none."""
        meant = BY_STATUS.get(status)
        if meant is None:
            return []
        return [each.instance for each in self._client.list(status=meant, order="newest", page_size=1000)]

    @translated
    def get_instance_info(self, instance_id: str) -> InstanceInfo:
        """Raises RuntimeError for an unknown id."""
        it = self._describe(instance_id)
        return InstanceInfo(
            instance_id=it.instance,
            orchestration_name=it.orchestration,
            orchestration_version=it.version or "",
            current_execution_id=it.execution,
            status=_status(it),
            output=_output(it),
            created_at=it.created_at,
            updated_at=it.updated_at,
            parent_instance_id=it.parent["instance"] if it.parent else None,
        )

    @translated
    def get_execution_info(self, instance_id: str, execution_id: int) -> ExecutionInfo:
        """Raises RuntimeError for an unknown instance or execution."""
        it = self._describe(instance_id)
        after = max(execution_id - 1, 0)
        found = self._client.management().executions(instance_id, after=after, limit=1)
        if not found or found[0].execution != execution_id:
            raise RuntimeError(f"Execution {execution_id} of instance {instance_id} not found")
        summary = found[0]
        if summary.execution == it.execution:
            status, output = _status(it), _output(it)
        else:
            status = "ContinuedAsNew"
            output = _json.encode(self._client.history(instance_id, execution_id)[-1].get("input"))
        started = it.created_at if summary.started_at is None else summary.started_at
        return ExecutionInfo(execution_id, status, output, started, summary.ended_at, summary.event_count)

    @translated
    def list_executions(self, instance_id: str) -> List[int]:
        return [each.execution for each in self._executions(instance_id)]

    @translated
    def read_execution_history(self, instance_id: str, execution_id: int) -> List[Event]:
        try:
            return _history.translated(self._client.history(instance_id, execution_id))
        except NotFound:
            return []

    @translated
    def get_instance_tree(self, instance_id: str) -> InstanceTree:
        """The instance and all that it called, at any depth. Raises RuntimeError for an unknown id."""
        self._describe(instance_id)
        return InstanceTree(instance_id, self._family(instance_id))

    # ---- Deleting --------------------------------------------------------------------------------

    @translated
    def delete_instance(self, instance_id: str, force: bool = False) -> DeleteInstanceResult:
        """Removes an instance with all that it called."""
        it = self._describe(instance_id)
        if it.parent:
            raise RuntimeError(
                f"Instance {instance_id} is a sub-orchestration and cannot be deleted alone: delete its root."
            )
        if not force and it.status not in ENDED:
            raise RuntimeError(f"Instance {instance_id} is still running. Use force=true or cancel first.")
        return self._delete(instance_id, force)

    @translated
    def delete_instance_bulk(self, filter: Optional[InstanceFilter] = None) -> DeleteInstanceResult:
        """Removes finished instances that nobody called; those that run are left."""
        deleted = DeleteInstanceResult()
        for each in self._filtered(filter, ENDED):
            try:
                deleted += self._delete(each.instance, False)
            except NotFound:
                # Somebody else was faster.
                continue
        return deleted

    def _delete(self, instance_id: str, force: bool) -> DeleteInstanceResult:
        executions = events = messages = 0
        for each in self._family(instance_id):
            parts = self._executions(each)
            executions, events = executions + len(parts), events + sum(part.event_count for part in parts)
            messages += self._client.management().inspect(each).sizes.inbox_messages
        deleted = self._client.delete(instance_id, force=force)
        return DeleteInstanceResult(len(deleted), executions, events, messages)

    # ---- Pruning ---------------------------------------------------------------------------------

    @translated
    def prune_executions(self, instance_id: str, options: Optional[PruneOptions] = None) -> PruneResult:
        """Removes the histories of older executions."""
        return self._prune(self._describe(instance_id), options or PruneOptions())

    @translated
    def prune_executions_bulk(
        self, filter: Optional[InstanceFilter] = None, options: Optional[PruneOptions] = None
    ) -> PruneResult:
        """The same for many instances, also those that run."""
        pruned = PruneResult()
        for each in self._filtered(filter, None):
            pruned += self._prune(each, options or PruneOptions())
        return pruned

    def _prune(self, it: Description, options: PruneOptions) -> PruneResult:
        before = self._executions(it.instance)
        older = before[:-1]
        if options.keep_last is not None:
            older = older[: max(0, len(before) - max(options.keep_last, 1))]
        if options.completed_before is not None:
            limit = options.completed_before
            older = [each for each in older if each.ended_at is not None and each.ended_at < limit]
        if older:
            self._keep_last(it, len(before) - len(older))
        return PruneResult(1, len(older), sum(each.event_count for each in older))

    def _keep_last(self, it: Description, keep: int) -> None:
        """Prunes one instance. The operation takes a filter: one at a time of those that it cannot tell from
        each other, until it is ours."""
        management = self._client.management()
        only = Selection(
            prefix=it.instance, orchestration=it.orchestration, created_from=it.created_at,
            created_to=it.created_at + 1,
        )  # fmt: skip
        cursor: Optional[int] = None
        while True:
            at = {"executions": True, "keep_last": keep, "limit": 1, "cursor": cursor}
            found = management.prune(only, dry_run=True, **at)  # type: ignore[arg-type]
            if [each.instance for each in found.changes] == [it.instance]:
                management.prune(only, **at)  # type: ignore[arg-type]
                return
            cursor = found.next
            if cursor is None:
                return

    # ---- What these are made of ------------------------------------------------------------------

    def _describe(self, instance_id: str) -> Description:
        try:
            return self._client.describe(instance_id)
        except NotFound:
            raise RuntimeError(f"Instance {instance_id} not found") from None

    def _executions(self, instance_id: str) -> List[Any]:
        found: List[Any] = []
        try:
            while True:
                after = found[-1].execution if found else 0
                page = self._client.management().executions(instance_id, after=after)
                found += page
                if len(page) < 1000:
                    return found
        except NotFound:
            return found

    def _family(self, instance_id: str) -> List[str]:
        """The id and those of all descendants, generation by generation."""
        generation = [self._client.management().tree(instance_id, limit=TREE_LIMIT).root]
        ids: List[str] = []
        while generation:
            ids += [each.instance for each in generation]
            generation = [child for each in generation for child in each.children]
        return ids

    def _filtered(
        self, filter: Optional[InstanceFilter], status: Optional[Sequence[str]]
    ) -> Iterator[Description]:
        """Roots that the filter finds, as many as it wants."""
        wanted = filter or InstanceFilter()
        left = BULK_LIMIT if wanted.limit is None else wanted.limit
        for each in self._candidates(wanted, status):
            if left <= 0:
                return
            ended, limit = each.ended_at, wanted.completed_before
            if each.parent or (status is not None and each.status not in status):
                continue
            if limit is not None and (ended is None or ended >= limit):
                continue
            left -= 1
            yield each

    def _candidates(self, wanted: InstanceFilter, status: Optional[Sequence[str]]) -> Iterator[Description]:
        if wanted.instance_ids is None:
            yield from self._client.list(
                status=status, ended_to=wanted.completed_before, roots_only=True, page_size=1000
            )
            return
        for instance in wanted.instance_ids:
            try:
                yield self._client.describe(instance)
            except NotFound:
                continue


def _status(it: Description) -> str:
    return next(name for name, statuses in BY_STATUS.items() if it.status in statuses)


def _output(it: Description) -> Optional[str]:
    from .client import error_of

    status = _status(it)
    if status == "Failed":
        return error_of(it)
    return _json.encode(it.output) if status == "Completed" else None
