"""Finds, loads and checks libdx; turns its errors into exceptions and its buffers into bytes.

Looked for: the path in the environment variable PERDURE_LIBRARY; libdx.so beside this file (in a wheel);
.build/release/libdx.so of the clone that this file is in; what the system's loader finds as libdx.so.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import threading
import time
import weakref
from typing import Any, Callable, ClassVar, Dict, Optional

from . import _abi, _json
from ._forks import held_at_forks
from .errors import InvalidHandle, LibraryNotLoaded, PerdureError, from_code

NAME = "libdx.so"


class Library:
    """The loaded library. `dx` has its functions; `check` and `bytes_of` its conventions."""

    def __init__(self, path: str) -> None:
        try:
            self.dx: Any = ctypes.CDLL(path)
        except OSError as error:
            raise LibraryNotLoaded(
                f"Cannot load {path}: {error}. Install the package with the library inside (a wheel, or "
                f"`pip install ./bindings/python` in a clone), or set PERDURE_LIBRARY to the path of {NAME}."
            ) from None
        self.path = path
        self._check_abi()
        try:
            _abi.declare(self.dx, path)
        except AttributeError as error:
            raise LibraryNotLoaded(f"{path} lacks a function of its ABI: {error}.") from None

    def _check_abi(self) -> None:
        try:
            self.dx.dx_abi_version.restype = ctypes.c_uint32
            version = self.dx.dx_abi_version()
        except AttributeError:
            raise LibraryNotLoaded(
                f"{self.path} is not a Perdure library: it has no dx_abi_version."
            ) from None
        major, minor = version >> 16, version & 0xFFFF
        if major != _abi.ABI_MAJOR or minor < _abi.ABI_MINOR:
            raise LibraryNotLoaded(
                f"{self.path} has ABI {major}.{minor}; this package needs {_abi.ABI_MAJOR}.{_abi.ABI_MINOR} "
                f"or a later {_abi.ABI_MAJOR}.x. Install the package and the library of the same release."
            )

    def version(self) -> str:
        """The release of the library."""
        release: bytes = self.dx.dx_version()
        return release.decode()

    def error(self, pointer: int) -> PerdureError:
        """The exception for an error that the library gave us; frees it."""
        try:
            code = self.dx.dx_error_code(pointer)
            message = self.dx.dx_error_message(pointer).decode("utf-8", "replace")
            details = _json.decode(self.dx.dx_error_details(pointer) or b"{}")
            return from_code(code, message, self.dx.dx_error_is_transient(pointer), details)
        finally:
            self.dx.dx_error_free(pointer)

    def check(self, pointer: Optional[int]) -> None:
        """Raises what a call returned."""
        if pointer:
            raise self.error(pointer)

    def bytes_of(self, function: Callable[..., Optional[int]], *arguments: Any) -> bytes:
        """Calls a function whose last argument is a buffer; returns what it holds."""
        buffer = _abi.Buffer()
        self.check(function(*arguments, ctypes.byref(buffer)))
        try:
            return ctypes.string_at(buffer.data, buffer.size) if buffer.data else b""
        finally:
            self.dx.dx_buffer_free(ctypes.byref(buffer))

    def json_of(self, function: Callable[..., Optional[int]], *arguments: Any) -> Any:
        return _json.decode(self.bytes_of(function, *arguments))


def text(value: str) -> _abi.Text:
    """`value`, checked by the caller, as an argument."""
    data = value.encode()
    return _abi.Text(data, len(data))


_lock = held_at_forks(threading.Lock())
_loaded: Optional[Library] = None


def library() -> Library:
    """The library, loaded at first use. Raises LibraryNotLoaded."""
    global _loaded
    if _loaded is None:
        with _lock:
            if _loaded is None:
                _loaded = Library(_find())
    return _loaded


def _find() -> str:
    given = os.environ.get("PERDURE_LIBRARY")
    if given:
        return given
    beside = os.path.join(os.path.dirname(__file__), NAME)
    if os.path.exists(beside):
        return beside
    # In a clone: bindings/python/src/perdure is this folder.
    clone = os.path.realpath(__file__)
    for _ in range(5):
        clone = os.path.dirname(clone)
    if os.path.exists(os.path.join(clone, "bindings", "python", "setup.py")):
        built = os.path.join(clone, ".build", "release", NAME)
        if os.path.exists(built):
            return built
    return NAME


# ---- Handles -------------------------------------------------------------------------------------


class Handle:
    """A counted handle of the library, freed once: when closed, dropped, or at the end of the process."""

    #: Counts up in a forked child: what the parent opened is not freed there.
    generation: ClassVar[int] = 0

    def __init__(self, free: Callable[[int], None], value: int, what: str) -> None:
        self._free = free
        self._value: Optional[int] = value
        self._what = what
        self._generation = Handle.generation

    @property
    def value(self) -> int:
        """Raises InvalidHandle once closed."""
        if self._value is None:
            raise InvalidHandle(f"The {self._what} is closed.")
        return self._value

    @property
    def is_open(self) -> bool:
        return self._value is not None

    @property
    def is_inherited(self) -> bool:
        """It belongs to the process that forked this one."""
        return self._generation != Handle.generation

    def close(self) -> None:
        value, self._value = self._value, None
        if value is not None and not self.is_inherited:
            self._free(value)

    def __del__(self) -> None:
        self.close()


def _forked() -> None:
    Handle.generation += 1


os.register_at_fork(after_in_child=_forked)

# ---- The end of the process ----------------------------------------------------------------------

#: Open runtimes and clients. Closed before the interpreter goes: engine threads must not call into it any
#: more.
runtimes: weakref.WeakSet[Any] = weakref.WeakSet()
clients: weakref.WeakSet[Any] = weakref.WeakSet()
#: Waits whose callback is still to come, by the number that the library hands back.
waits: Dict[int, Callable[[Optional[PerdureError], bytes], None]] = {}


@atexit.register
def _close_all() -> None:
    # It is short; half of it would leave engine threads behind that call into an interpreter that is gone.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in [*runtimes, *clients]:
        if not each._handle.is_inherited:
            each.close()
    if _loaded is not None and Handle.generation == 0:
        # Closed clients answer their waits with Closed, on threads of the engine.
        deadline = time.monotonic() + 2
        while waits and time.monotonic() < deadline:
            time.sleep(0.001)
