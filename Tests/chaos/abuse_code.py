"""Hostile code: activities and orchestrations that do what nobody should."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import perdure
from abuse_world import ATTACKS, DEEDS, DEFINITIONS, Case, World

MIB = 1 << 20
#: Ends activities that wait for it.
RELEASED = threading.Event()


class Unspeakable(Exception):
    """Its text cannot be made."""

    def __str__(self) -> str:
        raise Unspeakable

    __repr__ = __str__


class Bottomless(BaseException):
    """Not an `Exception`."""


class Surprising(Exception):
    """Whoever looks at it gets another exception."""

    @property
    def details(self) -> Any:
        raise Unspeakable

    @property
    def non_retryable(self) -> Any:
        raise Bottomless


@dataclasses.dataclass
class Hollow:
    """Lacks what it says it has."""

    value: int = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "value":
            raise RuntimeError("hollow")
        return super().__getattribute__(name)


class Liar(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise Unspeakable


def endless_causes(length: int) -> Exception:
    error = Exception("the first")
    for number in range(length):
        after = Exception(f"after {number}")
        after.__cause__ = error
        error = after
    return error


def circular_cause() -> Exception:
    one, other = Exception("one"), Exception("other")
    one.__cause__, other.__cause__ = other, one
    return one


def odd_failure(value: Any) -> Exception:
    error = Exception("odd")
    for name in ("details", "retry_after", "non_retryable", "failure_type"):
        setattr(error, name, value)
    return error


def raises(make: Callable[[], BaseException]) -> Callable[[Any, Any], Any]:
    def do(context: Any, value: Any) -> Any:
        raise make()

    return do


def returns(make: Callable[[], Any]) -> Callable[[Any, Any], Any]:
    return lambda context, value: make()


#: What is raised, and the type of the failure.
RAISED: list[tuple[str, Callable[[], BaseException], str]] = [
    ("BaseException", BaseException, "BaseException"),
    ("a BaseException of its own", Bottomless, "Bottomless"),
    ("SystemExit", lambda: SystemExit(3), "SystemExit"),
    ("KeyboardInterrupt", KeyboardInterrupt, "KeyboardInterrupt"),
    ("GeneratorExit", GeneratorExit, "GeneratorExit"),
    ("StopIteration", lambda: StopIteration(1), "StopIteration"),
    ("MemoryError", MemoryError, "MemoryError"),
    ("RecursionError", RecursionError, "RecursionError"),
    ("a text of 100 MB", lambda: ValueError("x" * 100 * MIB), "ValueError"),
    ("a text with NUL", lambda: ValueError("a\0b"), "ValueError"),
    ("a text with half a surrogate pair", lambda: ValueError("a\ud800b"), "ValueError"),
    ("a text that cannot be made", Unspeakable, "Unspeakable"),
    ("attributes that raise", Surprising, "Surprising"),
    ("details of 100 MB", lambda: odd_failure("x" * 100 * MIB), "perdure.LimitExceeded"),
    ("details that are not JSON", lambda: odd_failure(object()), "Exception"),
    ("details that cannot be told", lambda: odd_failure([Unspeakable()]), "Exception"),
    ("a retry after NaN", lambda: odd_failure(float("nan")), "Exception"),
    ("100,000 causes", lambda: endless_causes(100_000), "Exception"),
    ("a circle of causes", circular_cause, "Exception"),
    ("a class with a strange name", lambda: type("<b>\u202e" * 500, (Exception,), {})("x"), "strange"),
    ("a failure of the engine", lambda: perdure.LimitExceeded("x" * 50_000), "perdure.LimitExceeded"),
]  # fmt: skip

#: A coroutine must not raise it: Python makes another error of it.
PYTHONS = {("attack", "StopIteration"): "RuntimeError"}

RETURNED: list[tuple[str, Callable[[], Any]]] = [
    ("an object", object), ("a memory view", lambda: memoryview(b"a")),
    ("a set of objects", lambda: {object()}), ("NaN", lambda: float("nan")),
    ("half a surrogate pair", lambda: "\ud800"), ("NUL", lambda: {"a": "\0"}),
    ("a dataclass that raises", Hollow), ("a dict that raises", lambda: Liar(a=1)),
    ("a generator", lambda: (x for x in ())), ("a key that is a tuple", lambda: {(1,): 1}),
]  # fmt: skip

for _name, _make, _ in RAISED:
    DEEDS[f"raises {_name}"] = raises(_make)

    async def _attack(context: Any, value: Any, make: Callable[[], BaseException] = _make) -> Any:
        raise make()

    ATTACKS[f"raises {_name}"] = _attack
for _name, _result in RETURNED:
    DEEDS[f"returns {_name}"] = returns(_result)

    async def _return(context: Any, value: Any, make: Callable[[], Any] = _result) -> Any:
        return make()

    ATTACKS[f"returns {_name}"] = _return


def failure_type(world: World, orchestration: str, name: str) -> str:
    try:
        world.run(orchestration, {"name": name})
    except perdure.OrchestrationFailed as error:
        if "strange" in name:
            return "Failed strange" if error.type.startswith("<b>") else error.type
        return f"Failed {error.type}"
    return "Completed"


# ---- Never ending --------------------------------------------------------------------------------------


def never_returns(context: perdure.ActivityContext, value: Any) -> Any:
    RELEASED.wait(60)


def stuck(world: World) -> str:
    """As many activities as there are slots but one hang; a time limit ends them for their orchestrations."""
    RELEASED.clear()
    try:
        ids = [world.client.start("attack", {"name": "call_stuck"}) for _ in range(15)]
        ends = {world.client.wait(each, timeout=10).failure.type for each in ids}  # type: ignore[union-attr]
        sick = world.check_health()
        return sick or ", ".join(sorted(ends))
    finally:
        RELEASED.set()


async def call_stuck(context: perdure.OrchestrationContext, value: Any) -> Any:
    return await context.activity("deed", {"name": "never_returns"}, start_to_close=0.2)


async def forever_new(context: perdure.OrchestrationContext, value: Any) -> Any:
    context.continue_as_new({"name": "forever_new", "value": value})


async def spins(context: perdure.OrchestrationContext, value: Any) -> Any:
    while True:
        await asyncio.sleep(0)


async def deadlocks(context: perdure.OrchestrationContext, value: Any) -> Any:
    await asyncio.Event().wait()


async def recurses(context: perdure.OrchestrationContext, value: Any) -> Any:
    def down() -> Any:
        return down()

    return down()


async def child_of_itself(context: perdure.OrchestrationContext, value: Any) -> Any:
    return await context.sub_orchestration("attack", {"name": "child_of_itself", "value": value})


async def named_children(context: perdure.OrchestrationContext, value: Any) -> Any:
    given = {"name": "named_children", "value": value + 1}
    return await context.sub_orchestration("attack", given, instance=f"deep-{context.new_guid()}")


async def swallows(context: perdure.OrchestrationContext, value: Any) -> Any:
    """Never lets itself be cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await context.wait_for_event("never")


