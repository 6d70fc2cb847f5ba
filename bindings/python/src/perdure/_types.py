"""Decoding by type hints: parsed JSON to the values that a function asked for.

A decoder is a function that returns the value, or raises `Mismatch`, which knows where in the value it was:
`order.items[3].price: expected int, got str`. There is none where any JSON value will do.
"""

from __future__ import annotations

import builtins
import collections
import collections.abc
import dataclasses
import enum
import inspect
import threading
import typing
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from . import _scalars
from ._forks import held_at_forks
from ._generics import bound, variables_of
from ._scalars import Mismatch, named
from .errors import ConversionError

try:
    from types import UnionType
except ImportError:  # Python 3.9
    UnionType = None  # type: ignore[assignment, misc]

Decoder = Callable[[Any], Any]
_decoders: Dict[Any, Optional[Decoder]] = {}
#: What the thread that has the lock is at. Turns, activities and clients meet a type for the first time on
#: threads of their own.
_unfinished: List[Any] = []
_making = held_at_forks(threading.RLock())


def decoder(hint: Any) -> Optional[Decoder]:
    """What turns parsed JSON into `hint`, or None if any value will do. Hints that it does not know (classes
    of one's own without fields) leave the value as it is.
    """
    try:
        if hint in _decoders:
            return _decoders[hint]
    except TypeError:
        return None
    with _making:
        if hint in _decoders:
            return _decoders[hint]
        if hint in _unfinished:
            # A type that contains itself: goes through the table when a value comes.
            return lambda value: (decoder(hint) or _same)(value)
        _unfinished.append(hint)
        try:
            _decoders[hint] = made = _make(hint)
        finally:
            _unfinished.remove(hint)
        return made


def hint_of(function: Callable[..., Any], name: str) -> Any:
    """The type hint of a parameter, or of "return"; None if there is none, or if it has names that exist for
    the type checker only. The others of the function do not matter to it.
    """
    try:
        hint = function.__annotations__[name]
        names = inspect.unwrap(function).__globals__
        if isinstance(hint, str) and hint.isidentifier():
            # The name of a class, as a rule: resolved without compiling it.
            meant = names.get(hint, getattr(builtins, hint, hint))
            hint = meant if issubclass(type(meant), type) else hint
        if issubclass(type(hint), type):
            return hint

        def alone() -> None: ...

        alone.__annotations__ = {name: hint}
        return typing.get_type_hints(alone, names)[name]
    except Exception:
        return None


def checked(decode: Optional[Decoder], root: str, what: str) -> Optional[Decoder]:
    """A decoder for users: it raises ConversionError with `what` ("The input of activity 'charge'") and the
    path, which begins with `root`.
    """
    if decode is None:
        return None

    def convert(value: Any) -> Any:
        try:
            return decode(value)
        except Mismatch as mismatch:
            place = mismatch.place(root)
            raise ConversionError(
                f"{what} does not fit its type: {place}: {mismatch.problem}.", path=place
            ) from None

    return convert


