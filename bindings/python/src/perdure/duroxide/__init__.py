"""The Python API of Duroxide on Perdure: programs run after changing one import. See docs/duroxide.md."""

from typing import Any

from .activities import ActivityContext
from .client import Client
from .context import OrchestrationContext, ScheduledTask
from .errors import NotSupported
from .providers import PostgresEntraOptions, PostgresProvider, SqliteProvider
from .results import (
    DeleteInstanceResult,
    Event,
    ExecutionInfo,
    InstanceFilter,
    InstanceInfo,
    InstanceTree,
    MetricsSnapshot,
    OrchestrationResult,
    OrchestrationStatus,
    PruneOptions,
    PruneResult,
    QueueDepths,
    SystemMetrics,
    SystemStats,
)
from .runtime import Runtime, RuntimeOptions, TagFilter
from .tasks import (
    MAX_KV_KEYS,
    MAX_KV_VALUE_BYTES,
    MAX_TAG_NAME_BYTES,
    MAX_WORKER_TAGS,
    parse_result,
)
from .tracing import init_tracing

__all__ = [
    "MAX_KV_KEYS",
    "MAX_KV_VALUE_BYTES",
    "MAX_TAG_NAME_BYTES",
    "MAX_WORKER_TAGS",
    "ActivityContext",
    "Client",
    "DeleteInstanceResult",
    "Event",
    "ExecutionInfo",
    "InstanceFilter",
    "InstanceInfo",
    "InstanceTree",
    "MetricsSnapshot",
    "NotSupported",
    "OrchestrationContext",
    "OrchestrationResult",
    "OrchestrationStatus",
    "PostgresEntraOptions",
    "PostgresProvider",
    "PruneOptions",
    "PruneResult",
    "QueueDepths",
    "Runtime",
    "RuntimeOptions",
    "ScheduledTask",
    "SqliteProvider",
    "SystemMetrics",
    "SystemStats",
    "TagFilter",
    "init_tracing",
    "parse_result",
]

#: Had a name that began with Py in older programs.
_RENAMED = {
    "ActivityContext", "Client", "DeleteInstanceResult", "Event", "ExecutionInfo", "InstanceFilter",
    "InstanceInfo", "InstanceTree", "MetricsSnapshot", "OrchestrationStatus", "PostgresEntraOptions",
    "PostgresProvider", "PruneOptions", "PruneResult", "QueueDepths", "Runtime", "RuntimeOptions",
    "SqliteProvider", "SystemMetrics", "SystemStats",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name.startswith("Py") and name[2:] in _RENAMED:
        return globals()[name[2:]]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
