"""Lives of instances, from the choice of their code to what they leave: on SQLite, with restarts."""

from __future__ import annotations

import asyncio
import threading
import time
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


@perdure.orchestration
async def waits(ctx: Context) -> Any:
    return await ctx.wait_for_event("go")


# ---- Versions and order --------------------------------------------------------------------------


def job(version: str) -> Any:
    """Tells its version twice, with a wait in between, and a third time from the next execution."""

    @perdure.orchestration(name="job", version=version)
    async def run(ctx: Context, seen: List[str]) -> List[str]:
        seen = [*seen, version]
        await ctx.wait_for_event("go")
        if len(seen) == 1:
            ctx.continue_as_new([*seen, version])
        return seen

    return run


def test_an_execution_keeps_its_version_and_the_next_one_takes_the_highest(rig: Make) -> None:
    world = rig(job("1.0.0"), job("1.2.0"), job("1.10.0"))
    for instance, version in (("free", None), ("named", "1.2.0")):
        world.client.start("job", [], instance=instance, version=version)
        world.until_history(instance, "EventSubscribed")
    assert world.client.describe("free").version == "1.10.0", "not 1.2.0: versions are no texts"
    world.client.start("job", [], instance="ahead", version="3.0.0")
    world.restart(job("1.0.0"), job("1.2.0"), job("1.10.0"), job("2.0.0"))
    assert "3.0.0" in world.until(lambda: world.client.describe("ahead").pending_reason)
    for instance, first in (("free", "1.10.0"), ("named", "1.2.0")):
        world.client.raise_event(instance, "go")
        world.client.raise_event(instance, "go")
        assert world.client.result(instance, WAIT) == [first, first, "2.0.0"]
    world.restart(job("3.0.0"))
    for _ in range(2):
        world.client.raise_event("ahead", "go")
    assert world.client.result("ahead", WAIT) == ["3.0.0"] * 3


def test_without_a_version_it_is_the_first(rig: Make) -> None:
    @perdure.orchestration
    async def plain(ctx: Context) -> str:
        return f"first {ctx.version}"

    @perdure.orchestration(name="plain", version="1.0.1")
    async def later(ctx: Context) -> str:
        return f"later {ctx.version}"

    world = rig()
    world.client.start(plain, instance="named", version="1.0.0")
    world.client.start(plain, instance="free")
    world.restart(plain, later)
    assert world.client.result("named", WAIT) == "first 1.0.0"
    assert world.client.result("free", WAIT) == "later 1.0.1"


def test_instances_of_higher_priority_begin_first(rig: Make) -> None:
    order: List[int] = []

    @perdure.orchestration
    async def notes(ctx: Context, number: int) -> None:
        order.append(number)

    world = rig()
    numbers = [0, -5, 3, 9, 1]
    for number in numbers:
        world.client.start(notes, number, instance=f"n{number}", priority=number)
    world.restart(notes)
    for number in numbers:
        world.client.result(f"n{number}", WAIT)
    assert order == sorted(numbers, reverse=True)


# ---- Children ------------------------------------------------------------------------------------


@perdure.orchestration
async def kid(ctx: Context, how: str) -> str:
    await ctx.wait_for_event("go")
    if how == "fail":
        raise ValueError("no")
    if how == "again":
        ctx.continue_as_new("complete")
    return how


@perdure.orchestration
async def mother(ctx: Context, kinds: List[str]) -> List[str]:
    async def bear(how: str) -> str:
        try:
            return f"ok {await ctx.sub_orchestration(kid, how, instance=how)}"
        except perdure.SubOrchestrationFailed as error:
            return error.type

    return list(await asyncio.gather(*(bear(how) for how in kinds)))


def test_a_parent_hears_of_every_end_of_a_child(rig: Make) -> None:
    world = rig(mother, kid)
    kinds = ["complete", "fail", "again", "cancel", "terminate", "taken"]
    world.client.start(kid, "complete", instance="taken")
    world.client.start(mother, kinds, instance="p")
    world.until(lambda: len([*world.client.list(parent="p")]) == 5)
    world.restart()
    for instance in ("complete", "fail", "again", "again"):
        world.until(lambda instance=instance: world.client.raise_event(instance, "go") is False)
    world.client.cancel("cancel")
    world.client.terminate("terminate")
    assert world.client.result("p", WAIT) == [
        "ok complete", "ValueError", "ok complete", "perdure.Cancelled", "perdure.Terminated",
        "perdure.AlreadyExists",
    ]  # fmt: skip
    again = world.client.describe("again")
    assert (again.execution, again.parent is not None) == (2, True)


