"""The engine's log records, and those of `ctx.log`, into Python's logging."""

from __future__ import annotations

import atexit
import ctypes
import json
import logging
from typing import Any, Dict, Optional

from . import _abi, _json
from ._library import library, text
from .errors import InvalidArgument

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
#: What records say of where they come from.
_FIELDS = ("instance", "execution", "orchestration", "activity", "attempt", "node", "traceparent")
_logger: Optional[logging.Logger] = None


@_abi.LogFn  # type: ignore[untyped-decorator]
def _on_record(record: _abi.Borrowed, _: Optional[int]) -> None:
    # On a thread of the engine. One object for the life of the process: no record can find it gone.
    logger = _logger
    if logger is None:
        return
    fields: Dict[str, Any] = _json.decode(ctypes.string_at(record.data, record.size))
    message = fields["message"]
    if "instance" in fields:
        message = f"{fields['instance']}: {message}"
    extra = {f"perdure_{name}": fields.get(name) for name in _FIELDS}
    extra["perdure"] = fields
    logger.log(_LEVELS.get(fields["level"], logging.INFO), "%s", message, extra=extra)


def log_to(logger: Optional[logging.Logger] = None, level: str = "info") -> None:
    """Sends the log of the engine and of orchestrations to `logger`, by default "perdure".

    `level`: "debug", "info", "warn" or "error". The fields of a record are its attribute `perdure`, and
    those that say where it comes from are attributes of their own, None where they do not apply:
    `perdure_instance`, `perdure_execution`, `perdure_orchestration`, `perdure_activity`, `perdure_attempt`,
    `perdure_node` and `perdure_traceparent`.
    """
    global _logger
    if level not in _LEVELS:
        raise InvalidArgument(f"The level is one of {', '.join(_LEVELS)}, not {level!r}.")
    lib = library()
    _logger = logger or logging.getLogger("perdure")
    lib.check(lib.dx.dx_log_set(text(json.dumps({"level": level})), _on_record, None, _abi.ReleaseFn()))


@atexit.register
def _log_off() -> None:
    global _logger
    if _logger is not None:
        _logger = None
        lib = library()
        lib.check(lib.dx.dx_log_set(text(""), _abi.LogFn(), None, _abi.ReleaseFn()))
