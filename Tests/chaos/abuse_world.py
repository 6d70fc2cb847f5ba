"""What the cases of abuse.py attack: a store with a client and a runtime, and the watch over the others."""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import perdure
from perdure import _abi
from perdure._library import library

#: Within this every other orchestration completes, in seconds.
HEALTHY_S = 5.0

Attack = Callable[[perdure.OrchestrationContext, Any], Awaitable[Any]]
Deed = Callable[[perdure.ActivityContext, Any], Any]
#: What the orchestration `attack` and the activity `deed` do, by the name in their input.
ATTACKS: dict[str, Attack] = {}
DEEDS: dict[str, Deed] = {}


@perdure.activity
def identity(context: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.activity
def deed(context: perdure.ActivityContext, given: Any) -> Any:
    return DEEDS[given["name"]](context, given.get("value"))


@perdure.orchestration
async def healthy(context: perdure.OrchestrationContext, value: int) -> int:
    await context.timer(0.001)
    doubled: int = await context.activity("identity", value * 2)
    return doubled


@perdure.orchestration
async def echo(context: perdure.OrchestrationContext, value: Any) -> Any:
    return await context.activity("identity", value)


@perdure.orchestration
async def attack(context: perdure.OrchestrationContext, given: Any) -> Any:
    return await ATTACKS[given["name"]](context, given.get("value"))


@perdure.orchestration
async def perform(context: perdure.OrchestrationContext, given: Any) -> Any:
    return await context.activity("deed", given)


@perdure.orchestration
async def wait_for(context: perdure.OrchestrationContext, names: list[str]) -> Any:
    return [await context.wait_for_event(name) for name in names]


DEFINITIONS = [identity, deed, healthy, echo, attack, perform, wait_for]


class World:
    """One store, open for the length of the run."""

    def __init__(self, kind: str, url: str, is_quick: bool) -> None:
        self.kind = kind
        self.url = url
        self.is_quick = is_quick
        self.store = perdure.Store(url)
        self.client = perdure.Client(self.store)
        self.runtime = perdure.Runtime(self.store, DEFINITIONS).start()
        self._numbers = itertools.count(1)
        self.slowest = 0.0

    def close(self) -> None:
        self.runtime.close()
        self.client.close()
        self.store.close()

    def id(self, prefix: str = "case") -> str:
        return f"{prefix}-{next(self._numbers)}"

    def check_health(self) -> str:
        """Empty, or what is wrong with the others."""
        begin = time.monotonic()
        number = next(self._numbers)
        try:
            output = self.client.result(self.client.start("healthy", number), timeout=HEALTHY_S)
        except perdure.PerdureError as error:
            return f"another orchestration did not complete: {error}"
        self.slowest = max(self.slowest, time.monotonic() - begin)
        return "" if output == number * 2 else f"another orchestration returned {output!r}"

    # ---- What cases do -------------------------------------------------------------------------------

    def run(self, orchestration: str, value: Any = None, timeout: float = 30.0) -> Any:
        return self.client.result(self.client.start(orchestration, value), timeout=timeout)

    def attack(self, name: str, value: Any = None, timeout: float = 30.0) -> Any:
        return self.run("attack", {"name": name, "value": value}, timeout)

    def perform(self, name: str, value: Any = None, timeout: float = 30.0) -> Any:
        return self.run("perform", {"name": name, "value": value}, timeout)

    def call(self, function: str, *arguments: bytes | int, handle: int | None = None) -> bytes:
        """A function of the client with raw bytes as texts, past all checks of the Python side."""
        lib = library()
        given = [_abi.Text(each, len(each)) if isinstance(each, bytes) else each for each in arguments]
        owner = self.client._handle.value if handle is None else handle
        if getattr(lib.dx, function).argtypes[-1] is _abi.OutBuffer:
            return lib.bytes_of(getattr(lib.dx, function), owner, *given)
        lib.check(getattr(lib.dx, function)(owner, *given))
        return b""

    def start_raw(self, **members: str) -> str:
        """Starts with members that are JSON text."""
        request = ",".join(f"{json.dumps(key)}:{value}" for key, value in members.items())
        started = json.loads(self.call("dx_client_start", f"{{{request}}}".encode()))
        return str(started["instance"])

    def end(self, instance: str) -> None:
        """Terminates it if it goes on."""
        with suppress(perdure.WrongStatus):
            self.client.terminate(instance)

    def wait_until(self, what: str, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come within {timeout:g} s")
            time.sleep(0.005)


@dataclass(frozen=True)
class Case:
    name: str
    #: Returns what happened in a word or two; raises PerdureError.
    run: Callable[[World], str]
    #: The word, or the name of the error, on every store.
    expect: str
    #: Left out by --quick.
    is_slow: bool = False


def outcome(case: Case, world: World) -> str:
    """What the case came to: the same words on every store."""
    try:
        return case.run(world)
    except (perdure.OrchestrationFailed, perdure.ActivityFailed) as error:
        return f"Failed {error.type}"
    except perdure.PerdureError as error:
        if len(str(error)) < 8:
            return f"{type(error).__name__} that says nothing: {error}"
        if len(str(error)) > 20_000:
            return f"{type(error).__name__} with a message of {len(str(error))} characters"
        return type(error).__name__
    except BaseException as error:
        return f"untyped {type(error).__name__}: {str(error)[:200]}"


def is_same(value: Any, expected: Any, what: str = "kept") -> str:
    """`what`, or how it differs."""
    return what if value == expected else f"changed to {str(value)[:80]!r}"


@contextmanager
def quiet() -> Iterator[None]:
    """Attacks on host code fill the log: none of it is of interest here."""
    logger = logging.getLogger("perdure")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