def test_the_loser_of_a_race_is_cancelled_once_and_history_says_so(rig: Make) -> None:
    @perdure.orchestration
    async def races(ctx: Context) -> str:
        loser = ctx.sub_orchestration(waits, instance="loser")
        abandoned = ctx.activity(step, 1, tag="nobody")
        await asyncio.wait([loser, ctx.wait_for_event("winner")], return_when=asyncio.FIRST_COMPLETED)
        for each in (loser, loser, abandoned):
            each.cancel()
        await ctx.wait_for_event("end")
        return "done"

    world = rig(races, waits, step)
    world.client.start(races, instance="r")
    world.until(lambda: [*world.client.list(parent="r")])
    world.client.raise_event("r", "winner")
    assert world.client.wait("loser", WAIT).status == "Cancelled"
    world.restart()
    world.client.raise_event("r", "end")
    assert world.client.result("r", WAIT) == "done"
    kinds = world.kinds("r")
    assert kinds.count("SubOrchestrationCancelRequested") == 1
    assert kinds.count("ActivityCancelRequested") == 1
    assert world.kinds("loser").count("CancellationRequested") == 1


def test_a_restarted_instance_takes_its_children_along_and_detached_ones_stay(rig: Make) -> None:
    @perdure.orchestration
    async def family(ctx: Context, round_: int) -> Any:
        ctx.sub_orchestration(waits, instance="old" if round_ == 1 else "new", close_policy="abandon")
        own = ctx.sub_orchestration(kid, "complete")
        ctx.start_detached(waits, instance="detached")
        await ctx.raise_event(f"{ctx.instance_id}.{ctx.execution_id}.2", "go")
        return [round_, await own, ctx.execution_id]

    world = rig(family, kid, waits)
    assert world.run(family, 1, instance="f") == [1, "complete", 1]
    assert world.client.status("old") in ("Pending", "Running")
    world.restart()
    world.client.start(family, 2, instance="f", policy="restart_if_finished")
    assert world.client.result("f", WAIT) == [2, "complete", 1], "its children have ids that are free"
    with pytest.raises(perdure.NotFound):
        world.client.describe("old")
    world.client.raise_event("detached", "go", "still here")
    assert world.client.result("detached", WAIT) == "still here"
    assert world.client.describe("new").parent is not None


def test_a_restarted_instance_derives_the_same_ids_again(rig: Make) -> None:
    """Its execution is the first again, and with it come the ids, keys and numbers that derive from it."""

    @perdure.activity
    def key(ctx: perdure.ActivityContext) -> str:
        return ctx.idempotency_key

    @perdure.orchestration
    async def sends(ctx: Context) -> List[str]:
        return [ctx.start_detached(waits), await ctx.activity(key), str(ctx.new_guid())]

    world = rig(sends, key, waits)
    first = world.run(sends, instance="s")
    assert first[:2] == ["s.1.1", "s/1/2"]
    world.client.raise_event("s.1.1", "go", "of the first")
    assert world.client.result("s.1.1", WAIT) == "of the first"
    world.restart()
    assert world.run(sends, instance="s", policy="restart_if_finished") == first
    assert world.client.describe("s.1.1").output == "of the first"


# ---- Continue as new -----------------------------------------------------------------------------


def test_what_the_next_execution_keeps_and_what_ends_with_the_last(rig: Make) -> None:
    began, told = threading.Event(), threading.Event()

    @perdure.activity
    def long(ctx: perdure.ActivityContext) -> None:
        began.set()
        if ctx.wait_cancelled(WAIT):
            told.set()

    @perdure.orchestration
    async def renews(ctx: Context, round_: int) -> Any:
        if round_ == 1:
            ctx.set_custom_status("from the first")
            ctx.kv.set("key", "from the first")
            ctx.subscribe("news")
            ctx.activity(long)
            await ctx.wait_for_event("renew")
            ctx.continue_as_new(2)
        await ctx.wait_for_event("end")
        return [ctx.kv.all(), await ctx.wait_for_event("early"), await ctx.wait_for_topic("news")]

    @perdure.orchestration
    async def parent(ctx: Context) -> Any:
        return await ctx.sub_orchestration(renews, 1, instance="r")

    world = rig(parent, renews, long)
    world.client.start(parent, instance="p")
    world.until(lambda: [*world.client.list(parent="p")])
    assert began.wait(WAIT)
    world.client.raise_event("r", "early", 1)
    world.client.publish("news", 2)
    world.client.raise_event("r", "renew")
    assert told.wait(WAIT), "its activity was told to end"
    world.until(lambda: world.client.describe("r").execution == 2)
    world.restart()
    row = world.client.describe("r")
    assert (row.custom_status, row.parent is not None) == ("from the first", True)
    world.client.raise_event("r", "end")
    assert world.client.result("p", WAIT) == [{"key": "from the first"}, 1, 2]
    kinds = [event["kind"] for event in world.client.history("r", execution=1)]
    assert "ActivityCancelRequested" in kinds
    assert kinds[-1] == "OrchestrationContinuedAsNew"


