"""Tests/Vectors/turns, which every language runs, with the sample orchestrations of docs/wire-format.md."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

import perdure
from perdure._turn import TurnHost

VECTORS = sorted((ROOT / "Tests" / "Vectors" / "turns").glob("*.json"))
Context = perdure.OrchestrationContext


@perdure.orchestration(name="sequence")
async def sequence(ctx: Context, value: Any) -> Any:
    return await ctx.activity("B", await ctx.activity("A", value))


@perdure.orchestration(name="fan-out")
async def fan_out(ctx: Context) -> Any:
    return await asyncio.gather(*(ctx.activity("work", item) for item in range(3)))


@perdure.orchestration(name="race")
async def race(ctx: Context) -> Any:
    event = ctx.wait_for_event("go")
    timer = ctx.timer(1)
    _, pending = await asyncio.wait([event, timer], return_when=asyncio.FIRST_COMPLETED)
    for loser in pending:
        loser.cancel()
    return {"winner": "timer"} if event in pending else {"winner": "event", "data": event.result()}


@perdure.orchestration(name="timer")
async def timer(ctx: Context) -> str:
    await asyncio.sleep(0.5)
    return "done"


@perdure.orchestration(name="early-event")
async def early_event(ctx: Context) -> Any:
    await asyncio.sleep(1)
    return await ctx.wait_for_event("go")


@perdure.orchestration(name="queue")
async def queue(ctx: Context) -> Any:
    return [await ctx.dequeue("q"), await ctx.dequeue("q")]


@perdure.orchestration(name="child")
async def child(ctx: Context) -> Any:
    try:
        return await ctx.sub_orchestration("kid", {"n": 1})
    except perdure.SubOrchestrationFailed as error:
        return {"failed": error.type}


@perdure.orchestration(name="retry")
async def retry(ctx: Context, value: Any) -> Any:
    for attempt in range(3):
        try:
            return await ctx.activity("flaky", value)
        except perdure.ActivityFailed:
            if attempt == 2:
                raise
    return None


@perdure.orchestration(name="continue-as-new")
async def continue_as_new(ctx: Context, n: int) -> int:
    if n < 3:
        ctx.continue_as_new(n + 1)
    return n


@perdure.orchestration(name="cancel-cleanup")
async def cancel_cleanup(ctx: Context, value: Any) -> None:
    try:
        await ctx.activity("step", value)
        await ctx.wait_for_event("never")
    except asyncio.CancelledError:
        await ctx.activity("undo")
        raise


SAMPLES = [
    sequence, fan_out, race, timer, early_event, queue, child, retry, continue_as_new, cancel_cleanup,
]  # fmt: skip


def comparable(found: Any, wanted: Any) -> Any:
    """`found` without what the vectors do not compare: logs, and of failures the stack and causes of our
    own.
    """
    if isinstance(found, dict):
        skip = {"logs", "stack"} | (
            {"cause"} if isinstance(wanted, dict) and "cause" not in wanted else set()
        )
        return {
            key: comparable(value, wanted.get(key) if isinstance(wanted, dict) else None)
            for key, value in found.items()
            if key not in skip
        }
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [comparable(*pair) for pair in zip(found, wanted)]
    return found


def test_there_are_vectors_for_every_sample() -> None:
    covered = {json.loads(path.read_text())["sample"] for path in VECTORS}
    assert covered == {each.name for each in SAMPLES}


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_turns(path: Path) -> None:
    host = TurnHost({(each.name, each.version): each for each in SAMPLES}, 10)
    for at, step in enumerate(json.loads(path.read_text())["steps"]):
        answer = json.loads(host.run(step["request"]))
        wanted = comparable(step["answer"], step["answer"])
        assert comparable(answer, step["answer"]) == wanted, f"step {at}"
