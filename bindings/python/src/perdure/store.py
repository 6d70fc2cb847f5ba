"""Where instances live."""

from __future__ import annotations

import ctypes
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Mapping, Optional, Type, Union

from . import _abi, _json, _passwords, _waiting
from ._library import Handle, library, text
from ._limits import Limits, of_store
from .options import EPOCH, Seconds, milliseconds

if TYPE_CHECKING:
    from .metrics import Metrics


def shown_url(url: str) -> str:
    """Without what a URL of PostgreSQL has of secrets."""
    if not url.startswith("postgres"):
        return url
    address, _, rest = url.partition("?")[0].partition("://")
    return f"{address}://{rest.rpartition('@')[2]}"


class Store:
    """An open store.

        with Store("sqlite:app.db") as store: ...

    `url`: "sqlite:PATH" or "postgresql://USER@HOST/DATABASE?schema=NAME", made if it does not exist, or
    "memory:". `busy_timeout`: how long a call waits for another process's write lock, or for a server that is
    away. `limits`: what the store takes, when the defaults do not fit; the same in every process. `password`:
    a function that returns the password for a PostgreSQL server; asked for each connection that is opened, on
    a thread of its own, as the tokens of cloud identities expire. `config`: further settings, as
    docs/wire-format.md has them. Raises a `StoreError` that names the store and the cause.
    """

    def __init__(
        self, url: str, config: Optional[Mapping[str, Any]] = None, *,
        busy_timeout: Optional[Seconds] = None, limits: Optional[Limits] = None,
        password: Optional[_passwords.Password] = None,
    ) -> None:  # fmt: skip
        lib = library()
        self.url = _json.text(url, "The URL of the store")
        wire = dict(config or {})
        if busy_timeout is not None:
            wire["busyTimeoutMS"] = milliseconds(busy_timeout, "busy_timeout", 0)
        self.limits = of_store(limits, wire)
        if limits is not None:
            wire["limits"] = self.limits.to_wire()
        settings = _json.encode(wire, "The config of the store") if wire else ""
        options = _abi.StoreOptions(ctypes.sizeof(_abi.StoreOptions), text(url), text(settings))
        out = ctypes.c_void_p()
        if password is None:
            lib.check(lib.dx.dx_store_open(ctypes.byref(options), ctypes.byref(out)))
        else:
            asking = (_passwords.on_password, _passwords.keep(password), _passwords.on_release)
            lib.check(lib.dx.dx_store_open_with_password(ctypes.byref(options), *asking, ctypes.byref(out)))
        self._handle = Handle(lib.dx.dx_store_close, out.value or 0, f"store {shown_url(url)}")

    def metrics(self) -> Metrics:
        """What this process has committed to the store since it was opened, and what its runtimes hold now.
        Does not touch the store.
        """
        from .metrics import Metrics

        lib = library()
        return Metrics(lib.json_of(lib.dx.dx_store_metrics, self._handle.value, text("")))

    def open_metrics(self) -> str:
        """The same as OpenMetrics 1.0 text, for Prometheus and its like; served with the content type
        "application/openmetrics-text; version=1.0.0; charset=utf-8".
        """
        lib = library()
        request = text('{"format":"openmetrics"}')
        return lib.bytes_of(lib.dx.dx_store_metrics, self._handle.value, request).decode()

    # ---- Time ------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time that the engine goes by, in UTC."""
        return _time(library().json_of(library().dx.dx_store_clock, self._handle.value))

    def advance(self, duration: Seconds, timeout: Optional[float] = None) -> datetime:
        """Moves virtual time (`config={"clock": {"mode": "virtual"}}`, for tests), stopping at each moment on
        the way at which something is due, until nothing of this process is at work on the store. With 0 it
        only waits for that. Returns the time that it is then.

        Raises Unsupported when time is the system's, and TimedOut after `timeout` seconds of the system's
        time when something goes on, such as an activity that does not answer.
        """
        arguments = (milliseconds(duration, "duration", 0), _waiting.milliseconds(timeout))
        waiting = _waiting.Waiting(library().dx.dx_store_advance_clock, arguments, _time)
        time: datetime = waiting.block(self._handle.value)
        return time

    # ---- Life ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Drops this reference. The store closes when its last client and runtime are closed, too."""
        self._handle.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {shown_url(self.url)}{'' if self._handle.is_open else ' closed'}>"


def _time(clock: Mapping[str, Any]) -> datetime:
    return EPOCH + timedelta(milliseconds=clock["now"])


def opened(store: Union[Store, str]) -> Store:
    """The store, or a new one for a URL."""
    return Store(store) if isinstance(store, str) else store
