"""The programs whose histories are recorded under Tests/Vectors/recorded, a folder for each schema of stores.

    python bindings/python/tests/recorded.py FOLDER

makes such a folder. What is recorded once stays as it is: later versions must open and replay it, so that
these programs never change either; a new kind of event gets a program of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable

import perdure

WAIT = 30.0


@perdure.activity(name="add")
def add(ctx: perdure.ActivityContext, numbers: list) -> int:
    return sum(numbers)


@perdure.activity(name="refuse")
def refuse(ctx: perdure.ActivityContext, why: str) -> None:
    raise ValueError(why)


@perdure.orchestration(name="steps")
async def steps(ctx: perdure.OrchestrationContext, number: int) -> dict:
    """Activities with options and failures, timers, state, patches."""
    ctx.set_custom_status({"at": "first"})
    first = await ctx.activity(add, [number, 1], retry=perdure.RetryPolicy(max_attempts=2), priority=3)
    await asyncio.sleep(0.001)
    try:
        await ctx.activity(refuse, "no", start_to_close=60)
        failed = ""
    except perdure.ActivityFailed as error:
        failed = f"{error.type}: {error.failure.message}"
    ctx.kv.set("a", first)
    ctx.kv.set("b", [first])
    ctx.kv.clear("a")
    read = await ctx.read_kv("kept", "value")
    ctx.kv.clear_all()
    ctx.kv.set("c", "ü\u2028\U0001f600")
    patched = ctx.patched("a patch")
    late = ctx.activity(add, [1])
    await late
    late.cancel()
    loser = ctx.wait_for_event("never")
    loser.cancel()
    ctx.set_custom_status(None)
    return {"first": first, "failed": failed, "read": read, "patched": patched}


@perdure.orchestration(name="keeps")
async def keeps(ctx: perdure.OrchestrationContext) -> str:
    ctx.kv.set("value", {"kept": True})
    return await ctx.wait_for_event("done")


@perdure.orchestration(name="child")
async def child(ctx: perdure.OrchestrationContext, number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return await ctx.activity(add, [number, number])


@perdure.orchestration(name="parent")
async def parent(ctx: perdure.OrchestrationContext) -> list:
    """Children that end well, that fail, that go their own way."""
    results: list[Any] = [await ctx.sub_orchestration(child, 2, instance="parent-child")]
    try:
        await ctx.sub_orchestration(child, -1, instance="parent-failing")
    except perdure.SubOrchestrationFailed as error:
        results.append(error.type)
    ctx.start_detached(child, 5, instance="parent-detached")
    return results + await asyncio.gather(*(ctx.activity(add, [n]) for n in range(3)))


@perdure.orchestration(name="mail")
async def mail(ctx: perdure.OrchestrationContext) -> list:
    """Messages of all kinds, in and out."""
    ctx.subscribe("news")
    results = [
        await ctx.wait_for_event("event"),
        await ctx.dequeue("queue"),
        await ctx.wait_for_topic("news"),
    ]
    ctx.unsubscribe("news")
    ctx.publish("others", "hello")
    await ctx.raise_event("keeps-mail", "other", 1)
    await ctx.enqueue("keeps-mail", "queue", 2)
    await ctx.cancel_instance("patient-mail", "by mail")
    try:
        await ctx.raise_event("nobody", "event")
    except perdure.MessageRefused as error:
        results.append(error.type)
    return results


@perdure.orchestration(name="service")
async def service(ctx: perdure.OrchestrationContext) -> int:
    """Calls: answered, rejected, failed."""
    ctx.on_call("double", lambda number: 2 * number)
    call = await ctx.next_call("odd")
    call.reject("not today")
    return await ctx.wait_for_event("stop")


@perdure.orchestration(name="counter")
async def counter(ctx: perdure.OrchestrationContext, count: int) -> int:
    if count < 3:
        ctx.kv.set("count", count)
        ctx.continue_as_new(count + 1)
    return count


@perdure.orchestration(name="patient")
async def patient(ctx: perdure.OrchestrationContext) -> None:
    try:
        await ctx.wait_for_event("never")
    except asyncio.CancelledError:
        await ctx.activity(add, [])
        raise


@perdure.orchestration(name="fails")
async def fails(ctx: perdure.OrchestrationContext) -> None:
    raise LookupError("there is nothing") from ValueError("the cause")


@perdure.orchestration(name="open")
async def opened(ctx: perdure.OrchestrationContext, number: int) -> list:
    """Waits for an event, a timer far away and an activity that nobody takes, all at once."""
    far = ctx.timer(50 * 365 * 86_400)
    work = ctx.activity(add, [number, 100], tag="later")
    word = await ctx.wait_for_event("word")
    result = await work
    far.cancel()
    return [word, result, await ctx.activity(add, [result])]


DEFINITIONS = [add, refuse, steps, keeps, child, parent, mail, service, counter, patient, fails, opened]
#: Instances that are open in a recorded store, and what they come to once they got their word.
OPEN = {"open-1": ["go", 101, 101], "open-2": ["go", 102, 102], "open-suspended": ["go", 103, 103]}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("a sample does not come to where it is to be recorded")
        time.sleep(0.005)


def waits(client: perdure.Client, instance: str, count: int = 1) -> None:
    """Until it has so many subscriptions."""

    def is_there() -> bool:
        return sum(event["kind"] == "EventSubscribed" for event in client.history(instance)) >= count

    until(is_there)


def work_through(client: perdure.Client) -> None:
    """Brings each sample to where it is recorded."""
    client.start(keeps, instance="kept")
    client.start(keeps, instance="keeps-mail")
    client.start(patient, instance="patient-mail")
    for instance in ("kept", "keeps-mail", "patient-mail"):
        waits(client, instance)
    client.start(mail, instance="mail")
    client.raise_event("mail", "event", {"n": 1})
    client.enqueue("mail", "queue", [2])
    until(lambda: client.publish("news", "three") == 1)
    client.start(service, instance="service")
    assert client.call("service", "double", 21, timeout=WAIT) == 42
    try:
        client.call("service", "odd", 1, timeout=WAIT)
    except perdure.CallRejected:
        pass
    client.raise_event("service", "stop", 7)
    client.start(patient, instance="patient")
    waits(client, "patient")
    client.cancel("patient", "enough")
    client.start(patient, instance="terminated")
    waits(client, "terminated")
    client.terminate("terminated", "for good")
    client.start(steps, 4, instance="steps", attributes={"kind": "sample"}, memo={"m": 1}, priority=7)
    client.start(parent, instance="parent")
    client.start(counter, 0, instance="counter")
    client.start(fails, instance="fails")
    for instance in ("mail", "service", "patient", "patient-mail", "steps", "parent", "counter", "fails"):
        client.wait(instance, timeout=WAIT)
    client.wait("parent-detached", timeout=WAIT)
    for number, instance in enumerate(OPEN, start=1):
        client.start(opened, number, instance=instance)
        waits(client, instance)
    client.suspend("open-suspended", "for the record")


def record(folder: Path) -> None:
    folder.mkdir(parents=True)
    path = folder / "store.sqlite"
    store = perdure.Store(f"sqlite:{path}")
    with store, perdure.Runtime(store, DEFINITIONS), perdure.Client(store) as client:
        work_through(client)
        names = sorted(row.instance for row in client.list())
        management = client.management()
        exports = {
            row.instance: management.export_instance(row.instance) for row in client.list(roots_only=True)
        }
        expected = {
            name: {"status": seen.status, "output": seen.output, "events": seen.event_count}
            for name in names
            for seen in [client.describe(name)]
        }
    until(lambda: not os.path.exists(f"{path}-wal"))
    path.with_name(path.name + "-dxlock").unlink()
    for name, text in exports.items():
        (folder / f"{name}.jsonl").write_text(text)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    # The paths of a machine have no place in what is kept.
    traceback.format_tb = lambda *_, **__: ["  in recorded.py\n"]
    record(Path(sys.argv[1]))