async def waits_outside(context: perdure.OrchestrationContext, value: Any) -> Any:
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0)


async def from_a_thread(context: perdure.OrchestrationContext, value: Any) -> Any:
    thread = threading.Thread(target=lambda: context.activity("identity", 1))
    thread.start()
    thread.join()
    await context.timer(0.01)


DEEDS.update(never_returns=never_returns)
ATTACKS.update(
    call_stuck=call_stuck, forever_new=forever_new, spins=spins, deadlocks=deadlocks, recurses=recurses,
    child_of_itself=child_of_itself, named_children=named_children, swallows=swallows,
    waits_outside=waits_outside, from_a_thread=from_a_thread,
)  # fmt: skip


def goes_on_and_on(world: World) -> str:
    """An endless continue-as-new: it goes on, the others too, and it can be ended."""
    instance = world.client.start("attack", {"name": "forever_new"})
    world.wait_until("many executions", lambda: world.client.describe(instance).execution > 50)
    sick = world.check_health()
    world.client.terminate(instance)
    status = world.client.wait(instance, timeout=10).status
    world.client.delete(instance)
    return sick or status


def bottomless(name: str) -> Callable[[World], str]:
    """An orchestration that calls itself comes to the limit of generations, and each hears of it."""

    def run(world: World) -> str:
        instance = world.client.start("attack", {"name": name, "value": 0})
        sick = world.check_health()
        try:
            return sick or str(world.client.result(instance, timeout=60))
        finally:
            world.end(instance)

    return run


