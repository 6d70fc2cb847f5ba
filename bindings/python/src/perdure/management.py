"""What operators, tools and tests ask of a store. Made by `Client.management`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import _json
from ._audit import AuditOperations
from ._changes import ChangeOperations
from ._exports import ExportOperations
from ._library import text
from ._looking import Looking
from ._resets import ResetOperations
from ._retention import RetentionOperations
from ._schedules import ScheduleOperations

if TYPE_CHECKING:
    from .client import Client


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

    def __init__(self, client: Client, actor: str = "") -> None:
        self._client = client
        self.actor = _json.text(actor, "The actor")

    def _ask(self, operation: str, reason: str = "", **members: Any) -> Any:
        """One operation. Members that are None are left out."""
        return json.loads(self._ask_bytes(operation, reason, **members))

    def _ask_bytes(self, operation: str, reason: str = "", **members: Any) -> bytes:
        request = {"operation": operation, "actor": self.actor or None, "reason": reason or None, **members}
        given = {key: value for key, value in request.items() if value is not None}
        client, encoded = self._client, text(_json.encode(given, "The request"))
        return client._lib.bytes_of(client._lib.dx.dx_client_manage, client._handle.value, encoded)
