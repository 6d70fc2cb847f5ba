"""Everything that Perdure raises. `PerdureError` is the root of it.

Two families: an error of a call (`NotFound`, `StoreBusy`... one class for each code of the library), and
the end of work that was awaited (`ActivityFailed`, `SubOrchestrationFailed`, `OrchestrationFailed`...),
which carries a `Failure`. The cancellation of an orchestration is asyncio's own `CancelledError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Type


class PerdureError(Exception):
    """Root of all errors. `code` is the number from dx.h (0: raised by the Python side)."""

    code: int = 0

    def __init__(
        self, message: str, *, transient: bool = False, details: Optional[Mapping[str, Any]] = None
    ) -> None:
        super().__init__(message)
        self.message = message
        #: Trying the same call again can help.
        self.transient = transient
        #: The data behind the message.
        self.details: Dict[str, Any] = dict(details or {})


class InvalidArgument(PerdureError, ValueError):
    """A value that cannot be taken: malformed, of the wrong type, with a NUL, not encodable as JSON."""

    code = 1


class ConversionError(InvalidArgument):
    """A value from JSON does not fit the type hint that it is for. `path` leads to the part at fault:
    `order.items[3].price`."""

    #: Trying again cannot help.
    non_retryable = True

    def __init__(self, message: str, *, path: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.path = path


class InvalidHandle(PerdureError):
    """A store, client or runtime that was closed, or work that was already answered."""

    code = 2


class Unsupported(PerdureError):
    code = 3


class NotFound(PerdureError, LookupError):
    """No such instance or execution."""

    code = 4


class AlreadyExists(PerdureError):
    """The instance id is taken, or the name is registered."""

    code = 5


class WrongStatus(PerdureError):
    """The instance or the runtime is in another state than the call needs."""

    code = 6


class LimitExceeded(PerdureError):
    """Over a named limit; nothing was stored. Orchestration code meets it at the call, and may catch it."""

    code = 7
    #: The type of the failure that it becomes.
    failure_type = "perdure.LimitExceeded"
    non_retryable = True


class TimedOut(PerdureError, TimeoutError):
    code = 8


class Closed(PerdureError):
    """The store, client or runtime is closed or stopping."""

    code = 9


class Forked(PerdureError):
    """The handle belongs to the parent of this process. Open stores after the fork."""

    code = 10


class Stale(PerdureError):
    """The work is no longer ours: cancelled, or its instance went on without it."""

    code = 11


class ProtocolViolation(PerdureError):
    code = 20


class Nondeterminism(PerdureError):
    """The code and its history differ."""

    code = 21


class StoreError(PerdureError):
    """Root of what can be wrong with a store."""


class StoreBusy(StoreError):
    code = 40


class StoreFull(StoreError):
    code = 41


class StoreIO(StoreError):
    code = 42


class StoreReadOnly(StoreError):
    code = 43


class StoreCorrupt(StoreError):
    code = 44


class StoreForeign(StoreError):
    """Not a Perdure store, or one of a newer release: left untouched."""

    code = 45


class StoreCannotOpen(StoreError):
    code = 46


class StoreReplaced(StoreError):
    """The file was deleted or replaced while open."""

    code = 47


class InternalError(PerdureError):
    code = 99


class LibraryNotLoaded(PerdureError, ImportError):
    """libdx is missing, or its ABI is not the one that this package was written for."""


BY_CODE: Dict[int, Type[PerdureError]] = {
    cls.code: cls
    for cls in (
        InvalidArgument, InvalidHandle, Unsupported, NotFound, AlreadyExists, WrongStatus, LimitExceeded,
        TimedOut, Closed, Forked, Stale, ProtocolViolation, Nondeterminism, StoreBusy, StoreFull, StoreIO,
        StoreReadOnly, StoreCorrupt, StoreForeign, StoreCannotOpen, StoreReplaced, InternalError,
    )
}  # fmt: skip


def from_code(code: int, message: str, transient: bool, details: Mapping[str, Any]) -> PerdureError:
    """The exception for a code of the library. A code of a newer library becomes a plain `PerdureError`."""
    error = BY_CODE.get(code, PerdureError)(message, transient=transient, details=details)
    error.code = code
    return error


# ---- The end of awaited work ---------------------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """Why a piece of work failed: the same structure in every language and in history."""

    #: The type of the error (`ValueError`, `CardDeclined`), or one of the engine's own (`perdure.Cancelled`).
    type: str
    message: str
    #: JSON that the failing code attached.
    details: Any = None
    stack: Optional[str] = None
    #: Retrying cannot help.
    non_retryable: bool = False
    cause: Optional[Failure] = field(default=None)
    #: Seconds that the next attempt should wait, in place of the pause of its retry policy.
    retry_after: Optional[float] = None

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class WorkFailed(PerdureError):
    """Root of the errors that carry a `Failure`."""

    def __init__(self, what: str, failure: Failure) -> None:
        super().__init__(f"{what} failed: {failure}")
        self.failure = failure

    @property
    def type(self) -> str:
        """The type of the failure, such as `CardDeclined`."""
        return self.failure.type


class ActivityFailed(WorkFailed):
    """An activity failed for good."""

    def __init__(self, name: str, failure: Failure) -> None:
        super().__init__(f"Activity '{name}'", failure)
        self.name = name


class SubOrchestrationFailed(WorkFailed):
    """A sub-orchestration failed, was cancelled or terminated."""

    def __init__(self, name: str, failure: Failure) -> None:
        super().__init__(f"Sub-orchestration '{name}'", failure)
        self.name = name


class MessageRefused(WorkFailed):
    """A request to another instance was refused: it is unknown (`perdure.NotFound`), it has ended..."""

    def __init__(self, what: str, failure: Failure) -> None:
        super().__init__(what, failure)
        self.what = what


class CallFailed(WorkFailed):
    """Raised by `Client.call`: the handler in the orchestration failed."""

    def __init__(self, instance: str, name: str, failure: Failure) -> None:
        super().__init__(f"Call '{name}' of instance '{instance}'", failure)
        self.instance = instance
        self.name = name


class CallRejected(CallFailed):
    """The call was refused before it had an effect: its type is `perdure.CallRejected`."""


class QueryFailed(WorkFailed):
    """Raised by `Client.query`: the handler failed, or there is none of that name."""

    def __init__(self, instance: str, name: str, failure: Failure) -> None:
        super().__init__(f"Query '{name}' of instance '{instance}'", failure)
        self.instance = instance
        self.name = name


class OrchestrationFailed(WorkFailed):
    """Raised by `Client.result` for an instance that failed."""

    def __init__(self, instance: str, failure: Failure) -> None:
        super().__init__(f"Instance '{instance}'", failure)
        self.instance = instance


class OrchestrationCancelled(PerdureError):
    """Raised by `Client.result` for an instance that was cancelled or terminated."""

    def __init__(self, instance: str, status: str) -> None:
        super().__init__(f"Instance '{instance}' was {status.lower()}.")
        self.instance = instance
        self.status = status


class NonDurableAwait(PerdureError, RuntimeError):
    """Orchestration code awaits something that is not recorded, so that no replay could answer it."""


class ForbiddenCall(PerdureError, RuntimeError):
    """Orchestration code called something that no replay could repeat: the clock, chance, files, threads."""

    non_retryable = True


class ProcessDied(PerdureError):
    """The process that ran an activity (`@activity(process=True)`) ended before it answered: it was killed,
    ran out of memory, or crashed. The failure is retried like any other."""

    failure_type = "perdure.ProcessDied"
