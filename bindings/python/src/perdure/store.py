"""Where instances live."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import Any, Mapping, Optional, Type, Union

from . import _abi, _json
from ._library import Handle, library, text


class Store:
    """An open store.

        with Store("sqlite:app.db") as store: ...

    `url`: "sqlite:PATH", made if it does not exist, or "memory:". `config`: settings of the store, such as
    `{"busyTimeoutMS": 5000}`. Raises a `StoreError` that names the file and the cause.
    """

    def __init__(self, url: str, config: Optional[Mapping[str, Any]] = None) -> None:
        lib = library()
        self.url = _json.text(url, "The URL of the store")
        settings = _json.encode(dict(config), "The config of the store") if config else ""
        options = _abi.StoreOptions(ctypes.sizeof(_abi.StoreOptions), text(url), text(settings))
        out = ctypes.c_void_p()
        lib.check(lib.dx.dx_store_open(ctypes.byref(options), ctypes.byref(out)))
        self._handle = Handle(lib.dx.dx_store_close, out.value or 0, f"store {url}")

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
        return f"<Store {self.url}{'' if self._handle.is_open else ' closed'}>"


def opened(store: Union[Store, str]) -> Store:
    """The store, or a new one for a URL."""
    return Store(store) if isinstance(store, str) else store
