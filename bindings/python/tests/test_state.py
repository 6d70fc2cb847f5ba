"""State with the real library on SQLite: key-value, status, patches, long histories, limits, metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any, Callable, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]


@perdure.activity
def step(ctx: perdure.ActivityContext, value: Any) -> Any:
    return value


# ---- Key-value -----------------------------------------------------------------------------------


def test_key_values_survive_restarts_continue_as_new_and_the_end(rig: Make) -> None:
    @perdure.orchestration
    async def collects(ctx: Context, n: int) -> Any:
        before = ctx.kv.all()
        ctx.kv.set(f"n{n}", {"ü": n})
        await ctx.wait_for_event("go")
        ctx.kv.set("total", ctx.kv.get("total", 0) + n)
        if n < 2:
            ctx.continue_as_new(n + 1)
        ctx.kv.clear("n1")
        return [before, ctx.kv.keys()]

    world = rig(collects)
    world.client.start(collects, 1, instance="i")
    world.until_history("i", "KVSet")
    assert world.client.kv("i") == {"n1": {"ü": 1}}
    world.restart()
    world.client.raise_event("i", "go")
    world.client.raise_event("i", "go")
    assert world.client.result("i", WAIT) == [{"n1": {"ü": 1}, "total": 1}, ["n2", "total"]]
    world.restart()
    assert world.client.kv("i") == {"n2": {"ü": 2}, "total": 3}
    assert world.client.get_kv("i", "total") == 3
    assert world.client.get_kv("i", "n1", "gone") == "gone"
    with pytest.raises(perdure.NotFound):
        world.client.kv("nobody")


@pytest.mark.parametrize("cache", [True, False])
def test_pruning_works_inside_one_execution_and_replays(rig: Make, cache: bool) -> None:
    @perdure.orchestration
    async def prunes(ctx: Context) -> Any:
        ctx.kv.set("old", 1)
        await ctx.wait_for_event("go")
        ctx.kv.set("new", 1)
        pruned = ctx.kv.prune_before(ctx.now() - timedelta(milliseconds=50))
        await ctx.activity(step, pruned)
        return [pruned, ctx.kv.keys()]

    world = rig(prunes, step, cache=cache)
    world.client.start(prunes, instance="i")
    world.until_history("i", "KVSet")
    time.sleep(0.1)
    world.restart()
    world.client.raise_event("i", "go")
    assert world.client.result("i", WAIT) == [1, ["new"]]
    assert world.client.kv("i") == {"new": 1}


def test_a_value_over_the_limit_is_caught_and_not_stored(rig: Make) -> None:
    @perdure.orchestration
    async def greedy(ctx: Context) -> List[str]:
        caught = []
        for breach in (
            lambda: ctx.kv.set("large", "x" * 1000),
            lambda: [ctx.kv.set(f"k{item}", item) for item in range(4)],
            lambda: ctx.set_custom_status("x" * 1000),
            lambda: ctx.activity(step, "x" * 10_000),
        ):
            try:
                breach()
            except perdure.LimitExceeded as error:
                caught.append(error.message)
        return caught

    limits = perdure.Limits(kv_keys=3, kv_value_bytes=100, custom_status_bytes=100, payload_bytes=5000)
    world = rig(greedy, step, limits=limits)
    caught = world.run(greedy, instance="i")
    assert [message.split(";")[1] for message in caught] == [
        " the limit is 100.", " the limit is 3 per instance.", " the limit is 100.", " the limit is 5000.",
    ]  # fmt: skip
    assert world.client.kv("i") == {"k0": 0, "k1": 1, "k2": 2}
    assert world.client.describe("i").custom_status is None
    with pytest.raises(perdure.LimitExceeded):
        world.client.start(greedy, "x" * 10_000)
    with pytest.raises(perdure.LimitExceeded):
        world.client.start("n" * 257)


# ---- Custom status -------------------------------------------------------------------------------


def test_waiting_for_the_next_status(rig: Make) -> None:
    @perdure.orchestration
    async def reports(ctx: Context) -> str:
        for part in range(3):
            ctx.set_custom_status({"part": part})
            await ctx.wait_for_event("go")
        return "done"

    world = rig(reports)
    world.client.start(reports, instance="i")
    first = world.client.wait_for_status("i", 0, WAIT)
    assert first.custom_status == {"part": 0}
    with pytest.raises(perdure.TimedOut):
        world.client.wait_for_status("i", first.custom_status_version, 0.05)
    world.client.raise_event("i", "go")
    second = world.client.wait_for_status("i", first.custom_status_version, WAIT)
    assert second.custom_status == {"part": 1}
    assert second.custom_status_version > first.custom_status_version
    for _ in range(2):
        world.client.raise_event("i", "go")
    assert world.client.wait_for_status("i", second.custom_status_version + 5, WAIT).status == "Completed"


# ---- Changed code --------------------------------------------------------------------------------


def test_patched_code_goes_on_under_running_instances(rig: Make) -> None:
    @perdure.orchestration(name="ship")
    async def before(ctx: Context) -> Any:
        await ctx.wait_for_event("paid")
        return await ctx.activity(step, "old")

    @perdure.orchestration(name="ship")
    async def after(ctx: Context) -> Any:
        if ctx.patched("insure"):
            await ctx.activity(step, "insured")
        await ctx.wait_for_event("paid")
        return await ctx.activity(step, "new" if ctx.patched("insure") else "old")

    @perdure.orchestration(name="ship")
    async def last(ctx: Context) -> Any:
        ctx.deprecate_patch("insure")
        await ctx.activity(step, "insured")
        await ctx.wait_for_event("paid")
        return await ctx.activity(step, "new")

    world = rig(before, step)
    world.client.start("ship", instance="old")
    world.until_history("old", "EventSubscribed")
    world.restart(after, step)
    for instance in ("between", "new"):
        world.client.start("ship", instance=instance)
        world.until_history(instance, "EventSubscribed")
    for instance in ("old", "between"):
        world.client.raise_event(instance, "paid")
    assert [world.client.result(each, WAIT) for each in ("old", "between")] == ["old", "new"]
    assert "PatchRecorded" not in world.kinds("old")
    assert world.kinds("between").count("PatchRecorded") == 1
    world.restart(last, step)
    world.client.start("ship", instance="newest")
    for instance in ("new", "newest"):
        world.client.raise_event(instance, "paid")
        assert world.client.result(instance, WAIT) == "new"
    assert "PatchRecorded" not in world.kinds("newest")


def test_nondeterminism_may_fail_the_instance(rig: Make) -> None:
    @perdure.orchestration(name="fickle")
    async def before(ctx: Context) -> Any:
        await ctx.wait_for_event("go")

    @perdure.orchestration(name="fickle")
    async def after(ctx: Context) -> Any:
        return await ctx.activity(step, 1)

    world = rig(before, nondeterminism="fail")
    world.client.start("fickle", instance="i")
    world.until_history("i", "EventSubscribed")
    world.restart(after, step)
    world.client.raise_event("i", "go")
    with pytest.raises(perdure.OrchestrationFailed) as caught:
        world.client.result("i", WAIT)
    assert caught.value.type == "perdure.Nondeterminism"


# ---- Long histories ------------------------------------------------------------------------------


def test_code_that_continues_as_new_in_time_outlives_the_limit_of_its_history(rig: Make) -> None:
    @perdure.orchestration
    async def long(ctx: Context, done: int) -> List[int]:
        while done < 200:
            if ctx.should_continue_as_new:
                ctx.continue_as_new(done)
            done = await ctx.activity(step, done + 1)
        return [done, ctx.execution_id]

    world = rig(long, step, limits=perdure.Limits(history_events=100))
    done, executions = world.run(long, 0)
    assert done == 200
    assert 3 < executions < 12


def test_code_that_does_not_fails_with_the_name_of_the_limit(rig: Make) -> None:
    @perdure.orchestration
    async def endless(ctx: Context) -> None:
        while True:
            await ctx.activity(step, 1)

    world = rig(endless, step, limits=perdure.Limits(history_events=100))
    with pytest.raises(perdure.OrchestrationFailed) as caught:
        world.run(endless, instance="i")
    assert caught.value.type == "perdure.LimitExceeded"
    assert world.kinds("i")[-1] == "OrchestrationFailed"


def test_a_history_of_many_actions_is_replayed_after_a_restart(rig: Make) -> None:
    @perdure.orchestration
    async def wide(ctx: Context) -> int:
        for round_ in range(25):
            for item in range(1000):
                ctx.kv.set(f"k{item % 10}", round_)
            await ctx.activity(step, round_)
        ctx.set_custom_status("ready")
        await ctx.wait_for_event("go")
        return ctx.kv.get("k5")

    world = rig(wide, step)
    world.client.start(wide, instance="i")
    assert world.client.wait_for_status("i", 0, 60).custom_status == "ready"
    world.restart()
    world.client.raise_event("i", "go")
    assert world.client.result("i", 60) == 24


# ---- What is seen --------------------------------------------------------------------------------


def test_times_are_set_and_the_terminal_event_is_last(rig: Make) -> None:
    @perdure.orchestration
    async def leaves_work(ctx: Context) -> str:
        ctx.activity(step, 1)
        ctx.wait_for_event("never")
        await asyncio.sleep(0.01)
        return "done"

    world = rig(leaves_work, step)
    began = time.time() * 1000
    assert world.run(leaves_work, instance="i") == "done"
    description = world.client.describe("i")
    assert began - 1 <= description.created_at <= (description.ended_at or 0) <= time.time() * 1000 + 1
    assert description.updated_at >= description.created_at
    events = world.client.history("i")
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "OrchestrationCompleted"
    assert all(event["at"] >= began - 1 for event in events)


def test_metrics_and_logs_of_the_code_come_once(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    @perdure.orchestration
    async def measures(ctx: Context) -> None:
        for number in range(3):
            await ctx.activity(step, number)
            ctx.metric("steps", 1, attributes={"number": str(number)})

    def measured() -> List[Any]:
        records = [getattr(record, "perdure", {}) for record in caplog.records]
        return [record["metric"] for record in records if "metric" in record]

    with caplog.at_level(logging.DEBUG, "perdure"):
        perdure.log_to(level="debug")
        rig(measures, step, cache=False).run(measures)
        deadline = time.monotonic() + WAIT
        while len(measured()) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    steps = [each for each in measured() if each["name"] == "steps"]
    assert [each["attributes"]["number"] for each in steps] == ["0", "1", "2"]
