"""How a part of `Management` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _json
from ._library import text

if TYPE_CHECKING:
    from .client import Client


class Operations:
    """Asks for one operation after the other, as one actor."""

    def __init__(self, client: Client, actor: str = "") -> None:
        self._client = client
        self.actor = _json.text(actor, "The actor")

    def _ask(self, operation: str, reason: str = "", **members: Any) -> Any:
        """One operation. Members that are None are left out."""
        return _json.decode(self._ask_bytes(operation, reason, **members))

    def _ask_bytes(self, operation: str, reason: str = "", **members: Any) -> bytes:
        request = {"operation": operation, "actor": self.actor or None, "reason": reason or None, **members}
        given = {key: value for key, value in request.items() if value is not None}
        client, encoded = self._client, text(_json.encode(given, "The request"))
        return client._lib.bytes_of(client._lib.dx.dx_client_manage, client._handle.value, encoded)
