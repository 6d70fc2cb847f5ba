"""What operators, tools and tests ask of a store. Made by `Client.management`."""

from __future__ import annotations

from ._audit import AuditOperations
from ._changes import ChangeOperations
from ._exports import ExportOperations
from ._looking import Looking
from ._resets import ResetOperations
from ._retention import RetentionOperations
from ._schedules import ScheduleOperations


class Management(
    Looking,
    AuditOperations,
    ChangeOperations,
    ExportOperations,
    ResetOperations,
    RetentionOperations,
    ScheduleOperations,
):
    """What a call that returned has changed is on disk, with a record of who did it and why."""