def parameter_decoder(function: Callable[..., Any], what: str) -> Optional[Decoder]:
    """For the first parameter of a function. `what` is for errors."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    return checked(decoder(hint_of(function, names[0])), names[0], what) if names else None


def _same(value: Any) -> Any:
    return value


_LISTS = (
    list, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Collection,
    collections.abc.Iterable,
)  # fmt: skip
_SETS = (set, collections.abc.Set, collections.abc.MutableSet)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def _make(hint: Any) -> Optional[Decoder]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    kind = origin or hint
    if kind is Union or (UnionType is not None and isinstance(hint, UnionType)):
        return _union(args)
    if kind is typing.Literal:
        return _scalars.literal(args)
    if kind in _LISTS:
        return _sequence(list, args)
    if kind in _SETS:
        return _sequence(set, args)
    if kind in (frozenset, collections.deque):
        return _sequence(kind, args)
    if kind is tuple:
        return _tuple(args)
    if kind in _MAPPINGS:
        return _mapping(args)
    if isinstance(kind, type):
        return _class(kind, args)
    return _special(hint, kind, args)


def _special(hint: Any, kind: Any, args: Tuple[Any, ...]) -> Optional[Decoder]:
    """What typing has that is no class: type variables, names for other types, qualifiers."""
    if isinstance(hint, typing.TypeVar):
        return decoder(hint.__bound__) if hint.__bound__ is not None else None
    for name in ("__supertype__", "__value__"):  # NewType; `type Name = ...`
        if hasattr(kind, name):
            return decoder(bound(getattr(kind, name), variables_of(kind, args)))
    if getattr(kind, "_name", "") in ("Required", "NotRequired", "ReadOnly", "Final") and args:
        return decoder(args[0])
    return None


def _class(kind: Any, args: Tuple[Any, ...]) -> Optional[Decoder]:
    scalar = _scalars.decoder(kind)
    if scalar is not None:
        return scalar
    if issubclass(kind, enum.Enum):
        return _scalars.enumeration(kind)
    if hasattr(kind, "__pydantic_validator__"):
        return _validated(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, variables_of(kind, args))
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple(kind, variables_of(kind, args))
    if issubclass(kind, dict) and hasattr(kind, "__required_keys__"):
        return _typed_dict(kind, variables_of(kind, args))
    return None


def _fields(kind: Any, variables: Mapping[Any, Any]) -> Dict[str, Optional[Decoder]]:
    """Decoders for what a class annotates."""
    hints = typing.get_type_hints(kind)
    return {name: decoder(bound(hint, variables)) for name, hint in hints.items()}


# ---- Containers ----------------------------------------------------------------------------------


def _sequence(kind: Any, args: Tuple[Any, ...]) -> Decoder:
    part = decoder(args[0]) if args else None

    def decode(value: Any) -> Any:
        if not isinstance(value, list):
            raise Mismatch.expected(kind.__name__, value)
        items = value if part is None else _items(part, value)
        try:
            return items if kind is list else kind(items)
        except TypeError:
            raise Mismatch(f"expected a {kind.__name__}, got items that cannot be in one") from None

    return decode


def _items(part: Decoder, value: List[Any]) -> List[Any]:
    try:
        return [part(item) for item in value]
    except Mismatch:
        pass
    # Which one it was is asked for only now: what fits pays nothing for it.
    for at, item in enumerate(value):
        try:
            part(item)
        except Mismatch as mismatch:
            raise mismatch.at(f"[{at}]") from None
    return [part(item) for item in value]


def _tuple(args: Tuple[Any, ...]) -> Decoder:
    if not args:
        return _sequence(tuple, ())
    if len(args) == 2 and args[1] is Ellipsis:
        return _sequence(tuple, args[:1])
    # tuple[()] has one empty tuple for its argument before Python 3.11.
    parts = [] if args == ((),) else [decoder(arg) or _same for arg in args]

    def decode(value: Any) -> Any:
        if not isinstance(value, list):
            raise Mismatch.expected("tuple", value)
        if len(value) != len(parts):
            raise Mismatch(f"expected {len(parts)} items, got {len(value)}")
        return tuple(_part(part, item, f"[{at}]") for at, (part, item) in enumerate(zip(parts, value)))

    return decode


def _part(part: Optional[Decoder], value: Any, step: str) -> Any:
    if part is None:
        return value
    try:
        return part(value)
    except Mismatch as mismatch:
        raise mismatch.at(step) from None


def _mapping(args: Tuple[Any, ...]) -> Decoder:
    key = _scalars.key(args[0], decoder(args[0])) if args else None
    part = decoder(args[1]) if args else None

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Mismatch.expected("dict", value)
        if key is None and part is None:
            return value
        return {
            _part(key, name, f"[{name!r}]"): _part(part, item, f"[{name!r}]") for name, item in value.items()
        }

    return decode


# ---- Classes with fields -------------------------------------------------------------------------


def _dataclass(kind: Any, variables: Mapping[Any, Any]) -> Decoder:
    decoders = _fields(kind, variables)
    fields = [(item.name, decoders.get(item.name)) for item in dataclasses.fields(kind) if item.init]
    required = [
        item.name for item in dataclasses.fields(kind)
        if item.init and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]  # fmt: skip

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Mismatch.expected(kind.__name__, value)
        given = {name: _part(part, value[name], f".{name}") for name, part in fields if name in value}
        _all_there(kind, required, given)
        return _made(kind, given)

    return decode


def _all_there(kind: Any, required: Any, given: Mapping[str, Any]) -> None:
    for name in required:
        if name not in given:
            raise Mismatch(f"{kind.__name__} needs it, and it is missing").at(f".{name}")


def _made(kind: Any, given: Dict[str, Any]) -> Any:
    try:
        return kind(**given)
    except Exception as error:
        # Code of the class, such as __post_init__, which may have its own idea of what fits.
        raise Mismatch(f"{kind.__name__} refuses it: {type(error).__name__}: {error}") from error


def _named_tuple(kind: Any, variables: Mapping[Any, Any]) -> Decoder:
    decoders = _fields(kind, variables)
    names: Tuple[str, ...] = kind._fields
    required = [name for name in names if name not in kind._field_defaults]

    def decode(value: Any) -> Any:
        # Tuples are lists in JSON; other languages may have sent the names as well.
        if isinstance(value, list) and len(value) <= len(names):
            value = dict(zip(names, value))
        if not isinstance(value, dict):
            raise Mismatch.expected(kind.__name__, value)
        given = {name: _part(decoders.get(name), value[name], f".{name}") for name in names if name in value}
        _all_there(kind, required, given)
        return _made(kind, given)

    return decode


def _typed_dict(kind: Any, variables: Mapping[Any, Any]) -> Decoder:
    decoders = _fields(kind, variables)
    required = sorted(kind.__required_keys__)

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Mismatch.expected(kind.__name__, value)
        _all_there(kind, required, value)
        return {name: _part(decoders.get(name), item, f".{name}") for name, item in value.items()}

    return decode


def _validated(kind: Any) -> Decoder:
    """Models and dataclasses of pydantic, which see to everything themselves."""

    def decode(value: Any) -> Any:
        try:
            return kind.__pydantic_validator__.validate_python(value)
        except ValueError as error:
            raise _of_pydantic(error) from None

    return decode


def _of_pydantic(error: ValueError) -> Mismatch:
    errors: List[Any] = getattr(error, "errors", list)()
    if not errors:
        return Mismatch(str(error))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    mismatch = Mismatch(f"{errors[0]['msg']}{more}")
    for step in reversed(errors[0]["loc"]):
        mismatch.at(f"[{step}]" if isinstance(step, int) else f".{step}")
    return mismatch


# ---- Unions --------------------------------------------------------------------------------------


def _union(args: Tuple[Any, ...]) -> Optional[Decoder]:
    parts = [(part, decoder(part)) for part in args if part is not type(None)]
    optional = len(parts) < len(args)
    if any(decode is None for _, decode in parts):
        return None
    if len(parts) == 1:
        inner = parts[0][1] or _same
        return (lambda value: None if value is None else inner(value)) if optional else inner
    expected = " or ".join([named(part) for part in args])
    ways = [(part, decode) for part, decode in parts if decode is not None]

    def decode(value: Any) -> Any:
        if value is None and optional:
            return None
        found = _best(ways, value)
        if found is None:
            raise Mismatch.expected(expected, value)
        return found[0]

    return decode


def _best(ways: List[Tuple[Any, Decoder]], value: Any) -> Optional[Tuple[Any]]:
    """What the first member makes of the value that takes it as it is; else what the first does that takes
    it at all. Of objects those fit best that know the most of their names.
    """
    found: List[Tuple[int, Any]] = []
    closest: List[Mismatch] = []
    for part, decode in ways:
        try:
            result = decode(value)
        except Mismatch as mismatch:
            if mismatch.path:
                closest.append(mismatch)
            continue
        if type(result) is type(value) and not isinstance(value, (dict, list)):
            return (result,)
        found.append((_unknown(part, value), result))
    if found:
        return (min(found, key=lambda each: each[0])[1],)
    if len(closest) == 1:
        # Only one of them is of this shape: what is wrong inside says more than what was expected.
        raise closest[0]
    return None


def _unknown(part: Any, value: Any) -> int:
    """Names in an object that a class does not know."""
    if not isinstance(value, dict):
        return 0
    kind = typing.get_origin(part) or part
    known = getattr(kind, "__pydantic_fields__", None) or getattr(kind, "__annotations__", None)
    if dataclasses.is_dataclass(kind):
        known = [field.name for field in dataclasses.fields(kind)]
    return sum(1 for name in value if name not in known) if known is not None else len(value)
