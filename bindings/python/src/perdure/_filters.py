"""Which instances something is done to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from . import _json
from ._audit import moment
from .descriptions import Target, target_name
from .errors import InvalidArgument

Moment = Union[datetime, int]


@dataclass(frozen=True)
class InstanceFilter:
    """Those that match all that is given; without anything, all instances."""

    orchestration: Optional[Target] = None
    version: Optional[str] = None
    #: One, or one of several.
    status: Optional[Union[str, Sequence[str]]] = None
    #: Of the instance id.
    prefix: Optional[str] = None
    #: Only the children of this instance.
    parent: Optional[str] = None
    #: All of these.
    attributes: Optional[Mapping[str, str]] = None
    #: Only instances that nobody called.
    roots_only: bool = False
    #: From the first moment on, and before the second: a datetime with a time zone, or ms since 1970.
    created_from: Optional[Moment] = None
    created_to: Optional[Moment] = None
    updated_from: Optional[Moment] = None
    updated_to: Optional[Moment] = None
    ended_from: Optional[Moment] = None
    ended_to: Optional[Moment] = None

    def to_wire(self) -> Dict[str, Any]:
        """Raises InvalidArgument."""
        members: Dict[str, Any] = {
            "orchestration": None if self.orchestration is None else target_name(self.orchestration),
            "version": self.version,
            "status": self.status if self.status is None or isinstance(self.status, str) else [*self.status],
            "instancePrefix": self.prefix,
            "parent": self.parent,
            "attributes": dict(self.attributes) if self.attributes else None,
            "rootsOnly": self.roots_only or None,
        }
        for name in ("created", "updated", "ended"):
            members[f"{name}From"] = moment(getattr(self, f"{name}_from"), f"{name}_from")
            members[f"{name}To"] = moment(getattr(self, f"{name}_to"), f"{name}_to")
        return {key: value for key, value in members.items() if value is not None}


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
