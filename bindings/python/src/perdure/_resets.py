"""Putting instances back to an earlier point: a part of `Management`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List


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
