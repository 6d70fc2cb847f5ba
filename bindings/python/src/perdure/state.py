"""The key-value state of an instance, kept by the host: docs/wire-format.md, "State that the host keeps"."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence, Tuple

from . import _json, _limits, options

if TYPE_CHECKING:
    from ._execution import Execution


class KeyValue:
    """`ctx.kv`: durable with the next commit, readable by clients and other instances, kept after the end.

    Values are JSON; what `get` returns is a copy.
    """

    def __init__(self, execution: Execution, given: Sequence[Mapping[str, Any]]) -> None:
        self._execution = execution
        # The JSON text of each value, and when it was set.
        self._entries: Dict[str, Tuple[str, int]] = {
            each["key"]: (_json.encode(each.get("value")), each["at"]) for each in given
        }

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or `default`."""
        entry = self._entries.get(key)
        return default if entry is None else _json.decode(entry[0])

    def set(self, key: str, value: Any) -> None:
        """Raises LimitExceeded for too many keys, or a key or value that is too large."""
        limits = self._execution.limits
        quoted = _limits.name(key, "The key", _limits.KEY_BYTES)
        text = _limits.check(
            _json.encode(value, f"The value of key '{key}'"),
            limits.kv_value_bytes,
            f"The value of key '{key}'",
        )
        if key not in self._entries and len(self._entries) >= limits.kv_keys:
            raise _limits.exceeded(
                f"{len(self._entries)} keys are set; the limit is {limits.kv_keys} per instance"
            )
        self._execution.emit(f'"kind":"SetKV","key":{quoted},"value":{text}')
        self._entries[key] = (text, self._execution.loop.now_ms)

    def keys(self) -> List[str]:
        """All keys, in the order of their bytes."""
        return sorted(self._entries, key=str.encode)

    def all(self) -> Dict[str, Any]:
        """All keys with their values, in the order of `keys`."""
        return {key: _json.decode(self._entries[key][0]) for key in self.keys()}

    def clear(self, key: str) -> None:
        """Removes the key, if it is there."""
        quoted = _limits.name(key, "The key", _limits.KEY_BYTES)
        self._execution.emit(f'"kind":"ClearKV","key":{quoted}')
        self._entries.pop(key, None)

    def clear_all(self) -> None:
        self._execution.emit('"kind":"ClearAllKV"')
        self._entries.clear()

    def prune_before(self, time: datetime) -> int:
        """Removes the keys that were set before `time`, by the time of the events. Returns how many."""
        before = options.epoch_ms(time, "prune_before")
        old = [key for key in self.keys() if self._entries[key][1] < before]
        for key in old:
            self.clear(key)
        return len(old)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)
