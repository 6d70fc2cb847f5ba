"""Rewinding and resetting instances, with the real library on SQLite and in memory, with restarts."""

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


def test_rewind_goes_on_from_the_failed_step(world: Make) -> None:
    site = world(work, chain)
    broken["b"] = True
    failed(site, chain, ["a", "b", "c"], "r")
    site.restart()
    management = site.client.management(actor="ana")
    (plan,) = management.rewind("r", dry_run=True)
    assert plan.reopened == ["work"]
    assert site.client.status("r") == "Failed"
    broken.clear()
    assert management.rewind("r", reason="b is mended") == [plan]
    assert site.client.result("r", WAIT) == ["A", "B", "C"]
    assert ran == ["a", "b", "b", "c"]
    (record,) = management.audit()
    assert (record.operation, record.target, record.actor) == ("rewind", "r", "ana")
    assert record.reason == "b is mended"
    assert site.client.get_kv("r", "last") == "c"
    events = site.client.history("r")
    assert [each["id"] for each in events] == list(range(1, len(events) + 1))


def test_rewind_fails_again_while_the_cause_is_there(world: Make) -> None:
    site = world(work, chain)
    broken["b"] = True
    failed(site, chain, ["a", "b"], "r")
    site.client.management().rewind("r")
    assert site.client.wait("r", WAIT).status == "Failed"
    assert ran == ["a", "b", "b"]


def test_rewind_names_what_it_forgets(world: Make) -> None:
    site = world(work, careful)
    broken["b"] = True
    failed(site, careful, ["a", "b"], "r")
    assert ran == ["a", "b", "undo"]
    broken.clear()
    (report,) = site.client.management().rewind("r")
    assert report.repeated == ["work"]
    assert site.client.result("r", WAIT) == ["A", "B"]


def test_rewind_takes_failed_children_with_it(world: Make) -> None:
    site = world(work, chain, family)
    broken["b"] = True
    failed(site, family, ["a", "b"], "parent")
    management = site.client.management()
    with pytest.raises(perdure.WrongStatus, match="was reported to its parent 'parent'"):
        management.rewind("kid")
    site.restart()
    broken.clear()
    reports = site.client.management().rewind("parent")
    assert [each.instance for each in reports] == ["parent", "kid"]
    assert reports[0].children == {"kid": "rewound"}
    assert site.client.result("parent", WAIT) == ["A", "B"]
    assert ran == ["a", "b", "b"]


def test_reset_tells_messages_again(world: Make) -> None:
    site = world(listens)
    site.client.start(listens, instance="l")
    site.client.raise_event("l", "go", 1)
    site.client.raise_event("l", "go", 2)
    site.until(lambda: sum(e["kind"] == "EventRaised" for e in site.client.history("l")) == 2)
    management = site.client.management()
    (report,) = management.reset("l", 1)
    assert report.event == 1
    site.client.raise_event("l", "go", 3)
    assert site.client.result("l", WAIT) == [1, 2, 3]
    site.restart()
    # What has ended begins anew, and hears all of it again.
    (report,) = site.client.management().reset("l", 0)
    assert report.event == 0
    assert site.client.result("l", WAIT) == [1, 2, 3]


def test_reset_brings_state_back(world: Make) -> None:
    site = world(work, chain)
    site.client.start(chain, ["a", "b"], instance="c")
    assert site.client.result("c", WAIT) == ["A", "B"]
    events = site.client.history("c")
    first = next(each["id"] for each in events if each["kind"] == "ActivityCompleted")
    broken["b"] = True
    site.runtime.stop(0)
    (report,) = site.client.management().reset("c", first)
    description = site.client.describe("c")
    assert description.status == "Running"
    assert description.custom_status == ["A"]
    assert site.client.kv("c") == {"last": "a"}
    assert report.repeated == []
    site.restart()
    # The result of "b" was told after the point, and is told again: nothing runs twice.
    assert site.client.result("c", WAIT) == ["A", "B"]
    assert ran == ["a", "b"]


def test_what_cannot_be_reset(world: Make) -> None:
    site = world(work, chain)
    management = site.client.management()
    with pytest.raises(perdure.NotFound):
        management.rewind("nobody")
    site.client.start(chain, ["a"], instance="c")
    assert site.client.result("c", WAIT) == ["A"]
    with pytest.raises(perdure.WrongStatus, match="is Completed, not Failed"):
        management.rewind("c")
    with pytest.raises(perdure.WrongStatus, match="has no event 99"):
        management.reset("c", 99)
    site.client.start("unserved", instance="u")
    with pytest.raises(perdure.WrongStatus, match="has not run yet"):
        management.reset("u", 0)
    with pytest.raises(perdure.InvalidArgument, match="event"):
        management._ask("reset", instance="c", event="x")
