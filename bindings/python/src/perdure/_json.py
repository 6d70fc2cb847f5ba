"""Payloads: Python values to JSON and back, with errors that name the value at fault."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import typing
from typing import Any, Callable, Dict, Optional, Tuple, Union

from .errors import InvalidArgument

try:
    from types import UnionType
except ImportError:  # Python 3.9
    UnionType = None  # type: ignore[assignment, misc]


def _default(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)
_encode = _encoder.encode


def encode(value: Any, what: str = "value") -> str:
    """`value` as JSON text. `what` names it in the error: "the input of activity 'charge'".

    Raises InvalidArgument, with the path to the part that JSON or the store cannot hold.
    """
    try:
        text = _encode(value)
    except Exception as error:
        # Dataclasses and subclasses of containers bring code of their own, which may raise anything.
        message = _blame_carefully(value, what)
        raise InvalidArgument(
            message or f"{what} cannot be encoded as JSON: it raised {type(error).__name__}."
        ) from None
    if "\\u0000" in text or not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(_blame(value, what) or f"{what} has half a surrogate pair.") from None
        if "\\u0000" in text:
            message = _blame(value, what)
            if message:
                raise InvalidArgument(message)
    return text


def decode(data: Union[str, bytes]) -> Any:
    """JSON to Python values. An integer of more digits than Python takes (4,300, see
    `sys.set_int_max_str_digits`) becomes a float, as one with an exponent does: it is right JSON, which may
    come from any language, and concerns only the one that it belongs to.
    """
    try:
        return json.loads(data)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(data, parse_int=_integer)


def _integer(digits: str) -> Union[int, float]:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def text(value: Any, what: str) -> str:
    """`value` as it is, if it is text that every store can keep. Raises InvalidArgument."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a str, not {type(value).__name__}.")
    reason = _blame_text(value)
    if reason:
        raise InvalidArgument(f"{what} {reason}.")
    return value


def quote(value: str, what: str) -> str:
    """Checked text as a JSON string."""
    return _encode(text(value, what))


def _blame_text(value: str) -> Optional[str]:
    if "\0" in value:
        return f"has a NUL character at position {value.index(chr(0))}, which not every store can keep"
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"has half a surrogate pair at position {error.start}, which UTF-8 cannot hold"
    return None


def _blame_carefully(value: Any, what: str) -> Optional[str]:
    try:
        return _blame(value, what)
    except Exception:
        return None


def _blame(value: Any, what: str) -> Optional[str]:
    """Walks to the first part that cannot be encoded and says so in a sentence."""
    stack: list[Tuple[Any, str, int]] = [(value, "", 0)]
    while stack:
        item, path, depth = stack.pop()
        place = f"{what} at {path[1:] if path.startswith('.') else path}" if path else what
        if depth > 500:
            return f"{place} is nested more than 500 deep, or contains itself."
        if isinstance(item, str):
            reason = _blame_text(item)
            if reason:
                return f"{place} {reason}."
        elif item is None or isinstance(item, (bool, int)):
            continue
        elif isinstance(item, float):
            if item != item or item in (float("inf"), float("-inf")):
                return f"{place} is {item}, which JSON cannot hold."
        elif isinstance(item, dict):
            for key, part in reversed(list(item.items())):
                if not isinstance(key, (str, int, float, bool, type(None))):
                    return f"{place} has a key of type {type(key).__name__}, where JSON needs text."
                stack.append((part, f"{path}.{key}", depth + 1))
                stack.append((key, f"{path}.{key!r}", depth + 1))
        elif isinstance(item, (list, tuple)):
            stack.extend((part, f"{path}[{at}]", depth + 1) for at, part in reversed(list(enumerate(item))))
        else:
            try:
                stack.append((_default(item), path, depth + 1))
            except TypeError:
                return f"{place} is of type {type(item).__name__}, which cannot be encoded as JSON."
    return None


# ---- Decoding by type hints ----------------------------------------------------------------------

Decoder = Callable[[Any], Any]
_decoders: Dict[Any, Optional[Decoder]] = {}


def decoder(hint: Any) -> Optional[Decoder]:
    """A function that turns parsed JSON into `hint` (dataclasses, enums, and containers of them), or None
    where the JSON value is already right. Hints that it does not know leave the value as it is.
    """
    try:
        if hint in _decoders:
            return _decoders[hint]
    except TypeError:
        return None
    # A type that contains itself finds this entry and goes through the table again when a value comes.
    _decoders[hint] = lambda value: _decode_later(hint, value)
    _decoders[hint] = _make_decoder(hint)
    return _decoders[hint]


def parameter_decoder(function: Callable[..., Any]) -> Optional[Decoder]:
    """For the first parameter of a function, None where the JSON value is already right."""
    try:
        hints = typing.get_type_hints(function)
        names = list(inspect.signature(function).parameters)
    except Exception:
        # Names that exist for the type checker only, or no function that tells: the value stays as it is.
        return None
    return decoder(hints.get(names[0])) if names else None


def _decode_later(hint: Any, value: Any) -> Any:
    return (_decoders[hint] or _same)(value)


def _same(value: Any) -> Any:
    return value


def _make_decoder(hint: Any) -> Optional[Decoder]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union or (UnionType is not None and isinstance(hint, UnionType)):
        parts = [part for part in args if part is not type(None)]
        inner = decoder(parts[0]) if len(parts) == 1 else None
        return inner and (lambda value: None if value is None else inner(value))
    if origin in (list, tuple) or hint is tuple:
        return _sequence(tuple if hint is tuple else origin, args)
    if origin is dict and len(args) == 2:
        part = decoder(args[1])
        return part and (lambda value: {key: part(item) for key, item in value.items()})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    return None


def _sequence(kind: Any, args: Tuple[Any, ...]) -> Optional[Decoder]:
    if kind is list:
        each = decoder(args[0]) if args else None
        return each and (lambda value: [each(item) for item in value])
    if args and not (len(args) == 2 and args[1] is Ellipsis):
        parts = [decoder(arg) or _same for arg in args]
        return lambda value: tuple(decode(item) for decode, item in zip(parts, value))
    part = (decoder(args[0]) if args else None) or _same
    return lambda value: tuple(part(item) for item in value)


def _dataclass(hint: Any) -> Decoder:
    hints = typing.get_type_hints(hint)
    fields = {item.name: decoder(hints.get(item.name)) for item in dataclasses.fields(hint) if item.init}

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise InvalidArgument(
                f"{hint.__name__} is an object in JSON, but this is a {type(value).__name__}."
            )
        given = {}
        for name, part in fields.items():
            if name in value:
                given[name] = value[name] if part is None else part(value[name])
        try:
            return hint(**given)
        except TypeError as error:
            raise InvalidArgument(
                f"Cannot make {hint.__name__} of an object with {', '.join(value) or 'nothing'}: {error}."
            ) from error

    return decode
