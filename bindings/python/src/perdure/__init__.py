"""Perdure: durable execution as a library. See docs/python.md."""

from .client import AsyncClient, Client, Description, StartRequest
from .context import ActivityContext, Handle, OrchestrationContext, Parent
from .definitions import Activity, Orchestration, activity, orchestration
from .errors import (
    ActivityFailed,
    AlreadyExists,
    Closed,
    Failure,
    Forked,
    InvalidArgument,
    InvalidHandle,
    LibraryNotLoaded,
    LimitExceeded,
    NonDurableAwait,
    NotFound,
    OrchestrationCancelled,
    OrchestrationFailed,
    PerdureError,
    StoreError,
    SubOrchestrationFailed,
    TimedOut,
    WrongStatus,
)
from .logs import log_to
from .runtime import Runtime
from .store import Store

__all__ = [
    "Activity",
    "ActivityContext",
    "ActivityFailed",
    "AlreadyExists",
    "AsyncClient",
    "Client",
    "Closed",
    "Description",
    "Failure",
    "Forked",
    "Handle",
    "InvalidArgument",
    "InvalidHandle",
    "LibraryNotLoaded",
    "LimitExceeded",
    "NonDurableAwait",
    "NotFound",
    "Orchestration",
    "OrchestrationCancelled",
    "OrchestrationContext",
    "OrchestrationFailed",
    "Parent",
    "PerdureError",
    "Runtime",
    "StartRequest",
    "Store",
    "StoreError",
    "SubOrchestrationFailed",
    "TimedOut",
    "WrongStatus",
    "activity",
    "library_version",
    "log_to",
    "orchestration",
]


def library_version() -> str:
    """The release of the loaded library. Raises LibraryNotLoaded."""
    from ._library import library

    return library().version()
