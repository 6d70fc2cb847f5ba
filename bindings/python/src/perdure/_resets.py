"""Putting instances back to an earlier point: a part of `Management`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List

from . import _json
from ._operations import Operations


@dataclass(frozen=True)
class ResetReport:
    """What a reset does, or would do, to one instance."""

    instance: str
    #: The last event that the code has seen there; 0: none.
    event: int
    #: How many events go.
    dropped: int
    #: Activities that failed later and are tried again.
    reopened: List[str]
    #: Activities that were scheduled later: the code may ask for them a second time.
    repeated: List[str]
    #: What becomes of children, by id: "goesOn"; "rewound": it had failed, and is itself put back to before
    #: its failed step; "restarted": it had been cancelled, terminated or deleted, and begins anew; "deleted":
    #: it was started later than the point; "ended": its parent is told so.
    children: Dict[str, str]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> ResetReport:
        children = {each["instance"]: each["fate"] for each in wire["children"]}
        return cls(
            wire["instance"], wire["event"], wire["dropped"], wire["reopened"], wire["repeated"], children
        )


class ResetOperations(Operations):
    """The part of `Management` that puts instances back."""

    def rewind(self, instance: str, *, reason: str = "", dry_run: bool = False) -> List[ResetReport]:
        """Lets a failed instance go on from its failed step: the activity that failed is tried again, a child
        that failed is rewound itself. What the code did after that (such as compensations) is forgotten, not
        undone. Returns one report for each instance that is put back, the named one first; `dry_run` does
        nothing else. Raises WrongStatus for an instance that has not failed, or whose parent was told.
        """
        instance = _json.text(instance, "The instance id")
        answer = self._ask("rewind", reason, instance=instance, dryRun=dry_run)
        return [ResetReport.of_wire(each) for each in answer["instances"]]

    def reset(
        self, instance: str, event: int, *, reason: str = "", dry_run: bool = False
    ) -> List[ResetReport]:
        """Puts an instance back to where it stood after an event of its current execution (0: at its
        beginning). Messages and results that it had later come again; what failed later is tried again; what
        its code did later is forgotten, not undone.
        """
        instance = _json.text(instance, "The instance id")
        answer = self._ask("reset", reason, instance=instance, event=event, dryRun=dry_run)
        return [ResetReport.of_wire(each) for each in answer["instances"]]
