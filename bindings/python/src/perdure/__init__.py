"""Perdure: durable execution as a library."""

from .context import ActivityContext, Handle, OrchestrationContext, Parent
from .definitions import Activity, Orchestration, activity, orchestration
from .errors import (
    ActivityFailed,
    Failure,
    NonDurableAwait,
    OrchestrationCancelled,
    OrchestrationFailed,
    PerdureError,
    SubOrchestrationFailed,
)
