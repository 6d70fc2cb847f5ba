"""Finds calls that no replay could repeat, at the moment at which orchestration code makes them.

Nothing is replaced, and nothing outside of orchestrations pays for it. Before an orchestration runs for the
first time, its code and the functions of the user that it names are searched for names of what is forbidden;
most have none, and run as they are. Those that have some run under a profile function, which Python calls at
each call, on the thread of the turns only: it raises when a forbidden one is really made. "strict" watches
all of them: also what no search finds, such as a call through a variable.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import logging
import random
import sys
import types
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, Dict, Iterator, List, Literal, Optional, Set, Tuple, Union

from . import _forbidden
from ._forbidden import Rule
from .definitions import Activity, Orchestration
from .errors import ForbiddenCall, InvalidArgument

logger = logging.getLogger("perdure")

Sandbox = Union[bool, Literal["strict"]]

_free: ContextVar[bool] = ContextVar("perdure_unsandboxed", default=False)


@contextmanager
def unsandboxed() -> Iterator[None]:
    """Within an orchestration: forbidden calls are let pass, for what does not matter to a replay.

    with perdure.unsandboxed():
        print("took", time.perf_counter() - begun)
    """
    token = _free.set(True)
    try:
        yield
    finally:
        _free.reset(token)


def checked(sandbox: Any) -> Sandbox:
    if not isinstance(sandbox, bool) and sandbox != "strict":
        raise InvalidArgument(f'sandbox is True, False or "strict", not {sandbox!r}.')
    choice: Sandbox = sandbox
    return choice


def watched(sandbox: Sandbox, definition: Orchestration[Any, Any]) -> bool:
    """Whether turns of the orchestration are to be watched."""
    if not sandbox or not definition.sandbox:
        return False
    if definition.is_suspect is None:
        _forbidden.note_package(definition.function.__module__ or "")
        try:
            definition.is_suspect = _Search().finds(definition.function)
        except Exception:
            # Whatever the names of a program stand for, to look at them must not do harm.
            logger.debug("The code of %r cannot be searched.", definition, exc_info=True)
            definition.is_suspect = False
    return sandbox == "strict" or definition.is_suspect


def run_watched(code: Callable[[], None]) -> None:
    """Runs code under the profile function, if no profiler is at work on this thread."""
    if sys.getprofile() is not None:
        code()
        return
    sys.setprofile(_watch)
    try:
        code()
    finally:
        sys.setprofile(None)


# ---- Watching ------------------------------------------------------------------------------------


def _watch(frame: types.FrameType, event: str, called: Any) -> None:
    found: Optional[Tuple[str, Rule]] = None
    caller: Optional[types.FrameType] = frame
    if event == "c_call":
        owner, name = getattr(called, "__self__", None), called.__name__
        module = getattr(called, "__module__", None) or ""
        is_clock_or_chance = isinstance(owner, (type, random.Random))
        if is_clock_or_chance or name in _forbidden.NAMES or module in _forbidden.OUTSIDE:
            found = _forbidden.of_object(called)
    elif event == "call":
        name, module = frame.f_code.co_name, frame.f_globals.get("__name__") or ""
        found = _forbidden.of_function(module, name)
        if found is None and module == "random":
            found = _forbidden.of_random_method(name, frame.f_locals)
        caller = frame.f_back
    if found is not None and caller is not None and not _is_allowed(found[1], caller):
        raise _refusal(found, caller)


def _is_allowed(rule: Rule, caller: types.FrameType) -> bool:
    if _free.get():
        return True
    if rule.own_code_only:
        # The code of a module runs when it is imported, wherever that is.
        if caller.f_code.co_name == "<module>":
            return True
        return not _forbidden.is_own_code(caller.f_code.co_filename, caller.f_globals.get("__name__") or "")
    frame: Optional[types.FrameType] = caller
    for _ in range(200):
        if frame is None:
            return False
        module = frame.f_globals.get("__name__") or ""
        if module.partition(".")[0] in _forbidden.TRUSTED:
            return True
        if module == "perdure._loop":
            return False
        frame = frame.f_back
    return False


def _refusal(found: Tuple[str, Rule], caller: types.FrameType) -> ForbiddenCall:
    frame: Optional[types.FrameType] = caller
    while frame is not None and not _forbidden.is_own_code(
        frame.f_code.co_filename, frame.f_globals.get("__name__") or ""
    ):
        frame = frame.f_back
    at = frame or caller
    place = f"{at.f_code.co_name} ({at.f_code.co_filename.rsplit('/', 1)[-1]}:{at.f_lineno})"
    name, rule = found
    return ForbiddenCall(
        f"Orchestration code calls {name} in {place}: a replay could not repeat it. Instead: {rule.instead}. "
        "What does not matter to a replay may stand under `with perdure.unsandboxed():`."
    )


# ---- Searching -----------------------------------------------------------------------------------


_CACHED: Any = type(functools.lru_cache(len))
_WRAPPERS = (types.MethodType, staticmethod, classmethod, _CACHED)
_PLAIN = (bool, int, float, str, bytes, Activity, Orchestration)
_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, *_WRAPPERS)


class _Search:
    """Follows the names in code, as far as they are those of functions, classes and modules."""

    def __init__(self) -> None:
        self._seen: Set[Any] = set()
        self._functions: List[Any] = []

    def finds(self, function: Callable[..., Any]) -> bool:
        self._add(function)
        while self._functions:
            if self._is_suspect(self._functions.pop()):
                return True
        return False

    def _add(self, value: Any) -> None:
        # By exact types: things that only look like functions, such as proxies, may run code when asked.
        while type(value) in _WRAPPERS:
            value = value.__wrapped__ if type(value) is _CACHED else value.__func__
        while type(value) is types.FunctionType and "__wrapped__" in vars(value):
            self._add_function(value)
            value = vars(value)["__wrapped__"]
        if type(value) is types.FunctionType:
            self._add_function(value)
        elif issubclass(type(value), type) and value not in self._seen:
            self._seen.add(value)
            for each in list(vars(value).values()):
                inner = each.fget if type(each) is property else each
                if type(inner) is types.FunctionType or type(inner) in _WRAPPERS:
                    self._add(inner)

    def _add_function(self, function: types.FunctionType) -> None:
        code = function.__code__
        if code not in self._seen and _forbidden.is_own_code(code.co_filename, function.__module__ or ""):
            self._seen.add(code)
            self._functions.append(function)

    def _is_suspect(self, function: types.FunctionType) -> bool:
        names: Dict[str, Any] = {**vars(builtins), **function.__globals__}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                names[name] = cell.cell_contents
            except ValueError:
                pass  # Not assigned yet.
        codes = [function.__code__]
        while codes:
            code = codes.pop()
            codes += [each for each in code.co_consts if isinstance(each, types.CodeType)]
            if self._code_is_suspect(code, names):
                return True
        return False

    def _code_is_suspect(self, code: types.CodeType, names: Dict[str, Any]) -> bool:
        if all(_is_harmless(name, names) for name in (*code.co_names, *code.co_freevars, *code.co_cellvars)):
            return False
        value: Any = None
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME", "LOAD_CLASSDEREF"):
                value = names.get(step.argval)
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and value is not None:
                value = _attribute(value, step.argval)
            elif step.opname == "IMPORT_NAME":
                value = None
                if str(step.argval).partition(".")[0] in _forbidden.MODULES:
                    return True
            else:
                value = None
                continue
            if value is not None and self._value_is_suspect(value):
                return True
        return False

    def _value_is_suspect(self, value: Any) -> bool:
        kind = type(value)
        if issubclass(kind, types.ModuleType):
            return False
        if kind not in _CALLABLE and not issubclass(kind, type):
            value = kind
        self._add(value)
        if _forbidden.of_object(value) is not None:
            return True
        return issubclass(type(value), type) and value.__module__.partition(".")[0] in _forbidden.CLASSES


def _is_harmless(name: str, names: Dict[str, Any]) -> bool:
    """Nothing comes of the name, whatever the code does with it: most code is told so, and need not be
    disassembled, which takes some tenths of a millisecond of a first turn."""
    if name.partition(".")[0] in _forbidden.MODULES:
        return False
    value = names.get(name)
    if type(value) in (type, types.BuiltinFunctionType):
        return value.__module__ == "builtins" and _forbidden.of_object(value) is None
    return value is None or type(value) in _PLAIN


def _attribute(value: Any, name: str) -> Any:
    """An attribute of a module or class; of other things not even that is asked, for it may run code."""
    if issubclass(type(value), types.ModuleType):
        return vars(value).get(name)
    if issubclass(type(value), type):
        found = inspect.getattr_static(value, name, None)
        # Methods of C classes, such as datetime.now, have no code that asking for them could run.
        is_plain = isinstance(found, (types.ClassMethodDescriptorType, types.BuiltinFunctionType))
        return getattr(value, name) if is_plain else found
    return None
