"""Which runtime runs an activity, and when, on SQLite with the real library: tags, sessions, priority."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable, List

import pytest
from rig import WAIT, Rig
from test_activities import one

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]


def test_concurrency_and_rate_of_one_activity(rig: Make) -> None:
    lock, running, most, begun = threading.Lock(), 0, 0, []

    @perdure.activity(concurrency=2)
    def narrow(ctx: perdure.ActivityContext) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    @perdure.activity(rate=(2, 0.3))
    def slow(ctx: perdure.ActivityContext) -> None:
        begun.append(time.monotonic())

    @perdure.orchestration
    async def many(ctx: Context) -> None:
        await asyncio.gather(
            *(ctx.activity(narrow) for _ in range(8)), *(ctx.activity(slow) for _ in range(6))
        )

    world = rig(many)
    world.client.start(many, instance="i")
    world.until(lambda: world.kinds("i").count("ActivityScheduled") == 14)
    world.restart(narrow, slow, many)
    world.client.result("i", WAIT)
    assert most == 2
    assert begun[-1] - begun[0] >= 0.55, "six in pairs, 0.3 seconds apart"


def test_tags_route_and_untagged_work_can_be_refused(rig: Make) -> None:
    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> Any:
        return ctx.tag

    world = rig(work, one, activity_tags=["gpu"], untagged_activities=False)
    assert world.run(one, {"tag": "gpu"}) == "gpu"
    assert world.run(one, {"schedule_to_start": 0.2})["type"] == "perdure.Timeout"
    assert world.run(one, {"tag": "tpu", "schedule_to_start": 0.2})["type"] == "perdure.Timeout"
    world.options = {"activity_tags": "any"}
    world.restart()
    assert [world.run(one, {}), world.run(one, {"tag": "tpu"})] == [None, "tpu"]


@perdure.activity(name="where")
def here(ctx: perdure.ActivityContext) -> str:
    return "here"


@perdure.activity(name="where")
def there(ctx: perdure.ActivityContext) -> str:
    return "there"


def test_a_session_stays_with_its_worker_and_is_taken_over_when_that_is_gone(rig: Make) -> None:
    @perdure.orchestration
    async def travels(ctx: Context) -> List[str]:
        seen = [await ctx.activity("where", session="s") for _ in range(4)]
        ctx.set_custom_status(seen)
        await ctx.wait_for_event("go")
        return [*seen, await ctx.activity("where", session="s")]

    world = rig(travels)
    first = perdure.Runtime(world.store, [here]).start()
    world.client.start(travels, instance="i")
    assert world.client.wait_for_status("i", 0, WAIT).custom_status == ["here"] * 4
    second = perdure.Runtime(world.store, [there]).start()
    first.stop(0)
    world.client.raise_event("i", "go")
    assert world.client.result("i", WAIT) == ["here"] * 4 + ["there"]
    second.stop(0)


def test_a_session_outlives_a_restart_of_everything(rig: Make) -> None:
    @perdure.orchestration
    async def travels(ctx: Context) -> List[str]:
        seen = [await ctx.activity("where", session="s")]
        await ctx.wait_for_event("go")
        return [*seen, await ctx.activity("where", session="s")]

    world = rig(travels, here)
    world.client.start(travels, instance="i")
    world.until_history("i", "EventSubscribed")
    world.restart(travels, there)
    world.client.raise_event("i", "go")
    assert world.client.result("i", WAIT) == ["here", "there"]


def test_activities_of_higher_priority_go_first_also_after_a_restart(rig: Make) -> None:
    order: List[int] = []

    @perdure.activity
    def notes(ctx: perdure.ActivityContext, number: int) -> None:
        order.append(number)

    @perdure.orchestration
    async def calls(ctx: Context, numbers: List[int]) -> None:
        await asyncio.gather(*(ctx.activity("notes", number, priority=number) for number in numbers))

    world = rig(calls, activity_slots=1)
    world.client.start(calls, [0, -5, 9, 3, 1], instance="i")
    world.until(lambda: world.kinds("i").count("ActivityScheduled") == 5)
    world.restart(calls, notes)
    world.client.result("i", WAIT)
    assert order == [9, 3, 1, 0, -5]


def test_runtimes_may_serve_one_kind_only(rig: Make) -> None:
    world = rig(one)
    world.client.start(one, {}, instance="i")
    world.until_history("i", "ActivityScheduled")

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> str:
        return "done"

    with perdure.Runtime(world.store, [work]):
        assert world.client.result("i", WAIT) == "done"
        world.restart()
    world.client.start(one, {}, instance="j")
    world.until_history("j", "ActivityScheduled")
    with perdure.Runtime(world.store, [work]):
        assert world.client.result("j", WAIT) == "done"


def test_a_tag_that_nobody_serves_is_shown_until_somebody_does(rig: Make) -> None:
    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> Any:
        return ctx.tag

    world = rig(work, one)
    world.client.start(one, {"tag": "gpu"}, instance="i")
    for _ in range(2):
        assert "gpu" in world.until(lambda: world.client.describe("i").pending_reason)
        world.restart()
    world.options = {"activity_tags": ["gpu"]}
    world.restart()
    assert world.client.result("i", WAIT) == "gpu"
    assert world.client.describe("i").pending_reason is None


def test_stopping_lets_running_activities_finish_and_hands_the_rest_back(rig: Make) -> None:
    began, ended = threading.Event(), []

    @perdure.activity
    def slow(ctx: perdure.ActivityContext, number: int) -> int:
        began.set()
        time.sleep(0.2)
        ended.append(number)
        return number

    @perdure.orchestration
    async def two(ctx: Context) -> List[int]:
        return list(await asyncio.gather(*(ctx.activity(slow, number) for number in (1, 2))))

    world = rig(slow, two, activity_slots=1)
    world.client.start(two, instance="i")
    assert began.wait(WAIT)
    world.runtime.stop(10)
    assert ended == [1]
    world.restart()
    assert world.client.result("i", WAIT) == [1, 2]
    assert ended == [1, 2], "the result of the first was on disk: it did not run again"
