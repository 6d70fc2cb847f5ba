"""Starting and controlling instances with the real library on SQLite, with restarts where they matter."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
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
async def waits(ctx: Context, value: Any) -> Any:
    return [value, await ctx.wait_for_event("go")]


@perdure.orchestration
async def cleans_up(ctx: Context) -> None:
    try:
        await ctx.wait_for_event("never")
    finally:
        ctx.set_custom_status("cleaning up")
        await asyncio.sleep(3600)


# ---- Start options -------------------------------------------------------------------------------


def test_a_taken_id_is_an_error_unless_a_policy_says_otherwise(rig: Make) -> None:
    world = rig(waits)
    client = world.client
    client.start(waits, 1, instance="i")
    with pytest.raises(perdure.AlreadyExists, match="'i'"):
        client.start(waits, 2, instance="i")
    assert client.start(waits, 2, instance="i", policy="use_existing") == "i"
    with pytest.raises(perdure.AlreadyExists):
        client.start(waits, 2, instance="i", policy="restart_if_finished")
    client.raise_event("i", "go", "a")
    assert client.result("i", WAIT) == [1, "a"]
    client.start(waits, 3, instance="i", policy="restart_if_finished")
    world.restart()
    world.client.start(waits, 4, instance="i", policy="terminate_and_restart")
    world.client.raise_event("i", "go", "b")
    assert world.client.result("i", WAIT) == [4, "b"]


def test_a_start_with_the_key_of_another_comes_to_that_one(rig: Make) -> None:
    world = rig(waits)
    first = world.client.start(waits, 1, dedup_key="order-7")
    world.restart()
    assert world.client.start(waits, 2, dedup_key="order-7") == first
    assert world.client.start(waits, 2, dedup_key="order-8") != first


def test_a_delayed_start_begins_when_it_is_due_also_after_a_restart(rig: Make) -> None:
    @perdure.orchestration
    async def tells(ctx: Context) -> int:
        return ctx.now_ms

    world = rig(tells)
    begin = time.time()
    world.client.start(tells, instance="delay", delay=timedelta(seconds=0.4))
    at = datetime.now(timezone.utc) + timedelta(seconds=0.4)
    world.client.start(tells, instance="at", start_at=at)
    assert world.client.describe("at").start_at == pytest.approx(at.timestamp() * 1000, abs=1)
    assert world.client.status("delay") == "Pending"
    world.restart()
    for instance in ("delay", "at"):
        assert world.client.result(instance, WAIT) >= begin * 1000 + 399
    assert time.time() - begin < 10


def test_what_a_start_says_about_itself_is_in_the_description(rig: Make) -> None:
    world = rig(waits)
    memo = {"note": ["ü", None]}
    options: Any = {"attributes": {"team": "Straße"}, "memo": memo, "priority": 5, "dedup_key": "d"}
    requests = [
        perdure.StartRequest(waits, 1, instance="many", attributes={"a": "b"}),
        perdure.StartRequest(waits, 1),
    ]
    assert world.client.start_many(requests)[0] == "many"
    world.client.start(waits, 1, instance="i", **options)
    world.restart()
    description = world.client.describe("i")
    assert (description.attributes, description.memo) == ({"team": "Straße"}, memo)
    assert (description.priority, description.dedup_key) == (5, "d")
    assert world.client.describe("many").attributes == {"a": "b"}


# ---- Suspend, terminate, retry -------------------------------------------------------------------


def test_a_suspended_instance_keeps_its_messages_and_goes_on_when_resumed(rig: Make) -> None:
    world = rig(waits)
    world.client.start(waits, 1, instance="i")
    world.until_history("i", "EventSubscribed")
    assert world.client.suspend("i", "lunch") == "Suspended"
    world.client.raise_event("i", "go", "kept")
    world.restart()
    time.sleep(0.1)
    description = world.client.describe("i")
    assert (description.status, description.suspend_reason) == ("Suspended", "lunch")
    world.client.resume("i")
    assert world.client.result("i", WAIT) == [1, "kept"]
    with pytest.raises(perdure.WrongStatus):
        world.client.suspend("i")


def test_terminate_ends_at_once_and_takes_the_children_along(rig: Make) -> None:
    @perdure.orchestration
    async def parent(ctx: Context) -> Any:
        ctx.sub_orchestration(waits, 1, instance="kid")
        ctx.sub_orchestration(waits, 1, instance="orphan", close_policy="abandon")
        return await ctx.wait_for_event("never")

    world = rig(parent, waits)
    world.client.start(parent, instance="p")
    world.until(lambda: {each.instance for each in world.client.list(parent="p")} == {"kid", "orphan"})
    assert world.client.terminate("p", "enough") == "Terminated"
    with pytest.raises(perdure.OrchestrationCancelled, match="terminated"):
        world.client.result("p", WAIT)
    assert world.client.wait("kid", WAIT).status in ("Cancelled", "Terminated")
    assert world.kinds("p")[-1] == "OrchestrationTerminated"
    world.restart()
    world.client.raise_event("orphan", "go", "alive")
    assert world.client.result("orphan", WAIT) == [1, "alive"]


def test_a_quarantined_instance_goes_on_after_the_fix(rig: Make) -> None:
    @perdure.orchestration(name="waits")
    async def broken(ctx: Context, value: Any) -> Any:
        return await ctx.activity(step, value)

    world = rig(waits)
    world.client.start(waits, 1, instance="i")
    world.until_history("i", "EventSubscribed")
    world.restart(broken, step)
    world.client.raise_event("i", "go", "kept")
    world.until(lambda: world.client.status("i") == "Quarantined")
    failure = world.client.describe("i").failure
    assert failure is not None
    assert failure.type == "perdure.Nondeterminism"
    world.restart(waits)
    assert world.client.status("i") == "Quarantined", "it does not loop"
    world.client.retry("i", "fixed")
    assert world.client.result("i", WAIT) == [1, "kept"]


def test_a_cancelled_instance_has_only_so_much_time_to_clean_up(rig: Make) -> None:
    world = rig(cleans_up)
    world.client.start(cleans_up, instance="i")
    world.until_history("i", "EventSubscribed")
    world.client.cancel("i", "now", grace=0.3)
    assert world.client.wait_for_status("i", 0, WAIT).custom_status == "cleaning up"
    world.restart()
    assert world.client.wait("i", WAIT).status == "Cancelled"
    assert world.kinds("i")[-1] == "OrchestrationCancelled"


def test_an_unknown_name_is_pending_with_a_reason_until_somebody_serves_it(rig: Make) -> None:
    world = rig()
    world.client.start(waits, 1, instance="i")
    world.restart(cleans_up)
    reason = world.until(lambda: world.client.describe("i").pending_reason)
    assert "waits" in reason
    assert world.client.status("i") == "Pending"
    world.restart(waits)
    world.client.raise_event("i", "go", 1)
    assert world.client.result("i", WAIT) == [1, 1]


# ---- Children and continue-as-new ----------------------------------------------------------------


def test_a_parent_hears_that_its_child_broke_a_limit(rig: Make) -> None:
    @perdure.orchestration
    async def greedy(ctx: Context) -> str:
        return "x" * 2000

    @perdure.orchestration
    async def parent(ctx: Context) -> Any:
        heard: List[str] = []
        for child in (greedy, "greedy"):
            try:
                await ctx.sub_orchestration(child)
            except perdure.SubOrchestrationFailed as error:
                heard.append(error.type)
        return heard

    world = rig(parent, greedy, limits=perdure.Limits(payload_bytes=1000))
    assert world.run(parent) == ["perdure.LimitExceeded"] * 2


def test_a_parent_hears_that_its_child_was_terminated(rig: Make) -> None:
    @perdure.orchestration
    async def parent(ctx: Context) -> Any:
        try:
            await ctx.sub_orchestration(waits, 1, instance="kid")
        except perdure.SubOrchestrationFailed as error:
            return error.type

    world = rig(parent, waits)
    instance = world.client.start(parent)
    world.until(lambda: [*world.client.list(prefix="kid")])
    world.client.terminate("kid")
    assert world.client.result(instance, WAIT) == "perdure.Terminated"


def test_a_continue_as_new_honours_the_starts_and_cancels_of_its_turn(rig: Make) -> None:
    @perdure.orchestration
    async def parent(ctx: Context, n: int) -> str:
        if n == 0:
            child = ctx.sub_orchestration(waits, 1, instance="dropped")
            ctx.sub_orchestration(waits, 1, instance="open")
            await ctx.wait_for_event("go")
            ctx.start_detached(waits, 1, instance="detached")
            child.cancel()
            ctx.continue_as_new(1)
        return "done"

    world = rig(parent, waits)
    world.client.start(parent, 0, instance="p")
    world.until(lambda: len([*world.client.list(parent="p")]) == 2)
    world.client.raise_event("p", "go")
    assert world.client.result("p", WAIT) == "done"
    for instance in ("dropped", "open"):
        assert world.client.wait(instance, WAIT).status == "Cancelled"
    world.restart()
    world.client.raise_event("detached", "go", 2)
    assert world.client.result("detached", WAIT) == [1, 2]


@pytest.mark.parametrize(
    ("policy", "status"), [(None, "Cancelled"), ("cancel", "Cancelled"), ("terminate", "Terminated")]
)
def test_a_close_policy_decides_about_children_that_are_still_open(
    rig: Make, policy: Any, status: str
) -> None:
    @perdure.orchestration
    async def parent(ctx: Context) -> None:
        ctx.sub_orchestration(waits, 1, instance="kid", close_policy=policy)
        await ctx.wait_for_event("go")

    world = rig(parent, waits)
    world.client.start(parent, instance="p")
    world.until(lambda: [*world.client.list(parent="p")])
    world.client.raise_event("p", "go")
    world.client.result("p", WAIT)
    assert world.client.wait("kid", WAIT).status == status


def test_cancelling_an_orchestration_that_waits_for_many_things_leaves_none_open(rig: Make) -> None:
    @perdure.orchestration
    async def many(ctx: Context) -> None:
        children = [asyncio.create_task(one(ctx, f"kid-{item}")) for item in range(3)]
        await asyncio.wait([*children, ctx.wait_for_event("never")])

    async def one(ctx: Context, name: str) -> None:
        await ctx.sub_orchestration(waits, 1, instance=name)

    world = rig(many, waits)
    world.client.start(many, instance="p")
    world.until(lambda: len([*world.client.list(parent="p")]) == 3)
    world.restart()
    world.client.cancel("p")
    assert world.client.wait("p", WAIT).status == "Cancelled"
    for item in range(3):
        assert world.client.wait(f"kid-{item}", WAIT).status == "Cancelled"
    given_up = [
        kind for kind in world.kinds("p") if kind.endswith(("CancelRequested", "SubscriptionCancelled"))
    ]
    assert len(given_up) == 4
