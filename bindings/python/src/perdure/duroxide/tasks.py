"""What an orchestration yields: descriptions of work, which schedule nothing before they are yielded."""

from __future__ import annotations

import json
from typing import Any, Dict

from .. import _json
from ..errors import InvalidArgument

MAX_WORKER_TAGS = 5
MAX_TAG_NAME_BYTES = 256
MAX_KV_KEYS = 150
MAX_KV_VALUE_BYTES = 65_536
MAX_CUSTOM_STATUS_BYTES = 262_144

Task = Dict[str, Any]


class ScheduledTask(Dict[str, Any]):
    """An activity, or what is run like one: a dict that can carry a tag."""

    def with_tag(self, tag: str) -> ScheduledTask:
        """Only workers whose filter takes this tag run it. Returns the task itself."""
        self["tag"] = tag
        return self


def json_only(value: Any, what: str = "The input") -> Any:
    """The value. Raises TypeError for what JSON cannot hold: our own clients write more than that, such as
    sets and bytes, which would come back as something else."""
    try:
        json.dumps(value)
    except (ValueError, RecursionError) as error:
        raise TypeError(f"{what} is not JSON: {error}") from None
    return value


def encoded(value: Any, what: str = "The input") -> str:
    """The JSON text of a value as it is now. Raises TypeError for what JSON cannot hold."""
    try:
        return _json.encode(json_only(value, what), what)
    except InvalidArgument as error:
        raise TypeError(error.message) from None


def raw(value: Any, what: str = "The input") -> str:
    """The same for the typed calls of orchestrations, where a str is JSON text already if it can be read as
    such."""
    if isinstance(value, str):
        try:
            return encoded(json.loads(value, parse_constant=_refuse), what)
        except ValueError:
            pass
    return encoded(value, what)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def plain(value: Any) -> str:
    """Custom status and key-value state as text: JSON, if other programs have put something else there."""
    return value if isinstance(value, str) else _json.encode(value)


def parse_result(result: Any) -> Any:
    """Takes values out of `{"ok": value}`, and raises what is in `{"err": message}`. Of a list, takes the
    values out of those elements that have one."""
    if isinstance(result, list):
        return [each["ok"] if _has(each, "ok") else each for each in result]
    if _has(result, "ok"):
        return result["ok"]
    if _has(result, "err"):
        raise Exception(result["err"])
    return result


def _has(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value
