"""Defects that were found in engines of this kind, one test each: none of them is here.

The numbers are those of a list that the project keeps of such findings.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]


@perdure.activity
def echo(ctx: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def waits(ctx: Context, name: str) -> Any:
    return await ctx.wait_for_event(name)


def test_01_a_message_to_an_unknown_instance_stalls_nobody(rig: Make) -> None:
    world = rig(waits)
    client = world.client
    for send in (
        lambda: client.raise_event("ghost", "go"),
        lambda: client.enqueue("ghost", "go"),
        lambda: client.cancel("ghost"),
    ):
        with pytest.raises(perdure.NotFound, match="ghost"):
            send()
    client.raise_event("ghost", "go", 1, keep=True)
    world.restart()
    client = world.client
    instance = client.start(waits, "go")
    client.raise_event(instance, "go", 2)
    assert client.result(instance, WAIT) == 2


@perdure.orchestration
async def bursts(ctx: Context) -> str:
    return "x" * 2000


@perdure.orchestration
async def parent_of_bursts(ctx: Context) -> str:
    try:
        await ctx.sub_orchestration(bursts)
    except perdure.SubOrchestrationFailed as error:
        return error.type
    return "nothing happened"


def test_02_a_child_that_breaks_a_limit_is_heard_by_its_parent(rig: Make) -> None:
    world = rig(bursts, parent_of_bursts, limits=perdure.Limits(payload_bytes=1000))
    assert world.run(parent_of_bursts) == "perdure.LimitExceeded"


@perdure.orchestration
async def leaves_work(ctx: Context, round: int) -> int:
    if round == 0:
        ctx.start_detached(waits, "go", instance=f"{ctx.instance_id}-detached")
        child = ctx.sub_orchestration(waits, "go", instance=f"{ctx.instance_id}-child")
        await ctx.wait_for_event("on")
        ctx.start_detached(waits, "go", instance=f"{ctx.instance_id}-late")
        child.cancel()
        ctx.continue_as_new(1)
    return round


@pytest.fixture
def left(rig: Make) -> Rig:
    world = rig(leaves_work, waits)
    world.client.start(leaves_work, 0, instance="p")
    world.client.raise_event("p", "on")
    assert world.client.result("p", WAIT) == 1
    return world


def test_03_a_detached_start_of_the_turn_that_continues_as_new_happens(left: Rig) -> None:
    for instance in ("p-detached", "p-late"):
        left.client.raise_event(instance, "go", "here")
        assert left.client.result(instance, WAIT) == "here"


def test_04_a_child_given_up_in_the_turn_that_continues_as_new_is_cancelled(left: Rig) -> None:
    assert left.client.wait("p-child", WAIT).status == "Cancelled"


@perdure.orchestration
async def drains(ctx: Context, count: int) -> List[int]:
    await ctx.wait_for_event("begin")
    return [await ctx.dequeue("items") for _ in range(count)]


def test_05_hundreds_of_queued_messages_are_drained_in_one_turn(rig: Make) -> None:
    world = rig(drains)
    instance = world.client.start(drains, 400)
    for number in range(400):
        world.client.enqueue(instance, "items", number)
    world.client.raise_event(instance, "begin")
    assert world.client.result(instance, WAIT) == list(range(400))


@perdure.orchestration
async def drains_in_rounds(ctx: Context, seen: List[int]) -> List[int]:
    if not seen:
        await ctx.wait_for_event("begin")
    for _ in range(50):
        seen.append(await ctx.dequeue("items"))
    if len(seen) < 300:
        ctx.continue_as_new(seen)
    return seen


def test_06_no_message_is_lost_over_continue_as_new(rig: Make) -> None:
    world = rig(drains_in_rounds)
    instance = world.client.start(drains_in_rounds, [])
    for number in range(300):
        world.client.enqueue(instance, "items", number)
    world.restart()
    world.client.raise_event(instance, "begin")
    assert world.client.result(instance, WAIT) == list(range(300))


@perdure.orchestration
async def prunes(ctx: Context) -> Any:
    ctx.kv.set("old", 1)
    await asyncio.sleep(0.05)
    ctx.kv.set("new", 2)
    pruned = ctx.kv.prune_before(ctx.now() - timedelta(milliseconds=20))
    await ctx.activity(echo, None)
    return [pruned, ctx.kv.all()]


def test_07_keys_are_pruned_by_the_time_of_events_within_an_execution_and_in_a_replay(rig: Make) -> None:
    world = rig(prunes, echo, cache=False)
    assert world.client.result(world.client.start(prunes), WAIT) == [1, {"new": 2}]


@perdure.orchestration
async def oversteps(ctx: Context) -> List[str]:
    caught = []
    for step in (
        lambda: ctx.kv.set("k", "x" * 2000),
        lambda: ctx.set_custom_status("x" * 2000),
    ):
        try:
            step()
        except perdure.LimitExceeded:
            caught.append("refused")
    return caught


def test_08_a_value_over_a_limit_is_refused_at_the_call_and_not_stored(rig: Make) -> None:
    client = rig(oversteps, limits=perdure.Limits(kv_value_bytes=1000, custom_status_bytes=1000)).client
    instance = client.start(oversteps)
    assert client.result(instance, WAIT) == ["refused", "refused"]
    assert client.kv(instance) == {}
    assert client.describe(instance).custom_status is None


def test_09_times_are_those_of_the_clock(rig: Make) -> None:
    world = rig(waits)
    before = int(time.time() * 1000) - 1
    instance = world.client.start(waits, "go")
    world.client.raise_event(instance, "go")
    row = world.client.wait(instance, WAIT)
    assert row.ended_at is not None
    assert before <= row.created_at <= row.updated_at <= row.ended_at <= int(time.time() * 1000) + 1
    assert all(event["at"] >= before for event in world.client.history(instance))


WRITER = """
import sys, perdure
with perdure.Store(sys.argv[1]) as store:
    client = perdure.Client(store)
    for number in range(150):
        client.start("nobody", number, instance=f"{sys.argv[2]}-{number}")
"""


def test_10_writers_of_several_processes_never_see_a_locked_database(
    tmp_path: Path, environment: Dict[str, str]
) -> None:
    url = f"sqlite:{tmp_path / 'shared.sqlite'}"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(number)], env=environment, stderr=subprocess.PIPE
        )
        for number in range(4)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert (writer.returncode, errors) == (0, b"")
    with perdure.Store(url) as store:
        assert sum(1 for _ in perdure.Client(store).list(page_size=1000)) == 600
