"""What operators change: instances and retention. With the real library, on SQLite and in memory."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List

import pytest
from rig import WAIT, Rig

import perdure
from perdure import InstanceFilter, Management

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]
World = Callable[..., Rig]


@perdure.orchestration
async def quick(ctx: Context, value: Any = None) -> Any:
    return value


@perdure.orchestration
async def other(ctx: Context) -> None:
    pass


@perdure.orchestration
async def waits(ctx: Context) -> Any:
    return await ctx.wait_for_event("go")


@perdure.orchestration
async def family(ctx: Context, policy: str) -> None:
    ctx.sub_orchestration(waits, instance=f"{ctx.instance_id}-child", close_policy=policy)
    await ctx.wait_for_event("go")


@perdure.orchestration
async def rounds(ctx: Context, left: int) -> str:
    if left:
        ctx.continue_as_new(left - 1)
    await ctx.wait_for_event("go")
    return "done"


def management(world: Rig) -> Management:
    return world.client.management(actor="ana")


def finish(world: Rig, *instances: str, orchestration: Any = quick) -> None:
    for instance in instances:
        world.client.start(orchestration, instance=instance)
    for instance in instances:
        world.client.wait(instance, WAIT)


def begin(world: Rig, *instances: str) -> None:
    """Started, and running: waiting for an event."""
    for instance in instances:
        world.client.start(waits, instance=instance)
    for instance in instances:
        world.until(lambda i=instance: world.client.status(i) == "Running")


def ids(world: Rig) -> List[str]:
    return [each.instance for each in world.client.list()]


# ---- Audit ---------------------------------------------------------------------------------------


def test_whoever_changes_something_is_recorded(world: World) -> None:
    site = world(waits)
    begin(site, "a", "b")
    ops = management(site)
    assert ops.suspend("a", reason="a look") == "Suspended"
    with pytest.raises(perdure.WrongStatus):
        ops.suspend("a")
    site.client.resume("a", reason="seen")
    ops.terminate("a", "enough")
    ops.delete("a", reason="gone")
    records = [(each.operation, each.target, each.actor, each.reason) for each in ops.audit()]
    assert records == [
        ("delete", "a", "ana", "gone"), ("terminate", "a", "ana", "enough"), ("resume", "a", "", "seen"),
        ("suspend", "a", "ana", "a look"),
    ]  # fmt: skip
    ops.cancel("b", reason="too late", grace=timedelta(seconds=1))
    assert [each.operation for each in ops.audit(target="b")] == ["cancel"]
    assert [each.operation for each in ops.audit(actor="ana", operation="delete")] == ["delete"]
    assert len(list(ops.audit(page_size=2))) == 5
    now = datetime.now(timezone.utc)
    assert len(list(ops.audit(since=now - timedelta(hours=1), until=now + timedelta(hours=1)))) == 5
    assert not list(ops.audit(since=now + timedelta(hours=1)))
    first = list(ops.audit())[-1]
    assert list(ops.audit(until=first.at)) == []


def test_records_survive_a_restart_and_the_instance(world: World) -> None:
    site = world(quick)
    finish(site, "a")
    management(site).delete("a", force=True)
    site.restart()
    (record,) = management(site).audit()
    assert (record.target, record.detail) == ("a", {"force": True})


# ---- Many instances ------------------------------------------------------------------------------


def test_bulk_does_one_verb_for_those_it_is_for(world: World) -> None:
    site = world(quick, waits)
    begin(site, "w-1", "w-2", "w-3")
    finish(site, "w-4")
    ops = management(site)
    mine = InstanceFilter(prefix="w-")
    foretold = ops.bulk("suspend", mine, dry_run=True)
    assert [each.instance for each in foretold.changes] == ["w-1", "w-2", "w-3"]
    assert site.client.status("w-1") == "Running"
    assert not list(ops.audit())
    assert ops.bulk("suspend", mine, reason="night") == foretold
    assert [site.client.status(each) for each in ("w-1", "w-4")] == ["Suspended", "Completed"]
    assert ops.bulk("resume", mine).done == 3
    report = ops.bulk("terminate", ["w-1", "w-4", "nobody"], reason="no more")
    assert [(each.instance, each.outcome) for each in report.changes] == [
        ("w-1", "done"), ("w-4", "skipped"), ("nobody", "refused"),
    ]  # fmt: skip
    assert (report.done, report.skipped, report.refused) == (1, 1, 1)
    assert report.changes[1].message == "instance 'w-4' is Completed and cannot be terminated"
    assert report.changes[2].message == "instance 'nobody' does not exist"
    assert ops.bulk("terminate", ["w-1", "w-4", "nobody"], dry_run=True).done == 0
    ops.bulk("cancel", InstanceFilter(orchestration=waits), grace=0)
    assert [site.client.wait(each, WAIT).status for each in ("w-2", "w-3")] == ["Cancelled", "Cancelled"]


def test_bulk_goes_on_where_its_limit_stopped_it(world: World) -> None:
    site = world(quick)
    names = [f"i-{number:03}" for number in range(130)]
    finish(site, *names)
    ops = management(site)
    report = ops.delete(InstanceFilter(orchestration=quick), limit=60)
    assert report.done == 60
    assert list(report.deleted) == names[:60]
    assert report.next is not None
    report = ops.delete(InstanceFilter(orchestration=quick), cursor=report.next)
    assert list(report.deleted) == names[60:]
    assert report.next is None
    assert ids(site) == []


def test_what_is_not_said_is_not_everything(world: World) -> None:
    ops = management(world(quick))
    with pytest.raises(perdure.InvalidArgument, match="one of instance, instances and filter"):
        ops._ask("delete", force=True)
    with pytest.raises(perdure.InvalidArgument, match="verb must be"):
        ops.bulk("dance", "a")  # type: ignore[arg-type]
    with pytest.raises(perdure.InvalidArgument, match="InstanceFilter, not int"):
        ops.delete(7)  # type: ignore[arg-type]
    with pytest.raises(perdure.InvalidArgument, match="status must be one of"):
        ops.delete(InstanceFilter(status="Happy"))
    with pytest.raises(perdure.LimitExceeded, match="the actor has 257 bytes"):
        world_client(ops).management("x" * 257).delete("a")


def world_client(ops: Management) -> perdure.Client:
    return ops._client


def test_delete_takes_whole_trees(world: World) -> None:
    site = world(family, waits, quick)
    site.client.start(family, "abandon", instance="root")
    site.until(lambda: "root-child" in ids(site))
    finish(site, "q")
    ops = management(site)
    report = ops.delete(["root", "root-child", "q"])
    assert [each.outcome for each in report.changes] == ["skipped", "skipped", "done"]
    assert "Running" in str(report.changes[0].message) or "Pending" in str(report.changes[0].message)
    assert report.changes[1].message == "instance 'root-child' is a child of 'root'; delete that one"
    dry = ops.delete("root", force=True, dry_run=True)
    assert dry.deleted == ("root", "root-child")
    assert ops.delete("root", force=True).deleted == dry.deleted
    assert ids(site) == []


# ---- Pruning -------------------------------------------------------------------------------------


def test_prune_keeps_the_last_of_each_name(world: World) -> None:
    site = world(quick, other, waits)
    finish(site, "a1", "a2", "a3")
    finish(site, "b1", "b2", orchestration=other)
    begin(site, "w")
    ops = management(site)
    assert ops.prune(keep_last=1, dry_run=True).deleted == ("a1", "a2", "b1")
    first = ops.prune(keep_last=1, limit=1)
    assert first.deleted == ("a1",)
    assert first.next is not None
    assert ops.prune(keep_last=1, cursor=first.next, reason="room").deleted == ("a2", "b1")
    assert ids(site) == ["a3", "b2", "w"]
    assert {each.operation for each in ops.audit()} == {"prune"}
    assert ops.prune(InstanceFilter(orchestration="other")).deleted == ("b2",)


def test_prune_by_the_time_of_the_end(world: World) -> None:
    site = world(quick, family, waits)
    finish(site, "a")
    site.client.start(family, "abandon", instance="root")
    site.client.raise_event("root", "go")
    site.client.wait("root", WAIT)
    time.sleep(0.01)
    middle = datetime.now(timezone.utc)
    time.sleep(0.01)
    finish(site, "b")
    ops = management(site)
    assert ops.prune(older_than=60).changes == ()
    report = ops.prune(ended_before=middle)
    assert report.deleted == ("a",)
    assert [(each.instance, each.outcome) for each in report.changes] == [
        ("a", "done"), ("root", "skipped"),
    ]  # fmt: skip
    with pytest.raises(perdure.InvalidArgument, match="not both"):
        ops.prune(ended_before=middle, older_than=1)
    assert ops.prune(older_than=0, keep_last=1).deleted == ()
    time.sleep(0.01)
    assert ops.prune(older_than=0.001).deleted == ("b",)


def test_prune_old_executions(world: World) -> None:
    site = world(rounds)
    site.client.start(rounds, 24, instance="r")
    site.until(lambda: site.client.describe("r").execution == 25)
    ops = management(site)
    assert ops.prune(executions=True, keep_last=3, dry_run=True).changes[0].executions == 22
    (change,) = ops.prune(executions=True, keep_last=3).changes
    assert (change.instance, change.executions) == ("r", 22)
    assert ops.prune(executions=True, keep_last=3).changes == ()
    assert not site.client.history("r", execution=22)
    assert site.client.history("r", execution=23)
    assert len(list(ops.audit(operation="prune"))) == 1
    (change,) = ops.prune(executions=True, keep_last=1).changes
    assert change.executions == 2
    assert not site.client.history("r", execution=24)
    site.client.raise_event("r", "go")
    assert site.client.result("r", WAIT) == "done"


# ---- Retention -----------------------------------------------------------------------------------


def test_rules_are_kept_and_replaced(world: World) -> None:
    site = world(quick)
    ops = management(site)
    ops.set_retention("*", timedelta(days=30), reason="law")
    ops.set_retention(quick, 5, statuses=["Completed"])
    ops.set_retention(quick, 2.5)
    site.restart()
    ops = management(site)
    ends = ("Completed", "Failed", "Cancelled", "Terminated")
    assert ops.retention() == [
        perdure.RetentionRule("*", 2_592_000.0, ends), perdure.RetentionRule("quick", 2.5, ends),
    ]  # fmt: skip
    ops.remove_retention("*")
    with pytest.raises(perdure.NotFound, match="no retention rule for '\\*'"):
        ops.remove_retention("*")
    with pytest.raises(perdure.InvalidArgument, match="statuses"):
        ops.set_retention("x", 1, statuses=["Running"])
    details = [each.detail for each in ops.audit(operation="setRetention", target="quick")]
    assert details[1] == {"keepMS": 5000, "statuses": ["Completed"]}


def test_running_runtimes_remove_what_need_not_be_kept(world: World) -> None:
    site = world(quick, other, waits)
    finish(site, "a")
    finish(site, "b", orchestration=other)
    begin(site, "w")
    ops = management(site)
    ops.set_retention(quick, 0)
    site.until(lambda: ids(site) == ["b", "w"])
    # And what ends from now on.
    finish(site, "c")
    site.until(lambda: ids(site) == ["b", "w"])
    ops.set_retention("*", 0)
    site.until(lambda: ids(site) == ["w"])
    site.client.raise_event("w", "go")
    site.until(lambda: ids(site) == [])


def test_a_runtime_that_starts_later_removes_what_is_due(world: World) -> None:
    site = world(quick)
    finish(site, "a")
    site.runtime.stop(0)
    management(site).set_retention(quick, 0.05)
    time.sleep(0.1)
    assert ids(site) == ["a"]
    site.restart()
    site.until(lambda: ids(site) == [])


def test_sweep_now_also_without_a_runtime(world: World) -> None:
    site = world(quick, other)
    finish(site, *(f"i-{number:03}" for number in range(120)))
    finish(site, "o", orchestration=other)
    site.runtime.stop(0)
    ops = management(site)
    assert ops.sweep() == perdure.SweepReport((), False, None)
    ops.set_retention(quick, 0)
    time.sleep(0.005)
    foretold = ops.sweep(dry_run=True)
    assert len(foretold.deleted) == 120
    assert len(ids(site)) == 121
    first = ops.sweep(limit=20)
    assert len(first.deleted) == 20
    assert first.has_more
    rest = ops.sweep(reason="room")
    assert len(rest.deleted) == 100
    assert not rest.has_more
    assert rest.next is not None
    assert ids(site) == ["o"]
    assert len(list(ops.audit(operation="sweep"))) == 3
