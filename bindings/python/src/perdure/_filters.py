"""Which instances something is done to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Union

from . import _json
from ._audit import moment
from .descriptions import Target, target_name
from .errors import InvalidArgument

Time = Union[datetime, int]


@dataclass(frozen=True)
class InstanceFilter:
    """Those that match all that is given; without anything, all instances."""

    orchestration: Optional[Target] = None
    #: One, or several of which each matches.
    status: Optional[Union[str, Sequence[str]]] = None
    #: Of the instance id.
    prefix: Optional[str] = None
    #: Only the children of this instance.
    parent: Optional[str] = None
    version: Optional[str] = None
    #: From the first moment on, before the second: a datetime with a time zone, or milliseconds since 1970.
    created_from: Optional[Time] = None
    created_to: Optional[Time] = None
    updated_from: Optional[Time] = None
    updated_to: Optional[Time] = None
    ended_from: Optional[Time] = None
    ended_to: Optional[Time] = None
    #: All must be the same; at most 32.
    attributes: Optional[Mapping[str, str]] = None
    #: Only those that nobody called.
    roots_only: bool = False
    #: Of creation.
    order: Literal["oldest", "newest"] = "oldest"

    def to_wire(self) -> Dict[str, Any]:
        """Raises InvalidArgument."""
        members: Dict[str, Any] = {
            "orchestration": None if self.orchestration is None else target_name(self.orchestration),
            "version": self.version,
            "status": None if self.status is None else _strings(self.status),
            "createdFrom": moment(self.created_from, "created_from"),
            "createdTo": moment(self.created_to, "created_to"),
            "updatedFrom": moment(self.updated_from, "updated_from"),
            "updatedTo": moment(self.updated_to, "updated_to"),
            "endedFrom": moment(self.ended_from, "ended_from"),
            "endedTo": moment(self.ended_to, "ended_to"),
            "attributes": dict(self.attributes) if self.attributes else None,
            "rootsOnly": self.roots_only or None,
            "order": None if self.order == "oldest" else self.order,
            "instancePrefix": self.prefix,
            "parent": self.parent,
        }
        return {key: value for key, value in members.items() if value is not None}


def _strings(status: Union[str, Sequence[str]]) -> Union[str, List[str]]:
    return status if isinstance(status, str) else [*status]


#: One instance, several, or those that a filter finds.
Selection = Union[str, Sequence[str], InstanceFilter]


def selected(selection: Selection) -> Dict[str, Any]:
    """The members of a request that say which instances are meant."""
    if isinstance(selection, InstanceFilter):
        return {"filter": selection.to_wire()}
    if isinstance(selection, str):
        return {"instances": [_json.text(selection, "The instance id")]}
    try:
        return {"instances": [_json.text(each, "The instance id") for each in selection]}
    except TypeError:
        kind = type(selection).__name__
        raise InvalidArgument(f"Name an instance, several, or give an InstanceFilter, not {kind}.") from None
