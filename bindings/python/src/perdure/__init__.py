"""Perdure: durable execution as a library. See docs/python.md."""

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
from ._limits import Limits
from ._resets import ResetReport
from ._retention import RetentionRule, SweepReport
from ._sandbox import unsandboxed
from ._statistics import (
    ActivityQueue,
    Counts,
    Durations,
    InstanceStatistics,
    Node,
    Queues,
    Statistics,
)
from .activity_context import ActivityContext
from .async_client import AsyncClient
from .async_management import AsyncManagement
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
from .management import Management
from .metrics import Metrics
from .options import ActivityOptions, RetryPolicy
from .runtime import Runtime
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
from .state import KeyValue
from .store import Store

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
