"""Changes the code of orchestrations under instances that wait.

    Tests/chaos/code_change.py [--generated 20] [--seed N]

Each program is recorded up to a wait; then a runtime with changed code serves it. The change must be reported
with the number of the event, with what history has there and what the code does; the instance is set aside,
and goes on to its right end when the old code is back. Nothing may pass in silence.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import perdure
import victims
from judge import Verdicts

# A program is a list of steps; `work` runs one. Those before the wait for "go" are in history when the code
# changes.
Step = tuple[Any, ...]
Program = list[Step]
GO: Step = ("event", "go")
SETTLE_LIMIT_S = 30.0


@perdure.activity
def echo(_: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.activity
def shout(_: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def child(context: perdure.OrchestrationContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def other_child(context: perdure.OrchestrationContext, value: Any) -> Any:
    return value


async def work(context: perdure.OrchestrationContext, program: Program) -> list[Any]:
    results: list[Any] = []
    for step in program:
        match step:
            case ("activity", name, value):
                results.append(await context.activity(name, value))
            case ("child", name, value):
                results.append(await context.sub_orchestration(name, value))
            case ("timer", seconds):
                await asyncio.sleep(seconds)
            case ("event", name):
                results.append(await context.wait_for_event(name))
            case ("kv", key, value):
                context.kv.set(key, value)
            case ("both", *steps):
                results.append(await asyncio.gather(*(work(context, [each]) for each in steps)))
            case ("race", step, seconds):
                try:
                    results += await asyncio.wait_for(work(context, [step]), seconds)
                except asyncio.TimeoutError:
                    results.append("late")
            case ("return",):
                break
            case ("raise",):
                raise ValueError("changed")
            case ("again",):
                context.continue_as_new(None)
    return results


def served(name: str, program: Program) -> perdure.Orchestration:
    @perdure.orchestration(name=name)
    async def run(context: perdure.OrchestrationContext) -> list[Any]:
        return await work(context, program)

    return run


@dataclass
class Change:
    name: str
    before: Program
    after: Program


A, B = ("activity", "echo", 1), ("activity", "echo", 2)
C, T = ("child", "child", 3), ("timer", 0.001)
BASE: Program = [A, T, B, C, GO, ("activity", "echo", 4)]

HANDWRITTEN = [
    Change("an activity more at the beginning", BASE, [B, *BASE]),
    Change("an activity less", BASE, [T, B, C, GO]),
    Change("two activities in another order", BASE, [B, T, A, C, GO]),
    Change("an activity of another name", BASE, [("activity", "shout", 1), *BASE[1:]]),
    Change("an activity with another input", BASE, [("activity", "echo", "one"), *BASE[1:]]),
    Change("a timer in place of an activity", BASE, [T, T, B, C, GO]),
    Change("an activity in place of a timer", BASE, [A, A, B, C, GO]),
    Change("a race around an activity", BASE, [("race", A, 60), *BASE[1:]]),
    Change("a child of another name", BASE, [A, T, B, ("child", "other_child", 3), GO]),
    Change("a wait for another event", BASE, [A, T, B, C, ("event", "come")]),
    Change("it returns before recorded work", BASE, [A, T, ("return",)]),
    Change("it fails before recorded work", BASE, [A, T, ("raise",)]),
    Change("it continues as new before recorded work", BASE, [A, T, ("again",)]),
    Change("it returns at once", BASE, [("return",)]),
    Change("two at once in place of one after the other", [A, B, GO], [("both", A, B), GO]),
    Change("a value of its state less", [("kv", "k", 1), A, GO], [A, GO]),
    Change("another value of its state", [("kv", "k", 1), A, GO], [("kv", "k", 2), A, GO]),
    Change("it returns in place of the wait", BASE, [A, T, B, C, ("return",)]),
]


def generated(count: int, seed: str) -> list[Change]:
    """Random programs, each with a random change in front of its wait."""
    randomness = random.Random(seed)

    def step(depth: int = 0) -> Step:
        kind = randomness.choice(["activity", "activity", "child", "timer", "kv"] + ["both"] * (depth == 0))
        if kind == "both":
            return (kind, *(step(1) for _ in range(randomness.randint(2, 4))))
        if kind == "timer":
            return (kind, 0.001)
        names = {"activity": ["echo", "shout"], "child": ["child", "other_child"], "kv": ["k", "l"]}[kind]
        return (kind, randomness.choice(names), randomness.randrange(1_000))

    changes = []
    while len(changes) < count:
        steps = [step() for _ in range(randomness.randint(2, 6))]
        place = randomness.randrange(len(steps))
        how = randomness.choice(["add", "remove", "swap", "replace", "return", "raise", "race"])
        changed = list(steps)
        if how == "add":
            changed.insert(place, step())
        elif how == "remove":
            del changed[place]
        elif how == "swap":
            to = randomness.randrange(len(steps))
            changed[place], changed[to] = changed[to], changed[place]
        elif how == "replace":
            changed[place] = step()
        elif how == "race":
            changed[place] = ("race", ("activity", "echo", -1), 60)
        else:
            changed[place:] = [(how,)]
        if changed != steps:
            changes.append(Change(f"generated {how} at {place} of {steps}", [*steps, GO], [*changed, GO]))
    return changes


def result_of(program: Sequence[Step]) -> list[Any]:
    """What the program comes to, worked out here."""
    results: list[Any] = []
    for step in program:
        if step[0] in ("activity", "child"):
            results.append(step[2])
        elif step[0] == "event":
            results.append(None)
        elif step[0] == "both":
            results.append([result_of([each]) for each in step[1:]])
    return results


def runtime(store: perdure.Store, programs: dict[str, Program]) -> perdure.Runtime:
    orchestrations = [served(name, program) for name, program in programs.items()]
    return perdure.Runtime(store, [echo, shout, child, other_child, *orchestrations])


def judge(changes: list[Change], store: perdure.Store, client: perdure.Client) -> list[list[str]]:
    """Returns what is wrong, for each change."""
    wrong: list[list[str]] = [[] for _ in changes]
    names = [f"program-{number}" for number in range(len(changes))]
    before = {name: change.before for name, change in zip(names, changes, strict=True)}
    after = {name: change.after for name, change in zip(names, changes, strict=True)}
    with runtime(store, before):
        for name in names:
            client.start(name, instance=name)

        def waits(name: str) -> bool:
            return client.history(name)[-1]["kind"] == "EventSubscribed"

        for name in names:
            assert victims.until(lambda name=name: waits(name), SETTLE_LIMIT_S), (
                f"{name} does not come to wait"
            )
    with runtime(store, after):
        for name in names:
            client.raise_event(name, "go")
        for number, name in enumerate(names):

            def has_moved(name: str = name) -> bool:
                return client.status(name) not in ("Running", "Pending")

            victims.until(has_moved, SETTLE_LIMIT_S)
            seen = client.describe(name)
            failure = seen.failure
            if seen.status != "Quarantined" or failure is None:
                wrong[number].append(f"{seen.status} with {seen.output or failure}, in silence")
            elif not re.search(r"\bevent \d+", failure.message):
                wrong[number].append(f"no event is named: {failure.message}")
            elif "expected" not in failure.message or "found" not in failure.message:
                wrong[number].append(f"no 'expected' and 'found': {failure.message}")
    with runtime(store, before):
        for number, name in enumerate(names):
            if client.describe(name).status == "Quarantined":
                client.retry(name)
                try:
                    output = client.result(name, timeout=SETTLE_LIMIT_S)
                except perdure.PerdureError as error:
                    wrong[number].append(f"it does not go on: {error}")
                    continue
                if output != result_of(changes[number].before):
                    wrong[number].append(f"it went on to {output}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Changes code under instances that wait.")
    parser.add_argument("--generated", type=int, default=20, help="random changes beside the written ones")
    parser.add_argument("--seed", default=None, help="of the random changes")
    options = parser.parse_args()
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))
    print(f"code change: {len(HANDWRITTEN)} written, {options.generated} generated, --seed {seed}")
    verdicts = Verdicts()
    changes = HANDWRITTEN + generated(options.generated, seed)
    with tempfile.TemporaryDirectory(prefix="perdure-changes-") as folder:
        store = perdure.Store(f"sqlite:{Path(folder) / 'store.sqlite'}")
        with store, perdure.Client(store) as client:
            for change, wrong in zip(changes, judge(changes, store, client), strict=True):
                verdicts.check(f"{change.name}: reported; goes on with the old code", wrong)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
