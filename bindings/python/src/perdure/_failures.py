"""Exceptions to failures on the wire, and back."""

from __future__ import annotations

import math
import traceback
from datetime import timedelta
from typing import Any, Callable, Dict, Optional

from . import _json
from ._limits import Limits
from .errors import Failure, InvalidArgument, LimitExceeded, PerdureError, WorkFailed

#: Links of a chain of causes that are kept.
CAUSES = 16
#: Characters of a message, and of a stack (its end).
TEXT = 16_384
#: Characters of a type.
NAME = 256
#: The longest pause that the engine takes, about 35 years.
LONGEST_MS = 1 << 40


def clean(text: str, limit: int = TEXT) -> str:
    """Text that can be stored, whatever it was: for messages that we did not write."""
    if len(text) > limit:
        text = text[: limit // 2] + " [...] " + text[-limit // 2 :]
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _said(make: Callable[[], str]) -> str:
    """Text that somebody else's code makes, which may raise anything, or not return text."""
    try:
        return clean(str(make()))
    except BaseException as error:
        return f"(no text: {clean(type(error).__name__)} was raised on the way to it)"


def of_exception(error: BaseException, depth: int = 0) -> Dict[str, Any]:
    """The failure for an exception, as `_of_exception` makes it. Never raises: an exception is somebody
    else's code, and a failure that is not told would leave its work open for ever.
    """
    try:
        failure = _of_exception(error, depth)
        if depth == 0:
            _json.encode(failure)
        return failure
    except BaseException:
        message = _said(lambda: str(error))
        return {"type": clean(type(error).__name__, NAME), "message": message}


def _of_exception(error: BaseException, depth: int) -> Dict[str, Any]:
    """The failure for an exception; an `ActivityFailed` that was let pass becomes the failure that it
    carries.

    Attributes `details`, `non_retryable` and `retry_after` (seconds or a timedelta) are taken along; the
    cause is what `raise ... from` named.
    """
    if isinstance(error, WorkFailed):
        return to_wire(error.failure)
    kind = getattr(error, "failure_type", None) if isinstance(error, PerdureError) else None
    failure: Dict[str, Any] = {
        "type": kind or clean(type(error).__name__, NAME),
        "message": _said(lambda: str(error)),
    }
    details = getattr(error, "details", None)
    if details:
        try:
            _json.encode(details)
            failure["details"] = details
        except InvalidArgument:
            failure["details"] = _said(lambda: repr(details))
    if error.__traceback__ is not None:
        failure["stack"] = clean("".join(traceback.format_tb(error.__traceback__, limit=-50)))
    if getattr(error, "non_retryable", False) is True:
        failure["nonRetryable"] = True
    retry_after = _milliseconds(getattr(error, "retry_after", None))
    if retry_after is not None:
        failure["retryAfterMS"] = retry_after
    if depth < CAUSES and error.__cause__ is not None:
        failure["cause"] = of_exception(error.__cause__, depth + 1)
    return failure


def payload(error: BaseException, limits: Limits, what: str) -> str:
    """The failure for an exception as JSON text; one that is too large is told by that."""
    try:
        return limits.payload(of_exception(error), what)
    except LimitExceeded as too_large:
        return _json.encode(of_exception(too_large))


def _milliseconds(pause: Any) -> Optional[int]:
    """An attribute that we did not write: what is no duration says nothing."""
    seconds = pause.total_seconds() if isinstance(pause, timedelta) else pause
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return None
    return min(max(math.ceil(seconds * 1000 - 1e-6), 0), LONGEST_MS)


def to_wire(failure: Failure) -> Dict[str, Any]:
    """The members of a failure, without those that are empty."""
    wire: Dict[str, Any] = {"type": failure.type, "message": failure.message}
    if failure.details is not None:
        wire["details"] = failure.details
    if failure.stack is not None:
        wire["stack"] = failure.stack
    if failure.non_retryable:
        wire["nonRetryable"] = True
    retry_after = _milliseconds(failure.retry_after)
    if retry_after is not None:
        wire["retryAfterMS"] = retry_after
    if failure.cause is not None:
        wire["cause"] = to_wire(failure.cause)
    return wire


def from_wire(wire: Optional[Dict[str, Any]]) -> Failure:
    """A failure as users see it. None becomes one of type `Error` that says nothing."""
    if not wire:
        return Failure("Error", "")
    cause, retry_after = wire.get("cause"), wire.get("retryAfterMS")
    return Failure(
        type=wire.get("type", "Error"),
        message=wire.get("message", ""),
        details=wire.get("details"),
        stack=wire.get("stack"),
        non_retryable=bool(wire.get("nonRetryable")),
        cause=from_wire(cause) if cause else None,
        retry_after=None if retry_after is None else retry_after / 1000,
    )
