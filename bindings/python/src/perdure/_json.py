"""Payloads: Python values to JSON and back, with errors that name the value at fault."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import deque
from typing import Any, Callable, Optional, Tuple, Union

from . import _scalars
from .errors import InvalidArgument


def _default(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if not hasattr(value, "__pydantic_serializer__"):
            return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    elif isinstance(value, enum.Enum):
        return value.value
    elif isinstance(value, (set, frozenset)):
        # In the order of their text: that of the set differs from process to process.
        return sorted(value, key=_encode)
    elif isinstance(value, deque):
        return list(value)
    if hasattr(type(value), "__pydantic_serializer__"):
        serializer: Any = type(value).__pydantic_serializer__  # pyright: ignore[reportAttributeAccessIssue]
        return serializer.to_python(value, mode="json", by_alias=True, round_trip=True)
    return _scalars.encodable(value)


def _encoder() -> Callable[[Any], str]:
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        plain = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default
        )  # fmt: skip
        return plain.encode
    # What JSONEncoder makes anew for each value. It looks for no circles: they end in a RecursionError.
    chunks = make(None, _default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()


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


_read = json.JSONDecoder().raw_decode


def decode(data: Union[str, bytes]) -> Any:
    """JSON to Python values. An integer of more digits than Python takes (4,300, see
    `sys.set_int_max_str_digits`) becomes a float, as one with an exponent does: it is right JSON, which may
    come from any language, and concerns only the one that it belongs to.
    """
    try:
        # What `json.loads` comes to for text without spaces around it, as the library sends it.
        text = data if isinstance(data, str) else data.decode()
        value, end = _read(text)
        if end == len(text):
            return value
    except ValueError:
        pass
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
