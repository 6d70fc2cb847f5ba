"""Where the log goes: the engine's records, and what code traces."""

from __future__ import annotations

import json
import logging
import threading
from typing import Dict, Optional

from .. import logs
from .._forks import held_at_forks

#: The levels that programs name, as those of the engine and of Python.
LEVELS: Dict[str, int] = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS = ("json", "pretty", "compact")

_lock = held_at_forks(threading.Lock())
#: Who said where the log goes, once it has been said.
_said_by: Optional[str] = None


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "timestamp": self.formatTime(record),
            "level": record.levelname,
            "target": record.name,
            "message": record.getMessage(),
            **getattr(record, "perdure", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def init_tracing(log_file: str, log_level: Optional[str] = None, log_format: Optional[str] = None) -> None:
    """Sends the log of this process to a file: once, and before the first runtime is started.

    `log_level`: trace, debug, info (default), warn, error. `log_format`: json, pretty or compact (default).
    """
    level = _level(log_level)
    if log_format is not None and log_format.lower() not in FORMATS:
        raise RuntimeError(f"Failed to init tracing: the format is one of {', '.join(FORMATS)}.")
    global _said_by
    with _lock:
        try:
            handler = logging.FileHandler(log_file, encoding="utf-8")
        except OSError as error:
            raise RuntimeError(f"Failed to open log file '{log_file}': {error}") from error
        if _said_by is not None:
            handler.close()
            raise RuntimeError(f"Failed to init tracing: it was set before, by {_said_by}")
        handler.setFormatter(
            JsonFormatter()
            if (log_format or "").lower() == "json"
            else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        )
        logger = logging.getLogger("perdure")
        logger.addHandler(handler)
        logger.setLevel(level)
        _send(level)
        _said_by = "init_tracing"


def runtime_starts(log_level: Optional[str]) -> None:
    """The first runtime sends records to Python's logging, if nobody has said where they go."""
    level = _level(log_level)
    global _said_by
    with _lock:
        if _said_by is None:
            if logs._logger is None:
                _send(level)
            _said_by = "the start of a runtime"


def _send(level: int) -> None:
    names = {number: name for name, number in LEVELS.items()}
    logs.log_to(level=names[level])


def _level(name: Optional[str]) -> int:
    level = LEVELS.get("info" if name is None else name.lower())
    if level is None:
        raise RuntimeError(f"Failed to init tracing: the level is one of {', '.join(LEVELS)}, not '{name}'.")
    return level
