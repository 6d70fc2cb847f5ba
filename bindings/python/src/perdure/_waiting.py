"""Calls of the library that answer later, on a thread of the engine."""

from __future__ import annotations

import ctypes
import itertools
import math
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _abi, _json, _library
from ._library import library
from .errors import InvalidArgument, PerdureError

Done = Callable[[Optional[PerdureError], bytes], None]
_numbers = itertools.count(1)


@_abi.WaitFn  # type: ignore[untyped-decorator]
def _on_wait(error: Optional[int], result: _abi.Borrowed, number: int) -> None:
    # On a thread of the engine. One object for all waits, which lives as long as the process.
    done = _library.waits.pop(number, None)
    failure = library().error(error) if error else None
    data = ctypes.string_at(result.data, result.size) if result.data else b""
    if done is not None:
        done(failure, data)


@dataclass(frozen=True)
class Waiting:
    """A call that is yet to be made, and what becomes of its answer."""

    function: Any
    #: Without the client in front, and the callback behind.
    arguments: Tuple[Any, ...]
    decode: Callable[[Any], Any]
    #: Added to the details of an error.
    details: Dict[str, Any] = field(default_factory=dict)

    def begin(self, client: int, done: Done) -> None:
        """Raises what the call itself returns; `done` is not called then."""
        number = next(_numbers)
        _library.waits[number] = done
        try:
            library().check(self.function(client, *self.arguments, _on_wait, number))
        except BaseException:
            _library.waits.pop(number, None)
            raise

    def block(self, client: int) -> Any:
        """Makes the call and waits on this thread."""
        # A bare lock: an Event is made of one, and dearer than all the rest.
        ended = threading.Lock()
        ended.acquire()
        outcome: List[Any] = []

        def done(error: Optional[PerdureError], data: bytes) -> None:
            outcome.extend((error, data))
            ended.release()

        self.begin(client, done)
        # An interrupt in the moment before the lock is asked for is seen no earlier than the next time.
        while not ended.acquire(timeout=0.5):
            pass
        return self.settle(*outcome)

    def settle(self, error: Optional[PerdureError], data: bytes) -> Any:
        """The decoded answer, or the error raised."""
        if error is None:
            return self.decode(_json.decode(data))
        error.details.update(self.details)
        raise error


def milliseconds(timeout: Optional[float]) -> int:
    """A timeout in seconds on the wire; none, and one without end, is -1. Raises InvalidArgument."""
    if timeout is None or timeout == math.inf:
        return -1
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout != timeout:
        raise InvalidArgument(f"timeout is a number of seconds, or None for no limit, not {timeout!r}.")
    return int(min(max(timeout, 0) * 1000, 2.0**53))
