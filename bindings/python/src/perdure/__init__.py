"""Perdure: durable execution as a library. See docs/python.md."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

from ._limits import Limits
from ._sandbox import unsandboxed
from .activity_context import ActivityContext
from .client import Client
from .context import OrchestrationContext
from .definitions import Activity, Orchestration, activity, orchestration
from .descriptions import Description, StartRequest
from .errors import (
    ActivityFailed,
    AlreadyExists,
    CallFailed,
    CallRejected,
    Closed,
    ConversionError,
    Failure,
    ForbiddenCall,
    Forked,
    InvalidArgument,
    InvalidHandle,
    LibraryNotLoaded,
    LimitExceeded,
    MessageRefused,
    Nondeterminism,
    NonDurableAwait,
    NotFound,
    OrchestrationCancelled,
    OrchestrationFailed,
    PerdureError,
    ProcessDied,
    ProtocolViolation,
    QueryFailed,
    Stale,
    StoreBusy,
    StoreCannotOpen,
    StoreCorrupt,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreIO,
    StoreReadOnly,
    StoreReplaced,
    SubOrchestrationFailed,
    TimedOut,
    Unsupported,
    WorkFailed,
    WrongStatus,
)
from .handles import Call, Handle, Parent
from .logs import LogFilter, log_to
from .options import ActivityOptions, RetryPolicy
from .runtime import Runtime
from .state import KeyValue
from .store import Store

if TYPE_CHECKING:
    from ._audit import AuditRecord
    from ._changes import Change, ChangeReport
    from ._filters import InstanceFilter
    from ._inspection import (
        Cause,
        ExecutionSummary,
        Inspection,
        OpenChild,
        PendingActivity,
        PendingRequest,
        PendingTimer,
        PendingWait,
        Relative,
        Sizes,
        Tree,
        TreeNode,
        WaitingMessage,
        Why,
    )
    from ._resets import ResetReport
    from ._retention import RetentionRule, SweepReport
    from ._statistics import (
        ActivityQueue,
        Counts,
        Durations,
        InstanceStatistics,
        Node,
        Queues,
        Statistics,
    )
    from .async_client import AsyncClient
    from .async_management import AsyncManagement
    from .management import Management
    from .metrics import Metrics
    from .schedules import (
        Overlap,
        Schedule,
        ScheduleAction,
        ScheduleCalendar,
        ScheduleInterval,
        ScheduleRange,
        ScheduleRun,
        ScheduleSpec,
    )

#: What operators and asyncio programs use, and the module that is imported when a program asks for it.
_LATER = {
    "AuditRecord": "_audit",
    "Change": "_changes",
    "ChangeReport": "_changes",
    "InstanceFilter": "_filters",
    "Cause": "_inspection",
    "ExecutionSummary": "_inspection",
    "Inspection": "_inspection",
    "OpenChild": "_inspection",
    "PendingActivity": "_inspection",
    "PendingRequest": "_inspection",
    "PendingTimer": "_inspection",
    "PendingWait": "_inspection",
    "Relative": "_inspection",
    "Sizes": "_inspection",
    "Tree": "_inspection",
    "TreeNode": "_inspection",
    "WaitingMessage": "_inspection",
    "Why": "_inspection",
    "ResetReport": "_resets",
    "RetentionRule": "_retention",
    "SweepReport": "_retention",
    "ActivityQueue": "_statistics",
    "Counts": "_statistics",
    "Durations": "_statistics",
    "InstanceStatistics": "_statistics",
    "Node": "_statistics",
    "Queues": "_statistics",
    "Statistics": "_statistics",
    "AsyncClient": "async_client",
    "AsyncManagement": "async_management",
    "Management": "management",
    "Metrics": "metrics",
    "Overlap": "schedules",
    "Schedule": "schedules",
    "ScheduleAction": "schedules",
    "ScheduleCalendar": "schedules",
    "ScheduleInterval": "schedules",
    "ScheduleRange": "schedules",
    "ScheduleRun": "schedules",
    "ScheduleSpec": "schedules",
}

__all__ = [
    "Activity",
    "ActivityContext",
    "ActivityFailed",
    "ActivityOptions",
    "ActivityQueue",
    "AlreadyExists",
    "AsyncClient",
    "AsyncManagement",
    "AuditRecord",
    "Call",
    "CallFailed",
    "CallRejected",
    "Cause",
    "Change",
    "ChangeReport",
    "Client",
    "Closed",
    "ConversionError",
    "Counts",
    "Description",
    "Durations",
    "ExecutionSummary",
    "Failure",
    "ForbiddenCall",
    "Forked",
    "Handle",
    "Inspection",
    "InstanceFilter",
    "InstanceStatistics",
    "InvalidArgument",
    "InvalidHandle",
    "KeyValue",
    "LibraryNotLoaded",
    "LimitExceeded",
    "Limits",
    "LogFilter",
    "Management",
    "MessageRefused",
    "Metrics",
    "Node",
    "NonDurableAwait",
    "Nondeterminism",
    "NotFound",
    "OpenChild",
    "Orchestration",
    "OrchestrationCancelled",
    "OrchestrationContext",
    "OrchestrationFailed",
    "Overlap",
    "Parent",
    "PendingActivity",
    "PendingRequest",
    "PendingTimer",
    "PendingWait",
    "PerdureError",
    "ProcessDied",
    "ProtocolViolation",
    "QueryFailed",
    "Queues",
    "Relative",
    "ResetReport",
    "RetentionRule",
    "RetryPolicy",
    "Runtime",
    "Schedule",
    "ScheduleAction",
    "ScheduleCalendar",
    "ScheduleInterval",
    "ScheduleRange",
    "ScheduleRun",
    "ScheduleSpec",
    "Sizes",
    "Stale",
    "StartRequest",
    "Statistics",
    "Store",
    "StoreBusy",
    "StoreCannotOpen",
    "StoreCorrupt",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreIO",
    "StoreReadOnly",
    "StoreReplaced",
    "SubOrchestrationFailed",
    "SweepReport",
    "TimedOut",
    "Tree",
    "TreeNode",
    "Unsupported",
    "WaitingMessage",
    "Why",
    "WorkFailed",
    "WrongStatus",
    "activity",
    "library_version",
    "log_to",
    "orchestration",
    "unsandboxed",
]


def library_version() -> str:
    """The release of the loaded library. Raises LibraryNotLoaded."""
    from ._library import library

    return library().version()


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None and name in _LATER.values():
        return import_module(f".{name}", __name__)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
