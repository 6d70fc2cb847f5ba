"""Instances from one store to another, as text."""

from __future__ import annotations

from typing import List

from . import _json
from ._operations import Operations


class ExportOperations(Operations):
    """The part of `Management` that exports and imports."""

    def export_instance(self, instance: str, *, children: bool = True) -> str:
        """An instance with all that belongs to it (histories of all executions, waiting messages, key-value
        state, pending activities, calls, subscriptions), as it stands now, as JSON lines ("Exported
        instances" in docs/wire-format.md). For `import_instances`, and for `perdure.testing.replay`.

        `children`: with its descendants. Raises NotFound.
        """
        named = _json.text(instance, "The instance id")
        return self._ask_bytes("export", instance=named, children=children).decode()

    def import_instances(self, text: str, *, suspended: bool = True, reason: str = "") -> List[str]:
        """Puts exported instances into this store: all of them, or none. Returns their ids.

        `suspended`: open instances do not run before they are resumed (`Client.resume`). Raises
        AlreadyExists for an id that is taken, LimitExceeded, or InvalidArgument, which names the line, for
        text that is no export or one of a newer release.
        """
        checked = _json.text(text, "The text")
        imported: List[str] = self._ask("import", reason, text=checked, suspended=suspended)["imported"]
        return imported
