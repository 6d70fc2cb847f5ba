"""Exceptions to failures on the wire, and back."""

from __future__ import annotations

import traceback
from typing import Any, Dict, Optional

from . import _json
from .errors import Failure, InvalidArgument, WorkFailed

#: Links of a chain of causes that are kept.
CAUSES = 16
#: Characters of a message, and of a stack (its end).
TEXT = 16_384


def clean(text: str, limit: int = TEXT) -> str:
    """Text that can be stored, whatever it was: for messages that we did not write."""
    text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else text[: limit // 2] + " [...] " + text[-limit // 2 :]


def of_exception(error: BaseException, depth: int = 0) -> Dict[str, Any]:
    """The failure for an exception; an `ActivityFailed` that was let pass becomes the failure that it
    carries.

    Attributes `details` and `non_retryable` are taken along; the cause is what `raise ... from` named.
    """
    if isinstance(error, WorkFailed):
        return to_wire(error.failure)
    failure: Dict[str, Any] = {"type": clean(type(error).__name__), "message": clean(str(error))}
    details = getattr(error, "details", None)
    if details:
        try:
            _json.encode(details)
            failure["details"] = details
        except InvalidArgument:
            failure["details"] = clean(repr(details))
    if error.__traceback__ is not None:
        failure["stack"] = clean("".join(traceback.format_tb(error.__traceback__, limit=-50)))
    if getattr(error, "non_retryable", False) is True:
        failure["nonRetryable"] = True
    if depth < CAUSES and error.__cause__ is not None:
        failure["cause"] = of_exception(error.__cause__, depth + 1)
    return failure


def to_wire(failure: Failure) -> Dict[str, Any]:
    """The members of a failure, without those that are empty."""
    wire: Dict[str, Any] = {"type": failure.type, "message": failure.message}
    if failure.details is not None:
        wire["details"] = failure.details
    if failure.stack is not None:
        wire["stack"] = failure.stack
    if failure.non_retryable:
        wire["nonRetryable"] = True
    if failure.cause is not None:
        wire["cause"] = to_wire(failure.cause)
    return wire


def from_wire(wire: Optional[Dict[str, Any]]) -> Failure:
    """A failure as users see it. None becomes one of type `Error` that says nothing."""
    if not wire:
        return Failure("Error", "")
    cause = wire.get("cause")
    return Failure(
        type=wire.get("type", "Error"),
        message=wire.get("message", ""),
        details=wire.get("details"),
        stack=wire.get("stack"),
        non_retryable=bool(wire.get("nonRetryable")),
        cause=from_wire(cause) if cause else None,
    )
