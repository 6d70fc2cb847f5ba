"""What both languages of the conformance kit (docs/kit.md) have: expressions, variables, failures."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, List, Mapping, Optional

import perdure

Block = List[Dict[str, Any]]


class Unknown(Exception):
    """The scenario has something that this runner does not know."""


class Return(Exception):
    """`return`: ends the program with a value."""

    def __init__(self, value: Any) -> None:
        super().__init__("return")
        self.value = value


class Thrown(Exception):
    """What `fail` throws. Each type of failure is a class of its own, made by `thrown`."""

    details: Any = None
    non_retryable = False
    retry_after: Optional[float] = None


def thrown(failure: Mapping[str, Any]) -> Thrown:
    error: Thrown = type(failure["type"], (Thrown,), {})(failure["message"])
    error.details = failure.get("details")
    error.non_retryable = bool(failure.get("nonRetryable"))
    if failure.get("retryAfterMS") is not None:
        error.retry_after = failure["retryAfterMS"] / 1000
    if failure.get("cause") is not None:
        error.__cause__ = thrown(failure["cause"])
    return error


def described(error: Exception) -> Dict[str, Any]:
    """An error as `catch` names it."""
    if isinstance(error, perdure.errors.WorkFailed):
        failure = error.failure
        return _error(failure.type, failure.message, failure.details, failure.non_retryable)
    if isinstance(error, perdure.LimitExceeded):
        return _error(error.failure_type, error.message, None, True)
    if isinstance(error, asyncio.TimeoutError):
        return _error("kit.Timeout", "time ran out", None, False)
    assert isinstance(error, Thrown)
    return _error(type(error).__name__, str(error), error.details, error.non_retryable)


def _error(kind: str, message: str, details: Any, non_retryable: bool) -> Dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "nonRetryable": non_retryable}


CAUGHT = (perdure.errors.WorkFailed, perdure.LimitExceeded, asyncio.TimeoutError, Thrown)


class Scope:
    """Variables, and those of the scope around them."""

    def __init__(self, outer: Optional[Scope], **variables: Any) -> None:
        self.outer = outer
        self.variables = variables

    def find(self, name: str) -> Optional[Scope]:
        if name in self.variables:
            return self
        return self.outer.find(name) if self.outer else None

    def set(self, name: str, value: Any) -> None:
        (self.find(name) or self).variables[name] = value

    def get(self, path: str) -> Any:
        name, *members = path.split(".")
        scope = self.find(name)
        value = scope.variables[name] if scope else None
        for member in members:
            value = _at(value, int(member) if isinstance(value, list) else member)
        return value


def _at(container: Any, key: Any) -> Any:
    if isinstance(container, list):
        return container[key] if 0 <= key < len(container) else None
    return container.get(key) if isinstance(container, dict) else None


def _text(part: Any) -> str:
    if isinstance(part, bool) or not isinstance(part, (str, int)):
        raise Unknown(f"$concat takes texts and whole numbers, not {part!r}")
    return str(part)


#: Functions of one value; those of several take a list.
FUNCTIONS: Dict[str, Callable[[Any], Any]] = {
    "$add": sum,
    "$concat": lambda parts: "".join(map(_text, parts)),
    "$repeat": lambda pair: pair[0] * pair[1],
    "$append": lambda parts: [*parts[0], *parts[1:]],
    "$at": lambda pair: _at(*pair),
    "$size": len,
    "$eq": lambda pair: pair[0] == pair[1],
    "$lt": lambda pair: pair[0] < pair[1],
    "$not": lambda value: not value,
    "$and": all,
}


class Program:
    """What the languages of orchestrations and activities have in common."""

    def function(self, name: str, value: Any) -> Any:
        if name not in FUNCTIONS:
            raise Unknown(f"there is no expression {name!r}")
        return FUNCTIONS[name](value)

    def value(self, expression: Any, scope: Scope) -> Any:
        if isinstance(expression, str):
            return scope.get(expression[1:]) if expression.startswith("$") else expression
        if isinstance(expression, list):
            return [self.value(each, scope) for each in expression]
        if not isinstance(expression, dict):
            return expression
        if len(expression) == 1:
            ((name, argument),) = expression.items()
            if name == "$literal":
                return argument
            if name.startswith("$"):
                return self.function(name, self.value(argument, scope))
        return {key: self.value(each, scope) for key, each in expression.items()}

    def operation(self, step: Dict[str, Any]) -> str:
        found = [key for key in step if hasattr(self, f"do_{key}")]
        if len(found) != 1:
            raise Unknown(f"a step has one operation, not {found}: {step}")
        return found[0]

    def do_value(self, step: Dict[str, Any], scope: Scope) -> Any:
        return self.value(step["value"], scope)

    def do_let(self, step: Dict[str, Any], scope: Scope) -> Any:
        value = self.value(step["be"], scope)
        scope.set(step["let"], value)
        return value

    def do_return(self, step: Dict[str, Any], scope: Scope) -> Any:
        raise Return(self.value(step["return"], scope))

    def do_fail(self, step: Dict[str, Any], scope: Scope) -> Any:
        raise thrown(self.value(step["fail"], scope))