def cannot_be_cancelled(world: World) -> str:
    instance = world.client.start("attack", {"name": "swallows"})
    world.client.cancel(instance, grace=0.1)
    return world.client.wait(instance, timeout=10).status


def attacks(name: str) -> Callable[[World], str]:
    return lambda world: str(world.attack(name))


SPINNER = """
import sys, time
sys.path[:0] = [{here!r}]
import perdure
from abuse_world import DEFINITIONS

@perdure.orchestration
async def hog(context: perdure.OrchestrationContext) -> None:
    while True:
        pass

with perdure.Store({url!r}) as store, perdure.Runtime(store, [hog]) as runtime:
    client = perdure.Client(store)
    client.start("hog", instance="hog")
    print("started", flush=True)
    sys.stdin.read()
"""


def endless_loop(world: World) -> str:
    """Code that never gives the thread back holds up its own process alone, which can still be ended."""
    url = f"sqlite:{world.url[7:]}.hog" if world.kind == "sqlite" else ""
    if not url:
        return "others go on"
    code = SPINNER.format(here=os.path.dirname(os.path.abspath(__file__)), url=url)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            with perdure.Store(url) as store, perdure.Client(store) as client:
                with perdure.Runtime(store, DEFINITIONS):
                    client.result(client.start("healthy", 1), timeout=10)
                client.terminate("hog")
            return "others go on"
        finally:
            child.kill()


def cases() -> list[Case]:
    found = []
    for name, _, kind in RAISED:
        for orchestration in ("perform", "attack"):
            who = "an activity" if orchestration == "perform" else "an orchestration"
            found.append(Case(f"{who} raises {name}",
                              lambda w, o=orchestration, n=name: failure_type(w, o, f"raises {n}"),  # type: ignore[misc]
                              f"Failed {PYTHONS.get((orchestration, name), kind)}",
                              is_slow=name == "details of 100 MB"))  # fmt: skip
    for name, _ in RETURNED:
        for orchestration in ("perform", "attack"):
            who = "an activity" if orchestration == "perform" else "an orchestration"
            found.append(Case(f"{who} returns {name}",
                              lambda w, o=orchestration, n=name: failure_type(w, o, f"returns {n}"),  # type: ignore[misc]
                              "Failed InvalidArgument"))  # fmt: skip
    return [
        *found,
        Case("activities that never return", stuck, "perdure.Timeout"),
        Case("an endless continue-as-new", goes_on_and_on, "Terminated"),
        Case("children without end", bottomless("child_of_itself"), "Failed perdure.LimitExceeded"),
        Case("children without end, named", bottomless("named_children"), "Failed perdure.LimitExceeded"),
        Case("code that cannot be cancelled", cannot_be_cancelled, "Cancelled"),
        Case("a loop around sleep(0)", attacks("spins"), "Failed NonDurableAwait"),
        Case("a wait that nobody ends", attacks("deadlocks"), "Failed NonDurableAwait"),
        Case("recursion without end", attacks("recurses"), "Failed RecursionError"),
        Case("a thread pool in an orchestration", attacks("waits_outside"), "Failed NonDurableAwait"),
        Case("an endless loop in an orchestration", endless_loop, "others go on"),
    ]
