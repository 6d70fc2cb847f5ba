"""Runs what is registered with it, until it is shut down."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Set, Tuple, TypeVar, overload

from .. import runtime as native
from ..definitions import DEFAULT_VERSION, Activity, Orchestration
from ..metrics import Metrics
from . import _driver, activities, tracing
from .client import Client
from .errors import translated
from .providers import Provider
from .results import MetricsSnapshot
from .tasks import MAX_WORKER_TAGS

Function = TypeVar("Function", bound=Callable[..., Any])

logger = logging.getLogger("perdure")

#: Activities at once when the options do not say.
WORKERS = 16
#: How long a shutdown waits for them, when the call does not say.
SHUTDOWN_MS = 1000


class TagFilter:
    """Which activities the workers of a runtime take, as a text for `worker_tag_filter`."""

    #: Those without a tag.
    DEFAULT_ONLY = "default_only"
    ANY = "any"
    NONE = "none"

    @staticmethod
    def tags(tags: List[str]) -> str:
        """Those with one of these tags."""
        return json.dumps({"tags": list(tags)})

    @staticmethod
    def default_and(tags: List[str]) -> str:
        """Those without a tag as well."""
        return json.dumps({"default_and": list(tags)})


@dataclass(frozen=True)
class RuntimeOptions:
    """None leaves a setting as it is. What has a note "no effect" has no counterpart in Perdure, which does
    not poll, and holds no locks that would have to be renewed."""

    #: 0: no orchestrations. Above that, no effect: they are never blocked, and share one thread.
    orchestration_concurrency: Optional[int] = None
    #: Activities at once, 16 by default. 0: none.
    worker_concurrency: Optional[int] = None
    #: No effect.
    dispatcher_poll_interval_ms: Optional[int] = None
    #: No effect.
    worker_lock_timeout_ms: Optional[int] = None
    #: No effect: see `init_tracing`.
    log_format: Optional[str] = None
    #: For the first runtime of a process, if nothing else says where the log goes.
    log_level: Optional[str] = None
    #: No effect.
    service_name: Optional[str] = None
    #: No effect.
    service_version: Optional[str] = None
    max_sessions_per_runtime: Optional[int] = None
    session_idle_timeout_ms: Optional[int] = None
    #: The end of the `worker_id` that activities see.
    worker_node_id: Optional[str] = None
    #: See `TagFilter`.
    worker_tag_filter: Optional[str] = None
    #: No effect, as the rest.
    orchestrator_lock_timeout_ms: Optional[int] = None
    orchestrator_lock_renewal_buffer_ms: Optional[int] = None
    max_attempts: Optional[int] = None
    worker_lock_renewal_buffer_ms: Optional[int] = None
    session_lock_timeout_ms: Optional[int] = None
    session_lock_renewal_buffer_ms: Optional[int] = None


class Runtime:
    """Runtimes of one process may share a provider, and names."""

    @translated
    def __init__(self, provider: Provider, options: Optional[RuntimeOptions] = None) -> None:
        if not isinstance(provider, Provider):
            raise TypeError(f"A Runtime needs a provider, such as SqliteProvider, not {provider!r}.")
        given = self._options = options or RuntimeOptions()
        workers = WORKERS if given.worker_concurrency is None else given.worker_concurrency
        self._provider = provider
        takes = _tags(given.worker_tag_filter)
        self._runs_activities = workers > 0 and takes is not None
        self._runs_orchestrations = given.orchestration_concurrency != 0
        self._workers = activities.Workers(given.worker_node_id or uuid.uuid4().hex[:4], max(workers, 1))
        settings: Dict[str, Any] = dict(takes or {})
        if given.max_sessions_per_runtime is not None:
            settings["sessions"] = given.max_sessions_per_runtime
        if given.session_idle_timeout_ms is not None:
            settings["session_idle"] = given.session_idle_timeout_ms / 1000
        # Code that differs from its history ends the instance here: there is no status for setting it aside.
        self._runtime = native.Runtime(
            provider.store, activity_slots=max(workers, 1), nondeterminism="fail", **settings
        )
        self._registered: Set[str] = set()
        self._client: Optional[Client] = None
        self._state = "new"
        self._before: Optional[Metrics] = None

    # ---- Registration ----------------------------------------------------------------------------

    @overload
    def register_activity(self, name: str, fn: Function) -> Function: ...
    @overload
    def register_activity(self, name: str, fn: None = None) -> Callable[[Function], Function]: ...
    def register_activity(self, name: str, fn: Any = None) -> Any:
        """Returns `fn`; without one, a decorator."""
        return self._register(fn, lambda function: self._add_activity(name, function))

    @overload
    def register_orchestration(self, name: str, fn: Function) -> Function: ...
    @overload
    def register_orchestration(self, name: str, fn: None = None) -> Callable[[Function], Function]: ...
    def register_orchestration(self, name: str, fn: Any = None) -> Any:
        """A generator function `(ctx, input)`, or a plain one that returns its output at once."""
        return self._register(fn, lambda function: self._add_orchestration(name, DEFAULT_VERSION, function))

    @overload
    def register_orchestration_versioned(self, name: str, version: str, fn: Function) -> Function: ...
    @overload
    def register_orchestration_versioned(
        self, name: str, version: str, fn: None = None
    ) -> Callable[[Function], Function]: ...
    def register_orchestration_versioned(self, name: str, version: str, fn: Any = None) -> Any:
        return self._register(fn, lambda function: self._add_orchestration(name, version, function))

    register_activity_typed = register_activity
    register_orchestration_typed = register_orchestration
    register_orchestration_versioned_typed = register_orchestration_versioned

    def _register(self, function: Any, add: Callable[[Any], None]) -> Any:
        @translated
        def register(function: Any) -> Any:
            if not callable(function):
                raise TypeError(f"A function is registered, not {function!r}.")
            add(function)
            return function

        return register if function is None else register(function)

    def _add_activity(self, name: str, function: Callable[..., Any]) -> None:
        definition: Activity[Any, Any] = Activity(
            activities.activity(function, self._workers, self._get_client), name
        )
        self._claim(f"activity '{name}'")
        if self._runs_activities:
            self._runtime.register(definition)

    def _add_orchestration(self, name: str, version: str, function: Callable[..., Any]) -> None:
        definition: Orchestration[Any, Any] = Orchestration(_driver.orchestration(function), name, version)
        self._claim(f"orchestration '{name}' version {version}")
        if self._runs_orchestrations:
            self._runtime.register(definition)

    def _claim(self, what: str) -> None:
        if what in self._registered:
            raise RuntimeError(f"An {what} is registered already with this runtime.")
        self._registered.add(what)

    def _get_client(self) -> Client:
        if self._client is None:
            self._client = Client(self._provider)
        return self._client

    # ---- Life ------------------------------------------------------------------------------------

    @translated
    def start(self) -> None:
        """Begins to take work, and returns."""
        if self._state != "new":
            raise RuntimeError(f"The runtime was {self._state} before; make a new one.")
        tracing.runtime_starts(self._options.log_level)
        self._before = self._provider.store.metrics()
        self._runtime.start()
        self._state = "started"

    @translated
    def shutdown(self, timeout_ms: Optional[int] = None) -> None:
        """Takes no new work and gives running activities so long. What is not done is done by the next
        runtime. Twice is harmless."""
        self._state = "shut down"
        self._runtime.stop((SHUTDOWN_MS if timeout_ms is None else timeout_ms) / 1000)

    @translated
    def metrics_snapshot(self) -> Optional[MetricsSnapshot]:
        """None before the start and after the end. Runtimes that share a provider have counts in common."""
        before = self._before
        if self._state != "started" or before is None:
            return None
        now = self._provider.store.metrics()
        return MetricsSnapshot(
            **{field: _count(now, parts) - _count(before, parts) for field, parts in COUNTERS.items()}
        )


# ---- Metrics -------------------------------------------------------------------------------------

Parts = List[Tuple[str, Dict[str, str]]]

_COMPLETED: Parts = [("perdure_instances_ended", {"status": "Completed"})]
_FAILED: Parts = [
    ("perdure_instances_ended", {"status": "Failed"}),
    ("perdure_instances_ended", {"status": "Cancelled"}),
    ("perdure_instances_terminated", {}),
]

#: Each counter of a snapshot is a sum of families of Perdure; those that are empty cannot happen there.
COUNTERS: Dict[str, Parts] = {
    "orch_starts": [("perdure_instances_started", {})],
    "orch_completions": _COMPLETED,
    "orch_failures": _FAILED,
    "orch_application_errors": _FAILED,
    "orch_infrastructure_errors": [],
    "orch_configuration_errors": [],
    "orch_poison": [("perdure_instances_quarantined", {})],
    "activity_success": [("perdure_activities_completed", {})],
    "activity_app_errors": [("perdure_activities_failed", {})],
    "activity_infra_errors": [],
    "activity_config_errors": [],
    "activity_poison": [],
    "orch_dispatcher_items_fetched": [("perdure_turns", {})],
    "worker_dispatcher_items_fetched": [("perdure_activity_attempts_started", {})],
    "orch_continue_as_new": [("perdure_executions_continued", {})],
    "suborchestration_calls": [("perdure_events", {"kind": "SubOrchestrationScheduled"})],
    "provider_errors": [("perdure_store_errors", {})],
}


def _count(metrics: Metrics, parts: Parts) -> int:
    return int(sum(metrics.value(name, **labels) for name, labels in parts))


# ---- Tags ----------------------------------------------------------------------------------------


def _tags(filter: Optional[str]) -> Optional[Dict[str, Any]]:
    """The settings of a runtime for a filter, None for one that takes no activities."""
    if filter in (None, TagFilter.DEFAULT_ONLY):
        return {}
    if filter == TagFilter.NONE:
        return None
    if filter == TagFilter.ANY:
        return {"activity_tags": "any"}
    try:
        ((kind, tags),) = json.loads(str(filter)).items()
        untagged = {"tags": False, "default_and": True}[kind]
        if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
            raise ValueError
    except (ValueError, KeyError, AttributeError):
        logger.warning("worker_tag_filter %r cannot be read: activities without a tag are taken.", filter)
        return {}
    if not 1 <= len(tags) <= MAX_WORKER_TAGS:
        raise RuntimeError(f"worker_tag_filter takes 1 to {MAX_WORKER_TAGS} tags, not {len(tags)}.")
    return {"activity_tags": tags, "untagged_activities": untagged}
