"""What a client sends and gets: start requests and descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Literal, Mapping, Optional, Union

from . import _failures, _json, _limits, _types, options
from .definitions import Orchestration
from .errors import Failure, InvalidArgument, OrchestrationCancelled, OrchestrationFailed
from .options import Seconds

Target = Union[str, Orchestration[Any, Any]]
StartPolicy = Literal["fail", "use_existing", "restart_if_finished", "terminate_and_restart"]

_POLICIES = {
    "fail": "fail",
    "use_existing": "useExisting",
    "restart_if_finished": "restartIfFinished",
    "terminate_and_restart": "terminateAndRestart",
}


@dataclass(frozen=True)
class StartRequest:
    """One element of `start_many`; the options of `Client.start`."""

    orchestration: Target
    input: Any = None
    instance: Optional[str] = None
    version: Optional[str] = None
    #: What a taken id means: "fail" (raises AlreadyExists), "use_existing" (that instance is as good),
    #: "restart_if_finished" (a finished one gives way), "terminate_and_restart" (any gives way).
    policy: StartPolicy = "fail"
    #: Not before this time (with a time zone); or not before so many seconds from now.
    start_at: Optional[datetime] = None
    delay: Optional[Seconds] = None
    priority: Optional[int] = None
    #: Text by name, shown by descriptions.
    attributes: Optional[Mapping[str, str]] = None
    #: Any JSON, shown by descriptions.
    memo: Any = None
    #: A start with a key that an instance has comes to that instance, whatever its id.
    dedup_key: Optional[str] = None
    #: The place in a distributed trace that it is started from, as W3C headers have it: its executions,
    #: activities and children are then parts of that trace.
    traceparent: Optional[str] = None
    tracestate: Optional[str] = None

    def to_json(self) -> str:
        """Raises InvalidArgument."""
        name = target_name(self.orchestration)
        members = [f'"orchestration":{_json.encode(name)}']
        for key, value, what in (
            ("instance", self.instance, "The instance id"),
            ("version", self.version, "The version"),
            ("dedupKey", self.dedup_key, "The dedup_key"),
            ("traceparent", self.traceparent, "The traceparent"),
            ("tracestate", self.tracestate, "The tracestate"),
        ):
            if value is not None:
                members.append(f'"{key}":{_json.quote(value, what)}')
        members.append(f'"input":{_json.encode(self.input, f"The input of orchestration {name!r}")}')
        if self.policy != "fail":
            if self.policy not in _POLICIES:
                raise InvalidArgument(f"policy is one of {', '.join(_POLICIES)}, not {self.policy!r}.")
            members.append(f'"policy":"{_POLICIES[self.policy]}"')
        if self.start_at is not None and self.delay is not None:
            raise InvalidArgument("Give start_at or delay, not both.")
        if self.start_at is not None:
            members.append(f'"startAt":{options.epoch_ms(self.start_at, "start_at")}')
        if self.delay is not None:
            members.append(f'"delayMS":{options.milliseconds(self.delay, "delay", 0)}')
        if self.priority is not None:
            members.append(f'"priority":{options.whole(self.priority, "priority", -1000, 1000)}')
        if self.attributes:
            members.append(f'"attributes":{_attributes(self.attributes)}')
        if self.memo is not None:
            members.append(f'"memo":{_json.encode(self.memo, "The memo")}')
        return f"{{{','.join(members)}}}"


def _attributes(attributes: Mapping[str, str]) -> str:
    for key, value in attributes.items():
        _limits.name(key, "The name of an attribute")
        _json.text(value, f"The attribute '{key}'")
    return _json.encode(dict(attributes), "The attributes")


def target_name(orchestration: Target) -> str:
    name = orchestration.name if isinstance(orchestration, Orchestration) else orchestration
    return _json.text(name, "The name of the orchestration")


@dataclass(frozen=True)
class Description:
    """What is known of an instance. Times in milliseconds since 1970."""

    instance: str
    orchestration: str
    version: Optional[str]
    #: Pending, Running, Suspended, Completed, Failed, Cancelled, Terminated or Quarantined.
    status: str
    execution: int
    parent: Optional[Dict[str, Any]]
    custom_status: Any
    custom_status_version: int
    output: Any
    failure: Optional[Failure]
    #: Why it waits for something that is not work: no runtime serves its name, its code and history differ...
    pending_reason: Optional[str]
    #: Why it was suspended, as `Client.suspend` was told.
    suspend_reason: Optional[str]
    #: When it is to begin; None for at once.
    start_at: Optional[int]
    priority: int
    attributes: Dict[str, str]
    memo: Any
    dedup_key: Optional[str]
    created_at: int
    updated_at: int
    ended_at: Optional[int]
    event_count: int

    @property
    def is_ended(self) -> bool:
        return self.status in ("Completed", "Failed", "Cancelled", "Terminated")

    @staticmethod
    def of_wire(wire: Dict[str, Any]) -> Description:
        failure = wire.get("failure")
        return Description(
            instance=wire["instance"],
            orchestration=wire["orchestration"],
            version=wire.get("version"),
            status=wire["status"],
            execution=wire["execution"],
            parent=wire.get("parent"),
            custom_status=wire.get("customStatus"),
            custom_status_version=wire.get("customStatusVersion", 0),
            output=wire.get("output"),
            failure=_failures.from_wire(failure) if failure else None,
            pending_reason=wire.get("pendingReason"),
            suspend_reason=wire.get("suspendReason"),
            start_at=wire.get("startAt"),
            priority=wire.get("priority") or 0,
            attributes=wire.get("attributes") or {},
            memo=wire.get("memo"),
            dedup_key=wire.get("dedupKey"),
            created_at=wire["createdAt"],
            updated_at=wire["updatedAt"],
            ended_at=wire.get("endedAt"),
            event_count=wire.get("eventCount", 0),
        )

    def result(self, of: Any = None) -> Any:
        """The output of a completed instance; converted, if `of` is a type or an orchestration. Raises
        OrchestrationFailed or OrchestrationCancelled."""
        if self.status == "Completed":
            if of is None:
                return self.output
            what = f"The result of instance '{self.instance}'"
            is_definition = isinstance(of, Orchestration)
            decode = of.decoders()[1] if is_definition else _types.checked(_types.decoder(of), "result", what)
            return self.output if decode is None else decode(self.output)
        if self.status == "Failed":
            raise OrchestrationFailed(self.instance, self.failure or _failures.from_wire(None))
        raise OrchestrationCancelled(self.instance, self.status)
