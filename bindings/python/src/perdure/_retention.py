"""How long finished instances are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import options
from ._operations import Operations
from .descriptions import Target, target_name
from .options import Seconds


@dataclass(frozen=True)
class RetentionRule:
    """Finished instances of an orchestration are kept for so many seconds from their end on."""

    #: "*": of all orchestrations that have no rule of their own.
    orchestration: str
    keep: float
    #: Which ends: of Completed, Failed, Cancelled, Terminated.
    statuses: Tuple[str, ...]

    @staticmethod
    def of_wire(wire: Dict[str, Any]) -> RetentionRule:
        return RetentionRule(wire["orchestration"], wire["keepMS"] / 1000, tuple(wire["statuses"]))


@dataclass(frozen=True)
class SweepReport:
    """What a sweep removed, or would remove."""

    #: Roots and their descendants.
    deleted: Tuple[str, ...]
    #: There is more to be removed now.
    has_more: bool
    #: When something is due next, in milliseconds since 1970; None: nothing will be.
    next: Optional[int]


class RetentionOperations(Operations):
    """The part of `Management` that says how long finished instances are kept."""

    def set_retention(
        self, orchestration: Target, keep: Seconds, *, statuses: Optional[Sequence[str]] = None,
        reason: str = "",
    ) -> None:  # fmt: skip
        """From now on runtimes remove finished instances of the orchestration, with their descendants, `keep`
        after their end. "*" is the rule for all orchestrations without one of their own. `statuses`:
        only those that ended so. Takes the place of the rule that there is.
        """
        self._ask(
            "setRetention", reason, orchestration=target_name(orchestration),
            keepMS=options.milliseconds(keep, "keep", 0), statuses=None if statuses is None else [*statuses],
        )  # fmt: skip

    def retention(self) -> List[RetentionRule]:
        """The rules, by name."""
        return [RetentionRule.of_wire(each) for each in self._ask("retention")["rules"]]

    def remove_retention(self, orchestration: Target, *, reason: str = "") -> None:
        """What ended so far and is still there stays. Raises NotFound when there is no such rule."""
        self._ask("removeRetention", reason, orchestration=target_name(orchestration))

    def sweep(self, *, dry_run: bool = False, limit: int = 10_000, reason: str = "") -> SweepReport:
        """Removes now what the rules let go, also when no runtime runs. `limit`: of instances that nobody
        called, with which their descendants go."""
        wire = self._ask("sweep", reason, dryRun=dry_run or None, limit=limit)
        return SweepReport(tuple(wire["deleted"]), wire["hasMore"], wire.get("next"))
