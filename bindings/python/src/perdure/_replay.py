"""What replays of recorded histories come to, and how they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Literal, Optional, Sequence

from . import _json
from ._library import library, text
from ._waiting import Waiting, milliseconds
from .errors import Nondeterminism

Verdict = Literal["same", "differs", "endedDifferently", "malformed", "notRegistered", "failed"]

HINTS: Dict[str, str] = {
    "differs": "keep the old way for instances that have taken it (`if ctx.patched(...)`), or register the "
    "changed code as a new version beside the old one",
    "endedDifferently": "nothing that has ended is run again; instances that are still open come to the new "
    "end",
    "notRegistered": "instances stay with their version: register it beside the new one",
}


@dataclass(frozen=True)
class ReplayReport:
    """What a replay of a recorded history came to. `str` of it is for people."""

    #: "same"; "differs": the code takes another way, and a runtime would quarantine the instance;
    #: "endedDifferently": it goes the way of its history to another end; "malformed": no engine wrote this
    #: history; "notRegistered": no code has this name and version; "failed": the code could not be run.
    verdict: Verdict
    #: All of it in one sentence.
    message: str
    #: Executions that were replayed. The report is of the first that is not the same.
    replayed: int
    instance: Optional[str] = None
    execution: Optional[int] = None
    orchestration: Optional[str] = None
    version: Optional[str] = None
    #: In words: what kind of difference.
    rule: Optional[str] = None
    #: The event of history at which code and history part, and its kind.
    event: Optional[int] = None
    event_kind: Optional[str] = None
    #: What history has there, and what the code does.
    expected: Optional[str] = None
    found: Optional[str] = None

    @property
    def is_same(self) -> bool:
        return self.verdict == "same"

    def raise_if_different(self) -> None:
        """Raises Nondeterminism with the whole report, unless history and code are the same."""
        if not self.is_same:
            raise Nondeterminism(str(self), details={"report": self})

    def __str__(self) -> str:
        if self.is_same:
            return f"same: {self.message}"
        code = f"orchestration '{self.orchestration}' {self.version or ''}"
        lines = [f"{self.verdict}: instance '{self.instance}', execution {self.execution}, {code}"]
        return "\n".join([*lines, *_difference(self), *_hint(self.verdict)])

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ReplayReport:
        return cls(**_members(wire))


@dataclass(frozen=True)
class PreflightGroup:
    """Instances that part from their code at the same event and in the same way."""

    verdict: Verdict
    orchestration: str
    #: This and what differs there: of the first instance.
    message: str
    count: int
    #: The first ten.
    instances: List[str]
    version: Optional[str] = None
    rule: Optional[str] = None
    #: The first event that differs, and its kind.
    event: Optional[int] = None
    event_kind: Optional[str] = None
    expected: Optional[str] = None
    found: Optional[str] = None

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.instances) else ""
        lines = [f"{self.count} x {self.verdict}: '{self.orchestration}' {self.version or ''}"]
        lines += [*_difference(self), f"  instances: {', '.join(self.instances)}{more}", *_hint(self.verdict)]
        return "\n".join(lines)


@dataclass(frozen=True)
class PreflightReport:
    """What the replay of all open instances of a store came to. `str` of it is for people."""

    #: Instances that were looked at; `pending` of them have not begun.
    checked: int
    same: int
    pending: int
    groups: List[PreflightGroup]
    #: Those whose name or version is not registered here.
    not_registered: List[PreflightGroup]
    #: This code can take over all that is open.
    is_clean: bool
    #: Instances of groups beyond the first 1,000.
    ungrouped: int = 0

    def __str__(self) -> str:
        different, unknown = (sum(each.count for each in part) for part in (self.groups, self.not_registered))
        lines = [
            f"{'clean' if self.is_clean else 'NOT CLEAN'}: {self.checked} open instances, "
            f"{self.same} the same, {self.pending} not begun, {different} different, {unknown} not registered"
        ]
        lines += [f"\n{each}" for each in (*self.groups, *self.not_registered)]
        if self.ungrouped:
            lines.append(f"and {self.ungrouped} instances in further groups")
        return "\n".join(lines)

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> PreflightReport:
        groups, unknown = (
            [PreflightGroup(**_members(each)) for each in wire[name]] for name in ("groups", "notRegistered")
        )
        return cls(
            wire["checked"], wire["same"], wire["pending"], groups, unknown, wire["isClean"],
            wire.get("ungrouped", 0),
        )  # fmt: skip


def _members(wire: Dict[str, Any]) -> Dict[str, Any]:
    return {"event_kind" if key == "eventKind" else key: value for key, value in wire.items()}


def _difference(report: Any) -> List[str]:
    if report.expected is None or report.found is None:
        return [f"  {report.message}"]
    place = "its history" if report.event is None else f"event {report.event}"
    kind = f" ({report.event_kind})" if report.event_kind else ""
    return [
        f"  at {place}{kind}: {report.rule or 'difference'}",
        f"  history has: {report.expected}",
        f"  the code does: {report.found}",
    ]


def _hint(verdict: str) -> List[str]:
    return [f"  hint: {HINTS[verdict]}"] if verdict in HINTS else []


# ---- Calls ---------------------------------------------------------------------------------------


def replaying(history: str, timeout: Optional[float]) -> Waiting:
    arguments = (text(_json.text(history, "The history")), milliseconds(timeout))
    return Waiting(library().dx.dx_history_replay, arguments, ReplayReport.of_wire)


def preflighting(
    orchestration: Optional[str], statuses: Optional[Sequence[str]], limit: Optional[int],
    include_quarantined: bool, ignore_not_registered: bool, timeout: Optional[float],
) -> Waiting:  # fmt: skip
    request = {
        "orchestration": orchestration,
        "statuses": None if statuses is None else list(statuses),
        "limit": limit,
        "includeQuarantined": include_quarantined,
        "ignoreNotRegistered": ignore_not_registered,
    }
    given = {key: value for key, value in request.items() if value is not None}
    arguments = (text(_json.encode(given, "The request")), milliseconds(timeout))
    return Waiting(library().dx.dx_runtime_preflight, arguments, PreflightReport.of_wire)
