"""What clients and runtimes return. Times are milliseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional


@dataclass(frozen=True)
class OrchestrationResult:
    """`status`: NotFound, Running, Completed or Failed."""

    status: str
    #: Parsed; None unless Completed.
    output: Any = None
    #: None unless Failed.
    error: Optional[str] = None
    custom_status: Optional[str] = None
    #: Grows by one with each turn that changed the custom status.
    custom_status_version: int = 0


@dataclass(frozen=True)
class OrchestrationStatus:
    """The same with `output` as JSON text. For annotations: no method returns one."""

    status: str
    output: Optional[str] = None
    error: Optional[str] = None
    custom_status: Optional[str] = None
    custom_status_version: int = 0


@dataclass(frozen=True)
class SystemMetrics:
    total_instances: int
    total_executions: int
    running_instances: int
    completed_instances: int
    failed_instances: int
    total_events: int


@dataclass(frozen=True)
class SystemStats:
    """Of one instance."""

    #: Of the current execution.
    history_event_count: int
    history_size_bytes: int
    #: Messages that no code has taken.
    queue_pending_count: int
    kv_user_key_count: int
    #: Of the values alone.
    kv_total_value_bytes: int


@dataclass(frozen=True)
class QueueDepths:
    #: Instances that are due and held by no runtime, and messages that wait for instances.
    orchestrator_queue: int
    #: Activities that nobody runs yet.
    worker_queue: int
    #: Always 0: timers are no messages.
    timer_queue: int


@dataclass(frozen=True)
class InstanceInfo:
    instance_id: str
    orchestration_name: str
    orchestration_version: str
    current_execution_id: int
    status: str
    #: JSON text; the error of a failed one.
    output: Optional[str]
    created_at: int
    updated_at: int
    parent_instance_id: Optional[str]


@dataclass(frozen=True)
class ExecutionInfo:
    execution_id: int
    #: As of an instance, or ContinuedAsNew, whose `output` is the input of the next one.
    status: str
    output: Optional[str]
    started_at: int
    completed_at: Optional[int]
    event_count: int


@dataclass(frozen=True)
class InstanceTree:
    root_id: str
    #: The root first.
    all_ids: List[str]

    @property
    def size(self) -> int:
        return len(self.all_ids)


@dataclass(frozen=True)
class DeleteInstanceResult:
    instances_deleted: int = 0
    executions_deleted: int = 0
    events_deleted: int = 0
    queue_messages_deleted: int = 0

    def __add__(self, other: DeleteInstanceResult) -> DeleteInstanceResult:
        return DeleteInstanceResult(
            self.instances_deleted + other.instances_deleted,
            self.executions_deleted + other.executions_deleted,
            self.events_deleted + other.events_deleted,
            self.queue_messages_deleted + other.queue_messages_deleted,
        )


@dataclass(frozen=True)
class PruneResult:
    instances_processed: int = 0
    executions_deleted: int = 0
    events_deleted: int = 0

    def __add__(self, other: PruneResult) -> PruneResult:
        return PruneResult(
            self.instances_processed + other.instances_processed,
            self.executions_deleted + other.executions_deleted,
            self.events_deleted + other.events_deleted,
        )


@dataclass(frozen=True)
class Event:
    """An event of a history."""

    event_id: int
    kind: str
    #: The event that scheduled what this one answers.
    source_event_id: Optional[int]
    timestamp_ms: int
    #: JSON text.
    data: Optional[str]


@dataclass(frozen=True)
class MetricsSnapshot:
    """What happened on the provider of a runtime since that was started."""

    orch_starts: int
    orch_completions: int
    orch_failures: int
    orch_application_errors: int
    orch_infrastructure_errors: int
    orch_configuration_errors: int
    orch_poison: int
    activity_success: int
    activity_app_errors: int
    activity_infra_errors: int
    activity_config_errors: int
    activity_poison: int
    orch_dispatcher_items_fetched: int
    worker_dispatcher_items_fetched: int
    orch_continue_as_new: int
    suborchestration_calls: int
    provider_errors: int


@dataclass(frozen=True)
class PruneOptions:
    """An execution goes when all that is given lets it go. The newest always stays."""

    keep_last: Optional[int] = None
    completed_before: Optional[int] = None


@dataclass(frozen=True)
class InstanceFilter:
    instance_ids: Optional[List[str]] = None
    completed_before: Optional[int] = None
    limit: Optional[int] = None
