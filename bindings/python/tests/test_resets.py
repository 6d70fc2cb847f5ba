"""Rewinding and resetting instances, with the real library on SQLite and restarts."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]

ran: List[str] = []
broken: Dict[str, bool] = {}


@pytest.fixture(autouse=True)
def fresh() -> None:
    ran.clear()
    broken.clear()


@perdure.activity
def work(ctx: perdure.ActivityContext, name: str) -> str:
    ran.append(name)
    if broken.get(name):
        raise ValueError(f"{name} is broken")
    return name.upper()


@perdure.orchestration
async def chain(ctx: Context, names: List[str]) -> List[str]:
    done = []
    for name in names:
        done.append(await ctx.activity(work, name))
        ctx.set_custom_status(done)
        ctx.kv.set("last", name)
    return done


@perdure.orchestration
async def careful(ctx: Context, names: List[str]) -> List[str]:
    try:
        return [await ctx.activity(work, name) for name in names]
    except perdure.ActivityFailed:
        await ctx.activity(work, "undo")
        raise


@perdure.orchestration
async def family(ctx: Context, names: List[str]) -> Any:
    return await ctx.sub_orchestration(chain, names, instance="kid")


@perdure.orchestration
async def listens(ctx: Context) -> List[Any]:
    heard = []
    for _ in range(3):
        heard.append(await ctx.wait_for_event("go"))
    return heard


def failed(world: Rig, orchestration: Any, names: List[str], instance: str) -> None:
    world.client.start(orchestration, names, instance=instance)
    assert world.client.wait(instance, WAIT).status == "Failed"


def test_rewind_goes_on_from_the_failed_step(rig: Make) -> None:
    world = rig(work, chain)
    broken["b"] = True
    failed(world, chain, ["a", "b", "c"], "r")
    world.restart()
    management = world.client.management(actor="ana")
    (plan,) = management.rewind("r", dry_run=True)
    assert plan.reopened == ["work"]
    assert world.client.status("r") == "Failed"
    broken.clear()
    assert management.rewind("r", reason="b is mended") == [plan]
    assert world.client.result("r", WAIT) == ["A", "B", "C"]
    assert ran == ["a", "b", "b", "c"]
    (record,) = management.audit()
    assert (record.operation, record.target, record.actor) == ("rewind", "r", "ana")
    assert record.reason == "b is mended"
    assert world.client.get_kv("r", "last") == "c"
    events = world.client.history("r")
    assert [each["id"] for each in events] == list(range(1, len(events) + 1))


def test_rewind_fails_again_while_the_cause_is_there(rig: Make) -> None:
    world = rig(work, chain)
    broken["b"] = True
    failed(world, chain, ["a", "b"], "r")
    world.client.management().rewind("r")
    assert world.client.wait("r", WAIT).status == "Failed"
    assert ran == ["a", "b", "b"]


def test_rewind_names_what_it_forgets(rig: Make) -> None:
    world = rig(work, careful)
    broken["b"] = True
    failed(world, careful, ["a", "b"], "r")
    assert ran == ["a", "b", "undo"]
    broken.clear()
    (report,) = world.client.management().rewind("r")
    assert report.repeated == ["work"]
    assert world.client.result("r", WAIT) == ["A", "B"]


def test_rewind_takes_failed_children_with_it(rig: Make) -> None:
    world = rig(work, chain, family)
    broken["b"] = True
    failed(world, family, ["a", "b"], "parent")
    management = world.client.management()
    with pytest.raises(perdure.WrongStatus, match="was reported to its parent 'parent'"):
        management.rewind("kid")
    world.restart()
    broken.clear()
    reports = world.client.management().rewind("parent")
    assert [each.instance for each in reports] == ["parent", "kid"]
    assert reports[0].children == {"kid": "rewound"}
    assert world.client.result("parent", WAIT) == ["A", "B"]
    assert ran == ["a", "b", "b"]


def test_reset_tells_messages_again(rig: Make) -> None:
    world = rig(listens)
    world.client.start(listens, instance="l")
    world.client.raise_event("l", "go", 1)
    world.client.raise_event("l", "go", 2)
    world.until(lambda: sum(e["kind"] == "EventRaised" for e in world.client.history("l")) == 2)
    management = world.client.management()
    (report,) = management.reset("l", 1)
    assert report.event == 1
    world.client.raise_event("l", "go", 3)
    assert world.client.result("l", WAIT) == [1, 2, 3]
    world.restart()
    # What has ended begins anew, and hears all of it again.
    (report,) = world.client.management().reset("l", 0)
    assert report.event == 0
    assert world.client.result("l", WAIT) == [1, 2, 3]


def test_reset_brings_state_back(rig: Make) -> None:
    world = rig(work, chain)
    world.client.start(chain, ["a", "b"], instance="c")
    assert world.client.result("c", WAIT) == ["A", "B"]
    events = world.client.history("c")
    first = next(each["id"] for each in events if each["kind"] == "ActivityCompleted")
    broken["b"] = True
    world.runtime.stop(0)
    (report,) = world.client.management().reset("c", first)
    description = world.client.describe("c")
    assert description.status == "Running"
    assert description.custom_status == ["A"]
    assert world.client.kv("c") == {"last": "a"}
    assert report.repeated == []
    world.restart()
    # The result of "b" was told after the point, and is told again: nothing runs twice.
    assert world.client.result("c", WAIT) == ["A", "B"]
    assert ran == ["a", "b"]


def test_what_cannot_be_reset(rig: Make) -> None:
    world = rig(work, chain)
    management = world.client.management()
    with pytest.raises(perdure.NotFound):
        management.rewind("nobody")
    world.client.start(chain, ["a"], instance="c")
    assert world.client.result("c", WAIT) == ["A"]
    with pytest.raises(perdure.WrongStatus, match="is Completed, not Failed"):
        management.rewind("c")
    with pytest.raises(perdure.WrongStatus, match="has no event 99"):
        management.reset("c", 99)
    world.client.start("unserved", instance="u")
    with pytest.raises(perdure.WrongStatus, match="has not run yet"):
        management.reset("u", 0)
    with pytest.raises(perdure.InvalidArgument, match="event"):
        management._ask("reset", instance="c", event="x")
