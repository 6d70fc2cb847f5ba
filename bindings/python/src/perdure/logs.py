"""The engine's log records, those of `ctx.log`, and what records of one's own say of their instance."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import json
import logging
from typing import Any, Dict, Optional

from . import _abi, _json
from ._library import library, text
from ._loop import OrchestrationLoop
from .activity_context import current_attempt
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


class LogFilter(logging.Filter):
    """For handlers and loggers: lets records of any logger say where they come from, and drops those that
    orchestration code writes again in a replay.

        handler.addFilter(perdure.LogFilter())
        handler.setFormatter(logging.Formatter("%(perdure_instance)s %(message)s"))

    Every record then has the attributes that those of `log_to` have; None where they do not apply.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "perdure_instance"):
            return True
        fields: Dict[str, Any] = {}
        loop = asyncio._get_running_loop()
        if isinstance(loop, OrchestrationLoop):
            context = loop.context
            if context.is_replaying:
                return False
            fields = {
                "instance": context.instance_id, "execution": context.execution_id,
                "orchestration": context.name, "traceparent": context.traceparent,
            }  # fmt: skip
        else:
            attempt = current_attempt.get()
            if attempt is not None:
                fields = attempt.log_fields()
        for name in _FIELDS:
            setattr(record, f"perdure_{name}", fields.get(name))
        return True


@atexit.register
def _log_off() -> None:
    global _logger
    if _logger is not None:
        _logger = None
        lib = library()
        lib.check(lib.dx.dx_log_set(text(""), _abi.LogFn(), None, _abi.ReleaseFn()))
