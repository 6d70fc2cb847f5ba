"""What the type variables of generic classes stand for."""

from __future__ import annotations

import typing
from typing import Any, Dict, Mapping, Tuple


def variables_of(kind: Any, args: Tuple[Any, ...]) -> Dict[Any, Any]:
    """What the type variables of a generic class stand for, those of its bases as well."""
    parameters: Tuple[Any, ...] = getattr(kind, "__parameters__", ()) or getattr(kind, "__type_params__", ())
    found: Dict[Any, Any] = dict(zip(parameters, args))
    for base in getattr(kind, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        if origin is not None and origin not in (typing.Generic, typing.Protocol):
            given = tuple(bound(arg, found) for arg in typing.get_args(base))
            found = {**variables_of(origin, given), **found}
    return found


def bound(hint: Any, variables: Mapping[Any, Any]) -> Any:
    """The hint with its type variables replaced."""
    if not variables:
        return hint
    if isinstance(hint, typing.TypeVar):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(variables.get(each, each) for each in parameters)]
