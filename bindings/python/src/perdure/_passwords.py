"""Passwords that the program gives for each connection to a server."""

from __future__ import annotations

import itertools
from typing import Callable, Dict

from . import _abi
from ._library import library, text
from .errors import InvalidArgument

Password = Callable[[], str]

#: Those of open stores, by the number that the library hands back.
_given: Dict[int, Password] = {}
_numbers = itertools.count(1)


@_abi.PasswordFn  # type: ignore[untyped-decorator]
def on_password(request: int, number: int) -> None:
    # On a thread of the engine that is there for this question alone.
    lib = library()
    try:
        password = _given[number]()
        if not isinstance(password, str):
            raise InvalidArgument(f"it returned {type(password).__name__}, not a str.")
        failure = lib.dx.dx_password_complete(request, text(password))
    except BaseException as error:
        why = f"its callback raised {type(error).__name__}: {error}"
        failure = lib.dx.dx_password_fail(
            request, text(why.replace("\0", " ").encode(errors="replace").decode())
        )
    if failure:
        # Nobody waits for it any more, or it is no text, which the one who waits is told.
        lib.error(failure)


@_abi.ReleaseFn  # type: ignore[untyped-decorator]
def on_release(number: int) -> None:
    _given.pop(number, None)


def keep(password: Password) -> int:
    """The number under which it is asked, until it is released."""
    if not callable(password):
        raise InvalidArgument(f"password is a function that returns one, not {type(password).__name__}.")
    number = next(_numbers)
    _given[number] = password
    return number
