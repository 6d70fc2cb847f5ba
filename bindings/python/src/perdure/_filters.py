"""Which instances something is done to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Union

from . import _json
from .descriptions import Target, target_name
from .errors import InvalidArgument


@dataclass(frozen=True)
class InstanceFilter:
    """Those that match all that is given; without anything, all instances."""

    orchestration: Optional[Target] = None
    status: Optional[str] = None
    #: Of the instance id.
    prefix: Optional[str] = None
    #: Only the children of this instance.
    parent: Optional[str] = None

    def to_wire(self) -> Dict[str, Any]:
        """Raises InvalidArgument."""
        members: Dict[str, Any] = {
            "orchestration": None if self.orchestration is None else target_name(self.orchestration),
            "status": self.status,
            "instancePrefix": self.prefix,
            "parent": self.parent,
        }
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
