"""What goes wrong, in the words that programs written for Duroxide know.

They meet three kinds: `RuntimeError` from clients, runtimes and providers; `TypeError` for arguments that
cannot be taken; and a plain `Exception` with a text where an orchestration awaits work that failed. The
structured `Failure` of Perdure stays within reach, as the cause of that exception.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, TypeVar

from ..errors import Failure, InvalidArgument, PerdureError, TimedOut, WorkFailed

Call = TypeVar("Call", bound=Callable[..., Any])

TIMED_OUT = "Operation timed out"
ACTIVITY_TIMED_OUT = "timeout: activity timed out"


class NotSupported(NotImplementedError):
    """Something that Perdure has no counterpart of. Names what to use in its place."""


def translated(call: Call) -> Call:
    """Turns the errors of Perdure into those of the methods of this package."""

    @functools.wraps(call)
    def translating(*arguments: Any, **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except PerdureError as error:
            raise of_call(error) from error

    return translating  # type: ignore[return-value]


def of_call(error: PerdureError) -> Exception:
    """The error of a call."""
    if isinstance(error, TimedOut):
        return RuntimeError(TIMED_OUT)
    # The library sets the code on the object; what this side refuses was of no use as an argument.
    if isinstance(error, InvalidArgument) and "code" not in vars(error):
        return TypeError(error.message)
    return RuntimeError(error.message)


def of_work(error: WorkFailed, activity: str = "") -> Exception:
    """What an orchestration gets for work that failed; of an activity, if it is named."""
    failure = error.failure
    if not activity:
        text = of_failure(failure)
    elif failure.type == "perdure.Timeout":
        text = ACTIVITY_TIMED_OUT
    else:
        reason = failure.message if _is_of_engine(failure) else str(failure)
        text = f"Activity '{activity}' call failed: {reason}"
    failed = Exception(text)
    failed.__cause__ = error
    return failed


def of_failure(failure: Failure) -> str:
    """The failure of an instance as one text: with its traceback, if code raised it."""
    if failure.type == "perdure.Cancelled":
        return f"canceled: {failure.message.partition(': ')[2]}"
    if failure.type == "perdure.Nondeterminism":
        return f"nondeterministic: {failure.message}"
    if _is_of_engine(failure):
        return failure.message
    trace = f"Traceback (most recent call last):\n{failure.stack}" if failure.stack else ""
    return f"{trace}{failure}"


def _is_of_engine(failure: Failure) -> bool:
    return failure.type.startswith("perdure.")
