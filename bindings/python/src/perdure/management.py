"""What operators, tools and tests ask of a store. Made by `Client.management`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _json
from ._audit import AuditOperations
from ._looking import Looking
from ._resets import ResetOperations

if TYPE_CHECKING:
    from .client import Client


class Management(Looking, AuditOperations, ResetOperations):
    """What a call that returned has changed is on disk, with a record of who did it and why."""

    def __init__(self, client: Client, actor: str = "") -> None:
        self._client = client
        self.actor = _json.text(actor, "The actor")

    def _ask(self, operation: str, reason: str = "", **members: Any) -> Any:
        """One operation. Members that are None are left out."""
        request = {"operation": operation, "actor": self.actor or None, "reason": reason or None, **members}
        given = {key: value for key, value in request.items() if value is not None}
        return self._client._ask(self._client._lib.dx.dx_client_manage, _json.encode(given, "The request"))
