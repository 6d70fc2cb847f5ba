"""A mixed load for the chaos programs: orchestrations, the calls of a client that bring them about, and what
must have become of each, computed without the engine.

    python Tests/chaos/workload.py URL TRACE [--slots N]     a worker, until it is killed or its input ends
    python Tests/chaos/workload.py URL --calls N FROM COUNT  a client that makes calls FROM...; see `Script`

Each run of an activity leaves a line in the file TRACE, so that what really ran is known from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import perdure

SLOTS = 8

# ---- What runs ----------------------------------------------------------------------------------------


def leave_trace(context: perdure.ActivityContext, fails: bool = False) -> None:
    """One write to a file opened for appending: whole or not there."""
    outcome = "fails" if fails else "ends"
    line = f"{context.name} {context.idempotency_key} {os.getpid()} {time.monotonic()} {outcome}\n"
    descriptor = os.open(os.environ["CHAOS_TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def work_a_little(context: perdure.ActivityContext) -> None:
    leave_trace(context)
    time.sleep(random.uniform(0.0, float(os.environ.get("CHAOS_PAUSE", "0.04"))))


@perdure.activity
def reserve(context: perdure.ActivityContext) -> str:
    work_a_little(context)
    return f"reserved {context.instance_id}"


@perdure.activity
def charge(context: perdure.ActivityContext) -> str:
    work_a_little(context)
    return f"charged {context.instance_id}"


@perdure.activity
def ship(context: perdure.ActivityContext) -> str:
    work_a_little(context)
    return f"shipped {context.instance_id}"


@perdure.activity
def square(context: perdure.ActivityContext, number: int) -> int:
    work_a_little(context)
    return number * number


@perdure.activity
def clean_up(context: perdure.ActivityContext) -> str:
    work_a_little(context)
    return "cleaned up"


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=3, initial_interval=0.02))
def flaky(context: perdure.ActivityContext) -> int:
    fails = context.attempt < 3
    leave_trace(context, fails)
    if fails:
        raise OSError("the line is busy")
    return 3


@perdure.orchestration
async def order(context: perdure.OrchestrationContext) -> list[str]:
    reserved = await context.activity(reserve)
    await asyncio.sleep(context.random() * 0.05)
    charged = await context.activity(charge)
    return [reserved, charged, await context.activity(ship)]


@perdure.activity
def step(context: perdure.ActivityContext, number: int) -> int:
    leave_trace(context)
    return number + 1


@perdure.orchestration
async def chain(context: perdure.OrchestrationContext, steps: int) -> int:
    number = 0
    for _ in range(steps):
        number = await context.activity(step, number)
    return number


@perdure.activity
def lie_down(context: perdure.ActivityContext) -> None:
    leave_trace(context)


@perdure.activity
def get_up(context: perdure.ActivityContext) -> None:
    leave_trace(context)


@perdure.orchestration
async def nap(context: perdure.OrchestrationContext, seconds: float) -> float:
    timer = context.timer(seconds)
    await context.activity(lie_down)
    await timer
    await context.activity(get_up)
    return seconds


@perdure.orchestration
async def fan(context: perdure.OrchestrationContext, first: int) -> list[int]:
    return list(await asyncio.gather(*(context.activity(square, first + item) for item in range(5))))


@perdure.orchestration
async def collect(
    context: perdure.OrchestrationContext, so_far: dict[str, list[int]]
) -> dict[str, list[int]]:
    """Events and queue messages in turn, until one is the last: -1. Now and then in a new execution."""
    items = so_far["items"]
    while True:
        message = context.dequeue("items") if len(items) % 2 else context.wait_for_event("item")
        item = await message
        if item == -1:
            return so_far
        if item in items:
            so_far["repeats"].append(item)
            continue
        items.append(item)
        if len(items) % 2:
            await context.activity(square, item)
        if len(items) % 4 == 0:
            context.continue_as_new(so_far)


@perdure.orchestration
async def leaf(context: perdure.OrchestrationContext, number: int) -> int:
    await asyncio.sleep(0.01)
    return await context.activity(square, number)


@perdure.orchestration
async def tree(context: perdure.OrchestrationContext, first: int) -> int:
    children = [context.sub_orchestration(leaf, first + item) for item in range(3)]
    return sum(await asyncio.gather(*children))


@perdure.orchestration
async def rounds(context: perdure.OrchestrationContext, turn: int) -> str:
    context.kv.set("sum", context.kv.get("sum", 0) + await context.activity(square, turn))
    context.set_custom_status(f"round {turn}")
    await asyncio.sleep(0.02)
    if turn < 4:
        context.continue_as_new(turn + 1)
    return f"{context.kv.get('sum')} in {turn} rounds"


@perdure.orchestration
async def patient(context: perdure.OrchestrationContext) -> str:
    try:
        await context.wait_for_event("never")
    except asyncio.CancelledError:
        await context.activity(clean_up)
        raise
    return "nobody cancelled it"


@perdure.orchestration
async def stubborn(context: perdure.OrchestrationContext) -> int:
    return await context.activity(flaky)


DEFINITIONS = [reserve, charge, ship, square, clean_up, flaky, step, lie_down, get_up]
DEFINITIONS += [order, chain, nap, fan, collect, leaf, tree, rounds, patient, stubborn]
KINDS = ("order", "fan", "collect", "tree", "rounds", "patient", "stubborn")


def work(url: str, slots: int) -> None:
    """Runs what there is until it is killed, or until the other end closes its input."""
    with perdure.Store(url) as store, perdure.Runtime(store, DEFINITIONS, activity_slots=slots):
        sys.stdin.read()


# ---- What the client does -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    status: str
    output: Any
    # Activities that history must have the results of.
    activities: int


def plan(number: int, kinds: tuple[str, ...] = KINDS) -> tuple[str, str, Any, Expected]:
    """The kind, id and input of an instance, and its end."""
    kind = kinds[number % len(kinds)]
    instance = f"{kind}-{number}"
    if kind == "order":
        steps = [f"{step} {instance}" for step in ("reserved", "charged", "shipped")]
        return kind, instance, None, Expected("Completed", steps, 3)
    if kind == "fan":
        return kind, instance, number, Expected("Completed", [(number + i) ** 2 for i in range(5)], 5)
    if kind == "collect":
        items = [*range(number * 100, number * 100 + 5 + number % 3)]
        end = Expected("Completed", {"items": items, "repeats": []}, (len(items) + 1) // 2)
        return kind, instance, {"items": [], "repeats": []}, end
    if kind == "tree":
        return kind, instance, number, Expected("Completed", sum((number + i) ** 2 for i in range(3)), 0)
    if kind == "rounds":
        return kind, instance, 1, Expected("Completed", "30 in 4 rounds", 4)
    if kind == "patient":
        return kind, instance, None, Expected("Cancelled", None, 1)
    return kind, instance, None, Expected("Completed", 3, 1)


@dataclass(frozen=True)
class Call:
    """What a client asks of the engine once."""

    kind: str
    instance: str
    data: Any = None

    def make(self, client: perdure.Client, is_again: bool = False) -> None:
        """Returns when it is acknowledged.

        is_again: whoever made it before died before the answer, so that it may have landed.
        """
        try:
            self._make(client, is_again)
        except perdure.WrongStatus:
            # What was not acknowledged may have brought its instance to its end.
            if not is_again or not client.describe(self.instance).is_ended:
                raise

    def _make(self, client: perdure.Client, is_again: bool) -> None:
        if self.kind == "start":
            kind = self.instance.split("-")[0]
            client.start(
                kind, self.data, instance=self.instance, policy="use_existing" if is_again else "fail"
            )
        elif self.kind == "event":
            client.raise_event(self.instance, "item", self.data, keep=True)
        elif self.kind == "enqueue":
            client.enqueue(self.instance, "items", self.data, keep=True)
        else:
            client.cancel(self.instance, "enough")


class Script:
    """All calls for `count` instances, in an order that is always the same: some messages come before their
    instance is started, some before it waits, some late."""

    def __init__(self, count: int, kinds: tuple[str, ...] = KINDS, first: int = 0) -> None:
        """first: the number of the first instance."""
        self.expected: dict[str, Expected] = {}
        placed: list[tuple[int, int, Call]] = []
        for number in range(first, first + count):
            kind, instance, value, expected = plan(number, kinds)
            self.expected[instance] = expected
            placed.append((number, 0, Call("start", instance, value)))
            if kind == "collect":
                for place, item in enumerate([*expected.output["items"], -1]):
                    call = Call("event" if place % 2 == 0 else "enqueue", instance, item)
                    placed.append((max(0, number + place - 2), 1 + place, call))
            elif kind == "patient":
                placed.append((number + number % 4, 1, Call("cancel", instance)))
        placed.sort(key=lambda entry: (entry[0], entry[2].instance != plan(entry[0], kinds)[1], entry[1]))
        self.calls = [call for _, _, call in placed]

    def __len__(self) -> int:
        return len(self.calls)


def make_calls(url: str, script: Script, begin: int, count: int) -> None:
    """Says on standard output which calls were acknowledged, each as soon as it was. The first may have been
    made before."""
    with perdure.Store(url) as store, perdure.Client(store) as client:
        for index in range(begin, min(begin + count, len(script))):
            script.calls[index].make(client, is_again=index == begin)
            os.write(1, f"{index}\n".encode())


# ---- What was seen from outside -----------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run of an activity."""

    activity: str
    # INSTANCE/EXECUTION/ACTION.
    key: str
    pid: int
    begin: float
    fails: bool


class Trace:
    """The file that activities write to, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs: list[Run] = []
        # When a process ran its first activity.
        self.first: dict[int, float] = {}
        self._offset = 0

    def read(self) -> list[Run]:
        """All runs, in the order in which they began."""
        if not self.path.exists():
            return self.runs
        with self.path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode().splitlines():
            activity, key, pid, at, outcome = line.split()
            run = Run(activity, key, int(pid), float(at), outcome == "fails")
            self.runs.append(run)
            self.first.setdefault(run.pid, run.begin)
        return self.runs


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.005) -> bool:
    """Returns whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description="A worker or a client of the mixed load.")
    parser.add_argument("url")
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--calls", type=int, nargs=3, metavar=("INSTANCES", "FROM", "COUNT"))
    options = parser.parse_args()
    if options.calls:
        instances, begin, count = options.calls
        make_calls(options.url, Script(instances), begin, count)
    else:
        work(options.url, options.slots)


if __name__ == "__main__":
    main()