# ---- Time, identity, waits -----------------------------------------------------------------------


def test_time_guids_and_random_numbers_are_the_same_after_a_restart(rig: Make) -> None:
    @perdure.orchestration
    async def looks(ctx: Context) -> Any:
        seen = [ctx.now_ms, str(ctx.new_guid()), ctx.random()]
        await ctx.activity(step, 1)
        seen += [ctx.now_ms, str(ctx.new_guid()), ctx.random()]
        ctx.set_custom_status(seen)
        await ctx.wait_for_event("go")
        return seen

    world = rig(looks, step)
    for instance in ("a", "b"):
        world.client.start(looks, instance=instance)
    before = [world.client.wait_for_status(each, 0, WAIT).custom_status for each in ("a", "b")]
    assert not {*before[0][1:3], *before[0][4:]} & {*before[1][1:3], *before[1][4:]}
    world.restart()
    for instance, seen in zip(("a", "b"), before):
        world.client.raise_event(instance, "go")
        assert world.client.result(instance, WAIT) == seen
        times = [event["at"] for event in world.client.history(instance) if event["at"] in (seen[0], seen[3])]
        assert times, "now is the time of an event"


def test_a_timer_is_neither_early_nor_begun_anew_by_a_restart(rig: Make) -> None:
    @perdure.orchestration
    async def naps(ctx: Context) -> int:
        began = ctx.now_ms
        await asyncio.sleep(0.6)
        return ctx.now_ms - began

    world = rig(naps)
    begin = time.monotonic()
    world.client.start(naps, instance="i")
    fire_at = world.until_history("i", "TimerCreated")["fireAt"]
    time.sleep(0.3)
    world.restart()
    assert world.client.result("i", WAIT) >= 600
    assert time.monotonic() - begin >= 0.59
    (created,) = [event for event in world.client.history("i") if event["kind"] == "TimerCreated"]
    assert created["fireAt"] == fire_at


def test_an_event_goes_past_a_wait_that_timed_out_to_the_next(rig: Make) -> None:
    @perdure.orchestration
    async def patient(ctx: Context) -> Any:
        try:
            await asyncio.wait_for(ctx.wait_for_event("go"), 0.02)
        except asyncio.TimeoutError:
            ctx.set_custom_status("late")
        return [await ctx.wait_for_event("go"), await ctx.wait_for_event("go")]

    world = rig(patient)
    world.client.start(patient, instance="i")
    assert world.client.wait_for_status("i", 0, WAIT).custom_status == "late"
    world.client.raise_event("i", "go", 1)
    world.restart()
    world.client.raise_event("i", "go", 2)
    assert world.client.result("i", WAIT) == [1, 2]


# ---- Limits --------------------------------------------------------------------------------------


def test_a_full_inbox_refuses_the_next_message(rig: Make) -> None:
    world = rig(limits=perdure.Limits(inbox_messages=3))
    world.client.start(waits, instance="i")
    for number in range(3):
        world.client.raise_event("i", "go", number)
    for _ in range(2):
        for send in (world.client.raise_event, world.client.enqueue):
            with pytest.raises(perdure.LimitExceeded):
                send("i", "go", "too many")
        world.restart()
    world.restart(waits)
    assert world.client.result("i", WAIT) == 0


def test_too_much_open_work_is_an_error_that_can_be_caught(rig: Make) -> None:
    @perdure.orchestration
    async def busy(ctx: Context) -> Any:
        handles = [ctx.wait_for_event("go") for _ in range(4)]
        try:
            ctx.activity(step, 1)
        except perdure.LimitExceeded as error:
            refused = error.message
        await handles[0]
        return [await ctx.activity(step, "there is room again"), refused]

    world = rig(busy, step, limits=perdure.Limits(pending_actions=4))
    world.client.start(busy, instance="i")
    world.until_history("i", "EventSubscribed")
    world.restart()
    world.client.raise_event("i", "go")
    result, refused = world.client.result("i", WAIT)
    assert result == "there is room again"
    assert "the limit is 4" in refused
