"""What orchestration code must not call, and what to say instead."""

from __future__ import annotations

import os
import random
import site
import sys
from datetime import date
from functools import cache
from typing import Any, Dict, NamedTuple, Optional, Set, Tuple

_CLOCK = "ctx.now() is the time, the same in each replay"
_WAIT = "await asyncio.sleep(seconds) or ctx.timer(seconds), which are durable"
_CHANCE = "ctx.random() is a number, the same in each replay; random.Random(ctx.new_guid().int) makes more"
_GUID = "ctx.new_guid() is the same in each replay"
_ACTIVITY = "do it in an activity"
_TASKS = "asyncio.create_task and gather run things side by side; threads belong into activities"
_CONTEXT = "ctx has what orchestrations need of a client (start_detached, raise_event...); or use an activity"


class Rule(NamedTuple):
    """Why a call is refused."""

    instead: str
    #: Libraries may call it for purposes of their own, such as the time of a log record.
    own_code_only: bool


def _rules(names: str, instead: str, own_code_only: bool) -> Dict[Tuple[str, str], Rule]:
    parts = (each.rpartition(".") for each in names.split())
    return dict.fromkeys(((module, name) for module, _, name in parts), Rule(instead, own_code_only))


#: By module and name of a function, as the function itself has them; `__init__` and `start` are those of any
#: class in the module.
RULES: Dict[Tuple[str, str], Rule] = {
    **_rules(
        "time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns "
        "time.process_time time.process_time_ns", _CLOCK, True,
    ),
    **_rules("time.sleep", _WAIT, False),
    **_rules("uuid.uuid1 uuid.uuid4", _GUID, True),
    **_rules(
        "posix.urandom posix.getrandom secrets.token_bytes secrets.token_hex secrets.token_urlsafe "
        "secrets.randbelow", _CHANCE, True,
    ),
    **_rules("os.getenv", "give it as input, or read it in an activity", True),
    **_rules(
        "builtins.input io.open _io.open posix.open posix.listdir posix.scandir posix.system os.popen "
        "socket.__init__ socket.create_connection socket.getaddrinfo _socket.getaddrinfo subprocess.__init__ "
        "subprocess.run urllib.request.urlopen", _ACTIVITY, False,
    ),
    **_rules(
        "threading.start _thread.start_new_thread _thread.start_joinable_thread "
        "concurrent.futures.thread.submit concurrent.futures.process.submit multiprocessing.process.start "
        "asyncio.events.new_event_loop", _TASKS, False,
    ),
}  # fmt: skip

#: Packages that do nothing but what orchestrations must not.
OUTSIDE: Dict[str, str] = {
    **dict.fromkeys(
        ("requests", "httpx", "urllib3", "smtplib", "ftplib", "sqlite3", "_sqlite3", "psycopg", "psycopg2",
         "pymysql", "redis", "pymongo", "botocore"), _ACTIVITY,
    ),
    **dict.fromkeys(
        ("perdure.client", "perdure.async_client", "perdure.store", "perdure.management"), _CONTEXT
    ),
}  # fmt: skip

#: Modules that hold something of the above.
MODULES: Set[str] = {
    "datetime", "random", "os", "secrets", "threading", "asyncio", "multiprocessing", "concurrent",
    *(module.partition(".")[0] for module, _ in RULES), *(name.partition(".")[0] for name in OUTSIDE),
} - {"asyncio", "builtins", "io", "_io", "posix", "perdure"}  # fmt: skip

#: Modules whose classes have methods that are forbidden, on some of their objects.
CLASSES = {"random", "pathlib"}

#: Who may do all of it, on whosever behalf.
TRUSTED = {
    "logging", "importlib", "_frozen_importlib", "_frozen_importlib_external", "warnings", "linecache",
    "zoneinfo", "gettext", "bdb", "pdb", "cmd", "code", "IPython", "debugpy", "pydevd",
}  # fmt: skip

NAMES = {name for _, name in RULES}
_DATES = {"now", "utcnow", "today"}
#: What the functions of `random` are methods of.
_SHARED = getattr(random, "_inst", None)
_RANDOM = {name for name in dir(random.Random) if not name.startswith("_")} | {"__init__"}


def of_object(called: Any) -> Optional[Tuple[str, Rule]]:
    """The name of a function or class, and why it must not be called; None if it may be."""
    owner = getattr(called, "__self__", None)
    name = getattr(called, "__name__", "") or ""
    if isinstance(owner, type) and issubclass(owner, date):
        return (f"{owner.__name__}.{name}", Rule(_CLOCK, True)) if name in _DATES else None
    if isinstance(owner, random.Random):
        return _of_random(owner, name)
    if isinstance(called, type) and called.__module__ != "random":
        name = "start" if (called.__module__, "start") in RULES else "__init__"
    return of_function(getattr(called, "__module__", None) or "", name)


def of_function(module: str, name: str) -> Optional[Tuple[str, Rule]]:
    """The same for a function by its module and name."""
    rule = RULES.get((module, name))
    if rule is not None:
        shown = module if name in ("__init__", "start") else f"{module.lstrip('_')}.{name}"
        return shown.replace("posix.", "os.").replace("builtins.", "").replace("io.open", "open"), rule
    instead = OUTSIDE.get(module) or OUTSIDE.get(module.partition(".")[0])
    return None if instead is None else (f"{module}.{name}", Rule(instead, False))


def _of_random(owner: random.Random, name: str) -> Optional[Tuple[str, Rule]]:
    # A generator of one's own, made from a seed, is as deterministic as its seed.
    shared = owner is _SHARED or isinstance(owner, random.SystemRandom)
    return (f"random.{name}", Rule(_CHANCE, True)) if shared and name in _RANDOM else None


def of_random_method(name: str, local: Dict[str, Any]) -> Optional[Tuple[str, Rule]]:
    """The same for a method of `random.Random` that has been entered with these variables."""
    owner = local.get("self")
    if name == "__init__":
        unseeded = type(owner) is random.Random and local.get("x") is None
        return ("random.Random() without a seed", Rule(_CHANCE, True)) if unseeded else None
    return _of_random(owner, name) if isinstance(owner, random.Random) else None


# ---- Whose code it is ----------------------------------------------------------------------------

_ours: Dict[str, bool] = {}
#: Top-level packages that have orchestrations: code of the user, wherever it is installed.
_packages: Set[str] = set()


def note_package(module: str) -> None:
    if module.partition(".")[0] not in ("perdure", *sys.builtin_module_names):
        _packages.add(module.partition(".")[0])


@cache
def _libraries() -> Tuple[str, ...]:
    """The beginnings of the names of files that are no user's."""
    # sysconfig would say it too, after some milliseconds of the first turn; and it counts all of sys.prefix.
    folders = {*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(os.__file__)}
    return ("<frozen ", *(f"{folder}/" for folder in folders))


def is_own_code(filename: str, module: str) -> bool:
    """Code that the user has written, as opposed to a library."""
    if module.partition(".")[0] in _packages:
        return True
    own = _ours.get(filename)
    if own is None:
        own = _ours[filename] = not filename.startswith(_libraries()) and not module.startswith("perdure.")
    return own
