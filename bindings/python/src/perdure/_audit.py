"""Who changed what: `Management.audit`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Iterator, Optional, Union

from . import options
from ._operations import Operations
from .errors import InvalidArgument


@dataclass(frozen=True)
class AuditRecord:
    """A change that somebody made."""

    #: Grows from record to record.
    id: int
    #: Milliseconds since 1970.
    at: int
    #: As `Client.management` was told; empty for who did not say, and for the calls of `Client`.
    actor: str
    #: Such as "terminate".
    operation: str
    #: The instance, or the name of what was changed.
    target: str
    reason: str
    #: What else there is to say.
    detail: Any = None

    @staticmethod
    def of_wire(wire: Dict[str, Any]) -> AuditRecord:
        return AuditRecord(
            wire["id"], wire["at"], wire["actor"], wire["operation"], wire["target"], wire["reason"],
            wire.get("detail"),
        )  # fmt: skip


def moment(when: Optional[Union[datetime, int]], what: str) -> Optional[int]:
    """A time with a time zone, or milliseconds since 1970 as records have them."""
    if isinstance(when, bool):
        raise InvalidArgument(f"{what} is a time or milliseconds since 1970, not {when}.")
    return when if when is None or isinstance(when, int) else options.epoch_ms(when, what)


class AuditOperations(Operations):
    """The part of `Management` that reads records."""

    def audit(
        self, *, target: Optional[str] = None, actor: Optional[str] = None, operation: Optional[str] = None,
        since: Optional[Union[datetime, int]] = None, until: Optional[Union[datetime, int]] = None,
        page_size: int = 100,
    ) -> Iterator[AuditRecord]:  # fmt: skip
        """What was changed by whom, the newest first, fetched page by page while you iterate.

        `target`: an instance, or the name of what was changed. `since` counts itself, `until` does not;
        a datetime with a time zone, or milliseconds since 1970. Records outlive the instances, by 400 days.
        """
        filters = {
            "target": target,
            "actor": actor,
            "operation": operation,
            "from": moment(since, "since"),
            "to": moment(until, "until"),
        }
        given = {key: value for key, value in filters.items() if value is not None}
        cursor: Optional[int] = None
        while True:
            page = self._ask("audit", filter=given or None, limit=page_size, cursor=cursor)
            yield from map(AuditRecord.of_wire, page["records"])
            cursor = page.get("next")
            if cursor is None:
                return
