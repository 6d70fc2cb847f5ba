"""Random programs of asyncio's functions: warm event by event, warm in batches, evicted, and cold in one
go, a program emits the same actions with the same `after`, and ends the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from datetime import timedelta
from typing import Any, Awaitable, Callable, Dict, List, Optional

import pytest
from script import Event, Script, without_stack

import perdure

PROGRAMS = int(os.environ.get("PERDURE_PROGRAMS", "300"))
EVENTS = 60
NAMES = ("x", "y")
Program = List[Any]


def random_program(chance: random.Random, depth: int = 0) -> Program:
    """A tree of operations, run by `execute`."""
    leaves = ["activity", "sleep", "event", "dequeue", "yield", "status", "fail", "chance", "kv"]
    leaves += ["patch", "topic", "call", "send", "prune"]
    nodes = [
        "sequence",
        "gather",
        "race",
        "wait_for",
        "catch",
        "shield",
        "lock",
        "finally",
        "queue",
        "started",
    ]
    if sys.version_info >= (3, 11):
        nodes += ["timeout", "group"]
    kind = chance.choice(leaves if depth > 3 else leaves + nodes * 3)
    parts = chance.randint(2, 4) if kind in ("sequence", "gather", "race", "group", "started", "queue") else 1
    if kind in leaves:
        return [kind, chance.randint(1, 9), chance.choice(NAMES)]
    return [kind, chance.randint(1, 9), *(random_program(chance, depth + 1) for _ in range(parts))]


async def execute(ctx: perdure.OrchestrationContext, program: Program, lock: asyncio.Lock) -> Any:
    kind, number, *parts = program

    def run(part: Program) -> Any:
        return execute(ctx, part, lock)

    if kind == "activity":
        return await ctx.activity(f"a{number}", number)
    if kind == "sleep":
        return await asyncio.sleep(number / 10, "slept")
    if kind == "event":
        return await ctx.wait_for_event(parts[0])
    if kind == "dequeue":
        return await ctx.dequeue(parts[0])
    if kind == "yield":
        return await asyncio.sleep(0, "yielded")
    if kind == "status":
        return ctx.set_custom_status([number, ctx.now_ms])
    if kind == "fail":
        raise ValueError(f"failed {number}")
    if kind == "chance":
        return await ctx.activity("chance", [str(ctx.new_guid()), ctx.random()])
    if kind in EXTRAS:
        return await EXTRAS[kind](ctx, number, parts[0])
    if kind == "sequence":
        return [await run(part) for part in parts]
    if kind == "gather":
        return await asyncio.gather(*map(run, parts), return_exceptions=number > 5)
    if kind == "race":
        return await race([asyncio.ensure_future(run(part)) for part in parts])
    if kind == "wait_for":
        return await asyncio.wait_for(run(parts[0]), number / 10)
    if kind == "shield":
        work = asyncio.ensure_future(run(parts[0]))
        try:
            return await asyncio.wait_for(asyncio.shield(work), number / 10)
        except asyncio.TimeoutError:
            return await work
    if kind == "catch":
        try:
            return await run(parts[0])
        except Exception as error:
            return [type(error).__name__, await ctx.activity("caught", str(error))]
    if kind == "finally":
        try:
            return await run(parts[0])
        finally:
            await ctx.activity("finally", number)
    if kind == "lock":
        async with lock:
            await ctx.activity("locked", number)
        return await run(parts[0])
    if kind == "started":
        tasks = [asyncio.create_task(run(part)) for part in parts]
        await ctx.activity("meanwhile", number)
        return [await task for task in tasks]
    return await execute_new(ctx, kind, number, parts, run)


async def patch(ctx: perdure.OrchestrationContext, number: int, name: str) -> Any:
    return await ctx.activity("new" if ctx.patched(name) else "old", number)


async def key_value(ctx: perdure.OrchestrationContext, number: int, name: str) -> Any:
    ctx.kv.set(f"{name}{number}", ctx.kv.get(name))
    ctx.kv.set(name, ctx.now_ms)
    return ctx.kv.all()


async def prune(ctx: perdure.OrchestrationContext, number: int, name: str) -> Any:
    return ctx.kv.prune_before(ctx.now() - timedelta(milliseconds=number * 100))


async def call(ctx: perdure.OrchestrationContext, number: int, name: str) -> Any:
    received = await ctx.next_call(name)
    received.answer(await ctx.activity("answer", received.input))
    return received.id


EXTRAS: Dict[str, Callable[[perdure.OrchestrationContext, int, str], Awaitable[Any]]] = {
    "patch": patch,
    "kv": key_value,
    "prune": prune,
    "call": call,
    "topic": lambda ctx, number, name: ctx.wait_for_topic(name),
    "send": lambda ctx, number, name: ctx.raise_event(f"other-{number}", name, number),
}


async def execute_new(ctx: Any, kind: str, number: int, parts: List[Program], run: Callable[..., Any]) -> Any:
    if kind == "queue":
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def put(part: Program) -> None:
            try:
                await queue.put(await run(part))
            except Exception as error:
                await queue.put(str(error))

        tasks = {asyncio.create_task(put(part)) for part in parts}
        return [await queue.get() for _ in tasks]
    if kind == "timeout":
        async with asyncio.timeout(number / 10):
            return await run(parts[0])
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(part)) for part in parts]
    return [task.result() for task in tasks]


async def race(tasks: List[Any]) -> Any:
    done, pending = await asyncio.wait(set(tasks), return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    results = await asyncio.gather(*pending, return_exceptions=True)
    return [[str(task.exception() or "") for task in done], len(results)]


def code(program: Program) -> Any:
    async def run(ctx: perdure.OrchestrationContext) -> Any:
        lock = asyncio.Lock()
        ctx.on_call("served", lambda value: execute(ctx, ["activity", 1, "x"], lock))
        return json.dumps(await execute(ctx, program, lock), default=repr)

    return run


def next_event(script: Script, chance: random.Random, open_: Dict[int, str]) -> Optional[Event]:
    """What an engine might send next."""
    answers = [action for action, kind in open_.items() if kind != "wait"]
    what = chance.random()
    if what < 0.02:
        return script.event("CancellationRequested", reason="enough")
    if what < 0.3 or not answers:
        kind = chance.choice(["EventRaised", "QueueMessageReceived", "TopicMessageReceived", "CallReceived"])
        data = chance.randint(0, 99)
        if kind == "CallReceived":
            name = chance.choice((*NAMES, "served"))
            return script.event(kind, name=name, data=data, call=f"call-{len(script.events)}")
        return script.event(kind, name=chance.choice(NAMES), data=data)
    action = chance.choice(answers)
    kind = open_.pop(action)
    if kind == "timer":
        return script.event("TimerFired", chance.randint(0, 500), action=action)
    if kind == "request":
        return script.event("RequestCompleted", action=action, result=None)
    if chance.random() < 0.2:
        return script.event("ActivityFailed", action=action, failure={"type": "E", "message": f"no {action}"})
    return script.event("ActivityCompleted", action=action, result=chance.randint(0, 99))


def note(open_: Dict[int, str], actions: List[Dict[str, Any]]) -> None:
    short = {
        "ScheduleActivity": "activity",
        "CreateTimer": "timer",
        "WaitForEvent": "wait",
        "Dequeue": "wait",
        "WaitForTopic": "wait",
        "WaitForCall": "wait",
        "RaiseEvent": "request",
    }
    for each in actions:
        if each["kind"] in short:
            open_[each["id"]] = short[each["kind"]]
        # Half of the cancelled work answers all the same, as in life.
        elif each["kind"] == "Cancel" and each["target"] % 2:
            open_.pop(each["target"], None)


def in_batches(script: Script, chance: random.Random, cached: int) -> Dict[str, Any]:
    """The same history again, in turns of random size; with `cached` 0 each turn is a replay."""
    host = script.new_host(cached)
    actions: List[Dict[str, Any]] = []
    end, after, at = None, 0, 0
    while at < len(script.events) and end is None:
        size = chance.randint(1, 5)
        events = script.events[at : at + size] if cached else script.events[: at + size]
        answer = json.loads(host.run(script.request(events, after if cached else 0, after)))
        actions = actions + answer["actions"] if cached else answer["actions"]
        end, at = answer.get("end"), at + size
        after = events[-1]["id"]
    host.close()
    return {"actions": actions, "end": end}


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_a_random_program_replays(seed: int) -> None:
    chance = random.Random(seed)
    program = ["sequence", 0, *(random_program(chance) for _ in range(3))]
    script = Script(code(program))
    open_: Dict[int, str] = {}
    note(open_, script.start())
    for _ in range(EVENTS):
        if script.end is not None:
            break
        event = next_event(script, chance, open_)
        note(open_, script.deliver(event))
    assert [each["id"] for each in script.actions] == list(range(1, len(script.actions) + 1))
    script.host.close()
    script.check_replay()
    for cached in (10, 0):
        again = in_batches(script, random.Random(seed), cached)
        assert again["actions"] == script.actions, f"seed {seed}, program {program}"
        assert without_stack(again["end"]) == without_stack(script.end)


def test_random_programs_reach_all_ends() -> None:
    """The generator would be worthless if every program ended in its first event."""
    ends: Dict[str, int] = {}
    actions = 0
    for seed in range(PROGRAMS):
        chance = random.Random(seed)
        script = Script(code(["sequence", 0, *(random_program(chance) for _ in range(3))]))
        open_: Dict[int, str] = {}
        note(open_, script.start())
        for _ in range(EVENTS):
            if script.end is None:
                note(open_, script.deliver(next_event(script, chance, open_)))
        ends[script.end["kind"] if script.end else "open"] = (
            ends.get(script.end["kind"] if script.end else "open", 0) + 1
        )
        script.host.close()
        actions += len(script.actions)
    assert {"Completed", "Failed"} <= set(ends), ends
    assert actions / PROGRAMS > 5, actions
